"""Attack 2, a flood of near misses: one reply with a wrong id, and the next attempt goes over TCP."""

from __future__ import annotations

import pytest
from evil_server import FORGED, TRUE, EvilServer, reply_to

from aioresolver import IterativeBackend, Resolver, StubBackend


def wrong_id(query: bytes) -> bytes:
    return bytes(byte ^ 0x55 for byte in query[:2]) + reply_to(query, FORGED)[2:]


@pytest.mark.parametrize("many", [1, 100])
async def test_the_second_attempt_is_over_tcp(many: int, race: int) -> None:
    def script(query: bytes, send) -> None:
        for _ in range(many):
            send(wrong_id(query))

    async with EvilServer(script) as server, Resolver(StubBackend(server.url, race=race)) as resolver:
        answer = await resolver.resolve("victim.example")

        assert [data.address for data in answer] == [TRUE]
        assert len(server.queries) == 1
        assert len(server.over_tcp) == 1
        await resolver.resolve("another.example")  # while somebody forges, nothing is left to datagrams
        assert len(server.queries) == 1


async def test_a_late_reply_is_no_near_miss(race: int) -> None:
    def script(query: bytes, send) -> None:
        send(reply_to(query))
        send(reply_to(query))

    async with EvilServer(script) as server, Resolver(StubBackend(server.url, race=race)) as resolver:
        for number in range(20):
            await resolver.resolve(f"{number}.example")

        assert len(server.queries) == 20
        assert server.over_tcp == []


@pytest.mark.parametrize("soon", [True, False], ids=["a walk", "a shortcut"])
async def test_walks_go_over_tcp_too(soon: bool) -> None:
    """The first question is a walk's, the others go by the shortcut."""
    forging = soon

    def script(query: bytes, send) -> None:
        reply, end = reply_to(query), query.index(b"\0", 12) + 5
        send(wrong_id(query) if forging else reply[:12] + query[12:end] + reply[end:])  # the letters as they were

    async with EvilServer(script) as server:
        stubs = {"example": [server.url.removeprefix("udp://")]}
        async with Resolver(IterativeBackend({"a.root.": ["127.0.0.1:9"]}, stubs=stubs)) as resolver:
            assert [data.address for data in await resolver.resolve("0.example")] == [TRUE]
            assert len(server.over_tcp) == soon
            forging = True
            for name in ("1.example", "2.example"):
                assert [data.address for data in await resolver.resolve(name)] == [TRUE]

        assert len(server.over_tcp) == 2 + soon
        assert len(server.queries) == 2 - soon
