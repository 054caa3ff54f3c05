"""Asker: asks the questions of filters, of the run's resolver or of one nameserver alone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from typing import Any

from aioresolver.answer import Answer
from aioresolver.backends.stub import StubBackend
from aioresolver.bulk.filters import Ask, Filter, sift
from aioresolver.bulk.rows import Row
from aioresolver.flow.closing import Closing
from aioresolver.resolver import Resolver
from aioresolver.wire.message import Question

__all__ = ["Asker", "filtering"]

DEFAULT_TIMEOUT = 5.0
Batches = AsyncGenerator[list[Row], None]


def filtering(resolver: Resolver, filters: Sequence[Filter], **settings: Any) -> Callable[[Batches], Batches]:
    """What a BulkRun takes as `through`, to pass its rows through filters; `settings` are those of an Asker."""

    async def through(batches: Batches) -> Batches:
        async with Asker(resolver, **settings) as asker, aclosing(sift(batches, filters, asker.ask)) as sifted:
            async for batch in sifted:
                yield batch

    return through


class Asker(Closing):
    """Asks what filters want to know. A question for one nameserver goes there past every cache.

    What a run's rates allow is not exceeded by that: it counts for the resolver's limiter, and for the rate of the
    nameserver where the resolver's backend asks it too. `open_server` makes a StubBackend that asks the nameserver with
    this URL and no other; `timeout` is how many seconds it may take. What is under way ends with `aclose()`, the
    resolver's own stays.
    """

    def __init__(
        self,
        resolver: Resolver,
        *,
        open_server: Callable[[str], StubBackend] = StubBackend,
        timeout: float = DEFAULT_TIMEOUT,
    ) -> None:
        self._resolver = resolver
        self._open = open_server
        self._timeout = timeout
        self._servers: dict[str, StubBackend] = {}

    def ask(self, ask: Ask) -> asyncio.Future[Answer[Any]]:
        """Ask; the future ends with the Answer, or with the error."""
        if ask.server is None:
            return self._resolver.submit(ask.name, ask.type)
        if self._resolver.limiter.rate is None:
            return self._submit(ask, ask.server)
        return asyncio.get_running_loop().create_task(self._submit_in_turn(ask, ask.server))

    async def aclose(self) -> None:
        """Close what was opened for single nameservers."""
        for backend in self._servers.values():
            await backend.aclose()

    async def _submit_in_turn(self, ask: Ask, server: str) -> Answer[Any]:
        async with self._resolver.limiter:
            return await self._submit(ask, server)

    def _submit(self, ask: Ask, server: str) -> asyncio.Future[Answer[Any]]:
        now = asyncio.get_running_loop().time()
        backend = self._servers.get(server)
        if backend is None:
            backend = self._servers[server] = self._open(server)
        for upstream in getattr(self._resolver.backend, "upstreams", ()):
            if upstream.text == server and upstream.window.rate is not None:
                upstream.window.sent(1, now)
                upstream.window.used -= 1  # it does not take the place of one of the run's own
        return backend.submit(Question.parse(ask.name, ask.type), now + self._timeout)
