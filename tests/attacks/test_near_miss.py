"""Attack 2, a flood of near misses: one reply with a wrong id, and the next attempt goes over TCP."""

from __future__ import annotations

import pytest
from evil_server import FORGED, TRUE, EvilServer, reply_to

from aioresolver import Resolver, StubBackend


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
