"""PaceSearch: how many questions a second an upstream, and the way to it, answer as well as fewer. Pure.

Loss alone tells nothing: names may be dead, and a path may lose one packet in ten whatever it carries. What tells is
the share of answers at two paces. When it is the same at the higher one, nothing is lost by our own doing; when it is
smaller there, its ratio tells how much is borne.
"""

from __future__ import annotations

from math import sqrt
from typing import NamedTuple

__all__ = ["PaceSearch", "Watched"]

# Steps upward: at first twofold, later small ones that grow while they succeed.
DOUBLE = 2.0
PROBE = 1.15
STEEPER = 1.25
# Steps downward.
RETREAT = 0.85
LARGEST_RETREAT = 0.5
MARGIN = 0.97

# Differences in the share of answers that tell nothing: in any case, and besides that in standard deviations.
TOLERANCE = 0.02
DEVIATIONS = 2.0
# So many packets go at once, and may be on either side of a boundary.
CLUMP = 8
# Of what is missing, so much must have been seen to be lost; the rest may be late.
EVIDENCE = 0.25
COLLAPSE = 0.6
PROMISING = 0.75

# Seconds from one step upward to the next: the shortest and the longest pause, and the shortest in round trips.
PAUSE = 0.3
LONGEST_PAUSE = 30.0
PAUSE_IN_TRIPS = 10
EDGE_LASTS = 30.0
# So long the retransmissions of what was lost by too high a pace disturb the next one.
ECHO = 0.5
NEVER = float("inf")


class Watched(NamedTuple):
    """What came of a pace: how many `questions`; and a second, how many were sent, answered and lost.

    `load` is how many were sent a second together with the retransmissions.
    """

    pace: float
    questions: int
    sent: float
    answered: float
    lost: float
    load: float

    @property
    def share(self) -> float:
        """The share that was answered."""
        return min(1.0, self.answered / self.sent)


class PaceSearch:
    """Says after each watch which pace comes next, and for how many seconds to wait before that is watched."""

    __slots__ = ("_checked", "_doubted", "_edge", "_edge_ends", "_factor", "_other", "_pause", "_probe_at",
                 "_returning", "_rising", "_trip", "_usual")  # fmt: skip

    def __init__(self) -> None:
        self._other: Watched | None = None
        self._usual = 1.0
        self._rising = True
        self._returning = self._checked = self._doubted = False
        self._factor = DOUBLE
        self._edge = self._edge_ends = NEVER
        self._pause = PAUSE
        self._probe_at = NEVER
        self._trip = 0.0

    @property
    def hurried(self) -> bool:
        """Whether a short watch will do."""
        return self._rising

    @property
    def comparing(self) -> bool:
        """Whether the watch is going to be compared with another one, and should be long."""
        return self._other is not None and not self._rising

    def forget(self) -> None:
        """What is watched now tells nothing, since there was too little to ask, or no reply at all."""
        self._other = None

    def next(self, seen: Watched, now: float, *, trip: float) -> tuple[float, float]:
        """The next pace, and the seconds to wait before it is watched; `trip` is a round trip in seconds."""
        self._trip = trip
        other, self._other = self._other, None
        return self._consider(seen, now) if other is None else self._compare(other, seen, now)

    # ---- one pace alone

    def _consider(self, seen: Watched, now: float) -> tuple[float, float]:
        bound = seen.load >= 0.8 * seen.pace
        if self._rising:
            if bound and seen.share >= PROMISING - CLUMP / seen.questions:
                return self._rise(seen, now)
            self._rising = False
            self._probe_at = now + PAUSE
            if bound:
                return self._retreat(seen)
        if self._worse(seen):
            collapsed = seen.share < self._usual * COLLAPSE
            if seen.lost < EVIDENCE * (self._usual - seen.share) * seen.sent and not collapsed:
                return seen.pace, 0.0
            if self._doubted or collapsed:
                return self._retreat(seen)
            self._doubted = True
            return seen.pace, 0.0
        if bound and now >= self._probe_at:
            return self._probe(seen, now)
        self._doubted = False
        self._usual += (seen.share - self._usual) / 8
        return seen.pace, 0.0

    def _worse(self, seen: Watched) -> bool:
        usual = self._usual
        noise = DEVIATIONS * 1.25 * sqrt(usual * (1 - usual) / seen.questions)
        return seen.share < usual - max(TOLERANCE, noise + CLUMP / seen.questions)

    def _probe(self, seen: Watched, now: float) -> tuple[float, float]:
        """See whether more is borne by now; what seems lost for other reasons is put to the test first."""
        self._checked = not self._checked and self._usual < 1 - TOLERANCE
        if self._checked:
            return self._retreat(seen)
        self._factor = PROBE
        self._edge = NEVER
        return self._rise(seen, now)

    def _rise(self, seen: Watched, now: float) -> tuple[float, float]:
        if now >= self._edge_ends:
            self._edge = NEVER
        pace = min(seen.pace * self._factor, max(self._edge * MARGIN, seen.pace))
        self._factor = min(self._factor * STEEPER, DOUBLE)
        if pace < seen.pace * 1.03:
            return self._hold(seen.pace, now)
        self._other = seen
        return pace, 0.0

    def _retreat(self, seen: Watched) -> tuple[float, float]:
        self._other = seen
        self._rising = self._doubted = False
        self._pause = PAUSE
        step = RETREAT if seen.share >= COLLAPSE else LARGEST_RETREAT  # a small step would prove little
        return seen.pace * max(LARGEST_RETREAT, min(step, seen.share / self._usual)), 0.0

    def _hold(self, pace: float, now: float, *, rest: float = 0.0) -> tuple[float, float]:
        self._rising = self._returning = self._doubted = False
        self._probe_at = now + max(self._pause, PAUSE_IN_TRIPS * self._trip)
        return pace, rest

    # ---- two paces

    def _compare(self, other: Watched, seen: Watched, now: float) -> tuple[float, float]:
        low, high = (seen, other) if seen.pace < other.pace else (other, seen)
        steered = high.load >= 0.8 * high.pace and seen is high
        if not steered and high.load < low.load * (1 + (high.pace / low.pace - 1) / 2):  # something else set the pace
            return self._hold(seen.pace, now)
        if self._congested(low, high):
            return self._congestion(low, high, now, upward=seen is high)
        if seen is low:
            if low.share < high.share - 0.1:  # it has become worse meanwhile
                return self._retreat(seen)
            self._other, self._returning = seen, True
            return high.pace, 0.0
        if self._returning:
            self._usual = (low.share + high.share) / 2
            return self._hold(high.pace, now)
        self._rising = True
        self._pause = PAUSE
        return self._rise(seen, now)

    @staticmethod
    def _congested(low: Watched, high: Watched) -> bool:
        """Whether the share of answers is smaller at the higher pace.

        It is for certain, or it is rather as small as if the lower pace were already too high.
        """
        share = low.share
        if high.share >= share - TOLERANCE:
            return False
        noise = DEVIATIONS * sqrt(max(share * (1 - share), 0.01) * (1 / low.questions + 1 / high.questions))
        return high.share < share - noise - CLUMP / high.questions or high.share < share * sqrt(low.load / high.load)

    def _congestion(self, low: Watched, high: Watched, now: float, *, upward: bool) -> tuple[float, float]:
        self._edge, self._edge_ends = high.pace, now + EDGE_LASTS
        borne = max(low.pace, high.pace * high.share / low.share * MARGIN)
        if self._worse(low) and (low.share < PROMISING or not upward):
            return self._retreat(low)
        if upward:
            if not self._rising and not self._returning:
                self._pause = min(self._pause * 2, LONGEST_PAUSE)
        else:
            self._usual = low.share
            self._pause = PAUSE
        return self._hold(min(borne, high.pace * MARGIN), now, rest=ECHO + self._trip)
