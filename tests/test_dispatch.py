"""Dispatch: who asks, leaves, and asks again; who waits, and how long; whatever the backend is like."""

from __future__ import annotations

import asyncio
import gc
import itertools
import random

import pytest
from tests.virtual_time import virtual

from aioresolver.answer import Answer
from aioresolver.backends.batches import BatchBackend
from aioresolver.cache import Cache
from aioresolver.errors import LookupTimeout, ResolutionError, ServerFailure, UsageError
from aioresolver.flow.limiter import Limiter
from aioresolver.resolver import Resolver
from aioresolver.wire.message import Question, Record


def answer_to(question, made=Answer):
    records = [Record.parse(f"{question.name} 60 A 192.0.2.1")] if question.type == 1 else []
    return made.from_records(question, records, now=asyncio.get_running_loop().time())


class Manual:
    """A BatchBackend that does what the test says: it has `open` places, and what it has lands when it is told."""

    concurrency = 1000

    def __init__(self, open=1 << 20):
        self.open = open
        self.posted = []
        self.under_way = {}
        self.withdrawn = 0
        self.closed = 0
        self.failure = None
        self.roomy = self.on_withdraw = lambda: None

    async def query(self, question, deadline):
        raise AssertionError("it is asked in batches")

    def serve(self, landed, roomy):
        self.landed, self.roomy = landed, roomy

    def room(self, now):
        return max(0, self.open - len(self.under_way))

    def post(self, questions, deadline):
        assert questions
        if self.failure is not None:
            raise self.failure
        for question in questions:
            assert question not in self.under_way  # once, until it has landed or was withdrawn
            self.under_way[question] = deadline
            self.posted.append(str(question.name))

    def withdraw(self, questions):
        count = 0
        for question in [*questions, *questions]:  # as from one hand, then from another
            if self.under_way.pop(question, None) is not None:
                count += 1
                self.on_withdraw()
        self.withdrawn += count
        return count

    def land(self, *names, error=None):
        """Give the outcomes of these, or of all that it has."""
        questions = [Question.parse(name) for name in names] or list(self.under_way)
        for question in questions:
            del self.under_way[question]
        self.landed([(question, answer_to(question) if error is None else error) for question in questions])

    def keep_deadlines(self):
        """From now on, what it has ends at its deadline."""
        loop = asyncio.get_running_loop()
        post = self.post

        def posting(questions, deadline):
            post(questions, deadline)
            loop.call_at(deadline, end, list(questions))

        def end(questions):
            left = [question for question in questions if question in self.under_way]
            for question in left:
                self.land(str(question.name), error=LookupTimeout(str(question.name), "A", "no answer"))

        self.post = posting

    async def aclose(self):
        self.closed += 1


def resolver_on(backend, **options):
    return Resolver(backend, hosts_file="/nonexistent", **options)


def check_nothing_left(resolver):
    dispatch = resolver._dispatch
    assert (resolver.limiter.in_use, resolver.limiter.waiting, resolver.stats.under_way) == (0, 0, 0)
    assert (len(dispatch.flights), dispatch.sources, len(dispatch._queue), len(dispatch._withdrawn)) == (0, [], 0, 0)


def names(count, prefix="n"):
    return [f"{prefix}{number}.example" for number in range(count)]


async def collect(stream):
    return [pair async for pair in stream]


def test_the_stand_in_is_a_batch_backend():
    assert isinstance(Manual(), BatchBackend)


# Leaving, and asking again


@virtual
async def test_who_leaves_a_lookup_under_way_ends_it_at_the_next_turn():
    async with resolver_on(backend := Manual()) as resolver:
        future = resolver.submit("a.example")
        assert backend.posted == ["a.example."]
        future.cancel()
        await asyncio.sleep(0)
        assert backend.withdrawn == 1
        check_nothing_left(resolver)


@virtual
async def test_asked_again_in_the_same_turn_while_it_was_under_way():
    async with resolver_on(backend := Manual()) as resolver:
        resolver.submit("a.example").cancel()
        again = resolver.submit("a.example")
        await asyncio.sleep(0)
        assert (backend.posted, backend.withdrawn) == (["a.example."] * 2, 1)
        backend.land()
        assert await again
        check_nothing_left(resolver)


@virtual
async def test_the_place_of_what_is_asked_again_goes_to_who_waited_longest():
    async with resolver_on(backend := Manual(open=2)) as resolver:
        futures = [resolver.submit(name) for name in names(4)]
        for number in (0, 1):
            futures[number].cancel()
            futures[number] = resolver.submit(f"n{number}.example")
        await asyncio.sleep(0)
        assert backend.posted == ["n0.example.", "n1.example.", "n2.example.", "n3.example."]
        backend.land()
        backend.land()
        assert all(await asyncio.gather(*futures))
        check_nothing_left(resolver)


@virtual
async def test_an_observer_is_told_of_each_end_before_the_next_beginning():
    events = []
    async with resolver_on(backend := Manual(), observer=events.append) as resolver:
        resolver.submit("a.example").cancel()
        again = resolver.submit("a.example")
        await asyncio.sleep(0)
        backend.land()
        await again
    assert [type(event).__name__ for event in events] == [
        "LookupStarted", "LookupAbandoned", "LookupStarted", "LookupAnswered",
    ]  # fmt: skip


@virtual
async def test_asked_again_in_the_same_turn_while_it_was_queued():
    async with resolver_on(backend := Manual(), limiter=Limiter(1)) as resolver:
        first, left, behind = (resolver.submit(name) for name in ("a.example", "b.example", "c.example"))
        left.cancel()
        again = resolver.submit("b.example")
        await asyncio.sleep(0)
        for name in ("a", "b", "c"):  # it keeps its place in the queue
            assert list(backend.under_way) == [Question.parse(f"{name}.example")]
            backend.land()
        assert all(await asyncio.gather(first, again, behind))
        assert backend.posted == ["a.example.", "b.example.", "c.example."]
        check_nothing_left(resolver)


@virtual
async def test_left_and_passed_over_and_asked_again_in_the_same_turn():
    async with resolver_on(backend := Manual(open=1)) as resolver:
        first, left, behind = (resolver.submit(name) for name in ("a.example", "b.example", "c.example"))
        left.cancel()
        backend.land("a.example")  # so that it is the turn of b, which nobody wants, and of c
        again = resolver.submit("b.example")
        backend.land("c.example")
        await asyncio.sleep(0)
        assert list(map(str, backend.under_way)) == ["b.example. A"]
        backend.land()
        assert all(await asyncio.gather(first, again, behind))
        check_nothing_left(resolver)


@virtual
async def test_left_and_stalled_and_asked_again_in_the_same_turn():
    loop = asyncio.get_running_loop()
    async with resolver_on(backend := Manual(open=1), timeout=1) as resolver:
        first, left = resolver.submit("a.example"), resolver.submit("b.example")
        loop._now += 1
        left.cancel()
        resolver._dispatch._look_for_stalled()
        again = resolver.submit("b.example")
        backend.land("a.example")
        await asyncio.sleep(0)
        assert list(map(str, backend.under_way)) == ["b.example. A"]
        backend.land()
        assert all(await asyncio.gather(first, again))
        check_nothing_left(resolver)


@pytest.mark.parametrize("places", [1, 10])
@virtual
async def test_asked_and_left_over_and_over_in_one_turn(places):
    async with resolver_on(backend := Manual(), limiter=Limiter(places)) as resolver:
        futures = [resolver.submit(name) for name in names(20)]
        for _ in range(5):
            for number, future in enumerate(futures):
                future.cancel()
                futures[number] = resolver.submit(f"n{number}.example")
        for future in futures[::2]:
            future.cancel()
        await asyncio.sleep(0)
        assert resolver.limiter.in_use == min(places, 10)
        while backend.under_way:
            backend.land()
        assert all(await asyncio.gather(*futures[1::2]))
        check_nothing_left(resolver)


@virtual
async def test_who_leaves_the_queue_is_never_asked_for():
    async with resolver_on(backend := Manual(), limiter=Limiter(1)) as resolver:
        first, *others = (resolver.submit(name) for name in names(50))
        for future in others[:-1]:
            future.cancel()
        await asyncio.sleep(0)
        backend.land()
        backend.land()
        assert await first
        assert await others[-1]
        assert backend.posted == ["n0.example.", "n49.example."]
        check_nothing_left(resolver)


@virtual
async def test_who_leaves_while_others_wait_for_the_same_harms_nobody():
    async with resolver_on(backend := Manual(), limiter=Limiter(1)) as resolver:
        futures = [resolver.submit(name) for name in ["a.example", "b.example"] * 3]
        for future in futures[:4]:
            future.cancel()
        await asyncio.sleep(0)
        backend.land()
        backend.land()
        assert all(await asyncio.gather(*futures[4:]))
        assert backend.posted == ["a.example.", "b.example."]
        check_nothing_left(resolver)


@virtual
async def test_ten_thousand_leave_at_once():
    async with resolver_on(backend := Manual(), limiter=Limiter(100)) as resolver:
        futures = [resolver.submit(name) for name in names(10_000)]
        assert (len(backend.posted), len(resolver._dispatch._queue)) == (100, 9_900)
        for future in futures:
            future.cancel()
        await asyncio.sleep(0)
        check_nothing_left(resolver)
        assert (len(backend.posted), backend.withdrawn) == (100, 100)
        after = resolver.submit("after.example")
        backend.land()
        assert await after


@virtual
async def test_what_lands_in_the_turn_in_which_all_leave_is_kept():
    """And gives its place back once."""
    async with resolver_on(backend := Manual(), limiter=Limiter(2)) as resolver:
        futures = [resolver.submit(name) for name in names(3)]
        futures[0].cancel()
        backend.land("n0.example")
        await asyncio.sleep(0)
        assert resolver.limiter.in_use == 2
        assert resolver.peek("n0.example")
        backend.land()
        assert all(await asyncio.gather(*futures[1:]))
        check_nothing_left(resolver)


@virtual
async def test_a_failure_in_the_turn_in_which_all_leave_is_nobodys():
    reports = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: reports.append(context))
    async with resolver_on(backend := Manual(), limiter=Limiter(1)) as resolver:
        future = resolver.submit("a.example")
        future.cancel()
        backend.land(error=ServerFailure("a.example", "A", "broken"))
        await asyncio.sleep(0)
        check_nothing_left(resolver)
        del future
        gc.collect()
    assert reports == []


@virtual
async def test_a_backend_that_has_room_while_it_lets_go_is_not_given_what_it_lets_go_of():
    """It says so in the middle of `withdraw`; a stream asks for the same names at that moment."""
    async with resolver_on(backend := Manual(open=20), cache=Cache(0)) as resolver:
        leaving = resolver.query_many(names(20))
        first = asyncio.ensure_future(leaving.__anext__())
        await asyncio.sleep(0)
        following = asyncio.ensure_future(collect(resolver.query_many([*names(5, "m"), *names(20)])))
        await asyncio.sleep(0)
        assert backend.room(0) == 0
        backend.on_withdraw = backend.roomy
        first.cancel()
        await asyncio.wait([first])
        for _ in range(100):
            if backend.under_way:
                backend.land()
            await asyncio.sleep(0)
        assert following.done()
        assert len(await following) == 25
        check_nothing_left(resolver)


@virtual
async def test_streams_that_leave_and_ask_in_the_same_turn():
    for places in (3, 100):
        async with resolver_on(backend := Manual(open=places), cache=Cache(0)) as resolver:
            backend.on_withdraw = lambda backend=backend: backend.roomy()
            streams = []
            for _ in range(4):
                streams.append(asyncio.ensure_future(collect(resolver.query_many(names(10), concurrency=5))))
                await asyncio.sleep(0)
                if len(streams) > 1:
                    streams[-2].cancel()
            for _ in range(100):
                if backend.under_way:
                    backend.land(str(next(iter(backend.under_way)).name))
                await asyncio.sleep(0)
            assert streams[-1].done()
            assert len(await streams[-1]) == 10
            check_nothing_left(resolver)


# Room


@virtual
async def test_what_the_backend_has_no_room_for_waits():
    async with resolver_on(backend := Manual(open=3)) as resolver:
        futures = [resolver.submit(name) for name in names(8)]
        assert len(backend.posted) == 3
        backend.open = 4
        backend.roomy()
        assert len(backend.posted) == 4
        backend.land()
        assert len(backend.posted) == 8
        backend.land()
        assert all(await asyncio.gather(*futures))
        check_nothing_left(resolver)


@virtual
async def test_a_place_that_a_stream_has_no_question_for_goes_to_the_queue():
    def feed():
        yield "slow.example"
        while True:
            yield None

    async with resolver_on(backend := Manual(), limiter=Limiter(rate=10, burst=1)) as resolver:
        stream = resolver.query_many(feed())
        first = asyncio.ensure_future(stream.__anext__())
        await asyncio.sleep(0)
        futures = [resolver.submit(name) for name in names(4)]
        await asyncio.sleep(0.45)
        assert backend.posted == ["slow.example.", "n0.example.", "n1.example.", "n2.example.", "n3.example."]
        backend.land()
        assert all(await asyncio.gather(*futures))
        assert await first
        await stream.aclose()
        await asyncio.sleep(1)
        check_nothing_left(resolver)


@virtual
async def test_two_who_share_a_limiter_take_turns():
    limiter, backends = Limiter(1), (Manual(), Manual())
    one, two = (resolver_on(backend, limiter=limiter) for backend in backends)
    futures = [resolver.submit(name) for name in names(3) for resolver in (one, two)]
    order = []
    while not all(future.done() for future in futures):
        assert limiter.in_use == 1
        (backend,) = (backend for backend in backends if backend.under_way)
        order.append(backends.index(backend))
        backend.land()
        await asyncio.sleep(0)
    assert order == [0, 1, 0, 1, 0, 1]
    assert (limiter.in_use, limiter.waiting) == (0, 0)
    for resolver in (one, two):
        await resolver.aclose()


@virtual
async def test_the_rate_is_kept():
    loop = asyncio.get_running_loop()
    start = loop.time()
    async with resolver_on(backend := Manual(), limiter=Limiter(rate=10, burst=2)) as resolver:
        futures = [resolver.submit(name) for name in names(12)]
        counts = []
        while not all(future.done() for future in futures):
            if backend.under_way:
                backend.land()
            counts.append((loop.time() - start, len(backend.posted)))
            await asyncio.sleep(0.05)
        assert all(count <= 2 + 10 * when + 1e-6 for when, count in counts)
        assert counts[-1][0] == pytest.approx(1.0, abs=0.11)
        check_nothing_left(resolver)


# Time


@pytest.mark.parametrize("timeout", [0.05, 0.2, 0.5, 5.0])
@virtual
async def test_the_deadline_holds_for_a_backend_that_keeps_none(timeout):
    class Never:
        async def query(self, question, deadline):
            await asyncio.Event().wait()

        async def aclose(self):
            pass

    loop = asyncio.get_running_loop()
    async with resolver_on(Never(), timeout=timeout) as resolver:
        for ask, name in ((resolver.query, "a.example"), (resolver.submit, "b.example")):
            start = loop.time()
            with pytest.raises(LookupTimeout):
                await ask(name)
            assert timeout <= loop.time() - start <= timeout + 0.06
        await asyncio.sleep(0)
        check_nothing_left(resolver)


@virtual
async def test_time_begins_when_a_lookup_goes_out_while_others_are_answered():
    loop = asyncio.get_running_loop()
    start = loop.time()
    async with resolver_on(backend := Manual(open=1), timeout=1) as resolver:
        backend.keep_deadlines()
        futures = [resolver.submit(name) for name in names(10)]
        for _ in range(9):
            await asyncio.sleep(0.9)
            backend.land()
        with pytest.raises(LookupTimeout):
            await futures[9]
        assert loop.time() - start == pytest.approx(9 * 0.9 + 1)
        assert all(await asyncio.gather(*futures[:9]))
        check_nothing_left(resolver)


@pytest.mark.parametrize("keeps_deadlines", [True, False])
@virtual
async def test_where_nothing_is_answered_who_waits_waits_one_timeout(keeps_deadlines):
    """Those who were queued a few milliseconds later too, each from its own beginning."""
    loop = asyncio.get_running_loop()
    ended = {}
    async with resolver_on(backend := Manual(open=1), timeout=1) as resolver:
        if keeps_deadlines:
            backend.keep_deadlines()
        futures = []
        for number in range(20):
            began = loop.time()
            futures.append(future := resolver.submit(f"n{number}.example"))
            future.add_done_callback(lambda _, number=number, began=began: ended.update({number: loop.time() - began}))
            await asyncio.sleep(0.004)
        await asyncio.sleep(1.1)
        if not keeps_deadlines:
            backend.land(error=LookupTimeout("n0.example", "A", "no answer"))
        outcomes = await asyncio.gather(*futures, return_exceptions=True)
        assert {type(outcome) for outcome in outcomes} == {LookupTimeout}
        assert [ended[number] for number in range(1, 20)] == [pytest.approx(1, abs=0.002)] * 19
        assert resolver.stats.timed_out == resolver.stats.failed == 20
        check_nothing_left(resolver)


@virtual
async def test_an_answer_gives_who_waits_another_timeout():
    loop = asyncio.get_running_loop()
    start = loop.time()
    async with resolver_on(backend := Manual(open=2), timeout=1) as resolver:
        futures = [resolver.submit(name) for name in names(5)]
        await asyncio.sleep(0.9)
        backend.open = 1
        backend.land("n0.example")
        with pytest.raises(LookupTimeout, match="nothing was answered"):
            await futures[2]
        assert loop.time() - start == pytest.approx(1.9)
        backend.land()
        await asyncio.gather(*futures, return_exceptions=True)
        check_nothing_left(resolver)


@virtual
async def test_a_failure_is_no_sign_of_life():
    loop = asyncio.get_running_loop()
    start = loop.time()
    async with resolver_on(backend := Manual(open=2), timeout=1) as resolver:
        futures = [resolver.submit(name) for name in names(3)]
        await asyncio.sleep(0.9)
        backend.open = 1
        backend.land("n0.example", error=ServerFailure("n0.example", "A", "broken"))
        with pytest.raises(LookupTimeout):
            await futures[2]
        assert loop.time() - start == pytest.approx(1)
        backend.land()
        await asyncio.gather(*futures, return_exceptions=True)
        check_nothing_left(resolver)


@virtual
async def test_what_came_while_the_loop_was_held_up_counts():
    loop = asyncio.get_running_loop()
    async with resolver_on(backend := Manual(open=1), timeout=1) as resolver:
        futures = [resolver.submit(name) for name in names(3)]
        await asyncio.sleep(0.5)
        loop._now += 30  # nothing runs for so long
        await asyncio.sleep(0.001)  # the alarms ring, late
        backend.land()
        backend.land()
        backend.land()
        assert all(await asyncio.gather(*futures))
        check_nothing_left(resolver)


@virtual
async def test_a_stall_alarm_waits_for_nobody_who_has_left():
    async with resolver_on(backend := Manual(open=1), timeout=1) as resolver:
        futures = [resolver.submit(name) for name in names(10)]
        for future in futures[1:]:
            future.cancel()
        await asyncio.sleep(5)
        late = resolver.submit("late.example")
        backend.land()
        backend.land()
        assert await late
        assert await futures[0]
        assert resolver.stats.timed_out == 0
        check_nothing_left(resolver)


# Backends of all kinds


class Kind:
    """What all of them have."""

    async def aclose(self):
        pass


class Querying(Kind):
    async def query(self, question, deadline):
        await asyncio.sleep(0.01)
        return answer_to(question)


class AtOnce(Kind):
    async def query(self, question, deadline):
        return answer_to(question)


class Submitting(Kind):
    """`submit` gives a future, which may be done already."""

    def submit(self, question, deadline):
        future = asyncio.get_running_loop().create_future()
        if question.name.startswith("n1"):
            future.set_result(answer_to(question))
        else:
            asyncio.get_running_loop().call_later(0.01, lambda: future.done() or future.set_result(answer_to(question)))
        return future

    async def query(self, question, deadline):
        raise AssertionError("it has submit")


class SubmittingCoroutines(Querying):
    async def submit(self, question, deadline):
        return await self.query(question, deadline)


class Awaitables(Kind):
    """`query` is no coroutine function, but gives what can be awaited."""

    def query(self, question, deadline):
        return asyncio.ensure_future(Querying().query(question, deadline))


class Mine(Answer):
    """An Answer of somebody's own."""


class WithAnswersOfItsOwn(Kind):
    async def query(self, question, deadline):
        return answer_to(question, Mine)


class Batching(Manual):
    def post(self, questions, deadline):
        super().post(questions, deadline)
        asyncio.get_running_loop().call_soon(self.land, *(str(question.name) for question in questions))


GOOD = [Querying, AtOnce, Submitting, SubmittingCoroutines, Awaitables, WithAnswersOfItsOwn, Batching]


@pytest.mark.parametrize("kind", GOOD, ids=lambda kind: kind.__name__)
@virtual
async def test_every_kind_of_backend_serves(kind):
    async with resolver_on(kind(), limiter=Limiter(3), timeout=5) as resolver:
        assert await resolver.query("a.example")
        assert all(await asyncio.gather(*map(resolver.submit, names(20))))
        pairs = await collect(resolver.query_many([*names(5), *names(20, "m")]))
        assert [str(outcome[0]) for _, outcome in pairs] == ["192.0.2.1"] * 25
        await asyncio.sleep(0)
        check_nothing_left(resolver)
        assert (resolver.stats.lookups, resolver.stats.answered, resolver.stats.failed) == (41, 41, 0)


class Raising(Kind):
    async def query(self, question, deadline):
        raise KeyError("a bug")


class RaisingAtOnce(Kind):
    def query(self, question, deadline):
        raise KeyError("a bug")


class SubmittingBadly(Querying):
    def submit(self, question, deadline):
        raise KeyError("a bug")


class BatchingBadly(Manual):
    def __init__(self):
        super().__init__()
        self.failure = KeyError("a bug")


class WithoutAnswer(Kind):
    async def query(self, question, deadline):
        return None


class WithoutAnythingToAwait(Kind):
    def query(self, question, deadline):
        return answer_to(question)


class Failing(Kind):
    async def query(self, question, deadline):
        raise ServerFailure(str(question.name), "A", "broken")


BAD = [
    (Raising, KeyError),
    (RaisingAtOnce, KeyError),
    (SubmittingBadly, KeyError),
    (BatchingBadly, KeyError),
    (WithoutAnswer, TypeError),
    (WithoutAnythingToAwait, TypeError),
    (Failing, ServerFailure),
]


@pytest.mark.parametrize(("kind", "error"), BAD, ids=lambda value: value.__name__)
@virtual
async def test_what_a_backend_gets_wrong_its_askers_are_told(kind, error):
    async with resolver_on(kind(), limiter=Limiter(3), timeout=5) as resolver:
        with pytest.raises(error):
            await resolver.query("a.example")
        outcomes = await asyncio.gather(*map(resolver.submit, names(20)), return_exceptions=True)
        assert {type(outcome) for outcome in outcomes} == {error}
        if issubclass(error, ResolutionError):
            pairs = await collect(resolver.query_many(names(20, "m")))
            assert {type(outcome) for _, outcome in pairs} == {error}
        else:  # no outcome of a name: it ends the whole
            with pytest.raises(error):
                await collect(resolver.query_many(names(20, "m")))
        await asyncio.sleep(0.001)
        check_nothing_left(resolver)


@virtual
async def test_a_backend_that_cancels_itself_cancels_who_waits():
    class Cancelling(Kind):
        async def query(self, question, deadline):
            raise asyncio.CancelledError

    async with resolver_on(Cancelling(), limiter=Limiter(1)) as resolver:
        futures = [resolver.submit(name) for name in ["a.example", "a.example", "b.example"]]
        await asyncio.wait(futures)
        assert [future.cancelled() for future in futures] == [True] * 3
        task = asyncio.ensure_future(collect(resolver.query_many(names(3))))
        await asyncio.wait([task])
        assert task.cancelled()
        await asyncio.sleep(0.001)
        check_nothing_left(resolver)


@virtual
async def test_a_backend_that_will_not_be_cancelled_is_left_to_itself():
    class Stubborn(Kind):
        async def query(self, question, deadline):
            for _ in range(3):
                try:
                    await asyncio.sleep(10)
                except asyncio.CancelledError:
                    continue
            raise KeyError("nobody listens any more")

    reports = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: reports.append(context))
    async with resolver_on(Stubborn(), timeout=1) as resolver:
        with pytest.raises(LookupTimeout):
            await resolver.query("a.example")
        leaving = resolver.submit("b.example")
        await asyncio.sleep(0.1)
        leaving.cancel()
        await asyncio.sleep(0)
        check_nothing_left(resolver)
        await asyncio.sleep(100)
        gc.collect()
    assert reports == []


# Closing


@virtual
async def test_closing_ends_what_is_under_way_and_what_waits():
    async with resolver_on(backend := Manual(), limiter=Limiter(2)) as resolver:
        futures = [resolver.submit(name) for name in names(5)]
        stream = asyncio.ensure_future(collect(resolver.query_many(names(5, "m"))))
        await asyncio.sleep(0)
        await resolver.aclose()
        await resolver.aclose()
        outcomes = await asyncio.gather(*futures, stream, return_exceptions=True)
        assert {type(outcome) for outcome in outcomes} == {UsageError}
        assert (resolver.limiter.in_use, resolver.limiter.waiting) == (0, 0)
        backend.land()  # late, and to nobody
        assert resolver.limiter.in_use == 0
        with pytest.raises(UsageError, match="closed"):
            resolver.submit("a.example")
        assert len({id(outcome) for outcome in outcomes}) == 6


@virtual
async def test_closing_one_leaves_the_shared_limiter_to_the_other():
    limiter = Limiter(2)
    one, two = resolver_on(Manual(), limiter=limiter), resolver_on(backend := Manual(), limiter=limiter)
    lost = [one.submit(name) for name in names(5)]
    kept = [two.submit(name) for name in names(5)]
    assert backend.posted == []
    await one.aclose()
    while backend.under_way:
        backend.land()
    assert all(await asyncio.gather(*kept))
    assert {type(error) for error in await asyncio.gather(*lost, return_exceptions=True)} == {UsageError}
    check_nothing_left(two)
    await two.aclose()


# Anything in any order


class Chaos:
    """Askers, streams and two resolvers that share a limiter, driven by chance; every so often all must come to rest."""

    def __init__(self, seed):
        self.chance = random.Random(seed)
        places = self.chance.choice([1, 2, 5, 1000])
        self.limiter = Limiter(places, rate=self.chance.choice([None, None, 50, 1000]))
        self.backends = [Manual(open=self.chance.choice([1, 3, 1000])) for _ in range(2)]
        for backend in self.backends:
            if self.chance.random() < 0.5:
                backend.on_withdraw = lambda backend=backend: backend.roomy()
        options = {"limiter": self.limiter, "cache": Cache(self.chance.choice([0, 100])), "timeout": 20}
        self.resolvers = [resolver_on(backend, **options) for backend in self.backends]
        self.futures = []
        self.streams = []

    def name(self):
        return f"n{self.chance.randrange(12)}.example"

    def submit(self):
        self.futures.append(self.chance.choice(self.resolvers).submit(self.name()))

    def cancel(self):
        if self.futures:
            self.chance.choice(self.futures).cancel()

    def cancel_many(self):
        for future in self.futures[:: self.chance.randrange(1, 3)]:
            future.cancel()

    def stream(self):
        items = [self.name() for _ in range(self.chance.randrange(15))]
        concurrency = self.chance.choice([1, 2, 10])
        stream = self.chance.choice(self.resolvers).query_many(items, concurrency=concurrency)
        self.streams.append(asyncio.ensure_future(self.take(stream, items)))

    @staticmethod
    async def take(stream, items):
        assert sorted([item async for item, _ in stream]) == sorted(items)

    def leave_stream(self):
        if self.streams:
            self.chance.choice(self.streams).cancel()

    def land(self):
        backend = self.chance.choice(self.backends)
        count = self.chance.randrange(1, 4)
        landing = [str(question.name) for question in itertools.islice(backend.under_way, count)]
        if landing:
            failed = self.chance.random() < 0.2
            backend.land(*landing, error=ServerFailure(landing[0], "A", "broken") if failed else None)

    def change_room(self):
        backend = self.chance.choice(self.backends)
        backend.open = self.chance.choice([0, 1, 3, 1000])
        backend.roomy()

    def roomy(self):
        self.chance.choice(self.backends).roomy()

    def check(self):
        """Never too many at once, and nobody waits where there is a place."""
        under_way = sum(len(backend.under_way) for backend in self.backends)
        assert self.limiter.in_use >= under_way
        assert self.limiter.concurrency is None or under_way <= self.limiter.concurrency
        for backend, resolver in zip(self.backends, self.resolvers, strict=True):
            assert set(backend.under_way) <= {*resolver._dispatch.flights._waiting, *resolver._dispatch._withdrawn}
            assert resolver.stats.under_way >= len(backend.under_way)

    async def run(self):
        for backend in self.backends:
            backend.open = max(1, backend.open)
        steps = [self.submit] * 6 + [self.cancel] * 3 + [self.stream, self.leave_stream] * 2 + [self.land] * 5
        steps += [self.cancel_many, self.roomy, self.change_room]
        for _ in range(80):
            self.chance.choice(steps)()
            self.check()
            if self.chance.random() < 0.3:
                await asyncio.sleep(self.chance.choice([0, 0, 0.001, 0.1]))
                self.check()
        await self.rest()

    async def rest(self):
        for backend in self.backends:
            backend.open = 1000
            backend.roomy()
        for _ in range(1000):
            for backend in self.backends:
                if backend.under_way:
                    backend.land()
            await asyncio.sleep(0.01)
        assert [future for future in self.futures if not future.done()] == []
        assert [stream for stream in self.streams if not stream.done()] == []
        for stream in self.streams:
            assert stream.cancelled() or stream.exception() is None
        for resolver in self.resolvers:
            check_nothing_left(resolver)
            await resolver.aclose()


@pytest.mark.parametrize("seed", range(60))
@virtual
async def test_whatever_happens_in_whatever_order(seed):
    await Chaos(seed).run()
