"""What networks and servers do to packets, over real sockets: every name gets its answer all the same."""

from __future__ import annotations

import asyncio
import itertools

import pytest

from aioresolver import Resolver, StubBackend
from aioresolver.testing import DNSServer, Fault

COUNT = 200
ZONE = "".join(f"h{number}.example. 60 A 192.0.2.{number}\n" for number in range(COUNT))
HOSTS = [f"h{number}.example" for number in range(COUNT)]
RIGHT = [[f"192.0.2.{number}"] for number in range(COUNT)]

EVERYWHERE = pytest.mark.backends("stub", "cares", "system")


def addresses(answer) -> list[str]:
    return [str(data) for data in answer]


async def resolve_all(resolver: Resolver) -> list[list[str]]:
    return [addresses(answer) for answer in await asyncio.gather(*map(resolver.resolve, HOSTS))]


def transports(server) -> list[str]:
    return [query.transport for query in server.queries]


@pytest.fixture
async def server():
    async with DNSServer(ZONE) as server:
        yield server


@pytest.fixture
async def resolver(kind, server):
    async with kind.resolver(server) as resolver:
        yield resolver


@EVERYWHERE
@pytest.mark.parametrize("gap", [0.0, 0.01])
async def test_duplicates(resolver, server, gap):
    server.faults = [Fault.duplicate(3, gap=gap)]

    assert await resolve_all(resolver) == RIGHT
    assert server.count == COUNT


@EVERYWHERE
async def test_replies_in_another_order(resolver, server):
    server.faults = [Fault.reorder(at_most=0.1), Fault.delay(0.0, jitter=0.02)]

    assert await resolve_all(resolver) == RIGHT


@pytest.mark.backends("stub over tcp")
async def test_replies_in_another_order_on_one_connection(resolver, server):
    server.faults = [Fault.delay(0.0, jitter=0.05)]

    assert await resolve_all(resolver) == RIGHT
    assert len({query.client for query in server.queries}) == 1


@pytest.mark.backends("stub")
async def test_a_reply_that_is_late_is_taken(resolver, server):
    """Only the first packet gets a reply, and that after the question was asked again."""
    server.faults = [Fault.delay(0.7, times=1), Fault.drop(after=1)]
    answer = await resolver.resolve("h7.example")

    assert addresses(answer) == ["192.0.2.7"]
    assert server.count >= 2
    assert answer.elapsed >= 0.7


@EVERYWHERE
async def test_truncation_leads_to_tcp(resolver, server):
    server.faults = [Fault.truncate()]

    assert await resolve_all(resolver) == RIGHT
    assert transports(server).count("tcp") == COUNT


@pytest.mark.backends("stub", "cares")
async def test_tcp_that_is_closed_in_the_middle(resolver, server):
    server.faults = [Fault.truncate(), Fault.close(20, times=1)]

    assert addresses(await resolver.resolve("h7.example")) == ["192.0.2.7"]
    assert transports(server).count("tcp") == 2


@pytest.mark.backends("stub", "stub over tcp")
@pytest.mark.parametrize("after_bytes", [0, 20])
async def test_tcp_that_is_closed_in_the_middle_of_many(resolver, server, after_bytes):
    server.faults = [Fault.truncate(), Fault.close(after_bytes, after=50, times=1)]

    assert await resolve_all(resolver) == RIGHT


@pytest.mark.backends("stub", "stub over tcp")
async def test_a_server_that_takes_so_many_questions_for_each_connection(resolver, server):
    """dnsmasq closes after a hundred: whoever sends more at once is left with the rest, again and again."""

    numbers = itertools.count(1)

    def close_after_every_tenth(exchange) -> None:
        if next(numbers) % 10 == 0:
            exchange.close_after = 65537  # after the whole reply

    server.faults = [Fault.truncate(), Fault(close_after_every_tenth, transport="tcp")]

    assert await resolve_all(resolver) == RIGHT


@pytest.mark.backends("stub")
async def test_a_server_that_chokes_on_edns(resolver, server):
    server.faults = [Fault.formerr_on_edns()]
    assert addresses(await resolver.resolve("h0.example")) == ["192.0.2.0"]
    assert [query.edns is not None for query in server.queries] == [True, False]

    assert await resolve_all(resolver) == RIGHT
    assert server.count == 2 + COUNT - 1


@pytest.mark.backends("stub")
async def test_a_server_that_is_silent_to_edns(resolver, server):
    def only_without_edns(exchange) -> None:
        if exchange.edns:
            exchange.packets = []

    server.faults = [Fault(only_without_edns)]
    assert addresses(await resolver.resolve("h0.example")) == ["192.0.2.0"]
    asked = server.count

    assert await resolve_all(resolver) == RIGHT
    assert not any(query.edns for query in server.queries[asked:])


@pytest.mark.backends("stub", "cares")  # the system asks as often as its options say
@pytest.mark.parametrize("fault", [Fault.servfail, Fault.refused])
async def test_a_server_that_fails_once(resolver, server, fault):
    server.faults = [fault(times=1)]

    assert addresses(await resolver.resolve("h7.example")) == ["192.0.2.7"]
    assert server.count == 2


ALWAYS = {
    "SERVFAIL": Fault.servfail,
    "REFUSED": Fault.refused,
    "noise": lambda: Fault.garble(then_right=False),
    "silence": Fault.drop,
}


def two(broken: str, server: DNSServer) -> Resolver:
    return Resolver(StubBackend([broken, server.nameserver]))


@pytest.mark.parametrize("fault", ALWAYS)
async def test_a_server_that_never_answers_has_another_beside_it(server, fault):
    async with DNSServer(ZONE, faults=[ALWAYS[fault]()]) as broken, two(broken.nameserver, server) as resolver:
        assert await resolve_all(resolver) == RIGHT
        assert broken.count < 2 * COUNT
        assert server.count >= COUNT


async def test_where_nobody_listens_there_is_another_beside_it(server):
    async with DNSServer(ZONE) as gone:
        nobody = gone.nameserver
    async with two(nobody, server) as resolver:
        assert await resolve_all(resolver) == RIGHT
