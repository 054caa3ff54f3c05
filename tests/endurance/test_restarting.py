"""A nameserver that is killed and started again every second, over each transport: no name is lost, nothing is left."""

from __future__ import annotations

import asyncio
import gc
import os
import threading

import pytest

from aioresolver import Answer, Cache, Resolver, StubBackend
from aioresolver.testing import DNSServer
from aioresolver.testing.certificates import CertificateAuthority
from aioresolver.transports.open import open_transport

QUERIES = 100_000
UP, DOWN = 0.7, 0.3
SCHEMES = ["udp", "tcp", "tls", "https", "quic"]


def address(number: int) -> str:
    return f"198.{18 + (number >> 16)}.{number >> 8 & 255}.{number & 255}"


async def keep_restarting(server: DNSServer, restarts: list[float]) -> None:
    while True:
        await asyncio.sleep(UP)
        await server.aclose()
        restarts.append(asyncio.get_running_loop().time())
        await asyncio.sleep(DOWN)
        await server.start()


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


@pytest.mark.timeout(600)
@pytest.mark.parametrize("scheme", SCHEMES)
async def test_no_name_is_lost(scheme: str) -> None:
    authority = CertificateAuthority()
    zone = "".join(f"h{number}.test. 60 A {address(number)}\n" for number in range(QUERIES))
    server = DNSServer(zone, certificate=authority.issue("127.0.0.1"), keep=0)
    context = authority.client_context()
    restarts: list[float] = []
    async with server:
        url = getattr(server, "nameserver" if scheme == "udp" else f"nameserver_{scheme}")
        before = descriptors()
        backend = StubBackend(url, open_transport=lambda nameserver: open_transport(nameserver, context=context))
        async with Resolver(backend, cache=Cache(0), timeout=10) as resolver:
            task = asyncio.get_running_loop().create_task(keep_restarting(server, restarts))
            names = (f"h{number}.test" for number in range(QUERIES))
            right, wrong = 0, []
            async for name, outcome in resolver.query_many(names, concurrency=200):
                if isinstance(outcome, Answer) and [data.address for data in outcome] == [address(int(name[1:-5]))]:
                    right += 1
                else:
                    wrong.append((name, outcome))
            task.cancel()
        gc.collect()
        threads = threading.active_count()

    assert wrong == []
    assert right == QUERIES
    assert restarts
    assert threads == 1
    assert abs(descriptors() - before) <= 12  # the server's own, of which some are open now and some were then
