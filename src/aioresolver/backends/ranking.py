"""Which upstream next, and how long to wait for it. Pure: the time is an argument."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

__all__ = ["Health", "equals", "ranked"]

UNKNOWN_PATIENCE = 0.4
LEAST_PATIENCE = 0.25
# When only a few are left of many, to whom the whole waits for them, a copy too many costs nothing.
HURRIED_PATIENCE = 0.03
MOST_PATIENCE = 1.0
URGENT_TRIES = 3

FAILURES_TO_BENCH = 3
UNREACHED = 2
PROBE_AFTER = 5.0
LONGEST_PROBE_AFTER = 80.0
MEASURE_AGAIN = 60.0
LONG_AGO = float("-inf")


class Health:
    """One upstream's round trips, smoothed as TCP does (RFC 6298, 2), and whether it is benched.

    It is benched, which means that others are asked first, from the first silence until it is heard again, and after
    some failures in a row until it serves again. Copies of live questions probe it, ever more seldom.

    `percentile` is the share of replies, such as 0.95, after whose time a question is worth asking elsewhere too.
    """

    __slots__ = ("_pause", "_percentile", "_probe_at", "_slow", "_variation", "failures", "heard_at", "hurried",
                 "round_trip", "silences", "unreached")  # fmt: skip

    def __init__(self, percentile: float | None = None) -> None:
        self._percentile = percentile
        self._slow = 0.0
        self.round_trip: float | None = None
        self.silences: int = 0
        self.failures: int = 0
        self.heard_at: float = LONG_AGO
        self.unreached: int = 0
        self.hurried: bool = False
        self._variation = 0.0
        self._pause = PROBE_AFTER
        self._probe_at = LONG_AGO

    @property
    def benched(self) -> bool:
        """Whether others are asked first."""
        return self.unreachable or self.failures >= FAILURES_TO_BENCH

    @property
    def unreachable(self) -> bool:
        """Whether there seems to be no way to it: it is silent, or could not be reached twice since it was heard."""
        return self.silences > 0 or self.unreached >= UNREACHED

    def heard(self, elapsed: float, now: float) -> None:
        """It replied after so many seconds, whatever it said."""
        smoothed = self.round_trip
        if smoothed is None:
            self.round_trip, self._variation = elapsed, elapsed / 2
        else:
            self._variation += (abs(elapsed - smoothed) - self._variation) / 4
            self.round_trip = smoothed + (elapsed - smoothed) / 8
        if self._percentile is not None:
            self._follow_percentile(elapsed, self._percentile)
        self.heard_at = now
        self.silences = 0
        self.unreached = 0

    def served(self) -> None:
        """Its reply was of use."""
        if self.failures or self._pause != PROBE_AFTER:
            self.failures = 0
            self._pause = PROBE_AFTER

    def silent(self, now: float) -> None:
        """It let a question wait for longer than its patience."""
        if not self.benched:
            self._probe_at = now + self._pause
        self.silences += 1

    def failed(self, now: float, *, reached: bool = True) -> None:
        """It could not be `reached`, or said SERVFAIL, REFUSED or nonsense."""
        if not self.benched:
            self._probe_at = now + self._pause
        self.failures += 1
        self.unreached += not reached

    def wants_probe(self, now: float) -> bool:
        """Whether a copy of a live question should find out how it is; true once an interval."""
        due = self._probe_at if self.benched else max(self.heard_at + MEASURE_AGAIN, self._probe_at)
        if now < due:
            return False
        self._probe_at = now + self._pause
        self._pause = min(self._pause * 2, LONGEST_PROBE_AFTER)
        return True

    def patience(self, tries: int, remaining: float) -> float:
        """Seconds to wait for it before somebody is asked again, after so many tries of the same lookup.

        An early retransmission is cheap, since a late reply to an earlier one still counts; but replies that wait in
        a queue for a while must not be asked for again all at once. Who has not answered a few tries will hardly
        answer the next sooner: a deadline that comes near is no reason to ask it ever faster.
        """
        first = self._first_patience(HURRIED_PATIENCE if self.hurried else LEAST_PATIENCE)
        hurry = 0.05 if tries < URGENT_TRIES else 2 * LEAST_PATIENCE
        return min(first * 1.5**tries, MOST_PATIENCE, max(remaining / 3, hurry))

    @property
    def hedge_after(self) -> float | None:
        """Seconds after which a second one may be asked without losing patience; None where none was asked for."""
        return self._slow if self._percentile is not None and self._slow else None

    @property
    def lead(self) -> float:
        """How many seconds before the end of its usual patience somebody else may be asked too."""
        usual = self._first_patience(LEAST_PATIENCE)
        soonest = self._first_patience(HURRIED_PATIENCE) if self.hurried else usual
        return usual - min(soonest, self.hedge_after or soonest)

    def _first_patience(self, least: float) -> float:
        if self.round_trip is None:
            return UNKNOWN_PATIENCE
        margin = max(4 * self._variation, self.round_trip / 2)
        return min(max(self.round_trip + margin, least), MOST_PATIENCE)

    def _follow_percentile(self, elapsed: float, percentile: float) -> None:
        """Move up by so much when it took longer, down by so little when not: where both are level, it stays."""
        if not self._slow:
            self._slow = 2 * elapsed
            return
        step = max(self.round_trip or 0.0, self._slow) / 16
        self._slow += step * percentile if elapsed > self._slow else -step * (1 - percentile)


class _Ranked(Protocol):
    health: Health


U = TypeVar("U", bound=_Ranked)

BAND = 1.5
BAND_FLOOR = 0.02


def ranked(upstreams: Sequence[U]) -> list[U]:
    """The upstreams in the order to ask them: as configured among equals, then the slower, then the benched.

    Equals are those whose round trip is within a band above the best; one not measured yet counts as an equal only
    while nobody is, and among the benched is the last.
    """
    if len(upstreams) == 1:
        return list(upstreams)
    return sorted(upstreams, key=_places(upstreams))


def equals(upstreams: Sequence[U]) -> list[U]:
    """Those of the upstreams that are equally good, and none is better."""
    if len(upstreams) <= 1:
        return list(upstreams)
    place = _places(upstreams)
    best = min(map(place, upstreams))
    return [upstream for upstream in upstreams if place(upstream) == best]


def _places(upstreams: Sequence[_Ranked]) -> Callable[[_Ranked], tuple[bool, float]]:
    trips = [u.health.round_trip for u in upstreams if u.health.round_trip is not None and not u.health.benched]
    limit = min(trips) * BAND + BAND_FLOOR if trips else 0.0

    def place(upstream: _Ranked) -> tuple[bool, float]:
        trip = upstream.health.round_trip
        if trip is None:
            trip = float("inf") if trips or upstream.health.benched else 0.0
        return upstream.health.benched, 0.0 if trip <= limit else trip

    return place
