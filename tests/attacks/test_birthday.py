"""Attack 3, birthdays (CERT VU#457875; RebirthDay, CVE-2025-5994): many askers of one question make one query to guess.

With n identical queries under way a forger needs an nth of the guesses. RebirthDay makes them differ in what does not
matter to the answer: the client subnet.
"""

from __future__ import annotations

import asyncio
from ipaddress import ip_network

import pytest
from evil_server import FORGED, TRUE, EvilServer, Send, reply_to

from aioresolver import Resolver, StubBackend
from aioresolver.answer import Answer
from aioresolver.cache import Cache
from aioresolver.wire.codes import Flag
from aioresolver.wire.edns import ClientSubnet, Edns
from aioresolver.wire.message import Message, Record

NAME = "victim.example"
MANY = 100


class Held:
    """A script that keeps every query, and answers them when it is told."""

    def __init__(self) -> None:
        self.held: list[tuple[bytes, Send]] = []

    def __call__(self, query: bytes, send: Send) -> None:
        self.held.append((query, send))

    async def release(self) -> None:
        while not self.held:
            await asyncio.sleep(0.001)
        await asyncio.sleep(0.02)  # whatever else was to be sent, has been sent
        for query, send in self.held:
            send(reply_to(query))


async def taken(resolver: Resolver, name: str) -> str:
    ((_, outcome),) = [pair async for pair in resolver.query_many([name])]
    assert isinstance(outcome, Answer)
    return outcome[0].address


async def looked_up(resolver: Resolver, name: str) -> str:
    return (await resolver.addresses(name, 2))[0]


async def resolved(resolver: Resolver, name: str) -> str:
    return (await resolver.resolve(name))[0].address


async def submitted(resolver: Resolver, name: str) -> str:
    return (await resolver.submit(name))[0].address


WAYS = [resolved, looked_up, taken, submitted]


@pytest.mark.parametrize("cache", [None, 0, "stale"], ids=["cache", "no cache", "stale"])
async def test_a_hundred_askers_are_one_query(cache: object) -> None:
    kept = None if cache is None else Cache(0) if cache == 0 else Cache(stale=3600)
    async with EvilServer(held := Held()) as server, Resolver(StubBackend(server.url), cache=kept) as resolver:
        spellings = (NAME, "Victim.Example", "VICTIM.EXAMPLE.", "victim.example.")
        asking = [WAYS[n % len(WAYS)](resolver, spellings[n // 3 % 4]) for n in range(MANY)]
        answers = asyncio.gather(*asking)
        await held.release()

        assert await answers == [TRUE] * MANY
        assert len(server.queries) == 1
        assert (resolver.stats.lookups, resolver.stats.joined) == (1, MANY - 1)


async def test_those_who_leave_leave_one_query() -> None:
    async with EvilServer(held := Held()) as server, Resolver(StubBackend(server.url)) as resolver:
        *leaving, last = [resolver.submit(NAME) for _ in range(MANY)]
        for future in leaving:
            future.cancel()
        await held.release()

        assert (await last)[0].address == TRUE
        assert len(server.queries) == 1


async def test_asking_and_leaving_over_and_over_leaves_one_query_to_answer() -> None:
    """What was left is forgotten: a reply to it is not taken, so there is one id to be guessed at any moment."""
    async with EvilServer(held := Held()) as server, Resolver(StubBackend(server.url)) as resolver:
        for _ in range(MANY):
            resolver.submit(NAME).cancel()
            await asyncio.sleep(0)
        last = resolver.submit(NAME)
        while len(held.held) < 2 or held.held[-1][0][2:] != held.held[0][0][2:]:
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.02)
        for query, send in held.held[:-1]:
            send(reply_to(query, FORGED))
        await asyncio.sleep(0.02)
        assert not last.done()
        query, send = held.held[-1]
        send(reply_to(query))

        assert (await last)[0].address == TRUE
        assert server.over_tcp == []


async def test_silence_makes_no_more_queries_for_a_hundred_than_for_one() -> None:
    counts = []
    for askers in (1, MANY):
        async with EvilServer(lambda *_: None) as server, Resolver(StubBackend(server.url), timeout=0.8) as resolver:
            outcomes = await asyncio.gather(*(resolver.query(NAME) for _ in range(askers)), return_exceptions=True)
            assert all(isinstance(outcome, TimeoutError) for outcome in outcomes)
            counts.append(len(server.queries))
    assert counts[1] <= counts[0] + 1
    assert counts[1] <= 5


async def test_replies_for_many_subnets_split_nothing() -> None:
    """Of a resolver all questions carry one subnet; what a nameserver says of its scope changes nothing in that."""
    scopes = iter(range(8, 25))

    def script(query: bytes, send: Send) -> None:
        message = Message.parse(query)
        assert message.edns is not None
        scoped = Edns().with_client_subnet(ClientSubnet(ip_network("198.51.100.0/24"), next(scopes)))
        record = Record.parse(f"{NAME}. 300 A {TRUE}")
        send(query[:2] + message.reply(flags=Flag.RA, answer=(record,), edns=scoped).to_wire()[2:])

    edns = Edns().with_client_subnet(ClientSubnet(ip_network("198.51.100.0/24")))
    async with EvilServer(script) as server, Resolver(StubBackend(server.url, edns=edns)) as resolver:
        for _ in range(3):
            answers = await asyncio.gather(*(resolver.query(NAME) for _ in range(MANY)))
            assert {answer[0].address for answer in answers} == {TRUE}

        assert len(server.queries) == 1
        assert answers[0].edns is not None
        assert answers[0].edns.client_subnet == ClientSubnet(ip_network("198.51.100.0/24"), 8)


async def test_refreshes_of_stale_answers_and_prefetches_are_one_query_too() -> None:
    async with (
        EvilServer(lambda query, send: send(reply_to(query))) as server,
        Resolver(StubBackend(server.url), cache=Cache(stale=3600, prefetch=True, max_ttl=0.05)) as resolver,
    ):
        await resolver.query(NAME)
        await asyncio.sleep(0.06)
        server.script = held = Held()
        answers = asyncio.gather(*(way(resolver, NAME) for way in WAYS * 25))
        await held.release()
        assert set(await answers) == {TRUE}
        assert len(server.queries) == 2
