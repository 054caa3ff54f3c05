"""Nameservers that change or die while thousands of lookups are under way; resolv.conf and nameservers are real."""

from __future__ import annotations

import asyncio
import contextlib
import re
import socket
from collections.abc import AsyncIterator, Iterable
from pathlib import Path
from typing import Any

import pytest

from aioresolver.answer import Answer
from aioresolver.cache import Cache
from aioresolver.configured import ConfiguredBackend
from aioresolver.errors import LookupTimeout, ServerFailure, UsageError
from aioresolver.resolver import Resolver
from aioresolver.system.config import SystemConfigFiles
from aioresolver.testing import DNSServer, Fault
from aioresolver.transports.nameserver import PORTS

COUNT = 1000
ZONE = f"$ORIGIN example.\n@ SOA ns hostmaster 1 2 3 4 60\n$GENERATE 0-{3 * COUNT - 1} h$ A 10.{{}}.0.1\n"
SPEC = 5.0  # seconds in which new lookups are to use new nameservers


class Office:
    """A machine that is carried from one network to another: two nameservers, and the resolv.conf that names one."""

    def __init__(self, folder: Path, first: DNSServer, second: DNSServer) -> None:
        self.first, self.second = first, second
        self.resolv_conf = folder / "resolv.conf"
        self.move_to(first)

    def move_to(self, server: DNSServer) -> None:
        self.resolv_conf.write_text(f"nameserver {server.address}\n")

    def resolver(self, *, timeout: float = 10.0, cache: Cache | None = None, interval: float = 2.0) -> Resolver:
        files = SystemConfigFiles(
            resolv_conf=self.resolv_conf, nsswitch_conf="/nonexistent", environ={}, hostname=str, interval=interval
        )
        backend = ConfiguredBackend(files, os_fallback=False)
        return Resolver(backend, timeout=timeout, cache=cache, hosts_file="/nonexistent")


@pytest.fixture
async def office(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Office]:
    first, second = DNSServer(ZONE.format(1), address="127.0.0.2"), None
    async with contextlib.AsyncExitStack() as stack:
        try:
            await stack.enter_async_context(first)
            second = DNSServer(ZONE.format(2), address="127.0.0.3", port=first.port)
            await stack.enter_async_context(second)
        except OSError as error:  # macOS has one loopback address only; and a port may be taken, rarely
            pytest.skip(f"needs one free port at two loopback addresses: {error}")
        # resolv.conf knows no ports, and 53 is root's.
        for scheme in ("udp", "tcp"):
            monkeypatch.setitem(PORTS, scheme, first.port)
        yield Office(tmp_path, first, second)


def hosts(start: int = 0, count: int = COUNT) -> list[str]:
    return [f"h{number}.example" for number in range(start, start + count)]


async def test_a_change_of_resolv_conf_loses_no_lookup_and_new_ones_go_to_the_new_nameserver(office: Office) -> None:
    office.first.faults.append(Fault.delay(0.3, jitter=1.0))
    async with office.resolver() as resolver:
        loop = asyncio.get_running_loop()
        lookups = asyncio.gather(*(resolver.resolve(host) for host in hosts()))
        await office.first.received(100)
        office.move_to(office.second)
        changed_at = loop.time()
        fresh = iter(hosts(COUNT))
        while not office.second.count:
            await resolver.resolve(next(fresh))
            assert loop.time() < changed_at + SPEC
        found = {str(answer[0]) for answer in await lookups}

        assert len(lookups.result()) == COUNT
        assert found <= {"10.1.0.1", "10.2.0.1"}
        assert str((await resolver.resolve("h2999.example"))[0]) == "10.2.0.1"
        assert (resolver.stats.failed, resolver.stats.timed_out) == (0, 0)


async def test_lookups_that_wait_for_a_nameserver_that_is_gone_find_the_new_one(office: Office) -> None:
    """Nobody asks anything meanwhile: it is the lookups under way that have it looked at."""
    office.first.faults.append(Fault.drop())
    async with office.resolver() as resolver:
        lookups = asyncio.gather(*(resolver.resolve(host) for host in hosts()))
        await office.first.received(100)
        office.move_to(office.second)
        answers = await lookups

        assert {str(answer[0]) for answer in answers} == {"10.2.0.1"}
        assert resolver.stats.failed == 0


async def test_moving_twice(office: Office) -> None:
    for server in (office.first, office.second):
        server.faults.append(Fault.drop())
    async with office.resolver(interval=0.0) as resolver:
        waiting = [resolver.submit(host) for host in hosts(0, 10)]
        await office.first.received(10)
        for server in (office.second, office.first):
            office.move_to(server)
            waiting.append(resolver.submit(f"h{len(waiting)}.example"))
        office.first.faults.clear()
        answers = await asyncio.gather(*waiting)

        assert {str(answer[0]) for answer in answers} == {"10.1.0.1"}


async def test_what_failed_at_the_old_nameserver_is_asked_of_the_new_one(office: Office) -> None:
    office.first.faults.append(Fault.servfail())
    async with office.resolver(cache=Cache(failure_ttl=300.0), interval=0.0) as resolver:
        for _ in range(2):
            with pytest.raises(ServerFailure):
                await resolver.resolve("h1.example")
        with pytest.raises(ServerFailure):
            await resolver.resolve("h2.example")
        asked = office.first.count
        office.move_to(office.second)

        assert str((await resolver.query("h1.example"))[0]) == "10.2.0.1"
        assert (await resolver.addresses("h2.example", socket.AF_INET)) == ["10.2.0.1"]
        assert office.first.count == asked


async def test_answers_stay(office: Office) -> None:
    async with office.resolver(interval=0.0) as resolver:
        await resolver.resolve("h1.example")
        office.move_to(office.second)
        await resolver.resolve("h2.example")

        assert str((await resolver.resolve("h1.example"))[0]) == "10.1.0.1"


async def test_closing_while_moving(office: Office) -> None:
    office.first.faults.append(Fault.drop())
    async with office.resolver(interval=0.0) as resolver:
        waiting = [resolver.submit(host) for host in hosts(0, 10)]
        await office.first.received(10)
        office.move_to(office.second)
        await resolver.resolve("h100.example")
    ends = await asyncio.gather(*waiting, return_exceptions=True)

    assert all(isinstance(end, UsageError) for end in ends)


# ---- nameservers that die


@contextlib.asynccontextmanager
async def dead_and_alive() -> AsyncIterator[tuple[DNSServer, DNSServer]]:
    async with DNSServer(ZONE.format(1), faults=[Fault.drop()]) as dead, DNSServer(ZONE.format(2)) as alive:
        yield dead, alive


def cost(answers: Iterable[Answer[Any]], dead: DNSServer) -> list[int]:
    """How many intervals were spent on the dead nameserver for each answer."""
    return [sum(attempt.server == dead.nameserver for attempt in answer.attempts) for answer in answers]


async def test_one_dead_nameserver_of_two_costs_one_interval_once() -> None:
    async with dead_and_alive() as (dead, alive), Resolver([dead.nameserver, alive.nameserver]) as resolver:
        first = await resolver.resolve("h0.example")
        later = [await resolver.resolve(host) for host in hosts(1, 300)]
        many = await asyncio.gather(*(resolver.resolve(host) for host in hosts(301)))

        assert cost([first], dead) == [1]
        assert sum(cost([*later, *many], dead)) == 0
        assert {answer.server for answer in (*later, *many)} == {alive.nameserver}
        # What else it was asked are probes, which nobody waits for.
        assert dead.count < 10


async def test_a_dead_nameserver_costs_a_crowd_one_interval_too() -> None:
    async with dead_and_alive() as (dead, alive), Resolver([dead.nameserver, alive.nameserver]) as resolver:
        crowd = await asyncio.gather(*(resolver.resolve(host) for host in hosts()))
        later = await asyncio.gather(*(resolver.resolve(host) for host in hosts(COUNT)))

        assert {answer.server for answer in (*crowd, *later)} == {alive.nameserver}
        assert max(cost(crowd, dead)) == 1
        assert sum(cost(later, dead)) == 0


async def test_both_dead_is_an_error_that_names_both_and_what_became_of_each() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        nobody = f"udp://127.0.0.1:{taken.getsockname()[1]}"
    silent = DNSServer(ZONE.format(1), faults=[Fault.drop()])
    async with silent, Resolver([silent.nameserver, nobody], timeout=1.0) as resolver:
        with pytest.raises(LookupTimeout) as caught:
            await asyncio.wait_for(resolver.resolve("h0.example"), 10)

    error = caught.value
    outcomes = {attempt.server: attempt.outcome for attempt in error.attempts}
    assert outcomes[silent.nameserver] == "no reply"
    assert "refused" in outcomes[nobody]
    assert error.errno == socket.EAI_AGAIN
    assert re.search(r"^h0\.example\. A: no answer within 1(\.\d+)? s$", str(error), re.MULTILINE)
    for part in (
        f"{silent.nameserver} (udp): no reply after",
        f"{nobody} (udp): ",
    ):
        assert part in str(error)


async def test_two_that_refuse_are_an_error_at_once() -> None:
    refusing = [DNSServer(ZONE.format(n), faults=[Fault.refused()]) for n in (1, 2)]
    async with refusing[0], refusing[1], Resolver([each.nameserver for each in refusing], timeout=60.0) as resolver:
        with pytest.raises(ServerFailure) as caught:
            await resolver.resolve("h0.example")

    assert [(a.server, a.outcome) for a in caught.value.attempts] == [(each.nameserver, "REFUSED") for each in refusing]
