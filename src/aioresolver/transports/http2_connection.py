"""Http2Connection: one HTTP/2 connection (RFC 9113) that carries DNS messages as requests and responses (RFC 8484)."""

from __future__ import annotations

import asyncio
import errno
from collections import deque
from typing import Protocol

from aioresolver.errors import ConfigurationError, TransportError
from aioresolver.transports.exchange import Exchange
from aioresolver.transports.http_request import HttpsRequests
from aioresolver.transports.http_response import HttpResponse
from aioresolver.transports.stream import Owner, StreamConnection

try:
    from h2.config import H2Configuration
    from h2.connection import H2Connection
    from h2.errors import ErrorCodes
    from h2.events import (
        DataReceived,
        Event,
        RemoteSettingsChanged,
        ResponseReceived,
        StreamEnded,
        StreamReset,
        WindowUpdated,
    )
    from h2.exceptions import H2Error
    from h2.settings import SettingCodes, Settings
    from hpack import NeverIndexedHeaderTuple

    from aioresolver.transports.header_encoder import HeaderEncoder
except ImportError as _error:
    raise ConfigurationError('https needs h2 4.1 or later: pip install "aioresolver[https]"') from _error

__all__ = ["FIRST_STREAMS", "Http2Connection", "HttpOwner"]

MOST_STREAMS = 128
"""So many requests are under way on a connection, whatever the server would take: each costs h2 a look at them all."""
FIRST_STREAMS = 100
"""So many before the server has said how many it takes (RFC 9113, 6.5.2)."""
MOST_STREAM_ID = 2**31 - 1
MOST_FRAME = 1 << 14
MOST_HEADERS = 1 << 14
STREAM_WINDOW = 1 << 17
"""A body has room in it, and no stream needs its window opened."""
CONNECTION_WINDOW = 1 << 24
MOST_FRAMES = 10_000
"""So many frames may come between the ends of two responses: more are a flood of settings, pings or crumbs."""

FRAME_HEADER = 9
GOAWAY = 7


class HttpOwner(Owner, Protocol):
    """The transport whose connection this is. It remembers how many streams the server takes, for the next one."""

    most_streams: int

    def failed(self, connection: Http2Connection, exchange: Exchange, error: TransportError) -> None:
        """What came for an exchange is no reply."""

    def refused(self, connection: Http2Connection, exchange: Exchange) -> None:
        """The server has not looked at the query, so it may be sent again."""

    def retire(self, connection: Http2Connection) -> None:
        """The connection takes no more queries; those under way are still answered."""


class Http2Connection(StreamConnection):
    """One HTTP/2 connection over TLS; each query is a request on a stream of its own.

    What is sent in one turn of the loop leaves in one piece. `paused` says that no stream is free at the moment:
    the server says how many it takes.
    """

    paused: bool
    replies: int
    _owner: HttpOwner

    def __init__(self, owner: HttpOwner, *, requests: HttpsRequests, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(owner, loop=loop)
        self._requests = requests
        self._streams: dict[int, HttpResponse] = {}
        self._stream_ids: dict[bytes, int] = {}
        self._bodies: deque[tuple[int, bytes]] = deque()  # those that wait for the server to open its window
        self._most_streams = owner.most_streams
        self._jammed = False
        self._flushing = False
        self._frames = b""
        self._frame_count = 0
        self._unacknowledged = 0
        self._http = _new_http()

    def send(self, exchange: Exchange) -> None:
        """Send a query as a request."""
        http = self._http
        stream_id = http.get_next_available_stream_id()
        wire = b"\0\0" + exchange.query[2:]
        headers, body = self._requests.headers(wire), self._requests.body(wire)
        if not body:
            # Each path comes but once: in the table of the compression it would push out what comes every time.
            headers = [NeverIndexedHeaderTuple(*headers[0]), *headers[1:]]
        self.pending[exchange.id] = exchange
        exchange.sends += 1
        exchange.heard = self.replies
        self._streams[stream_id] = HttpResponse(exchange)
        self._stream_ids[exchange.id] = stream_id
        http.send_headers(stream_id, headers, end_stream=not body)
        if body:
            self._send_body(stream_id, body)
        self._see_room()
        self._flush_soon()
        if stream_id + 2 > MOST_STREAM_ID:
            self._owner.retire(self)

    def forget(self, exchange: Exchange) -> None:
        """An exchange sent over this connection waits no more: the server is told to stop (RST_STREAM)."""
        if self.pending.get(exchange.id) is not exchange:
            return
        self._reset(self._stream_ids[exchange.id])
        self._finish(self._stream_ids[exchange.id])
        if self.leaving and not self.pending:
            self.close()
        elif not self.paused:
            self._owner.writable(self)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The connection is there, TLS handshake included."""
        super().connection_made(transport)
        self._http.initiate_connection()
        self._http.increment_flow_control_window(CONNECTION_WINDOW)
        self._flush()

    def data_received(self, data: bytes) -> None:
        """Bytes have come: any part of a frame, or several."""
        if self.over:
            return
        data = self._frames + data if self._frames else bytes(data)
        fed = start = 0
        while len(data) - start >= FRAME_HEADER:
            length = int.from_bytes(data[start : start + 3], "big")
            if length > MOST_FRAME:
                self._break("the nameserver sent a frame longer than 16384 bytes")
                return
            end = start + FRAME_HEADER + length
            if end > len(data):
                break
            self._frame_count += 1
            if data[start + 3] == GOAWAY:
                # h2 would take nothing after it, though the server still answers what it has (RFC 9113, 6.8).
                if not self._feed(data[fed:start]):
                    return
                self._go_away(data[start + FRAME_HEADER : end])
                fed = end
            start = end
        self._frames = data[start:]
        if self._frame_count > MOST_FRAMES:
            self._break(f"the nameserver sent {MOST_FRAMES} frames without a reply")
        elif self._feed(data[fed:start]):
            self._flush()

    def pause_writing(self) -> None:
        """The nameserver does not read as fast as we send."""
        self._jammed = True
        self._see_room()

    def resume_writing(self) -> None:
        """The nameserver has caught up."""
        self._jammed = False
        self._see_room()
        if not self.paused:
            self._owner.writable(self)

    def _flush_soon(self) -> None:
        if not self._flushing:
            self._flushing = True
            self._loop.call_soon(self._flush)

    def _flush(self) -> None:
        self._flushing = False
        if self._transport is not None and not self.over and (data := self._http.data_to_send()):
            self._transport.write(data)

    def _feed(self, frames: bytes) -> bool:
        """Have whole frames understood; whether the connection goes on."""
        if self.over:
            return False
        was_paused = self.paused
        try:
            for event in self._http.receive_data(frames):
                self._take_event(event)
        except H2Error as error:
            self._flush()
            self._break(f"the nameserver breaks the rules of HTTP/2: {error or type(error).__name__}")
            return False
        self._see_room()
        if was_paused and not self.paused and not self.over:
            self._owner.writable(self)
        return not self.over

    def _take_event(self, event: Event) -> None:
        if isinstance(event, (RemoteSettingsChanged, WindowUpdated)):
            self._most_streams = min(self._http.remote_settings.max_concurrent_streams, MOST_STREAMS)
            # Some servers close a connection that has had too many before it could know: not the next one too.
            self._owner.most_streams = max(self._most_streams, 1)
            self._send_bodies()
            return
        if isinstance(event, DataReceived):
            self._acknowledge(event.flow_controlled_length)
        stream_id = getattr(event, "stream_id", None)
        response = self._streams.get(stream_id) if stream_id is not None else None
        if response is None or stream_id is None:
            return
        fault = None
        if isinstance(event, ResponseReceived):
            fault = response.take_headers(event.headers)
        elif isinstance(event, DataReceived):
            fault = response.take_data(event.data)
        elif isinstance(event, StreamReset):
            self._was_reset(stream_id, response.exchange, event.error_code)
        elif isinstance(event, StreamEnded):
            self._ended(stream_id, response)
        if fault is not None:
            self._reset(stream_id)
            self._fail(stream_id, response.exchange, fault)

    def _ended(self, stream_id: int, response: HttpResponse) -> None:
        reply = response.reply()
        if reply is None:
            self._owner.ignored += 1
            self._fail(stream_id, response.exchange, "the response is no reply to the query")
            return
        self._heard()
        self._finish(stream_id)
        self._owner.answered(self, response.exchange, reply)

    def _fail(self, stream_id: int, exchange: Exchange, reason: str) -> None:
        self._heard()
        self._finish(stream_id)
        self._owner.failed(self, exchange, TransportError(reason, code=errno.EPROTO))

    def _was_reset(self, stream_id: int, exchange: Exchange, code: int | None) -> None:
        if code == ErrorCodes.REFUSED_STREAM:
            self._finish(stream_id)
            self._owner.refused(self, exchange)
        else:
            self._fail(stream_id, exchange, f"the nameserver reset the stream: {_error_name(code)}")

    def _go_away(self, payload: bytes) -> None:
        """The server takes no more requests, and says which was the last one that it looked at."""
        last = int.from_bytes(payload[:4], "big") & MOST_STREAM_ID
        unseen = [stream_id for stream_id in self._streams if stream_id > last]
        exchanges = [self._streams[stream_id].exchange for stream_id in unseen]
        for stream_id in unseen:
            self._finish(stream_id)
        self._owner.retire(self)
        for exchange in exchanges:
            self._owner.refused(self, exchange)

    def _heard(self) -> None:
        self.replies += 1
        self._frame_count = 0

    def _finish(self, stream_id: int) -> None:
        """Forget a stream."""
        exchange = self._streams.pop(stream_id).exchange
        del self.pending[exchange.id], self._stream_ids[exchange.id]
        if self._bodies:
            self._bodies = deque(body for body in self._bodies if body[0] != stream_id)
        self._see_room()

    def _reset(self, stream_id: int) -> None:
        """Tell the server to stop."""
        try:
            self._http.reset_stream(stream_id, ErrorCodes.CANCEL)
        except H2Error:  # it had ended
            return
        self._flush_soon()

    def _acknowledge(self, size: int) -> None:
        """Open the window of the connection again, from time to time."""
        self._unacknowledged += size
        if self._unacknowledged > CONNECTION_WINDOW // 2:
            self._http.increment_flow_control_window(self._unacknowledged)
            self._unacknowledged = 0

    def _send_body(self, stream_id: int, body: bytes) -> None:
        """Send as much as the server has room for; the rest when it says that it has."""
        http = self._http
        room = http.local_flow_control_window(stream_id)
        if len(body) <= room and len(body) <= MOST_FRAME:
            http.send_data(stream_id, body, end_stream=True)
            return
        while body and room > 0:
            size = min(room, MOST_FRAME, len(body))
            http.send_data(stream_id, body[:size], end_stream=size == len(body))
            body, room = body[size:], room - size
        if body:
            self._bodies.append((stream_id, body))

    def _send_bodies(self) -> None:
        waiting, self._bodies = self._bodies, deque()
        for stream_id, body in waiting:
            self._send_body(stream_id, body)

    def _see_room(self) -> None:
        self.paused = self._jammed or bool(self._bodies) or len(self._streams) >= self._most_streams

    def _break(self, reason: str) -> None:
        """End a connection that is of no use."""
        if not self.over:
            self.over = True
            self._owner.ended(self, TransportError(reason, code=errno.EPROTO))
            self.abort()


class _Http(H2Connection):
    """h2's connection, but it does not count the open streams each time: that is done here already."""

    @property
    def open_outbound_streams(self) -> int:
        """Rarely how many there are: then h2 forgets those that are closed."""
        return super().open_outbound_streams if len(self.streams) > 2 * MOST_STREAMS else 0


def _new_http() -> H2Connection:
    http = _Http(
        H2Configuration(
            client_side=True,
            header_encoding=None,
            validate_outbound_headers=False,  # they are ours
            normalize_outbound_headers=False,
            validate_inbound_headers=False,  # those that are read are checked where they are read
        )
    )
    http.local_settings = Settings(
        client=True,
        initial_values={
            SettingCodes.ENABLE_PUSH: 0,
            SettingCodes.MAX_CONCURRENT_STREAMS: 1,  # by the server; with 0, h2 takes late responses for such
            SettingCodes.INITIAL_WINDOW_SIZE: STREAM_WINDOW,
            SettingCodes.MAX_HEADER_LIST_SIZE: MOST_HEADERS,
        },
    )
    http.decoder.max_header_list_size = MOST_HEADERS
    http.encoder = HeaderEncoder()
    return http


def _error_name(code: int | None) -> str:
    try:
        return ErrorCodes(code or 0).name
    except ValueError:
        return f"error {code}"
