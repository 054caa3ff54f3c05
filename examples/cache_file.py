"""Keep the cache from one run to the next: python examples/cache_file.py [FILE [NAME ...]]."""

import asyncio
import sys
from pathlib import Path

from aioresolver import Cache, Resolver


async def main(path: str = "answers.jsonl", *names: str) -> None:
    cache = Cache(max_entries=10_000, negative_max_ttl=60, stale=86_400)
    if Path(path).exists():
        print("known from last time:", cache.load(path))
    async with Resolver(cache=cache) as resolver:
        for name in names or ("example.org", "python.org", "no.example.org"):
            known = resolver.peek(name) is not None
            answer = await resolver.query(name)
            print(name, *answer, "for", answer.ttl, "s,", "known" if known else "asked")
    print("kept for next time:", cache.save(path))


asyncio.run(main(*sys.argv[1:]))
