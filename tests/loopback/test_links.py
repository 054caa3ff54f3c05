"""Names by the thousand over ways that carry so much and no more: none is lost, and hardly a packet is sent in vain."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from aioresolver import Answer, Cache, Resolver, StubBackend

# What a link carries is measured in real time: the endurance session runs this file by itself.
pytestmark = pytest.mark.skipif("PYTEST_XDIST_WORKER" in os.environ, reason="it needs the machine for itself")

RELAY = Path(__file__).parent / "relay.py"


class Relay:
    """The way to a server, in a process of its own."""

    def __init__(self, server: int, *, pace: float, places: int, trip: float) -> None:
        command = [sys.executable, str(RELAY), *map(str, (server, pace, places, trip))]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.port = int(self._read())

    def counts(self) -> tuple[int, int]:
        """How many queries it has carried, and how many it had no place for."""
        assert self.process.stdin is not None
        print(file=self.process.stdin, flush=True)
        carried, dropped = map(int, self._read().split())
        return carried, dropped

    def _read(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline()


@pytest.fixture
def relay(distant) -> Iterator[Callable[..., Relay]]:
    opened: list[Relay] = []

    def open_relay(*, pace: float, places: int, trip: float) -> Relay:
        opened.append(Relay(distant.port, pace=pace, places=places, trip=trip))
        return opened[-1]

    yield open_relay
    for relay in opened:
        with relay.process as process:
            assert process.stdin is not None
            process.stdin.close()


@pytest.mark.parametrize(("pace", "places", "trip"), [(2500, 50, 0.03), (2500, 1000, 0.001)])
async def test_it_finds_what_a_link_carries(relay, pace, places, trip):
    way = relay(pace=pace, places=places, trip=trip)
    names = [f"h{number}.example" for number in range(10_000)]
    backend = StubBackend(f"udp://127.0.0.1:{way.port}")
    async with Resolver(backend, cache=Cache(0)) as resolver:
        answers = {name: outcome async for name, outcome in resolver.query_many(names)}
    carried, dropped = way.counts()
    print(f"{carried} carried, {dropped} dropped, at last {backend.upstreams[0].window.pace} a second")
    assert set(answers) == set(names)
    assert all(isinstance(answer, Answer) and answer for answer in answers.values())
    assert dropped < 0.5 * len(names)
    assert carried < 1.1 * len(names)
