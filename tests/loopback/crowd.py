"""Resolves many names at once with a resolver's default settings, and writes what came of it as JSON.

Arguments: backend, port of the server, how many names. It is run in a process of its own, where every socket is ours.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import stat
import sys
from functools import partial
from time import perf_counter

from aioresolver import CaresBackend, LookupTimeout, Resolver, StubBackend, SystemBackend
from aioresolver.testing.libc import point_getaddrinfo_at

BACKENDS = {
    "stub": lambda port: StubBackend(f"udp://127.0.0.1:{port}"),
    "stub over tcp": lambda port: StubBackend(f"tcp://127.0.0.1:{port}"),
    "cares": lambda port: CaresBackend(f"udp://127.0.0.1:{port}"),
    "system": lambda port: SystemBackend(initializer=partial(point_getaddrinfo_at, "127.0.0.1", port, tries=3)),
}


def sockets() -> int:
    """How many this process has open, those of the event loop included."""
    count = 0
    for fd in os.listdir("/dev/fd"):
        with contextlib.suppress(OSError):  # that of the listing itself
            count += stat.S_ISSOCK(os.fstat(int(fd)).st_mode)
    return count


async def watch(peak: list[int]) -> None:
    while True:
        peak[0] = max(peak[0], sockets())
        await asyncio.sleep(0.002)


async def main(backend: str, port: int, count: int) -> dict[str, object]:
    peak = [0]
    watching = asyncio.create_task(watch(peak))
    hosts = [f"h{number}.example" for number in range(count)]
    async with Resolver(BACKENDS[backend](port)) as resolver:
        began = perf_counter()
        answers = await asyncio.gather(*(resolver.resolve(h) for h in hosts), return_exceptions=True)
        elapsed = perf_counter() - began
    watching.cancel()
    expected = [[f"198.18.{number >> 8}.{number & 255}"] for number in range(count)]
    errors = [answer for answer in answers if isinstance(answer, Exception)]
    return {
        "right": sum(
            not isinstance(answer, Exception) and list(map(str, answer)) == addresses
            for answer, addresses in zip(answers, expected, strict=True)
        ),
        "errors": [repr(error) for error in errors[:3]],
        "timeouts": sum(isinstance(error, LookupTimeout) for error in errors),
        "sockets": peak[0],
        "names a second": round(count / elapsed),
        "counters": resolver.stats.as_dict(),
    }


if __name__ == "__main__":
    print(json.dumps(asyncio.run(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))))
