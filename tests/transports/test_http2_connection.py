"""Http2Connection, frame by frame: what a server may do that is not nice, or plain wrong. No sockets."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

pytest.importorskip("h2")

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import DataReceived, RequestReceived, StreamEnded, StreamReset
from h2.settings import SettingCodes
from hpack import Encoder
from hyperframe.frame import (
    ContinuationFrame,
    DataFrame,
    GoAwayFrame,
    HeadersFrame,
    PingFrame,
    RstStreamFrame,
    SettingsFrame,
    WindowUpdateFrame,
)

from aioresolver.transports import http2_connection
from aioresolver.transports.exchange import make_exchange
from aioresolver.transports.http2_connection import Http2Connection
from aioresolver.transports.http_request import HttpsRequests
from aioresolver.transports.nameserver import Nameserver

GOOD = [(":status", "200"), ("content-type", "application/dns-message")]


class Line:
    """The connection's transport: keeps what is written."""

    def __init__(self):
        self.written = bytearray()
        self.open = True

    def write(self, data):
        self.written += data

    def take(self):
        written = bytes(self.written)
        self.written.clear()
        return written

    def get_write_buffer_size(self):
        return 0

    def get_extra_info(self, name, default=None):
        return default

    def close(self):
        self.open = False

    abort = close


class Owner:
    """Keeps what it is told."""

    def __init__(self):
        self.ignored = 0
        self.most_streams = http2_connection.FIRST_STREAMS
        self.replies = []
        self.errors = []
        self.again = []
        self.retired = 0
        self.room = 0
        self.end = None

    def opened(self, connection):
        pass

    def answered(self, connection, exchange, reply):
        self.replies.append((exchange, reply))

    def failed(self, connection, exchange, error):
        self.errors.append((exchange, error.strerror))

    def refused(self, connection, exchange):
        self.again.append(exchange)

    def retire(self, connection):
        self.retired += 1
        connection.leave()

    def writable(self, connection):
        self.room += 1

    def ended(self, connection, error):
        self.end = error.strerror

    def closed(self, connection):
        pass


class Conversation:
    """A connection, and the server at the other end of the line."""

    def __init__(self, messages, *, method="POST", **settings):
        self.loop = asyncio.new_event_loop()
        self.messages = messages
        self.owner = Owner()
        self.line = Line()
        requests = HttpsRequests(Nameserver("https", "192.0.2.1", method=method))
        self.connection = Http2Connection(self.owner, requests=requests, loop=self.loop)
        self.server = H2Connection(H2Configuration(client_side=False, header_encoding="utf-8"))
        self.server.initiate_connection()
        if settings:
            self.server.update_settings({SettingCodes[key]: value for key, value in settings.items()})
        self.ids = 0
        self.connection.connection_made(self.line)
        self.exchange_all()

    def ask(self, query=None):
        exchange = make_exchange(query or self.messages.query(), loop=self.loop)
        exchange.carrier = exchange.sends = 0
        self.ids += 1
        exchange.id = self.ids.to_bytes(2, "big")
        self.connection.send(exchange)
        return exchange

    def turn(self):
        self.loop.run_until_complete(asyncio.sleep(0))

    def heard(self):
        """What the server hears, and answers for itself."""
        self.turn()
        return self.server.receive_data(self.line.take())

    def say(self, *frames):
        for frame in frames:
            self.connection.data_received(frame if isinstance(frame, bytes) else frame.serialize())

    def flush(self):
        if data := self.server.data_to_send():
            self.connection.data_received(data)

    def exchange_all(self):
        events = []
        while data := (self.turn(), self.line.take())[1]:
            events += self.server.receive_data(data)
            self.flush()
        self.flush()
        return events

    def answer(self, stream_id, body, headers=GOOD):
        self.server.send_headers(stream_id, headers)
        self.server.send_data(stream_id, body, end_stream=True)
        self.flush()

    def close(self):
        self.loop.close()


@pytest.fixture
def talk(messages):
    """Start a conversation: `talk(MAX_CONCURRENT_STREAMS=1)`."""
    started = []

    def start(**options):
        started.append(Conversation(messages, **options))
        return started[-1]

    yield start
    for conversation in started:
        conversation.close()


def test_a_request_says_no_more_than_it_must(talk, messages):
    conversation = talk()
    conversation.ask()
    events = conversation.exchange_all()
    (request,) = [event for event in events if isinstance(event, RequestReceived)]
    query = messages.query()
    assert dict(request.headers) == {
        ":method": "POST",
        ":scheme": "https",
        ":authority": "192.0.2.1",
        ":path": "/dns-query",
        "accept": "application/dns-message",
        "content-type": "application/dns-message",
        "content-length": str(len(query)),
    }
    assert [event.data for event in events if isinstance(event, DataReceived)] == [b"\0\0" + query[2:]]


def test_get_has_the_message_in_its_path_and_ends_with_its_headers(talk):
    conversation = talk(method="GET")
    conversation.ask()
    events = conversation.exchange_all()
    (request,) = [event for event in events if isinstance(event, RequestReceived)]
    assert dict(request.headers)[":path"] == "/dns-query?dns=AAABAAABAAAAAAAAA3d3dwdleGFtcGxlAAABAAE"
    assert request.stream_ended is not None


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_what_comes_with_every_request_is_compressed(talk, method):
    conversation = talk(method=method)
    sizes = []
    for number in range(30):
        conversation.ask(conversation.messages.query(f"h{number:02}.example"))
        conversation.turn()
        sizes.append(len(conversation.line.written))
        conversation.exchange_all()
    assert sizes[-1] <= sizes[0] - 25
    assert len(set(sizes[1:])) <= 3


def test_what_is_sent_in_one_turn_leaves_in_one_piece(talk):
    conversation = talk()
    writes = []
    conversation.line.write = writes.append
    for _ in range(20):
        conversation.ask()
    assert writes == []
    conversation.turn()
    assert len(writes) == 1


@pytest.mark.parametrize("size", [1, 2, 7, 9, 10, 1000])
def test_frames_in_pieces(talk, size):
    conversation = talk()
    exchanges = [conversation.ask() for _ in range(3)]
    conversation.exchange_all()
    for stream_id in (5, 1, 3):
        conversation.server.send_headers(stream_id, GOOD)
        conversation.server.send_data(stream_id, conversation.messages.reply(exchanges[0].query), end_stream=True)
    data = conversation.server.data_to_send()
    for start in range(0, len(data), size):
        conversation.connection.data_received(data[start : start + size])
    assert [exchange for exchange, _ in conversation.owner.replies] == [exchanges[2], exchanges[0], exchanges[1]]
    assert not conversation.connection.pending


def test_a_body_in_many_frames_and_trailers(talk):
    conversation = talk()
    exchange = conversation.ask()
    conversation.exchange_all()
    reply = conversation.messages.reply(exchange.query, bytes(3000))
    conversation.server.send_headers(1, GOOD)
    for start in range(0, len(reply), 500):
        conversation.server.send_data(1, reply[start : start + 500])
    conversation.server.send_headers(1, [("x-trailer", "1")], end_stream=True)
    conversation.flush()
    assert conversation.owner.replies == [(exchange, reply)]


def test_informational_responses_are_passed_over(talk):
    conversation = talk()
    exchange = conversation.ask()
    conversation.exchange_all()
    conversation.server.send_headers(1, [(":status", "103"), ("link", "<x>")])
    conversation.answer(1, conversation.messages.reply(exchange.query))
    assert len(conversation.owner.replies) == 1


def test_a_pause_as_long_as_all_streams_are_taken(talk):
    conversation = talk(MAX_CONCURRENT_STREAMS=2)
    first, _ = conversation.ask(), conversation.ask()
    assert conversation.connection.paused
    conversation.exchange_all()
    conversation.answer(1, conversation.messages.reply(first.query))
    assert not conversation.connection.paused
    assert conversation.owner.room == 1


def test_fewer_streams_than_are_under_way(talk):
    conversation = talk()
    asked = [conversation.ask() for _ in range(5)]
    conversation.server.update_settings({SettingCodes.MAX_CONCURRENT_STREAMS: 1})
    conversation.exchange_all()
    assert conversation.connection.paused
    for stream_id in (1, 3, 5, 7):
        conversation.answer(stream_id, conversation.messages.reply(asked[0].query))
    assert conversation.connection.paused
    conversation.answer(9, conversation.messages.reply(asked[0].query))
    assert not conversation.connection.paused


def test_the_next_connection_knows_how_many_streams_the_server_takes(talk):
    assert talk().owner.most_streams == 100
    assert talk(MAX_CONCURRENT_STREAMS=3).owner.most_streams == 3
    assert talk(MAX_CONCURRENT_STREAMS=0).owner.most_streams == 1


def test_nobody_waits_for_more_streams_than_we_use(talk, monkeypatch):
    monkeypatch.setattr(http2_connection, "MOST_STREAMS", 7)
    conversation = talk(MAX_CONCURRENT_STREAMS=2**31)
    for _ in range(7):
        assert not conversation.connection.paused
        conversation.ask()
    assert conversation.connection.paused


def test_pausing_when_the_server_does_not_read(talk):
    conversation = talk()
    conversation.connection.pause_writing()
    assert conversation.connection.paused
    conversation.connection.resume_writing()
    assert not conversation.connection.paused
    assert conversation.owner.room == 1


def test_a_window_that_opens_bit_by_bit(talk):
    conversation = talk(INITIAL_WINDOW_SIZE=10)
    exchange = conversation.ask()
    other = conversation.ask()
    assert conversation.connection.paused
    bodies = {1: b"", 3: b""}
    ended = set()
    for _ in range(40):
        for event in conversation.exchange_all():
            if isinstance(event, DataReceived):
                bodies[event.stream_id] += event.data
            elif isinstance(event, StreamEnded):
                ended.add(event.stream_id)
        for stream_id in {1, 3} - ended:
            conversation.server.increment_flow_control_window(3, stream_id)
        conversation.flush()
    assert bodies == {1: b"\0\0" + exchange.query[2:], 3: b"\0\0" + other.query[2:]}
    assert ended == {1, 3}
    assert not conversation.connection.paused


def test_a_body_that_waits_is_dropped_with_its_exchange(talk):
    conversation = talk(INITIAL_WINDOW_SIZE=0)
    exchange = conversation.ask()
    conversation.exchange_all()
    conversation.connection.forget(exchange)
    assert not conversation.connection.paused
    events = conversation.exchange_all()
    assert [event.error_code for event in events if isinstance(event, StreamReset)] == [ErrorCodes.CANCEL]
    conversation.server.update_settings({SettingCodes.INITIAL_WINDOW_SIZE: 1000})
    conversation.exchange_all()
    assert conversation.owner.end is None


def test_late_frames_for_a_stream_that_was_given_up(talk):
    conversation = talk()
    exchange = conversation.ask()
    conversation.exchange_all()
    other = conversation.ask()
    conversation.connection.forget(exchange)
    # The server has not heard of it yet.
    conversation.answer(1, conversation.messages.reply(exchange.query))
    conversation.exchange_all()
    conversation.answer(3, conversation.messages.reply(other.query))
    assert [answered for answered, _ in conversation.owner.replies] == [other]
    assert conversation.owner.end is None


def test_the_window_of_the_connection_is_opened_again(talk, monkeypatch):
    monkeypatch.setattr(http2_connection, "CONNECTION_WINDOW", 100_000)
    conversation = talk()
    for number in range(20):
        exchange = conversation.ask()
        conversation.exchange_all()
        conversation.server.send_headers(number * 2 + 1, GOOD)
        reply = conversation.messages.reply(exchange.query, bytes(30_000))
        for start in range(0, len(reply), 16384):
            part = reply[start : start + 16384]
            conversation.server.send_data(number * 2 + 1, part, end_stream=start + 16384 >= len(reply))
        conversation.flush()
        conversation.exchange_all()
    assert len(conversation.owner.replies) == 20


def test_away_and_what_it_has_not_looked_at(talk):
    conversation = talk()
    asked = [conversation.ask() for _ in range(4)]
    conversation.exchange_all()
    conversation.say(GoAwayFrame(0, last_stream_id=3))
    assert conversation.owner.again == asked[2:]
    assert conversation.owner.retired == 1
    assert conversation.line.open
    for stream_id in (1, 3):
        conversation.answer(stream_id, conversation.messages.reply(asked[0].query))
    assert [exchange for exchange, _ in conversation.owner.replies] == asked[:2]


def test_away_between_replies_in_one_piece(talk):
    conversation = talk()
    asked = [conversation.ask() for _ in range(2)]
    conversation.exchange_all()
    reply = conversation.messages.reply(asked[0].query)
    conversation.server.send_headers(1, GOOD)
    conversation.server.send_data(1, reply, end_stream=True)
    first = conversation.server.data_to_send()
    conversation.server.send_headers(3, GOOD)
    conversation.server.send_data(3, reply, end_stream=True)
    second = conversation.server.data_to_send()
    conversation.connection.data_received(first + GoAwayFrame(0, last_stream_id=3).serialize() + second)
    assert [exchange for exchange, _ in conversation.owner.replies] == asked


def test_a_stream_is_refused(talk):
    conversation = talk()
    exchange = conversation.ask()
    conversation.exchange_all()
    conversation.say(RstStreamFrame(1, error_code=ErrorCodes.REFUSED_STREAM))
    assert conversation.owner.again == [exchange]
    assert not conversation.connection.pending


@pytest.mark.parametrize(("code", "name"), [(2, "INTERNAL_ERROR"), (11, "ENHANCE_YOUR_CALM"), (4711, "error 4711")])
def test_a_stream_is_reset(talk, code, name):
    conversation = talk()
    exchange = conversation.ask()
    conversation.exchange_all()
    conversation.say(RstStreamFrame(1, error_code=code))
    assert conversation.owner.errors == [(exchange, f"the nameserver reset the stream: {name}")]


def test_a_reset_after_the_reply_does_not_matter(talk):
    conversation = talk()
    exchange = conversation.ask()
    conversation.exchange_all()
    conversation.answer(1, conversation.messages.reply(exchange.query))
    conversation.say(RstStreamFrame(1, error_code=0))
    assert len(conversation.owner.replies) == 1
    assert conversation.owner.errors == []
    assert conversation.owner.end is None


def small_frames(count):
    return DataFrame(1, data=b"x").serialize() * count


FLOODS = {
    "settings": SettingsFrame(0, settings={4: 65535}).serialize() * 20_000,
    "pings": PingFrame(0, opaque_data=bytes(8)).serialize() * 20_000,
    "windows": WindowUpdateFrame(0, window_increment=1).serialize() * 20_000,
    "crumbs": HeadersFrame(1, data=Encoder().encode(GOOD), flags=["END_HEADERS"]).serialize() + small_frames(20_000),
    "empty data": HeadersFrame(1, data=Encoder().encode(GOOD), flags=["END_HEADERS"]).serialize()
    + DataFrame(1).serialize() * 20_000,
}  # fmt: skip


@pytest.mark.parametrize("flood", FLOODS)
def test_a_flood_ends_the_connection(talk, monkeypatch, flood):
    monkeypatch.setattr(http2_connection, "MOST_FRAMES", 500)
    conversation = talk()
    conversation.ask()
    conversation.exchange_all()
    data = FLOODS[flood]
    for start in range(0, len(data), 4096):
        conversation.connection.data_received(data[start : start + 4096])
    assert conversation.owner.end == "the nameserver sent 500 frames without a reply"
    assert not conversation.line.open
    assert len(conversation.line.written) < 50_000


def test_replies_make_room_for_more_frames(talk, monkeypatch):
    monkeypatch.setattr(http2_connection, "MOST_FRAMES", 500)
    conversation = talk()
    for number in range(5):
        exchange = conversation.ask()
        conversation.exchange_all()
        conversation.connection.data_received(PingFrame(0, opaque_data=bytes(8)).serialize() * 300)
        conversation.answer(number * 2 + 1, conversation.messages.reply(exchange.query))
    assert conversation.owner.end is None


def bomb():
    """A few bytes that become megabytes of headers: one large header, and then its number in the table many times."""
    encoder = Encoder()
    first = encoder.encode([*GOOD, ("x", "y" * 4000)], huffman=False)
    return first + encoder.encode([("x", "y" * 4000)]) * 10_000


WRONG = {
    "too long a frame": (b"\x00\x40\x01\0\0\0\0\0\1", "longer than 16384 bytes"),
    "sixteen megabytes": (b"\xff\xff\xff\0\0\0\0\0\1", "longer than 16384 bytes"),
    "a header bomb": (HeadersFrame(1, data=bomb(), flags=["END_HEADERS"]).serialize(), "rules of HTTP/2"),
    "continuations without end": (
        HeadersFrame(1, data=b"").serialize() + ContinuationFrame(1, data=b"").serialize() * 100,
        "rules of HTTP/2",
    ),
    "no compression": (HeadersFrame(1, data=b"\xff" * 20, flags=["END_HEADERS"]).serialize(), "rules of HTTP/2"),
    "data first": (DataFrame(1, data=b"x").serialize(), "rules of HTTP/2"),
    "streams of its own": (
        b"".join(HeadersFrame(number, data=b"\x88", flags=["END_HEADERS"]).serialize() for number in (2, 4)),
        "rules of HTTP/2",
    ),
    "a promise": (b"\0\0\5\5\4\0\0\0\1\0\0\0\2\x88", "rules of HTTP/2"),
    "not HTTP/2": (b"HTTP/1.1 400 Bad Request\r\n\r\n", "longer than 16384 bytes"),
    "a wrong length": (
        HeadersFrame(1, data=Encoder().encode([*GOOD, ("content-length", "3")]), flags=["END_HEADERS"]).serialize()
        + DataFrame(1, data=b"xxxx", flags=["END_STREAM"]).serialize(),
        "rules of HTTP/2",
    ),
    "a window of two gigabytes twice": (WindowUpdateFrame(0, window_increment=2**31 - 1).serialize() * 2, "rules of HTTP/2"),
    "a short GOAWAY": (b"\0\0\3\7\0\0\0\0\0abc", None),
    "a short ping": (b"\0\0\3\6\0\0\0\0\0abc", "rules of HTTP/2"),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG)
def test_what_breaks_the_rules_ends_the_connection(talk, case):
    data, reason = WRONG[case]
    if len(data) > 16393 and case == "a header bomb":
        data = data[:0] + HeadersFrame(1, data=bomb()[:16000], flags=["END_HEADERS"]).serialize()
    conversation = talk()
    conversation.ask()
    conversation.exchange_all()
    conversation.connection.data_received(data)
    if reason is None:
        assert conversation.owner.retired
        return
    assert reason in conversation.owner.end
    assert not conversation.line.open
    conversation.connection.data_received(data)
    conversation.connection.connection_lost(None)


@given(
    st.lists(
        st.tuples(
            st.integers(0, 12),
            st.integers(0, 255),
            st.integers(0, 9),
            st.one_of(st.binary(max_size=40), st.just(Encoder().encode(GOOD)), st.just(bytes(9))),
        ),
        max_size=12,
    ),
    st.binary(max_size=30),
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_any_frames_end_a_connection_in_words_or_not_at_all(messages, frames, rest):
    conversation = Conversation(messages)
    try:
        for _ in range(3):
            conversation.ask()
        conversation.exchange_all()
        for kind, flags, stream_id, payload in frames:
            head = len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream_id.to_bytes(4, "big")
            conversation.connection.data_received(head + payload)
        conversation.connection.data_received(rest)
        owner = conversation.owner
        assert owner.end is None or owner.end.isprintable()
        told = len(owner.replies) + len(owner.errors) + len(owner.again)
        assert told + len(conversation.connection.pending) == 3
    finally:
        conversation.close()
