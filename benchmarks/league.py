"""The league table: us beside the peers, in one run, against one nameserver on loopback.

python benchmarks/league.py [--names 20000] [--server udp://127.0.0.1:5301] [--only stub,aiodns]

Without --server it starts NSD (Debian's package `nsd`), or the testing server when there is no NSD. Every contestant runs
in a process of its own, three times in turn with the others; the median counts. Ratios are to aiodns.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import resource
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

ZONE = "$ORIGIN bench.test.\n$TTL 3600\n@ SOA ns h 1 2 3 4 300\n NS ns\nns A 127.0.0.1\n"
NSD = """\
server:
  ip-address: 127.0.0.1@{port}
  username: ""
  chroot: ""
  zonesdir: "{folder}"
  database: ""
  pidfile: "{folder}/nsd.pid"
  xfrdfile: ""
  zonelistfile: "{folder}/zones"
  server-count: 1
remote-control:
  control-enable: no
zone:
  name: bench.test
  zonefile: bench.zone
"""
Names = list[str]


def address(index: int) -> str:
    return f"10.{index >> 16 & 255}.{index >> 8 & 255}.{index & 255}"


# ---- the contestants: each gives the addresses of the names, in their order


async def stub_gather(names: Names, server: tuple[str, int]) -> Names:
    """aioresolver: gather of resolve()."""
    from aioresolver import Resolver

    async with Resolver(f"udp://{server[0]}:{server[1]}") as resolver:
        return [answer[0].address for answer in await asyncio.gather(*(resolver.resolve(name) for name in names))]


async def stub_submit(names: Names, server: tuple[str, int]) -> Names:
    """aioresolver: gather of submit()."""
    from aioresolver import Resolver

    async with Resolver(f"udp://{server[0]}:{server[1]}") as resolver:
        return [answer[0].address for answer in await asyncio.gather(*map(resolver.submit, names))]


async def stub_many(names: Names, server: tuple[str, int]) -> Names:
    """aioresolver: query_many()."""
    from aioresolver import Resolver

    async with Resolver(f"udp://{server[0]}:{server[1]}") as resolver:
        found = {name: answer[0].address async for name, answer in resolver.query_many(names)}
    return [found[name] for name in names]


async def cares_gather(names: Names, server: tuple[str, int]) -> Names:
    """aioresolver: gather of resolve() over c-ares."""
    from aioresolver import CaresBackend, Resolver

    async with Resolver(CaresBackend(f"udp://{server[0]}:{server[1]}")) as resolver:
        return [answer[0].address for answer in await asyncio.gather(*(resolver.resolve(name) for name in names))]


async def aiodns_gather(names: Names, server: tuple[str, int]) -> Names:
    """aiodns: gather behind a semaphore of 500."""
    import aiodns

    resolver = aiodns.DNSResolver([server[0]], udp_port=server[1], socket_receive_buffer_size=4 << 20, tries=10)
    semaphore = asyncio.Semaphore(500)

    async def one(name: str) -> str:
        async with semaphore:
            found: Any = await resolver.query_dns(name, "A")
            return str(found.answer[0].data.addr)

    return await asyncio.gather(*map(one, names))


async def dnspython_gather(names: Names, server: tuple[str, int]) -> Names:
    """dnspython: gather behind a semaphore of 100."""
    import dns.asyncresolver

    resolver = dns.asyncresolver.Resolver(configure=False)
    resolver.nameservers, resolver.port = [server[0]], server[1]
    semaphore = asyncio.Semaphore(100)

    async def one(name: str) -> str:
        async with semaphore:
            return str((await resolver.resolve(name, "A"))[0].address)

    return await asyncio.gather(*map(one, names))


CONTESTANTS: dict[str, Callable[[Names, tuple[str, int]], Awaitable[Names]]] = {
    "stub": stub_gather,
    "stub-submit": stub_submit,
    "stub-many": stub_many,
    "cares": cares_gather,
    "aiodns": aiodns_gather,
    "dnspython": dnspython_gather,
}


# ---- one run, in a process of its own


def contest(contestant: str, count: int, server: tuple[str, int]) -> dict[str, float]:
    names = [f"h{i}.bench.test" for i in range(count)]
    cpu, began = time.process_time(), time.perf_counter()
    found = asyncio.run(_awaited(CONTESTANTS[contestant](names, server)))
    elapsed = time.perf_counter() - began
    return {
        "per_second": count / elapsed,
        "cpu": (time.process_time() - cpu) / count * 1e6,
        "right": sum(got == address(i) for i, got in enumerate(found)),
        "memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


async def _awaited(work: Awaitable[Names]) -> Names:
    return await work


@contextlib.contextmanager
def nameserver(count: int) -> Iterator[str]:
    """A nameserver with the zone, in a process of its own; gives its URL."""
    with tempfile.TemporaryDirectory(prefix="league-") as folder:
        zone = Path(folder, "bench.zone")
        zone.write_text(ZONE + "".join(f"h{i} A {address(i)}\n" for i in range(count)))
        nsd = shutil.which("nsd")
        if nsd is None:
            process = subprocess.Popen(
                [sys.executable, "-m", "aioresolver.testing", str(zone)], stdout=subprocess.PIPE, text=True
            )
            assert process.stdout is not None
            url = process.stdout.readline().strip()
        else:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
                free.bind(("127.0.0.1", 0))
                port = free.getsockname()[1]
            configuration = Path(folder, "nsd.conf")
            configuration.write_text(NSD.format(port=port, folder=folder))
            process = subprocess.Popen([nsd, "-d", "-c", str(configuration)], stderr=subprocess.DEVNULL)
            url = f"udp://127.0.0.1:{port}"
        try:
            _wait_for(url)
            yield url
        finally:
            process.terminate()
            process.wait()


def _wait_for(url: str) -> None:
    from aioresolver import Resolver

    async def ask() -> None:
        async with Resolver(url, timeout=20) as resolver:
            await resolver.resolve("h0.bench.test")

    asyncio.run(ask())


def compete(names: int, url: str, contestants: list[str], rounds: int) -> None:
    from aioresolver import Nameserver

    server = Nameserver.parse(url)
    results: dict[str, list[dict[str, float]]] = {contestant: [] for contestant in contestants}
    for _ in range(rounds):
        for contestant in contestants:
            command = [sys.executable, __file__, "--contest", contestant, "--names", str(names), "--server", url]
            results[contestant].append(json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout))
    medians = {
        who: {key: statistics.median(run[key] for run in runs) for key in runs[0]} for who, runs in results.items()
    }
    base = medians.get("aiodns", {}).get("per_second")
    print(f"{names} names, {server}, CPython {sys.version.split()[0]}, median of {rounds} runs\n")
    print("| who | names/s | to aiodns | CPU µs/name | right | peak MB |\n|---|---:|---:|---:|---:|---:|")
    for who, median in medians.items():
        ratio = f"{median['per_second'] / base:.1f} ×" if base else ""
        what = (CONTESTANTS[who].__doc__ or "").rstrip(".")
        print(f"| {what} | {median['per_second']:,.0f} | {ratio} | {median['cpu']:.0f} | {median['right']:,.0f} "
              f"| {median['memory']:.0f} |")  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--names", type=int, default=20_000)
    parser.add_argument("--server")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", default=",".join(CONTESTANTS))
    parser.add_argument("--contest", choices=CONTESTANTS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.contest:
        host, _, port = options.server.removeprefix("udp://").rpartition(":")
        print(json.dumps(contest(options.contest, options.names, (host, int(port)))))
        return
    with contextlib.nullcontext(options.server) if options.server else nameserver(options.names) as url:
        compete(options.names, url, options.only.split(","), options.rounds)


if __name__ == "__main__":
    main()
