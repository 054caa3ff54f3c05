"""How long a lookup takes when so many begin each second.

python benchmarks/latency.py [--rates 1000,5000] [--only submit,aiodns] [--loop uvloop]

The lookups begin at their moments, whether or not those before them have ended; the names are all different. Who begins
more than 5 % of them late does not keep up with the rate.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import time
from collections.abc import Awaitable, Callable, Coroutine
from importlib.util import find_spec
from typing import Any, NamedTuple

import nameserver
import results
import trial
from contestants import blastdns_client
from nameserver import Nameserver, address, name

RATES = "1000,5000,20000"
TICK = 0.001
PATIENCE = 10
# A lookup begins late, and counts as not in time, when it is so many seconds behind its moment.
LATE, MOST_LATE = 0.02, 0.05

Ask = Callable[[str], Awaitable[Any]]


class Client(NamedTuple):
    """What asks: makes a future of the answer, and takes the address out of it."""

    label: str
    module: str
    ask: Callable[[Nameserver], tuple[Ask, Any]]
    read: Callable[[Any], str]


def _submit(server: Nameserver) -> tuple[Ask, Any]:
    from aioresolver import Resolver

    resolver = Resolver(str(server))
    return resolver.submit, resolver


def _resolve(server: Nameserver) -> tuple[Ask, Any]:
    from aioresolver import Resolver

    resolver = Resolver(str(server))
    return resolver.resolve, resolver


def _aiodns(server: Nameserver) -> tuple[Ask, Any]:
    import aiodns

    resolver = aiodns.DNSResolver([server.host], udp_port=server.port, socket_receive_buffer_size=4 << 20, tries=10)
    return lambda host: resolver.query_dns(host, "A"), resolver


def _blastdns(server: Nameserver) -> tuple[Ask, Any]:
    client = blastdns_client(server)
    return client.resolve, client


def _dnspython(server: Nameserver) -> tuple[Ask, Any]:
    import dns.asyncresolver

    resolver = dns.asyncresolver.Resolver(configure=False)
    resolver.nameservers, resolver.port = [server.host], server.port
    return lambda host: resolver.resolve(host, "A"), resolver


CLIENTS = {
    "submit": Client("aioresolver, `submit`", "aioresolver", _submit, lambda answer: str(answer[0].address)),
    "resolve": Client("aioresolver, `resolve`", "aioresolver", _resolve, lambda answer: str(answer[0].address)),
    "aiodns": Client("aiodns", "aiodns", _aiodns, lambda found: str(found.answer[0].data.addr)),
    "blastdns": Client("blastdns, `resolve`", "blastdns", _blastdns, lambda found: str(found[0])),
    "dnspython": Client("dnspython", "dns", _dnspython, lambda found: str(found[0].address)),
}


async def measure(who: str, rate: int, seconds: float, server: Nameserver) -> dict[str, Any]:
    """Percentiles in milliseconds, in this process."""
    client = CLIENTS[who]
    ask, owner = client.ask(server)
    client.read(await ask(name(int(rate * seconds))))
    took: list[float] = []
    wrong = 0

    async def one(index: int, begun: float) -> None:
        nonlocal wrong
        try:
            right = client.read(await ask(name(index))) == address(index)
        except Exception:  # noqa: BLE001 - whatever it raises, the name is lost
            right = False
        took.append(time.perf_counter() - begun)
        wrong += not right

    late, unanswered = await _begin(one, rate, int(rate * seconds))
    close = getattr(owner, "aclose", None) or getattr(owner, "close", None)
    if close is not None:
        await close()
    cuts = [each * 1e3 for each in statistics.quantiles(took, n=100)]
    return {"p50": cuts[49], "p90": cuts[89], "p99": cuts[98], "most": max(took) * 1e3, "late": late,
            "lost": wrong + unanswered}  # fmt: skip


async def _begin(one: Callable[[int, float], Coroutine[Any, Any, None]], rate: int, total: int) -> tuple[float, int]:
    """Begin them at their moments and wait for them; the share of those that began late, and how many did not end."""
    loop = asyncio.get_running_loop()
    tasks: set[asyncio.Task[None]] = set()
    began, index, late = time.perf_counter(), 0, 0
    while index < total:
        now = time.perf_counter()
        due = min(int((now - began) * rate) + 1, total)
        late += sum((now - began) - each / rate > LATE for each in range(index, due))
        for each in range(index, due):
            task = loop.create_task(one(each, now))
            tasks.add(task)
            task.add_done_callback(tasks.discard)
        index = due
        await asyncio.sleep(TICK)
    if tasks:
        await asyncio.wait(tasks, timeout=PATIENCE)
    unanswered = len(tasks)
    for task in tasks.copy():
        task.cancel()
    return late / total, unanswered


def table(section: dict[str, dict[str, dict[str, Any]]]) -> str:
    """The rows as Markdown."""
    lines = ["| who | lookups/s | p50 ms | p90 ms | p99 ms | longest ms | lost |\n|---|---:|---:|---:|---:|---:|---:|"]
    for who, rates in section.items():
        for rate, row in rates.items():
            figures = " | ".join(f"{row[key]:.2f}" for key in ("p50", "p90", "p99", "most"))
            if row["late"] > MOST_LATE:
                figures = "does not keep up | | | "
            lines.append(f"| {CLIENTS[who].label} | {int(rate):,} | {figures} | {row['lost']:,} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rates", default=RATES, help="lookups each second, with commas between")
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--only", default=",".join(CLIENTS))
    parser.add_argument("--one", choices=CLIENTS, help="this one only, at the first rate, as JSON")
    parser.add_argument("--loop", choices=["asyncio", "uvloop"], default="asyncio")
    nameserver.add_options(parser)
    results.add_option(parser)
    options = parser.parse_args()
    rates = [int(rate) for rate in options.rates.split(",")]
    if options.one:
        work = measure(options.one, rates[0], options.seconds, Nameserver.parse(options.server))
        print(json.dumps(trial.event_loop(options.loop).run_until_complete(work)), flush=True)
        return
    section: dict[str, dict[str, Any]] = {}
    with nameserver.chosen(options, int(max(rates) * options.seconds) + 1) as server:
        for who in options.only.split(","):
            if find_spec(CLIENTS[who].module) is None:
                continue
            section[who] = {}
            for rate in rates:
                arguments = ["--one", who, "--rates", str(rate), "--seconds", str(options.seconds)]
                arguments += ["--server", str(server), "--loop", options.loop]
                section[who][str(rate)] = row = trial.in_process("latency.py", *arguments)
                if row["late"] > MOST_LATE:
                    break
    results.save(options.save, f"latency-{options.loop}", section)
    print(table(section))


if __name__ == "__main__":
    main()
