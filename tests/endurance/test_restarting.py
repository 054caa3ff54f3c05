"""A nameserver that is killed and started again every second, over each transport: no name is lost, nothing is left."""

from __future__ import annotations

import asyncio
import gc
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from aioresolver import Answer, Cache, Resolver, StubBackend
from aioresolver.testing.certificates import CertificateAuthority
from aioresolver.transports.open import open_transport

SERVER = Path(__file__).with_name("restarting_server.py")
QUERIES = 100_000
SCHEMES = ["udp", "tcp", "tls", "https", "quic"]


class Restarting:
    """The nameserver: its URL by scheme, and how often it was killed until now."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdout is not None
        self._lines = process.stdout
        self.urls: dict[str, str] = json.loads(self._lines.readline())
        self._kills = 0
        os.set_blocking(self._lines.fileno(), False)

    @property
    def kills(self) -> int:
        while self._lines.readline():
            self._kills += 1
        return self._kills


@pytest.fixture(scope="module")
def authority() -> CertificateAuthority:
    return CertificateAuthority()


@pytest.fixture(scope="module")
def server(authority: CertificateAuthority, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Restarting]:
    issued, folder = authority.issue("127.0.0.1"), tmp_path_factory.mktemp("server")
    (folder / "certificate").write_bytes(issued.certificate)
    (folder / "key").write_bytes(issued.key)
    words = [sys.executable, str(SERVER), str(QUERIES), str(folder / "certificate"), str(folder / "key")]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        yield Restarting(process)
        process.communicate()


def address(number: int) -> str:
    return f"198.{18 + (number >> 16)}.{number >> 8 & 255}.{number & 255}"


def descriptors() -> set[str]:
    return set(os.listdir("/proc/self/fd"))


@pytest.mark.timeout(600)
@pytest.mark.parametrize("scheme", SCHEMES)
async def test_no_name_is_lost(server: Restarting, authority: CertificateAuthority, scheme: str) -> None:
    context = authority.client_context()
    before, kills, tasks = descriptors(), server.kills, asyncio.all_tasks()
    backend = StubBackend(
        server.urls[scheme], open_transport=lambda nameserver: open_transport(nameserver, context=context)
    )
    async with Resolver(backend, cache=Cache(0), timeout=10) as resolver:
        names = (f"h{number}.test" for number in range(QUERIES))
        right, wrong = 0, []
        async for name, outcome in resolver.query_many(names):
            if isinstance(outcome, Answer) and [data.address for data in outcome] == [address(int(name[1:-5]))]:
                right += 1
            else:
                wrong.append((name, outcome))
    gc.collect()

    assert wrong == []
    assert right == QUERIES
    assert server.kills > kills
    assert asyncio.all_tasks() == tasks
    assert threading.active_count() == 1
    assert descriptors() <= before
