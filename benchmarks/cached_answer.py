"""The memory of each cached A answer, its key included.

python benchmarks/cached_answer.py [--names 100000]

Counted by tracemalloc, which sees what Python allocates, and as the growth of the process. `used` is after each answer's
address was read, as a program would that asked for it.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import tracemalloc
from pathlib import Path

import nameserver
import results
import trial
from nameserver import Nameserver, name

WARM = 1_000
WAYS = ("traced", "traced, used", "resident", "resident, used")


async def measure(count: int, server: Nameserver, way: str) -> float:
    """Bytes for each answer, in this process."""
    from aioresolver import Answer, Cache, Resolver

    async with Resolver(str(server), cache=Cache(2 * (count + WARM))) as resolver:

        async def fill(first: int, last: int) -> None:
            async for _, outcome in resolver.query_many(name(index) for index in range(first, last)):
                if not isinstance(outcome, Answer):
                    raise outcome
                if way.endswith("used") and not outcome[0].address:
                    raise RuntimeError("an answer without its address")

        await fill(0, WARM)
        if way.startswith("traced"):
            tracemalloc.start()
        before, entries = _size(), resolver.cache.stats.entries
        await fill(WARM, WARM + count)
        return (_size() - before) / (resolver.cache.stats.entries - entries)


def _size() -> int:
    gc.collect()
    if tracemalloc.is_tracing():
        return tracemalloc.get_traced_memory()[0]
    return int(Path("/proc/self/status").read_text().partition("VmRSS:")[2].split()[0]) * 1024


def table(section: dict[str, float]) -> str:
    """The rows as Markdown."""
    rows = (f"| {way} | {size:,.0f} |" for way, size in section.items())
    return "\n".join(["| each cached A answer | bytes |\n|---|---:|", *rows])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--names", type=int, default=100_000)
    parser.add_argument("--way", choices=WAYS, help="this one only, as JSON")
    nameserver.add_options(parser)
    results.add_option(parser)
    options = parser.parse_args()
    if options.way:
        print(json.dumps(asyncio.run(measure(options.names, Nameserver.parse(options.server), options.way))))
        return
    with nameserver.chosen(options, options.names + WARM) as server:
        arguments = ["--server", str(server), "--names", str(options.names), "--way"]
        section = {way: trial.in_process("cached_answer.py", *arguments, way) for way in WAYS}
    results.save(options.save, "cached-answer", section)
    print(table(section))


if __name__ == "__main__":
    main()
