"""`aioresolver demo`: the main job with no network: ten thousand names from a loopback server, each backend in turn."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import importlib.util
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

from aioresolver.answer import Answer
from aioresolver.backends.base import Backend
from aioresolver.backends.stub import StubBackend
from aioresolver.backends.system import SystemBackend
from aioresolver.cache import Cache
from aioresolver.cli.exit_status import DONE, INTERNAL_ERROR
from aioresolver.resolver import Resolver
from aioresolver.testing.libc import point_getaddrinfo_at
from aioresolver.transports.nameserver import Nameserver

__all__ = ["DESCRIPTION", "add_options", "run"]

DESCRIPTION = "Resolve 10,000 names from a server on loopback through each backend, then from the cache. No network."

NAMES = 10_000
MOST_NAMES = 1_000_000
# Lets a lookup that waits behind ten thousand others on a slow machine come to its turn.
TIMEOUT = 30.0
ZONE = """\
$ORIGIN demo.test.
$TTL 3600
@    SOA ns hostmaster 1 7200 3600 1209600 300
     NS  ns
ns   A   127.0.0.1
www  A   127.0.0.1
"""


class Row(NamedTuple):
    """One line of the table; `p50` and `p99` are seconds from the first packet to the answer."""

    backend: str
    names: int
    right: int
    per_second: float
    cache_hits: int
    p50: float
    p99: float


def add_options(parser: argparse.ArgumentParser) -> None:
    """The command line of the demo."""
    parser.add_argument("--names", type=int, default=NAMES, metavar="N", help=f"how many names (default {NAMES:,})")
    parser.add_argument("--iterative", action="store_true", help="walk a small internet from its root instead")


def run(options: argparse.Namespace) -> int:
    """Run the demo; 0 only if every answer was right."""
    if options.iterative:
        from aioresolver.cli import demo_iterative  # noqa: PLC0415 - seldom wanted

        return demo_iterative.run()
    if not 1 <= options.names <= MOST_NAMES:
        raise ValueError(f"--names is from 1 to {MOST_NAMES:,}, not {options.names}")
    expected = {f"host{i}.demo.test": f"10.{i >> 16 & 255}.{i >> 8 & 255}.{i & 255}" for i in range(options.names)}
    with tempfile.TemporaryDirectory(prefix="aioresolver-demo-") as folder:
        zone, names = Path(folder, "demo.zone"), Path(folder, "names.txt")
        zone.write_text(ZONE + "".join(f"{name}. A {address}\n" for name, address in expected.items()))
        names.write_text("".join(f"{name}\n" for name in expected))
        with _server(zone) as url:
            _say(f"{len(expected):,} names in {names.name}, served by {url}")
            rows, notes = asyncio.run(_demonstrate(Nameserver.parse(url), names, expected))
    print(_table(rows), *notes, sep="\n")
    return DONE if all(row.right == row.names for row in rows) else INTERNAL_ERROR


@contextlib.contextmanager
def _server(zone: Path) -> Iterator[str]:
    """The testing server in a process of its own; gives its URL."""
    command = [sys.executable, "-m", "aioresolver.testing", str(zone)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip()
        finally:
            process.terminate()


async def _demonstrate(server: Nameserver, names: Path, expected: Mapping[str, str]) -> tuple[list[Row], list[str]]:
    hosts = names.read_text().split()
    rows: list[Row] = []
    for label, backend in _backends(server):
        async with Resolver(backend, cache=Cache(2 * len(hosts)), timeout=TIMEOUT, search=()) as resolver:
            rows.append(await _pass(label, resolver, hosts, expected))
            rows.append(await _pass(f"{label}, again from the cache", resolver, hosts, expected))
    notes = [] if _can_redirect(server) else ["system: left out, since only glibc can be pointed at the demo's server"]
    return rows, [*notes, await _through_aiohttp(server)]


def _backends(server: Nameserver) -> Iterator[tuple[str, Backend]]:
    from aioresolver.backends.cares import CaresBackend  # noqa: PLC0415 - aiodns and pycares only here

    yield "stub", StubBackend([server])
    yield "cares", CaresBackend([server])
    if _can_redirect(server):
        yield "system", SystemBackend(initializer=lambda: point_getaddrinfo_at(server.address, server.port))


def _can_redirect(server: Nameserver) -> bool:
    """Whether the operating system's getaddrinfo can be pointed at the server, tried in a thread that ends at once."""
    with ThreadPoolExecutor(1) as executor:
        return executor.submit(point_getaddrinfo_at, server.address, server.port).result()


async def _pass(label: str, resolver: Resolver, hosts: list[str], expected: Mapping[str, str]) -> Row:
    _say(f"{label}: resolving {len(hosts):,} names …")
    hits = resolver.cache.stats.hits
    began = time.perf_counter()
    answers = await asyncio.gather(*(resolver.resolve(host) for host in hosts), return_exceptions=True)
    elapsed = time.perf_counter() - began
    right = sum(_is_right(answer, expected[host]) for host, answer in zip(hosts, answers, strict=True))
    hits = resolver.cache.stats.hits - hits
    if hits:
        times = [await _timed(resolver, host) for host in hosts[:2000]]
    else:
        times = [answer.elapsed for answer in answers if isinstance(answer, Answer)]
    p50, p99 = _percentiles(times)
    return Row(label, len(hosts), right, len(hosts) / elapsed, hits, p50, p99)


def _is_right(answer: Answer[Any] | BaseException, address: str) -> bool:
    return isinstance(answer, Answer) and [str(data) for data in answer] == [address]


async def _timed(resolver: Resolver, host: str) -> float:
    began = time.perf_counter()
    await resolver.resolve(host)
    return time.perf_counter() - began


def _percentiles(times: list[float]) -> tuple[float, float]:
    if len(times) < 2:
        return (times or [0.0])[0], (times or [0.0])[0]
    cuts = statistics.quantiles(times, n=100)
    return cuts[49], cuts[98]


async def _through_aiohttp(server: Nameserver) -> str:
    """Fetch a page of a name that only the demo's server knows."""
    if importlib.util.find_spec("aiohttp") is None:
        return "aiohttp: not installed, left out (pip install 'aioresolver[aiohttp]')"
    import aiohttp  # noqa: PLC0415 - an extra
    from aiohttp import web  # noqa: PLC0415 - as above

    from aioresolver.adapters.aiohttp import AiohttpResolver  # noqa: PLC0415 - needs it

    async def hello(_: web.Request) -> web.Response:
        return web.Response(text="hello")

    application = web.Application()
    application.router.add_get("/", hello)
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    async with Resolver(StubBackend([server])) as resolver:
        connector = aiohttp.TCPConnector(resolver=AiohttpResolver(resolver), use_dns_cache=False)
        async with (
            aiohttp.ClientSession(connector=connector) as session,
            session.get(f"http://www.demo.test:{port}/") as response,
        ):
            text = await response.text()
    await runner.cleanup()
    return f"aiohttp: http://www.demo.test:{port}/ said {text!r}"


def _table(rows: list[Row]) -> str:
    cells = [("backend", "names", "right", "names/s", "cache hits", "p50", "p99")]
    cells += [
        (row.backend, f"{row.names:,}", f"{row.right:,}", f"{row.per_second:,.0f}", f"{row.cache_hits:,}",
         _milliseconds(row.p50), _milliseconds(row.p99))
        for row in rows
    ]  # fmt: skip
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = [
        "  ".join(
            cell.ljust(width) if i == 0 else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(line, widths, strict=True))
        )
        for line in cells
    ]
    lines.insert(1, "  ".join("-" * width for width in widths))
    return "\n".join(lines)


def _milliseconds(seconds: float) -> str:
    return f"{seconds * 1000:.1f} ms" if seconds >= 0.0001 else f"{seconds * 1e6:.1f} µs"


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
