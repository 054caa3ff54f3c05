"""Limiter: never too many, never too fast, in order, and no slot is ever lost."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from aioresolver.flow.limiter import Limiter

Run = Callable[[Any], Any]


def timers(loop: Any) -> int:
    """Live timers beside the harness's own."""
    return sum(not handle.cancelled() for handle in loop._scheduled) - 1


async def test_so_many_at_once_then_false() -> None:
    limiter = Limiter(2)
    assert limiter.try_acquire()
    assert limiter.try_acquire()
    assert not limiter.try_acquire()
    limiter.release()
    assert limiter.in_use == 1
    assert limiter.try_acquire()


async def test_no_limits_by_default() -> None:
    limiter = Limiter()
    assert all(limiter.try_acquire() for _ in range(10_000))
    assert limiter.in_use == 10_000


async def test_a_released_slot_starts_the_first_in_the_queue_at_once() -> None:
    limiter, started = Limiter(1), []
    assert limiter.try_acquire()
    for name in "abc":
        limiter.enqueue(lambda name=name: started.append(name))
    assert limiter.waiting == 3
    assert started == []
    limiter.release()
    assert started == ["a"]
    assert (limiter.in_use, limiter.waiting) == (1, 2)
    limiter.release()
    limiter.release()
    assert started == ["a", "b", "c"]
    limiter.release()
    assert (limiter.in_use, limiter.waiting) == (0, 0)


async def test_nobody_passes_those_who_wait(run_virtual: Run) -> None:
    limiter = Limiter(1)
    limiter.enqueue(int)
    assert limiter.in_use == 0
    assert not limiter.try_acquire()
    await asyncio.sleep(0.001)
    assert (limiter.in_use, limiter.waiting) == (1, 0)


def test_a_ticket_taken_while_slots_are_free_starts_at_the_next_turn(run_virtual: Run) -> None:
    async def main() -> None:
        limiter, started = Limiter(2), []
        for name in "abc":
            limiter.enqueue(lambda name=name: started.append(name))
        assert started == []
        await asyncio.sleep(0.001)
        assert started == ["a", "b"]
        assert timers(asyncio.get_running_loop()) == 0

    run_virtual(main())


async def test_who_withdraws_is_not_started() -> None:
    limiter, started = Limiter(1), []
    limiter.try_acquire()
    tickets = [limiter.enqueue(lambda name=name: started.append(name)) for name in "abc"]
    assert limiter.withdraw(tickets[0])
    assert not limiter.withdraw(tickets[0])
    limiter.release()
    assert started == ["b"]
    assert not limiter.withdraw(tickets[1])
    assert limiter.withdraw(tickets[2])
    limiter.release()
    assert (limiter.in_use, limiter.waiting) == (0, 0)
    assert limiter.try_acquire()


async def test_withdrawn_tickets_do_not_pile_up() -> None:
    limiter = Limiter(1)
    limiter.try_acquire()
    limiter.enqueue(int)
    for _ in range(1000):
        limiter.withdraw(limiter.enqueue(int))
    assert len(limiter._queue) < 100
    assert limiter.waiting == 1


async def test_a_start_that_ends_at_once_makes_no_recursion() -> None:
    limiter, count = Limiter(1), 0

    def start() -> None:
        nonlocal count
        count += 1
        limiter.release()

    limiter.try_acquire()
    for _ in range(2500):
        limiter.enqueue(start)
    limiter.release()
    assert count == 1000  # then the loop has its turn
    while limiter.waiting:
        await asyncio.sleep(0)
    assert (count, limiter.in_use) == (2500, 0)


async def test_a_start_that_raises_gives_its_slot_back_and_stops_nobody() -> None:
    reports: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: reports.append(context))
    limiter, started = Limiter(1), []

    def broken() -> None:
        raise RuntimeError("broken")

    limiter.try_acquire()
    limiter.enqueue(broken)
    limiter.enqueue(lambda: started.append("next"))
    limiter.release()
    assert started == ["next"]
    assert limiter.in_use == 1
    assert [str(context["exception"]) for context in reports] == ["broken"]


async def test_a_start_may_enqueue_another() -> None:
    limiter, started = Limiter(1), []
    limiter.try_acquire()
    limiter.enqueue(lambda: (started.append("a"), limiter.enqueue(lambda: started.append("b"))))
    limiter.release()
    assert started == ["a"]
    limiter.release()
    assert started == ["a", "b"]


async def test_giving_back_what_was_not_taken_is_an_error() -> None:
    with pytest.raises(RuntimeError, match="none is taken"):
        Limiter(1).release()


async def test_room_is_taken_and_given_back_by_the_dozen() -> None:
    limiter = Limiter(12)
    assert limiter.room() == 12
    limiter.take(10)
    assert (limiter.in_use, limiter.room()) == (10, 2)
    limiter.release(10)
    assert (limiter.in_use, limiter.room()) == (0, 12)
    limiter.take(0)
    limiter.release(0)
    assert limiter.in_use == 0
    with pytest.raises(RuntimeError, match=r"release\(2\) gives back slots, and none is taken"):
        limiter.release(2)
    limiter.take(1)
    with pytest.raises(RuntimeError, match=r"release\(2\) gives back slots, and 1 is taken"):
        limiter.release(2)
    assert limiter.in_use == 1


async def test_room_without_limits_is_plenty() -> None:
    limiter = Limiter()
    assert limiter.room() >= 1 << 30
    limiter.take(1_000_000)
    assert limiter.room() >= 1 << 30


async def test_there_is_no_room_while_somebody_waits() -> None:
    limiter, started = Limiter(3), []
    limiter.take(3)
    tickets = [limiter.enqueue(lambda name=name: started.append(name)) for name in "abcde"]
    assert limiter.room() == 0
    limiter.release(2)
    assert started == ["a", "b"]
    assert (limiter.in_use, limiter.room()) == (3, 0)
    for ticket in tickets[2:]:
        limiter.withdraw(ticket)
    assert limiter.room() == 0
    limiter.release(3)
    assert (started, limiter.in_use, limiter.room()) == (["a", "b"], 0, 3)
    limiter.enqueue(lambda: started.append("f"))
    assert limiter.room() == 0  # though slots are free: it starts at the next turn
    await asyncio.sleep(0.001)
    assert (started, limiter.room()) == (["a", "b", "f"], 2)


def test_room_is_no_more_than_the_rate_allows(run_virtual: Run) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        limiter, start, taken = Limiter(50, rate=100, burst=5), loop.time(), 0
        assert limiter.room() == limiter.room() == 5  # looking costs nothing
        while loop.time() < start + 10:
            limiter.take(room := limiter.room())
            limiter.release(room)
            taken += room
            assert limiter.room() == 0
            assert not limiter.try_acquire()
            assert taken <= 5 + 100 * (loop.time() - start) + 1e-6
            await asyncio.sleep(0.013)
        assert taken >= 5 + 100 * 9.9
        await asyncio.sleep(100)
        assert limiter.room() == 5  # a pause saves up no more
        assert Limiter(3, rate=100, burst=5).room() == 3

    run_virtual(main())


def test_whoever_asks_for_room_is_held_to_the_same_rate_as_who_waits(run_virtual: Run) -> None:
    async def main() -> float:
        loop = asyncio.get_running_loop()
        limiter, start, left = Limiter(rate=1000, burst=1), loop.time(), 500
        turn = asyncio.Event()
        while left:
            count = min(left, limiter.room())
            limiter.take(count)
            limiter.release(count)
            left -= count
            if not left:
                break
            turn.clear()
            limiter.enqueue(turn.set)
            await turn.wait()
            limiter.release()
            left -= 1
        return loop.time() - start

    assert run_virtual(main()) == pytest.approx(0.5, abs=0.005)


def test_the_rate_holds_on_average_and_the_burst_at_most(run_virtual: Run) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        limiter, start, times = Limiter(rate=100, burst=5), loop.time(), []

        def begin() -> None:
            times.append(loop.time() - start)
            limiter.release()

        for _ in range(205):
            if limiter.try_acquire():
                begin()
            else:
                limiter.enqueue(begin)
        assert times == [0.0] * 5
        assert timers(loop) == 1
        await asyncio.sleep(10)
        assert len(times) == 205
        assert times[-1] == pytest.approx(2.0, abs=0.002)
        for index, when in enumerate(times):
            assert sum(1 for other in times[: index + 1] if other > when - 0.1) <= 5 + 10 + 1
        assert timers(loop) == 0

    run_virtual(main())


def test_a_pause_saves_up_no_more_than_the_burst(run_virtual: Run) -> None:
    async def main() -> None:
        limiter = Limiter(rate=10, burst=3)
        await asyncio.sleep(100)
        assert [limiter.try_acquire() for _ in range(5)] == [True] * 3 + [False] * 2
        await asyncio.sleep(0.1)
        assert [limiter.try_acquire() for _ in range(2)] == [True, False]
        await asyncio.sleep(0.25)
        assert [limiter.try_acquire() for _ in range(3)] == [True, True, False]

    run_virtual(main())


def test_a_high_rate_is_reached_in_spite_of_the_loops_coarse_timers(run_virtual: Run) -> None:
    async def main() -> float:
        loop = asyncio.get_running_loop()
        limiter, start, done = Limiter(rate=20_000), loop.time(), loop.create_future()

        def begin(index: int) -> None:
            limiter.release()
            if index == 39_999:
                done.set_result(loop.time() - start)

        for index in range(40_000):
            limiter.enqueue(lambda index=index: begin(index))
        return await done

    assert run_virtual(main()) == pytest.approx(2.0 - 0.05, abs=0.005)


def test_rate_and_concurrency_together(run_virtual: Run) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        limiter, started, start = Limiter(2, rate=10), [], loop.time()
        for _ in range(4):
            limiter.enqueue(lambda: started.append(round(loop.time() - start, 3)))
        await asyncio.sleep(5)
        assert len(started) == 2
        assert timers(loop) == 0  # both slots are taken: nobody waits for the rate
        limiter.release()
        limiter.release()
        assert len(started) == 3
        assert timers(loop) == 1
        await asyncio.sleep(0.2)
        assert len(started) == 4
        assert started[3] - started[2] == pytest.approx(0.1)

    run_virtual(main())


def test_withdrawing_the_last_takes_the_timer_away(run_virtual: Run) -> None:
    async def main() -> None:
        limiter = Limiter(rate=1)
        assert limiter.try_acquire()
        ticket = limiter.enqueue(int)
        assert timers(asyncio.get_running_loop()) == 1
        limiter.withdraw(ticket)
        assert timers(asyncio.get_running_loop()) == 0

    run_virtual(main())


def test_async_with_holds_a_slot(run_virtual: Run) -> None:
    async def main() -> None:
        limiter, most = Limiter(3), 0

        async def work() -> None:
            nonlocal most
            async with limiter:
                most = max(most, limiter.in_use)
                await asyncio.sleep(1)

        loop = asyncio.get_running_loop()
        start = loop.time()
        await asyncio.gather(*(work() for _ in range(10)))
        assert most == 3
        assert loop.time() - start == 4
        assert (limiter.in_use, limiter.waiting) == (0, 0)

    run_virtual(main())


async def test_async_with_gives_back_when_the_body_raises() -> None:
    limiter = Limiter(1)
    with pytest.raises(ValueError, match="body"):
        async with limiter:
            raise ValueError("body")
    assert limiter.in_use == 0


async def hold(limiter: Limiter, held: list[str], name: str, until: asyncio.Event) -> None:
    async with limiter:
        held.append(name)
        await until.wait()


async def test_a_cancelled_waiter_leaves_the_queue() -> None:
    limiter, held, until = Limiter(1), [], asyncio.Event()
    tasks = [asyncio.create_task(hold(limiter, held, name, until)) for name in "abc"]
    await asyncio.sleep(0)
    tasks[1].cancel()
    await asyncio.wait(tasks[1:2])
    assert limiter.waiting == 1
    until.set()
    await asyncio.gather(tasks[0], tasks[2])
    assert held == ["a", "c"]
    assert (limiter.in_use, limiter.waiting) == (0, 0)


@pytest.mark.parametrize("order", ["release first", "cancel first"])
async def test_a_slot_given_to_a_cancelled_waiter_goes_on(order: str) -> None:
    limiter, held, until = Limiter(1), [], asyncio.Event()
    assert limiter.try_acquire()
    tasks = [asyncio.create_task(hold(limiter, held, name, until)) for name in "ab"]
    await asyncio.sleep(0)
    if order == "release first":
        limiter.release()
        tasks[0].cancel()
    else:
        tasks[0].cancel()
        limiter.release()
    until.set()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert isinstance(results[0], asyncio.CancelledError)
    assert held == ["b"]
    assert (limiter.in_use, limiter.waiting) == (0, 0)


def test_one_limiter_serves_one_loop_after_another() -> None:
    limiter = Limiter(1, rate=1000)

    async def main() -> None:
        async with limiter:
            await asyncio.sleep(0)

    asyncio.run(main())
    asyncio.run(main())


def test_a_dead_loop_leaves_no_slot_taken() -> None:
    limiter = Limiter(1)

    async def leak() -> None:
        limiter.try_acquire()
        limiter.enqueue(int)

    async def use() -> None:
        async with limiter:
            pass

    asyncio.run(leak())
    asyncio.run(use())
    assert (limiter.in_use, limiter.waiting) == (0, 0)


async def test_two_loops_at_once_are_refused() -> None:
    limiter = Limiter(1, rate=1000)
    assert limiter.try_acquire()

    async def main() -> None:
        limiter.enqueue(int)

    def other_loop() -> None:
        with pytest.raises(RuntimeError, match="another event loop"):
            asyncio.run(main())

    await asyncio.get_running_loop().run_in_executor(None, other_loop)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"concurrency": 0}, "concurrency"),
        ({"concurrency": -1}, "concurrency"),
        ({"rate": 0}, "rate"),
        ({"rate": float("inf")}, "rate"),
        ({"rate": float("nan")}, "rate"),
        ({"rate": 10, "burst": 0}, "burst"),
        ({"burst": 5}, "give a rate"),
    ],
)
def test_limits_that_let_nothing_through_are_refused(arguments: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        Limiter(**arguments)


class Queueing(RuleBasedStateMachine):
    """The limiter against a list and two numbers."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.limiter = Limiter(3)
        self.started: list[int] = []
        self.expected: list[int] = []
        self.queue: deque[tuple[int, Any]] = deque()
        self.in_use = 0
        self.count = 0

    def call(self, function: Callable[[], Any]) -> Any:
        async def main() -> Any:
            return function()

        return self.loop.run_until_complete(main())

    @rule()
    def acquire(self) -> None:
        if self.call(self.limiter.try_acquire):
            assert not self.queue
            assert self.in_use < 3
            self.in_use += 1
        else:
            assert self.queue or self.in_use == 3

    @precondition(lambda self: self.in_use == 3)
    @rule()
    def enqueue(self) -> None:
        number = self.count = self.count + 1
        ticket = self.call(lambda: self.limiter.enqueue(lambda: self.started.append(number)))
        self.queue.append((number, ticket))

    @precondition(lambda self: self.in_use)
    @rule()
    def release(self) -> None:
        self.call(self.limiter.release)
        if self.queue:
            self.expected.append(self.queue.popleft()[0])
        else:
            self.in_use -= 1

    @rule(data=st.data())
    def take(self, data: Any) -> None:
        room = self.call(self.limiter.room)
        assert room == (0 if self.queue else 3 - self.in_use)
        count = data.draw(st.integers(0, room))
        self.call(lambda: self.limiter.take(count))
        self.in_use += count

    @rule(data=st.data())
    def release_many(self, data: Any) -> None:
        count = data.draw(st.integers(0, self.in_use))
        self.call(lambda: self.limiter.release(count))
        for _ in range(count):
            if self.queue:
                self.expected.append(self.queue.popleft()[0])
            else:
                self.in_use -= 1

    @precondition(lambda self: self.queue)
    @rule(data=st.data())
    def withdraw(self, data: Any) -> None:
        index = data.draw(st.integers(0, len(self.queue) - 1))
        _, ticket = self.queue[index]
        del self.queue[index]
        assert self.limiter.withdraw(ticket)
        assert not self.limiter.withdraw(ticket)

    @invariant()
    def agree(self) -> None:
        assert self.started == self.expected
        assert (self.limiter.in_use, self.limiter.waiting) == (self.in_use, len(self.queue))

    def teardown(self) -> None:
        self.loop.close()


TestQueueing = Queueing.TestCase
TestQueueing.settings = settings(max_examples=30, stateful_step_count=40, deadline=None)
