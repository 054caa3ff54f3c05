"""Fuzz targets of connections: bytes that a nameserver sends, fed into the objects that take them. No socket, no task."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from contextlib import closing, suppress
from typing import Any

from aioresolver.backends.cookies import CookieJar
from aioresolver.errors import MessageFormatError, TransportError
from aioresolver.transports.exchange import Exchange, make_exchange
from aioresolver.transports.http_response import HttpResponse, status_fault, type_fault
from aioresolver.transports.nameserver import Nameserver
from aioresolver.transports.stream import StreamConnection
from aioresolver.wire.edns import Cookie, Edns, read_options
from aioresolver.wire.message import Question
from aioresolver.wire.query import query_wire

__all__ = ["cookies", "http_response", "https_connection", "quic_stream", "tcp_stream"]

QUERY = query_wire(Question.parse("a.example"))
QUESTION = QUERY[12:27]


class FakeLoop:
    """Runs what is to be called soon when it is told to."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.real = loop
        self.soon: list[tuple[Any, tuple[Any, ...]]] = []

    def call_soon(self, callback: Any, *args: Any) -> None:
        self.soon.append((callback, args))

    def run(self) -> None:
        while self.soon:
            callback, args = self.soon.pop(0)
            callback(*args)

    def time(self) -> float:
        return 0.0

    def call_at(self, when: float, callback: Any) -> asyncio.TimerHandle:
        return asyncio.TimerHandle(when, callback, (), self.real)

    def add_reader(self, descriptor: int, callback: Any) -> None: ...

    def remove_reader(self, descriptor: int) -> None: ...

    def remove_writer(self, descriptor: int) -> None: ...


class FakeTransport:
    """Takes what is written."""

    def __init__(self) -> None:
        self.written = bytearray()
        self.aborted = False

    def write(self, data: bytes) -> None:
        self.written += data

    def writelines(self, pieces: Iterable[bytes]) -> None:
        self.written += b"".join(pieces)

    def abort(self) -> None:
        self.aborted = True

    close = abort

    def get_extra_info(self, name: str) -> None:
        return None


class Recorder:
    """The transport that owns a connection: keeps what it is told, and never breaks its rules."""

    def __init__(self) -> None:
        self.ignored = 0
        self.replies: list[bytes] = []
        self.errors: list[TransportError] = []
        self.ends = 0
        self.most_streams = 100

    def opened(self, connection: object, **_: object) -> None: ...

    def writable(self, connection: object) -> None: ...

    def retire(self, connection: object) -> None: ...

    def exhausted(self, *_: object) -> None: ...

    def refused(self, connection: object, exchange: Exchange) -> None: ...

    def closed(self, connection: object) -> None: ...

    def answered(self, connection: object, exchange: Exchange, reply: bytes) -> None:
        assert not exchange.done()
        exchange.set_result(reply)
        self.replies.append(bytes(reply))

    def failed(self, connection: object, exchange: Exchange, error: TransportError) -> None:
        self.errors.append(error)

    def ended(self, connection: object, error: TransportError) -> None:
        self.ends += 1
        self.errors.append(error)


def exchanges(loop: asyncio.AbstractEventLoop) -> list[Exchange]:
    """Three queries on their way, with ids that a fuzzer finds."""
    made = []
    for number in range(3):
        exchange = make_exchange(QUERY, loop=loop)
        exchange.id = bytes((0, number))
        exchange.sends = exchange.heard = 0
        made.append(exchange)
    return made


def tcp_stream(data: bytes) -> None:
    """Frames over TCP; however they are cut into pieces, the replies are the same."""
    size = 1 + (data[0] & 15) if data else 1
    with closing(asyncio.new_event_loop()) as loop:
        found = [replies_of(data[1:], step, loop) for step in (size, len(data) + 1)]
    assert found[0] == found[1]


def replies_of(data: bytes, step: int, loop: asyncio.AbstractEventLoop) -> tuple[list[bytes], int]:
    fake, owner = FakeLoop(loop), Recorder()
    connection = StreamConnection(owner, loop=fake)
    connection.connection_made(FakeTransport())
    for exchange in exchanges(loop):
        connection.send(exchange)
    fake.run()
    for start in range(0, len(data), step):
        connection.data_received(data[start : start + step])
    connection.eof_received()
    fake.run()
    connection.connection_lost(None)
    assert owner.ends == 1
    assert all(reply[12:27] == QUESTION or reply[4:6] == b"\0\0" for reply in owner.replies)
    return owner.replies, owner.ignored


def https_connection(data: bytes) -> None:
    """The bytes of an HTTP/2 connection, behind the settings that a server sends first."""
    from aioresolver.transports.http2_connection import Http2Connection
    from aioresolver.transports.http_request import HttpsRequests

    size = 1 + data[0] if data else 1
    with closing(asyncio.new_event_loop()) as loop:
        fake, owner = FakeLoop(loop), Recorder()
        requests = HttpsRequests(Nameserver.parse("https://192.0.2.1/dns-query"))
        connection = Http2Connection(owner, requests=requests, loop=fake)
        connection.connection_made(FakeTransport())
        sent = exchanges(loop)
        for exchange in sent:
            connection.send(exchange)
        fake.run()
        connection.data_received(b"\0\0\0\4\0\0\0\0\0")
        for start in range(1, len(data), size):
            connection.data_received(data[start : start + size])
            fake.run()
        connection.forget(sent[0])
        fake.run()
        connection.connection_lost(None)
        assert owner.ends == 1
        assert all(len(reply) <= 0xFFFF for reply in owner.replies)


def http_response(data: bytes) -> None:
    """Headers, a line each, and behind an empty line the body."""
    head, _, body = data.partition(b"\n\n")
    headers = [(name, value) for name, _, value in (line.partition(b"=") for line in head.split(b"\n"))]
    with closing(asyncio.new_event_loop()) as loop:
        response = HttpResponse(exchanges(loop)[0])
        fault = response.take_headers(headers)
        assert fault is None or isinstance(fault, str)
        for start in range(0, len(body), 50):
            response.take_data(body[start : start + 50])
        response.reply()
    text = head.decode("utf-8", "surrogateescape")
    assert status_fault(text) is None or text != "200"
    type_fault(text)


def quic_stream(data: bytes) -> None:
    """Data on the streams of a QUIC connection: each piece behind a byte that tells its stream, end and length."""
    from aioquic.quic.events import StreamDataReceived, StreamReset

    with closing(asyncio.new_event_loop()) as loop:
        connection, owner = doq_connection(loop)
        position = 0
        while position < len(data) and not connection.over:
            control = data[position]
            piece = data[position + 1 : position + 1 + (control >> 3)]
            position += 1 + len(piece)
            stream = (0, 4, 8, 3)[control & 3]
            if control == 0xFF:
                connection._take_event(StreamReset(error_code=1, stream_id=stream))
            else:
                event = StreamDataReceived(data=piece, end_stream=bool(control & 4), stream_id=stream)
                connection._take_event(event)
        assert owner.ends <= 1
        assert all(reply[12:27] == QUESTION or reply[4:6] == b"\0\0" for reply in owner.replies)
        if not connection.over:
            connection.close()


class FakeSocket:
    """A connected socket to which nothing comes by itself."""

    def getpeername(self) -> tuple[str, int]:
        return "192.0.2.1", 853

    def fileno(self) -> int:
        return 0

    def send(self, datagram: bytes) -> int:
        return len(datagram)

    def close(self) -> None: ...


class FakeRing:
    """Deadlines that never come."""

    def add(self, when: float, callback: object) -> object:
        return callback

    def discard(self, token: object) -> None: ...


def doq_connection(loop: asyncio.AbstractEventLoop) -> tuple[Any, Recorder]:
    """A connection without a socket, with three queries on streams 0, 4 and 8."""
    from aioquic.quic.configuration import QuicConfiguration

    from aioresolver.transports.quic_connection import DoqConnection, Memory

    owner: Any = Recorder()
    owner.ring, owner.memory, owner.endpoints = FakeRing(), Memory(), set()
    connection = DoqConnection(
        owner,
        FakeSocket(),
        QuicConfiguration(alpn_protocols=["doq"], is_client=True),
        nameserver=Nameserver.parse("quic://192.0.2.1"),
        loop=FakeLoop(loop),
    )
    for exchange in exchanges(loop):
        exchange.id = b"\0\0"
        connection.send(exchange)
    return connection, owner


def cookies(data: bytes) -> None:
    """Replies with whatever options, one after the other, and what the jar makes of their cookies."""
    jar = CookieJar(lambda size: bytes(range(size)))
    now = 0.0
    for piece in data.split(b"\xfe\xfd"):
        now += piece[0] if piece else 400
        sent = jar.offer(now)
        received: Cookie | None = None
        with suppress(MessageFormatError):
            received = Edns(options=read_options(piece, 1, max(1, len(piece)))).cookie
        jar.take(sent, received, now, trusted=bool(len(piece) & 1))
        if sent is not None:
            Edns().with_cookie(sent)
        again = jar.offer(now)
        assert again is None or len(again.client) == 8
