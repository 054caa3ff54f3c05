"""Window: how many questions an upstream is sent, at once and a second.

Pure: the time is an argument, in seconds.
"""

from __future__ import annotations

from collections.abc import Callable

from aioresolver.backends.pace import PaceSearch, Watched

__all__ = ["Window"]

START = 100
# A round trip of less is near: there are no queues on the way but those at the server, which a full window bounds.
NEAR = 0.01
FAR = 2 * NEAR
LOOKS = 8
# More are of no use there: the client works at full speed with a quarter of it.
MOST_NEARBY = 500
FIRST_PACE = 128
FIRST_TRIP = 0.05
# At a pace, so many round trips' worth may be under way, and so many seconds' worth and questions more. How long a
# round trip is without a queue is looked up so often.
LEAST = 16
TRIPS = 2.0
QUEUE = 0.1
TRIP_LASTS = 15.0
LONG_QUEUE = 0.3
SOONER = 10.0
DRAINING = 0.75

# Of an explicit rate, so many seconds' worth may go at once; of the pace found, so many, and at least so many packets.
BURST = 0.05
PACED_BURST = 0.005
LEAST_BURST = 8
# After so many seconds without a question a few go at once, as at first.
IDLE = 0.1
# Retransmissions go whether there is room or not. To the pace, so many bursts at most are owed; to the rate, all.
OWED = 3
# However much is owed, one in so many is a new question.
FAIR = 4
# Times are far from zero: what their sum loses must not hold back a question that is due.
NEARLY = 1e-3

# How long a pace is watched, in seconds and in questions.
GLANCE = 0.025
WATCH = 0.1
LONG_WATCH = 1.0
LONGEST_WATCH = 3.0
ENOUGH = 50
PLENTY = 200
# What was sent just before a reply was read belongs to the next watch.
LAG = 0.002
# About so long a lost question is under way; those that are lost for other reasons do not take the others' places.
PATIENCE = 0.6
MOST_FOR_THE_LOST = 8
LOST_NEARBY = 10
LOSS_NEARBY = 0.02

NEVER = float("inf")


class Window:
    """How many questions may be under way to an upstream, and how many may be sent a second.

    `most` is how many may be under way whose replies are expected; it may be changed. `rate` is how many may be sent a
    second, retransmissions included; it holds whatever was found out, and may be changed. With `searching` it is found
    out how much the nameserver and the way to it bear; over a connection, which loses nothing and finds its own pace,
    there is nothing to find out. `used` is how many are under way: `sent` counts
    it up, the caller counts it down. `retries` is how many of these were sent again and take no place, for the caller to
    count: names that nobody answers shall not keep others waiting for seconds. `size` is how many may be. `pace` is how many a second are sent at most as far as
    has been found out, or None as long as a near server answers all.

    What is told is first tries: `answered` and `lost` are not for what was sent `again`.
    """

    __slots__ = ("_again", "_answered", "_began", "_bound", "_burst", "_cohort", "_due", "_fair_at", "_far_looks",
                 "_interval", "_lag", "_least_trip", "_lost", "_most", "_owed", "_paid_until", "_peak", "_phase",
                 "_places", "_rate", "_search", "_searching", "_sent", "_trip", "_trip_ends", "_unreached", "pace",
                 "retries", "size", "used")  # fmt: skip

    def __init__(self, most: int, *, rate: float | None = None, searching: bool = True) -> None:
        self._most = most
        self._rate = rate
        self._searching = searching
        self.size: float = float(min(START, most) if searching else most)
        self.used: int = 0
        self.retries: int = 0
        self.pace: float | None = None
        self._search = PaceSearch()
        self._trip = 0.0
        self._paid_until = -NEVER
        self._places = 0.0
        self._bound = float(most)
        self._least_trip = NEVER
        self._trip_ends = NEVER
        self._fair_at = -NEVER
        self._far_looks = 0
        self._peak = 0
        self._sent = self._again = self._answered = self._lost = 0
        self._cohort = (0.0, 0, 0)
        self._lag = 0.0
        self._began = 0.0
        self._unreached = False
        self._phase: Callable[[Window, float], None] = Window._look
        self._due = -NEVER if searching else NEVER
        self._limit()

    @property
    def rate(self) -> float | None:
        """How many may be sent a second."""
        return self._rate

    @rate.setter
    def rate(self, rate: float | None) -> None:
        self._rate = rate
        self._limit()

    @property
    def most(self) -> int:
        """How many may be under way whose replies are expected."""
        return self._most

    @most.setter
    def most(self, most: int) -> None:
        self._most = most
        self._limit()

    def room(self, now: float) -> int:
        """How many more questions may be sent now."""
        room = int(self.size) - self.used + self.retries
        if room <= 0:
            return 0
        if not self._interval:
            return room
        idle = now - self._paid_until
        if idle > IDLE and self._owed < NEVER:
            return min(room, START)
        paid_for = int((min(idle, 0.0) + self._burst) / self._interval + NEARLY)
        if paid_for > 0:
            return min(room, paid_for)
        return 1 if now >= self._fair_at and self._owed < NEVER else 0

    def opens_at(self, now: float) -> float | None:
        """When the rate or the pace lets the next question through; None when it does so now."""
        opens_at = self._paid_until - self._burst + self._interval
        if self._owed < NEVER and self._fair_at < opens_at:
            opens_at = self._fair_at
        return opens_at if opens_at - now > NEARLY * self._interval else None

    def sent(self, count: int, now: float, *, again: bool = False) -> None:
        """So many questions were sent, for the first time or again; there need not have been room."""
        self.used += count
        if self.used > self._peak:  # noqa: PLR1730 - max() takes four times as long
            self._peak = self.used
        if again:
            self._again += count
        else:
            self._sent += count
            self._fair_at = now + count * self._interval * FAIR
        if self._interval:
            paid_until = max(self._paid_until, now) + count * self._interval
            if paid_until > now + self._owed:
                paid_until = max(self._paid_until, now + self._owed)
            self._paid_until = paid_until

    @property
    def full(self) -> bool:
        """Whether the next question has to wait."""
        return self.used >= self.size

    def answered(self, count: int, elapsed: float, now: float) -> None:
        """So many were answered, the slowest of them after so many seconds."""
        self._answered += count
        trip = self._trip
        self._trip = trip + (elapsed - trip) * 0.125 if trip else elapsed
        if self.size < self._bound and (elapsed < NEAR or self.pace is not None):
            self.size = min(self.size + count, self._bound)
        if now >= self._due:
            self._phase(self, now)

    def lost(self, count: int, now: float) -> None:
        """So many were not answered in patience."""
        self._lost += count
        if now >= self._due:
            self._phase(self, now)

    def unreached(self) -> None:
        """It could not be reached, as while it is started again: what is watched meanwhile tells nothing of its pace."""
        self._unreached = True

    # ---- a near server is asked as fast as it answers

    def _look(self, now: float) -> None:
        seconds = now - self._began
        self._far_looks = self._far_looks + 1 if self._trip >= FAR else 0  # a loop that was held up looks far, for once
        far = self._trip >= NEAR if self.size <= START else self._far_looks >= LOOKS
        lossy = self._lost >= LOST_NEARBY and self._lost > LOSS_NEARBY * self._answered and not self._unreached
        if far or (lossy and self._trip):  # of one that has never answered nothing can be found out
            self._trip_ends = now + SOONER
            self._go_at(max(FIRST_PACE / (self._trip + FIRST_TRIP), self._answered / max(seconds, GLANCE)), now)
            return
        if seconds > WATCH:
            self._began = now
            self._answered = self._lost = 0
            self._unreached = False
        self._due = now + GLANCE

    # ---- any other at the pace that was found, which is watched: what is sent meanwhile, and, later by a round trip,
    # ---- what is answered

    def _go_at(self, pace: float, now: float, *, rest: float = 0.0) -> None:
        self.pace = pace
        self._limit()
        if rest:
            self._phase, self._due = Window._watch, now + rest
        else:
            self._watch(now)

    def _watch(self, now: float) -> None:
        assert self.pace is not None
        queued = self._trip - self._least_trip
        if now >= self._trip_ends - (SOONER if queued > LONG_QUEUE else 0.0):
            self._trip_ends = now + TRIP_LASTS
            if queued > self._least_trip / 2 + LAG:
                self._bound = max(float(LEAST), self.pace * self._least_trip * DRAINING)
                self.size = min(self.size, self._bound)
                self._phase, self._due = Window._see_how_far, now + min(2 * self._trip, 2.0)
                return
        self._began = now
        self._sent = self._again = self._lost = 0
        self._unreached = False
        self._peak = self.used
        self._lag = self._trip + LAG
        self._phase, self._due = Window._hear_the_first, now + self._lag

    def _see_how_far(self, now: float) -> None:
        """What was under way has arrived, but for a few: without a queue the round trip is what it is now."""
        self._least_trip = self._trip
        self._limit()
        self.size = self._bound
        self._watch(now)

    def _hear_the_first(self, now: float) -> None:
        self._answered = 0
        self._phase, self._due = Window._send_the_last, self._began + max(self._trip, self._shortest_watch())
        if now >= self._due:
            self._send_the_last(now)

    def _shortest_watch(self) -> float:
        return GLANCE if self._search.hurried else WATCH

    def _send_the_last(self, now: float) -> None:
        seconds = now - self._began
        enough = PLENTY if self._search.comparing and seconds < LONG_WATCH else ENOUGH
        if self._sent < enough and (seconds < LONGEST_WATCH or not self._sent):
            self._due = now + GLANCE
            return
        self._cohort = (seconds, self._sent, self._again)
        self._phase, self._due = Window._hear_the_last, now + self._lag

    def _hear_the_last(self, now: float) -> None:
        assert self.pace is not None
        seconds, sent, again = self._cohort
        passed = now - self._began
        load = (sent + again) / seconds
        self._places = min((self._lost + self._again) / passed * PATIENCE, (MOST_FOR_THE_LOST - 1) * float(self._most))
        self._least_trip = min(self._least_trip, self._trip)
        full = self._peak >= 0.9 * self.size
        if self._unreached or not self._answered or (load < 0.8 * self.pace and not full):
            self._search.forget()
            self._limit()
            self._watch(now)
            return
        # Where it is the window that holds back, that is the pace; but where all is answered, the pace need not follow.
        steered = not full or not (self._search.hurried or self._answered < 0.9 * sent)
        pace = self.pace if steered else min(self.pace, load)
        answered = self._answered / (passed - self._lag)
        seen = Watched(pace, sent, sent / seconds, answered, self._lost / passed, load)
        pace, rest = self._search.next(seen, now, trip=self._trip)
        self._go_at(pace, now, rest=rest)

    def _limit(self) -> None:
        """The interval from one question to the next, and what may go at once."""
        by_rate = 1 / self._rate if self._rate is not None else 0.0
        by_pace = 1 / self.pace if self.pace is not None else 0.0
        self._interval = max(by_rate, by_pace)
        self._burst = max(BURST, by_rate) if by_rate >= by_pace else max(PACED_BURST, LEAST_BURST * by_pace)
        self._owed = OWED * self._burst if self._rate is None else NEVER
        if not self._searching:
            self._bound = self.size = float(self._most)
        elif self.pace is None:
            self._bound = float(min(self._most, MOST_NEARBY))
        else:
            wanted = LEAST + self.pace * (TRIPS * self._least_trip + QUEUE)
            self._bound = min(self._most, wanted) + self._places
        self.size = min(self.size, self._bound)
