"""Budgets: what retries may cost a nameserver, and what one lookup may cost at all. Pure: the time is an argument."""

from __future__ import annotations

__all__ = ["Allowance", "RetryBudget"]

# In an outage, so many packets at once and so many a second are sent besides the first for each question.
RESERVE = 1000
DRIP = 50.0
# For each try more, so much more must be left; up to that many times.
STEP = RESERVE // 5
MOST_STEPS = 4

MOST_PACKETS = 40
MOST_BYTES = 512 * 1024


class RetryBudget:
    """How many questions may be sent again, by all lookups together.

    Each answer pays for one retry, up to a reserve, into which a little drips besides. So nothing is held back however
    lossy a path is, as long as half of the packets come through; but when all is silent, traffic does not multiply. Where a nameserver cannot be reached at all, nothing is held back either:
    there it is time that passes between two tries.
    """

    __slots__ = ("_at", "_left")

    def __init__(self) -> None:
        self._left: float = RESERVE
        self._at = float("-inf")

    def answered(self, count: int = 1) -> None:
        """So many questions were answered."""
        self._left = min(self._left + count, RESERVE)

    def refund(self) -> None:
        """One that was sent has reached nobody."""
        self.answered()

    def take(self, now: float, tries: int = 1) -> bool:
        """Whether a question that was sent so many times may be sent once more now.

        The more often it was, the more must be left: names that nobody answers leave enough for a packet that was lost.
        """
        if self._left < RESERVE and self._at < now:
            self._left = min(self._left + (now - self._at) * DRIP, RESERVE)
        self._at = now
        if self._left < 1 + min(tries - 1, MOST_STEPS) * STEP:
            return False
        self._left -= 1
        return True


class Allowance:
    """What one lookup may send and read, following of aliases included."""

    __slots__ = ("bytes", "packets")

    def __init__(self) -> None:
        self.packets: int = MOST_PACKETS
        self.bytes: int = MOST_BYTES

    def sent(self) -> None:
        """One more packet."""
        self.packets -= 1

    def read(self, size: int) -> None:
        """So many bytes more."""
        self.bytes -= size

    @property
    def spent(self) -> bool:
        """Whether nothing more may be sent."""
        return self.packets <= 0 or self.bytes <= 0
