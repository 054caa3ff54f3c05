"""IdleClock: once, in time, and not while something is in use."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from aioresolver.flow.deadline_ring import DeadlineRing
from aioresolver.flow.idle_clock import IdleClock

Run = Callable[[Any], Any]


class Used:
    """Something that is in use or not, and when it was left."""

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.began = self.loop.time()
        self.busy = False
        self.left: list[float] = []
        self.ring = DeadlineRing(self.loop)
        self.clock = IdleClock(5.0, is_idle=lambda: not self.busy, leave=self.leave)
        self.clock.bind(self.ring, self.loop.time)

    def leave(self) -> None:
        self.left.append(round(self.loop.time() - self.began, 2))


def test_it_is_left_when_it_was_idle_for_so_long(run_virtual: Run) -> None:
    async def main() -> list[float]:
        used = Used()
        used.clock.note()
        await asyncio.sleep(20)
        assert len(used.ring) == 0
        return used.left

    assert run_virtual(main()) == [5.0]


def test_use_puts_it_off_with_one_deadline(run_virtual: Run) -> None:
    async def main() -> list[float]:
        used = Used()
        for _ in range(4):
            used.clock.note()
            assert len(used.ring) == 1
            await asyncio.sleep(1)
        await asyncio.sleep(20)
        return used.left

    assert run_virtual(main()) == [8.0]


def test_what_is_in_use_is_not_left(run_virtual: Run) -> None:
    async def main() -> list[float]:
        used = Used()
        used.clock.note()
        used.busy = True
        await asyncio.sleep(20)
        used.clock.note()
        assert len(used.ring) == 0
        used.busy = False
        used.clock.note()
        await asyncio.sleep(20)
        return used.left

    assert run_virtual(main()) == [25.0]


def test_the_time_may_change_while_it_runs(run_virtual: Run) -> None:
    async def main() -> list[float]:
        used = Used()
        used.clock.change(9.0)
        assert len(used.ring) == 0
        used.clock.note()
        await asyncio.sleep(1)
        used.clock.change(2.0)
        await asyncio.sleep(20)
        return used.left

    assert run_virtual(main()) == [2.0]
