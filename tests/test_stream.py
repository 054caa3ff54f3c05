"""Stream: every item comes once with its outcome, pulled only as there is room, and nothing is left behind."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import itertools
from collections import Counter

import pytest
from tests.virtual_time import virtual

from aioresolver.answer import Answer
from aioresolver.cache import Cache
from aioresolver.errors import (
    AddressBlocked,
    LookupTimeout,
    NameSyntaxError,
    ServerFailure,
    UsageError,
)
from aioresolver.flow.limiter import Limiter
from aioresolver.policy import AddressPolicy
from aioresolver.resolver import Resolver
from aioresolver.stream import PAUSE
from aioresolver.wire.codes import Rcode, RRType
from aioresolver.wire.message import Record


class Echo:
    """A backend with an address for every name, after `delay` seconds; `slow*` takes 100, `broken*` and `no*` have none."""

    def __init__(self, delay=0.01):
        self.delay = delay
        self.asked = []
        self.under_way = 0
        self.most = 0

    async def query(self, question, deadline):
        name = str(question.name)
        self.asked.append(name)
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        try:
            await asyncio.sleep(100 if name.startswith("slow") else self.delay)
        finally:
            self.under_way -= 1
        if name.startswith("broken"):
            raise ServerFailure(name, "A", "broken")
        now = asyncio.get_running_loop().time()
        if name.startswith("no"):
            return Answer.from_records(question, rcode=Rcode.NXDOMAIN, now=now)
        address = "2001:db8::1" if question.type == RRType.AAAA else "192.0.2.1"
        records = [Record.parse(f"{name} 60 {question.type.name} {address}")]
        if name.startswith("two"):
            records.append(Record.parse(f"{name} 60 A 192.0.2.2"))
        return Answer.from_records(question, records, now=now)

    async def aclose(self):
        pass


@contextlib.asynccontextmanager
async def resolving(backend=None, **options):
    """A resolver of which nothing is under way when the body has ended: no place, no lookup, no task."""
    tasks = asyncio.all_tasks()
    backend = Echo() if backend is None else backend
    limiter = options.setdefault("limiter", Limiter(100))
    resolver = Resolver(backend, hosts_file="/nonexistent", **{"timeout": 1000, **options})
    yield resolver
    for _ in range(3):
        await asyncio.sleep(0)
    dispatch, asked = resolver._dispatch, len(backend.asked)
    assert (limiter.in_use, limiter.waiting, resolver.stats.under_way, backend.under_way) == (0, 0, 0, 0)
    assert (len(dispatch.flights), dispatch.sources, list(dispatch._queue), dispatch._withdrawn) == (0, [], [], set())
    assert asyncio.all_tasks() == tasks
    await asyncio.sleep(2000)
    assert len(backend.asked) == asked  # nothing is sent later
    await resolver.aclose()


async def collect(stream):
    return [pair async for pair in stream]


async def collect_into(seen, stream):
    async for pair in stream:
        seen.append(pair)


def names(count, prefix="n"):
    return [f"{prefix}{number}.example" for number in range(count)]


class Items:
    """An iterable that counts what was pulled out of it."""

    def __init__(self, items):
        self.items = iter(items)
        self.pulled = 0

    def __iter__(self):
        return self

    def __next__(self):
        item = next(self.items)
        self.pulled += 1
        return item


async def pacing(items, every=1.0):
    for item in items:
        await asyncio.sleep(every)
        yield item


# Once each


@pytest.mark.parametrize("concurrency", [1, 2, 10, None])
@virtual
async def test_every_item_comes_once_with_its_outcome(concurrency):
    items = [*names(30), "no.example", "broken.example", "localhost", "192.0.2.7", "..", "a" * 64, *names(10)]
    async with resolving() as resolver:
        pairs = await collect(resolver.query_many(items, concurrency=concurrency))

    assert Counter(item for item, _ in pairs) == Counter(items)
    outcomes = dict(pairs)
    assert [str(data) for data in outcomes["n29.example"]] == ["192.0.2.1"]
    assert outcomes["no.example"].rcode == Rcode.NXDOMAIN
    assert isinstance(outcomes["broken.example"], ServerFailure)
    assert [str(data) for data in outcomes["localhost"]] == ["127.0.0.1"]
    assert [str(data) for data in outcomes["192.0.2.7"]] == ["192.0.2.7"]
    assert {type(outcomes[bad]) for bad in ("..", "a" * 64)} == {NameSyntaxError}


@virtual
async def test_nothing_is_a_stream_too():
    async with resolving() as resolver:
        assert await collect(resolver.query_many([])) == []
        assert await collect(resolver.query_many(pacing([]))) == []


@pytest.mark.parametrize("concurrency", [1, 2, 10])
@virtual
async def test_so_many_are_under_way_and_no_more(concurrency):
    async with resolving(backend := Echo()) as resolver:
        await collect(resolver.query_many(names(50), concurrency=concurrency))
    assert backend.most == concurrency


@virtual
async def test_the_limiter_bounds_it_by_itself():
    async with resolving(backend := Echo(), limiter=Limiter(7)) as resolver:
        await collect(resolver.query_many(names(50), concurrency=1000))
    assert backend.most == 7


@virtual
async def test_duplicates_share_a_lookup():
    async with resolving(backend := Echo(), cache=Cache(0)) as resolver:
        pairs = await collect(resolver.query_many(["same.example"] * 40 + names(2), concurrency=10))
        assert len(pairs) == 42
        assert backend.asked.count("same.example.") == 4  # ten at once
        assert resolver.stats.joined == 36


@virtual
async def test_failures_are_everybodys_own():
    async with resolving(backend := Echo()) as resolver:
        pairs = await collect(resolver.query_many(["broken.example"] * 5))
    errors = [outcome for _, outcome in pairs]
    assert len({id(error) for error in errors}) == 5
    assert {str(error) for error in errors} == {str(errors[0])}
    assert len(backend.asked) == 1


@virtual
async def test_tuples_come_back_as_they_are():
    class Tag:
        __hash__ = None

        def __eq__(self, other):
            raise ValueError("the truth of it is ambiguous")

    items = [("a.example", "AAAA"), ("a.example", 1, Tag()), ("a.example", RRType.A, Tag(), "more"), "a.example"]
    async with resolving(backend := Echo()) as resolver:
        pairs = await collect(resolver.query_many(items))
        assert sorted(id(item) for item, _ in pairs) == sorted(map(id, items))
        by_id = {id(item): outcome for item, outcome in pairs}
        assert [str(by_id[id(item)][0]) for item in items] == ["2001:db8::1"] + ["192.0.2.1"] * 3
        assert len(backend.asked) == 2

        stream = resolver.query_many([("slow.example", "A", Tag()), ("slow.example", "A", Tag()), "b.example"])
        assert (await stream.__anext__())[0] == "b.example"
        await stream.aclose()


@virtual
async def test_an_impossible_type_is_the_outcome_of_its_item():
    async with resolving() as resolver:
        outcomes = dict(await collect(resolver.query_many([("a.example", "NONSENSE"), ("b.example", -1), "c.example"])))
    assert isinstance(outcomes["a.example", "NONSENSE"], ValueError)
    assert isinstance(outcomes["b.example", -1], ValueError)
    assert outcomes["c.example"]


@virtual
async def test_what_is_no_stream_of_names_is_refused_at_once():
    async with resolving() as resolver:
        for bad in ("a.example", b"a.example"):
            with pytest.raises(TypeError, match="not one text"):
                resolver.query_many(bad)
        with pytest.raises(ValueError, match="concurrency"):
            resolver.query_many([], concurrency=0)
        with pytest.raises(ValueError):
            resolver.query_many([], "NONSENSE")
        with pytest.raises(TypeError):
            await collect(resolver.query_many(5))


# Feeding


@virtual
async def test_follow_up_questions_can_be_fed_in():
    follow_up, left = [], 3

    def feed():
        yield "a.example"
        while left or follow_up:
            yield follow_up.pop() if follow_up else PAUSE

    seen = []
    async with resolving() as resolver:
        async for item, _ in resolver.query_many(feed()):
            seen.append(item)
            if left:
                left -= 1
                follow_up.append(f"{left}.{item}")
    assert seen == ["a.example", "2.a.example", "1.2.a.example", "0.1.2.a.example"]


@virtual
async def test_a_pause_with_nothing_under_way_would_never_end():
    async with resolving() as resolver:
        with pytest.raises(UsageError, match="gives PAUSE"):
            await collect(resolver.query_many(iter([PAUSE, "a.example"])))


@virtual
async def test_who_waits_for_a_place_is_not_taken_for_one_who_has_nothing():
    async with resolving(limiter=Limiter(1)) as resolver:
        other = resolver.submit("a.example")
        stream = resolver.query_many(["b.example", PAUSE, "c.example"], concurrency=5)
        assert len(await collect(stream)) == 2
        await other


@pytest.mark.parametrize("concurrency", [1, 10])
@virtual
async def test_an_async_iterable_is_waited_for(concurrency):
    loop = asyncio.get_running_loop()
    start = loop.time()
    async with resolving() as resolver:
        came = []
        async for item, _ in resolver.query_many(pacing([*names(5), PAUSE, *names(2)]), concurrency=concurrency):
            came.append((item, round(loop.time() - start, 2)))
    late = [1.01, 2.01, 3.01, 4.01, 5.01, 7.0, 8.0]  # the last two are known already
    assert came == list(zip([*names(5), *names(2)], late, strict=True))


@virtual
async def test_an_async_iterable_is_read_ahead_only_so_far():
    read = 0

    async def endless():
        nonlocal read
        while True:
            read += 1
            yield f"n{read}.example"

    async with resolving() as resolver:
        stream = resolver.query_many(endless(), concurrency=5)
        for taken in range(1, 40):
            await stream.__anext__()
            await asyncio.sleep(1)
            assert read <= taken + 3 * 5 + 1
        await stream.aclose()


@virtual
async def test_the_error_of_an_iterable_comes_after_the_outcomes_that_are_there():
    def items():
        yield from ["localhost", "192.0.2.1"]
        raise KeyError("x")

    async def async_items():
        for item in names(3):
            yield item
            await asyncio.sleep(1)
        raise KeyError("x")

    async with resolving() as resolver:
        for feed, expected in ((items, 2), (async_items, 3)):
            seen = []
            with pytest.raises(KeyError):
                await collect_into(seen, resolver.query_many(feed()))
            assert len(seen) == expected


class Stop(BaseException):
    """Neither an Exception nor one of asyncio's own."""


@pytest.mark.parametrize("error", [Stop, asyncio.CancelledError, MemoryError])
@pytest.mark.parametrize("is_async", [False, True])
@virtual
async def test_whatever_an_iterable_raises_is_the_consumers(error, is_async):
    def items():
        yield from names(3)
        raise error

    async def async_items():
        for item in items():
            yield item

    async with resolving() as resolver:
        task = asyncio.ensure_future(collect(resolver.query_many(async_items() if is_async else items())))
        with contextlib.suppress(BaseException):
            await task
        assert task.cancelled() if error is asyncio.CancelledError else type(task.exception()) is error


@virtual
async def test_an_iterable_may_ask_the_resolver_itself():
    asked = []

    def items():
        for item in names(5):
            asked.append(resolver.submit(f"its.{item}"))
            yield item

    async with resolving(limiter=Limiter(2)) as resolver:
        assert len(await collect(resolver.query_many(items()))) == 5
        assert all(await asyncio.gather(*asked))


@virtual
async def test_a_consumer_may_ask_the_resolver_itself():
    async with resolving(limiter=Limiter(1)) as resolver:
        found = [await resolver.query(f"its.{item}") async for item, _ in resolver.query_many(names(5))]
    assert all(found)
    assert len(found) == 5


# Leaving


async def leave_by_break(stream):
    async for _ in stream:
        break
    await stream.aclose()


async def leave_by_error(stream):
    with contextlib.suppress(KeyError):
        async for _ in stream:
            raise KeyError("x")
    await stream.aclose()


async def leave_by_cancellation(stream):
    async def run():
        async for _ in stream:
            pass

    task = asyncio.ensure_future(run())
    await asyncio.sleep(0.025)
    task.cancel()
    await asyncio.wait([task])
    assert task.cancelled()


async def leave_by_forgetting(stream):
    async for _ in stream:
        break
    del stream
    gc.collect()


@pytest.mark.parametrize("leave", [leave_by_break, leave_by_error, leave_by_cancellation, leave_by_forgetting])
@pytest.mark.parametrize("feed", ["list", "endless", "async", "waiting"])
@virtual
async def test_leaving_early_leaves_nothing(leave, feed):
    async def endless():
        for number in itertools.count():
            yield f"n{number}.example"

    async def waiting():
        yield "n.example"
        await asyncio.sleep(1e9)

    items = {
        "list": [*names(50), *names(50, "slow")],
        "endless": (f"n{number}.example" for number in itertools.count()),
        "async": endless(),
        "waiting": waiting(),
    }[feed]
    async with resolving(limiter=Limiter(8)) as resolver:
        stream = resolver.query_many(items, concurrency=20)
        del items
        left = leave(stream)
        del stream
        await left
        await asyncio.sleep(0)
        assert await resolver.query("after.example")


@virtual
async def test_leaving_lets_go_of_the_async_iterable():
    ended = []

    async def items():
        try:
            for item in names(1000):
                yield item
        finally:
            ended.append(True)

    async with resolving() as resolver:
        stream = resolver.query_many(items(), concurrency=2)
        await stream.__anext__()
        await stream.aclose()
        del stream
        gc.collect()
        await asyncio.sleep(0.001)
        assert ended


@virtual
async def test_an_error_of_the_iterable_that_nobody_waits_for_is_reported_nowhere():
    reports = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: reports.append(context))

    async def items():
        yield "a.example"
        yield "b.example"
        raise RuntimeError("x")

    async with resolving(limiter=Limiter(1)) as resolver:
        stream = resolver.query_many(items(), concurrency=5)
        await stream.__anext__()
        await stream.aclose()
        del stream
        gc.collect()
    assert reports == []


@virtual
async def test_a_stream_that_was_not_begun_holds_nothing():
    async with resolving(backend := Echo()) as resolver:
        await resolver.query_many(items := Items(names(5))).aclose()
        assert (items.pulled, backend.asked) == (0, [])


# Back-pressure


@pytest.mark.parametrize("concurrency", [1, 2, 10])
@virtual
async def test_a_slow_consumer_slows_the_pulling_down(concurrency):
    items, taken = Items(names(100)), 0
    async with resolving() as resolver:
        async for _ in resolver.query_many(items, concurrency=concurrency):
            taken += 1
            await asyncio.sleep(1)
            assert items.pulled - taken <= 2 * concurrency
    assert (items.pulled, taken) == (100, 100)


@pytest.mark.parametrize("concurrency", [1, 2, 10])
@virtual
async def test_what_needs_no_question_is_pulled_no_faster(concurrency):
    """Known answers, impossible names, and duplicates of what is under way."""
    kinds = itertools.cycle(["localhost", "..", "slow.example", "192.0.2.1"])
    items, taken = Items(itertools.islice(kinds, 1000)), 0
    async with resolving() as resolver:
        async for _ in resolver.query_many(items, concurrency=concurrency):
            taken += 1
            assert items.pulled - taken <= 2 * concurrency
    assert taken == 1000


@virtual
async def test_duplicates_are_pulled_within_bounds():
    items = Items(itertools.repeat("slow.example", 100_000))
    async with resolving() as resolver:
        stream = resolver.query_many(items, concurrency=10)
        first = asyncio.ensure_future(stream.__anext__())
        await asyncio.sleep(50)
        assert items.pulled == 10
        await first
        assert items.pulled <= 20
        await stream.aclose()


@virtual
async def test_others_run_while_everything_is_known():
    """Once in 500 outcomes at least."""
    async with resolving() as resolver:
        await resolver.query("a.example")
        turns = taken = 0

        async def beat():
            nonlocal turns
            while True:
                await asyncio.sleep(0)
                turns += 1

        beating = asyncio.ensure_future(beat())
        async for _ in resolver.query_many(itertools.repeat("a.example", 20_000)):
            taken += 1
            assert taken <= 600 * (turns + 2)
        beating.cancel()
        await asyncio.wait([beating])
    assert taken == 20_000


# Side by side


@virtual
async def test_two_streams_take_turns():
    seen = []

    async def take(kind):
        async for _ in resolver.query_many(f"{kind}{number}.example" for number in itertools.count()):
            seen.append(kind)
            if len(seen) >= 400:
                return

    async with resolving(limiter=Limiter(4)) as resolver:
        await asyncio.gather(take("a"), take("b"))
    assert 150 < seen.count("a") < 250


@virtual
async def test_streams_of_two_resolvers_share_a_limiter():
    limiter, seen = Limiter(4), []

    async def take(kind, resolver):
        async for _ in resolver.query_many(f"n{number}.example" for number in itertools.count()):
            seen.append(kind)
            assert limiter.in_use <= 4
            if len(seen) >= 400:
                return

    one = Resolver(Echo(), limiter=limiter, hosts_file="/nonexistent")
    two = Resolver(Echo(), limiter=limiter, hosts_file="/nonexistent")
    await asyncio.gather(take("a", one), take("b", two))
    gc.collect()
    await asyncio.sleep(1)
    assert (limiter.in_use, limiter.waiting) == (0, 0)
    await one.aclose()
    await two.aclose()
    assert min(seen.count("a"), seen.count("b")) > 100


@virtual
async def test_a_stream_beside_a_crowd_gets_its_share():
    """What was submitted waits in a queue; the stream does not wait until that is empty, nor the other way round."""
    done = []
    async with resolving(limiter=Limiter(4)) as resolver:
        crowd = [resolver.submit(name) for name in names(1000, "g")]
        for future in crowd:
            future.add_done_callback(done.append)
        before = [len(done) async for _ in resolver.query_many(names(100))]
        assert before[0] < 50
        assert 50 < before[-1] < 400
        await asyncio.gather(*crowd)


@virtual
async def test_a_crowd_beside_an_endless_stream_gets_its_share():
    async with resolving(limiter=Limiter(4)) as resolver:
        stream = resolver.query_many(f"n{number}.example" for number in itertools.count())
        seen, crowd = 0, None
        async for _ in stream:
            seen += 1
            if crowd is None:
                crowd = [resolver.submit(name) for name in names(100, "g")]
            if all(future.done() for future in crowd):
                break
        assert seen < 400
        await stream.aclose()


@virtual
async def test_who_does_not_take_outcomes_stops_nobody_else():
    async with resolving(limiter=Limiter(4)) as resolver:
        idle = resolver.query_many(names(100, "i"))
        await idle.__anext__()
        assert len(await collect(resolver.query_many(names(100)))) == 100
        assert await resolver.query("a.example")
        await idle.aclose()


@virtual
async def test_a_stream_and_others_share_a_lookup():
    async with resolving(backend := Echo()) as resolver:
        future = resolver.submit("same.example")
        stream = asyncio.ensure_future(collect(resolver.query_many(["same.example"] * 3)))
        await asyncio.sleep(0)
        future.cancel()  # which harms no other
        assert [bool(outcome) for _, outcome in await stream] == [True] * 3
        assert backend.asked == ["same.example."]

        leaving = resolver.query_many(["slow.example"])
        first = asyncio.ensure_future(leaving.__anext__())
        await asyncio.sleep(0)
        future = resolver.submit("slow.example")
        first.cancel()
        assert await future
        await asyncio.wait([first])


@virtual
async def test_what_a_leaving_stream_asked_is_asked_anew_by_the_next():
    """The one leaves and the other asks in the same turn, while all is under way."""
    async with resolving(backend := Echo(), limiter=Limiter(5), cache=Cache(0)) as resolver:
        leaving = resolver.query_many(names(5))
        first = asyncio.ensure_future(leaving.__anext__())
        await asyncio.sleep(0.005)
        assert len(backend.asked) == 5
        first.cancel()
        await asyncio.wait([first])
        assert len(await collect(resolver.query_many([*names(3, "m"), *names(5)]))) == 8


# Limits


@virtual
async def test_the_rate_is_kept():
    loop = asyncio.get_running_loop()
    async with resolving(limiter=Limiter(50, rate=100, burst=5), cache=Cache(0)) as resolver:
        start = loop.time()
        assert len(await collect(resolver.query_many(names(205)))) == 205
        assert loop.time() - start == pytest.approx(2.01, abs=0.05)


@virtual
async def test_what_is_known_takes_nothing_of_the_rate():
    loop = asyncio.get_running_loop()
    async with resolving(limiter=Limiter(50, rate=10, burst=2)) as resolver:
        await resolver.query("a.example")
        start = loop.time()
        known = ["a.example", "localhost", "192.0.2.1", ".."] * 500
        assert len(await collect(resolver.query_many(known))) == 2000
        assert loop.time() == start
        await asyncio.sleep(10)
        start = loop.time()
        assert len(await collect(resolver.query_many([*known, *names(2)]))) == 2002
        assert loop.time() - start == pytest.approx(0.01)


@virtual
async def test_what_is_known_waits_for_no_place():
    async with resolving(limiter=Limiter(1)) as resolver:
        await resolver.query("a.example")
        busy = resolver.submit("slow.example")
        loop = asyncio.get_running_loop()
        start = loop.time()
        assert len(await collect(resolver.query_many(["a.example", "localhost", "..", "192.0.2.1"]))) == 4
        assert loop.time() == start
        stream = resolver.query_many(["b.example", "a.example", ".."])
        with pytest.raises(asyncio.TimeoutError):  # the first one waits, and the others behind it
            await asyncio.wait_for(stream.__anext__(), 1)
        busy.cancel()


# What is handed out


@virtual
async def test_the_policy_is_asked():
    policy = AddressPolicy(deny=["192.0.2.0/24"])
    async with resolving(policy=policy) as resolver:
        for _ in range(2):  # the second time from the cache
            outcomes = dict(await collect(resolver.query_many(["a.example", "no.example", ("a.example", "AAAA")])))
            assert isinstance(outcomes["a.example"], AddressBlocked)
            assert not outcomes["no.example"]
            assert outcomes["a.example", "AAAA"]


@virtual
async def test_a_policy_that_breaks_ends_the_stream():
    class Broken(AddressPolicy):
        def apply(self, answer):
            raise RuntimeError("a bug of the policy")

    async with resolving(policy=Broken()) as resolver:
        for items in (names(3), ["localhost"]):
            with pytest.raises(RuntimeError, match="a bug of the policy"):
                await collect(resolver.query_many(items))


@virtual
async def test_a_policy_may_refuse_with_any_outcome():
    class Odd(AddressPolicy):
        def apply(self, answer):
            raise ValueError("never this one")

    async with resolving(policy=Odd()) as resolver:
        pairs = await collect(resolver.query_many(names(3)))
    assert [str(outcome) for _, outcome in pairs] == ["never this one"] * 3


@virtual
async def test_records_are_handed_out_in_turn():
    async with resolving(rotate=True) as resolver:
        pairs = await collect(resolver.query_many(["two.example"] * 4, concurrency=1))
    firsts = [str(outcome[0]) for _, outcome in pairs]
    assert firsts in (["192.0.2.1", "192.0.2.2"] * 2, ["192.0.2.2", "192.0.2.1"] * 2)


@virtual
async def test_stale_answers_serve_where_the_backend_fails():
    class Failing(Echo):
        broken = False

        async def query(self, question, deadline):
            if self.broken:
                raise ServerFailure(str(question.name), "A", "broken")
            return await super().query(question, deadline)

    async with resolving(backend := Failing(), cache=Cache(stale=3600)) as resolver:
        await collect(resolver.query_many(names(3)))
        await asyncio.sleep(100)
        backend.broken = True
        outcomes = dict(await collect(resolver.query_many([*names(3), "new.example"])))
        assert all(outcomes[name] for name in names(3))
        assert isinstance(outcomes["new.example"], ServerFailure)


@virtual
async def test_time_runs_for_each_from_when_it_goes_out():
    loop = asyncio.get_running_loop()
    async with resolving(timeout=2, limiter=Limiter(5)) as resolver:
        start, came = loop.time(), []
        async for item, outcome in resolver.query_many([*names(5, "slow"), *names(5)]):
            came.append((type(outcome), round(loop.time() - start, 1)))
            assert isinstance(outcome, LookupTimeout) is item.startswith("slow")
    assert [when for _, when in came] == [2.0] * 5 + [2.1] * 5 or [when for _, when in came[:5]] == [2.1] * 5


# Closing


@pytest.mark.parametrize("feed", ["under way", "waiting for a place", "waiting for items", "begun and left alone"])
@virtual
async def test_closing_the_resolver_ends_the_stream(feed):
    async def waiting():
        yield "a.example"
        await asyncio.sleep(1e9)

    limiter, tasks = Limiter(1), asyncio.all_tasks()
    other = Resolver(Echo(), limiter=limiter, hosts_file="/nonexistent", timeout=1000)
    resolver = Resolver(Echo(), limiter=limiter, hosts_file="/nonexistent", timeout=1000)
    busy = other.submit("slow.example") if feed == "waiting for a place" else None
    stream = resolver.query_many(waiting() if feed == "waiting for items" else ["a.example", *names(9, "slow")])
    if feed == "begun and left alone":
        await stream.__anext__()
    task = None if feed == "begun and left alone" else asyncio.ensure_future(collect(stream))
    await asyncio.sleep(1)
    await resolver.aclose()
    with pytest.raises(UsageError, match="closed"):
        await (collect(stream) if task is None else task)
    assert resolver.limiter.in_use == (busy is not None)
    with pytest.raises(UsageError, match="closed"):
        await collect(resolver.query_many(["a.example"]))
    if busy is not None:
        busy.cancel()
    await other.aclose()
    await asyncio.sleep(0.001)
    assert (limiter.in_use, limiter.waiting) == (0, 0)
    assert asyncio.all_tasks() == tasks


@pytest.mark.parametrize(
    "item", [None, 5, b"b.example", ["b.example", "A"], ("b.example",), (None, "A"), ("b.example", None)]
)
@virtual
async def test_what_is_no_name_has_that_for_its_outcome_and_nothing_else_is_lost(item):
    async with resolving() as resolver:
        came = await collect(resolver.query_many(["a.example", item, "c.example"]))
    assert sorted(map(repr, (each for each, _ in came))) == sorted(map(repr, ["a.example", item, "c.example"]))
    [refused] = [outcome for each, outcome in came if each == item]
    assert isinstance(refused, NameSyntaxError)
    assert "neither a name nor a tuple" in str(refused)


@virtual
async def test_what_is_under_way_comes_before_the_error_of_the_iterable():
    def broken():
        yield from names(5)
        raise OSError("the disk is gone")

    came = []

    async def read(resolver):
        async for name, _ in resolver.query_many(broken()):
            came.append(name)

    async with resolving() as resolver:
        with pytest.raises(OSError, match="the disk is gone"):
            await read(resolver)
    assert sorted(came) == sorted(names(5))
