"""A stream of names in flat memory, at most a thousand a second: python examples/bulk.py < names.txt."""

import asyncio
import sys
from collections import Counter

from aioresolver import Answer, Limiter, Resolver


async def main() -> None:
    names = (line.strip() for line in sys.stdin) if not sys.stdin.isatty() else iter(["python.org", "no.example.org"])
    counts: Counter[str] = Counter()
    async with Resolver(limiter=Limiter(concurrency=500, rate=1000)) as resolver:
        async for name, outcome in resolver.query_many(filter(None, names)):
            if isinstance(outcome, Answer):
                counts["found" if outcome else "absent"] += 1
                print(name, *outcome)
            else:
                counts["failed"] += 1
                print(name, outcome, file=sys.stderr)
    print(dict(counts))


asyncio.run(main())
