"""Pool: the nameservers of a backend as they are known, and which of them to ask now."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence

from aioresolver.backends.discovery import Discovery
from aioresolver.backends.encryption import permitted
from aioresolver.backends.ranking import equals, ranked
from aioresolver.backends.upstream import Upstream
from aioresolver.events import Observer, UpstreamBenched
from aioresolver.transports.nameserver import Nameserver
from aioresolver.wire.message import Question

__all__ = ["Pool", "in_order", "may_be_asked"]

# So many questions at a time may wait for somebody to ask.
ROOM_WITHOUT = 100
# How often the order of the upstreams is looked at.
LOOK_EVERY = 0.05


class Pool:
    """The upstreams of a backend: made with `make_upstream`, in an order that changes as they are known better.

    `upstreams` are all of them, in the order of the configuration; `best` are those who are asked now, equals among
    which none is better. `discovery` adds the encrypted ones that the plain ones name. `changed` is called when there are others.
    """

    def __init__(
        self,
        nameservers: Iterable[Nameserver],
        make_upstream: Callable[[Nameserver], Upstream],
        *,
        changed: Callable[[], object],
    ) -> None:
        self.upstreams: list[Upstream] = [make_upstream(nameserver) for nameserver in nameservers]
        self.best: Sequence[Upstream] = list(may_be_asked(self.upstreams))
        self.discovery: Discovery | None = None
        self.hurried: bool = False
        self._make_upstream = make_upstream
        self._changed = changed
        self._observer: Observer | None = None
        self._discovered: dict[Nameserver, tuple[Nameserver, ...]] = {}
        self._left: list[Upstream] = []
        self._closing: set[asyncio.Task[None]] = set()
        self._looked_at = float("-inf")

    def room(self, now: float) -> int:
        """How many questions the best bear more than they have."""
        if now >= self._looked_at + LOOK_EVERY:
            self._look(now)
        if (
            not self.upstreams
        ):  # they have to be discovered: questions wait in vain no longer than for one that is silent
            return ROOM_WITHOUT
        if len(self.best) == 1:
            return self.best[0].window.room(now)
        return sum(upstream.window.room(now) for upstream in self.best)

    @property
    def is_deserted(self) -> bool:
        """Whether there is nobody to ask, and nobody about to be discovered."""
        return not self.upstreams and self.discovery is not None and self.discovery.in_vain

    def opens_at(self, now: float) -> float | None:
        """When the rate or the pace of one of the best lets the next question through; None when none holds it back."""
        return min((at for each in self.best if (at := each.window.opens_at(now)) is not None), default=None)

    def has_room_first(self, now: float) -> bool:
        """Whether the very first to ask bears one more question."""
        if self.discovery is not None:
            self.discovery.follow(now)
        order = in_order(self.upstreams)
        return bool(order) and order[0].window.room(now) > 0

    def take_turns(self) -> None:
        """Let the next one be the first of its equals."""
        self.upstreams[:] = [*self.upstreams[1:], *self.upstreams[:1]]
        self.best = [*self.best[1:], *self.best[:1]]

    def probe(self, question: Question, now: float) -> None:
        """Send a copy of the question to those of whom it is to be found out how they are."""
        for upstream in may_be_asked(self.upstreams):
            if upstream not in self.best and upstream.health.wants_probe(now):
                upstream.probe(question, now)

    def hurry(self, *, hurried: bool) -> None:
        """Whether to lose patience sooner with all of them."""
        self.hurried = hurried
        for upstream in self.upstreams:
            upstream.health.hurried = hurried

    def expel(self, server: str) -> bool:
        """Ask a nameserver no more, by its URL, unless it is the last one; whether it was expelled."""
        gone = [upstream for upstream in self.upstreams if upstream.text == server]
        if not gone or len(gone) == len(self.upstreams):
            return False
        self._leave(gone)
        if self._observer is not None:
            self._observer(UpstreamBenched(server, "it was expelled"))
        return True

    def discovered(self, plain: Nameserver, encrypted: tuple[Nameserver, ...]) -> None:
        """A plain nameserver is these encrypted ones, too; or no more."""
        self._close_idle()
        before = {each for known in self._discovered.values() for each in known}
        self._discovered[plain] = encrypted
        now = {each for known in self._discovered.values() for each in known}
        self._leave([upstream for upstream in self.upstreams if upstream.nameserver in before - now])
        known = {upstream.nameserver for upstream in self.upstreams}
        for nameserver in dict.fromkeys(encrypted):
            if nameserver not in known:
                upstream = self._make_upstream(nameserver)
                upstream.observer = self._observer
                upstream.health.hurried = self.hurried
                self.upstreams.append(upstream)
        self._changed()

    @property
    def observer(self) -> Observer | None:
        """Who is told of all of them."""
        return self._observer

    @observer.setter
    def observer(self, observer: Observer | None) -> None:
        self._observer = observer
        for upstream in self.upstreams:
            upstream.observer = observer

    @property
    def served_at(self) -> float:
        """When one of them last gave a useful reply, in loop time."""
        return max((upstream.served_at for upstream in self.upstreams), default=float("-inf"))

    async def aclose(self) -> None:
        """Close the transports to all of them."""
        if self.discovery is not None:
            await self.discovery.aclose()
        for upstream in (*self.upstreams, *self._left):
            await upstream.aclose()
        if self._closing:
            await asyncio.wait(self._closing)

    def _look(self, now: float) -> None:
        """See who is best now."""
        self._looked_at = now
        if self.discovery is not None:
            self.discovery.follow(now)
        self.best = equals(may_be_asked(self.upstreams))

    def _leave(self, gone: Sequence[Upstream]) -> None:
        """These are asked no more; what is under way may end."""
        self._left += gone
        self.upstreams[:] = [upstream for upstream in self.upstreams if upstream not in gone]
        self.best = [upstream for upstream in self.best if upstream not in gone] or list(may_be_asked(self.upstreams))
        self._looked_at = float("-inf")

    def _close_idle(self) -> None:
        """Close those that left and whose last questions are over: others come and go for as long as we run."""
        for upstream in [each for each in self._left if not each.window.used]:
            self._left.remove(upstream)
            closing = asyncio.get_running_loop().create_task(upstream.aclose())
            self._closing.add(closing)
            closing.add_done_callback(self._closing.discard)


def in_order(upstreams: Sequence[Upstream]) -> list[Upstream]:
    """Those that may be asked now, the best first."""
    return ranked(may_be_asked(upstreams))


def may_be_asked(upstreams: Sequence[Upstream]) -> Sequence[Upstream]:
    """Those that may be asked now, in the order given: no plain one while there is a way to an encrypted one."""
    return permitted(upstreams, lambda upstream: not upstream.health.unreachable)
