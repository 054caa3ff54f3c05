"""A DNSServer in a process of its own: ten thousand hosts, and manners that are told to it line by line.

The first line that it writes is its port. For each line read, the name of a manner, it takes that up and writes how
many packets had come since the last time.
"""

from __future__ import annotations

import asyncio
import sys
from collections import Counter

from aioresolver.testing import DNSServer, Fault

HOSTS = 10_000
ZONE = "".join(f"h{number}.example. 60 A 198.18.{number >> 8}.{number & 255}\n" for number in range(HOSTS))
MOST_LOST = 2


class Loss:
    """Loses replies, but no more than two for one question, so that what gives up after three tries is never due."""

    def __init__(self) -> None:
        self.lost = Counter()

    def __call__(self, exchange) -> None:
        if self.lost[exchange.question] < MOST_LOST:
            self.lost[exchange.question] += 1
            exchange.packets = []


MANNERS = {
    "good": list,
    "lossy": lambda: [Fault.drop(0.05)],
    "mildly lossy": lambda: [Fault(Loss(), probability=0.05)],
    "truncating": lambda: [Fault.truncate()],
}


async def main() -> None:
    async with DNSServer(ZONE, keep=0) as server:
        print(server.port, flush=True)
        loop = asyncio.get_running_loop()
        mute = Fault.drop(name="*.mute.example.")
        server.faults = [mute]
        while line := await loop.run_in_executor(None, sys.stdin.readline):
            count = server.count
            server.clear()
            server.faults = [mute, *MANNERS[line.strip()]()]
            print(count, flush=True)


asyncio.run(main())
