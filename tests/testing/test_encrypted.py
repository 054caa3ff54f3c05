"""The listeners that need a certificate: their ports, their life, their faults; the ssl module is the client."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import socket
import ssl
import sys
from pathlib import Path

import dns.asyncquery
import dns.exception
import dns.message
import dns.query
import dns.rcode
import pytest

from aioresolver.errors import ConfigurationError
from aioresolver.testing import DNSServer, Fault

pytest.importorskip("cryptography")

from aioresolver.testing.certificates import CertificateAuthority

ZONE = "www.example. 60 A 192.0.2.1"


@pytest.fixture(scope="module")
def authority():
    return CertificateAuthority()


@pytest.fixture(scope="module")
def certificate(authority):
    return authority.issue()


def tls_port(server):
    return int(server.nameserver_tls.rpartition(":")[2])


async def ask(server, authority, name="www.example"):
    query = dns.message.make_query(name, "A")
    context = authority.client_context(["dot"])
    return await dns.asyncquery.tls(query, server.address, port=tls_port(server), timeout=5, ssl_context=context)


def test_tls_on_a_port_of_its_own(run, authority, certificate):
    async def main():
        async with DNSServer(ZONE, certificate=certificate) as server:
            reply = await ask(server, authority)

            assert reply.answer[0][0].address == "192.0.2.1"
            assert [query.transport for query in server.queries] == ["tls"]
            assert server.nameserver_tls == f"tls://127.0.0.1:{tls_port(server)}"
            assert tls_port(server) != server.port

    run(main())


async def test_ipv6(authority, certificate):
    async with DNSServer(ZONE, certificate=certificate, address="::1") as server:
        assert (await ask(server, authority)).answer
        assert server.nameserver_tls.startswith("tls://[::1]:")


async def test_it_can_go_and_come_back_on_the_same_port(run, authority, certificate):
    server = DNSServer(ZONE, certificate=certificate)
    with pytest.raises(ConfigurationError, match="before it is started"):
        server.nameserver_tls  # noqa: B018 - reading it is the test
    async with server:
        port = tls_port(server)
        await ask(server, authority)
    with pytest.raises(OSError, match="refused"), socket.socket() as probe:
        probe.connect((server.address, port))
    async with server:
        assert tls_port(server) == port
        assert (await ask(server, authority)).answer


async def test_a_port_that_was_taken_meanwhile(certificate):
    server = DNSServer(ZONE, certificate=certificate)
    async with server:
        port = tls_port(server)
    with socket.create_server((server.address, port)), pytest.raises(OSError, match="in use"):
        await server.start()
    async with server:  # nothing of the failed start stands in the way
        assert tls_port(server) == port


async def test_none_without_a_certificate():
    async with DNSServer(ZONE) as server:
        for scheme in ("tls", "https", "quic"):
            with pytest.raises(ConfigurationError, match=f"no {scheme} without a certificate"):
                getattr(server, f"nameserver_{scheme}")


def test_in_a_thread(authority, certificate):
    with DNSServer.in_thread(ZONE, certificate=certificate) as server:
        query = dns.message.make_query("www.example", "A")
        context = authority.client_context()
        reply = dns.query.tls(
            query, server.address, port=tls_port(server), timeout=5, ssl_context=context, server_hostname="localhost"
        )

        assert reply.answer


async def test_faults_by_transport(authority, certificate):
    faults = [Fault.servfail(transport="tls"), Fault.refused(transport=("udp", "tcp"))]
    async with DNSServer(ZONE, certificate=certificate, faults=faults) as server:
        query = dns.message.make_query("www.example", "A")

        assert (await ask(server, authority)).rcode() == dns.rcode.SERVFAIL
        reply = await dns.asyncquery.udp(query, server.address, port=server.port, timeout=5)
        assert reply.rcode() == dns.rcode.REFUSED


@pytest.mark.parametrize("after", [0, 20])
async def test_a_connection_that_is_closed_in_the_middle(authority, certificate, after):
    async with DNSServer(ZONE, certificate=certificate, faults=[Fault.close(after)]) as server:
        with pytest.raises(EOFError):
            await ask(server, authority)


async def test_an_idle_connection_is_closed_with_a_farewell(authority, certificate):
    async with DNSServer(ZONE, certificate=certificate, idle=0.05) as server:
        reader, writer = await asyncio.open_connection(
            server.address, tls_port(server), ssl=authority.client_context(), server_hostname="localhost"
        )

        assert await asyncio.wait_for(reader.read(), 5) == b""
        writer.close()
        await writer.wait_closed()


def test_who_speaks_no_tls_is_let_go(run, certificate):
    async def main():
        async with DNSServer(ZONE, certificate=certificate) as server:
            reader, writer = await asyncio.open_connection(server.address, tls_port(server))
            writer.write(b"\x00\x0chello there!")
            assert (await asyncio.wait_for(reader.read(), 5))[:1] in {b"", b"\x15"}  # at most an alert
            writer.close()

            assert server.count == 0

    run(main())


async def test_a_client_that_refuses_the_certificate(authority):
    async with DNSServer(ZONE, certificate=authority.issue("other.test")) as server:
        with pytest.raises(ssl.SSLCertVerificationError):
            await ask(server, authority)

        assert server.count == 0


@pytest.mark.skipif(sys.platform != "linux", reason="counts file descriptors as Linux shows them")
async def test_nothing_is_left_behind(authority, certificate):
    def held():
        return len(list(Path("/proc/self/fd").iterdir())), len(asyncio.all_tasks())

    gc.collect()
    before = held()
    server = DNSServer(ZONE, certificate=certificate)
    await server.start()
    stalled = await asyncio.open_connection(server.address, tls_port(server))  # never shakes hands
    talking = await asyncio.open_connection(
        server.address, tls_port(server), ssl=authority.client_context(), server_hostname="localhost"
    )
    await server.aclose()
    for reader, writer in (stalled, talking):
        with contextlib.suppress(ConnectionError):
            assert await asyncio.wait_for(reader.read(), 5) == b""
        writer.close()
        with contextlib.suppress(ConnectionError):
            await asyncio.wait_for(writer.wait_closed(), 5)
    await asyncio.sleep(0)

    assert held() == before
