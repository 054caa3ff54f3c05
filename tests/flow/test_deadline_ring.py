"""DeadlineRing: on time, never early, discarded means gone, nothing left on the loop."""

from __future__ import annotations

import asyncio
import gc
import math
import weakref
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aioresolver.flow.deadline_ring import DeadlineRing

Run = Callable[[Any], Any]


def timers(loop: Any) -> int:
    return sum(not handle.cancelled() for handle in loop._scheduled)


def at_rest(loop: Any) -> int:
    """Live timers when only the harness's own is left."""
    return timers(loop) - 1


def test_callbacks_run_at_their_time_and_in_order(run_virtual: Run) -> None:
    async def main() -> list[tuple[str, float]]:
        loop = asyncio.get_running_loop()
        start, seen = loop.time(), []
        ring = DeadlineRing(loop)
        for name, delay in [("late", 5.0), ("soon", 0.25), ("also soon", 0.25), ("first", 0.001)]:
            ring.add(start + delay, lambda name=name: seen.append((name, loop.time() - start)))
        assert len(ring) == 4
        await asyncio.sleep(10)
        assert len(ring) == 0
        return seen

    seen = run_virtual(main())
    assert [name for name, _ in seen] == ["first", "soon", "also soon", "late"]
    assert [round(when, 9) for _, when in seen] == [0.001, 0.25, 0.25, 5.0]


def test_never_early_and_at_most_one_granularity_late(run_virtual: Run) -> None:
    @given(st.lists(st.floats(0, 3), min_size=1, max_size=30), st.sampled_from([0.001, 0.004, 0.01, 0.3]))
    def check(delays: list[float], granularity: float) -> None:
        async def main() -> None:
            loop = asyncio.get_running_loop()
            start, lateness = loop.time(), []
            ring = DeadlineRing(loop, granularity)
            for delay in delays:
                ring.add(start + delay, lambda when=start + delay: lateness.append(loop.time() - when))
            await asyncio.sleep(4)
            assert len(lateness) == len(delays)
            assert all(-1e-9 <= late <= granularity + 1e-9 for late in lateness)
            assert at_rest(loop) == 0

        run_virtual(main())

    check()


def test_a_product_that_is_rounded_down_is_not_early_either(run_virtual: Run) -> None:
    late = math.nextafter(1000 + 12 / 1000, math.inf)
    assert late * 1000 == 1000_000 + 12

    async def main() -> float:
        loop = asyncio.get_running_loop()
        due: asyncio.Future[float] = loop.create_future()
        DeadlineRing(loop).add(late, lambda: due.set_result(loop.time()))
        return await due

    assert run_virtual(main()) >= late


def test_a_moment_already_past_is_the_next_turn(run_virtual: Run) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        ring, seen = DeadlineRing(loop), []

        def again() -> None:
            seen.append(loop.time())
            if len(seen) < 3:
                ring.add(loop.time() - 1, again)

        ring.add(loop.time() - 1, again)
        assert not seen
        await asyncio.sleep(0.1)
        assert len(seen) == 3

    run_virtual(main())


def test_one_timer_stands_for_ten_thousand(run_virtual: Run) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        ring, seen, start = DeadlineRing(loop), [], loop.time()
        tokens = [ring.add(start + 5 + index / 10_000, lambda: seen.append(1)) for index in range(10_000)]
        assert at_rest(loop) == 1
        assert len(ring) == 10_000
        for token in tokens[::2]:
            ring.discard(token)
        assert len(ring) == 5_000
        await asyncio.sleep(7)
        assert len(seen) == 5_000
        assert at_rest(loop) == 0

    run_virtual(main())


def test_an_earlier_deadline_moves_the_timer(run_virtual: Run) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        ring, seen, start = DeadlineRing(loop), [], loop.time()
        ring.add(start + 5, lambda: seen.append(5))
        ring.add(start + 1, lambda: seen.append(1))
        assert at_rest(loop) == 1
        await asyncio.sleep(2)
        assert seen == [1]
        await asyncio.sleep(4)
        assert seen == [1, 5]

    run_virtual(main())


def test_discard_is_final_and_may_be_repeated(run_virtual: Run) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        ring, seen = DeadlineRing(loop), []
        gone = ring.add(loop.time() + 1, lambda: seen.append("gone"))
        kept = ring.add(loop.time() + 1, lambda: seen.append("kept"))
        ring.discard(gone)
        ring.discard(gone)
        await asyncio.sleep(2)
        ring.discard(kept)
        assert seen == ["kept"]
        assert at_rest(loop) == 0

    run_virtual(main())


def test_no_timer_while_nothing_is_pending(run_virtual: Run) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        ring = DeadlineRing(loop)
        for _ in range(3):
            token = ring.add(loop.time() + 1, int)
            assert at_rest(loop) == 1
            ring.discard(token)
            assert at_rest(loop) == 0
        one, two = ring.add(loop.time() + 1, int), ring.add(loop.time() + 2, int)
        ring.discard(one)
        assert at_rest(loop) == 1
        ring.discard(two)
        assert at_rest(loop) == 0

    run_virtual(main())


def test_discarded_callbacks_are_not_kept_alive(run_virtual: Run) -> None:
    class Lookup:
        def expire(self) -> None: ...

    async def main() -> None:
        loop = asyncio.get_running_loop()
        ring, lookup = DeadlineRing(loop), Lookup()
        ring.add(loop.time() + 1, int)
        token = ring.add(loop.time() + 1, lookup.expire)
        alive = weakref.ref(lookup)
        ring.discard(token)
        del lookup
        gc.collect()
        assert alive() is None
        ring.close()

    run_virtual(main())


def test_a_callback_may_discard_another_of_the_same_round(run_virtual: Run) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        ring, seen, when = DeadlineRing(loop), [], loop.time() + 1

        def first() -> None:
            seen.append("first")
            ring.discard(second)
            ring.add(when + 1, lambda: seen.append("later"))

        ring.add(when, first)
        second = ring.add(when, lambda: seen.append("second"))
        await asyncio.sleep(1.5)
        assert seen == ["first"]
        assert at_rest(loop) == 1
        await asyncio.sleep(1)
        assert seen == ["first", "later"]
        assert at_rest(loop) == 0

    run_virtual(main())


def test_a_callback_that_raises_does_not_stop_the_others(run_virtual: Run) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        ring, seen, reports = DeadlineRing(loop), [], []
        loop.set_exception_handler(lambda _, context: reports.append(context))

        def broken() -> None:
            raise RuntimeError("broken")

        ring.add(loop.time() + 1, broken)
        ring.add(loop.time() + 1, lambda: seen.append("same bucket"))
        ring.add(loop.time() + 2, lambda: seen.append("next bucket"))
        await asyncio.sleep(3)
        assert seen == ["same bucket", "next bucket"]
        assert [str(context["exception"]) for context in reports] == ["broken"]

    run_virtual(main())


def test_an_interrupt_passes_and_loses_nothing() -> None:
    loop = asyncio.new_event_loop()
    ring, seen = DeadlineRing(loop), []

    def interrupt() -> None:
        raise KeyboardInterrupt

    def last() -> None:
        seen.append("last")
        loop.stop()

    ring.add(loop.time() - 2, lambda: seen.append("first"))
    ring.add(loop.time() - 2, interrupt)
    ring.add(loop.time() - 2, last)
    try:
        with pytest.raises(KeyboardInterrupt):
            loop.run_forever()
        assert seen == ["first"]
        assert len(ring) == 1
        loop.run_forever()
        assert seen == ["first", "last"]
        assert timers(loop) == 0
    finally:
        loop.close()


def test_close_forgets_everything(run_virtual: Run) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        ring, seen = DeadlineRing(loop), []
        token = ring.add(loop.time() + 1, lambda: seen.append(1))
        ring.add(loop.time() + 2, lambda: seen.append(2))
        ring.close()
        ring.close()
        ring.discard(token)
        assert len(ring) == 0
        assert at_rest(loop) == 0
        await asyncio.sleep(3)
        assert seen == []

    run_virtual(main())


def test_close_in_a_callback_stops_the_round(run_virtual: Run) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        ring, seen, when = DeadlineRing(loop), [], loop.time() + 1
        ring.add(when, ring.close)
        ring.add(when, lambda: seen.append(1))
        ring.add(when + 1, lambda: seen.append(2))
        await asyncio.sleep(3)
        assert seen == []
        assert at_rest(loop) == 0

    run_virtual(main())


def test_emptied_buckets_do_not_pile_up(run_virtual: Run) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        ring = DeadlineRing(loop)
        ring.add(loop.time() + 900, int)
        for _ in range(200):
            for _ in range(3):
                ring.discard(ring.add(loop.time() + 0.05, int))
            await asyncio.sleep(0.01)
        assert len(ring._numbers) == len(ring._buckets) <= 20
        ring.close()

    run_virtual(main())


@pytest.mark.parametrize("granularity", [0, -1, float("nan")])
def test_granularity_is_above_zero(granularity: float) -> None:
    loop = asyncio.new_event_loop()
    with pytest.raises(ValueError, match="granularity"):
        DeadlineRing(loop, granularity)
    loop.close()
