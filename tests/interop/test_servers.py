"""What real name servers serve is what every backend says it is."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import Any

import dns.rdatatype
import dns.zone
import pytest

from aioresolver import CaresBackend, NameNotFound, NoRecords, Resolver, RRType, StubBackend, SystemBackend
from aioresolver.testing.libc import point_getaddrinfo_at
from aioresolver.wire.rdata import parse_rdata, write_rdata

BACKENDS: dict[str, Callable[[Any], Any]] = {
    "stub": lambda server: StubBackend(server.nameserver),
    "stub over tcp": lambda server: StubBackend(server.nameserver.replace("udp:", "tcp:")),
    "cares": lambda server: CaresBackend([server.nameserver]),
    "system": lambda server: SystemBackend(initializer=partial(point_getaddrinfo_at, server.address, server.port)),
}
BY_CARES = {"A", "AAAA", "MX", "SRV", "NS", "SOA", "NAPTR", "CAA", "CNAME"}
DELEGATED = {("ds.interop.test.", "NS")}  # a referral, or for Unbound a server that is not there

Rows = list[tuple[str, str, frozenset[bytes]]]


@pytest.fixture(scope="session")
def rows(zone: dns.zone.Zone) -> Rows:
    """Owner, type and the data in wire form for each set of records of the zone but the 10,000 hosts."""
    return [
        (str(name), dns.rdatatype.to_text(data.rdtype), frozenset(rdata.to_wire() for rdata in data))
        for name, data in zone.iterate_rdatasets()
        if not re.match(r"h\d|\*", str(name)) and (str(name), dns.rdatatype.to_text(data.rdtype)) not in DELEGATED
    ]


@pytest.fixture(params=BACKENDS)
async def resolver(request: pytest.FixtureRequest, server) -> AsyncIterator[Resolver]:
    """A resolver over each backend for each server."""
    async with Resolver(BACKENDS[request.param](server)) as resolver:
        yield resolver


@pytest.fixture
async def stub(server) -> AsyncIterator[Resolver]:
    async with Resolver(server.nameserver) as resolver:
        yield resolver


def wire(data) -> bytes:
    buffer = bytearray()
    write_rdata(buffer, data, None)
    return bytes(buffer)


async def test_every_record_reads_as_the_zone_says(stub, rows):
    wrong = []
    for name, type, expected in rows:
        answer = await stub.query(name, type)
        if {wire(data) for data in answer} != expected:
            wrong.append((name, type, str(answer)))

    assert wrong == []


async def test_every_record_has_the_text_that_dnspython_gives_it(stub, server, rows):
    wrong = []
    for name, type, _ in rows:
        reply = server.ask(name, type)
        theirs = {rdata.to_text() for rrset in reply.answer for rdata in rrset}
        ours = set(await stub.query(name, type))
        if {parse_rdata(RRType.parse(type), text) for text in theirs} != ours:
            wrong.append((name, type, theirs, ours))

    assert wrong == []


async def test_cares_reads_the_types_it_knows_as_the_zone_says(server, rows):
    async with Resolver(BACKENDS["cares"](server)) as resolver:
        wrong = []
        for name, type, expected in rows:
            if type in BY_CARES and name.isascii() and "\\" not in name:
                answer = await resolver.query(name, type)
                if {wire(data) for data in answer} != expected:
                    wrong.append((name, type, str(answer)))

    assert wrong == []


@pytest.mark.parametrize("name", ["text", "long"])
async def test_cares_joins_the_strings_of_text(server, zone, name):
    """Where one string ended, pycares does not tell."""
    expected = {b"".join(data.strings) for data in zone.get_rdataset(f"{name}.interop.test.", "TXT")}
    async with Resolver(BACKENDS["cares"](server)) as resolver:
        answer = await resolver.query(f"{name}.interop.test.", "TXT")

    assert {b"".join(data.strings) for data in answer} == expected


@pytest.mark.parametrize(
    ("name", "type", "expected"),
    [
        ("v4", "A", {"192.0.2.1"}),
        ("v6", "AAAA", {"2001:db8::1"}),
        ("many", "A", {"192.0.2.11", "192.0.2.12", "192.0.2.13"}),
        ("alias", "A", {"192.0.2.2"}),
        ("chain1", "AAAA", {"2001:db8::2"}),
        ("anything.wild", "A", {"192.0.2.4"}),
        ("www.old", "A", {"192.0.2.5"}),
        ("_under_score.wild", "A", {"192.0.2.4"}),
        ("h9999", "A", {"198.18.39.15"}),
    ],
)
async def test_every_backend_finds_the_addresses(resolver, name, type, expected):
    assert {str(data) for data in await resolver.resolve(f"{name}.interop.test.", type)} == expected


@pytest.mark.parametrize("name", ["nowhere", "dangling", "also.not.here"])
async def test_a_name_that_does_not_exist_is_not_found(resolver, name):
    with pytest.raises(NameNotFound):
        await resolver.resolve(f"{name}.interop.test.")


@pytest.mark.parametrize(("name", "type"), [("v4", "AAAA"), ("empty.only", "A"), ("text", "A")])
async def test_a_name_without_records_of_the_type_says_so(stub, name, type):
    with pytest.raises(NoRecords):
        await stub.resolve(f"{name}.interop.test.", type)


@pytest.mark.parametrize(("name", "type"), [("asked-once", "A"), ("text", "MX")])
async def test_no_records_live_as_long_as_the_zone_says(stub, name, type):
    """No other test asks these, so no server has had them in its cache for long."""
    answer = await stub.query(f"{name}.interop.test.", type)

    assert not answer
    assert 50 <= answer.ttl <= 60


async def test_the_aliases_are_told_in_order(stub):
    answer = await stub.resolve("chain1.interop.test.", "A")

    assert answer.aliases == ("chain1.interop.test.", "chain2.interop.test.", "chain3.interop.test.")
    assert answer.name == "both.interop.test."


async def test_what_is_too_long_for_udp_comes_over_tcp(stub, zone):
    expected = zone.get_rdataset("long.interop.test.", "TXT")[0]

    (data,) = await stub.resolve("long.interop.test.", "TXT")

    assert data.strings == expected.strings
    assert sum(map(len, data.strings)) > 1232


async def test_the_time_to_live_is_that_of_the_zone(stub):
    """Unbound and dnsmasq may have had them for a while."""
    assert 60 < (await stub.resolve("h4242.interop.test.")).ttl <= 300
    assert (await stub.resolve("short-lived.interop.test.")).ttl <= 7


PROGRAM = """
import asyncio, os, resource, sys
from aioresolver import Resolver

def sockets():
    links = []
    for fd in os.listdir("/proc/self/fd"):
        try:
            links.append(os.readlink(f"/proc/self/fd/{fd}"))
        except FileNotFoundError:
            pass
    return sum(link.startswith("socket:") for link in links)

async def watch(most, before):
    while True:
        most[0] = max(most[0], sockets() - before)
        await asyncio.sleep(0.005)

async def main(nameserver, count):
    hosts = [f"h{i}.interop.test" for i in range(count)]
    most, before = [0], sockets()
    watcher = asyncio.create_task(watch(most, before))
    async with Resolver(nameserver) as resolver:
        answers = await asyncio.gather(*(resolver.resolve(host) for host in hosts))
        right = sum(str(a[0]) == f"198.18.{i >> 8}.{i & 255}" and len(a) == 1 for i, a in enumerate(answers))
        watcher.cancel()
        print(right, most[0])

if sys.argv[2] != "-":
    resource.setrlimit(resource.RLIMIT_NOFILE, (int(sys.argv[2]), int(sys.argv[2])))
asyncio.run(main(sys.argv[1], 10_000))
"""


@pytest.mark.parametrize("descriptors", ["-", "128"], ids=["as many as allowed", "128"])
def test_ten_thousand_names_through_gather_against_nsd(nsd, descriptors):
    """Default settings: every answer right, which no timeout is; few sockets; with few file descriptors too."""
    result = subprocess.run(
        [sys.executable, "-c", PROGRAM, nsd.nameserver, descriptors],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, "PYTHONWARNINGS": "error"},
    )

    assert result.returncode == 0, result.stderr
    right, sockets = map(int, result.stdout.split())
    assert right == 10_000
    assert sockets <= 64


@pytest.mark.parametrize(("backend", "count"), [("cares", 10_000), ("system", 1_000)])
async def test_many_names_through_gather_with_the_other_backends(nsd, backend, count):
    async with Resolver(BACKENDS[backend](nsd)) as resolver:
        futures = [resolver.submit(f"h{number}.interop.test") for number in range(count)]
        addresses = [str((await future)[0]) for future in futures]

    assert addresses == [f"198.18.{number >> 8}.{number & 255}" for number in range(count)]
