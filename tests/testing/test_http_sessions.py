"""Sessions of a server: HTTP/2 with h2 at the other end, HTTP/1.1 by hand."""

from __future__ import annotations

import pytest

pytest.importorskip("h2")

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import ConnectionTerminated, DataReceived, ResponseReceived, StreamEnded, StreamReset
from h2.settings import SettingCodes

from aioresolver.testing.http_exchange import HttpReply
from aioresolver.testing.http_sessions import Http1Session, Http2Session

HEADERS = [(":method", "POST"), (":scheme", "https"), (":authority", "dns.test"), (":path", "/q"), ("x", "y")]


class Pair:
    """A session, and a client of it."""

    def __init__(self, **options):
        self.requests = []
        self.session = Http2Session(lambda number, request: self.requests.append((number, request)), **options)
        self.client = H2Connection(H2Configuration(client_side=True, header_encoding="utf-8"))
        self.client.initiate_connection()
        self.talk()

    def talk(self):
        """Let both say what they have to say; what the client hears."""
        events = []
        while True:
            said = self.client.data_to_send()
            assert not said or self.session.receive(said)
            heard = self.session.take()
            if heard:
                events += self.client.receive_data(heard)
            if not said and not heard:
                return events

    def ask(self, stream_id, body=b"abc"):
        self.client.send_headers(stream_id, HEADERS, end_stream=not body)
        if body:
            self.client.send_data(stream_id, body, end_stream=True)
        return self.talk()


def kinds(events, *kinds):
    return [event for event in events if isinstance(event, kinds)]


def test_a_request_and_its_response():
    pair = Pair()
    pair.ask(1)
    ((number, request),) = pair.requests
    assert (number, request.method, request.target, request.body, request.headers["x"]) == (
        1,
        "POST",
        "/q",
        b"abc",
        "y",
    )
    pair.session.respond(1, HttpReply(b"reply"))
    pair.session.respond(1, HttpReply(b"another"))
    events = pair.talk()
    assert dict(kinds(events, ResponseReceived)[0].headers)[":status"] == "200"
    assert [event.data for event in kinds(events, DataReceived)] == [b"reply"]
    assert len(kinds(events, StreamEnded)) == 1


def test_an_empty_body():
    pair = Pair()
    pair.ask(1, b"")
    pair.session.respond(1, HttpReply(b"", status=404))
    assert len(kinds(pair.talk(), StreamEnded)) == 1


def test_a_body_longer_than_the_window():
    pair = Pair()
    pair.client.update_settings({SettingCodes.INITIAL_WINDOW_SIZE: 7})
    pair.ask(1)
    pair.session.respond(1, HttpReply(bytes(30)))
    events = pair.talk()
    assert not kinds(events, StreamEnded)
    for _ in range(4):
        pair.client.increment_flow_control_window(7, 1)
        events += pair.talk()
    assert sum(len(event.data) for event in kinds(events, DataReceived)) == 30
    assert kinds(events, StreamEnded)


def test_a_body_that_stops():
    pair = Pair()
    pair.ask(1)
    pair.session.respond(1, HttpReply(b"reply", stall_after=2))
    events = pair.talk()
    assert [event.data for event in kinds(events, DataReceived)] == [b"re"]
    assert not kinds(events, StreamEnded)


def test_as_many_as_it_says():
    pair = Pair(most_streams=2)
    for stream_id in (1, 3):
        pair.client.send_headers(stream_id, HEADERS, end_stream=True)
    pair.talk()
    assert [number for number, _ in pair.requests] == [1, 3]
    assert pair.client.remote_settings.max_concurrent_streams == 2


def test_a_client_that_has_not_heard_how_many():
    requests = []
    session = Http2Session(lambda number, request: requests.append(number), most_streams=1)
    client = H2Connection(H2Configuration(client_side=True))
    client.initiate_connection()
    for stream_id in (1, 3):
        client.send_headers(stream_id, HEADERS, end_stream=True)
    assert session.receive(client.data_to_send())
    resets = kinds(client.receive_data(session.take()), StreamReset)
    assert requests == [1]
    assert [(event.stream_id, event.error_code) for event in resets] == [(3, 7)]


def test_refused():
    pair = Pair()
    pair.ask(1)
    pair.session.respond(1, HttpReply(refused=True))
    assert [event.error_code for event in kinds(pair.talk(), StreamReset)] == [7]


def test_retiring():
    pair = Pair()
    pair.ask(1)
    pair.ask(3)
    pair.session.respond(1, HttpReply(b"reply", retiring=True))
    heard = pair.session.take()
    assert not pair.session.finished
    pair.session.respond(3, HttpReply(b"last"))
    last = pair.session.take()
    assert pair.session.finished
    events = pair.client.receive_data(heard)
    assert [event.last_stream_id for event in kinds(events, ConnectionTerminated)] == [3]
    assert b"last" in last


def test_a_client_that_gives_up():
    pair = Pair()
    pair.ask(1)
    pair.client.reset_stream(1)
    pair.talk()
    pair.session.respond(1, HttpReply(b"reply"))
    assert pair.session.take() == b""


def test_not_http_2():
    session = Http2Session(lambda number, request: None)
    assert not session.receive(b"GET / HTTP/1.1\r\n\r\n")


POST = b"POST /q HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc"


def test_responses_come_in_order():
    requests = []
    session = Http1Session(lambda number, request: requests.append((number, bytes(request.body))))
    for byte in POST + POST:
        assert session.receive(bytes([byte]))
    assert requests == [(1, b"abc"), (2, b"abc")]
    session.respond(2, HttpReply(b"second"))
    assert session.take() == b""
    session.respond(1, HttpReply(b"first"))
    session.respond(1, HttpReply(b"again"))
    said = session.take()
    assert said.index(b"first") < said.index(b"second")
    assert b"again" not in said
    assert said.startswith(
        b"HTTP/1.1 200 OK\r\ncontent-type: application/dns-message\r\ncontent-length: 5\r\n\r\nfirst"
    )


@pytest.mark.parametrize("data", [b"x\r\n\r\n", b"GET / HTTP/1.1\r\ncontent-length: -x\r\n\r\n", b"x" * 200_000])
def test_not_http(data):
    assert not Http1Session(lambda number, request: None).receive(data)
