"""StreamConnection: frames come out as they went in, however they are cut; any bytes are borne."""

from __future__ import annotations

import asyncio
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aioresolver.transports.exchange import make_exchange
from aioresolver.transports.stream import StreamConnection


class Owner:
    """Notes down what the connection says."""

    def __init__(self):
        self.ignored = 0
        self.replies = []
        self.endings = []

    def answered(self, connection, exchange, reply):
        self.replies.append(reply)

    def ended(self, connection, error):
        self.endings.append(error)

    def closed(self, connection):
        self.endings.append("closed")


@pytest.fixture(scope="module")
def loop():
    loop = asyncio.new_event_loop()
    yield loop
    loop.close()


@pytest.fixture(scope="module")
def header():
    return b"\x81\0\0\0\0\0\0\0\0\0"


def framed(message):
    return len(message).to_bytes(2, "big") + message


@given(
    st.lists(st.sampled_from([0, 1, 11, 12, 40, 255, 256, 5000]), max_size=12),
    st.lists(st.integers(0, 20000), max_size=12),
)
def test_frames_survive_any_cutting(loop, header, sizes, cuts):
    owner = Owner()
    connection = StreamConnection(owner, loop=loop)
    replies = []
    wire = b""
    for number, size in enumerate(sizes):
        exchange = make_exchange(b"\0\0\1" + bytes(9), loop=loop)
        exchange.id = number.to_bytes(2, "big")
        connection.pending[exchange.id] = exchange
        reply = (exchange.id + header + b"x" * size)[:size]
        replies += [reply] * (size >= 12)
        wire += framed(reply)
    edges = sorted({0, len(wire), *(cut for cut in cuts if cut < len(wire))})
    for start, end in itertools.pairwise(edges):
        connection.data_received(wire[start:end])
    assert owner.replies == replies
    assert owner.ignored == len(sizes) - len(replies)
    assert connection.replies == len(replies)
    assert not connection._received


@given(st.lists(st.binary(max_size=300), max_size=5))
def test_any_bytes_are_borne(loop, chunks):
    owner = Owner()
    connection = StreamConnection(owner, loop=loop)
    for chunk in chunks:
        connection.data_received(chunk)
    connection.eof_received()
    connection.connection_lost(None)
    assert owner.replies == []
    assert len(owner.endings) == 2  # said once, although both events tell of it
    assert str(owner.endings[0].strerror) == "the nameserver closed the connection"
