"""What two ends of a connection say to each other by HTTP/2 and by HTTP/1.1, on the side of a server. Knows no DNS."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol

from aioresolver.errors import ConfigurationError
from aioresolver.testing.http_exchange import HttpReply, HttpRequest

try:
    from h2.config import H2Configuration
    from h2.connection import H2Connection
    from h2.errors import ErrorCodes
    from h2.events import (
        DataReceived,
        Event,
        RemoteSettingsChanged,
        RequestReceived,
        StreamEnded,
        StreamReset,
        WindowUpdated,
    )
    from h2.exceptions import H2Error
    from h2.settings import SettingCodes

    from aioresolver.transports.header_encoder import HeaderEncoder
except ImportError as _error:
    raise ConfigurationError('a server over HTTPS needs h2 4.1 or later: pip install "aioresolver[https]"') from _error

__all__ = ["Http1Session", "Http2Session", "Session"]

OnRequest = Callable[[int, HttpRequest], None]

CONNECTION_WINDOW = 1 << 24
MOST_BODY = 1 << 17
MOST_HEAD = 1 << 15
REASONS = {200: "OK", 400: "Bad Request", 404: "Not Found", 405: "Method Not Allowed", 413: "Content Too Large"}


class Session(Protocol):
    """One version of HTTP on one connection; each request has a number."""

    def receive(self, data: bytes) -> bool:
        """Take what has come, and hand on each whole request; whether the connection goes on."""
        ...

    @property
    def finished(self) -> bool:
        """Whether nothing more will be said."""
        ...

    def respond(self, number: int, reply: HttpReply) -> None:
        """Answer a request; once, and not after its client has given it up."""

    def take(self) -> bytes:
        """What is to be sent now."""
        ...


class Http2Session:
    """HTTP/2 (RFC 9113). More than `most_streams` requests at once are refused."""

    def __init__(self, on_request: OnRequest, *, most_streams: int = 100) -> None:
        self._on_request = on_request
        self._most_streams = most_streams
        self._retiring = False
        self._last: int | None = None
        self._requests: dict[int, HttpRequest] = {}
        self._unanswered: set[int] = set()
        self._bodies: dict[int, bytes] = {}  # those that wait for the client to open its window
        self._http = H2Connection(H2Configuration(client_side=False, header_encoding=None))
        self._http.encoder = HeaderEncoder()
        self._http.initiate_connection()
        self._http.update_settings({SettingCodes.MAX_CONCURRENT_STREAMS: most_streams})
        self._http.increment_flow_control_window(CONNECTION_WINDOW)

    @property
    def finished(self) -> bool:
        """Whether it has told the client to go, and answered all that came before."""
        return self._last is not None and not self._unanswered and not self._bodies

    def receive(self, data: bytes) -> bool:
        """Take what has come, and hand on each whole request; whether the connection goes on."""
        try:
            for event in self._http.receive_data(data):
                self._take_event(event)
        except H2Error:
            return False
        return True

    def respond(self, number: int, reply: HttpReply) -> None:
        """Answer a request; once, and not after its client has given it up."""
        if number not in self._unanswered:
            return
        self._unanswered.discard(number)
        self._retiring = self._retiring or reply.retiring
        if reply.refused:
            self._http.reset_stream(number, ErrorCodes.REFUSED_STREAM)
            return
        self._http.send_headers(number, [(":status", str(reply.status)), *reply.head])
        if reply.stall_after is not None:
            self._http.send_data(number, reply[: reply.stall_after])
        else:
            self._send_body(number, reply)

    def take(self) -> bytes:
        """What is to be sent now."""
        data = bytes(self._http.data_to_send())
        if self._retiring and self._last is None:
            # Of h2's own GOAWAY the connection would be over at once, in its eyes.
            self._last = self._http.highest_inbound_stream_id
            data += b"\0\0\x08\x07\0\0\0\0\0" + self._last.to_bytes(4, "big") + b"\0\0\0\0"
        return data

    def _take_event(self, event: Event) -> None:
        if isinstance(event, RequestReceived):
            self._begin(event.stream_id, event.headers)
        elif isinstance(event, DataReceived):
            self._http.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            request = self._requests.get(event.stream_id)
            if request is not None and len(request.body) <= MOST_BODY:
                request.body += event.data
        elif isinstance(event, StreamEnded):
            request = self._requests.pop(event.stream_id, None)
            if request is not None:
                self._on_request(event.stream_id, request)
        elif isinstance(event, StreamReset):
            self._requests.pop(event.stream_id, None)
            self._bodies.pop(event.stream_id, None)
            self._unanswered.discard(event.stream_id)
        elif isinstance(event, (WindowUpdated, RemoteSettingsChanged)):
            for number, body in list(self._bodies.items()):
                self._send_body(number, body)

    def _begin(self, number: int, headers: Iterable[tuple[bytes, bytes]]) -> None:
        if self._last is not None:
            return
        if len(self._unanswered) >= self._most_streams:
            self._http.reset_stream(number, ErrorCodes.REFUSED_STREAM)
            return
        self._unanswered.add(number)
        text = {name.decode("latin-1"): value.decode("latin-1") for name, value in headers}
        self._requests[number] = HttpRequest(text.get(":method", ""), text.get(":path", ""), text)

    def _send_body(self, number: int, body: bytes) -> None:
        http = self._http
        self._bodies.pop(number, None)
        while True:
            room = min(http.local_flow_control_window(number), http.max_outbound_frame_size)
            http.send_data(number, body[:room], end_stream=room >= len(body))
            body = body[room:]
            if not body:
                return
            if http.local_flow_control_window(number) <= 0:
                self._bodies[number] = body
                return


class Http1Session:
    """HTTP/1.1 (RFC 9112) with connections that are kept; no chunked requests. Responses come in the order of requests."""

    finished = False

    def __init__(self, on_request: OnRequest) -> None:
        self._on_request = on_request
        self._buffer = bytearray()
        self._numbers = 0
        self._sent = 0
        self._replies: dict[int, HttpReply] = {}
        self._outgoing = bytearray()

    def receive(self, data: bytes) -> bool:
        """Take what has come, and hand on each whole request; whether the connection goes on."""
        self._buffer += data
        try:
            while self._take_request():
                pass
        except ValueError:
            return False
        return len(self._buffer) <= MOST_HEAD + MOST_BODY

    def respond(self, number: int, reply: HttpReply) -> None:
        """Answer a request; once."""
        if number > self._sent:
            self._replies.setdefault(number, reply)
        while (ready := self._replies.pop(self._sent + 1, None)) is not None:
            self._sent += 1
            lines = [f"HTTP/1.1 {ready.status} {REASONS.get(ready.status, 'Other')}"]
            lines += [f"{name}: {value}" for name, value in ready.head]
            self._outgoing += "\r\n".join([*lines, "", ""]).encode("latin-1") + ready[: ready.stall_after]

    def take(self) -> bytes:
        """What is to be sent now."""
        data = bytes(self._outgoing)
        self._outgoing.clear()
        return data

    def _take_request(self) -> bool:
        """Take one request out of the buffer, if it is there as a whole. Raises ValueError for what is none."""
        head, end, _ = bytes(self._buffer).partition(b"\r\n\r\n")
        if not end:
            return False
        first, *lines = head.decode("latin-1").split("\r\n")
        method, target, _ = first.split(" ")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        start = len(head) + len(end)
        size = int(headers.get("content-length", "0"))
        if len(self._buffer) < start + size:
            return False
        request = HttpRequest(method, target, headers)
        request.body += self._buffer[start : start + size]
        del self._buffer[: start + size]
        self._numbers += 1
        self._on_request(self._numbers, request)
        return True
