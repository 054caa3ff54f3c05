"""A row for each host and type, whatever happens: python examples/bulk_rows.py hosts.csv host."""

import asyncio
import sys

from aioresolver import Resolver
from aioresolver.bulk import BulkRun, read_inputs


async def main() -> None:
    types = ["A", "AAAA", "MX"]
    if len(sys.argv) > 2:
        inputs = read_inputs(sys.argv[1], column=sys.argv[2], types=types)
    else:
        inputs = read_inputs(
            ["example.org", "www.example.com", "no.example.org", "bad..name", "192.0.2.1"], types=types
        )
    async with Resolver() as resolver:
        run = BulkRun(resolver, inputs)
        async for row in run:
            print(row.input, row.type, row.status, *row.data, sep="\t")
    print(run.counts, file=sys.stderr)


asyncio.run(main())
