"""Freshness: what is stale serves in time and never too long, what is in use is asked for before it ends."""

from __future__ import annotations

import asyncio
import itertools
import random
from typing import Any

import pytest

from aioresolver.answer import Answer
from aioresolver.cache import Cache
from aioresolver.errors import LookupTimeout, NameNotFound, ServerFailure, UsageError
from aioresolver.events import LookupAnswered, LookupFailed, LookupStarted, StaleServed
from aioresolver.flow.limiter import Limiter
from aioresolver.resolver import Resolver
from aioresolver.wire.codes import ExtendedError, Rcode
from aioresolver.wire.message import Question, Record

NAME = "www.example.org"
SOA = Record.parse("example.org. 300 SOA ns. host. 1 2 3 4 60")


class Zone:
    """A backend with one address for every name: `192.0.2.<serial>`, good for `ttl` seconds, there after `delay`."""

    concurrency = 100

    def __init__(self) -> None:
        self.serial = 1
        self.ttl = 60
        self.delay = 0.01
        self.failure: Exception | None = None
        self.exists = True
        self.asked: list[tuple[float, str]] = []
        self.under_way = 0

    async def query(self, question: Question, deadline: float) -> Answer[Any]:
        now = asyncio.get_running_loop().time()
        self.asked.append((now, str(question)))
        self.under_way += 1
        try:
            await asyncio.sleep(min(self.delay, deadline - now))
            if now + self.delay > deadline:
                raise LookupTimeout(question.name, question.type.name, "no reply")
        finally:
            self.under_way -= 1
        if self.failure is not None:
            raise self.failure
        if not self.exists:
            return Answer.from_records(question, rcode=Rcode.NXDOMAIN, authority=[SOA], now=now)
        address = f"192.0.2.{self.serial}" if question.type == 1 else f"2001:db8::{self.serial}"
        record = Record.parse(f"{question.name} {self.ttl} {question.type} {address}")
        return Answer.from_records(question, [record], now=now, server="zone")

    async def aclose(self) -> None:
        pass


class World:
    """A resolver over a Zone, with what was seen."""

    def __init__(self, **options: Any) -> None:
        self.zone = Zone()
        self.events: list[Any] = []
        options = {"stale": 3600.0, **options}
        limiter = options.pop("limiter", None)
        timeout = options.pop("timeout", 5.0)
        self.cache = Cache(**options)
        self.resolver = Resolver(
            self.zone,
            hosts_file="/nonexistent",
            cache=self.cache,
            limiter=limiter,
            timeout=timeout,
            observer=self.events.append,
        )

    async def __aenter__(self) -> World:
        self.loop = asyncio.get_running_loop()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.resolver.aclose()
        assert self.zone.under_way == 0
        assert len(self.resolver._dispatch.flights) == 0
        assert not self.resolver._dispatch._freshness._alarms
        assert not self.resolver._dispatch._freshness._refreshed
        assert self.resolver.limiter.in_use == 0

    async def timed(self, name: str = NAME) -> tuple[str, float]:
        """The address, and how long it took."""
        began = self.loop.time()
        answer = await self.resolver.query(name)
        return answer[0].address, round(self.loop.time() - began, 2)

    def told(self, kind: type) -> int:
        return sum(isinstance(event, kind) for event in self.events)


async def stream(resolver: Resolver, name: str) -> Answer[Any]:
    ((_, outcome),) = [pair async for pair in resolver.query_many([name])]
    if isinstance(outcome, Exception):
        raise outcome
    return outcome


async def addresses(resolver: Resolver, name: str) -> list[str]:
    return await resolver.addresses(name, 2)


CALLS: dict[str, Any] = {
    "query": Resolver.query,
    "resolve": Resolver.resolve,
    "submit": Resolver.submit,
    "query_many": stream,
    "addresses": addresses,
}


def text(found: Any) -> str:
    return found[0] if isinstance(found[0], str) else found[0].address


# ---- stale answers


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_a_slow_refresh_is_waited_for_as_long_as_people_wait(run_virtual: Any, call: Any) -> None:
    async def main() -> None:
        async with World() as world:
            assert text(await call(world.resolver, NAME)) == "192.0.2.1"
            await asyncio.sleep(61)
            world.zone.delay, world.zone.serial = 4, 2
            began = world.loop.time()
            assert text(await call(world.resolver, NAME)) == "192.0.2.1"
            assert world.loop.time() - began == pytest.approx(1.8, abs=0.02)
            # The lookup goes on, and others have the stale one at once; nothing else is asked.
            began = world.loop.time()
            assert text(await call(world.resolver, NAME)) == "192.0.2.1"
            assert world.loop.time() == began
            assert world.zone.under_way == 1
            await asyncio.sleep(2.3)
            assert text(await call(world.resolver, NAME)) == "192.0.2.2"
            assert len(world.zone.asked) == 2

    run_virtual(main())


def test_a_quick_refresh_is_waited_for(run_virtual: Any) -> None:
    async def main() -> None:
        async with World() as world:
            await world.timed()
            await asyncio.sleep(61)
            world.zone.delay, world.zone.serial = 1.7, 2
            assert await world.timed() == ("192.0.2.2", 1.7)
            assert world.told(StaleServed) == 0

    run_virtual(main())


def test_what_a_stale_answer_says_of_itself(run_virtual: Any) -> None:
    async def main() -> None:
        async with World() as world:
            fresh = await world.resolver.query(NAME)
            await asyncio.sleep(61)
            world.zone.delay = 100
            stale = await world.resolver.query(NAME)
            assert (fresh.stale, stale.stale) == (False, True)
            assert stale.ttl == 30
            assert stale.extended_errors == ((ExtendedError.STALE_ANSWER, ""),)
            assert stale.data == fresh.data
            assert world.events[-1] == StaleServed(Question.parse(NAME), stale)
            assert (await world.resolver.query(NAME)).stale  # at once
            assert world.told(StaleServed) == 2

    run_virtual(main())


def test_many_askers_and_one_question(run_virtual: Any) -> None:
    """Those who come later have waited for less when the time of the first is over."""

    async def main() -> None:
        async with World() as world:
            await world.timed()
            await asyncio.sleep(61)
            world.zone.delay = 100
            waits = []
            for _ in range(30):
                waits.append(asyncio.ensure_future(world.timed()))
                await asyncio.sleep(0.1)
            took = [wait.result()[1] for wait in waits]
            assert took[0] == pytest.approx(1.8, abs=0.02)
            assert took[10] == pytest.approx(0.8, abs=0.02)
            assert set(took[20:]) == {0.0}
            assert len(world.zone.asked) == 2
            assert world.told(StaleServed) == 1 + 12  # one for all that waited

    run_virtual(main())


def test_submit_makes_no_task(run_virtual: Any) -> None:
    async def main() -> None:
        async with World() as world:
            await world.timed()
            await asyncio.sleep(61)
            world.zone.delay = 3
            before = len(asyncio.all_tasks())
            future = world.resolver.submit(NAME)
            await asyncio.sleep(0.1)
            assert len(asyncio.all_tasks()) == before + 1  # the backend's
            assert (await future).stale

    run_virtual(main())


@pytest.mark.parametrize("rcode", ["SERVFAIL", "REFUSED"])
def test_a_failure_is_looked_for_again_every_thirty_seconds(run_virtual: Any, rcode: str) -> None:
    async def main() -> None:
        async with World() as world:
            await world.timed()
            await asyncio.sleep(61)
            world.zone.failure = ServerFailure(NAME, "A", rcode)
            assert await world.timed() == ("192.0.2.1", 0.01)
            first = world.zone.asked[-1][0]
            for _ in range(1000):
                await asyncio.sleep(0.1)
                assert (await world.timed())[0] == "192.0.2.1"
            times = [when - first for when, _ in world.zone.asked[1:]]
            assert len(times) == 4
            gaps = [later - earlier for earlier, later in itertools.pairwise(times)]
            assert all(30 <= gap < 30.5 for gap in gaps)
            world.zone.failure, world.zone.serial = None, 2
            await asyncio.sleep(30)
            assert await world.timed() == ("192.0.2.2", 0.01)

    run_virtual(main())


def test_a_timeout_is_looked_for_again_after_thirty_seconds(run_virtual: Any) -> None:
    async def main() -> None:
        async with World() as world:
            await world.timed()
            await asyncio.sleep(61)
            world.zone.delay = 100
            assert await world.timed() == ("192.0.2.1", 1.8)
            for _ in range(33):  # the lookup ends after 5 seconds, and 30 follow
                await asyncio.sleep(1)
                assert await world.timed() == ("192.0.2.1", 0.0)
            assert len(world.zone.asked) == 2
            await asyncio.sleep(1)
            assert await world.timed() == ("192.0.2.1", 1.8)
            assert len(world.zone.asked) == 3

    run_virtual(main())


def test_when_it_turns_out_that_the_name_is_gone(run_virtual: Any) -> None:
    async def main() -> None:
        async with World() as world:
            await world.timed()
            await world.resolver.query(NAME, "AAAA")
            await asyncio.sleep(61)
            world.zone.exists = False
            assert not await world.resolver.query(NAME)
            with pytest.raises(NameNotFound):
                await world.resolver.resolve(NAME, "AAAA")
            await asyncio.sleep(61)
            world.zone.failure = ServerFailure(NAME, "A", "down")
            for type_ in ("A", "AAAA"):  # nor is absence ever stale
                with pytest.raises(ServerFailure):
                    await world.resolver.query(NAME, type_)

    run_virtual(main())


def test_when_it_turns_out_late_that_the_name_is_gone(run_virtual: Any) -> None:
    async def main() -> None:
        async with World() as world:
            await world.timed()
            await asyncio.sleep(61)
            world.zone.exists, world.zone.delay = False, 3
            assert await world.timed() == ("192.0.2.1", 1.8)
            await asyncio.sleep(2)
            assert not await world.resolver.query(NAME)

    run_virtual(main())


def test_no_answer_is_stale_for_longer_than_allowed(run_virtual: Any) -> None:
    async def main() -> None:
        async with World(stale=100.0) as world:
            await world.timed()
            world.zone.failure = ServerFailure(NAME, "A", "down")
            await asyncio.sleep(60)
            for _ in range(99):
                await asyncio.sleep(1)
                assert (await world.resolver.query(NAME)).stale
            await asyncio.sleep(1)
            with pytest.raises(ServerFailure):
                await world.resolver.query(NAME)

    run_virtual(main())


@pytest.mark.parametrize("options", [{}, {"min_ttl": 30.0}], ids=["not kept", "kept"])
def test_what_the_zone_wants_kept_for_no_time_is_never_stale(run_virtual: Any, options: Any) -> None:
    async def main() -> None:
        async with World(**options) as world:
            world.zone.ttl = 0
            await world.timed()
            await asyncio.sleep(31)
            world.zone.failure = ServerFailure(NAME, "A", "down")
            with pytest.raises(ServerFailure):
                await world.resolver.query(NAME)

    run_virtual(main())


def test_nobody_waits_at_all_if_so_wished(run_virtual: Any) -> None:
    async def main() -> None:
        async with World(stale_after=0.0) as world:
            await world.timed()
            await asyncio.sleep(61)
            world.zone.serial = 2
            for call in CALLS.values():
                began = world.loop.time()
                assert text(await call(world.resolver, NAME)) == "192.0.2.1"
                assert world.loop.time() - began <= 0.01
            await asyncio.sleep(0.1)
            assert await world.timed() == ("192.0.2.2", 0.0)
            assert len(world.zone.asked) == 2

    run_virtual(main())


def test_who_leaves_before_it_is_late_ends_the_lookup(run_virtual: Any) -> None:
    async def main() -> None:
        async with World() as world:
            await world.timed()
            await asyncio.sleep(61)
            world.zone.delay = 100
            futures = [world.resolver.submit(NAME) for _ in range(3)]
            await asyncio.sleep(1)
            for future in futures:
                future.cancel()
            await asyncio.sleep(0.1)
            assert world.zone.under_way == 0
            assert await world.timed() == ("192.0.2.1", 1.8)  # its own time, from the beginning

    run_virtual(main())


def test_closing_ends_a_refresh_that_nobody_waits_for(run_virtual: Any) -> None:
    async def main() -> None:
        async with World() as world:
            await world.timed()
            await asyncio.sleep(61)
            world.zone.delay = 100
            late, later = world.resolver.submit(NAME), world.resolver.submit("new.example")
            assert (await late).stale
            await world.resolver.aclose()
            with pytest.raises(UsageError):
                await later

    run_virtual(main())


def test_who_waits_for_a_turn_is_served_too(run_virtual: Any) -> None:
    async def main() -> None:
        async with World(limiter=Limiter(1)) as world:
            await world.timed()
            await asyncio.sleep(61)
            world.zone.delay = 100
            blocker = world.resolver.submit("slow.example")
            assert await world.timed() == ("192.0.2.1", 1.8)
            assert [name for _, name in world.zone.asked] == [f"{NAME}. A", "slow.example. A"]
            with pytest.raises(LookupTimeout):
                await blocker

    run_virtual(main())


def test_a_short_timeout_is_patience_enough(run_virtual: Any) -> None:
    async def main() -> None:
        async with World(timeout=0.5) as world:
            await world.timed()
            await asyncio.sleep(61)
            world.zone.delay = 100
            address, took = await world.timed()
            assert (address, round(took, 1)) == ("192.0.2.1", 0.5)

    run_virtual(main())


def test_two_resolvers_with_one_cache_ask_once(run_virtual: Any) -> None:
    async def main() -> None:
        async with World() as world:
            await world.timed()
            await asyncio.sleep(61)
            world.zone.failure = ServerFailure(NAME, "A", "down")
            async with Resolver(world.zone, cache=world.cache, hosts_file="/nonexistent") as other:
                assert (await other.query(NAME)).stale
                assert await world.timed() == ("192.0.2.1", 0.0)
            assert len(world.zone.asked) == 2

    run_virtual(main())


# ---- prefetch


def fetching(**options: Any) -> World:
    return World(**{"stale": 0.0, "prefetch": True, **options})


async def use(world: World, seconds: float, *, step: float = 0.1, name: str = NAME) -> None:
    """Ask over and over for so long."""
    end = world.loop.time() + seconds
    while world.loop.time() < end:
        await world.resolver.query(name)
        await asyncio.sleep(step)


def test_what_is_in_use_is_asked_for_before_it_ends(run_virtual: Any) -> None:
    async def main() -> None:
        async with fetching() as world:
            await use(world, 600)
            times = [when - world.zone.asked[0][0] for when, _ in world.zone.asked]
            gaps = [later - earlier for earlier, later in itertools.pairwise(times)]
            assert len(gaps) >= 10
            assert all(54 <= gap <= 58.8 for gap in gaps)
            assert world.cache.stats.misses == 1

    run_virtual(main())


def test_what_came_together_does_not_go_together(run_virtual: Any) -> None:
    async def main() -> None:
        async with fetching() as world:
            names = [f"n{number}.example" for number in range(200)]
            for _ in range(4):
                await asyncio.gather(*map(world.resolver.submit, names))
            assert len(world.zone.asked) == 200
            await asyncio.sleep(54)
            counts = []
            for _ in range(50):
                before = len(world.zone.asked)
                await asyncio.gather(*map(world.resolver.submit, names))
                await asyncio.sleep(0.1)
                counts.append(len(world.zone.asked) - before)
            assert sum(counts) == 200
            assert max(counts) < 20
            assert sum(count > 0 for count in counts) > 30

    run_virtual(main())


def test_one_refresh_at_a_time(run_virtual: Any) -> None:
    async def main() -> None:
        async with fetching() as world:
            await use(world, 53)
            world.zone.delay = 1
            await use(world, 6.5, step=0.01)
            assert len(world.zone.asked) == 2

    run_virtual(main())


@pytest.mark.parametrize(("ttl", "asked"), [(9, 1), (10, 2)])
def test_a_short_life_is_not_worth_it(run_virtual: Any, ttl: int, asked: int) -> None:
    async def main() -> None:
        async with fetching() as world:
            world.zone.ttl = ttl
            await use(world, ttl - 0.15, step=0.02)
            assert len(world.zone.asked) == asked

    run_virtual(main())


def test_a_refresh_that_fails_leaves_what_is_there(run_virtual: Any) -> None:
    async def main() -> None:
        async with fetching() as world:
            await use(world, 50)
            world.zone.failure = ServerFailure(NAME, "A", "down")
            await use(world, 9.9)
            assert len(world.zone.asked) == 2  # and no second try
            assert world.told(LookupFailed) == 1
            assert world.told(StaleServed) == 0

    run_virtual(main())


def test_a_refresh_that_fails_counts_for_when_it_is_stale(run_virtual: Any) -> None:
    """Within 30 seconds of it nobody asks again."""

    async def main() -> None:
        async with fetching(stale=3600.0) as world:
            await use(world, 50)
            world.zone.failure = ServerFailure(NAME, "A", "down")
            await use(world, 32)
            assert len(world.zone.asked) == 2
            assert (await world.resolver.query(NAME)).stale
            await use(world, 10)
            assert len(world.zone.asked) == 3

    run_virtual(main())


def test_a_refresh_that_finds_the_name_gone_is_believed(run_virtual: Any) -> None:
    async def main() -> None:
        async with fetching() as world:
            await use(world, 50)
            world.zone.exists = False
            await use(world, 9.5)
            assert not await world.resolver.query(NAME)

    run_virtual(main())


def test_a_refresh_takes_no_place_that_others_want(run_virtual: Any) -> None:
    async def main() -> None:
        async with fetching(limiter=Limiter(1)) as world:
            await use(world, 50)
            world.zone.delay = 4.9
            blocker = world.resolver.submit("slow.example")
            await use(world, 8.8)
            assert [name for _, name in world.zone.asked] == [f"{NAME}. A", "slow.example. A", f"{NAME}. A"]
            assert world.zone.asked[2][0] >= world.zone.asked[1][0] + 4.9
            assert await blocker

    run_virtual(main())


def test_to_ask_the_cache_alone_asks_nobody(run_virtual: Any) -> None:
    async def main() -> None:
        async with fetching() as world:
            await use(world, 50)
            for _ in range(95):
                assert world.resolver.peek(NAME)
                await asyncio.sleep(0.1)
            assert len(world.zone.asked) == 1
            await world.resolver.query(NAME)
            await asyncio.sleep(0.1)
            assert len(world.zone.asked) == 2

    run_virtual(main())


def test_seldom_used_answers_end(run_virtual: Any) -> None:
    async def main() -> None:
        async with fetching() as world:
            await world.resolver.query(NAME)
            await asyncio.sleep(58.9)
            await world.resolver.query(NAME)
            await asyncio.sleep(0.5)
            assert len(world.zone.asked) == 1
            assert (world.told(LookupStarted), world.told(LookupAnswered)) == (1, 1)

    run_virtual(main())


def test_stale_use_is_no_use(run_virtual: Any) -> None:
    """Within the 30 seconds after a failure nothing is asked, however often it is wanted."""

    async def main() -> None:
        async with fetching(stale=3600.0) as world:
            for _ in range(5):
                await world.resolver.query(NAME)
            await asyncio.sleep(61)
            world.zone.failure = ServerFailure(NAME, "A", "down")
            await use(world, 29)
            assert len(world.zone.asked) == 2

    run_virtual(main())


# ---- anything in any order


class Chaotic(Zone):
    """Each name is asked for once at a time; lookups take a while, and some fail."""

    def __init__(self, chance: random.Random) -> None:
        super().__init__()
        self.chance = chance
        self.busy: set[Question] = set()

    async def query(self, question: Question, deadline: float) -> Answer[Any]:
        assert question not in self.busy
        self.busy.add(question)
        try:
            self.delay = self.chance.choice([0.0, 0.01, 0.3, 3.0])
            self.ttl = self.chance.choice([0, 1, 10, 20])
            self.exists = self.chance.random() < 0.9
            self.failure = ServerFailure(question.name, "A", "down") if self.chance.random() < 0.3 else None
            return await super().query(question, deadline)
        finally:
            self.busy.discard(question)


@pytest.mark.parametrize("seed", range(30))
def test_whatever_happens_in_whatever_order(run_virtual: Any, seed: int) -> None:
    """Two resolvers share a cache and a limiter; all who ask are served within their time, and nothing is left."""
    chance = random.Random(seed)

    async def main() -> None:
        loop = asyncio.get_running_loop()
        cache = Cache(8, stale=60.0, stale_after=chance.choice([0.0, 0.1, 1.8]), prefetch=True)
        limiter = Limiter(chance.choice([1, 2, 10]), rate=chance.choice([None, 20]))
        options: dict[str, Any] = {"cache": cache, "limiter": limiter, "timeout": 2.0, "hosts_file": "/nonexistent"}
        resolvers = [Resolver(Chaotic(chance), **options) for _ in range(2)]
        asked: list[asyncio.Future[Any]] = []
        for _ in range(300):
            resolver, name = chance.choice(resolvers), f"n{chance.randrange(6)}.example"
            what = chance.random()
            if what < 0.6:
                asked.append(resolver.submit(name))
            elif what < 0.7:
                asked.append(asyncio.ensure_future(stream(resolver, name)))
            elif what < 0.8 and asked:
                chance.choice(asked).cancel()
            elif what < 0.82:
                cache.flush(name)
            else:
                await asyncio.sleep(chance.choice([0, 0, 0.05, 0.5, 5]))
        began = loop.time()
        await asyncio.wait(asked)
        assert loop.time() - began < 2 * 300
        for future in asked:
            error = None if future.cancelled() else future.exception()
            assert error is None or isinstance(error, (ServerFailure, LookupTimeout))
        await asyncio.sleep(10)
        for resolver in resolvers:
            dispatch = resolver._dispatch
            assert (len(dispatch.flights), len(dispatch._queue), dispatch.sources) == (0, 0, [])
            assert (dispatch._freshness._alarms, dispatch._freshness._refreshed) == ({}, set())
            assert resolver.stats.under_way == 0
        assert (limiter.in_use, limiter.waiting) == (0, 0)
        for resolver in resolvers:
            await resolver.aclose()

    run_virtual(main())
