"""Streams and crowds on real sockets: nothing lost, nothing left behind, also when nameservers change under way."""

from __future__ import annotations

import asyncio
import itertools

import pytest

from aioresolver import Cache, Limiter, Resolver, StubBackend
from aioresolver.configured import ConfiguredBackend
from aioresolver.errors import ConfigurationError, LookupTimeout
from aioresolver.system.config import SystemConfig
from aioresolver.testing import DNSServer, Fault
from aioresolver.transports.nameserver import Nameserver

COUNT = 1000
ZONE = f"$ORIGIN example.\n@ 60 SOA ns hostmaster 1 2 3 4 60\n$GENERATE 0-{COUNT - 1} n$ 60 A 10.0.0.{{}}\n"


def names(count=COUNT):
    return [f"n{number}.example" for number in range(count)]


@pytest.fixture
async def server():
    async with DNSServer(ZONE.format(1)) as server:
        yield server


@pytest.fixture
async def other():
    async with DNSServer(ZONE.format(2)) as server:
        yield server


def asking(*servers, **options):
    backend = StubBackend([server.nameserver for server in servers])
    return Resolver(backend, hosts_file="/nonexistent", **{"cache": Cache(0), **options})


def in_flight(resolver):
    """How many ids are taken."""
    upstreams = resolver.backend.upstreams
    return sum(transport.in_flight for upstream in upstreams for transport in upstream._transports.values())


def addresses(outcomes):
    return {str(datum) for outcome in outcomes for datum in outcome}


async def collect(stream):
    return dict([pair async for pair in stream])


def check_idle(resolver):
    assert (resolver.limiter.in_use, resolver.stats.under_way, len(resolver._dispatch.flights)) == (0, 0, 0)
    assert [upstream.window.used for upstream in resolver.backend.upstreams] == [0] * len(resolver.backend.upstreams)
    assert in_flight(resolver) == 0


@pytest.mark.parametrize("concurrency", [1, 2, 10, None])
async def test_every_name_has_its_answer_and_its_packet(server, concurrency):
    count = COUNT if concurrency != 1 else 100
    async with asking(server) as resolver:
        found = await collect(resolver.query_many(names(count), concurrency=concurrency))
        assert sorted(found) == sorted(names(count))
        assert addresses(found.values()) == {"10.0.0.1"}
        assert server.count == count
        check_idle(resolver)


@pytest.mark.parametrize(
    "fault",
    [
        lambda: Fault.drop(after=100, times=20),
        lambda: Fault.duplicate(3),
        lambda: Fault.reorder(at_most=0.05),
        lambda: Fault.servfail(after=100, times=20),
        lambda: Fault.truncate(after=100, times=20),
        lambda: Fault.wrong_question(),
        lambda: Fault.formerr_on_edns(),
    ],
    ids=["loss", "copies", "order", "servfail", "truncation", "forgeries", "edns"],
)
async def test_nothing_is_lost_whatever_the_nameserver_does(server, fault):
    server.faults = [fault()]
    async with asking(server, timeout=20) as resolver:
        found = await collect(resolver.query_many(names(300)))
        assert sorted(found) == sorted(names(300))
        assert addresses(found.values()) == {"10.0.0.1"}
        await asyncio.sleep(0)
        check_idle(resolver)


@pytest.mark.parametrize("is_async", [False, True])
async def test_leaving_early_leaves_no_task_and_no_packet(server, belongings, is_async):
    async def feed():
        for number in itertools.count():
            yield f"n{number % COUNT}.example"

    server.faults = [Fault.delay(0.02)]
    before = belongings.now()
    async with asking(server) as resolver:
        items = feed() if is_async else (f"n{number % COUNT}.example" for number in itertools.count())
        stream = resolver.query_many(items, concurrency=50)
        taken = 0
        async for _ in stream:
            taken += 1
            if taken == 100:
                break
        await stream.aclose()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        check_idle(resolver)
        asked = resolver.backend.upstreams[0].asked
        assert asked <= 100 + 2 * 50
        # Another question, asked later, is the clock: by the time of its answer nothing else was sent.
        assert await resolver.query("n1.example")
        assert resolver.backend.upstreams[0].asked == asked + 1
    await asyncio.sleep(0)
    assert belongings.now().since(before).keys() <= {"timers"}  # those of the server, for its late replies


async def test_a_slow_consumer_slows_the_packets_down(server):
    async with asking(server) as resolver:
        taken = 0
        async for _ in resolver.query_many(names(200), concurrency=10):
            taken += 1
            for _ in range(5):
                await asyncio.sleep(0)
            assert server.count <= taken + 2 * 10
        assert (taken, server.count) == (200, 200)


async def test_ten_thousand_leave_a_silent_nameserver(server):
    server.faults = [Fault.drop()]
    async with asking(server) as resolver:
        futures = [resolver.submit(f"x{number}.example") for number in range(10_000)]
        await server.received()
        for future in futures:
            future.cancel()
        await asyncio.sleep(0)
        check_idle(resolver)
        server.faults = []
        assert await resolver.query("n1.example")


async def test_all_leave_and_ask_again_in_one_turn(server):
    server.faults = [Fault.drop()]
    async with asking(server, timeout=1) as resolver:
        futures = [resolver.submit(name) for name in names(200)]
        await server.received()
        server.faults = []
        for number, future in enumerate(futures):
            future.cancel()
            futures[number] = resolver.submit(f"n{number}.example")
        assert addresses(await asyncio.gather(*futures)) == {"10.0.0.1"}
        check_idle(resolver)


async def test_streams_beside_gather_share_what_they_ask_for(server):
    async with asking(server, cache=None) as resolver:
        crowd = asyncio.gather(*map(resolver.submit, names()))
        streams = asyncio.gather(*(collect(resolver.query_many(names())) for _ in range(2)))
        await asyncio.gather(crowd, streams)
        assert server.count == COUNT
        check_idle(resolver)


async def test_resolvers_share_a_limiter(server, other):
    limiter = Limiter(8)
    async with asking(server, limiter=limiter) as one, asking(other, limiter=limiter) as two:
        found = await asyncio.gather(*(collect(resolver.query_many(names())) for resolver in (one, two)))
        assert [addresses(each.values()) for each in found] == [{"10.0.0.1"}, {"10.0.0.2"}]
        assert (limiter.in_use, limiter.waiting) == (0, 0)


async def test_a_silent_nameserver_costs_a_crowd_one_timeout(server, lag_of_the_loop):
    """Also those who wait for their turn meanwhile, and were asked for a little later."""
    server.faults = [Fault.drop()]
    loop = asyncio.get_running_loop()
    async with asking(server, timeout=0.4, limiter=Limiter(50)) as resolver, lag_of_the_loop() as lag:
        start = loop.time()
        ended = []
        futures = []
        for number in range(200):
            future = resolver.submit(f"x{number}.example")
            future.add_done_callback(lambda _: ended.append(loop.time()))
            futures.append(future)
            if number % 20 == 0:
                await asyncio.sleep(0.001)
        outcomes = await asyncio.gather(*futures, return_exceptions=True)
        assert {type(outcome) for outcome in outcomes} == {LookupTimeout}
        assert ended[0] - start >= 0.39
        assert ended[-1] - start < 0.8 + 2 * lag.longest  # two timeouts would be this
        check_idle(resolver)


# Nameservers that change under a running stream


class Files:
    """The configuration of a made-up machine."""

    def __init__(self, *servers):
        self.name(*servers)

    def name(self, *servers):
        nameservers = tuple(Nameserver.parse(server.nameserver) for server in servers)
        self.config = SystemConfig(source="/etc/resolv.conf", nameservers=nameservers)

    def current(self, now):
        if not self.config.nameservers:
            raise ConfigurationError("no nameservers")
        return self.config


def following(files, **options):
    backend = ConfiguredBackend(files, os_fallback=False)
    return Resolver(backend, hosts_file="/nonexistent", cache=Cache(0), **options)


async def test_the_stream_goes_on_at_the_new_nameserver(server, other):
    files = Files(server)
    async with following(files) as resolver:
        by = {"10.0.0.1": 0, "10.0.0.2": 0}
        seen = []
        async for name, outcome in resolver.query_many(names(), concurrency=20):
            seen.append(name)
            by[str(outcome[0])] += 1
            if len(seen) == 300:
                files.name(other)
                before = server.count
        assert sorted(seen) == sorted(names())
        assert by["10.0.0.1"] <= 300 + 2 * 20
        assert server.count <= before + 20
        assert other.count >= COUNT - 300 - 2 * 20
        assert (resolver.limiter.in_use, resolver.stats.under_way) == (0, 0)


async def test_what_the_old_nameserver_let_wait_is_answered_by_the_new_one(server, other):
    server.faults = [Fault.drop()]
    files = Files(server)
    async with following(files, timeout=10) as resolver:
        stream = asyncio.ensure_future(collect(resolver.query_many(names(300))))
        await server.received()
        files.name(other)
        assert await resolver.query("n999.example")  # which finds out
        found = await stream
        assert sorted(found) == sorted(names(300))
        assert addresses(found.values()) == {"10.0.0.2"}
        assert (resolver.limiter.in_use, resolver.stats.under_way) == (0, 0)


async def test_moving_back_and_forth(server, other):
    files = Files(server)
    async with following(files) as resolver:
        seen = []
        async for name, outcome in resolver.query_many(names(), concurrency=50):
            assert outcome
            seen.append(name)
            if len(seen) % 50 == 0:
                files.name(*((server, other)[:: 1 if len(seen) % 100 else -1][: 1 + len(seen) // 50 % 2]))
        assert sorted(seen) == sorted(names())
        assert (resolver.limiter.in_use, resolver.stats.under_way) == (0, 0)


async def test_no_nameserver_for_a_while_is_the_outcome_of_those_names(server):
    files = Files(server)
    async with following(files) as resolver:
        good = bad = 0
        async for _, outcome in resolver.query_many(names(300), concurrency=10):
            good, bad = good + (not isinstance(outcome, Exception)), bad + isinstance(outcome, ConfigurationError)
            if good + bad in (100, 200):
                files.name(*[server] * (good + bad == 200))
        assert good + bad == 300
        assert 50 < bad < 150
        assert (resolver.limiter.in_use, resolver.stats.under_way) == (0, 0)
