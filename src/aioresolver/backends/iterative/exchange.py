"""NetworkExchange: queries to any number of addresses over our own transports, of which so many are kept open."""

from __future__ import annotations

import asyncio
import errno
from collections import OrderedDict
from collections.abc import Awaitable, Callable

from aioresolver.errors import LookupTimeout, TransportError
from aioresolver.transports.base import Transport
from aioresolver.transports.nameserver import Nameserver
from aioresolver.transports.tcp import TcpTransport
from aioresolver.transports.udp import UdpTransport

__all__ = ["Exchange", "NearMiss", "NetworkExchange", "has_no_way", "is_silence"]

Exchange = Callable[[str, bytes, bool, float], Awaitable[bytes]]
"""`exchange(address, query, tcp, deadline)`: sends the query there and gives the reply. `deadline` is loop time.

Raises TransportError, or LookupTimeout when there is no reply by then.
"""

MOST_OPEN = 200
SOCKETS = 2
NO_DESCRIPTOR = frozenset({errno.EMFILE, errno.ENFILE})
# What says that this machine has no way to addresses of a family.
NO_WAY = frozenset({errno.ENETUNREACH, errno.ENETDOWN, errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT, errno.EPROTONOSUPPORT})
RENEW_QUERIES = 500
IDLE_TIMEOUT = 5.0


class NearMiss(TransportError):
    """No reply came, but datagrams that match no query: letters were changed, or a forger guesses."""


class NetworkExchange:
    """Asks addresses over UDP and TCP; the port is 53 unless the address names one (`127.0.0.1:5353`).

    At most `most_open` transports are kept, those used last. A busy one holds two sockets or a few more, an idle one none.
    """

    def __init__(self, *, port: int = 53, most_open: int = MOST_OPEN, source: str | None = None) -> None:
        self.port = port
        self.most_open = most_open
        self._source = source
        self._transports: OrderedDict[tuple[str, bool], Transport] = OrderedDict()
        self._closing: set[asyncio.Task[None]] = set()
        self._closed = False

    async def __call__(self, address: str, query: bytes, tcp: bool, deadline: float) -> bytes:  # noqa: FBT001 - the agreed order
        """Send a query and give the reply that matches it."""
        try:
            return await self._carry(address, query, deadline, tcp=tcp)
        except TransportError as error:
            if error.errno not in NO_DESCRIPTOR:
                raise
        await self._close_idle()
        return await self._carry(address, query, deadline, tcp=tcp)

    async def _carry(self, address: str, query: bytes, deadline: float, *, tcp: bool) -> bytes:
        transport = self.transport(address, tcp=tcp)
        misses = getattr(transport, "near_misses", 0)
        try:
            reply = await transport.exchange(query, deadline)
        except TransportError as error:
            forged = is_silence(error) and getattr(transport, "near_misses", 0) > misses
            if forged or error.errno == errno.EBADMSG:
                raise NearMiss("datagrams came that match no query", code=errno.ETIMEDOUT) from None
            raise
        # The transport has put an id of its own into the query.
        return query[:2] + reply[2:]

    def near_misses(self, address: str) -> int:
        """How many datagrams have come from this address that match no query."""
        transport = self._transports.get((address, False))
        return getattr(transport, "near_misses", 0)

    async def aclose(self) -> None:
        """Close every transport. May be called twice."""
        self._closed = True
        transports, self._transports = list(self._transports.values()), OrderedDict()
        for transport in transports:
            await transport.aclose()
        while self._closing:
            await asyncio.wait(self._closing)

    def transport(self, address: str, *, tcp: bool) -> Transport:
        """The transport to this address, opened at its first use."""
        key = address, tcp
        transport = self._transports.get(key)
        if transport is not None:
            self._transports.move_to_end(key)
            return transport
        if self._closed:
            raise TransportError("the backend is closed", code=errno.ECONNABORTED, local=True)
        nameserver = Nameserver.parse(address)
        if nameserver.port == 53:
            nameserver = Nameserver("udp", nameserver.address, self.port)
        if tcp:
            transport = TcpTransport(nameserver.with_scheme("tcp"), idle_timeout=IDLE_TIMEOUT, source=self._source)
        else:
            transport = UdpTransport(nameserver, sockets=SOCKETS, renew_queries=RENEW_QUERIES, source=self._source)
        self._transports[key] = transport
        if len(self._transports) > self.most_open:
            self._close_one()
        return transport

    async def _close_idle(self) -> None:
        """Give back the descriptors of all that has nothing to wait for."""
        idle = [key for key, transport in self._transports.items() if not getattr(transport, "in_flight", 0)]
        for transport in [self._transports.pop(key) for key in idle]:
            await transport.aclose()

    def _close_one(self) -> None:
        """Close the transport that was not used for longest and has nothing to wait for."""
        for key, transport in self._transports.items():
            if not getattr(transport, "in_flight", 0):
                del self._transports[key]
                task = asyncio.get_running_loop().create_task(transport.aclose())
                self._closing.add(task)
                task.add_done_callback(self._closing.discard)
                return


def has_no_way(error: Exception) -> bool:
    """Whether it says that this machine cannot reach addresses of the family at all."""
    return isinstance(error, TransportError) and error.local and error.errno in NO_WAY


def is_silence(error: Exception) -> bool:
    """Whether it says that no reply came in time."""
    return isinstance(error, LookupTimeout) or (isinstance(error, TransportError) and error.errno == errno.ETIMEDOUT)
