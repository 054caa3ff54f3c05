"""How a query gets to a nameserver of the test internet: over sockets on loopback, or within this process."""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import Iterable, Mapping, Sequence
from ipaddress import IPv4Address, ip_address

from aioresolver.backends.iterative.exchange import NearMiss, NetworkExchange
from aioresolver.errors import ConfigurationError, TransportError
from aioresolver.testing.listeners import TcpListener, UdpListener, bind
from aioresolver.testing.query_log import Client
from aioresolver.testing.service import Service

__all__ = ["InProcessLinks", "LoopbackLinks"]

FIRST_PLACE = IPv4Address("127.77.0.1")
PORT_TRIES = 50
IDLE = 10.0
HEADER = 12


class LoopbackLinks:
    """Sockets on loopback: each address of the internet has one of its own, 127.77.0.1 and so on, all one port.

    An address that is on loopback itself stands for itself. Where the system has no other loopback address than
    127.0.0.1 (macOS), that is the address of all, each with a port of its own.
    """

    def __init__(self, services: Mapping[str, Service], *, port: int = 0) -> None:
        self.places: dict[str, tuple[str, int]] = {}
        self._services = services
        self._port = port
        self._listeners: list[UdpListener | TcpListener] = []
        self._network = NetworkExchange()

    async def start(self) -> None:
        """Begin to listen. Raises OSError when no port is free at all addresses."""
        loop = asyncio.get_running_loop()
        sockets = _bind_all(_local_addresses(self._services), self._port)
        for (address, service), (udp, tcp) in zip(self._services.items(), sockets, strict=True):
            service.start(loop)
            self.places[address] = udp.getsockname()[:2]
            listeners = UdpListener(udp, service, loop), TcpListener(tcp, service, loop, idle=IDLE)
            self._listeners += listeners
            for listener in listeners:
                await listener.start()

    async def aclose(self) -> None:
        """Close every socket, those of `exchange` first."""
        network, self._network = self._network, NetworkExchange()
        await network.aclose()
        listeners, self._listeners = self._listeners, []
        self.places.clear()
        for service in self._services.values():
            service.stop()
        for listener in listeners:
            if isinstance(listener, UdpListener):
                listener.close()
            else:
                await listener.close()

    async def exchange(self, address: str, query: bytes, tcp: bool, deadline: float) -> bytes:  # noqa: FBT001 - as agreed
        """Send a query over UDP or TCP to one address of the internet, and return the reply. Raises TransportError."""
        if not self._listeners:
            raise ConfigurationError("the internet is not there before it is started: use `async with Internet(…)`")
        place = self.places.get(address)
        if place is None:
            raise _nobody(address)
        return await self._network("{}:{}".format(*place), query, tcp, deadline)


class InProcessLinks:
    """No sockets: a query is handed to the nameserver as it is, at whatever time the running loop keeps."""

    def __init__(self, services: Mapping[str, Service]) -> None:
        self.places: dict[str, tuple[str, int]] = {}
        self._services = services
        self._loop: asyncio.AbstractEventLoop | None = None

    async def start(self) -> None:
        """There is nothing to start: the first query does."""

    async def aclose(self) -> None:
        """Send nothing more of what is under way."""
        self._loop = None
        for service in self._services.values():
            service.stop()

    async def exchange(self, address: str, query: bytes, tcp: bool, deadline: float) -> bytes:  # noqa: FBT001 - as agreed
        """Send a query over UDP or TCP to one address of the internet, and return the reply. Raises TransportError."""
        loop = asyncio.get_running_loop()
        if loop is not self._loop:
            self._loop = loop
            for each in self._services.values():
                each.start(loop)
        service = self._services.get(address)
        if service is None:
            raise _nobody(address)
        way = _Way(query, tcp=tcp, reply=loop.create_future())
        timer = loop.call_at(deadline, way.expire)
        try:
            service.receive(query, _CLIENT, way)
            return await way.reply
        finally:
            timer.cancel()


_CLIENT: Client = ("127.0.0.1", 0)


class _Way:
    """One query on its way: takes the first packet that is a reply to it, as a socket of a client would."""

    __slots__ = ("misses", "query", "reply", "transport")

    def __init__(self, query: bytes, *, tcp: bool, reply: asyncio.Future[bytes]) -> None:
        self.query = query
        self.transport = "tcp" if tcp else "udp"
        self.reply = reply
        self.misses = 0

    def send(self, wire: bytes, client: Client, *, elsewhere: bool = False) -> None:
        """A packet comes; one from another address is none that the client waits for."""
        if elsewhere or self.reply.done():
            return
        if self._is_answered_by(wire):
            self.reply.set_result(wire)
        else:
            self.misses += 1

    def cut(self, wires: Sequence[bytes], after: int) -> None:
        """The connection is closed, if it is one."""
        if self.transport == "tcp":
            self._fail(TransportError("the connection was closed", code=errno.ECONNRESET))

    def expire(self) -> None:
        """The deadline has passed."""
        if self.misses:
            self._fail(NearMiss("datagrams came that match no query", code=errno.ETIMEDOUT))
        else:
            self._fail(TransportError("no reply before the deadline", code=errno.ETIMEDOUT))

    def _fail(self, error: TransportError) -> None:
        if not self.reply.done():
            self.reply.set_exception(error)

    def _is_answered_by(self, wire: bytes) -> bool:
        """Id, QR, opcode and question, byte for byte; over TCP none will do, as errors of simple servers have it."""
        query = self.query
        if len(wire) < HEADER or wire[:2] != query[:2] or (wire[2] ^ query[2]) & 0xF8 != 0x80:
            return False
        if wire[4:6] == b"\0\0":
            return self.transport == "tcp"
        return wire[4:6] == query[4:6] and wire[HEADER:].startswith(_question(query))


def _question(query: bytes) -> bytes:
    """The question section of a well-formed query."""
    end = HEADER
    while end < len(query) and query[end]:
        end += 1 + query[end]
    return query[HEADER : end + 5]


def _nobody(address: str) -> TransportError:
    return TransportError(f"nobody listens at {address}", code=errno.ECONNREFUSED)


def _local_addresses(addresses: Iterable[str]) -> list[str]:
    """A loopback address for each; itself where it is one."""
    places = [ip_address(address) for address in addresses]
    taken = {str(place) for place in places}
    counted = (str(FIRST_PLACE + number) for number in range(1 << 16))
    free = (address for address in counted if address not in taken)
    return [str(place) if place.is_loopback else next(free) for place in places]


def _bind_all(addresses: Sequence[str], port: int) -> list[tuple[socket.socket, socket.socket]]:
    """A UDP and a TCP socket at each address, all on one port."""
    for attempt in range(PORT_TRIES):
        bound: list[tuple[socket.socket, socket.socket]] = []
        try:
            for address in addresses:
                bound.append(bind(address, bound[0][0].getsockname()[1] if bound else port))
        except OSError as error:
            for pair in bound:
                for each in pair:
                    each.close()
            if error.errno == errno.EADDRNOTAVAIL:
                return [bind("127.0.0.1", 0) for _ in addresses]
            if error.errno != errno.EADDRINUSE or port or attempt == PORT_TRIES - 1:
                raise
        else:
            return bound
    raise AssertionError("the loop above ends")
