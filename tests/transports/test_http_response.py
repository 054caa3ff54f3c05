"""HttpResponse: which response carries a reply."""

from __future__ import annotations

import asyncio

import pytest

from aioresolver.transports.base import AgedReply
from aioresolver.transports.exchange import make_exchange
from aioresolver.transports.http_response import HttpResponse, status_fault, type_fault

GOOD = [(b":status", b"200"), (b"content-type", b"application/dns-message")]


@pytest.fixture
def response(messages):
    loop = asyncio.new_event_loop()
    yield HttpResponse(make_exchange(messages.query(), loop=loop))
    loop.close()


def test_a_reply_in_pieces(response, messages):
    reply = messages.reply(messages.query())
    assert response.take_headers(GOOD) is None
    assert response.take_data(reply[:5]) is None
    assert response.reply() is None
    assert response.take_data(reply[5:]) is None
    assert response.reply() == reply
    assert type(response.reply()) is bytes


def test_the_id_does_not_matter(response, messages):
    reply = b"\xab\xcd" + messages.reply(messages.query())[2:]
    assert response.take_data(reply) is None
    assert response.reply() == reply


def test_the_longest_body(response):
    assert response.take_headers([*GOOD, (b"content-length", b"65535")]) is None
    assert response.take_data(bytes(65535)) is None
    assert response.take_data(b"x") == "the reply is longer than 65535 bytes"


def test_a_length_that_is_too_much_is_enough(response):
    assert response.take_headers([*GOOD, (b"content-length", b"65536")]) == "the reply is longer than 65535 bytes"


@pytest.mark.parametrize(("age", "seconds"), [(b"1", 1), (b"86400", 86400), (b"999999999", 999999999)])
def test_age(response, messages, age, seconds):
    response.take_headers([*GOOD, (b"age", age)])
    response.take_data(messages.reply(messages.query()))
    reply = response.reply()
    assert isinstance(reply, AgedReply)
    assert reply.age == seconds


@pytest.mark.parametrize("age", [b"", b"0", b"-1", b"1.5", b"\xb2", b"9" * 5000])
def test_what_is_no_age(response, messages, age):
    assert response.take_headers([*GOOD, (b"age", age)]) is None
    response.take_data(messages.reply(messages.query()))
    assert type(response.reply()) is bytes


@pytest.mark.parametrize(
    ("status", "fault"),
    [
        ("200", None),
        ("301", "HTTP status 301: redirects are not followed"),
        ("429", "HTTP status 429"),
        ("500", "HTTP status 500"),
        ("", "HTTP status missing"),
        ("2OO", "HTTP status 2OO"),
    ],
)
def test_status(status, fault):
    assert status_fault(status) == fault


@pytest.mark.parametrize(
    ("content_type", "fault"),
    [
        ("application/dns-message", None),
        ("Application/DNS-Message ;charset=x", None),
        ("application/dns-json", "the response is application/dns-json, not application/dns-message"),
        ("", "the response is of no content type, not application/dns-message"),
    ],
)
def test_content_type(content_type, fault):
    assert type_fault(content_type) == fault


@pytest.mark.parametrize("encoding", [b"gzip", b"br"])
def test_compression(response, encoding):
    assert "is compressed" in response.take_headers([*GOOD, (b"content-encoding", encoding)])
    assert response.take_headers([*GOOD, (b"content-encoding", b"identity")]) is None
