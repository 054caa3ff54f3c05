"""What a hit in the cache costs, in nanoseconds.

python benchmarks/cache_hit.py [--loop uvloop]
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import time
from collections.abc import Awaitable, Callable
from typing import Any

import nameserver
import results
import trial
from nameserver import Nameserver, name

ROUNDS, REPEAT = 9, 30_000
KNOWN = 100


async def measure(server: Nameserver, repeat: int) -> dict[str, float]:
    """The medians; hits on a hundred names in turn."""
    from aioresolver import Resolver

    async with Resolver(str(server)) as resolver:
        names = [name(index) for index in range(KNOWN)]
        await asyncio.gather(*map(resolver.submit, names))
        asked = resolver.stats.as_dict() if hasattr(resolver.stats, "as_dict") else None
        hosts = names * (repeat // KNOWN)
        found = {
            "query": await _awaited(resolver.query, hosts),
            "resolve": await _awaited(resolver.resolve, hosts),
            "submit, gathered": await _gathered(resolver.submit, hosts),
            "query_many": await _streamed(resolver.query_many, hosts),
            "peek": await _called(resolver.peek, hosts),
        }
        if asked is not None and resolver.stats.as_dict() != asked:
            raise RuntimeError("these were no hits")
        return found


async def _awaited(ask: Callable[[str], Awaitable[Any]], hosts: list[str]) -> float:
    times = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        for host in hosts:
            await ask(host)
        times.append(time.perf_counter() - began)
    return statistics.median(times) / len(hosts) * 1e9


async def _called(ask: Callable[[str], Any], hosts: list[str]) -> float:
    times = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        for host in hosts:
            ask(host)
        times.append(time.perf_counter() - began)
    return statistics.median(times) / len(hosts) * 1e9


async def _gathered(ask: Callable[[str], Any], hosts: list[str]) -> float:
    times = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        await asyncio.gather(*map(ask, hosts))
        times.append(time.perf_counter() - began)
    return statistics.median(times) / len(hosts) * 1e9


async def _streamed(ask: Callable[[list[str]], Any], hosts: list[str]) -> float:
    times = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        async for _ in ask(hosts):
            pass
        times.append(time.perf_counter() - began)
    return statistics.median(times) / len(hosts) * 1e9


def table(section: dict[str, float]) -> str:
    """The rows as Markdown."""
    return "\n".join(
        ["| a hit through | ns |\n|---|---:|", *(f"| `{way}` | {ns:,.0f} |" for way, ns in section.items())]
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeat", type=int, default=REPEAT)
    parser.add_argument("--loop", choices=["asyncio", "uvloop"], default="asyncio")
    nameserver.add_options(parser)
    results.add_option(parser)
    options = parser.parse_args()
    with nameserver.chosen(options, KNOWN) as server:
        section = trial.event_loop(options.loop).run_until_complete(measure(server, options.repeat))
    results.save(options.save, f"cache-hit-{options.loop}", section)
    print(table(section))


if __name__ == "__main__":
    main()
