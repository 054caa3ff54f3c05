"""The time of the loop that runs, or of one that might."""

from __future__ import annotations

import asyncio
import time

from aioresolver.flow.clock import loop_time


def test_without_a_loop_it_is_the_clock_that_loops_have():
    before = time.monotonic()

    assert before <= loop_time() <= time.monotonic()


async def test_in_a_loop_it_is_the_loops(monkeypatch):
    monkeypatch.setattr(asyncio.get_running_loop(), "time", lambda: 42.0)

    assert loop_time() == 42.0
