"""DoqConnection: one QUIC connection over one connected UDP socket; every query has a stream of its own (RFC 9250)."""

from __future__ import annotations

import asyncio
import errno
import socket
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
from aioquic.tls import SessionTicket

from aioresolver.errors import TransportError
from aioresolver.flow.deadline_ring import DeadlineRing
from aioresolver.transports.exchange import Exchange
from aioresolver.transports.nameserver import Nameserver
from aioresolver.transports.quic_codes import PROTOCOL_ERROR, REQUEST_CANCELLED, describe
from aioresolver.transports.quic_link import QuicLink
from aioresolver.transports.quic_memory import Memory
from aioresolver.transports.quic_trust import certificate_fault, certificate_reason

__all__ = ["DoqConnection"]

# Streams open at once: beyond, aioquic spends more on looking through them than on the queries.
MOST_STREAMS = 128
# So many at first, and one more with each reply: Knot 3.4 allows a thousand, and falls silent when there are eleven.
FIRST_STREAMS = 8
LARGEST_MESSAGE = 65535
# Silence of this many handshakes' time, within these bounds in seconds, makes us knock, and as much again gives up.
PATIENCE = 4
LEAST_PATIENCE = 0.2
MOST_PATIENCE = 2.0
# What pings are for; and so many round trips a nameserver has to allow more streams.
KNOCK, HOPE = 0, 1
HOPES = 2
# Alerts of TLS as errors of QUIC (RFC 9001, 4.8).
BAD_CERTIFICATE = 0x100 + 42
CERTIFICATE_ALERTS = range(BAD_CERTIFICATE, 0x100 + 49)
NO_PROTOCOL = 0x100 + 120
CRYPTO_FRAME = 6
LONGEST_REASON = 100


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
        self._owner = owner
        self._nameserver = nameserver
        self._loop = loop
        self._partial: dict[int, bytearray] = {}
        self._cancelled: set[int] = set()
        self._gifts: list[SessionTicket | bytes] = []
        self._watch_token: Any = None
        self._hope = 0
        self._knocked = False
        self._quiet = True
        self._began = loop.time()
        self._patience = LEAST_PATIENCE
        self._quic = QuicConnection(
            configuration=configuration,
            session_ticket_handler=self._gifts.append,
            token_handler=self._gifts.append,
        )
        self._link = QuicLink(self, connected, self._quic, loop=loop, endpoints=owner.endpoints)
        if self.remembered:
            self._watch_token = owner.ring.add(self._began + LEAST_PATIENCE, self._watch_beginning)
        self._link.start()

    @property
    def over(self) -> bool:
        """Whether it is closed."""
        return self._link.over

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
        self._start_watch()
        self._link.write(stream, len(exchange.query).to_bytes(2, "big") + exchange.wire)

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
        self._link.transmit_soon()
        if len(self._cancelled) > self.streams // 2:  # the nameserver does not end what nobody waits for
            self.leaving = True
        self.close_if_spent()

    def hope(self) -> None:
        """Queries wait for room. If all streams have ended, the nameserver has two round trips to allow more of them."""
        if not self._hope and self.established and not (self.pending or self._may_open_stream):
            self._hope = HOPES
            self._link.ping(HOPE)
            self._start_watch()

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
        self._link.transmit()
        self._link.close()
        self._stop()

    def lost(self, error: TransportError) -> None:
        """Nothing more will come."""
        self._link.close()
        self._stop()
        self._owner.ended(self, error)

    def proceed(self) -> None:
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
        self._link.transmit()
        self._owner.writable(self)

    @property
    def _may_open_stream(self) -> bool:
        quic = self._quic
        return bool(quic.get_next_available_stream_id() >> 2 < quic._remote_max_streams_bidi)

    def _take_ping(self, event: PingAcknowledged) -> None:
        self._quiet = False
        if event.uid != HOPE:
            return
        if self.pending or self._may_open_stream:
            self._hope = 0
        elif self._hope > 1:
            self._hope -= 1
            self._link.ping(HOPE)
        else:
            self._hope = 0
            self._owner.exhausted(self)

    def _start_watch(self) -> None:
        if self._watch_token is None:
            self._knocked = self._quiet = False
            self._watch()

    def _take_event(self, event: QuicEvent) -> None:
        if isinstance(event, StreamDataReceived):
            self._take_data(event)
        elif isinstance(event, PingAcknowledged):
            self._take_ping(event)
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
        frame: bytes | bytearray = data
        if stream in self._partial or not event.end_stream:
            frame = self._partial.setdefault(stream, bytearray())
            frame += data
        size = len(frame) - 2
        wanted = frame[0] << 8 | frame[1] if size >= 0 else LARGEST_MESSAGE
        if size > wanted:
            self._break_off("more than one message on a stream", culprit=stream)
        elif event.end_stream and size < wanted:
            self._break_off("a stream that ends within a message", culprit=stream)
        elif event.end_stream:
            self._partial.pop(stream, None)
            self._take_reply(stream, exchange, bytes(frame[2:]))

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
        self._stop()
        self._patience = min(max(PATIENCE * (self._loop.time() - self._began), LEAST_PATIENCE), MOST_PATIENCE)
        self.established = True
        self._owner.opened(self, resumed=event.session_resumed)

    def _stop(self) -> None:
        self._partial.clear()
        if self._watch_token is not None:
            self._owner.ring.discard(self._watch_token)
            self._watch_token = None

    def _break_off(self, what: str, *, culprit: int | None = None) -> None:
        """End the connection, as RFC 9250, 4.3.3 wants it when the other side breaks the rules."""
        error = TransportError(f"the nameserver broke the rules of DNS over QUIC: {what}", code=errno.EPROTO)
        exchange = self.pending.pop(culprit, None) if culprit is not None else None
        if exchange is not None:
            self._owner.failed(self, exchange, error)
        if not self.over:
            self._quic.close(error_code=PROTOCOL_ERROR, reason_phrase=what)
            self._link.transmit()
            self.lost(error)

    def _terminated(self, event: ConnectionTerminated) -> None:
        """The connection is at its end: aioquic found something wrong, or the nameserver has closed it."""
        ours = self._quic._close_pending
        self._link.transmit()
        code, reason = errno.ECONNRESET, _printable(event.reason_phrase)
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
        self.lost(TransportError(text, code=code))

    def _watch_beginning(self) -> None:
        """What we remembered may be the reason why nothing at all comes back."""
        self._watch_token = None
        if not self.heard:
            self.lost(TransportError("the nameserver does not answer", code=errno.ETIMEDOUT))

    def _watch(self) -> None:
        """As long as something waits, look from time to time whether the nameserver is there."""
        self._watch_token = None
        if self.over or not (self.pending or self._hope):
            return
        if not self._quiet:
            self._knocked = False
        elif self._knocked:
            self.silent = True
            self.lost(TransportError("the nameserver has fallen silent", code=errno.ETIMEDOUT))
            return
        else:
            self._knocked = True
            self._link.ping(KNOCK)
        self._quiet = True
        self._watch_token = self._owner.ring.add(self._loop.time() + self._patience, self._watch)


def _printable(text: str) -> str:
    """What the other side says, fit to be shown."""
    return "".join(character if character.isprintable() else "?" for character in text[:LONGEST_REASON])
