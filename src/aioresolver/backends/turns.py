"""Turns: which upstream is next for one question, and which of them have had all their chances."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from aioresolver.backends.pool import in_order, may_be_asked
from aioresolver.backends.upstream import Upstream

__all__ = ["SECOND_CHANCE", "STRIKES", "Turns"]

STRIKES = 3
SECOND_CHANCE = STRIKES - 1


class Turns:
    """The upstreams of one question, in the order to ask them; whoever was asked goes to the end.

    One with so many strikes against it has no turn any more. Empty until the question is asked.
    """

    __slots__ = ("_order", "_strikes")

    def __init__(self) -> None:
        self._order: list[Upstream] = []
        self._strikes: dict[Upstream, int] = {}

    def __len__(self) -> int:
        return len(self._order)

    def begin(self, upstreams: Sequence[Upstream], first: Upstream | None = None, *, race: int = 1) -> list[Upstream]:
        """Take turns among these; those to ask at once are returned, which is `first` alone if it is given."""
        if len(upstreams) == 1 and first in (None, upstreams[0]):
            self._order = list(upstreams)
            return list(upstreams)
        order = in_order(upstreams)
        asked = order[:race] if first is None else [first]
        later = [upstream for upstream in order if upstream not in asked]
        not_yet = [upstream for upstream in upstreams if upstream not in asked and upstream not in later]
        self._order = [*later, *not_yet, *asked]
        return asked

    def add(self, upstreams: Sequence[Upstream]) -> None:
        """These are next, before all others."""
        self._order = [*upstreams, *self._order]

    @property
    def latest(self) -> Upstream:
        """Who was asked last."""
        return self._order[-1]

    def usable(self) -> list[Upstream]:
        """Those that have chances left, and may be asked now."""
        return [upstream for upstream in may_be_asked(self._order) if self.strikes(upstream) < STRIKES]

    def next(self, busy: Collection[Upstream]) -> Upstream | None:
        """Whose turn it is, of those that are not `busy`."""
        return next((upstream for upstream in self.usable() if upstream not in busy), None)

    def asked(self, upstream: Upstream) -> None:
        """It has had its turn."""
        self._order.remove(upstream)
        self._order.append(upstream)

    def strike(self, upstream: Upstream, strikes: int) -> None:
        """So many of its chances are gone."""
        self._strikes[upstream] = self.strikes(upstream) + strikes

    def strikes(self, upstream: Upstream) -> int:
        """How many of its chances are gone."""
        return self._strikes.get(upstream, 0)
