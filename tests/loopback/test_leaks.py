"""After aclose() nothing is left: no task, no thread, no descriptor, no timer."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import threading
import weakref
from pathlib import Path

import pytest

from aioresolver import Resolver, UsageError

pytestmark = [
    pytest.mark.skipif(not Path("/dev/fd").exists(), reason="descriptors cannot be listed here"),
    pytest.mark.backends("stub", "stub over tcp", "cares", "cares over tcp", "system"),
]

SYSTEM_THREAD = "aioresolver-system"


@pytest.fixture
async def left_behind(kind, distant, belongings):
    """`left_behind()` is what there is more than before the test; pycares' one thread for the process is there before."""
    if kind.name.startswith("cares"):
        async with kind.resolver(distant) as resolver:
            await resolver.resolve("h0.example")
    before = belongings.now()
    return lambda: belongings.now().since(before)


async def ask(resolver: Resolver, subtree: str, count: int) -> list[object]:
    lookups = (resolver.resolve(f"h{number}.{subtree}") for number in range(count))
    return await asyncio.gather(*lookups, return_exceptions=True)


async def test_after_lookups_that_were_answered(kind, distant, left_behind):
    resolver = kind.resolver(distant)
    answers = await ask(resolver, "example", 300)
    await resolver.aclose()

    assert left_behind() == {}
    assert not [answer for answer in answers if isinstance(answer, Exception)]


async def test_after_lookups_that_found_nothing(kind, distant, left_behind):
    resolver = kind.resolver(distant)
    await ask(resolver, "nowhere.example", 50)
    await resolver.aclose()

    assert left_behind() == {}


async def test_after_lookups_that_changed_to_tcp(kind, distant, left_behind):
    distant.behave("truncating")
    async with kind.resolver(distant) as resolver:
        answers = await ask(resolver, "example", 50)

    assert left_behind() == {}
    assert not [answer for answer in answers if isinstance(answer, Exception)]


async def test_after_lookups_that_were_cancelled(kind, distant, left_behind):
    resolver = kind.resolver(distant)
    tasks = [asyncio.create_task(resolver.resolve(f"h{number}.example")) for number in range(100)]
    tasks += [asyncio.create_task(resolver.resolve(f"h{number}.mute.example")) for number in range(20)]
    await asyncio.sleep(0)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    tasks.clear()
    await resolver.aclose()
    hung_calls_end()

    assert left_behind() == {}


async def test_after_lookups_that_were_under_way(kind, distant, left_behind):
    resolver = kind.resolver(distant)
    lookups = [asyncio.create_task(resolver.resolve(f"h{number}.mute.example")) for number in range(250)]
    joined = [asyncio.create_task(resolver.resolve("h0.mute.example")) for _ in range(5)]
    await asyncio.sleep(0.05)
    await resolver.aclose()
    ended = await asyncio.gather(*lookups, *joined, return_exceptions=True)
    lookups.clear()
    joined.clear()
    hung_calls_end()

    assert left_behind() == {}
    assert {type(end) for end in ended} == {UsageError}


async def test_after_lookups_that_came_too_late(kind, distant, left_behind):
    async with kind.resolver(distant, timeout=0.05) as resolver:
        await ask(resolver, "mute.example", 20)
    hung_calls_end()

    assert left_behind() == {}


async def test_when_it_was_never_used(kind, distant, left_behind):
    resolver = kind.resolver(distant)
    assert left_behind() == {}
    await resolver.aclose()

    assert left_behind() == {}


async def test_when_it_was_closed_while_it_was_being_closed(kind, distant, left_behind):
    resolver = kind.resolver(distant)
    lookups = [asyncio.create_task(resolver.resolve(f"h{number}.example")) for number in range(20)]
    await asyncio.sleep(0)
    await asyncio.gather(resolver.aclose(), resolver.aclose())
    await resolver.aclose()
    await asyncio.wait(lookups)
    lookups.clear()
    hung_calls_end()

    assert left_behind() == {}


async def test_when_closing_was_cancelled(kind, distant, left_behind):
    """Closing again ends what the first time could not."""
    resolver = kind.resolver(distant)
    await ask(resolver, "example", 20)
    closing = asyncio.create_task(resolver.aclose())
    await asyncio.sleep(0)
    closing.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await closing
    del closing
    await resolver.aclose()
    hung_calls_end()
    for _ in range(10):  # what was closed goes in the next turns of the loop
        await asyncio.sleep(0)

    assert left_behind() == {}


async def test_nothing_keeps_a_closed_resolver_alive(kind, distant):
    async with kind.resolver(distant) as resolver:
        await ask(resolver, "example", 5)
    gone = weakref.finalize(resolver.backend, lambda: None)
    del resolver
    await asyncio.sleep(0)
    gc.collect()
    assert not gone.alive


def hung_calls_end() -> None:
    """Nobody can end a thread that is inside the system's getaddrinfo: closing does not wait for it, but we do."""
    for thread in threading.enumerate():
        if thread.name == SYSTEM_THREAD:
            thread.join(10)


USES = {
    "resolve": lambda resolver: resolver.resolve("h0.example"),
    "query": lambda resolver: resolver.query("h0.example"),
    "addresses": lambda resolver: resolver.addresses("h0.example"),
    "getaddrinfo": lambda resolver: resolver.getaddrinfo("h0.example", 80),
    "reverse": lambda resolver: resolver.reverse("198.18.0.1"),
}


@pytest.mark.parametrize("use", USES)
async def test_use_after_closing(kind, distant, use):
    resolver = kind.resolver(distant)
    await resolver.resolve("h0.example")
    await resolver.aclose()
    await resolver.aclose()

    with pytest.raises(UsageError, match="closed"):
        await USES[use](resolver)
    with pytest.raises(UsageError, match="closed"):
        resolver.submit("h0.example")
    with pytest.raises(UsageError, match="closed"):
        resolver.peek("h0.example")
    with pytest.raises(UsageError, match="closed"):
        async for _ in resolver.query_many(["h0.example"]):
            pass


@pytest.mark.parametrize("use", USES)
def test_use_from_another_loop(kind, distant, use):
    resolver = kind.resolver(distant)

    async def first() -> None:
        await resolver.resolve("h0.example")

    async def second() -> None:
        with pytest.raises(UsageError, match="another event loop"):
            await USES[use](resolver)
        with pytest.raises(UsageError, match="another event loop"):
            resolver.submit("h0.example")

    with contextlib.closing(asyncio.new_event_loop()) as loop, contextlib.closing(asyncio.new_event_loop()) as other:
        loop.run_until_complete(first())
        other.run_until_complete(second())
        loop.run_until_complete(resolver.aclose())
