"""Attacks that want memory, ids, turns of the loop or places, not a false answer: floods of near misses, and names that starve others."""

from __future__ import annotations

import asyncio
import gc
import sys
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
from evil_server import FORGED, TRUE, EvilServer, Send, answered, honest, reply_to

from aioresolver import Answer, Cache, Resolver, StubBackend
from aioresolver.backends.budgets import MOST_PACKETS
from aioresolver.transports.exchange import MOST_PENDING
from aioresolver.transports.udp import UdpTransport
from aioresolver.transports.udp_socket import DRAIN
from aioresolver.wire.message import Message

FLOOD = 4000
# More than the places that a nameserver is given at first.
SILENT = 300
VICTIM, EVIL = "victim.example", "evil.example"


async def flood(query: bytes, send: Send) -> None:
    """Near misses, more in each turn of the loop than are read, and then the truth."""
    forged = reply_to(query, FORGED)
    mine = int.from_bytes(query[:2], "big")
    for number in range(1, FLOOD):
        send(((mine + number) % 65536).to_bytes(2, "big") + forged[2:])
        if not number % 500:
            await asyncio.sleep(0)
    send(reply_to(query))


class Heartbeat:
    """Notes a number in every turn of the loop."""

    def __init__(self, number: Callable[[], int]) -> None:
        self.seen = [number()]
        self._number = number
        self._beat()

    def _beat(self) -> None:
        self.seen.append(self._number())
        self._handle = asyncio.get_running_loop().call_soon(self._beat)

    def stop(self) -> int:
        """The largest step of the number from one turn to the next."""
        self._handle.cancel()
        return max(after - before for before, after in pairwise(self.seen))


async def test_a_flood_of_near_misses_takes_no_memory_and_not_the_loop(race: int) -> None:
    """In a turn of the loop so many datagrams are read of each socket and no more: others have their turn in between."""
    floods: list[asyncio.Task[None]] = []

    async with EvilServer(honest) as server:
        backend = StubBackend(server.url, race=race)
        async with Resolver(backend, cache=Cache(0), timeout=20) as resolver:
            assert (await resolver.resolve(VICTIM))[0].address == TRUE
            transport: Any = backend.upstreams[0].transport("udp")
            server.script = lambda query, send: floods.append(asyncio.ensure_future(flood(query, send)))
            for _ in range(2):  # the first one has whatever is made once
                heart = Heartbeat(lambda: int(transport.ignored))
                gc.collect()
                before, ignored = sys.getallocatedblocks(), transport.ignored
                assert (await resolver.resolve(VICTIM))[0].address == TRUE
                most_at_once = heart.stop()
                await asyncio.gather(*floods)
                floods.clear()
                del heart
                gc.collect()
                grown = sys.getallocatedblocks() - before
                assert most_at_once <= DRAIN
                assert transport.ignored - ignored > FLOOD / 4  # the kernel may drop some
            assert transport.in_flight == 0
            assert grown < FLOOD / 20


async def test_silence_for_one_zone_starves_no_other(race: int) -> None:
    """The attacker's names are never answered, and keep being asked for; the others are answered meanwhile."""

    def script(query: bytes, send: Send) -> None:
        if b"\4evil" not in query:
            honest(query, send)

    async with (
        EvilServer(script) as server,
        Resolver(StubBackend(server.url, race=race), cache=Cache(0), timeout=20, search=[]) as resolver,
    ):
        await asyncio.gather(*(resolver.submit(f"{number}.example") for number in range(500)))
        evil = [resolver.submit(f"{number}.{EVIL}") for number in range(SILENT)]
        await asyncio.sleep(0)
        answers = await asyncio.gather(*(resolver.submit(f"{number}.{VICTIM}") for number in range(300)))
        assert {answer[0].address for answer in answers} == {TRUE}
        assert not any(future.done() for future in evil)
        for future in evil:
            future.cancel()
        await asyncio.sleep(0)
        assert resolver.stats.under_way == resolver.limiter.in_use == 0
        silent = sum(b"\4evil" in query for query in server.queries)
        assert silent < 6 * len(evil)  # nor is it asked for ever


async def test_names_that_fail_cost_a_bounded_number_of_packets(race: int) -> None:
    """The replies that make most work of a question: SERVFAIL, REFUSED, lameness, nonsense, all of the time."""
    kinds = [
        lambda query: answered(query, rcode=2),
        lambda query: answered(query, rcode=5),
        lambda query: answered(query, rcode=1),
        lambda query: answered(query, rcode=23),
        lambda query: answered(query, flags=0x0200),
        lambda query: reply_to(query) + b"\0",
    ]
    for kind in kinds:

        def script(query: bytes, send: Send, kind: Callable[[bytes], bytes] = kind) -> None:
            send(kind(query))

        async with EvilServer(script, tcp=script) as server:
            async with Resolver(StubBackend(server.url, race=race), timeout=0.6, search=[]) as resolver:
                outcomes = await asyncio.gather(
                    *(resolver.query(f"{number}.{EVIL}") for number in range(20)), return_exceptions=True
                )
                assert not any(isinstance(outcome, Answer) and outcome for outcome in outcomes)
            assert len(server.queries) + len(server.over_tcp) <= 8 * 20 < MOST_PACKETS * 20


async def test_ids_do_not_run_out() -> None:
    """With a question for every id that may be in use on a socket, the next is refused, and the answers still fit."""
    async with EvilServer(lambda query, send: None) as server:
        transport = UdpTransport(_nameserver(server.url), sockets=1, renew_queries=1 << 20)
        deadline = asyncio.get_running_loop().time() + 30
        query = Message.parse(b"\0\0\1\0\0\1\0\0\0\0\0\0\6victim\7example\0\0\1\0\1").to_wire()
        waiting = []
        for number in range(MOST_PENDING):
            waiting.append(transport.exchange(query, deadline))
            if not number % 1000:
                await asyncio.sleep(0)
        assert len({exchange.id for exchange in waiting}) == MOST_PENDING  # type: ignore[attr-defined]
        with pytest.raises(OSError, match="too many queries in flight"):
            await transport.exchange(query, deadline)
        for exchange in waiting:
            exchange.cancel()
        assert transport.in_flight == 0
        for _ in range(100):  # the server reads all that there was room for
            await asyncio.sleep(0)
        server.script = honest
        assert await transport.exchange(query, deadline)
        await transport.aclose()


def _nameserver(url: str) -> Any:
    return StubBackend(url).nameservers[0]
