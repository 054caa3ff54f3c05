"""Attack 24, forwarding in a circle, and aliases that never end: a lookup has an end, and a budget of packets.

A stub cannot see that its nameserver asks it in turn; what it can do is ask once for all who ask the same, and stop.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from evil_server import EvilServer, Send, answered

from aioresolver import ResolutionError, Resolver, ServerFailure, StubBackend
from aioresolver.alias_chain import MAX_ALIASES
from aioresolver.backends.budgets import MOST_BYTES, MOST_PACKETS
from aioresolver.wire.message import Message


def circle(name: str) -> list[str]:
    return [f"{name} 60 CNAME {'b' if name[0] == 'a' else 'a'}.evil.example."]


def onward(step: int) -> Callable[[str], list[str]]:
    """As many aliases in each reply, and each leads on."""

    def chain(name: str) -> list[str]:
        first = int(name.partition(".")[0][1:] or 0)
        return [f"a{at or ''}.evil.example. 60 CNAME a{at + 1}.evil.example." for at in range(first, first + step)]

    return chain


def longer(name: str) -> list[str]:
    return [f"{name} 60 CNAME a.{name}"]


def redirected(name: str) -> list[str]:
    return ["evil.example. 60 DNAME evil.evil.example."]


ALIASES = {
    "to itself": lambda name: [f"{name} 60 CNAME {name}"],
    "in a circle": circle,
    "one by one": onward(1),
    "three by three": onward(3),
    "ten by ten": onward(10),
    "all at once": onward(200),
    "ever longer": longer,
    "ever longer by DNAME": redirected,
}


@pytest.mark.parametrize("kind", ALIASES)
@pytest.mark.parametrize("type_", ["A", "TXT"])
async def test_aliases_without_end(kind: str, type_: str, race: int) -> None:
    def script(query: bytes, send: Send) -> None:
        send(answered(query, *ALIASES[kind](str(Message.parse(query).question[0].name))))

    async with EvilServer(script) as server, Resolver(StubBackend(server.url, race=race), search=[]) as resolver:
        with pytest.raises(ServerFailure):
            await resolver.query("a.evil.example", type_)
        ((_, outcome),) = [pair async for pair in resolver.query_many([("a.evil.example.", type_)])]
        assert isinstance(outcome, ResolutionError)
        assert len(server.queries) <= MAX_ALIASES + 1
        assert len(resolver.cache) == 1  # the failure
        assert (resolver.limiter.in_use, resolver.stats.under_way) == (0, 0)


async def test_two_servers_that_send_each_other_the_question(race: int) -> None:
    """Aliases that alternate between the zones of two nameservers are bounded like those of one."""

    def to(zone: str) -> Callable[[bytes, Send], None]:
        def script(query: bytes, send: Send) -> None:
            name = str(Message.parse(query).question[0].name)
            send(answered(query, f"{name} 60 CNAME {len(one.queries) + len(two.queries)}.{zone}.example."))

        return script

    async with EvilServer(to("two")) as one, EvilServer(to("one")) as two:
        backend = StubBackend([one.url, two.url], race=race)
        async with Resolver(backend, search=[]) as resolver:
            with pytest.raises(ServerFailure):
                await resolver.query("a.one.example")
        assert len(one.queries) + len(two.queries) <= MOST_PACKETS


async def test_a_nameserver_that_asks_us(race: int) -> None:
    """Its question joins the lookup that waits for its answer: all end at the deadline, and few packets were sent."""

    def script(query: bytes, send: Send) -> None:
        asking.append(asyncio.ensure_future(resolver.query("www.example", "A")))

    asking: list[asyncio.Future[object]] = []
    async with (
        EvilServer(script) as server,
        Resolver(StubBackend(server.url, race=race), timeout=0.8, search=[]) as resolver,
    ):
        with pytest.raises(ResolutionError):
            await resolver.query("www.example")
        outcomes = await asyncio.gather(*asking, return_exceptions=True)
        assert all(isinstance(outcome, ResolutionError) for outcome in outcomes)
        assert resolver.stats.lookups == 1
        assert len(server.queries) <= 5


def refusing(query: bytes, send: Send) -> None:
    send(query[:2] + Message.parse(query).reply(rcode=2).to_wire()[2:])


async def test_a_lookup_sends_no_more_than_its_allowance(race: int) -> None:
    """However many nameservers there are, and each of them fails."""
    servers = [EvilServer(refusing) for _ in range(60)]
    for server in servers:
        await server.__aenter__()
    try:
        async with Resolver(
            StubBackend([server.url for server in servers], race=race), timeout=2, search=[]
        ) as resolver:
            with pytest.raises(ResolutionError):
                await resolver.query("www.example")
    finally:
        for server in servers:
            await server.__aexit__()
    assert (
        10 < sum(len(server.queries) for server in servers) <= MOST_PACKETS + len(servers)
    )  # new ones are probed once


async def test_a_lookup_reads_no_more_than_its_allowance() -> None:
    """Each reply over TCP is as long as can be, and sends us on."""

    def huge(query: bytes, send: Send) -> None:
        name = str(Message.parse(query).question[0].name)
        filling = [f'f{number}.example. 60 TXT "{"x" * 250}"' for number in range(230)]
        send(answered(query, f"{name} 60 CNAME a.{name}", *filling))

    async with EvilServer(refusing, tcp=huge) as server:
        url = server.url.replace("udp", "tcp")
        async with Resolver(StubBackend(url), timeout=5, search=[]) as resolver:
            with pytest.raises(ResolutionError):
                await resolver.query("a.evil.example")
        assert 1 < len(server.over_tcp) <= MOST_BYTES // 60_000 + 1
