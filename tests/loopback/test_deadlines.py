"""A deadline holds, also among a thousand lookups; only the loop itself may be late."""

from __future__ import annotations

import asyncio
import time

import pytest

from aioresolver import LookupTimeout
from aioresolver.flow.limiter import Limiter

TIMEOUT = 0.5
# From a deadline to the asker the news takes a few turns of the loop, and each may be as late as the latest.
TURNS = 4
SLACK = 0.05


async def time_to_failure(resolver, name: str) -> float:
    now = asyncio.get_running_loop().time
    began = now()
    with pytest.raises(LookupTimeout) as caught:
        await resolver.resolve(name)
    elapsed = now() - began
    assert isinstance(caught.value, TimeoutError)
    return elapsed


def check(elapsed: list[float], lag: float, what: str, *, least: float = TIMEOUT, most: float = TIMEOUT) -> None:
    print(f"{what}: {min(elapsed):.3f} to {max(elapsed):.3f} s, the loop was late by up to {lag:.3f} s")
    assert min(elapsed) >= least - 0.001
    assert max(elapsed) <= most + SLACK + TURNS * lag


async def test_a_silent_server_among_a_thousand_lookups_that_are_answered(kind, distant, lag_of_the_loop):
    async with kind.resolver(distant, timeout=TIMEOUT) as resolver, lag_of_the_loop() as lag:
        silent = asyncio.create_task(time_to_failure(resolver, "www.mute.example"))
        await asyncio.sleep(0)
        answers = await asyncio.gather(*(resolver.resolve(f"h{number}.example") for number in range(1000)))
        elapsed = await silent

    check([elapsed], lag.longest, kind.name)
    assert [str(answer[0]) for answer in answers] == [f"198.18.{n >> 8}.{n & 255}" for n in range(1000)]


async def test_a_thousand_in_flight_at_a_silent_server_end_together(kind, distant, lag_of_the_loop):
    resolver = kind.resolver(distant, timeout=TIMEOUT, limiter=Limiter(2000))
    async with resolver, lag_of_the_loop() as lag:
        names = [f"w{number}.mute.example" for number in range(1001)]
        elapsed = await asyncio.gather(*(time_to_failure(resolver, name) for name in names))

        check(elapsed, lag.longest, kind.name)
        assert (resolver.stats.failed, resolver.stats.timed_out) == (1001, 1001)
        assert (resolver.limiter.in_use, resolver.limiter.waiting) == (0, 0)


@pytest.mark.backends("cares", "system")
async def test_who_waits_for_a_turn_while_nothing_is_answered_waits_one_timeout_at_most(kind, distant, lag_of_the_loop):
    """Who waits behind silence ends with those who were let go."""
    timeout = 0.2
    async with kind.resolver(distant, timeout=timeout) as resolver, lag_of_the_loop() as lag:
        names = [f"w{number}.mute.example" for number in range(1001)]
        elapsed = await asyncio.gather(*(time_to_failure(resolver, name) for name in names))

        check(elapsed, lag.longest, kind.name, least=timeout, most=timeout)
        assert resolver.stats.failed == 1001
        assert (resolver.stats.failed, resolver.stats.timed_out) == (1001, 1001)
        assert (resolver.limiter.in_use, resolver.limiter.waiting) == (0, 0)


async def test_the_error_tells_what_was_tried(kind, distant):
    async with kind.resolver(distant, timeout=0.1) as resolver:
        with pytest.raises(LookupTimeout) as caught:
            await resolver.resolve("www.mute.example")

        assert caught.value.attempts
        assert {attempt.outcome for attempt in caught.value.attempts} == {"no reply"}
        assert resolver.peek("www.mute.example") is None


async def test_replies_that_came_while_the_loop_was_held_up_count(kind, distant):
    """Somebody blocked the loop until long after the deadline; the server was not the one who was late."""
    async with kind.resolver(distant, timeout=0.2) as resolver:
        await resolver.resolve("h100.example")
        lookups = [resolver.submit(f"h{number}.example") for number in range(90)]
        time.sleep(0.5)
        answers = await asyncio.gather(*lookups)

    assert [str(answer[0]) for answer in answers] == [f"198.18.0.{number}" for number in range(90)]


async def test_a_loop_that_was_held_up_is_no_fault_of_the_backend(kind, distant):
    """It kept the deadline, says what it tried, and is counted once."""
    async with kind.resolver(distant, timeout=0.2) as resolver:
        lookup = resolver.submit("www.mute.example")
        await asyncio.sleep(0.1)
        time.sleep(0.3)
        with pytest.raises(LookupTimeout) as caught:
            await lookup

    assert [attempt.outcome for attempt in caught.value.attempts]
    assert (resolver.stats.failed, resolver.stats.timed_out) == (1, 1)
