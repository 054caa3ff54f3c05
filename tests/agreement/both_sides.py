"""Asks the C library and aioresolver the same, on a made-up machine; run by conftest.py within namespaces.

What to do comes as JSON by standard input, what was said goes out as JSON.
"""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import socket
import subprocess
import sys
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from typing import Any

from aioresolver import Resolver
from aioresolver.testing import DNSServer, Fault

EAI = {int(getattr(socket, name)): name for name in dir(socket) if name.startswith("EAI_")}
THREADS = 24
TRIES = 3


def main() -> None:
    plan = json.load(sys.stdin)
    socket.sethostname(plan["hostname"])
    build_network(plan["addresses"])
    # Another process: Python 3.10 lets nothing else run while it is in getnameinfo.
    ready = multiprocessing.Event()
    nameservers = multiprocessing.Process(target=serve, args=(plan["zones"], plan["servers"], ready), daemon=True)
    nameservers.start()
    if not ready.wait(10):
        raise SystemExit("the nameservers do not start")
    json.dump(compare([decoded(case) for case in plan["cases"]]), sys.stdout)
    nameservers.kill()


def serve(zones: list[str], servers: dict[str, Any], ready: Any) -> None:
    async def main() -> None:
        async with AsyncExitStack() as stack:
            for address, faults in servers.items():
                made = [getattr(Fault, kind)(**only) for kind, only in faults]
                await stack.enter_async_context(DNSServer(*zones, address=address, port=53, faults=made))
            ready.set()
            await asyncio.Event().wait()

    asyncio.run(main())


def build_network(addresses: list[str]) -> None:
    """Loopback, and an interface with these addresses, over which everything else would be reached."""
    ip("link", "set", "lo", "up")
    if not addresses:
        return
    # A kernel may lack the module of a kind; an address on loopback does nearly as well.
    device = "net0" if any(ip("link", "add", "net0", "type", kind, fails=True) for kind in ("dummy", "ifb")) else "lo"
    ip("link", "set", device, "up")
    for address in addresses:
        ip("address", "add", *address.split(), "dev", device, *(["nodad"] if ":" in address else []))
    for family, mark in (("-4", "."), ("-6", ":")):
        if any(mark in address and not address.startswith("fe80") for address in addresses):
            ip(family, "route", "add", "default", "dev", device)


def ip(*words: str, fails: bool = False) -> bool:
    done = subprocess.run(["ip", *words], capture_output=True, text=True, check=False)
    if done.returncode and not fails:
        raise SystemExit(f"ip {' '.join(words)}: {done.stderr}")
    return not done.returncode


Call = tuple[str, list[Any], dict[str, Any]]


def compare(calls: list[Call]) -> list[dict[str, Any]]:
    """What both sides say to each call: theirs, and ours in several ways (see `ask_us`)."""
    with ThreadPoolExecutor(THREADS) as pool:
        theirs = list(pool.map(ask_them, calls))
    results = []
    for call, they, ours in zip(calls, theirs, asyncio.run(ask_us(calls)), strict=True):
        # On a busy machine a nameserver that answers may seem silent to the C library: it waits for a second.
        for _ in range(TRIES if they == "EAI_AGAIN" != ours["alone"] else 0):
            they = ask_them(call)
        results.append({"theirs": they, **ours})
    return results


def ask_them(call: Call) -> Any:
    name, arguments, keywords = call
    try:
        return plain(getattr(socket, name)(*arguments, **keywords))
    except Exception as error:  # noqa: BLE001 - whatever it is, ours is to be like it
        return failure(error)


async def ask_us(calls: list[Call]) -> list[dict[str, Any]]:
    """`ours` is a resolver as it comes, `later` the same asked again, which has a cache, `alone` one that does not
    ask the operating system, and `addresses` what that method says where it is comparable."""
    async with Resolver(timeout=2.0) as resolver, Resolver(timeout=2.0, os_fallback=False) as other:
        first = await asyncio.gather(*(ask(each, call) for each in (resolver, other) for call in calls))
        ours, alone = first[: len(calls)], first[len(calls) :]
        later = await asyncio.gather(*(ask(resolver, call) for call in calls))
        addresses = await asyncio.gather(*(addresses_of(resolver, call) for call in calls))
    said = zip(ours, later, alone, addresses, strict=True)
    return [dict(zip(("ours", "later", "alone", "addresses"), each, strict=True)) for each in said]


async def ask(resolver: Resolver, call: Call) -> Any:
    name, arguments, keywords = call
    return await settle(lambda: getattr(resolver, name)(*arguments, **keywords))


async def addresses_of(resolver: Resolver, call: Call) -> Any:
    """What `addresses` says; None where getaddrinfo is asked for something else."""
    _, (host, port, *_), keywords = call if call[0] == "getaddrinfo" else ("", (None, None), {})
    usual = {"family": keywords.get("family"), "type": 1, "proto": 0, "flags": 0}
    if not isinstance(host, str) or host in ("", "*") or ":" in host or port != 80 or keywords != usual:
        return None
    if keywords["family"] not in (0, socket.AF_INET, socket.AF_INET6):
        return None
    return await settle(lambda: resolver.addresses(host, keywords["family"]))


async def settle(call: Callable[[], Awaitable[Any]]) -> Any:
    try:
        return plain(await call())
    except Exception as error:  # noqa: BLE001 - as above
        return failure(error)


def plain(result: Any) -> Any:
    """The result as it is after a journey through JSON."""
    return json.loads(json.dumps(result))


def failure(error: Exception) -> str:
    """An error by what a program can see of it: its EAI code, or else the kind it belongs to."""
    if isinstance(error, socket.gaierror):
        return EAI.get(error.errno, str(error.errno))
    for kind in (ValueError, TypeError, OSError):  # UnicodeError is a ValueError
        if isinstance(error, kind):
            return kind.__name__
    return repr(error)


def decoded(case: list[Any]) -> Call:
    name, arguments, keywords = case
    return name, [item["bytes"].encode("latin-1") if is_bytes(item) else as_tuple(item) for item in arguments], keywords


def is_bytes(item: Any) -> bool:
    return isinstance(item, dict)


def as_tuple(item: Any) -> Any:
    return tuple(item) if isinstance(item, list) else item


if __name__ == "__main__":
    main()
