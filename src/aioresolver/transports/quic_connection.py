"""DoqConnection: one QUIC connection over one connected UDP socket; every query has a stream of its own (RFC 9250)."""

from __future__ import annotations

import asyncio
import errno
import hmac
import socket
import ssl
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any, Protocol

from aioquic.quic.configuration import QuicConfiguration
from aioquic.quic.connection import QuicConnection
from aioquic.quic.events import (
    ConnectionTerminated,
    HandshakeCompleted,
    PingAcknowledged,
    QuicEvent,
    StreamDataReceived,
    StreamReset,
)
from aioquic.tls import Epoch, SessionTicket

from aioresolver.errors import TransportError
from aioresolver.flow.deadline_ring import DeadlineRing
from aioresolver.transports.datagram_endpoint import DatagramEndpoint
from aioresolver.transports.exchange import Exchange, carriage_error
from aioresolver.transports.nameserver import Nameserver
from aioresolver.transports.quic_codes import PROTOCOL_ERROR, REQUEST_CANCELLED, describe
from aioresolver.transports.quic_trust import Trust, certificate_fault, certificate_reason

__all__ = ["DoqConnection", "Memory", "make_configuration"]

# Datagrams read in one turn of the loop.
DRAIN = 64
LARGEST_DATAGRAM = 65535
# Streams open at once: beyond, aioquic spends more on looking through them than on the queries.
MOST_STREAMS = 128
# So many at first, and one more with each reply: Knot 3.4 allows a thousand, and falls silent when there are eleven.
FIRST_STREAMS = 8
# As much as fills a datagram is sent at once: aioquic goes through all that is unsent again for each of them.
FULL = 1100
FRAME_HEAD = 8
LARGEST_FRAME = 2 + 65535
# Twice the largest reply and more, so that no reply waits for permission to go on.
STREAM_WINDOW = 4 * LARGEST_FRAME
# Silence of this many handshakes' time, within these bounds in seconds, makes us knock, and as much again gives up.
PATIENCE = 4
LEAST_PATIENCE = 0.2
MOST_PATIENCE = 2.0
# No connection goes to sleep between two signs of life.
LEAST_IDLE = 5.0
# A stateless reset looks like any packet but for its last bytes (RFC 9000, 10.3).
RESET_TOKEN = 16
SMALLEST_RESET = 21
LONG_HEADER = 0x80
# What is remembered for the next connection, and used once.
MOST_REMEMBERED = 4
# Alerts of TLS as errors of QUIC (RFC 9001, 4.8).
BAD_CERTIFICATE = 0x100 + 42
CERTIFICATE_ALERTS = range(BAD_CERTIFICATE, 0x100 + 49)
NO_PROTOCOL = 0x100 + 120
CRYPTO_FRAME = 6


class Memory:
    """What a nameserver gave for the next connection: tickets that resume a session, and tokens (RFC 9000, 8.1.3).

    Only of one whose certificate was right: whoever resumes a session shows none. Each is used once, so that nobody
    on the path can link connections by them. Where they do harm (Knot 3.4 takes its own tokens amiss, and after a
    restart says nothing to who has one), they are given up: tokens first, then tickets.
    """

    def __init__(self) -> None:
        self.tickets: deque[SessionTicket] = deque(maxlen=MOST_REMEMBERED)
        self.tokens: deque[bytes] = deque(maxlen=MOST_REMEMBERED)

    def blame(self) -> None:
        """A connection that began with what is remembered has come to nothing."""
        if self.tokens.maxlen:
            self.tokens = deque(maxlen=0)
        else:
            self.tickets = deque(maxlen=0)

    def keep(self, gifts: Iterable[SessionTicket | bytes]) -> None:
        """Remember these, without the permission to send before the handshake: such data can be replayed."""
        for gift in gifts:
            if isinstance(gift, bytes):
                self.tokens.append(gift)
            else:
                gift.max_early_data_size = None
                self.tickets.append(gift)


class Owner(Protocol):
    """The transport whose connection this is."""

    ignored: int
    most_streams: int
    ring: DeadlineRing
    memory: Memory
    endpoints: set[asyncio.Task[None]]

    def opened(self, connection: DoqConnection, *, resumed: bool) -> None:
        """The handshake is complete, and the certificate is right."""

    def writable(self, connection: DoqConnection) -> None:
        """The connection may take more queries."""

    def answered(self, connection: DoqConnection, exchange: Exchange, reply: bytes) -> None:
        """The reply of an exchange has come."""

    def failed(self, connection: DoqConnection, exchange: Exchange, error: TransportError) -> None:
        """No reply will come to this one; the connection goes on."""

    def exhausted(self, connection: DoqConnection) -> None:
        """The nameserver allows no more streams, though all have ended: Knot 3.4 has 1024 for each connection."""

    def ended(self, connection: DoqConnection, error: TransportError) -> None:
        """Nothing more will come; `pending` holds what got no reply. The socket is closed."""


class DoqConnection:
    """One QUIC connection to a nameserver, and the exchanges that wait on its streams.

    Whoever is silent for long is asked for a sign of life, and is given up without one.
    """

    def __init__(
        self,
        owner: Owner,
        connected: socket.socket,
        configuration: QuicConfiguration,
        *,
        nameserver: Nameserver,
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        self.pending: dict[int, Exchange] = {}
        self.replies: int = 0
        self.remembered: bool = configuration.session_ticket is not None or bool(configuration.token)
        self.established: bool = False
        self.heard: bool = False
        self.silent: bool = False
        self.streams: int = min(FIRST_STREAMS, owner.most_streams)
        self.leaving: bool = False
        self.over: bool = False
        self._owner = owner
        self._connected = connected
        self._nameserver = nameserver
        self._loop = loop
        self._partial: dict[int, bytearray] = {}
        self._cancelled: set[int] = set()
        self._gifts: list[SessionTicket | bytes] = []
        self._unsent: deque[bytes] = deque()
        self._flushing = False
        self._collected = 0
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = 0.0
        self._watch_token: Any = None
        self._hope_token: Any = None
        self._knocked = False
        self._quiet = True
        self._began = loop.time()
        self._patience = LEAST_PATIENCE
        self._endpoint: DatagramEndpoint | None = None
        self._send: Callable[[bytes], object] = connected.send
        self._address = connected.getpeername()
        self._quic = QuicConnection(
            configuration=configuration,
            session_ticket_handler=self._gifts.append,
            token_handler=self._gifts.append,
        )
        self._attach()
        self._quic.connect(self._address, now=self._began)
        if self.remembered:
            self._watch_token = owner.ring.add(self._began + LEAST_PATIENCE, self._watch_beginning)
        self._flush()

    @property
    def room(self) -> bool:
        """Whether one more query may be sent: the nameserver allows so many streams, and we want no more than some."""
        return (
            self.established
            and not self.leaving
            and len(self.pending) + len(self._cancelled) < self.streams
            and self._may_open_stream
        )

    def send(self, exchange: Exchange) -> None:
        """Send a query on a new stream and wait for its reply; only when there is `room`."""
        stream = self._quic.get_next_available_stream_id()
        self.pending[stream] = exchange
        exchange.sends += 1
        exchange.heard = self.replies
        self._quic.send_stream_data(stream, len(exchange.query).to_bytes(2, "big") + exchange.wire, end_stream=True)
        if self._watch_token is None:
            self._knocked = self._quiet = False
            self._watch()
        self._collected += len(exchange.query) + FRAME_HEAD
        if self._collected >= FULL:
            self._flush()
        else:
            self._flush_soon()

    def forget(self, exchange: Exchange) -> None:
        """An exchange sent over this connection waits no more: the nameserver need not answer (RFC 9250, 5.3)."""
        stream = next((stream for stream, waiting in self.pending.items() if waiting is exchange), None)
        if stream is None:
            return
        del self.pending[stream]
        self._partial.pop(stream, None)
        self._cancelled.add(stream)
        self._quic.stop_stream(stream, REQUEST_CANCELLED)
        self._quic.reset_stream(stream, REQUEST_CANCELLED)
        self._flush_soon()
        if len(self._cancelled) > self.streams // 2:  # the nameserver does not end what nobody waits for
            self.leaving = True
        self.close_if_spent()

    def hope(self) -> None:
        """Queries wait for room. If all streams have ended, the nameserver has a moment to allow more of them."""
        if self._hope_token is None and self.established and not (self.pending or self._may_open_stream):
            self._hope_token = self._owner.ring.add(self._loop.time() + self._patience / PATIENCE, self._despair)

    def partly_answered(self, exchange: Exchange) -> bool:
        """Whether some bytes of its reply have come."""
        return any(self.pending.get(stream) is exchange for stream in self._partial)

    def leave(self) -> None:
        """Take no more queries; close once nothing waits."""
        self.leaving = True
        self.close_if_spent()

    def close_if_spent(self) -> None:
        """Close when nothing waits and nothing shall."""
        if self.leaving and not self.pending:
            self.close()

    def close(self, code: int = 0, reason: str = "") -> None:
        """Say good-bye and close at once."""
        if self.over:
            return
        self._quic.close(error_code=code, reason_phrase=reason)
        self._flush()
        self._detach()

    def take(self, reply: bytes) -> None:
        """A datagram has come."""
        self._receive(reply)
        self._proceed()

    def flush(self) -> None:
        """Send what the socket would not take before."""
        if self._endpoint is None:
            self._loop.remove_writer(self._connected.fileno())
        self._send_datagrams()
        if not self._unsent:
            self._flush()

    def broken(self, error: OSError, *, usable: bool = False) -> None:
        """The socket reports an error, such as an ICMP message."""
        self._end(carriage_error("the nameserver cannot be reached", error, local=_local(error)))

    @property
    def _may_open_stream(self) -> bool:
        quic = self._quic
        return bool(quic.get_next_available_stream_id() >> 2 < quic._remote_max_streams_bidi)

    def _despair(self) -> None:
        self._hope_token = None
        if not (self.pending or self._may_open_stream):
            self._owner.exhausted(self)

    def _attach(self) -> None:
        try:
            self._loop.add_reader(self._connected.fileno(), self._drain)
        except NotImplementedError:  # the Proactor of Windows
            self._endpoint = DatagramEndpoint(self, self._connected)
            self._send = self._endpoint.send
            task = self._loop.create_task(self._endpoint.run(self._loop))
            self._owner.endpoints.add(task)
            task.add_done_callback(self._owner.endpoints.discard)

    def _detach(self) -> None:
        """Close the socket, stop the timers."""
        self.over = True
        self._unsent.clear()
        self._partial.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for token in (self._watch_token, self._hope_token):
            if token is not None:
                self._owner.ring.discard(token)
        self._watch_token = self._hope_token = None
        if self._endpoint is not None:
            self._endpoint.close()
        else:
            self._loop.remove_reader(self._connected.fileno())
            self._loop.remove_writer(self._connected.fileno())
            self._connected.close()

    def _end(self, error: TransportError) -> None:
        if not self.over:
            self._detach()
            self._owner.ended(self, error)

    def _drain(self) -> None:
        receive = self._connected.recv
        for _ in range(DRAIN):
            try:
                datagram = receive(LARGEST_DATAGRAM)
            except (BlockingIOError, InterruptedError):
                break
            except OSError as error:
                self.broken(error)
                return
            self._receive(datagram)
        self._proceed()

    def _receive(self, datagram: bytes) -> None:
        if self.over:
            return
        if self._is_reset(datagram):
            self._end(TransportError("the nameserver knows nothing of the connection", code=errno.ECONNRESET))
            return
        try:
            self._quic.receive_datagram(datagram, self._address, now=self._loop.time())
        except Exception as error:  # noqa: BLE001 - whatever aioquic stumbles over, the nameserver sent it
            self._end(TransportError(f"the nameserver sent what is not QUIC: {error!r}", code=errno.EPROTO))

    def _is_reset(self, datagram: bytes) -> bool:
        if len(datagram) < SMALLEST_RESET or datagram[0] & LONG_HEADER:
            return False
        quic = self._quic
        token = datagram[-RESET_TOKEN:]
        return any(
            hmac.compare_digest(each.stateless_reset_token, token)
            for each in (quic._peer_cid, *quic._peer_cid_available)
        )

    def _proceed(self) -> None:
        """Deal with what aioquic made of the datagrams, and send what it wants sent."""
        if self.over:
            return
        event = self._quic.next_event()
        while event is not None and not self.over:
            self._take_event(event)
            event = self._quic.next_event()
        if self.over:
            return
        if self._quic._close_event is not None:
            self._terminated(self._quic._close_event)
            return
        if self._gifts and self.established:
            self._owner.memory.keep(self._gifts)
            self._gifts.clear()
        self._flush()
        self._owner.writable(self)

    def _take_event(self, event: QuicEvent) -> None:
        if isinstance(event, StreamDataReceived):
            self._take_data(event)
        elif isinstance(event, PingAcknowledged):
            self._quiet = False
        elif isinstance(event, StreamReset):
            self._take_reset(event)
        elif isinstance(event, HandshakeCompleted):
            self._take_handshake(event)
        elif isinstance(event, ConnectionTerminated):
            self._terminated(event)
        else:
            self.heard = True

    def _take_data(self, event: StreamDataReceived) -> None:
        self._quiet = False
        stream, data = event.stream_id, event.data
        exchange = self.pending.get(stream)
        if exchange is None:
            if stream & 3:
                self._break_off("a stream that we did not open")
            elif event.end_stream:
                self._cancelled.discard(stream)
            return
        if stream in self._partial:
            self._partial[stream] += data
            data = bytes(self._partial[stream])
        size = len(data) - 2
        wanted = data[0] << 8 | data[1] if size >= 0 else LARGEST_FRAME
        if size > wanted:
            self._break_off("more than one message on a stream", culprit=stream)
        elif not event.end_stream:
            self._partial[stream] = bytearray(data)
        elif size < wanted:
            self._break_off("a stream that ends within a message", culprit=stream)
        else:
            self._partial.pop(stream, None)
            self._take_reply(stream, exchange, data[2:])

    def _take_reply(self, stream: int, exchange: Exchange, reply: bytes) -> None:
        self.replies += 1
        self.streams = min(self.streams + 1, self._owner.most_streams)
        if reply[:2] != b"\0\0":
            self._break_off("a message with an id", culprit=stream)
            return
        del self.pending[stream]
        if exchange.matches(reply) or exchange.matches_without_question(reply):
            self._owner.answered(self, exchange, reply)
        else:
            self._owner.ignored += 1
            error = TransportError("the reply belongs to another question", code=errno.EPROTO)
            self._owner.failed(self, exchange, error)

    def _take_reset(self, event: StreamReset) -> None:
        self._quiet = False
        self._cancelled.discard(event.stream_id)
        self._partial.pop(event.stream_id, None)
        exchange = self.pending.pop(event.stream_id, None)
        if exchange is not None:
            reason = f"the nameserver cancelled the reply: {describe(event.error_code)}"
            self._owner.failed(self, exchange, TransportError(reason, code=errno.ECONNRESET))

    def _take_handshake(self, event: HandshakeCompleted) -> None:
        self.heard = True
        if event.alpn_protocol != "doq":
            self._quic.close(
                error_code=NO_PROTOCOL, frame_type=CRYPTO_FRAME, reason_phrase="it speaks no DNS over QUIC"
            )
            return
        if not event.session_resumed:
            fault = certificate_fault(self._quic.tls._peer_certificate, self._nameserver)
            if fault is not None:
                self._quic.close(error_code=BAD_CERTIFICATE, frame_type=CRYPTO_FRAME, reason_phrase=fault)
                return
        if self._watch_token is not None:
            self._owner.ring.discard(self._watch_token)
            self._watch_token = None
        self._patience = min(max(PATIENCE * (self._loop.time() - self._began), LEAST_PATIENCE), MOST_PATIENCE)
        self.established = True
        self._owner.opened(self, resumed=event.session_resumed)

    def _break_off(self, what: str, *, culprit: int | None = None) -> None:
        """End the connection, as RFC 9250, 4.3.3 wants it when the other side breaks the rules."""
        error = TransportError(f"the nameserver broke the rules of DNS over QUIC: {what}", code=errno.EPROTO)
        exchange = self.pending.pop(culprit, None) if culprit is not None else None
        if exchange is not None:
            self._owner.failed(self, exchange, error)
        if not self.over:
            self._quic.close(error_code=PROTOCOL_ERROR, reason_phrase=what)
            self._flush()
            self._end(error)

    def _terminated(self, event: ConnectionTerminated) -> None:
        """The connection is at its end: aioquic found something wrong, or the nameserver has closed it."""
        ours = self._quic._close_pending
        self._flush()
        code, reason = errno.ECONNRESET, event.reason_phrase
        if ours and event.error_code in CERTIFICATE_ALERTS:
            code = errno.EPROTO
            reason = certificate_reason(event.error_code, reason)
            text = f"the certificate of {self._nameserver} is not valid: {reason}"
        elif reason == "Idle timeout":
            code, text = errno.ETIMEDOUT, "the nameserver does not answer"
        elif not self.established:
            code, text = errno.EPROTO, f"no QUIC with {self._nameserver}: {reason or describe(event.error_code)}"
        elif ours:
            code, text = errno.EPROTO, f"the nameserver broke the rules of QUIC: {reason}"
        else:
            text = f"the nameserver closed the connection: {reason or describe(event.error_code)}"
        self._end(TransportError(text, code=code))

    def _watch_beginning(self) -> None:
        """What we remembered may be the reason why nothing at all comes back."""
        self._watch_token = None
        if not self.heard:
            self._end(TransportError("the nameserver does not answer", code=errno.ETIMEDOUT))

    def _watch(self) -> None:
        """As long as something waits, look from time to time whether the nameserver is there."""
        self._watch_token = None
        if self.over or not self.pending:
            return
        if not self._quiet:
            self._knocked = False
        elif self._knocked:
            self.silent = True
            self._end(TransportError("the nameserver has fallen silent", code=errno.ETIMEDOUT))
            return
        else:
            self._knocked = True
            self._quic.send_ping(0)
            self._flush_soon()
        self._quiet = True
        self._watch_token = self._owner.ring.add(self._loop.time() + self._patience, self._watch)

    def _flush_soon(self) -> None:
        """Send at the end of this turn of the loop, so that all its queries share datagrams."""
        if not self._flushing:
            self._flushing = True
            self._loop.call_soon(self._flush_now)

    def _flush_now(self) -> None:
        if not self.over and self._flushing:
            self._flush()

    def _flush(self) -> None:
        self._flushing = False
        if not self._unsent:
            now = self._loop.time()
            if self._collected:
                self._acknowledge(now)
            self._collected = 0
            datagrams = self._quic.datagrams_to_send(now=now)
            self._unsent.extend(datagram for datagram, address in datagrams if address == self._address)
            self._send_datagrams()
        self._set_timer()

    def _acknowledge(self, now: float) -> None:
        """Let queries carry what is to be acknowledged (RFC 9000, 13.2.1); aioquic alone would wait a millisecond."""
        space = self._quic._spaces[Epoch.ONE_RTT]
        if space.ack_at is not None and space.ack_at > now:
            space.ack_at = now

    def _send_datagrams(self) -> None:
        unsent = self._unsent
        while unsent and not self.over:
            try:
                self._send(unsent[0])
            except (BlockingIOError, InterruptedError):
                if self._endpoint is None:
                    self._loop.add_writer(self._connected.fileno(), self.flush)
                return
            except OSError as error:
                unsent.clear()
                self._loop.call_soon(self._not_sent, error)
                return
            unsent.popleft()

    def _not_sent(self, error: OSError) -> None:
        self.broken(error)

    def _set_timer(self) -> None:
        """Have aioquic called when it wants to be; a timer that rings too early is set again."""
        when = self._quic.get_timer()
        if when is None or self.over:
            return
        if self._timer is not None:
            if self._timer_at <= when:
                return
            self._timer.cancel()
        self._timer_at = when
        self._timer = self._loop.call_at(when, self._ring)

    def _ring(self) -> None:
        self._timer = None
        if self.over:
            return
        now, when = self._loop.time(), self._quic.get_timer()
        if when is not None and now >= when:
            self._quic.handle_timer(now=now)
            self._proceed()
        else:
            self._set_timer()


def make_configuration(
    nameserver: Nameserver, trust: Trust, *, idle_timeout: float, memory: Memory
) -> QuicConfiguration:
    """How to speak to the nameserver. What it gave for this occasion is taken out of the memory: once only."""
    configuration = QuicConfiguration(
        alpn_protocols=["doq"],
        idle_timeout=max(idle_timeout, LEAST_IDLE),
        is_client=True,
        max_stream_data=STREAM_WINDOW,
        server_name=nameserver.identity,
        session_ticket=memory.tickets.pop() if memory.tickets else None,
        token=memory.tokens.pop() if memory.tokens else b"",
        verify_mode=ssl.CERT_REQUIRED if trust.verify else ssl.CERT_NONE,
    )
    configuration.load_verify_locations(cafile=trust.file, capath=trust.folder, cadata=trust.authorities)
    return configuration


def _local(error: OSError) -> bool | None:
    return False if isinstance(error, (ConnectionRefusedError, ConnectionResetError)) else None
