"""The questions of filters on real sockets: liars found and expelled, wildcards told, nothing left open."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, aclosing
from random import Random

import pytest

from aioresolver import Cache, Limiter, Resolver, StubBackend
from aioresolver.bulk.asker import Asker, filtering
from aioresolver.bulk.filters import Ask
from aioresolver.bulk.rows import row_of
from aioresolver.bulk.run import BulkRun
from aioresolver.bulk.trust import Trust
from aioresolver.bulk.wildcards import Wildcards
from aioresolver.testing import FORGED_IPV4, DNSServer, Fault
from aioresolver.wire.codes import RRType

KNOWN = "$ORIGIN known.test.\nanchor A 192.0.2.53"
PLAIN = "$ORIGIN plain.test.\n" + "".join(f"h{i} A 10.{i % 7}.{i}.1\n" for i in range(120))
WILD = "$ORIGIN wild.test.\n* A 198.18.0.1\nreal A 198.19.0.1"
CHECKS = {"domains": ["known.test", "plain.test"], "anchors": {"anchor.known.test": ["192.0.2.53"]}}
LIARS = {
    "hijack": [Fault.hijack],
    "wrong": [Fault.lie],
    "random": [lambda: Fault.lie(random=True)],
    "denial": [lambda: Fault.rcode("NXDOMAIN")],
    "empty": [lambda: Fault.rcode("NOERROR")],
    "slow": [Fault.lie, lambda: Fault.delay(0.03)],
    "selective": [lambda: Fault.lie(name="*.plain.test")],
}


class AnyOf:
    """A backend that asks one of several nameservers, by chance."""

    def __init__(self, *urls: str) -> None:
        self.stubs = {url: StubBackend(url) for url in urls}
        self.upstreams = [stub.upstreams[0] for stub in self.stubs.values()]
        self.expelled: list[str] = []
        self.random = Random(1)

    async def query(self, question, deadline):
        able = [stub for url, stub in self.stubs.items() if url not in self.expelled]
        return await self.random.choice(able).query(question, deadline)

    def expel(self, url: str) -> None:
        self.expelled.append(url)

    async def aclose(self) -> None:
        for stub in self.stubs.values():
            await stub.aclose()


async def batches(resolver: Resolver, names: list[str]):
    for start in range(0, len(names), 50):
        futures = [resolver.submit(name) for name in names[start : start + 50]]
        await asyncio.wait(futures)
        now = asyncio.get_running_loop().time()
        yield [
            row_of(start + i, name, RRType.A, future.exception() or future.result(), now=now)
            for i, (name, future) in enumerate(zip(names[start : start + 50], futures, strict=True))
        ]


async def sifted(resolver: Resolver, names: list[str], filters):
    rows = []
    async with aclosing(filtering(resolver, filters)(batches(resolver, names))) as through:
        async for batch in through:
            rows += batch
    assert [row.input for row in sorted(rows)] == names
    return sorted(rows)


@pytest.mark.parametrize("lie", LIARS)
async def test_liars(lie):
    async with AsyncExitStack() as stack:
        honest = [await stack.enter_async_context(DNSServer(KNOWN, PLAIN)) for _ in range(2)]
        faults = [make() for make in LIARS[lie]]
        liar = await stack.enter_async_context(DNSServer(KNOWN, PLAIN, faults=faults))
        backend = AnyOf(*(server.nameserver for server in (*honest, liar)))
        resolver = await stack.enter_async_context(Resolver(backend, cache=Cache(0)))
        trust = Trust.of(resolver, **CHECKS)
        names = [f"{'h' if i % 4 else 'no'}{i}.plain.test" for i in range(120)]
        rows = await sifted(resolver, names, [trust])
    assert backend.expelled == [liar.nameserver]
    assert len(trust.complaints) == 1
    assert [row.data for row in rows] == [(f"10.{i % 7}.{i}.1",) if i % 4 else () for i in range(120)]
    assert {row.server for row in rows} == {server.nameserver for server in honest}


async def test_the_only_nameserver_lies():
    async with DNSServer(KNOWN, PLAIN, faults=[Fault.hijack()]) as server:
        backend = AnyOf(server.nameserver)
        async with Resolver(backend, cache=Cache(0)) as resolver:
            trust = Trust.of(resolver, **CHECKS)
            rows = await sifted(resolver, [f"no{i}.plain.test" for i in range(20)], [trust])
    assert backend.expelled == []
    assert {row.data for row in rows} == {(FORGED_IPV4,)}
    assert "no answer of this run is to be believed" in trust.complaints[-1]


@pytest.mark.parametrize("lie", [Fault.hijack, Fault.lie])
async def test_a_bulk_run(lie):
    async with AsyncExitStack() as stack:
        honest = await stack.enter_async_context(DNSServer(KNOWN, PLAIN, WILD))
        liar = await stack.enter_async_context(DNSServer(KNOWN, PLAIN, WILD, faults=[lie()]))
        backend = StubBackend([liar.nameserver, honest.nameserver], rotate=True)
        resolver = await stack.enter_async_context(Resolver(backend, cache=Cache(0)))
        names = [f"h{i}.plain.test" for i in range(120)] * 5 + [f"no{i}.plain.test" for i in range(300)]
        names += [f"x{i}.wild.test" for i in range(100)]
        trust = Trust.of(resolver, **CHECKS)
        run = BulkRun(resolver, names, through=filtering(resolver, [trust, Wildcards("drop")]))
        rows = sorted([row async for row in run])
    assert [upstream.text for upstream in backend.upstreams] == [honest.nameserver]
    assert list(trust.liars) == [liar.nameserver]
    assert [row.input for row in rows] == names
    assert {row.server for row in rows} == {honest.nameserver}
    assert [row.data for row in rows[:120]] == [(f"10.{i % 7}.{i}.1",) for i in range(120)]
    assert run.counts.statuses == {"ok": 600, "nxdomain": 300, "wildcard": 100}


async def test_a_hijacker_makes_no_wildcards():
    """The random names of one filter pass the other, which has them asked again of somebody honest."""
    async with AsyncExitStack() as stack:
        honest = await stack.enter_async_context(DNSServer(KNOWN, PLAIN, WILD))
        liar = await stack.enter_async_context(DNSServer(KNOWN, PLAIN, WILD, faults=[Fault.hijack()]))
        backend = AnyOf(honest.nameserver, liar.nameserver)
        resolver = await stack.enter_async_context(Resolver(backend))
        names = [f"h{i}.plain.test" for i in range(40)] + [f"x{i}.wild.test" for i in range(39)] + ["real.wild.test"]
        wildcards = Wildcards()
        rows = await sifted(resolver, names, [Trust.of(resolver, **CHECKS), wildcards])
    assert backend.expelled == [liar.nameserver]
    assert [row.wildcard for row in rows] == [False] * 40 + [True] * 39 + [False]
    assert wildcards.asked <= 24


async def test_questions_for_one_nameserver():
    async with (
        DNSServer(KNOWN) as one,
        DNSServer(KNOWN) as other,
        Resolver(one.nameserver, cache=Cache(0)) as resolver,
        Asker(resolver) as asker,
    ):
        answer = await asker.ask(Ask("anchor.known.test", "A", other.nameserver))
        assert answer.server == other.nameserver
        assert (await asker.ask(Ask("anchor.known.test", "A"))).server == one.nameserver
        assert [{str(query.name) for query in server.queries} for server in (one, other)] == [
            {"anchor.known.test."}
        ] * 2


async def test_rates_hold_for_all_questions_together():
    """The limiter lets twenty a second through, and the window knows of what was sent past it."""
    async with (
        DNSServer(KNOWN) as server,
        Resolver(StubBackend(server.nameserver, rate=1000), cache=Cache(0), limiter=Limiter(5, 20)) as resolver,
        Asker(resolver) as asker,
    ):
        window = resolver.backend.upstreams[0].window
        loop = asyncio.get_running_loop()
        began = loop.time()
        ask = Ask("anchor.known.test", "A", server.nameserver)
        answers = await asyncio.gather(*(asker.ask(ask) for _ in range(5)))
        assert [str(answer[0]) for answer in answers] == ["192.0.2.53"] * 5
        assert loop.time() - began > 0.15  # one at once, and four at a distance of 50 ms
        assert resolver.limiter.in_use == window.used == 0
        under_way = asker.ask(ask)
        under_way.cancel()
        with pytest.raises(asyncio.CancelledError):
            await under_way
        assert resolver.limiter.in_use == 0
