"""DNSServer: its life, its zones at run time, its thread; dnspython is the client."""

from __future__ import annotations

import asyncio
import gc
import socket
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import dns.asyncquery
import dns.flags
import dns.message
import dns.query
import dns.rcode
import pytest

from aioresolver.errors import ConfigurationError
from aioresolver.testing import DNSServer, Fault, Zone
from aioresolver.wire.codes import RRType

ZONE = """
    $ORIGIN example.
    www 60 A 192.0.2.1
    $GENERATE 0-99 many 60 A 192.0.2.$
"""


async def udp(server, name, type="A", **options):
    query = dns.message.make_query(name, type, **options)
    return await dns.asyncquery.udp(query, server.address, port=server.port, timeout=5)


async def tcp(server, name, type="A", **options):
    query = dns.message.make_query(name, type, **options)
    return await dns.asyncquery.tcp(query, server.address, port=server.port, timeout=5)


def addresses(message):
    return [rdata.address for rrset in message.answer for rdata in rrset]


async def test_udp_and_tcp_on_one_port():
    async with DNSServer(ZONE) as server:
        assert addresses(await udp(server, "www.example")) == ["192.0.2.1"]
        assert addresses(await tcp(server, "www.example")) == ["192.0.2.1"]
        assert server.nameserver == f"udp://127.0.0.1:{server.port}"
        assert server.nameserver_tcp == f"tcp://127.0.0.1:{server.port}"


async def test_ipv6():
    async with DNSServer(ZONE, address="::1") as server:
        assert addresses(await udp(server, "www.example")) == ["192.0.2.1"]
        assert addresses(await tcp(server, "www.example")) == ["192.0.2.1"]
        assert server.nameserver == f"udp://[::1]:{server.port}"
        assert server.queries[0].client[0] == "::1"


async def test_what_does_not_fit_over_udp_comes_over_tcp():
    async with DNSServer(ZONE) as server:
        assert (await udp(server, "many.example")).flags & dns.flags.TC
        assert len(addresses(await tcp(server, "many.example"))) == 100


async def test_the_settings_of_replies():
    async with DNSServer(ZONE, recursion_available=False, udp_payload=4000) as server:
        message = await udp(server, "many.example", use_edns=0, payload=4096)

    assert not message.flags & (dns.flags.TC | dns.flags.RA)
    assert message.payload == 4000


async def test_several_zones():
    async with DNSServer(ZONE, Zone("www 60 A 192.0.2.9", "example.org")) as server:
        assert addresses(await udp(server, "www.example")) == ["192.0.2.1"]
        assert addresses(await udp(server, "www.example.org")) == ["192.0.2.9"]
        assert (await udp(server, "www.example.net")).rcode() == dns.rcode.REFUSED
        assert [zone.origin for zone in server.zones] == ["example.", "example.org."]


async def test_without_zones_every_name_can_be_added():
    async with DNSServer() as server:
        assert (await udp(server, "www.example")).rcode() == dns.rcode.NXDOMAIN
        server.add("www.example. 60 A 192.0.2.1")
        assert addresses(await udp(server, "www.example")) == ["192.0.2.1"]


async def test_records_come_and_go():
    async with DNSServer(ZONE) as server:
        assert addresses(await udp(server, "www.example")) == ["192.0.2.1"]
        server.add("www.example. 60 A 192.0.2.2\nwww.example. 60 AAAA 2001:db8::1")
        assert addresses(await udp(server, "www.example")) == ["192.0.2.1", "192.0.2.2"]
        assert addresses(await tcp(server, "www.example")) == ["192.0.2.1", "192.0.2.2"]
        assert server.remove("www.example", "A") == 2
        assert (await udp(server, "www.example")).rcode() == dns.rcode.NOERROR
        assert server.remove("www.example") == 1
        assert (await udp(server, "www.example")).rcode() == dns.rcode.NXDOMAIN
        with pytest.raises(ConfigurationError, match=r"outside the zones example\."):
            server.add("www.example.org. 60 A 192.0.2.1")


async def test_what_it_was_asked():
    async with DNSServer(ZONE) as server:
        await udp(server, "www.example", id=7)
        await tcp(server, "www.example", "AAAA", use_edns=0, payload=1400)
        first, second = server.queries

        assert (first.name, first.type, first.transport, first.id) == ("www.example.", RRType.A, "udp", 7)
        assert first.edns is None
        assert (second.type, second.transport, second.edns.payload) == (RRType.AAAA, "tcp", 1400)
        assert first.client[0] == "127.0.0.1"
        assert first.when <= second.when <= asyncio.get_running_loop().time()
        assert (server.asked("WWW.example"), server.asked("www.example", "AAAA"), server.asked("x")) == (2, 1, 0)
        server.clear()
        assert (server.queries, server.count) == ([], 0)


async def test_waiting_for_queries():
    async with DNSServer(ZONE, faults=[Fault.silence()]) as server:
        asking = [asyncio.ensure_future(udp(server, f"{n}.example")) for n in range(3)]
        received = await asyncio.wait_for(server.received(3), 5)
        for task in asking:
            task.cancel()
        await asyncio.wait(asking)

    assert sorted(query.name for query in received) == ["0.example.", "1.example.", "2.example."]


async def test_it_keeps_as_many_queries_as_it_is_told():
    async with DNSServer(ZONE, keep=2) as server:
        for number in range(3):
            await udp(server, f"{number}.example")

    assert [query.name for query in server.queries] == ["1.example.", "2.example."]
    assert server.count == 3


async def test_it_can_go_and_come_back():
    server = DNSServer(ZONE)
    with pytest.raises(ConfigurationError, match="before it is started"):
        server.port  # noqa: B018 - reading it is the test
    async with server:
        port = server.port
        await udp(server, "www.example")
        with pytest.raises(ConfigurationError, match="running already"):
            await server.start()
    assert server.count == 1
    with pytest.raises(OSError, match="refused"), socket.socket() as probe:
        probe.connect((server.address, port))
    async with server:
        assert server.port == port
        assert addresses(await udp(server, "www.example")) == ["192.0.2.1"]
    await server.aclose()


async def test_a_port_that_is_taken():
    async with DNSServer() as server:
        with pytest.raises(OSError, match="in use"):
            await DNSServer(port=server.port).start()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        with pytest.raises(OSError, match="in use"):
            await DNSServer(port=taken.getsockname()[1]).start()


@pytest.mark.skipif(sys.platform != "linux", reason="counts file descriptors as Linux shows them")
async def test_nothing_is_left_behind(stream):
    def held():
        return len(list(Path("/proc/self/fd").iterdir())), len(asyncio.all_tasks()), threading.active_count()

    faults = [Fault.delay(60, name="later.example"), Fault.reorder(at_most=60, name="held.example")]
    server = DNSServer(ZONE, faults=[*faults, Fault.wrong_address(name="www.example")])
    gc.collect()
    before = held()
    await server.start()
    async with stream(server) as connection:
        asking = [asyncio.ensure_future(udp(server, f"{name}.example")) for name in ("www", "later", "held")]
        await server.received(3)
        connection.send("later.example", "www.example")
        await connection.receive()
        await server.aclose()
        assert await connection.rest() == b""
    for task in asking:
        task.cancel()
    await asyncio.wait(asking)

    assert held() == before
    assert server._service._timers == {}


def test_in_a_thread_for_code_that_is_not_async():
    threads = threading.active_count()
    with DNSServer.in_thread(ZONE, faults=[Fault.servfail(times=1)]) as server:
        query = dns.message.make_query("www.example", "A")
        assert dns.query.udp(query, server.address, port=server.port, timeout=5).rcode() == dns.rcode.SERVFAIL
        assert addresses(dns.query.tcp(query, server.address, port=server.port, timeout=5)) == ["192.0.2.1"]
        server.add("www.example. 60 A 192.0.2.2")
        assert len(addresses(dns.query.udp(query, server.address, port=server.port, timeout=5))) == 2
        assert server.remove("www.example") == 2
        with pytest.raises(ConfigurationError, match="outside the zones"):
            server.add("www.example.org. 60 A 192.0.2.2")
        assert [received.transport for received in server.queries] == ["udp", "tcp", "udp"]

    assert threading.active_count() == threads
    assert server.count == 3


def test_in_a_thread_the_error_is_the_callers():
    threads = threading.active_count()
    with DNSServer.in_thread() as server:
        with pytest.raises(OSError, match="in use"), DNSServer.in_thread(port=server.port):
            pass
        with pytest.raises(ConfigurationError, match="zone line 1"), DNSServer.in_thread("x"):
            pass
        with pytest.raises(RuntimeError, match="the test's own"), DNSServer.in_thread():
            raise RuntimeError("the test's own")

    assert threading.active_count() == threads


def test_many_servers_at_once():
    with DNSServer.in_thread("a 60 A 192.0.2.1") as first, DNSServer.in_thread("a 60 A 192.0.2.2") as second:
        query = dns.message.make_query("a", "A")
        with ThreadPoolExecutor(8) as pool:
            replies = pool.map(
                lambda n: dns.query.udp(query, "127.0.0.1", port=(first, second)[n % 2].port, timeout=5), range(64)
            )
            assert [addresses(reply) for reply in replies] == [["192.0.2.1"], ["192.0.2.2"]] * 32

    assert first.count == second.count == 32


def test_other_processes_can_ask():
    program = (
        "import dns.message, dns.query, sys\n"
        "query = dns.message.make_query('www.example', 'A')\n"
        "print(dns.query.udp(query, '127.0.0.1', port=int(sys.argv[1]), timeout=5).answer[0][0])\n"
    )
    with DNSServer.in_thread(ZONE) as server:
        command = [sys.executable, "-c", program, str(server.port)]
        assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "192.0.2.1\n"
