"""QuicListener: the socket of a test server for DNS over QUIC (RFC 9250). Needs the extra `quic`."""

from __future__ import annotations

import asyncio
import socket
from collections import OrderedDict
from collections.abc import Sequence

from aioresolver.testing.certificates import Certificate
from aioresolver.testing.query_log import Client
from aioresolver.testing.service import Service
from aioresolver.transports.quic_codes import INTERNAL_ERROR, NO_ERROR, PROTOCOL_ERROR
from aioresolver.transports.udp_socket import measure_receive_buffer

try:
    from aioquic._buffer import Buffer
    from aioquic.quic.configuration import SMALLEST_MAX_DATAGRAM_SIZE, QuicConfiguration
    from aioquic.quic.connection import QuicConnection
    from aioquic.quic.events import (
        ConnectionIdIssued,
        ConnectionIdRetired,
        ConnectionTerminated,
        HandshakeCompleted,
        QuicEvent,
        StopSendingReceived,
        StreamDataReceived,
        StreamReset,
    )
    from aioquic.quic.packet import QuicPacketType, encode_quic_version_negotiation, pull_quic_header
    from aioquic.tls import SessionTicket, load_pem_private_key, load_pem_x509_certificates
except ImportError as _error:
    raise type(_error)(
        'a test server for DNS over QUIC needs aioquic 1.2 or later: pip install "aioresolver[quic]"', name=_error.name
    ) from _error

__all__ = ["QuicListener"]

DRAIN = 64
"""So many datagrams are taken from the socket before the loop runs on."""
LARGEST_DATAGRAM = 65535
CONNECTION_ID = 8
LONG_HEADER = 0x80
MOST_TICKETS = 1000
FULL = 1100
"""So many bytes of replies are sent at once: aioquic goes through all that is unsent again for each datagram."""


class QuicListener:
    """Takes queries from any number of QUIC connections, each on a stream of its own.

    `handshakes` counts the connections that were made, `resumed` those that resumed a session, and `cancelled` the
    queries that the client gave up.
    """

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
        self.handshakes: int = 0
        self.resumed: int = 0
        self.cancelled: int = 0
        self.connections: dict[bytes, _Connection] = {}
        self._socket = sock
        self._endpoint: asyncio.DatagramTransport | None = None
        self._tickets: OrderedDict[bytes, SessionTicket] = OrderedDict()
        self._configuration = QuicConfiguration(alpn_protocols=["doq"], idle_timeout=idle, is_client=False)
        self._configuration.certificate, *self._configuration.certificate_chain = load_pem_x509_certificates(
            certificate.certificate
        )
        self._configuration.private_key = load_pem_private_key(certificate.key)
        sock.setblocking(False)
        measure_receive_buffer(sock)

    async def start(self) -> None:
        """Begin to listen."""
        try:
            self.loop.add_reader(self._socket.fileno(), self._drain)
        except NotImplementedError:  # the Proactor loop of Windows
            self._endpoint, _ = await self.loop.create_datagram_endpoint(lambda: _Datagrams(self), sock=self._socket)

    async def close(self) -> None:
        """Stop listening and end every connection."""
        self.abort(say_so=True)

    def abort(self, *, say_so: bool = False) -> None:
        """Stop listening, as a machine that loses its power, or with a word to everybody. May be called again."""
        for connection in set(self.connections.values()):
            if say_so:
                connection.close()
            connection.drop()
        self.connections.clear()
        if self._endpoint is not None:
            self._endpoint.close()
        elif self._socket.fileno() >= 0:
            self.loop.remove_reader(self._socket.fileno())
            self._socket.close()

    def receive(self, datagram: bytes, client: Client) -> _Connection | None:
        """Hand a datagram to the connection that it belongs to, which then has to `proceed`."""
        try:
            connection = self._connection_of(datagram, client)
        except ValueError:  # not QUIC at all
            return None
        if connection is not None:
            connection.quic.receive_datagram(datagram, client, now=self.loop.time())
        return connection

    def send(self, datagram: bytes, client: Client) -> None:
        """Send a datagram; one that finds no room in the system's buffer is lost, as UDP loses packets."""
        if self._endpoint is not None:
            self._endpoint.sendto(datagram, client)
            return
        try:
            self._socket.sendto(datagram, client)
        except BlockingIOError:
            return

    def _drain(self) -> None:
        touched: dict[_Connection, None] = {}
        for _ in range(DRAIN):
            try:
                datagram, client = self._socket.recvfrom(LARGEST_DATAGRAM)
            except (BlockingIOError, InterruptedError):
                break
            except ConnectionResetError:  # Windows tells so that an earlier reply found nobody
                continue
            connection = self.receive(datagram, client)
            if connection is not None:
                touched[connection] = None
        for connection in touched:
            connection.proceed()

    def _connection_of(self, datagram: bytes, client: Client) -> _Connection | None:
        if datagram and not datagram[0] & LONG_HEADER:
            return self.connections.get(datagram[1 : 1 + CONNECTION_ID])
        header = pull_quic_header(Buffer(data=datagram), host_cid_length=CONNECTION_ID)
        known = self.connections.get(header.destination_cid)
        if known is not None or len(datagram) < SMALLEST_MAX_DATAGRAM_SIZE:
            return known
        versions = self._configuration.supported_versions
        if header.version is not None and header.version not in versions:
            if header.version:  # no reply to a packet of version negotiation
                offer = encode_quic_version_negotiation(
                    source_cid=header.destination_cid,
                    destination_cid=header.source_cid,
                    supported_versions=list(versions),
                )
                self.send(offer, client)
            return None
        return self._accept(header.destination_cid, client) if header.packet_type == QuicPacketType.INITIAL else None

    def _accept(self, original: bytes, client: Client) -> _Connection:
        connection = _Connection(
            self,
            client[:2],
            QuicConnection(
                configuration=self._configuration,
                original_destination_connection_id=original,
                session_ticket_fetcher=self._find,
                session_ticket_handler=self._keep,
            ),
        )
        self.connections[original] = self.connections[connection.quic.host_cid] = connection
        return connection

    def _find(self, label: bytes) -> SessionTicket | None:
        return self._tickets.pop(label, None)

    def _keep(self, ticket: SessionTicket) -> None:
        self._tickets[ticket.ticket] = ticket
        if len(self._tickets) > MOST_TICKETS:
            self._tickets.popitem(last=False)


class _Datagrams(asyncio.DatagramProtocol):
    """The way in where the loop has no add_reader."""

    def __init__(self, listener: QuicListener) -> None:
        self._listener = listener

    def datagram_received(self, data: bytes, addr: Client) -> None:
        connection = self._listener.receive(data, addr)
        if connection is not None:
            connection.proceed()


class _Connection:
    """One client."""

    def __init__(self, listener: QuicListener, client: Client, quic: QuicConnection) -> None:
        self.quic = quic
        self.client = client
        self._listener = listener
        self._streams: dict[int, _Stream] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._flushing: asyncio.Handle | None = None
        self._collected = 0
        self._over = False

    def proceed(self) -> None:
        """Deal with what aioquic made of the datagrams, and send what it wants sent."""
        event = self.quic.next_event()
        while event is not None and not self._over:
            self._take(event)
            event = self.quic.next_event()
        self.flush()

    def flush(self) -> None:
        """Send what is due, and have aioquic called when it wants to be."""
        if self._flushing is not None:
            self._flushing.cancel()
            self._flushing = None
        self._collected = 0
        if self._over:
            return
        loop = self._listener.loop
        for datagram, address in self.quic.datagrams_to_send(now=loop.time()):
            self._listener.send(datagram, address)
        when = self.quic.get_timer()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if when is not None:
            self._timer = loop.call_at(when, self._ring)

    def write(self, stream: _Stream, data: bytes, *, end: bool) -> None:
        """Send bytes on a stream, unless it was ended before or the client wants no more of it."""
        if self._over or self._streams.get(stream.id) is not stream:
            return
        if end:
            del self._streams[stream.id]
        self.quic.send_stream_data(stream.id, data, end_stream=end)
        self._collected += len(data)
        if self._collected >= FULL:
            self.flush()
        elif self._flushing is None:  # at the end of this turn of the loop: replies share datagrams
            self._flushing = self._listener.loop.call_soon(self.flush)

    def close(self, code: int = NO_ERROR, reason: str = "") -> None:
        """End the connection in words."""
        self.flush()
        self.quic.close(error_code=code, reason_phrase=reason)
        self.flush()

    def drop(self) -> None:
        """Forget the connection."""
        self._over = True
        for handle in (self._timer, self._flushing):
            if handle is not None:
                handle.cancel()
        connections = self._listener.connections
        for id in [id for id, connection in connections.items() if connection is self]:
            del connections[id]

    def _ring(self) -> None:
        self._timer = None
        self.quic.handle_timer(now=self._listener.loop.time())
        self.proceed()

    def _take(self, event: QuicEvent) -> None:
        listener = self._listener
        if isinstance(event, StreamDataReceived):
            self._take_data(event)
        elif isinstance(event, StreamReset):
            self._streams.pop(event.stream_id, None)
        elif isinstance(event, StopSendingReceived):
            listener.cancelled += self._streams.pop(event.stream_id, None) is not None
        elif isinstance(event, HandshakeCompleted):
            listener.handshakes += 1
            listener.resumed += event.session_resumed
        elif isinstance(event, ConnectionIdIssued):
            listener.connections[event.connection_id] = self
        elif isinstance(event, ConnectionIdRetired):
            listener.connections.pop(event.connection_id, None)
        elif isinstance(event, ConnectionTerminated):
            self.drop()

    def _take_data(self, event: StreamDataReceived) -> None:
        id = event.stream_id
        stream = self._streams.get(id)
        if stream is None:
            stream = self._streams[id] = _Stream(self, id)
        received = stream.received
        received += event.data
        if id & 3 or (event.end_stream and not _is_one_message(received)):
            self.close(PROTOCOL_ERROR, "a stream carries one message with id 0")
        elif event.end_stream:
            self._listener.service.receive(bytes(received[2:]), self.client, stream)


class _Stream:
    """The way back for one query."""

    transport = "quic"

    def __init__(self, connection: _Connection, id: int) -> None:
        self.id = id
        self.received: bytearray = bytearray()
        self._connection = connection

    def send(self, wire: bytes, client: Client, *, elsewhere: bool = False) -> None:
        """Send a reply. There is one for each query: what comes after it is not sent."""
        self._connection.write(self, len(wire).to_bytes(2, "big") + wire, end=True)

    def cut(self, wires: Sequence[bytes], after: int) -> None:
        """Send the first bytes of what would be sent and close the connection."""
        frames = b"".join(len(wire).to_bytes(2, "big") + wire for wire in wires)
        self._connection.write(self, frames[:after], end=False)
        self._connection.close(INTERNAL_ERROR)


def _is_one_message(received: bytearray) -> bool:
    return len(received) > 4 and len(received) == 2 + (received[0] << 8 | received[1]) and received[2:4] == b"\0\0"
