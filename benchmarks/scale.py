"""What a name costs from 1,000 to 1,000,000 names, and how much memory: it should stay the same.

python benchmarks/scale.py [--names 1000000] [--loop uvloop]

`query_many` without a cache, its names from a generator and its answers looked at as they come; and a gather of `submit`,
which holds all names and answers at once.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from typing import Any

import nameserver
import results
import trial
from nameserver import Nameserver, address, name

SIZES = (1_000, 10_000, 100_000, 1_000_000)
# A name's number, from the middle of `h17.bench.test`.
NUMBER = slice(1, -len(".bench.test"))


async def query_many(count: int, server: Nameserver) -> int:
    """How many were right."""
    from aioresolver import Answer, Cache, Resolver

    right = 0
    async with Resolver(str(server), cache=Cache(0)) as resolver:
        async for asked, outcome in resolver.query_many(name(index) for index in range(count)):
            if isinstance(outcome, Answer) and outcome:
                right += outcome[0].address == address(int(asked[NUMBER]))
    return right


async def submit(count: int, server: Nameserver) -> int:
    from aioresolver import Cache, Resolver

    async with Resolver(str(server), cache=Cache(0)) as resolver:
        answers = await asyncio.gather(*(resolver.submit(name(index)) for index in range(count)))
        return sum(answer[0].address == address(index) for index, answer in enumerate(answers))


WAYS: dict[str, Callable[[int, Nameserver], Awaitable[int]]] = {"query_many": query_many, "submit": submit}


def measure(way: str, count: int, server: Nameserver, loop_name: str) -> dict[str, Any]:
    """One size, in this process."""
    loop = trial.event_loop(loop_name)
    asyncio.set_event_loop(loop)
    loop.run_until_complete(WAYS[way](trial.WARMING, server))
    cpu, began = time.process_time(), time.perf_counter()
    right = loop.run_until_complete(WAYS[way](count, server))
    return {
        "names": count,
        "per_second": count / (time.perf_counter() - began),
        "cpu": (time.process_time() - cpu) / count * 1e6,
        "memory": trial.peak_memory(),
        "right": right,
    }


def table(section: dict[str, Any]) -> str:
    """The rows as Markdown."""
    lines = ["| way | names | names/s | CPU µs/name | peak MB | right |\n|---|---:|---:|---:|---:|---:|"]
    lines += [
        f"| `{way}` | {row['names']:,} | {row['per_second']:,.0f} | {row['cpu']:.1f} | {row['memory']:.0f}"
        f" | {row['right'] / row['names']:.2%} |"
        for way, rows in section.items()
        for row in rows
    ]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--names", type=int, default=SIZES[-1], help="the most")
    parser.add_argument("--way", choices=WAYS, help="one size only, --names, as JSON")
    parser.add_argument("--loop", choices=["asyncio", "uvloop"], default="asyncio")
    nameserver.add_options(parser)
    results.add_option(parser)
    options = parser.parse_args()
    if options.way:
        print(json.dumps(measure(options.way, options.names, Nameserver.parse(options.server), options.loop)))
        return
    section = {}
    with nameserver.chosen(options, options.names) as server:
        for way in WAYS:
            sizes = [size for size in SIZES if size <= options.names]
            arguments = ["--way", way, "--server", str(server), "--loop", options.loop, "--names"]
            section[way] = [trial.in_process("scale.py", *arguments, str(size)) for size in sizes]
    results.save(options.save, f"scale-{options.loop}", section)
    print(table(section))


if __name__ == "__main__":
    main()
