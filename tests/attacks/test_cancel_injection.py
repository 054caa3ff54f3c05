"""Attack 26, cancelling and exceptions injected: whoever makes askers leave, or backends fail, at any moment, harms no other.

The leader of a flight is cancelled at each turn of the loop that it lives through, and backends fail at each await: who
asked the same gets the answer, and afterwards nothing is left: no future, task, place of the limiter, descriptor.
"""

from __future__ import annotations

import asyncio
import gc
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest
from evil_server import TRUE, EvilServer, Send, reply_to

from aioresolver import Resolver, StubBackend
from aioresolver.answer import Answer
from aioresolver.cache import Cache
from aioresolver.errors import ResolutionError, ServerFailure
from aioresolver.flow.limiter import Limiter
from aioresolver.wire.message import Question, Record

NAME = "victim.example"
TURNS = range(14)
PLACES = 8  # a stream asks only when there is one, also for what others wait for
Way = Callable[[Resolver], Awaitable[Any]]


async def streamed(resolver: Resolver) -> Any:
    ((_, outcome),) = [pair async for pair in resolver.query_many([NAME])]
    if isinstance(outcome, Exception):
        raise outcome
    return outcome


async def submitted(resolver: Resolver) -> Any:
    return await resolver.submit(NAME)


WAYS: dict[str, Way] = {
    "query": lambda resolver: resolver.query(NAME),
    "resolve": lambda resolver: resolver.resolve(NAME),
    "submit": submitted,
    "addresses": lambda resolver: resolver.addresses(NAME, 2),
    "getaddrinfo": lambda resolver: resolver.getaddrinfo(NAME, 443, family=2),
    "query_many": streamed,
}


class Steps:
    """A backend that takes so many awaits for an answer, and fails at one of them if so told."""

    concurrency = 100

    def __init__(self, steps: int = 8) -> None:
        self.steps = steps
        self.pause = 0.0
        self.fails_at: int | None = None
        self.error: BaseException = RuntimeError("a bug")
        self.under_way = 0

    async def query(self, question: Question, deadline: float) -> Answer[Any]:
        self.under_way += 1
        try:
            for step in range(self.steps):
                if step == self.fails_at:
                    self.fails_at = None
                    raise self.error
                await asyncio.sleep(self.pause)
        finally:
            self.under_way -= 1
        now = asyncio.get_running_loop().time()
        return Answer.from_records(question, [Record.parse(f"{question.name} 60 A {TRUE}")], now=now)

    async def aclose(self) -> None:
        pass


def check_nothing_left(resolver: Resolver) -> None:
    dispatch = resolver._dispatch
    assert (resolver.limiter.in_use, resolver.limiter.waiting, resolver.stats.under_way) == (0, 0, 0)
    assert (len(dispatch.flights), dispatch.sources, len(dispatch._queue), len(dispatch._withdrawn)) == (0, [], 0, 0)
    assert dispatch._freshness._alarms == {}
    assert dispatch._freshness._refreshed == set()


@asynccontextmanager
async def nothing_left_behind() -> AsyncIterator[None]:
    """No task, no descriptor, and nothing that the loop complains of."""
    complaints: list[dict[str, Any]] = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: complaints.append(context))
    tasks, descriptors = asyncio.all_tasks(), set(os.listdir("/proc/self/fd"))
    yield
    for _ in range(100):  # the server on the other side has to hear of it
        await asyncio.sleep(0)
        if asyncio.all_tasks() == tasks:
            break
        await asyncio.sleep(0.001)
    gc.collect()
    assert asyncio.all_tasks() == tasks
    assert set(os.listdir("/proc/self/fd")) <= descriptors
    assert complaints == []


async def left_alone(task: asyncio.Task[Any]) -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


# ---- the leader leaves


@pytest.mark.parametrize("turns", TURNS)
@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_the_leader_leaves_at_each_turn(run_virtual: Any, way: Way, turns: int) -> None:
    async def main() -> None:
        for follow in WAYS.values():
            async with nothing_left_behind():
                backend = Steps()
                async with Resolver(backend, limiter=Limiter(PLACES), hosts_file="/nonexistent") as resolver:
                    leader = asyncio.ensure_future(way(resolver))
                    await asyncio.sleep(0)
                    followers = [asyncio.ensure_future(follow(resolver)) for _ in range(3)]
                    for _ in range(1 + turns):
                        await asyncio.sleep(0)
                    await left_alone(leader)
                    assert all(await asyncio.wait_for(asyncio.gather(*followers), 100))
                    await asyncio.sleep(0)
                    check_nothing_left(resolver)
                    assert backend.under_way == 0
                    assert resolver.stats.lookups == 1

    run_virtual(main())


@pytest.mark.parametrize("turns", TURNS)
def test_all_leave_at_each_turn_and_another_comes(run_virtual: Any, turns: int) -> None:
    async def main() -> None:
        for way in WAYS.values():
            async with nothing_left_behind():
                backend = Steps()
                async with Resolver(backend, limiter=Limiter(PLACES), hosts_file="/nonexistent") as resolver:
                    leaving = [asyncio.ensure_future(way(resolver)) for _ in range(3)]
                    for _ in range(turns):
                        await asyncio.sleep(0)
                    for task in leaving:
                        await left_alone(task)
                    assert await asyncio.wait_for(way(resolver), 100)
                    await asyncio.sleep(0)
                    check_nothing_left(resolver)
                    assert backend.under_way == 0

    run_virtual(main())


@pytest.mark.parametrize("scheme", ["udp", "tcp"])
async def test_the_leader_leaves_over_the_network(scheme: str) -> None:
    """As above, with sockets: at moments from the sending of the query to long after the reply."""

    def script(query: bytes, send: Send) -> None:
        asyncio.get_running_loop().call_later(0.003, send, reply_to(query))

    async with EvilServer(script) as server, nothing_left_behind():
        for turn in range(30):
            way = list(WAYS.values())[turn % len(WAYS)]
            async with Resolver(StubBackend(server.url.replace("udp", scheme)), limiter=Limiter(PLACES)) as resolver:
                leader = asyncio.ensure_future(way(resolver))
                await asyncio.sleep(0)
                followers = [asyncio.ensure_future(follow(resolver)) for follow in WAYS.values()]
                await asyncio.sleep(turn * 0.0002)
                await left_alone(leader)
                assert all(await asyncio.gather(*followers))
                await asyncio.sleep(0)
                check_nothing_left(resolver)
                assert all(upstream.window.used == 0 for upstream in resolver.backend.upstreams)  # type: ignore[attr-defined]


@pytest.mark.parametrize("turns", [0, 1, 3, 4, 5, 6, 8, 15, 19, 20, 21])
def test_the_leader_of_a_refresh_leaves(run_virtual: Any, turns: int) -> None:
    """Before the stale answer has served, which is after five turns, and after that, when the refresh still goes on."""

    async def main() -> None:
        for way in WAYS.values():
            async with nothing_left_behind():
                backend = Steps()
                cache = Cache(stale=3600, stale_after=0.05)
                async with Resolver(
                    backend, cache=cache, limiter=Limiter(PLACES), hosts_file="/nonexistent"
                ) as resolver:
                    await resolver.query(NAME)
                    await asyncio.sleep(61)
                    backend.steps, backend.pause = 20, 0.01
                    leader = asyncio.ensure_future(way(resolver))
                    await asyncio.sleep(0)
                    followers = [asyncio.ensure_future(way(resolver)) for _ in range(3)]
                    await asyncio.sleep(0.0101 * turns)
                    assert backend.under_way == (turns < 20)
                    await left_alone(leader)
                    assert all(await asyncio.wait_for(asyncio.gather(*followers), 0.1))
                    await asyncio.sleep(0.3)
                    check_nothing_left(resolver)
                    assert (backend.under_way, resolver.stats.lookups) == (0, 2)
                    assert not (await resolver.query(NAME)).stale

    run_virtual(main())


# ---- the backend fails


@pytest.mark.parametrize("step", range(8))
@pytest.mark.parametrize(
    "error",
    [RuntimeError("a bug"), MemoryError(), OSError(24, "Too many open files"), RecursionError(), KeyError("x")],
    ids=lambda error: type(error).__name__,
)
def test_the_backend_fails_at_each_await(run_virtual: Any, error: Exception, step: int) -> None:
    """Everybody who waits is told, by an error of their own, and the next one who asks is answered."""

    async def main() -> None:
        async with nothing_left_behind():
            backend = Steps()
            async with Resolver(backend, limiter=Limiter(PLACES), hosts_file="/nonexistent") as resolver:
                backend.fails_at, backend.error = step, error
                asking = [asyncio.ensure_future(way(resolver)) for way in WAYS.values()]
                outcomes = await asyncio.wait_for(asyncio.gather(*asking, return_exceptions=True), 100)
                assert {type(outcome) for outcome in outcomes} == {type(error)}
                assert len({id(outcome) for outcome in outcomes}) > 1
                await asyncio.sleep(0)
                check_nothing_left(resolver)
                assert await asyncio.wait_for(resolver.query(NAME), 100)
                assert backend.under_way == 0
                check_nothing_left(resolver)

    run_virtual(main())


@pytest.mark.parametrize("step", range(8))
def test_the_backend_is_cancelled_at_each_await(run_virtual: Any, step: int) -> None:
    """By somebody who has its task: those who wait are cancelled too, and the next one is answered."""

    async def main() -> None:
        async with nothing_left_behind():
            backend = Steps()
            async with Resolver(backend, limiter=Limiter(PLACES), hosts_file="/nonexistent") as resolver:
                backend.fails_at, backend.error = step, asyncio.CancelledError()
                futures = [resolver.submit(NAME) for _ in range(5)]
                await asyncio.wait(futures, timeout=100)
                assert all(future.cancelled() for future in futures)
                assert await asyncio.wait_for(resolver.query(NAME), 100)
                await asyncio.sleep(0)
                check_nothing_left(resolver)

    run_virtual(main())


@pytest.mark.parametrize("what", ["observer", "policy"])
def test_what_users_hand_in_fails(run_virtual: Any, what: str) -> None:
    """An observer's fault is the loop's to report; a policy's is its asker's. Nobody else notices."""

    async def main() -> None:
        count = 0

        def failing(*_: object) -> Any:
            nonlocal count
            count += 1
            raise ZeroDivisionError

        class Policy:
            apply = check = failing

        options: dict[str, Any] = {"observer": failing} if what == "observer" else {"policy": Policy()}
        asyncio.get_running_loop().set_exception_handler(lambda *_: None)
        async with Resolver(Steps(), limiter=Limiter(PLACES), hosts_file="/nonexistent", **options) as resolver:
            asking = [asyncio.ensure_future(way(resolver)) for way in WAYS.values()]
            outcomes = await asyncio.wait_for(asyncio.gather(*asking, return_exceptions=True), 100)
            assert [isinstance(outcome, ZeroDivisionError) for outcome in outcomes] == [what == "policy"] * len(WAYS)
            await asyncio.sleep(0)
            check_nothing_left(resolver)
        assert count

    run_virtual(main())


class Failing(Cache):
    """A cache that fails when it is to keep something about the name, as for want of memory."""

    def put(self, answer: Answer[Any], now: float) -> Answer[Any]:
        if answer.question.name == f"{NAME}.":
            raise MemoryError
        return super().put(answer, now)

    def put_failure(self, question: Question, error: ResolutionError, now: float) -> None:
        raise MemoryError


@pytest.mark.parametrize("error", [None, ServerFailure(NAME, "A", "down")], ids=["answer", "failure"])
def test_what_becomes_of_an_answer_fails(run_virtual: Any, error: ResolutionError | None) -> None:
    """Its askers are told, and the others have their answers."""

    async def main() -> None:
        backend = Steps()
        async with Resolver(backend, cache=Failing(), limiter=Limiter(PLACES), hosts_file="/nonexistent") as resolver:
            if error is not None:
                backend.fails_at, backend.error = 7, error
            asking = [asyncio.ensure_future(way(resolver)) for way in WAYS.values()]
            await asyncio.sleep(0)
            others = [resolver.submit(f"n{number}.example") for number in range(PLACES)]
            outcomes = await asyncio.wait_for(asyncio.gather(*asking, return_exceptions=True), 100)
            assert {type(outcome) for outcome in outcomes} == {MemoryError}
            assert all(await asyncio.wait_for(asyncio.gather(*others), 100))
            await asyncio.sleep(0)
            check_nothing_left(resolver)

    run_virtual(main())


@pytest.mark.parametrize("turns", TURNS)
def test_it_is_closed_at_each_turn(run_virtual: Any, turns: int) -> None:
    async def main() -> None:
        async with nothing_left_behind():
            backend = Steps()
            resolver = Resolver(backend, limiter=Limiter(PLACES), hosts_file="/nonexistent")
            asking = [asyncio.ensure_future(way(resolver)) for way in WAYS.values()]
            for _ in range(turns):
                await asyncio.sleep(0)
            await resolver.aclose()
            await asyncio.wait_for(asyncio.gather(*asking, return_exceptions=True), 100)
            assert all(task.exception() is None or not isinstance(task.exception(), ResolutionError) for task in asking)
            check_nothing_left(resolver)
            assert backend.under_way == 0

    run_virtual(main())
