"""Attack 6, fragments (Herzberg and Shulman 2013): replies are to be small enough never to be cut into any."""

from __future__ import annotations

from evil_server import TRUE, EvilServer, honest, reply_to

from aioresolver import Resolver, StubBackend
from aioresolver.wire.codes import Flag
from aioresolver.wire.message import Message


async def test_every_query_asks_for_1232_bytes_at_most(race: int) -> None:
    async with EvilServer(honest) as server, Resolver(StubBackend(server.url, race=race)) as resolver:
        await resolver.resolve("www.example")

    edns = [Message.parse(query).edns for query in server.queries]
    assert [each and each.payload for each in edns] == [1232]


async def test_a_truncated_reply_with_our_question_leads_to_tcp(race: int) -> None:
    def script(query: bytes, send) -> None:
        send(query[:2] + Message.parse(query).reply(flags=Flag.TC | Flag.RA).to_wire()[2:])

    async with EvilServer(script) as server, Resolver(StubBackend(server.url, race=race)) as resolver:
        answer = await resolver.resolve("www.example")

    assert [data.address for data in answer] == [TRUE]
    assert (len(server.queries), len(server.over_tcp)) == (1, 1)


async def test_a_truncated_reply_with_another_question_is_ignored(race: int) -> None:
    def script(query: bytes, send) -> None:
        other = query.replace(b"\3www", b"\3xxx")
        send(Message.parse(other).reply(flags=Flag.TC).to_wire())
        send(reply_to(query))

    async with EvilServer(script) as server, Resolver(StubBackend(server.url, race=race)) as resolver:
        assert [data.address for data in await resolver.resolve("www.example")] == [TRUE]
    assert (len(server.queries), len(server.over_tcp)) == (1, 0)


async def test_a_large_reply_that_matches_counts(race: int) -> None:
    def script(query: bytes, send) -> None:
        message = Message.parse(reply_to(query))
        (record,) = message.answer
        many = tuple(type(record).parse(f"{record.name} 300 A 192.0.2.{number}") for number in range(250))
        send(query[:2] + Message.parse(query).reply(flags=Flag.RA, answer=many).to_wire()[2:])

    async with EvilServer(script) as server, Resolver(StubBackend(server.url, race=race)) as resolver:
        assert len(await resolver.resolve("www.example")) == 250
