"""Who competes over which transport, and how: libraries here, programs by their command lines."""

from __future__ import annotations

import asyncio
import re
import ssl
from collections.abc import Awaitable, Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import nameserver
from contestants import Found
from transport_servers import ADDRESS, HOSTNAME, PATH, Place

SCHEMES = ("udp", "tcp", "tls", "https", "https-get", "quic")
# A connection of dnspython has one question under way over TCP and TLS; more connections than these made it slower.
CONNECTIONS = 20
UNDER_WAY = 100
TIMEOUT = 10
LEAST = 100

Ask = Callable[[list[str], Place, str], Awaitable["tuple[Found, int | None]"]]
"""Names, where to ask, and how; what was found, and over how many connections if that is known."""


class Contestant(NamedTuple):
    """`share` is how many of the names it is given, so that the slow ones end soon too; `ask` is None for a program."""

    label: str
    share: float
    schemes: tuple[str, ...]
    ask: Ask | None = None


async def ours(names: list[str], place: Place, scheme: str) -> tuple[Found, int | None]:
    from aioresolver import Answer, Cache, Resolver, StubBackend

    backend = StubBackend(place.url(scheme))
    transport = backend.upstreams[0].transport(scheme.partition("-")[0])
    found = {}
    async with Resolver(backend, cache=Cache(0)) as resolver:
        async for name, outcome in resolver.query_many(names):
            if isinstance(outcome, Answer) and outcome:
                found[name] = outcome[0].address
    return [found.get(name) for name in names], getattr(transport, "handshakes", None)


async def dnspython(names: list[str], place: Place, scheme: str) -> tuple[Found, int | None]:
    """Over HTTPS and QUIC one connection with many under way, else some connections with one under way on each."""
    if scheme == "quic":
        return await _dnspython_quic(names, place)
    if scheme.startswith("https"):
        return await _dnspython_https(names, place, post=scheme == "https")
    return await _dnspython_sockets(names, place, scheme)


async def _dnspython_sockets(names: list[str], place: Place, scheme: str) -> tuple[Found, int | None]:
    import socket

    import dns.asyncbackend
    import dns.asyncquery

    context = ssl.create_default_context() if scheme == "tls" else None
    backend: Any = dns.asyncbackend.get_default_backend()
    kind = socket.SOCK_DGRAM if scheme == "udp" else socket.SOCK_STREAM
    queue = iter(range(len(names)))
    found: Found = [None] * len(names)

    async def connection() -> None:
        there = (ADDRESS, place.port(scheme))
        sock = await backend.make_socket(
            socket.AF_INET, kind, 0, None, there, TIMEOUT, context, HOSTNAME if context else None
        )  # fmt: skip
        async with sock:
            for index in queue:
                query = dns.message.make_query(names[index], "A")
                ask: Any = {"udp": dns.asyncquery.udp, "tcp": dns.asyncquery.tcp, "tls": dns.asyncquery.tls}[scheme]
                found[index] = _address(await ask(query, ADDRESS, TIMEOUT, place.port(scheme), sock=sock))

    await asyncio.gather(*(connection() for _ in range(CONNECTIONS)))
    return found, None if scheme == "udp" else CONNECTIONS


async def _dnspython_https(names: list[str], place: Place, *, post: bool) -> tuple[Found, int | None]:
    import dns.asyncquery
    import httpx2

    url = f"https://{HOSTNAME}:{place.port('https')}{PATH}"
    client = httpx2.AsyncClient(http1=False, http2=True, verify=ssl.create_default_context())

    async with client:

        async def one(name: str) -> str | None:
            query = dns.message.make_query(name, "A", id=0)
            return _address(await dns.asyncquery.https(query, url, TIMEOUT, client=client, post=post))

        return await _limited(one, names), 1


async def _dnspython_quic(names: list[str], place: Place) -> tuple[Found, int | None]:
    import dns.asyncquery
    import dns.quic

    quic: Any = dns.quic
    async with quic.AsyncioQuicManager(verify_mode=place.authority, server_name=HOSTNAME) as manager:
        connection = manager.connect(ADDRESS, place.port("quic"))

        async def one(name: str) -> str | None:
            query = dns.message.make_query(name, "A")
            return _address(await dns.asyncquery.quic(query, ADDRESS, TIMEOUT, connection=connection))

        return await _limited(one, names), 1


async def _limited(one: Callable[[str], Awaitable[str | None]], names: list[str]) -> Found:
    import dns.exception

    semaphore = asyncio.Semaphore(UNDER_WAY)

    async def limited(name: str) -> str | None:
        async with semaphore:
            try:
                return await one(name)
            except (dns.exception.DNSException, OSError):
                return None

    return await asyncio.gather(*map(limited, names))


def _address(reply: Any) -> str | None:
    return str(reply.answer[0][0].address) if reply.answer else None


CONTESTANTS = {
    "ours": Contestant("aioresolver, `query_many`", 1, SCHEMES, ours),
    "dnspython": Contestant("dnspython, `dns.asyncquery`", 0.2, SCHEMES, dnspython),
    "kdig": Contestant("kdig (C), all names in one call, one after the other", 0.25, SCHEMES),
    "dnsperf": Contestant("dnsperf (C), 4 connections, 400 under way", 1, SCHEMES[:-1]),
}
# These cost more, or have a slower nameserver.
SHARES = {"https": 0.5, "https-get": 0.5, "quic": 0.2}
HANDSHAKE_EACH = {("kdig", "quic"): 0.004}


def count(names: int, who: str, scheme: str) -> int:
    """How many of so many names it is given."""
    share = HANDSHAKE_EACH.get((who, scheme)) or CONTESTANTS[who].share * SHARES.get(scheme, 1)
    return max(int(names * share), LEAST)


def installed(who: str) -> bool:
    """Whether it can compete here."""
    if CONTESTANTS[who].ask is None:
        try:
            nameserver.find(who)
        except FileNotFoundError:
            return False
        return True
    return find_spec("aioresolver" if who == "ours" else "dns") is not None


# ---- programs


def kdig(names: list[str], place: Place, scheme: str, _folder: Path | None = None) -> list[str]:
    """It asks one after the other, over a connection that stays; but for QUIC, where it loses what it asks so."""
    options = {
        "udp": [],
        "tcp": ["+tcp"],
        "tls": ["+tls"],
        "https": [f"+https={HOSTNAME}{PATH}"],
        "https-get": [f"+https={HOSTNAME}{PATH}", "+https-get"],
        "quic": ["+quic"],
    }[scheme]
    if scheme not in ("udp", "tcp"):  # the transport comes last, for these mean TLS too
        options = [f"+tls-ca={place.authority}", f"+tls-hostname={HOSTNAME}", *options]
    if scheme != "quic":
        options.append("+keepopen")
    return ["kdig", f"@{ADDRESS}", "-p", str(place.port(scheme)), "+noall", "+answer", *options, *names]


def kdig_found(names: list[str], text: str) -> Found:
    """The addresses that it shows."""
    found = {row[0].rstrip("."): row[-1] for line in text.splitlines() if len(row := line.split()) == 5}
    return [found.get(name) for name in names]


def dnsperf(names: list[str], place: Place, scheme: str, folder: Path) -> list[str]:
    """It asks over several connections, and knows no names of nameservers, so it trusts whom it asks."""
    file = folder / "names.txt"
    file.write_text("".join(f"{name} A\n" for name in names))
    mode = {"tls": "dot", "https": "doh", "https-get": "doh"}.get(scheme, scheme)
    options = ["-O", f"doh-uri=https://{HOSTNAME}{PATH}"] if mode == "doh" else []
    options += ["-O", "doh-method=GET"] if scheme == "https-get" else []
    options += ["-c", "4", "-q", "400", "-T", "1", "-n", "1", "-t", str(TIMEOUT)]
    return ["dnsperf", "-s", ADDRESS, "-p", str(place.port(scheme)), "-m", mode, "-d", str(file), *options]


def dnsperf_good(text: str) -> tuple[int, float]:
    """How many good replies it counted, and its own seconds."""
    good, seconds = re.search(r"NOERROR (\d+)", text), re.search(r"Run time \(s\):\s+([\d.]+)", text)
    if good is None or seconds is None:
        raise RuntimeError(f"dnsperf says:\n{text}")
    return int(good[1]), float(seconds[1])
