"""Attack 7, TuDoor 2024 (CVE-2023-29483): malformed replies ahead of the good one do not end the lookup."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from evil_server import TRUE, EvilServer, reply_to

from aioresolver import Resolver, StubBackend
from aioresolver.wire.codes import Flag, Rcode
from aioresolver.wire.message import Message


def without_question(query: bytes, rcode: int) -> bytes:
    return query[:2] + bytes([0x80, rcode]) + bytes(8)


def flags(reply: bytes, high: int) -> bytes:
    return reply[:2] + bytes([high]) + reply[3:]


def questions(reply: bytes, count: int) -> bytes:
    return reply[:4] + count.to_bytes(2, "big") + reply[6:]


BAD: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda query: b"",
    "eleven bytes": lambda query: reply_to(query)[:11],
    "header only": lambda query: reply_to(query)[:12],
    "a query": lambda query: flags(reply_to(query), 0x01),
    "another opcode": lambda query: flags(reply_to(query), 0xA8),
    "two questions": lambda query: questions(reply_to(query), 2),
    "no question": lambda query: questions(reply_to(query), 0),
    "another type": lambda query: reply_to(query).replace(b"\7example\0\0\1", b"\7example\0\0\x1c", 1),
    "another class": lambda query: reply_to(query).replace(b"\7example\0\0\1\0\1", b"\7example\0\0\1\0\3", 1),
    "another name": lambda query: reply_to(query).replace(b"\3www", b"\3xxx", 1),
    "FORMERR without question": lambda query: without_question(query, Rcode.FORMERR),
    "REFUSED without question": lambda query: without_question(query, Rcode.REFUSED),
    "truncated with another question": lambda query: flags(reply_to(query), 0x83).replace(b"\3www", b"\3xxx", 1),
    "our own query": lambda query: query,
}


@pytest.mark.parametrize("kind", BAD)
async def test_the_good_reply_is_taken_from_the_same_server(kind: str, race: int) -> None:
    def script(query: bytes, send) -> None:
        send(BAD[kind](query))
        asyncio.get_running_loop().call_later(0.01, send, reply_to(query))

    async with EvilServer(script) as server, Resolver(StubBackend(server.url, race=race)) as resolver:
        answer = await resolver.resolve("www.example")

    assert [data.address for data in answer] == [TRUE]
    assert answer.attempts == ()
    assert len(server.queries) == 1


AS_GOOD_AS_OURS: dict[str, Callable[[bytes], bytes]] = {
    "bytes behind the end": lambda query: reply_to(query) + b"\0\0",
    "a record cut off": lambda query: reply_to(query)[:-2],
    "a bad OPT": lambda query: (
        reply_to(query)[:10] + b"\0\1" + reply_to(query)[12:] + b"\0\0\x29\4\xd0\0\0\0\0\0\5\0\x0a"
    ),
    "REFUSED": lambda query: Message.parse(query).reply(flags=Flag.RA, rcode=Rcode.REFUSED).to_wire(),
}


@pytest.mark.parametrize("kind", AS_GOOD_AS_OURS)
async def test_what_only_who_saw_our_query_can_send_is_asked_again(kind: str, race: int) -> None:
    """Id, port and question are right: whoever sent it could have sent an answer. It costs a try, not the lookup."""

    def script(query: bytes, send) -> None:
        bad = AS_GOOD_AS_OURS[kind](query) if len(server.queries) == 1 else reply_to(query)
        send(query[:2] + bad[2:])

    async with EvilServer(script) as server, Resolver(StubBackend(server.url, race=race)) as resolver:
        answer = await resolver.resolve("www.example")

    assert [data.address for data in answer] == [TRUE]
    assert len(server.queries) == 2
