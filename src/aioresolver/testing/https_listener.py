"""HttpsListener: takes queries from any number of HTTPS connections (RFC 8484), over HTTP/2 and HTTP/1.1."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

from aioresolver.testing.http_exchange import HttpReply, HttpRequest
from aioresolver.testing.http_sessions import Http1Session, Http2Session, Session
from aioresolver.testing.query_log import Client
from aioresolver.testing.service import Service

if TYPE_CHECKING:
    import socket

    from aioresolver.testing.certificates import Certificate

__all__ = ["HttpsListener"]


class HttpsListener:
    """Takes queries from any number of HTTPS connections, by POST and by GET.

    `most_streams` at once over one HTTP/2 connection; more are refused.
    """

    path: str = "/dns-query"
    most_streams: int = 100

    def __init__(
        self,
        sock: socket.socket,
        service: Service,
        loop: asyncio.AbstractEventLoop,
        *,
        certificate: Certificate,
        idle: float,
    ) -> None:
        self.service = service
        self.loop = loop
        self.idle = idle
        self.handshakes = 0
        self.connections: set[_Connection] = set()
        self._socket = sock
        self._certificate = certificate
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """Begin to listen."""
        self._server = await self.loop.create_server(
            lambda: _Connection(self), sock=self._socket, backlog=1024, ssl=self._context()
        )

    async def close(self) -> None:
        """Stop listening and end every connection."""
        if self._server is None:
            self._socket.close()
            return
        self._server.close()
        ended = [connection.ended for connection in self.connections]
        for connection in list(self.connections):
            connection.abort()
        await asyncio.gather(*ended)
        await self._server.wait_closed()

    def _context(self) -> ssl.SSLContext:
        return self._certificate.server_context(["h2", "http/1.1"])


class _Connection(asyncio.Protocol):
    """One connection: requests, as many as come, answered as their replies come."""

    def __init__(self, listener: HttpsListener) -> None:
        self._listener = listener
        self._stream: asyncio.Transport
        self._session: Session
        self._client: Client = ("", 0)
        self._last = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._flushing = False
        self.ended: asyncio.Future[None] = listener.loop.create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        listener = self._listener
        self._stream = cast("asyncio.Transport", transport)  # uvloop's are no instances of it
        self._client = transport.get_extra_info("peername")[:2]
        if transport.get_extra_info("ssl_object").selected_alpn_protocol() == "h2":
            self._session = Http2Session(self._take, most_streams=listener.most_streams)
        else:
            self._session = Http1Session(self._take)
        listener.handshakes += 1
        listener.connections.add(self)
        self._last = listener.loop.time()
        self._watch()
        self._flush()

    def connection_lost(self, exc: Exception | None) -> None:
        self._listener.connections.discard(self)
        if self._timer is not None:
            self._timer.cancel()
        self._stream.abort()  # Python 3.10 would complain that nobody closed what the client has closed
        self.ended.set_result(None)

    def data_received(self, data: bytes) -> None:
        self._last = self._listener.loop.time()
        goes_on = self._session.receive(data)
        self._flush()
        if not goes_on:
            self._stream.close()

    def pause_writing(self) -> None:
        """Who does not read replies gets no more of them."""
        self._stream.pause_reading()

    def resume_writing(self) -> None:
        self._stream.resume_reading()

    def respond(self, number: int, reply: HttpReply) -> None:
        """Answer a request."""
        if self._stream.is_closing():
            return
        self._session.respond(number, reply)
        if not self._flushing:
            self._flushing = True
            self._listener.loop.call_soon(self._flush)

    def cut(self, number: int, reply: HttpReply) -> None:
        """Send the first bytes of a response and close."""
        self.respond(number, reply)
        self._flush()
        self._stream.close()

    def abort(self) -> None:
        """Close at once."""
        self._stream.abort()

    def _take(self, number: int, request: HttpRequest) -> None:
        query = request.query(self._listener.path)
        if isinstance(query, int):
            self.respond(number, HttpReply(status=query, content_type=""))
        else:
            self._listener.service.receive(query, self._client, _Asker(self, number))

    def _flush(self) -> None:
        self._flushing = False
        if self._stream.is_closing():
            return
        if data := self._session.take():
            self._last = self._listener.loop.time()
            self._stream.write(data)
        if self._session.finished:
            self._stream.close()

    def _watch(self) -> None:
        """Close the connection when it has been idle for long."""
        loop = self._listener.loop
        rest = self._last + self._listener.idle - loop.time()
        if rest > 0:
            self._timer = loop.call_later(rest, self._watch)
        else:
            self._stream.close()


class _Asker:
    """Where one query came from and its reply goes to."""

    __slots__ = ("_connection", "_number")

    transport = "https"

    def __init__(self, connection: _Connection, number: int) -> None:
        self._connection = connection
        self._number = number

    def send(self, wire: bytes, client: Client, *, elsewhere: bool = False) -> None:
        """Send a reply; of several, the first. A connection has one client and one address."""
        self._connection.respond(self._number, wire if isinstance(wire, HttpReply) else HttpReply(wire))

    def cut(self, wires: Sequence[bytes], after: int) -> None:
        """Send the first bytes of what would be sent and close."""
        self._connection.cut(self._number, HttpReply(b"".join(wires), stall_after=after))
