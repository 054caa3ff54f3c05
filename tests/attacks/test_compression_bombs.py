"""Attack 16, compression bombs (CVE-2024-8508, CVE-2026-44390): messages made to be slow take no more steps than others do.

Counted in lines of Python that are executed, from the bytes to every record's data; that each byte is looked at a bounded
number of times is in tests/wire/test_message.py, and what it takes in seconds in the league table.
"""

from __future__ import annotations

import struct
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

import pytest
from evil_server import EvilServer, Send, answered, honest

from aioresolver import NoRecords, Resolver, ServerFailure, StubBackend
from aioresolver.errors import MessageFormatError
from aioresolver.wire.compression import MAX_HOPS
from aioresolver.wire.layout import MAX_RECORDS
from aioresolver.wire.message import Message, Record

DATAGRAM, LONGEST = 1232, 65_535
NAME = b"\3www\7example\0"
QUESTION = NAME + b"\0\1\0\1"
ALIAS = struct.pack(">HHIH", 5, 1, 60, 2)
BODY_AT = 12 + len(QUESTION) + 2 + 10


def pointer(target: int) -> bytes:
    return (0xC000 | target).to_bytes(2, "big")


def bomb(size: int, body: bytes, targets: list[int]) -> bytes:
    """A reply about www.example of a size: `body` as the data of a first record, then records that point into it."""
    body = body[: size // 2]
    first = pointer(12) + struct.pack(">HHIH", 65280, 1, 0, len(body)) + body
    targets = [BODY_AT + target for target in targets if target < len(body) and BODY_AT + target < 0x4000]
    left = size - 12 - len(QUESTION) - len(first)
    rows = [
        pointer(targets[number % len(targets)]) + ALIAS + pointer(targets[-1 - number * 7 % len(targets)])
        for number in range(min(left // 14, MAX_RECORDS // 2))
    ]
    return struct.pack(">HHHHHH", 0, 0x8180, 1, 1 + len(rows), 0, 0) + QUESTION + first + b"".join(rows)


def in_a_row(depth: int) -> tuple[bytes, list[int]]:
    """A name, then pointers, each to the one before, so many in a row."""
    body = bytearray(b"\1a\0")
    for number in range(8000):
        body += pointer(min(BODY_AT + (len(body) - 2 if number % depth else 0), 0x3FFF))
    return bytes(body), list(range(3, 16_000, 2))


LABELS = b"\1a" * 126 + b"\0"
BODIES: dict[str, tuple[bytes, list[int]]] = {
    "fifteen pointers in a row": in_a_row(MAX_HOPS - 1),
    "126 pointers in a row": in_a_row(126),
    "names within names": (LABELS * 64, [253 * copy + at for copy in range(64) for at in range(0, 252, 2)]),
    "labels of labels": (b"\1" * 8000 + b"\0" * 8000, list(range(8000))),
    "names without end": (b"\1a" * 8100, list(range(0, 16_200, 2))),
}


def ordinary(size: int) -> bytes:
    """A reply of a size with as many mail hosts as fit."""
    query = Message.parse(b"\0\0\1\0\0\1\0\0\0\0\0\0" + QUESTION)
    records = tuple(Record.parse(f"www.example. 60 MX {number} host{number}.mail.example.") for number in range(1500))
    while len(wire := query.reply(answer=records).to_wire()) > size:
        records = records[: len(records) * size // len(wire)]
    return wire


def read(wire: bytes) -> int:
    """How many records could be read of those there are, if any."""
    try:
        records = Message.parse(wire).answer
    except MessageFormatError:
        return 0
    good = 0
    for record in records:
        try:
            good += record.name is not record.data
        except MessageFormatError:
            continue
    return good


def lines(work: Callable[[bytes], Any], wire: bytes) -> int:
    """How many lines of Python it takes."""
    count = 0

    def trace(frame: FrameType, event: str, _: Any) -> Any:
        nonlocal count
        count += event == "line"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        work(wire)
    finally:
        sys.settrace(before)
    return count


@pytest.fixture(scope="module", params=[DATAGRAM, LONGEST], ids=["datagram", "longest"])
def usual(request: pytest.FixtureRequest) -> tuple[int, int]:
    """A size, and the lines of code for an ordinary reply that is as long."""
    wire = ordinary(request.param)
    assert len(wire) > 0.9 * request.param or len(wire) > 30_000
    read(wire)
    return request.param, lines(read, wire) * request.param // len(wire)


@pytest.mark.parametrize("name", BODIES)
def test_it_takes_few_more_steps_than_an_ordinary_one(name: str, usual: tuple[int, int]) -> None:
    """Twice as many at most; in a datagram, where all of them are done in a quarter of a millisecond, thrice."""
    size, ordinary_lines = usual
    wire = bomb(size, *BODIES[name])
    assert 0.5 * size < len(wire) <= size
    read(wire)
    assert lines(read, wire) < (2 if size == LONGEST else 3) * ordinary_lines


@pytest.mark.parametrize("name", BODIES)
@pytest.mark.parametrize("scheme", ["udp", "tcp"])
async def test_through_the_resolver_it_is_one_failure(name: str, scheme: str, race: int) -> None:
    """Nothing of it is kept, and the next question is answered."""

    def script(query: bytes, send: Send) -> None:
        if query.startswith(QUESTION, 12):
            send(query[:2] + bomb(DATAGRAM if scheme == "udp" else LONGEST, *BODIES[name])[2:])
        else:
            honest(query, send)

    async with EvilServer(script, tcp=script) as server:
        url = server.url.replace("udp", scheme)
        async with Resolver(StubBackend(url, race=race), search=[]) as resolver:
            with pytest.raises((ServerFailure, NoRecords)):
                await resolver.resolve("www.example")
            assert resolver.peek("www.example") is None
            assert await resolver.resolve("other.example")
            assert len(server.queries) + len(server.over_tcp) <= 4


async def test_four_thousand_addresses_are_an_answer(race: int) -> None:
    """The largest RRset that a message holds; one record more is none."""

    def tcp(query: bytes, send: Send) -> None:
        row = pointer(12) + struct.pack(">HHIH", 1, 1, 60, 4)
        addresses = b"".join(row + struct.pack(">I", 0xC6120000 + number) for number in range(count))
        send(query[:2] + struct.pack(">HHHHH", 0x8180, 1, count, 0, 0) + QUESTION + addresses)

    def script(query: bytes, send: Send) -> None:
        send(answered(query, flags=0x0200))

    async with (
        EvilServer(script, tcp=tcp) as server,
        Resolver(StubBackend(server.url, race=race), search=[]) as resolver,
    ):
        count = MAX_RECORDS - 5
        addresses = [data.address for data in await resolver.resolve("www.example")]
        assert (len(addresses), len(set(addresses))) == (count, count)
        assert len(await resolver.addresses("www.example", 2)) == count
    count = MAX_RECORDS + 1
    with pytest.raises(MessageFormatError):
        Message.parse(struct.pack(">HHHHHH", 0, 0x8180, 0, count, 0, 0) + (b"\0" + bytes(10)) * count)
