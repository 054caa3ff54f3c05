"""StreamConnection: one connection that carries messages behind their length, and the exchanges sent over it."""

from __future__ import annotations

import asyncio
import errno
import ssl
from typing import Protocol, cast

from aioresolver.errors import TransportError
from aioresolver.transports.exchange import Exchange

__all__ = ["StreamConnection"]


class Owner(Protocol):
    """The transport whose connection this is."""

    ignored: int

    def opened(self, connection: StreamConnection) -> None:
        """The connection is there."""

    def answered(self, connection: StreamConnection, exchange: Exchange, reply: bytes) -> None:
        """The reply of an exchange has come."""

    def writable(self, connection: StreamConnection) -> None:
        """The connection takes queries again."""

    def ended(self, connection: StreamConnection, error: TransportError) -> None:
        """Nothing more will come; `pending` holds what got no reply."""

    def closed(self, connection: StreamConnection) -> None:
        """The descriptor is closed."""


class StreamConnection(asyncio.Protocol):
    """One TCP or TLS connection: frames of a 2-byte length and a message (RFC 1035, 4.2.2; RFC 7766, 8).

    Queries are pipelined, and replies come in any order. `replies` counts them; `heard_at` is when the latest one came,
    or when the first query was sent after which none has come yet (the transport keeps it).
    """

    def __init__(self, owner: Owner, *, loop: asyncio.AbstractEventLoop) -> None:
        self.pending: dict[bytes, Exchange] = {}
        self.replies: int = 0
        self.paused: bool = False
        self.leaving: bool = False
        self.over: bool = False
        self.heard_at: float = 0.0
        self._owner = owner
        self._loop = loop
        self._transport: asyncio.Transport | None = None
        self._received = bytearray()  # the beginning of a frame
        self._frame_size = 0  # and its size, as far as it is known
        self._unsent: list[bytes] = []

    def send(self, exchange: Exchange) -> None:
        """Send a query and wait for its reply. What is sent in one turn of the loop leaves in one piece."""
        self.pending[exchange.id] = exchange
        exchange.sends += 1
        exchange.heard = self.replies
        unsent, query = self._unsent, exchange.query
        if not unsent:
            self._loop.call_soon(self._flush)
        unsent.append(len(query).to_bytes(2, "big") + exchange.id + query[2:])

    def leave(self) -> None:
        """Take no more queries; close once nothing waits."""
        self.leaving = True
        if not self.pending:
            self.close()

    def forget(self, exchange: Exchange) -> None:
        """An exchange sent over this connection waits no more."""
        if self.pending.get(exchange.id) is exchange:
            del self.pending[exchange.id]
            if self.leaving and not self.pending:
                self.close()

    def close(self) -> None:
        """Close when all is sent, with TLS's farewell; at once when the nameserver reads no more."""
        self.over = True
        self._unsent.clear()
        transport = self._transport
        if transport is not None:
            if transport.get_write_buffer_size():
                transport.abort()
            else:
                transport.close()

    def abort(self) -> None:
        """Close at once."""
        self.over = True
        self._unsent.clear()
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The connection is there, TLS handshake included."""
        self._transport = cast(asyncio.Transport, transport)
        self._owner.opened(self)

    def data_received(self, data: bytes) -> None:
        """Bytes have come: any part of a frame, or several."""
        received = self._received
        if received:
            received += data
            if len(received) < self._frame_size:
                return
            data = bytes(received)
            received.clear()
        start, size = 0, len(data)
        end = 2
        while size - start >= 2:
            end = start + 2 + (data[start] << 8 | data[start + 1])
            if end > size:
                break
            self._take(data[start + 2 : end])
            start, end = end, end + 2
        if start < size:
            received += data[start:] if start else data
            self._frame_size = end - start

    def eof_received(self) -> None:
        """The nameserver closes its side, so no reply can come any more."""
        self._end(None)

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is closed."""
        self._end(exc)
        self._owner.closed(self)
        self._transport = None  # it knows this protocol: a cycle that only the garbage collector would find

    def pause_writing(self) -> None:
        """The nameserver does not read as fast as we send."""
        self.paused = True

    def resume_writing(self) -> None:
        """The nameserver has caught up."""
        self.paused = False
        self._owner.writable(self)

    def _flush(self) -> None:
        if self._transport is not None and self._unsent and not self.over:
            self._transport.writelines(self._unsent)
        self._unsent.clear()

    def _take(self, reply: bytes) -> None:
        exchange = self.pending.get(reply[:2])
        # Nobody else can write into a connection, so an error that does not repeat the question is believed.
        if exchange is None or not (exchange.matches(reply) or exchange.matches_without_question(reply)):
            self._owner.ignored += 1
            return
        self.replies += 1
        del self.pending[exchange.id]
        self._owner.answered(self, exchange, reply)

    def _end(self, exc: Exception | None) -> None:
        if self.over:
            return
        self.over = True
        code, reason = errno.ECONNRESET, "the nameserver closed the connection"
        if isinstance(exc, ssl.SSLError):
            code, reason = errno.EPROTO, f"the TLS connection broke: {exc.reason or exc}"
        elif isinstance(exc, OSError):
            code, reason = exc.errno or code, f"the connection broke: {exc.strerror or exc}"
        self._owner.ended(self, TransportError(reason, code=code))
        if self._transport is not None:
            # On Python 3.10 a TLS transport that the nameserver closed would complain that nobody closed it.
            self._transport.abort()
