"""QuicTransport: queries to one nameserver over QUIC (RFC 9250), whose certificate is checked. Nothing leaves in clear."""

from __future__ import annotations

import asyncio
import errno
import ssl

from aioresolver.errors import ConfigurationError, TransportError
from aioresolver.flow.deadline_ring import DeadlineRing
from aioresolver.flow.idle_clock import IdleClock
from aioresolver.transports.exchange import MOST_PENDING, Exchange, carriage_error, deadline_error, make_exchange
from aioresolver.transports.nameserver import Nameserver, checked_source
from aioresolver.transports.udp_socket import measure_receive_buffer, open_connected

try:
    from aioresolver.transports.quic_connection import MOST_STREAMS, DoqConnection
    from aioresolver.transports.quic_memory import Memory, make_configuration
    from aioresolver.transports.quic_trust import Trust, trust_for
except ImportError as _error:
    raise ConfigurationError('DNS over QUIC needs aioquic 1.2 or later: pip install "aioresolver[quic]"') from _error

__all__ = ["QuicTransport"]

# On the wire the id is 0 (RFC 9250, 4.2.1).
NO_ID = b"\0\0"
# Few enough for any nameserver. After so many replies twice as many are tried again, each time later.
FEW_STREAMS = 4
PROBATION = 500
LONGER = 8


class QuicTransport:
    """Queries to one nameserver over one QUIC connection, opened at the first query and kept.

    Each query has a stream of its own; when the nameserver allows no more, queries wait. The certificate must be
    valid and carry the nameserver's `hostname`, or its address when it has none. `context` says which authorities are
    trusted, in place of the machine's; of what else it holds, only `verify_mode` counts. With `pins` the key is
    checked, and neither chain nor name.

    A new connection resumes the session of an earlier one. Nothing is sent before the handshake is complete (no
    0-RTT): what is can be recorded and sent again by others. A connection that is idle for `idle_timeout` seconds is
    closed. When one that has answered before is closed, reset or silent, the queries in flight are sent again over a
    new one, more than once only while it answers some of them. `source` is the local IP address to connect from.

    `handshakes` counts the connections that were made, `resumed` those among them that resumed a session, and
    `ignored` the replies that belonged to another question.
    """

    def __init__(
        self,
        nameserver: Nameserver,
        *,
        context: ssl.SSLContext | None = None,
        idle_timeout: float = 10.0,
        source: str | None = None,
    ) -> None:
        if not idle_timeout > 0:
            raise ConfigurationError("idle_timeout must be above 0")
        self.nameserver = nameserver
        self.ignored = 0
        self.handshakes: int = 0
        self.resumed: int = 0
        self.most_streams: int = MOST_STREAMS
        self.memory: Memory = Memory()
        self.endpoints: set[asyncio.Task[None]] = set()
        self.ring: DeadlineRing
        self._idle_timeout = idle_timeout
        self._source = checked_source(source, nameserver)
        # The machine's authorities are on disk: only when they are needed.
        self._trust: Trust | None = None if context is None else trust_for(nameserver, context)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._waiting: dict[Exchange, None] = {}
        self._connection: DoqConnection | None = None
        self._connections: set[DoqConnection] = set()
        self._probation = PROBATION
        self._to_prove = 0
        self._suspect = False
        self._idle = IdleClock(idle_timeout, is_idle=self._is_idle, leave=self._part)
        self._closed = False

    def exchange(self, query: bytes, deadline: float) -> asyncio.Future[bytes]:
        """Send a whole DNS message, and give the reply that matches it; see `Transport.exchange`. The id is 0.

        Raises ValueError when `query` is not a DNS message, and RuntimeError on another event loop than the first.
        """
        loop = asyncio.get_running_loop()
        if loop is not self._loop:
            self._bind_to(loop)
        exchange = make_exchange(query, loop=loop)
        if self._closed:
            exchange.fail(TransportError("the transport is closed", code=errno.ECONNABORTED, local=True))
            return exchange
        if len(self._waiting) >= MOST_PENDING:
            exchange.fail(TransportError("too many queries in flight", code=errno.ENOBUFS, local=True))
            return exchange
        exchange.carrier = self
        exchange.id = NO_ID
        exchange.sends = 0
        exchange.start_timer(self.ring, deadline)
        self._place(exchange)
        return exchange

    async def aclose(self) -> None:
        """Close the connection; exchanges that still wait fail with TransportError. Twice is fine."""
        self._closed = True
        self._connection = None
        closed = TransportError("the transport is closed", code=errno.ECONNABORTED, local=True)
        self._fail_waiting(closed)
        for connection in list(self._connections):
            for exchange in connection.pending.values():
                self.failed(connection, exchange, closed)
            connection.close()
        self._connections.clear()
        if self._loop is not None:
            self.ring.close()
        while self.endpoints:
            await asyncio.wait(self.endpoints)

    @property
    def capacity(self) -> int:
        """How many queries may wait at once; more fail."""
        return MOST_PENDING

    @property
    def in_flight(self) -> int:
        """How many exchanges wait for their reply."""
        return len(self._waiting) + sum(len(connection.pending) for connection in self._connections)

    def forget(self, exchange: Exchange) -> None:
        """Free the stream and the timer of an exchange that ends without a reply."""
        exchange.stop_timer(self.ring)
        if exchange in self._waiting:
            del self._waiting[exchange]
        else:
            for connection in tuple(self._connections):
                connection.forget(exchange)
                if connection.leaving:
                    self._replace(connection)
                self._drop_if_over(connection)
        self._idle.note()

    def expired(self, exchange: Exchange) -> None:
        """The deadline of an exchange has passed."""
        connection = self._connection
        error = deadline_error()
        if connection is not None:
            if connection.partly_answered(exchange):
                error = TransportError("the reply did not end before the deadline", code=errno.ETIMEDOUT)
            if not connection.established:
                self._give_up_connecting(connection, exchange)
            elif exchange in connection.pending.values() and exchange.heard == connection.replies:
                # Not a word since it was sent. Those that wait on the connection may hope on, new ones shall not.
                self._replace(connection)
                connection.leave()
        self.forget(exchange)
        exchange.fail(error)

    def opened(self, connection: DoqConnection, *, resumed: bool) -> None:
        """The handshake is complete, and the certificate is right."""
        self.handshakes += 1
        self.resumed += resumed
        if self._suspect:
            self._suspect = False
            self.memory.blame()

    def writable(self, connection: DoqConnection) -> None:
        """The connection may take more queries."""
        if connection is self._connection:
            self._send_waiting()

    def answered(self, connection: DoqConnection, exchange: Exchange, reply: bytes) -> None:
        """The reply of an exchange has come."""
        exchange.finish(reply, self.ring)
        if self.most_streams < MOST_STREAMS:
            self._prove()
        if not connection.pending:
            self._spent(connection)

    def failed(self, connection: DoqConnection, exchange: Exchange, error: TransportError) -> None:
        """No reply will come to this one."""
        exchange.stop_timer(self.ring)
        exchange.fail(_copy(error))
        if not connection.pending:
            self._spent(connection)

    def exhausted(self, connection: DoqConnection) -> None:
        """The nameserver allows no more streams on this connection."""
        self._replace(connection)
        connection.leave()
        self._drop_if_over(connection)

    def ended(self, connection: DoqConnection, error: TransportError) -> None:
        """The connection is gone: ask again what may be asked again, fail the rest."""
        self._connections.discard(connection)
        if connection is self._connection:
            self._connection = None
            # What is remembered may be to blame: that is so when a connection comes about without it.
            self._suspect = not connection.established and connection.remembered and error.errno != errno.ECONNREFUSED
            if not (connection.established or self._suspect):
                self._fail_waiting(error)
        in_flight = list(connection.pending.values())
        connection.pending.clear()
        if connection.silent and len(in_flight) > FEW_STREAMS:
            self.most_streams = FEW_STREAMS
            self._to_prove = self._probation
            self._probation *= LONGER
        again: list[Exchange] = []
        for exchange in in_flight:
            if connection.replies > exchange.heard or (connection.replies and exchange.sends == 1):
                again.append(exchange)
            else:
                self.failed(connection, exchange, error)
        # They have waited longest.
        self._waiting = dict.fromkeys([*again, *self._waiting])
        if self._waiting and self._connection is None:
            self._connect()

    def _place(self, exchange: Exchange) -> None:
        """Send the exchange as soon as there is a connection that takes it."""
        connection = self._connection
        if connection is not None and not self._waiting and connection.room:
            connection.send(exchange)
            return
        self._waiting[exchange] = None
        if connection is None or connection.leaving:
            self._connect()
        else:
            connection.hope()

    def _send_waiting(self) -> None:
        waiting, connection = self._waiting, self._connection
        while waiting and connection is not None and connection.room:
            exchange = next(iter(waiting))
            del waiting[exchange]
            connection.send(exchange)
        if waiting and connection is not None:
            connection.hope()

    def _prove(self) -> None:
        """After a silence: so many replies, and more streams are tried again."""
        self._to_prove -= 1
        if not self._to_prove:
            self._to_prove = self._probation
            self.most_streams *= 2

    def _connect(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            if self._trust is None:
                self._trust = trust_for(self.nameserver, None)
            connected = open_connected(self.nameserver, source=self._source)
        except OSError as error:
            self._fail_waiting(carriage_error("no connection to the nameserver", error))
            return
        measure_receive_buffer(connected)
        memory = Memory() if self._suspect else self.memory
        configuration = make_configuration(self.nameserver, self._trust, idle_timeout=self._idle_timeout, memory=memory)
        self._connection = DoqConnection(self, connected, configuration, nameserver=self.nameserver, loop=loop)
        self._connections.add(self._connection)

    def _replace(self, connection: DoqConnection) -> None:
        """Send no more queries over this connection; those that wait have another."""
        if connection is self._connection:
            self._connection = None
            if self._waiting:
                self._connect()

    def _give_up_connecting(self, connection: DoqConnection, exchange: Exchange) -> None:
        """Nobody waits for a connection any more to whom nobody has said a word: the next query begins a new one."""
        if not connection.heard and self._waiting.keys() <= {exchange}:
            self._connection = None
            connection.close()
            self._drop_if_over(connection)

    def _fail_waiting(self, error: TransportError) -> None:
        failed = list(self._waiting)
        self._waiting.clear()
        for exchange in failed:
            exchange.stop_timer(self.ring)
            exchange.fail(_copy(error))

    def _spent(self, connection: DoqConnection) -> None:
        """Nothing waits on the connection: close it if it shall be left, or after a while."""
        connection.close_if_spent()
        self._drop_if_over(connection)
        self._idle.note()

    def _drop_if_over(self, connection: DoqConnection) -> None:
        if connection.over:
            self._connections.discard(connection)
            if connection is self._connection:
                self._connection = None

    def _is_idle(self) -> bool:
        """Whether there is a connection, and nothing is in flight."""
        connection = self._connection
        return connection is not None and not connection.pending and not self._waiting

    def _part(self) -> None:
        """It was idle for too long."""
        connection = self._connection
        assert connection is not None
        self._connection = None
        connection.leave()
        self._drop_if_over(connection)

    def _bind_to(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._loop is not None:
            raise RuntimeError(f"the transport to {self.nameserver} belongs to another event loop")
        self._loop = loop
        self.ring = DeadlineRing(loop)
        self._idle.bind(self.ring, loop.time)


def _copy(error: TransportError) -> TransportError:
    """An error is raised once only: raising adds to its traceback."""
    return TransportError(str(error.strerror), code=error.errno or errno.EIO, local=error.local)
