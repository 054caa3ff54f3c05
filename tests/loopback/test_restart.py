"""A nameserver that goes away and comes back, in the midst of five thousand lookups."""

from __future__ import annotations

import asyncio

import pytest

from aioresolver.testing import DNSServer

COUNT = 5000
ZONE = "".join(f"h{number}.example. 60 A 198.18.{number >> 8}.{number & 255}\n" for number in range(COUNT))


@pytest.mark.backends("stub", "stub over tcp")
async def test_nothing_is_lost_when_the_server_is_restarted(kind):
    await restart(kind, away=0.4)


@pytest.mark.backends("stub")
async def test_nothing_is_lost_when_the_server_is_back_at_once(kind):
    """What it had not read yet is lost, and nobody says so."""
    await restart(kind, away=0.0)


async def restart(kind, *, away: float) -> None:
    async with DNSServer(ZONE) as server, kind.resolver(server, timeout=5.0) as resolver:
        hosts = [f"h{number}.example" for number in range(COUNT)]
        lookups = asyncio.gather(*(resolver.resolve(host) for host in hosts))
        await server.received(1000)
        await server.aclose()
        before = server.count
        await asyncio.sleep(away)
        await server.start()
        answers = await lookups

        assert before < COUNT
        assert [list(map(str, answer)) for answer in answers] == [[f"198.18.{n >> 8}.{n & 255}"] for n in range(COUNT)]
        assert (resolver.stats.answered, resolver.stats.failed) == (COUNT, 0)
