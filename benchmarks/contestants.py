"""Who competes: how each library resolves a list of names, with the settings that suit it best."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from importlib.util import find_spec
from typing import Any, NamedTuple

from nameserver import Nameserver

Found = list["str | None"]
"""The address of each name, in their order; None for one that was not answered."""

Find = Callable[[list[str], Nameserver], Awaitable[Found]]


class Contestant(NamedTuple):
    """One row of the table.

    `share`: how many of the names it is given, so that the slow ones end in a few seconds too. `module`: what must be
    installed. `find`: None is for those that are programs (see programs.py). `loops`: whether the event loop matters.
    """

    label: str
    share: float
    module: str
    find: Find | None = None
    loops: bool = True

    @property
    def ours(self) -> bool:
        """Whether it is a way of ours."""
        return self.module == "aioresolver"

    @property
    def installed(self) -> bool:
        """Whether it can compete here."""
        return find_spec(self.module) is not None


# ---- ours


async def query_many(names: list[str], server: Nameserver) -> Found:
    from aioresolver import Answer, Resolver

    found = {}
    async with Resolver(str(server)) as resolver:
        async for name, outcome in resolver.query_many(names):
            if isinstance(outcome, Answer) and outcome:
                found[name] = outcome[0].address
    return [found.get(name) for name in names]


async def submit(names: list[str], server: Nameserver) -> Found:
    from aioresolver import Resolver

    async with Resolver(str(server)) as resolver:
        answers = await asyncio.gather(*map(resolver.submit, names), return_exceptions=True)
        return [_address(answer) for answer in answers]


async def resolve(names: list[str], server: Nameserver) -> Found:
    from aioresolver import Resolver

    async with Resolver(str(server)) as resolver:
        answers = await asyncio.gather(*map(resolver.resolve, names), return_exceptions=True)
        return [_address(answer) for answer in answers]


async def cares(names: list[str], server: Nameserver) -> Found:
    from aioresolver import CaresBackend, Resolver

    async with Resolver(CaresBackend(str(server))) as resolver:
        answers = await asyncio.gather(*map(resolver.resolve, names), return_exceptions=True)
        return [_address(answer) for answer in answers]


def _address(answer: Any) -> str | None:
    return answer[0].address if not isinstance(answer, BaseException) and answer else None


# ---- the peers


async def aiodns(names: list[str], server: Nameserver) -> Found:
    import aiodns as peer

    resolver = peer.DNSResolver([server.host], udp_port=server.port, socket_receive_buffer_size=4 << 20, tries=10)
    semaphore = asyncio.Semaphore(500)

    async def one(name: str) -> str | None:
        async with semaphore:
            try:
                found: Any = await resolver.query_dns(name, "A")
            except peer.error.DNSError:
                return None
            return str(found.answer[0].data.addr)

    try:
        return await asyncio.gather(*map(one, names))
    finally:
        await resolver.close()


async def dnspython(names: list[str], server: Nameserver) -> Found:
    import dns.asyncresolver
    import dns.exception

    resolver = dns.asyncresolver.Resolver(configure=False)
    resolver.nameservers, resolver.port = [server.host], server.port
    semaphore = asyncio.Semaphore(100)

    async def one(name: str) -> str | None:
        async with semaphore:
            try:
                return str((await resolver.resolve(name, "A"))[0].address)
            except dns.exception.DNSException:
                return None

    return await asyncio.gather(*map(one, names))


async def aiodnsresolver(names: list[str], server: Nameserver) -> Found:
    import aiodnsresolver as peer

    async def nameservers(*_: object) -> Any:
        for _attempt in range(10):
            yield 1.0, (server.host, server.port)

    query, _ = peer.Resolver(get_nameservers=nameservers)
    semaphore = asyncio.Semaphore(100)

    async def one(name: str) -> str | None:
        async with semaphore:
            try:
                return str((await query(name, peer.TYPES.A))[0])
            except peer.DnsError:
                return None

    return await asyncio.gather(*map(one, names))


def blastdns_client(server: Nameserver) -> Any:
    import blastdns as peer

    # The fastest of what it offers: one socket, and as many under way as it lets one carry.
    config = peer.ClientConfig(persistent_socket=True, max_inflight_per_resolver=32, cache_capacity=0)
    return peer.Client([f"{server.host}:{server.port}"], config)


async def blastdns_resolve(names: list[str], server: Nameserver) -> Found:
    client = blastdns_client(server)
    answers = await asyncio.gather(*map(client.resolve, names), return_exceptions=True)
    return [answer[0] if isinstance(answer, list) and answer else None for answer in answers]


async def blastdns_batch(names: list[str], server: Nameserver) -> Found:
    found = {}
    async for name, _, answers in blastdns_client(server).resolve_batch(names, "A"):
        found[name] = answers[0]
    return [found.get(name) for name in names]


async def presolv(names: list[str], server: Nameserver) -> Found:
    """It is synchronous, so the loop waits."""
    import presolv as peer

    found: Found = [None] * len(names)
    with peer.Resolver([(server.host, server.port)], retries=10, concurrency=500) as resolver:
        for result in resolver.resolve(peer.Query(qname=name) for name in names):
            if result.response is not None and result.response.answer:
                found[result.index] = str(result.response.answer[0][0].address)
    return found


CONTESTANTS = {
    "query_many": Contestant("aioresolver, `query_many`", 1, "aioresolver", query_many),
    "submit": Contestant("aioresolver, gather of `submit`", 0.5, "aioresolver", submit),
    "resolve": Contestant("aioresolver, gather of `resolve`", 0.5, "aioresolver", resolve),
    "cares": Contestant("aioresolver, gather of `resolve`, c-ares backend", 0.5, "aioresolver", cares),
    "bulk": Contestant("`aioresolver bulk`, file in, JSON lines out", 1, "aioresolver", loops=False),
    "aiodns": Contestant("aiodns, gather behind a semaphore of 500", 0.5, "aiodns", aiodns),
    "blastdns-batch": Contestant("blastdns, `resolve_batch`", 0.5, "blastdns", blastdns_batch),
    "blastdns": Contestant("blastdns, gather of `resolve`", 0.1, "blastdns", blastdns_resolve),
    "presolv": Contestant("presolv", 0.1, "presolv", presolv, loops=False),
    "aiodnsresolver": Contestant(
        "aiodnsresolver, gather behind a semaphore of 100", 0.05, "aiodnsresolver", aiodnsresolver
    ),
    "dnspython": Contestant("dnspython, gather behind a semaphore of 100", 0.05, "dns", dnspython),
    "dnsperf": Contestant("dnsperf (C), one thread, 500 under way", 2, "sys", loops=False),
}
