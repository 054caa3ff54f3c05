"""The sockets of a test server: one for UDP, one for TCP, on the same port; one for TLS on a port of its own."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
import ssl
import sys
from collections.abc import Sequence
from typing import cast

from aioresolver.testing.query_log import Client
from aioresolver.testing.service import Service
from aioresolver.transports.tls_engine import TlsEngine
from aioresolver.transports.tls_layer import TlsLayer

__all__ = ["TcpListener", "UdpListener", "bind", "bind_stream"]

DRAIN = 64
"""So many queries are taken from the socket before the loop runs on."""
RECEIVE_BUFFER = 4 << 20
SO_RCVBUFFORCE = 33  # Linux; the socket module has no name for it
LARGEST_QUERY = 4096
PORT_TRIES = 50


def bind(address: str, port: int) -> tuple[socket.socket, socket.socket]:
    """A UDP socket and a listening TCP socket on the same port; on a free one if `port` is 0. Raises OSError."""
    tries = 1 if port else PORT_TRIES
    while True:
        tries -= 1
        tcp = bind_stream(address, port)
        udp = socket.socket(tcp.family, socket.SOCK_DGRAM)
        try:
            udp.bind((address, tcp.getsockname()[1]))
        except OSError:
            tcp.close()
            udp.close()
            if not tries:
                raise
        else:
            return udp, tcp


def bind_stream(address: str, port: int) -> socket.socket:
    """A listening TCP socket; on a free port if `port` is 0. Raises OSError."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    tcp = socket.create_server((address, port), family=family, backlog=1024)
    tcp.setblocking(False)
    return tcp


def _enlarge_receive_buffer(udp: socket.socket) -> None:
    """The default buffer holds 256 queries and loses the rest silently."""
    if sys.platform == "linux":
        with contextlib.suppress(PermissionError):
            udp.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, RECEIVE_BUFFER)
            return
    with contextlib.suppress(OSError):  # more than this system allows
        udp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)


class UdpListener:
    """Takes queries from a UDP socket and sends replies from it; forged ones from a socket beside it."""

    transport = "udp"

    def __init__(self, sock: socket.socket, service: Service, loop: asyncio.AbstractEventLoop) -> None:
        self._socket = sock
        self._service = service
        self._loop = loop
        self._elsewhere: socket.socket | None = None
        self._endpoint: asyncio.DatagramTransport | None = None
        sock.setblocking(False)
        _enlarge_receive_buffer(sock)

    async def start(self) -> None:
        """Begin to listen."""
        try:
            self._loop.add_reader(self._socket.fileno(), self._drain)
        except NotImplementedError:  # the Proactor loop of Windows
            self._endpoint, _ = await self._loop.create_datagram_endpoint(lambda: _Datagrams(self), sock=self._socket)

    def close(self) -> None:
        """Stop listening and close the sockets."""
        if self._endpoint is not None:
            self._endpoint.close()
        else:
            self._loop.remove_reader(self._socket.fileno())
            self._socket.close()
        if self._elsewhere is not None:
            self._elsewhere.close()

    def receive(self, query: bytes, client: Client) -> None:
        """Hand a query on."""
        self._service.receive(query, client, self)

    def send(self, wire: bytes, client: Client, *, elsewhere: bool = False) -> None:
        """Send a reply; one that finds no room in the system's buffer is lost, as UDP loses packets."""
        if self._endpoint is not None and not elsewhere:
            self._endpoint.sendto(wire, client)
            return
        try:
            (self._open_elsewhere() if elsewhere else self._socket).sendto(wire, client)
        except OSError as error:
            if error.errno not in _NO_ROOM:
                raise

    def cut(self, wires: Sequence[bytes], after: int) -> None:
        """UDP has no connection to close, so nothing is sent."""

    def _drain(self) -> None:
        receive, recvfrom = self._service.receive, self._socket.recvfrom
        for _ in range(DRAIN):
            try:
                query, client = recvfrom(LARGEST_QUERY)
            except (BlockingIOError, InterruptedError):
                return
            except ConnectionResetError:  # Windows tells so that an earlier reply found nobody
                continue
            receive(query, client, self)

    def _open_elsewhere(self) -> socket.socket:
        """A socket with another address, or with another port where there is no other address."""
        if self._elsewhere is None:
            address, port = self._socket.getsockname()[:2]
            other = socket.socket(self._socket.family, socket.SOCK_DGRAM)
            other.setblocking(False)
            try:
                other.bind(("127.0.0.2" if address == "127.0.0.1" else address, port))
            except OSError:
                other.bind((address, 0))
            self._elsewhere = other
        return self._elsewhere


_NO_ROOM = frozenset({errno.EAGAIN, errno.EWOULDBLOCK, errno.ENOBUFS})


class _Datagrams(asyncio.DatagramProtocol):
    """The way in where the loop has no add_reader."""

    def __init__(self, listener: UdpListener) -> None:
        self._listener = listener

    def datagram_received(self, data: bytes, addr: Client) -> None:
        self._listener.receive(data, addr)


class TcpListener:
    """Takes queries from any number of TCP connections; from TLS connections when it has a `context`."""

    def __init__(
        self,
        sock: socket.socket,
        service: Service,
        loop: asyncio.AbstractEventLoop,
        *,
        idle: float,
        context: ssl.SSLContext | None = None,
    ) -> None:
        self.service = service
        self.loop = loop
        self.idle = idle
        self.transport: str = "tcp" if context is None else "tls"
        self.connections: set[_Connection] = set()
        self._socket = sock
        self._context = context
        self._layers: set[TlsLayer] = set()
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """Begin to listen."""
        self._server = await self.loop.create_server(self._accept, sock=self._socket, backlog=1024)

    async def close(self) -> None:
        """Stop listening and end every connection."""
        if self._server is None:
            self._socket.close()
            return
        self._server.close()
        ended = [connection.ended for connection in self.connections] + [layer.lost for layer in self._layers]
        for layer in self._layers:
            layer.abort()
        for connection in list(self.connections):
            connection.abort()
        await asyncio.gather(*ended)
        await self._server.wait_closed()

    def _accept(self) -> asyncio.Protocol:
        connection = _Connection(self)
        if self._context is None:
            return connection
        layer = TlsLayer(connection, TlsEngine(self._context, server_side=True), loop=self.loop)
        self._layers.add(layer)
        layer.lost.add_done_callback(lambda _: self._layers.discard(layer))
        return layer


class _Connection(asyncio.Protocol):
    """One connection: frames of two bytes of length and a message, as many as come, answered as they come."""

    def __init__(self, listener: TcpListener) -> None:
        self.transport: str = listener.transport
        self._listener = listener
        self._buffer = bytearray()
        self._stream: asyncio.Transport
        self._client: Client = ("", 0)
        self._last = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self.ended: asyncio.Future[None] = listener.loop.create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._stream = cast("asyncio.Transport", transport)  # uvloop's are no instances of it
        self._client = transport.get_extra_info("peername")[:2]
        self._listener.connections.add(self)
        self._last = self._listener.loop.time()
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        self._listener.connections.discard(self)
        if self._timer is not None:
            self._timer.cancel()
        self.ended.set_result(None)

    def data_received(self, data: bytes) -> None:
        self._last = self._listener.loop.time()
        buffer = self._buffer
        buffer += data
        start = 0
        while len(buffer) - start >= 2:
            end = start + 2 + int.from_bytes(buffer[start : start + 2], "big")
            if len(buffer) < end:
                break
            self._listener.service.receive(bytes(buffer[start + 2 : end]), self._client, self)
            start = end
        del buffer[:start]

    def pause_writing(self) -> None:
        """Who does not read replies gets no more of them."""
        self._stream.pause_reading()

    def resume_writing(self) -> None:
        self._stream.resume_reading()

    def send(self, wire: bytes, client: Client, *, elsewhere: bool = False) -> None:
        """Send a reply. A connection has one client and one address."""
        if not self._stream.is_closing():
            self._last = self._listener.loop.time()
            self._stream.write(len(wire).to_bytes(2, "big") + wire)

    def cut(self, wires: Sequence[bytes], after: int) -> None:
        """Send the first bytes of what would be sent and close."""
        if not self._stream.is_closing():
            self._stream.write(b"".join(len(wire).to_bytes(2, "big") + wire for wire in wires)[:after])
            self._stream.close()

    def abort(self) -> None:
        """Close at once."""
        self._stream.abort()

    def _watch(self) -> None:
        """Close the connection when it has been idle for long."""
        loop = self._listener.loop
        rest = self._last + self._listener.idle - loop.time()
        if rest > 0:
            self._timer = loop.call_later(rest, self._watch)
        else:
            self._stream.close()
