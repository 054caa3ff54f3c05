"""TcpTransport: queries to one nameserver over one kept TCP connection."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
from collections.abc import Callable

from aioresolver.errors import ConfigurationError, TransportError
from aioresolver.flow.deadline_ring import DeadlineRing
from aioresolver.flow.idle_clock import IdleClock
from aioresolver.transports.exchange import (
    MOST_PENDING,
    Exchange,
    Numbers,
    carriage_error,
    deadline_error,
    make_exchange,
)
from aioresolver.transports.nameserver import Nameserver, checked_source
from aioresolver.transports.stream import StreamConnection

__all__ = ["TcpTransport"]

MOST_IDLE = 300.0
"""So many seconds an idle connection is kept at most, whatever the nameserver offers."""
QUIET = 2.0
"""When a query has waited so many seconds, and nothing has come since, new ones go over a new connection."""
PARTING = 1.0
"""A nameserver that reads nothing more has so many seconds to hear that we are going."""
STALLED = 2.0
"""When a query expires that waited for a connection, an attempt that is so old is given up for a new one."""


class TcpTransport:
    """Queries to one nameserver over one TCP connection, opened at the first query and kept (RFC 7766).

    Queries are pipelined and replies may come in any order: a reply is matched by id, opcode and question. A reply
    with the id but no question at all is taken too, because off the path nobody can write into a connection.
    A connection that is idle for `idle_timeout` seconds is closed, or for as long as the nameserver says. When the
    nameserver closes one that has answered before, the queries in flight are sent again over a new one, more than once
    only while it answers some of them. When it has fallen silent, as it does where a router on the way has forgotten
    the connection, new queries go over a new one. `source` is the local IP address to connect from.

    `ignored` counts the messages that matched no query, `handshakes` the connections made.
    """

    resumed: int = 0
    """How many of the connections began with what was known from an earlier one; without TLS there is nothing."""

    def __init__(self, nameserver: Nameserver, *, idle_timeout: float = 10.0, source: str | None = None) -> None:
        if not idle_timeout > 0:
            raise ConfigurationError("idle_timeout must be above 0")
        self.nameserver = nameserver
        self.ignored = 0
        self.handshakes: int = 0
        self._idle_timeout = idle_timeout
        self._source = checked_source(source, nameserver)
        self._numbers = Numbers()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._now: Callable[[], float]
        self._ring: DeadlineRing
        self._waiting: dict[bytes, Exchange] = {}
        self._connection: StreamConnection | None = None
        self._connections: set[StreamConnection] = set()
        self._connecting: asyncio.Task[None] | None = None
        self._connecting_since = 0.0
        self._tasks: set[asyncio.Task[None]] = set()
        self._idle = IdleClock(idle_timeout, is_idle=self._is_idle, leave=self._part)
        self._gone = asyncio.Event()
        self._closed = False

    def exchange(self, query: bytes, deadline: float) -> asyncio.Future[bytes]:
        """Send a whole DNS message, and give the reply that matches it; see `Transport.exchange`.

        Raises ValueError when `query` is not a DNS message, and RuntimeError on another event loop than the first.
        """
        loop = asyncio.get_running_loop()
        if loop is not self._loop:
            self._bind_to(loop)
        exchange = make_exchange(query, loop=loop)
        if self._closed:
            exchange.fail(TransportError("the transport is closed", code=errno.ECONNABORTED, local=True))
            return exchange
        connection = self._connection
        if len(self._waiting) + (len(connection.pending) if connection is not None else 0) >= MOST_PENDING:
            exchange.fail(TransportError("too many queries in flight", code=errno.ENOBUFS, local=True))
            return exchange
        exchange.carrier = self
        exchange.sends = 0
        exchange.start_timer(self._ring, deadline)
        self._place(exchange)
        return exchange

    def keep_alive(self, seconds: float) -> None:
        """Keep the connection open for so long while it is idle, as the nameserver has said (RFC 7828); 0 ends it.

        It holds for the present connection. One that ends takes no more queries, and closes when none is in flight.
        """
        connection = self._connection
        if connection is None or self._loop is None:
            return
        if seconds <= 0:
            self._retire(connection)
            return
        self._idle.change(min(seconds, MOST_IDLE))

    async def aclose(self) -> None:
        """Close the connection; exchanges that still wait fail with TransportError. Twice is fine."""
        self._closed = True
        self._connection = None
        self._fail(self._waiting, "the transport is closed")
        for connection in self._connections:
            self._fail(connection.pending, "the transport is closed")
            connection.close()
        self._connecting = None
        for task in self._tasks:
            task.cancel()
        if self._loop is not None:
            self._ring.close()
        while self._tasks:
            await asyncio.wait(self._tasks)
        if self._loop is None:
            return
        impatience = self._loop.call_later(PARTING, self._abort)
        try:
            while self._descriptors():  # each goes when it is closed, in the next turns of the loop
                self._gone.clear()
                await self._gone.wait()
        finally:
            impatience.cancel()

    @property
    def capacity(self) -> int:
        """How many queries may wait at once; more fail."""
        return MOST_PENDING

    @property
    def in_flight(self) -> int:
        """How many exchanges wait for their reply."""
        return len(self._waiting) + sum(len(connection.pending) for connection in self._connections)

    def forget(self, exchange: Exchange) -> None:
        """Free the id and the timer of an exchange that ends without a reply."""
        exchange.stop_timer(self._ring)
        if self._waiting.get(exchange.id) is exchange:
            del self._waiting[exchange.id]
            if not self._waiting and self._connecting is not None:
                self._connecting.cancel()
                self._connecting = None
        for connection in tuple(self._connections):
            connection.forget(exchange)
        self._idle.note()

    def expired(self, exchange: Exchange) -> None:
        """The deadline of an exchange has passed."""
        connection = self._connection
        if connection is not None and connection.pending.get(exchange.id) is exchange:
            if exchange.heard == connection.replies:
                # Not a word since it was sent: the connection may be dead without our knowing. Those that wait on it
                # may hope on, new ones shall not.
                self._retire(connection)
        elif self._connecting is not None and self._now() - self._connecting_since >= STALLED:
            self._connecting.cancel()
            self._connecting = None
        self.forget(exchange)
        exchange.fail(deadline_error())
        if self._waiting and self._connection is None:
            self._connect()

    def opened(self, connection: StreamConnection) -> None:
        """The descriptor of the connection is open."""
        self._connections.add(connection)

    def answered(self, connection: StreamConnection, exchange: Exchange, reply: bytes) -> None:
        """The reply of an exchange has come."""
        exchange.finish(reply, self._ring)
        connection.heard_at = self._now()
        if connection.leaving:
            connection.leave()
        else:
            self._idle.note()

    def writable(self, connection: StreamConnection) -> None:
        """The connection takes queries again."""
        if connection is self._connection:
            self._send_waiting()

    def ended(self, connection: StreamConnection, error: TransportError) -> None:
        """The nameserver closed the connection: ask again what may be asked again, fail the rest."""
        if connection is self._connection:
            self._connection = None
        in_flight = list(connection.pending.values())
        connection.pending.clear()
        for exchange in in_flight:
            # Whoever answers some and closes then, as dnsmasq does after each hundred, shall be asked for the rest.
            if connection.replies > exchange.heard or (connection.replies and exchange.sends == 1):
                self._place(exchange)
            else:
                exchange.stop_timer(self._ring)
                exchange.fail(TransportError(str(error.strerror), code=error.errno or errno.EIO))
        if self._waiting and self._connection is None:
            self._connect()

    def closed(self, connection: StreamConnection) -> None:
        """The descriptor of the connection is closed."""
        self._connections.discard(connection)
        self._gone.set()

    def _new_connection(self, loop: asyncio.AbstractEventLoop) -> StreamConnection:
        """What speaks over the socket."""
        return StreamConnection(self, loop=loop)

    def _protocol(self, connection: StreamConnection, loop: asyncio.AbstractEventLoop) -> asyncio.Protocol:
        """What the loop speaks to: the connection itself, when there is nothing between."""
        return connection

    async def _ready(self, protocol: asyncio.Protocol) -> None:
        """Wait until queries may be sent; raises OSError."""

    def _descriptors(self) -> int:
        """How many are open."""
        return len(self._connections)

    def _abort(self) -> None:
        """Close all of them at once."""
        for connection in tuple(self._connections):
            connection.abort()

    def _explain(self, error: OSError) -> TransportError:
        """Why there is no connection."""
        return carriage_error("no connection to the nameserver", error)

    def _place(self, exchange: Exchange) -> None:
        """Give the exchange a free id, and send it as soon as there is a connection that takes it."""
        connection = self._connection
        if connection is not None:
            now = self._now()
            if not connection.pending:
                connection.heard_at = now
            elif now - connection.heard_at > QUIET:
                self._retire(connection)
                connection = None
        sent = connection.pending if connection is not None else {}
        exchange.id, _ = self._numbers.draw()
        while exchange.id in sent or exchange.id in self._waiting:
            exchange.id, _ = self._numbers.draw()
        if connection is not None and not connection.paused:
            connection.send(exchange)
            return
        self._waiting[exchange.id] = exchange
        if connection is None:
            self._connect()

    def _retire(self, connection: StreamConnection) -> None:
        """Send nothing more over a connection; it closes when none waits for a reply."""
        if connection is self._connection:
            self._connection = None
        connection.leave()

    def _send_waiting(self) -> None:
        while self._waiting and self._connection is not None and not self._connection.paused:
            self._connection.send(self._waiting.pop(next(iter(self._waiting))))

    def _connect(self) -> None:
        """Begin to connect, unless that is under way: one connection for all who wait."""
        if self._connecting is not None and not self._connecting.done():
            return
        task = asyncio.get_running_loop().create_task(self._establish())
        if task.done():  # an eager task factory ran it
            return
        self._connecting, self._connecting_since = task, self._now()
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _establish(self) -> None:
        try:
            connection = await self._open()
        except OSError as error:
            self._connecting = None
            reason = self._explain(error)
            self._fail(self._waiting, str(reason.strerror), code=reason.errno or errno.EIO, local=reason.local)
            return
        self._connecting = None
        if connection.over:
            self._fail(self._waiting, "the nameserver closed the connection", code=errno.ECONNRESET, local=False)
            return
        self._connection = connection
        self._idle.seconds = self._idle_timeout
        connection.heard_at = self._now()
        self._send_waiting()

    async def _open(self) -> StreamConnection:
        loop = asyncio.get_running_loop()
        connection = self._new_connection(loop)
        protocol = self._protocol(connection, loop)
        sock = socket.socket(self.nameserver.family, socket.SOCK_STREAM)
        try:
            sock.setblocking(False)
            if hasattr(socket, "TCP_USER_TIMEOUT"):  # Linux tells so soon that what was sent has not arrived
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(QUIET * 1000))
            if self._source is not None:
                sock.bind((self._source, 0))
            await loop.sock_connect(sock, self.nameserver.sockaddr)
        except BaseException:
            sock.close()
            raise
        await _hand_over(sock, protocol, loop)
        await self._ready(protocol)
        self.handshakes += 1
        return connection

    def _fail(
        self, exchanges: dict[bytes, Exchange], reason: str, *, code: int = errno.ECONNABORTED, local: bool = True
    ) -> None:
        failed = list(exchanges.values())
        exchanges.clear()
        for exchange in failed:
            exchange.stop_timer(self._ring)
            exchange.fail(TransportError(reason, code=code, local=local))

    def _is_idle(self) -> bool:
        """Whether there is a connection, and nothing is in flight."""
        connection = self._connection
        return connection is not None and not connection.pending and not self._waiting

    def _part(self) -> None:
        """It was idle for too long."""
        assert self._connection is not None
        self._retire(self._connection)

    def _bind_to(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._loop is not None:
            raise RuntimeError(f"the transport to {self.nameserver} belongs to another event loop")
        self._loop = loop
        self._now = loop.time
        self._ring = DeadlineRing(loop)
        self._idle.bind(self._ring, loop.time)


async def _hand_over(sock: socket.socket, protocol: asyncio.Protocol, loop: asyncio.AbstractEventLoop) -> None:
    """Have the loop speak for a connected socket.

    That takes a turn or two of the loop. When it is interrupted, uvloop tells the protocol of the connection, but never
    of its end: so it is left to end first.
    """
    making = loop.create_task(loop.create_connection(lambda: protocol, sock=sock))
    try:
        await asyncio.shield(making)
    except asyncio.CancelledError:
        while not making.done():
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.wait([making])
        if not making.cancelled() and making.exception() is None:
            making.result()[0].abort()
        raise
