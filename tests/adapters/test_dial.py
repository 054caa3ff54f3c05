"""The race for a connection, under virtual time and with streams on paper; and the attacks, without an HTTP library."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from aioresolver.adapters.dial import dial, race
from aioresolver.errors import NameSyntaxError, ResolutionError
from aioresolver.policy import AddressPolicy
from aioresolver.resolver import Resolver
from aioresolver.testing import DNSServer


class Stream:
    """A connection to an address, open until it is closed."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.closed = False

    async def aclose(self) -> None:
        self.closed = True


class Network:
    """Addresses that connect after so many seconds, or fail with an error after them; a log of what happened."""

    def __init__(self, **hosts: tuple[float, Exception | None]) -> None:
        self.hosts = hosts
        self.begun: list[tuple[str, float]] = []
        self.streams: list[Stream] = []

    async def connect(self, address: str, port: int) -> Stream:
        loop = asyncio.get_running_loop()
        self.begun.append((address, round(loop.time() - 1000, 3)))
        seconds, error = self.hosts[address]
        await asyncio.sleep(seconds)
        if error is not None:
            raise error
        self.streams.append(Stream(address))
        return self.streams[-1]

    async def race(self, *, delay: float | None = 0.25) -> Stream:
        return await race([(address, 80) for address in self.hosts], self.connect, delay=delay)


def test_the_first_that_connects_wins_and_the_others_end(run_virtual):
    network = Network(a=(9, None), b=(9, None), c=(0.1, None), d=(0, None))

    assert run_virtual(network.race()).address == "c"
    assert network.begun == [("a", 0), ("b", 0.25), ("c", 0.5)]
    assert [stream.closed for stream in network.streams] == [False]


def test_a_failure_lets_the_next_one_begin_at_once(run_virtual):
    network = Network(a=(0.1, OSError("refused")), b=(0.1, None))

    assert run_virtual(network.race()).address == "b"
    assert network.begun == [("a", 0), ("b", 0.1)]


def test_without_a_delay_only_a_failure_does(run_virtual):
    network = Network(a=(5, OSError("refused")), b=(5, None))

    assert run_virtual(network.race(delay=None)).address == "b"
    assert network.begun == [("a", 0), ("b", 5)]


def test_an_early_one_may_still_win(run_virtual):
    assert run_virtual(Network(a=(0.3, None), b=(9, None)).race()).address == "a"


def test_when_all_fail_their_errors_are_told(run_virtual):
    with pytest.raises(OSError, match=r"^one; two$"):
        run_virtual(Network(a=(0, OSError("one")), b=(0, OSError("two"))).race())
    with pytest.raises(OSError, match=r"^one$"):
        run_virtual(Network(a=(0, OSError("one"))).race())
    with pytest.raises(TimeoutError):
        run_virtual(Network(a=(0, TimeoutError("first")), b=(0, OSError("two"))).race())


def test_two_winners_at_once_leave_one_open(run_virtual):
    network = Network(a=(0.25, None), b=(0, None))

    async def together() -> Stream:
        return await network.race(delay=0.25)

    winner = run_virtual(together())
    assert [stream for stream in network.streams if not stream.closed] == [winner]


@pytest.mark.parametrize("when", [0.1, 0.3, 0.5])
def test_cancelled_it_leaves_nothing_open(run_virtual, when):
    network = Network(a=(9, None), b=(0.25, None))

    async def main() -> None:
        attempt = asyncio.ensure_future(network.race())
        await asyncio.sleep(when)
        attempt.cancel()
        await asyncio.gather(attempt, return_exceptions=True)
        if not attempt.cancelled():
            await attempt.result().aclose()
        assert len(asyncio.all_tasks()) <= 2  # this one and its timeout's

    run_virtual(main())
    assert all(stream.closed for stream in network.streams)


async def test_the_families_take_turns(monkeypatch):
    async with (
        DNSServer("h.test. 60 A 127.0.0.1\nh.test. 60 A 127.0.0.2\nh.test. 60 AAAA ::1") as server,
        Resolver(server.nameserver, address_order="as-is") as resolver,
    ):
        tried = []

        async def connect(address: str, port: int) -> Stream:
            tried.append(address)
            raise ConnectionRefusedError(address)

        with pytest.raises(ConnectionRefusedError):
            await dial(resolver, "h.test", 80, connect, delay=1)
    assert tried == ["127.0.0.1", "::1", "127.0.0.2"]


Way = Callable[[Resolver, str], Awaitable[Any]]


async def by_dial(resolver: Resolver, host: str) -> Any:
    async def connect(address: str, port: int) -> Stream:
        raise AssertionError(f"{address} would have been connected to")

    return await dial(resolver, host, 9, connect, delay=None)


async def by_connection(resolver: Resolver, host: str) -> Any:
    pytest.importorskip("aiohappyeyeballs")
    return await resolver.open_connection(host, 9)


@pytest.mark.parametrize("way", [by_dial, by_connection])
async def test_attacks_reach_nobody_inside(way, attacked_host, attack_zone, connections):
    policy = AddressPolicy.public(allow=["127.0.0.9"])
    async with DNSServer(attack_zone) as server, Resolver(server.nameserver, policy=policy) as resolver:
        with pytest.raises((ResolutionError, NameSyntaxError)):
            await way(resolver, attacked_host)
    assert connections == []
