"""A million forged replies from off the path, at full speed, while ten thousand questions are asked: none is believed."""

from __future__ import annotations

import asyncio
import socket
import sys
from pathlib import Path

import pytest

from aioresolver import Cache, Limiter, Resolver, StubBackend
from aioresolver.testing import DNSServer

FORGER = Path(__file__).with_name("off_path_forger.py")
FORGED = 1_000_000
QUESTIONS = 10_000
A_SECOND = 1000


def may_send_raw() -> bool:
    try:
        socket.socket(socket.AF_INET, socket.SOCK_RAW, 17).close()
    except PermissionError:
        return False
    return True


@pytest.mark.skipif(not may_send_raw(), reason="raw packets are only for root")
@pytest.mark.timeout(300)
async def test_no_answer_is_poisoned_and_none_is_missing() -> None:
    names = [f"h{number}.test" for number in range(QUESTIONS)]
    zone = "".join(f"{name}. 60 A 192.0.2.{number % 250}\n" for number, name in enumerate(names))
    async with DNSServer(zone) as server:
        backend = StubBackend(server.nameserver)
        async with Resolver(backend, cache=Cache(0), limiter=Limiter(1000, rate=A_SECOND)) as resolver:
            forger = await asyncio.create_subprocess_exec(
                sys.executable,
                str(FORGER),
                str(server.port),
                str(FORGED),
                str(QUESTIONS),
                stdout=asyncio.subprocess.PIPE,
            )
            rounds = 0
            while forger.returncode is None:
                answers = await asyncio.gather(*map(resolver.submit, names))
                assert [answer[0].address for answer in answers] == [f"192.0.2.{n % 250}" for n in range(QUESTIONS)]
                rounds += 1
            told, _ = await forger.communicate()
        transport = backend.upstreams[0].transport("udp")

    assert int(told.split()[0]) >= FORGED
    assert rounds >= 1
    assert transport.ignored > 0
