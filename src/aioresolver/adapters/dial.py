"""How the HTTP libraries without happy eyeballs of their own get to a host: the resolver's endpoints, raced (RFC 8305)."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from typing import Protocol, TypeVar

from aioresolver.resolver import Resolver
from aioresolver.system.address_order import interleaved

__all__ = ["Stream", "dial", "race"]


class Stream(Protocol):
    """A connection that can be closed."""

    async def aclose(self) -> None:
        """Close it."""


S = TypeVar("S", bound=Stream)
Connect = Callable[[str, int], Awaitable[S]]


async def dial(resolver: Resolver, host: str, port: int, connect: Connect[S], *, delay: float | None) -> S:
    """The first connection to a host that succeeds; its addresses are those that the policy lets pass, nothing else.

    Raises what `Resolver.endpoints` raises, and what `race` raises.
    """
    endpoints = await resolver.endpoints(host, port)
    _, to_port = endpoints[0]
    ordered = interleaved([address for address, _ in endpoints])
    return await race([(address, to_port) for address in ordered], connect, delay=delay)


async def race(endpoints: Iterable[tuple[str, int]], connect: Connect[S], *, delay: float | None) -> S:
    """The first connection; the next attempt begins `delay` seconds after the last one, or when one has failed.

    Nothing is left open of the others, also when it is cancelled. When all fail, the error is theirs.
    """
    waiting = deque(endpoints)
    running: set[asyncio.Future[S]] = set()
    errors: list[Exception] = []
    winner: asyncio.Future[S] | None = None
    try:
        while waiting or running:
            if waiting:
                running.add(asyncio.ensure_future(connect(*waiting.popleft())))
            done, _ = await asyncio.wait(
                running, timeout=delay if waiting else None, return_when=asyncio.FIRST_COMPLETED
            )
            for attempt in done:
                error = attempt.exception()
                if error is None:
                    winner = attempt
                    return attempt.result()
                running.discard(attempt)
                if not isinstance(error, Exception):
                    raise error
                errors.append(error)
    finally:
        await _end(running - {winner})
    if len(errors) == 1 or len({type(error) for error in errors}) > 1:
        raise errors[0]
    raise type(errors[0])("; ".join(map(str, errors)))


async def _end(attempts: Iterable[asyncio.Future[S]]) -> None:
    """Cancel what is under way and close what has connected all the same."""
    attempts = list(attempts)
    for attempt in attempts:
        attempt.cancel()
    for outcome in await asyncio.gather(*attempts, return_exceptions=True):
        if not isinstance(outcome, BaseException):
            await outcome.aclose()
