"""What every test can use: a loop whose time is a number."""

from __future__ import annotations

import asyncio
import gc
import heapq
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

import pytest
from hypothesis import settings

# For the versions of Python besides the newest, which has seen the whole: --hypothesis-profile=quick
settings.register_profile("quick", max_examples=20)

T = TypeVar("T")


@pytest.fixture(autouse=True, scope="module")
def little_to_collect() -> None:
    """What is alive before a module is no concern of its tests: those that collect garbage look at their own only.

    Thousands of tests and reports are alive in the end; to walk them takes a quarter of a second each time.
    """
    gc.collect()
    gc.freeze()


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop under virtual time: when nothing is ready it jumps to the next timer instead of waiting."""

    def __init__(self) -> None:
        super().__init__(selectors.SelectSelector())
        self._now = 1000.0

    def time(self) -> float:
        return self._now

    def _run_once(self) -> None:
        if not self._ready and self._scheduled:
            while self._scheduled and self._scheduled[0]._cancelled:
                heapq.heappop(self._scheduled)._scheduled = False
            if self._scheduled and not self._selector.select(0):
                self._now = max(self._now, self._scheduled[0]._when)
        super()._run_once()


@pytest.fixture
def run_virtual() -> Any:
    """Run a coroutine under virtual time: `run_virtual(main())`. Not for real sockets."""

    def run(main: Coroutine[Any, Any, T]) -> T:
        loop = VirtualLoop()
        try:
            return loop.run_until_complete(asyncio.wait_for(main, 10_000))
        finally:
            loop.close()

    return run
