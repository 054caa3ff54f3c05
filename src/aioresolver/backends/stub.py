"""StubBackend: the pure-asyncio wire client. It asks recursive nameservers and believes them."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from aioresolver.answer import Answer
from aioresolver.backends.lookup import Lookup
from aioresolver.backends.ranking import ranked
from aioresolver.backends.upstream import Upstream
from aioresolver.errors import ConfigurationError, ServerFailure, UsageError
from aioresolver.flow.closing import Closing
from aioresolver.flow.deadline_ring import DeadlineRing
from aioresolver.transports.base import Transport
from aioresolver.transports.nameserver import Nameserver
from aioresolver.transports.open import open_transport
from aioresolver.wire.message import Question

__all__ = ["StubBackend"]


class StubBackend(Closing):
    """Asks nameservers over UDP, TCP or TLS, the quickest first, and the next one when that one fails.

    `nameservers` are URLs or addresses (`1.1.1.1`, `udp://127.0.0.1:5353`, `tls://9.9.9.9#dns.quad9.net`). Lost
    packets are sent again, to each nameserver in turn, until the deadline, and a late reply to any of them counts.
    SERVFAIL, REFUSED and nonsense make the next nameserver's turn, and an only one is asked once more; one that
    refuses to be connected is tried three times within a second. Truncation goes to TCP at the same nameserver; one
    that chokes on EDNS is asked without. Dead nameservers are remembered and probed.

    `rotate` takes turns among nameservers that are equally quick. `open_transport` makes the transport to a
    nameserver; a test may hand in its own.

    Raises ConfigurationError for a nameserver that cannot be used.
    """

    concurrency = 2000

    def __init__(
        self,
        nameservers: Sequence[Nameserver | str] | Nameserver | str,
        *,
        rotate: bool = False,
        open_transport: Callable[[Nameserver], Transport] = open_transport,
    ) -> None:
        if isinstance(nameservers, (str, Nameserver)):
            nameservers = [nameservers]
        parsed = [n if isinstance(n, Nameserver) else Nameserver.parse(n) for n in nameservers]
        if not parsed:
            raise ConfigurationError("a stub backend needs at least one nameserver, such as '1.1.1.1'")
        self.nameservers: tuple[Nameserver, ...] = tuple(dict.fromkeys(parsed))
        self.rotate: bool = rotate
        self._upstreams = [Upstream(n, open_transport, room=self._pump) for n in self.nameservers]
        self._waiting: deque[Lookup] = deque()
        self._under_way: set[Lookup] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._alarms: DeadlineRing | None = None
        self._closed = False

    async def query(self, question: Question, deadline: float) -> Answer[Any]:
        """Ask until an answer comes; raises ServerFailure, or LookupTimeout at the deadline."""
        return await self.submit(question, deadline)

    def submit(self, question: Question, deadline: float) -> asyncio.Future[Answer[Any]]:
        """The same without a coroutine; cancelling the future ends the lookup at once."""
        loop = self._loop
        if loop is None or self._closed or loop is not asyncio.get_running_loop():
            loop = self._bind()
        assert self._alarms is not None
        if self.rotate:
            self._upstreams.append(self._upstreams.pop(0))
        lookup = Lookup(question, deadline, self._upstreams, loop=loop, alarms=self._alarms, under_way=self._under_way)
        if self._waiting or ranked(self._upstreams)[0].window.full:
            self._waiting.append(lookup)
            lookup.wait()
        else:
            lookup.start()
        return lookup

    @property
    def served_at(self) -> float:
        """When a nameserver last gave a useful reply, in loop time."""
        return max(upstream.served_at for upstream in self._upstreams)

    @property
    def busy(self) -> bool:
        """Whether lookups are under way."""
        return bool(self._under_way)

    async def aclose(self) -> None:
        """Close every socket; lookups under way fail. May be called twice."""
        self._closed = True
        for lookup in list(self._under_way):
            question = lookup.question
            lookup.fail(ServerFailure(question.name, str(question.type), "the backend was closed"))
        for upstream in self._upstreams:
            await upstream.aclose()
        if self._alarms is not None:
            self._alarms.close()

    def hand_over(self, successor: StubBackend) -> None:
        """Have the lookups under way go on at the successor's nameservers, where these here let them wait."""
        for lookup in self._under_way:
            lookup.widen(successor._upstreams)

    async def drain(self) -> None:
        """Let the lookups under way finish, then close."""
        try:
            while self._under_way:
                await asyncio.wait(list(self._under_way))
        finally:
            await self.aclose()

    def __repr__(self) -> str:
        return f"StubBackend({[str(nameserver) for nameserver in self.nameservers]})"

    def _bind(self) -> asyncio.AbstractEventLoop:
        """Belong to the running loop from the first query on."""
        loop = asyncio.get_running_loop()
        if self._closed:
            raise UsageError("the backend is closed")
        if self._loop is not None:
            raise UsageError("the backend belongs to another event loop: make one for each loop")
        self._loop = loop
        self._alarms = DeadlineRing(loop)
        return loop

    def _pump(self) -> None:
        """Start lookups that wait, as far as the best upstream has room."""
        waiting = self._waiting
        while waiting and not self._closed:
            if waiting[0].done():
                waiting.popleft()
            elif ranked(self._upstreams)[0].window.full:
                break
            else:
                waiting.popleft().start()
