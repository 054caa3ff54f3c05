"""Bootstrap: the way to nameservers that are known by name. Their addresses are never asked of themselves."""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import Callable, Iterable
from itertools import chain, zip_longest

from aioresolver.backends.base import Backend
from aioresolver.backends.system import SystemBackend
from aioresolver.errors import ConfigurationError, UsageError
from aioresolver.flow.closing import Closing
from aioresolver.transports.base import Transport
from aioresolver.transports.named import NamedTransport
from aioresolver.transports.nameserver import Nameserver
from aioresolver.transports.open import open_transport
from aioresolver.wire.codes import RRType
from aioresolver.wire.message import Question
from aioresolver.wire.names import Name

__all__ = ["Bootstrap", "known_by_address"]

TYPES = {socket.AF_INET: RRType.A, socket.AF_INET6: RRType.AAAA}
# When there are addresses of one family, those of the other are waited for so much longer.
GRACE = 0.1


class Bootstrap(Closing):
    """Opens transports; to a nameserver that is known by its name only, through a backend that finds its addresses.

    `backend` is that backend, which is closed together with this; without one it is the operating system's own
    getaddrinfo, in threads that are made when they are needed. `open_transport` makes the transport to an address.
    `family` keeps to addresses of one family, AF_INET or AF_INET6.
    """

    def __init__(
        self,
        backend: Backend | None = None,
        *,
        open_transport: Callable[[Nameserver], Transport] = open_transport,
        family: int = socket.AF_UNSPEC,
    ) -> None:
        self._backend = backend
        self._open_transport = open_transport
        self._types = [type_ for known, type_ in TYPES.items() if family in (known, socket.AF_UNSPEC)]
        self._closed = False

    def open(self, nameserver: Nameserver) -> Transport:
        """The transport to a nameserver, whichever way it is known; no I/O yet."""
        if nameserver.address:
            return self._open_transport(nameserver)
        return NamedTransport(nameserver, self._open_transport, self.resolve)

    async def resolve(self, hostname: str, deadline: float) -> list[str]:
        """The addresses of a host, IPv4 and IPv6 in turn; none when it has none.

        Raises OSError, which every ResolutionError is, when that cannot be found out until `deadline`, in loop time.
        """
        if self._closed:
            raise UsageError("the bootstrap is closed")
        if self._backend is None:
            self._backend = SystemBackend(threads=len(TYPES))
        loop, name = asyncio.get_running_loop(), Name.parse(hostname)
        lookups = [
            loop.create_task(_addresses(self._backend, Question(name, type_), deadline)) for type_ in self._types
        ]
        try:
            done, waiting = await asyncio.wait(
                lookups, timeout=deadline - loop.time(), return_when=asyncio.FIRST_COMPLETED
            )
            if waiting:
                enough = any(lookup.exception() is None and lookup.result() for lookup in done)
                left = deadline - loop.time()
                await asyncio.wait(waiting, timeout=min(GRACE, left) if enough else left)
            return _in_turn(lookups)
        finally:
            for lookup in lookups:
                lookup.cancel()
            await asyncio.gather(*lookups, return_exceptions=True)

    async def aclose(self) -> None:
        """Close the backend that finds addresses. May be called twice."""
        self._closed = True
        if self._backend is not None:
            await self._backend.aclose()


def known_by_address(nameservers: Iterable[Nameserver]) -> tuple[Nameserver, ...]:
    """The same nameservers, as those for a bootstrap; raises ConfigurationError for one that needs a bootstrap itself."""
    found = tuple(nameservers)
    for nameserver in found:
        if not nameserver.address:
            raise ConfigurationError(f"nameserver {nameserver} cannot be a bootstrap: its own address is not known")
    return found


async def _addresses(backend: Backend, question: Question, deadline: float) -> list[str]:
    return [str(data) for data in await backend.query(question, deadline)]


def _in_turn(lookups: list[asyncio.Task[list[str]]]) -> list[str]:
    """What the lookups that are done have found; raises what one of them raised when that is nothing."""
    ended = [lookup for lookup in lookups if lookup.done()]
    found = [lookup.result() for lookup in ended if lookup.exception() is None]
    addresses = [each for each in chain.from_iterable(zip_longest(*found)) if each is not None]
    if not addresses:
        for error in filter(None, (lookup.exception() for lookup in ended)):
            raise error
        if len(ended) < len(lookups):
            raise TimeoutError(errno.ETIMEDOUT, "no answer before the deadline")
    return addresses
