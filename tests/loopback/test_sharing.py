"""Who asks the same shares one packet; who leaves harms nobody; what is in the cache costs no suspension."""

from __future__ import annotations

import asyncio
import sys

import pytest

from aioresolver import Resolver
from aioresolver.testing import DNSServer, Fault

ZONE = "www.example. 60 A 192.0.2.1"


def addresses(answer) -> list[str]:
    return [str(data) for data in answer]


def in_flight(resolver: Resolver) -> int:
    """How many ids are taken."""
    upstreams = resolver.backend.upstreams
    return sum(transport.in_flight for upstream in upstreams for transport in upstream._transports.values())


@pytest.fixture
async def server():
    async with DNSServer(ZONE) as server:
        yield server


@pytest.fixture
async def resolver(kind, server):
    async with kind.resolver(server) as resolver:
        yield resolver


@pytest.mark.backends("stub", "stub over tcp", "cares", "system")
async def test_fifty_identical_questions_are_one_packet(resolver, server):
    answers = await asyncio.gather(*(resolver.resolve("www.example") for _ in range(50)))

    assert [addresses(answer) for answer in answers] == [["192.0.2.1"]] * 50
    assert server.count == 1
    assert (resolver.stats.lookups, resolver.stats.under_way) == (1, 0)


@pytest.mark.parametrize("last", [0, 49])
async def test_when_49_leave_the_last_one_gets_its_answer(resolver, server, last):
    server.faults = [Fault.delay(0.05)]
    askers = [asyncio.create_task(resolver.resolve("www.example")) for _ in range(50)]
    await server.received()
    for number, asker in enumerate(askers):
        if number != last:
            asker.cancel()
    ended = await asyncio.gather(*askers, return_exceptions=True)

    assert addresses(ended.pop(last)) == ["192.0.2.1"]
    assert {type(end) for end in ended} == {asyncio.CancelledError}
    assert server.count == 1


@pytest.mark.backends("stub")
async def test_when_all_leave_nothing_is_sent_again_and_the_id_is_free(resolver, server):
    server.faults = [Fault.drop()]
    askers = [asyncio.create_task(resolver.resolve("www.example")) for _ in range(50)]
    await server.received()
    assert in_flight(resolver) == 1
    for asker in askers:
        asker.cancel()
    ended = await asyncio.gather(*askers, return_exceptions=True)
    assert {type(end) for end in ended} == {asyncio.CancelledError}
    assert in_flight(resolver) == 0
    assert resolver.limiter.in_use == 0

    # Another question, asked later, is the clock: by the time of its second packet the first would have had one too.
    other = asyncio.create_task(resolver.resolve("other.example"))
    await server.received(1 + 2)
    assert (server.asked("www.example"), server.asked("other.example")) == (1, 2)
    assert in_flight(resolver) == 2
    other.cancel()
    await asyncio.wait([other])
    assert in_flight(resolver) == 0


async def test_when_all_leave_their_places_are_free(resolver, server):
    """c-ares and the system go on by themselves for a while, but nobody waits for them."""
    server.faults = [Fault.drop()]
    askers = [asyncio.create_task(resolver.resolve("www.example")) for _ in range(50)]
    await server.received()
    for asker in askers:
        asker.cancel()
    await asyncio.wait(askers)
    assert (resolver.limiter.in_use, resolver.limiter.waiting) == (0, 0)

    server.faults = []
    assert addresses(await resolver.resolve("www.example")) == ["192.0.2.1"]


async def test_who_asks_after_all_have_left_asks_anew(resolver, server):
    server.faults = [Fault.drop(times=1)]
    asker = asyncio.create_task(resolver.resolve("www.example"))
    await server.received()
    asker.cancel()

    assert addresses(await resolver.resolve("www.example")) == ["192.0.2.1"]
    with pytest.raises(asyncio.CancelledError):
        await asker


async def test_a_hit_in_the_cache_takes_no_suspension_and_no_task(resolver, server):
    await resolver.resolve("www.example")
    made = []
    loop = asyncio.get_running_loop()
    loop.set_task_factory(lambda loop, coro, **options: made.append(coro) or asyncio.Task(coro, loop=loop, **options))
    try:
        for ask in (resolver.resolve, resolver.query):
            with pytest.raises(StopIteration) as ended:
                ask("www.example").send(None)
            assert addresses(ended.value.value) == ["192.0.2.1"]
        assert addresses(resolver.submit("www.example").result()) == ["192.0.2.1"]
        assert addresses(resolver.peek("www.example")) == ["192.0.2.1"]
    finally:
        loop.set_task_factory(None)

    assert made == []
    assert server.count == 1
    assert resolver.cache.stats.hits == 4


async def test_create_task_and_gather(resolver):
    task = asyncio.create_task(resolver.resolve("www.example"))
    gathered = await asyncio.gather(resolver.resolve("www.example"), resolver.submit("www.example"), task)

    assert [addresses(answer) for answer in gathered] == [["192.0.2.1"]] * 3


@pytest.mark.skipif(sys.version_info < (3, 11), reason="TaskGroup came with 3.11")
async def test_task_group(resolver, server):
    server.add("other.example. 60 A 192.0.2.2")
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(resolver.resolve(host)) for host in ("www.example", "other.example", "www.example")]

    assert [addresses(task.result()) for task in tasks] == [["192.0.2.1"], ["192.0.2.2"], ["192.0.2.1"]]


@pytest.mark.skipif(sys.version_info < (3, 12), reason="eager tasks came with 3.12")
async def test_eager_tasks(resolver, server):
    loop = asyncio.get_running_loop()
    loop.set_task_factory(asyncio.eager_task_factory)
    try:
        first = await loop.create_task(resolver.resolve("www.example"))
        second = loop.create_task(resolver.resolve("www.example"))
        assert second.done()
    finally:
        loop.set_task_factory(None)

    assert addresses(first) == addresses(second.result()) == ["192.0.2.1"]


async def test_wait_for_and_shield(resolver, server):
    server.faults = [Fault.delay(0.05)]
    lookup = asyncio.ensure_future(resolver.resolve("www.example"))
    with pytest.raises(asyncio.TimeoutError):
        await asyncio.wait_for(asyncio.shield(lookup), 0.001)

    assert addresses(await asyncio.wait_for(lookup, 5)) == ["192.0.2.1"]
    assert server.count == 1
