"""fan_out: every input accounted for, flat memory, no task left behind."""

from __future__ import annotations

import asyncio
import contextlib
import gc
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest

from aioresolver.flow.fan_out import fan_out

Run = Callable[[Any], Any]


def alone() -> bool:
    return asyncio.all_tasks() == {asyncio.current_task()}


async def double(number: int) -> int:
    await asyncio.sleep(0)
    return number * 2


async def stream(count: int) -> AsyncIterator[int]:
    for number in range(count):
        await asyncio.sleep(0)
        yield number


async def collect(results: AsyncIterator[tuple[int, Any]], into: list[int]) -> None:
    async for number, _ in results:
        into.append(number)


@pytest.mark.parametrize("concurrency", [1, 3, 100])
@pytest.mark.parametrize("kind", [list, iter, lambda numbers: (number for number in numbers)])
async def test_every_input_comes_out_once(kind: Any, concurrency: int) -> None:
    results = [pair async for pair in fan_out(kind(range(50)), double, concurrency=concurrency)]
    assert sorted(results) == [(number, number * 2) for number in range(50)]
    assert alone()


@pytest.mark.parametrize("concurrency", [1, 3, 100])
async def test_inputs_may_come_from_an_async_iterable(concurrency: int) -> None:
    results = [pair async for pair in fan_out(stream(50), double, concurrency=concurrency)]
    assert sorted(results) == [(number, number * 2) for number in range(50)]
    assert alone()


@pytest.mark.parametrize("inputs", [[], iter(()), stream(0)])
async def test_no_inputs_no_results(inputs: Any) -> None:
    assert [pair async for pair in fan_out(inputs, double, concurrency=5)] == []
    assert alone()


async def test_work_may_return_a_future() -> None:
    def work(number: int) -> asyncio.Future[int]:
        future: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        future.set_result(-number)
        return future

    assert sorted([pair async for pair in fan_out([1, 2], work, concurrency=2)]) == [(1, -1), (2, -2)]


def test_results_come_as_they_are_done(run_virtual: Run) -> None:
    async def main() -> list[float]:
        async def work(delay: float) -> None:
            await asyncio.sleep(delay)

        return [delay async for delay, _ in fan_out([3.0, 1.0, 2.0], work, concurrency=3)]

    assert run_virtual(main()) == [1.0, 2.0, 3.0]


def test_so_many_are_under_way_and_no_more(run_virtual: Run) -> None:
    async def main() -> None:
        now = most = 0

        async def work(_: int) -> None:
            nonlocal now, most
            now += 1
            most = max(most, now)
            await asyncio.sleep(1)
            now -= 1

        loop = asyncio.get_running_loop()
        start = loop.time()
        assert len([pair async for pair in fan_out(iter(range(100)), work, concurrency=10)]) == 100
        assert most == 10
        assert loop.time() - start == 10

    run_virtual(main())


async def test_no_more_tasks_than_inputs_when_their_number_is_known() -> None:
    results = fan_out([1, 2, 3], double, concurrency=1000)
    await anext(results)
    assert len(asyncio.all_tasks()) <= 4
    await results.aclose()


@pytest.mark.parametrize("suspends", [False, True])
async def test_a_slow_consumer_stops_the_pulling(suspends: bool) -> None:
    pulled = 0

    def inputs() -> Iterator[int]:
        nonlocal pulled
        for number in range(1000):
            pulled = number + 1
            yield number

    async def work(number: int) -> int:
        if suspends:
            await asyncio.sleep(0)
        return number

    seen = 0
    async for _ in fan_out(inputs(), work, concurrency=8):
        seen += 1
        for _ in range(4):
            await asyncio.sleep(0)
        assert pulled - seen < 16
    assert (seen, pulled) == (1000, 1000)


async def test_work_that_never_suspends_does_not_hold_the_loop() -> None:
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    async def work(number: int) -> int:
        return number

    counter = asyncio.create_task(count())
    assert len([pair async for pair in fan_out(range(1000), work, concurrency=10)]) == 1000
    assert turns > 50
    counter.cancel()
    await asyncio.wait([counter])


async def picky(number: int) -> int:
    await asyncio.sleep(0)
    if number % 3 == 0:
        raise ValueError(number)
    if number == 100:
        raise LookupError(number)
    return number


async def test_an_error_stands_beside_its_input() -> None:
    results = dict([pair async for pair in fan_out(range(10), picky, concurrency=4)])
    assert len(results) == 10
    assert {number for number, result in results.items() if isinstance(result, ValueError)} == {0, 3, 6, 9}
    assert results[4] == 4


@pytest.mark.parametrize("catch", [ValueError, (ValueError, TypeError)])
async def test_errors_that_are_not_results_are_raised(catch: Any) -> None:
    seen: list[int] = []
    with pytest.raises(LookupError, match="100"):
        await collect(fan_out(range(100_000), picky, concurrency=4, catch=catch), seen)
    assert {1, 2, 3} <= set(seen)
    assert len(seen) < 120
    assert alone()


async def test_work_that_raises_before_it_awaits() -> None:
    def work(number: int) -> asyncio.Future[int]:
        raise ValueError(number)

    ((number, error),) = [pair async for pair in fan_out([7], work, concurrency=2)]
    assert number == 7
    assert isinstance(error, ValueError)


@pytest.mark.parametrize("form", ["sync", "async"])
async def test_broken_inputs_raise_and_cancel_what_is_under_way(form: str) -> None:
    cancelled = []

    def broken() -> Iterator[int]:
        yield 1
        yield 2
        raise OSError("disk on fire")

    async def broken_stream() -> AsyncIterator[int]:
        for number in broken():
            yield number

    async def work(number: int) -> int:
        if number == 1:
            return number
        try:
            return await asyncio.get_running_loop().create_future()
        except asyncio.CancelledError:
            cancelled.append(number)
            raise

    seen: list[int] = []
    with pytest.raises(OSError, match="disk on fire"):
        await collect(fan_out(broken() if form == "sync" else broken_stream(), work, concurrency=5), seen)
    assert (seen, cancelled) == ([1], [2])
    assert alone()


async def test_inputs_that_cannot_be_iterated() -> None:
    with pytest.raises(TypeError, match="not iterable"):
        [pair async for pair in fan_out(5, double, concurrency=5)]  # type: ignore[arg-type]


async def forever(_: int) -> int:
    return await asyncio.get_running_loop().create_future()


async def first_then_forever(number: int) -> int:
    return number if number == 0 else await forever(number)


async def test_aclose_cancels_what_is_under_way() -> None:
    results = fan_out(range(1000), first_then_forever, concurrency=50)
    assert await anext(results) == (0, 0)
    assert len(asyncio.all_tasks()) > 40
    await results.aclose()
    assert alone()


async def test_leaving_the_loop_cancels_what_is_under_way() -> None:
    async for _ in fan_out(range(1000), first_then_forever, concurrency=50):
        break
    gc.collect()
    for _ in range(10):
        await asyncio.sleep(0)
    assert alone()


async def test_cancelling_the_consumer_cancels_what_is_under_way() -> None:
    async def consume() -> None:
        async for _ in fan_out(range(1000), forever, concurrency=50):
            pass

    consumer = asyncio.create_task(consume())
    for _ in range(3):
        await asyncio.sleep(0)
    assert len(asyncio.all_tasks()) == 52
    consumer.cancel()
    with pytest.raises(asyncio.CancelledError):
        await consumer
    assert alone()


async def test_closing_waits_until_the_work_has_cleaned_up() -> None:
    cleaned = []

    async def work(number: int) -> None:
        try:
            await forever(number)
        finally:
            await asyncio.sleep(0)
            cleaned.append(number)

    async with contextlib.aclosing(fan_out([1, 2, 3], work, concurrency=2)) as results:
        ahead = asyncio.ensure_future(anext(results))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        ahead.cancel()
        await asyncio.wait([ahead])
    assert sorted(cleaned) == [1, 2]
    assert alone()


async def test_work_whose_future_somebody_cancels_never_hangs() -> None:
    def work(_: int) -> asyncio.Future[int]:
        future: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        future.cancel()
        return future

    with pytest.raises(asyncio.CancelledError):
        [pair async for pair in fan_out([1], work, concurrency=1)]
    assert alone()


async def test_one_that_was_never_begun_starts_nothing() -> None:
    results = fan_out(range(10), forever, concurrency=5)
    await results.aclose()
    assert alone()


@pytest.mark.parametrize("concurrency", [0, -5])
def test_concurrency_is_one_or_more(concurrency: int) -> None:
    with pytest.raises(ValueError, match="concurrency"):
        fan_out([], double, concurrency=concurrency)
