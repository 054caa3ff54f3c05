"""Exchange: which reply belongs to it, and that random numbers are never repeated."""

from __future__ import annotations

import asyncio
import errno
import pickle
import random

import pytest

from aioresolver.errors import TransportError
from aioresolver.transports.exchange import Numbers, carriage_error, make_exchange


@pytest.fixture
def loop():
    loop = asyncio.new_event_loop()
    yield loop
    loop.close()


def test_question_section_is_found(messages, loop):
    query = messages.query("a.b.example")
    with_options = query[:11] + b"\1" + query[12:] + b"\0\0\x29\4\xd0\0\0\0\0\0\0"
    for wire in (query, with_options):
        exchange = make_exchange(wire, loop=loop)
        exchange.id = b"ab"
        assert exchange.question == query[12:]
        assert exchange.wire == b"ab" + wire[2:]


def test_a_label_may_hold_any_byte(loop):
    question = b"\3a\0b\1\xc0\0\0\1\0\1"
    assert make_exchange(b"\0\0\1\0\0\1\0\0\0\0\0\0" + question, loop=loop).question == question


def test_several_questions_or_none(messages, loop):
    query = messages.query()
    twice = query[:5] + b"\2" + query[6:] + query[12:]
    assert make_exchange(twice, loop=loop).question == query[12:] * 2
    none = make_exchange(query[:5] + b"\0" + query[6:12], loop=loop)
    assert none.question == b""
    assert none.matches(messages.reply(query[:5] + b"\0" + query[6:12], b""))


def test_every_changed_bit_of_header_and_question_is_seen_or_free(messages, loop):
    query = messages.query()
    exchange = make_exchange(query, loop=loop)
    reply = messages.reply(query, b"")
    assert exchange.matches(reply)
    # The id chooses the exchange; the flags but QR and opcode, and the other counts, are the server's.
    free = {*range(16), *(16 + bit for bit in (5, 6, 7)), *range(24, 32), *range(48, 96)}
    for bit in range(8 * len(reply)):
        changed = bytearray(reply)
        changed[bit // 8] ^= 0x80 >> bit % 8
        assert exchange.matches(bytes(changed)) == (bit in free), bit
    for length in range(len(reply)):
        assert not exchange.matches(reply[:length])


def test_numbers_do_not_come_from_a_seed():
    draws = []
    for _ in range(2):
        random.seed(0)
        numbers = Numbers()
        draws.append([numbers.draw() for _ in range(5000)])
    assert draws[0] != draws[1]
    assert len({id for id, _ in draws[0]}) > 4500
    for bit in range(16):
        assert abs(sum(number >> bit & 1 for _, number in draws[0]) - 2500) < 360


@pytest.mark.parametrize(
    ("error", "code", "local"),
    [
        (OSError(errno.EMFILE, "x"), errno.EMFILE, True),
        (OSError(errno.ENETUNREACH, "x"), errno.ENETUNREACH, True),
        (PermissionError(errno.EACCES, "x"), errno.EACCES, True),
        (ConnectionRefusedError(errno.ECONNREFUSED, "x"), errno.ECONNREFUSED, False),
        (OSError(errno.EHOSTUNREACH, "x"), errno.EHOSTUNREACH, False),
        (ConnectionResetError(), errno.ECONNRESET, False),
        (OSError("x"), errno.EIO, False),
    ],
)
def test_errors_say_who_is_to_blame(error, code, local):
    failure = carriage_error("no way", error)
    assert isinstance(failure, TransportError)
    assert (failure.errno, failure.local) == (code, local)
    assert failure.strerror.startswith("no way: ")
    assert pickle.loads(pickle.dumps(failure)).local is local
    assert not carriage_error("no way", error, local=False).local
