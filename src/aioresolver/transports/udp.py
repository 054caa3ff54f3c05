"""UdpTransport: queries to one nameserver over a few connected UDP sockets, whose ports are renewed."""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import Collection, Sequence
from typing import Any

from aioresolver.errors import ConfigurationError, TransportError
from aioresolver.flow.deadline_ring import DeadlineRing
from aioresolver.transports.exchange import MOST_PENDING, Exchange, Numbers, carriage_error, make_exchange
from aioresolver.transports.nameserver import Nameserver, checked_source
from aioresolver.transports.udp_socket import (
    LARGEST_DATAGRAM,
    Posted,
    Sheet,
    Taker,
    UdpSocket,
    measure_receive_buffer,
    open_connected,
)

__all__ = ["UdpTransport"]

# What the largest reply that we ask for (1232 bytes) takes of a receive buffer on Linux, and a little more.
ROOM_FOR_A_REPLY = 2400
# As soon as there is load, queries go out from this many ports at once.
SPREAD = 4
SECONDS_WITHOUT_DESCRIPTORS = 1.0
NO_DESCRIPTOR = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})


class UdpTransport:
    """Queries to one nameserver over UDP: many at once on each of a few connected sockets.

    A reply must come from the nameserver's address and port to the port that asked, with the id, the opcode and the
    whole question section of a query that waits there; what does not is ignored, and we keep listening (RFC 5452, 9).
    At most `sockets` serve at a time. Each serves `renew_queries` queries or `renew_seconds` seconds, then makes place
    for one on another port, and stays open for the replies that it still owes; at most as many again are open for
    that. `source` is the local IP address to send from. A truncated reply is a reply: asking again over TCP is the caller's.

    `ignored` counts the datagrams that matched no query. `near_misses` counts those of them that are no late replies,
    but have an unknown id or the wrong question while a query waits: a caller that sees it grow may suspect a forger
    and ask over TCP. `local_address` is where the newest socket sends from, once there is one.

    An exchange whose question has capital letters fails with the code EBADMSG when it comes back in other ones.
    """

    def __init__(
        self,
        nameserver: Nameserver,
        *,
        sockets: int = 16,
        renew_queries: int = 2000,
        renew_seconds: float = 10.0,
        source: str | None = None,
    ) -> None:
        if sockets < 1 or renew_queries < 1 or not renew_seconds > 0:
            raise ConfigurationError("sockets, renew_queries and renew_seconds must be above 0")
        self.nameserver = nameserver
        self.taker: Taker
        self.ignored = 0
        self.near_misses = 0
        self.local_address: str | None = None
        self._dropped = 0
        self.buffer: bytearray = bytearray()
        self.endpoints: set[asyncio.Task[None]] = set()
        self.ring: DeadlineRing
        self._limit = sockets
        self._spread = min(SPREAD, sockets)
        self._renew_queries = renew_queries
        self._renew_seconds = renew_seconds
        self._source = checked_source(source, nameserver)
        self._room = 0
        self._numbers = Numbers()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._sockets: list[UdpSocket] = []
        self._retiring: set[UdpSocket] = set()
        self._no_descriptors_until = 0.0
        self._closed = False

    def exchange(self, query: bytes, deadline: float) -> asyncio.Future[bytes]:
        """Send a whole DNS message, and give the reply that matches it; see `Transport.exchange`.

        Raises ValueError when `query` is not a DNS message, and RuntimeError on another event loop than the first.
        """
        loop = asyncio.get_running_loop()
        if loop is not self._loop:
            self._bind_to(loop)
        exchange = make_exchange(query, loop=loop)
        id, number = self._numbers.draw()
        try:
            sock = self._choose(number)
        except TransportError as error:
            exchange.fail(error)
            return exchange
        while id in sock.used:
            id, number = self._numbers.draw()
        sock.begin(exchange, id, deadline)
        if len(sock.used) >= sock.worn_at:
            self._renew(sock)
        return exchange

    def post(self, queries: Sequence[tuple[bytes, Any]], sheet: Sheet) -> None:
        """Send many: for each its question section, and a tag. What becomes of them, `taker` is told.

        A query for which there is no socket is adopted at once. Raises RuntimeError on another event loop than the first.
        """
        loop = asyncio.get_running_loop()
        if loop is not self._loop:
            self._bind_to(loop)
        for (section, tag), (id, number) in zip(queries, self._numbers.draw_many(len(queries)), strict=True):
            try:
                sock = self._choose(number)
            except TransportError as error:
                self.taker.adopted((section, tag, sheet), self._failed(sheet, section, error))
                continue
            while id in sock.used:
                id, _ = self._numbers.draw()  # noqa: PLW2901 - another one
            sock.post(id, (section, tag, sheet))
            if len(sock.used) >= sock.worn_at:
                self._renew(sock)

    def overdue(self, now: float) -> list[tuple[Posted, Exchange]]:
        """The posted queries with which patience is at an end: as exchanges, to which a late reply still counts."""
        return [each for sock in [*self._sockets, *self._retiring] for each in sock.overdue(now)]

    def withdraw(self, tags: Collection[Any]) -> int:
        """Forget the posted queries with these tags; how many is returned."""
        return sum(sock.withdraw(tags) for sock in [*self._sockets, *self._retiring])

    async def aclose(self) -> None:
        """Close every socket; exchanges that still wait fail with TransportError. Twice is fine."""
        self._closed = True
        for sock in [*self._sockets, *self._retiring]:
            sock.close("the transport is closed")
        if self._loop is not None:
            self.ring.close()
        while self.endpoints:
            await asyncio.wait(self.endpoints)

    @property
    def capacity(self) -> int:
        """How many queries may wait at once so that even a burst of all their replies is not lost.

        It follows from the receive buffers that the operating system grants. More are sent all the same.
        """
        if not self._room:
            try:
                with socket.socket(self.nameserver.family, socket.SOCK_DGRAM) as probe:
                    self._measure(probe)
            except OSError:
                return self._limit
        return self._limit * self._room

    @property
    def in_flight(self) -> int:
        """How many exchanges wait for their reply."""
        return sum(len(sock.pending) for sock in [*self._sockets, *self._retiring])

    def unfit(self, sock: UdpSocket) -> None:
        """Use the socket for no further query."""
        if sock in self._sockets:
            self._sockets.remove(sock)
            self._retiring.add(sock)
        sock.retire()

    @property
    def dropped(self) -> int:
        """How many datagrams the kernel dropped, for the receive buffers were full; 0 where it does not tell (Linux does)."""
        return self._dropped + sum(sock.dropped() for sock in [*self._sockets, *self._retiring])

    def closed(self, sock: UdpSocket) -> None:
        """The socket is about to be closed: forget it."""
        self._dropped += sock.dropped()
        if sock in self._sockets:
            self._sockets.remove(sock)
        self._retiring.discard(sock)
        if sock.age_token is not None:
            self.ring.discard(sock.age_token)
            sock.age_token = None

    def _failed(self, sheet: Sheet, section: bytes, error: TransportError) -> Exchange:
        exchange = make_exchange(b"".join((b"\0\0", sheet.head, section)), loop=asyncio.get_running_loop())
        exchange.fail(error)
        return exchange

    def _choose(self, number: int) -> UdpSocket:
        """One of the open sockets at random, or a new one while there should be more."""
        sockets = self._sockets
        count = len(sockets)
        if count:
            sock = sockets[number % count]
            waiting = len(sock.pending)
            if not waiting or (count >= self._spread and waiting < self._room):
                return sock
        return self._choose_under_load(number)

    def _choose_under_load(self, number: int) -> UdpSocket:
        if self._closed:
            raise TransportError("the transport is closed", code=errno.ECONNABORTED, local=True)
        with_room = [sock for sock in self._sockets if len(sock.pending) < self._room]
        wanted = len(self._sockets) < self._spread or not with_room
        if wanted and len(self._sockets) < self._limit and self._may_open():
            try:
                self._sockets.append(self._open())
            except OSError as error:
                if not self._sockets:
                    raise carriage_error("no socket could be opened", error) from None
            else:
                return self._sockets[-1]
        if with_room:
            return with_room[number % len(with_room)]
        sock = min(self._sockets, key=lambda sock: len(sock.pending))
        if len(sock.pending) >= MOST_PENDING:
            raise TransportError("too many queries in flight", code=errno.ENOBUFS, local=True)
        return sock

    def _may_open(self) -> bool:
        """Whether descriptors were to be had when last tried, or that is long enough ago."""
        until = self._no_descriptors_until
        return not (until and self._sockets) or asyncio.get_running_loop().time() >= until

    def _open(self) -> UdpSocket:
        loop = asyncio.get_running_loop()
        self._no_descriptors_until = 0.0
        try:
            connected = open_connected(self.nameserver, source=self._source)
        except OSError as error:
            if error.errno in NO_DESCRIPTOR:
                self._no_descriptors_until = loop.time() + SECONDS_WITHOUT_DESCRIPTORS
            raise
        self._measure(connected)
        self.local_address = connected.getsockname()[0]
        sock = UdpSocket(connected, self, loop=loop)
        self._begin_life(sock)
        return sock

    def _measure(self, sock: socket.socket) -> None:
        self._room = max(1, measure_receive_buffer(sock) // ROOM_FOR_A_REPLY)

    def _begin_life(self, sock: UdpSocket) -> None:
        sock.used = set(sock.pending)
        sock.worn_at = len(sock.used) + self._renew_queries
        if sock.age_token is not None:
            self.ring.discard(sock.age_token)
        when = asyncio.get_running_loop().time() + self._renew_seconds
        sock.age_token = self.ring.add(when, lambda: self._aged(sock))

    def _aged(self, sock: UdpSocket) -> None:
        sock.age_token = None
        if sock.pending:
            self._renew(sock)
        else:
            sock.close()

    def _renew(self, sock: UdpSocket) -> None:
        """Put a socket on another port in its place; while that cannot be, it serves another term."""
        if sock.retired:
            return
        if len(self._retiring) < self._limit and self._may_open():
            try:
                successor = self._open()
            except OSError:
                pass
            else:
                self._sockets[self._sockets.index(sock)] = successor
                self._retiring.add(sock)
                sock.retire()
                return
        self._begin_life(sock)

    def _bind_to(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._loop is not None:
            raise RuntimeError(f"the transport to {self.nameserver} belongs to another event loop")
        self._loop = loop
        self.ring = DeadlineRing(loop)
        self.buffer = bytearray(LARGEST_DATAGRAM)
