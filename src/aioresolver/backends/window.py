"""How much an upstream bears: how many questions it has under way at once, and how many a second.

Pure: the time is an argument, in seconds.
"""

from __future__ import annotations

__all__ = ["Window"]

BURST = 0.05
# Times are far from zero: what their sum loses must not hold back a question that is due.
NEARLY = 1e-3
LONG_AGO = float("-inf")


class Window:
    """How many questions an upstream has under way at once: it grows while they are answered, shrinks when they drown.

    `most` is the largest size. `rate` is how many questions a second may be sent at most, all of them counted; at most
    those of 50 ms go at once. `used` is how many are under way, which the caller counts down.

    It grows only by replies that come about as soon as the soonest do: when they wait, more questions would wait too.
    Each interval's share of lost questions is held against the share that is usual. When it is worse, the window
    shrinks; when that changed nothing, the loss is the path's and becomes the usual share. Up to where loss began it
    grows fast, beyond that slowly.
    """

    __slots__ = ("_answered", "_burst", "_edge", "_judged_at", "_lost", "_paid_until", "_retreated_from", "_soonest",
                 "_usual", "most", "rate", "size", "used")  # fmt: skip

    START = 100
    LEAST = 64
    INTERVAL = 0.5
    ENOUGH = 50
    TOLERANCE = 0.01
    SOON = 2.0
    SOON_AT_LEAST = 0.02

    def __init__(self, most: int, *, rate: float | None = None) -> None:
        self.most: int = most
        self.rate: float | None = rate
        self.size: float = float(min(self.START, most))
        self.used: int = 0
        self._burst = max(BURST, 1 / rate) if rate is not None else 0.0
        self._paid_until = LONG_AGO
        self._edge = float(most)
        self._usual = 0.0
        self._soonest = float("inf")
        self._retreated_from = 1.0
        self._answered = 0
        self._lost = 0
        self._judged_at = LONG_AGO

    @property
    def full(self) -> bool:
        """Whether the next question has to wait."""
        return self.used >= self.size

    def room(self, now: float) -> int:
        """How many more questions may be sent now."""
        room = int(self.size) - self.used
        if room <= 0:
            return 0
        if self.rate is None:
            return room
        paid_for = now + self._burst - max(self._paid_until, now)
        return max(0, min(room, int(paid_for * self.rate + NEARLY)))

    def opens_at(self, now: float) -> float | None:
        """When the rate lets the next question through; None when it does so now."""
        if self.rate is None:
            return None
        opens_at = self._paid_until - self._burst + 1 / self.rate
        return opens_at if (opens_at - now) * self.rate > NEARLY else None

    def sent(self, count: int, now: float) -> None:
        """So many questions, or copies of them, were sent; they may be more than there was room for."""
        self.used += count
        if self.rate is not None:
            self._paid_until = max(self._paid_until, now) + count / self.rate

    def answered(self, count: float, elapsed: float = -1.0, now: float = 0.0) -> None:
        """So many were answered, the slowest of them after so many seconds."""
        if elapsed < 0:
            count, elapsed = 1, count
        self._answered += int(count)
        self._soonest = min(self._soonest, elapsed)
        if self.used + 1 >= self.size < self.most and elapsed <= self._soonest * self.SOON + self.SOON_AT_LEAST:
            self.size = min(self.size + (count if self.size < self._edge else 4.0 * count / self.size), self.most)

    def lost(self, count: float, now: float = -1.0) -> None:
        """So many were not answered in patience."""
        if now < 0:
            count, now = 1, count
        self._lost += int(count)
        outcomes = self._answered + self._lost
        if outcomes < self.ENOUGH or now - self._judged_at < self.INTERVAL:
            return
        self._judge(self._lost / outcomes)
        self._judged_at = now
        self._answered = self._lost = 0

    def _judge(self, share: float) -> None:
        if share <= self._usual + self.TOLERANCE:
            self._usual += (share - self._usual) / 4
            self._retreated_from = 1.0
        elif share >= self._retreated_from * 0.8:
            self._usual = share
            self._retreated_from = 1.0
        else:
            self._retreated_from = share
            self._edge = self.size = max(min(self.LEAST, self.most), self.size * 0.7)
