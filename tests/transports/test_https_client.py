"""over_client: queries through httpx, httpx2 and aiohttp, against the testing server, which they see as a web server."""

from __future__ import annotations

import asyncio
import contextlib
import errno

import aiohttp
import httpx
import pytest

from aioresolver import Resolver
from aioresolver.backends.stub import StubBackend
from aioresolver.errors import ConfigurationError, TransportError
from aioresolver.testing import DNSServer, Fault
from aioresolver.transports.base import AgedReply
from aioresolver.transports.https_client import HttpClientTransport, over_client
from aioresolver.transports.nameserver import Nameserver
from aioresolver.transports.udp import UdpTransport
from aioresolver.wire.message import Message, Question
from aioresolver.wire.query import query_wire

pytest.importorskip("cryptography")
pytest.importorskip("h2")

from aioresolver.testing.certificates import CertificateAuthority

try:
    import httpx2
except ImportError:  # it needs Python 3.11
    httpx2 = None

ZONE = "*.example. 60 A 192.0.2.1"
CLIENTS = ["httpx", "httpx over HTTP/2", "aiohttp", *(["httpx2"] if httpx2 else [])]


def soon(seconds: float = 10) -> float:
    return asyncio.get_running_loop().time() + seconds


def query(name: str = "www.example") -> bytes:
    return query_wire(Question.parse(name, "A"))


@pytest.fixture(scope="module")
def authority():
    return CertificateAuthority()


@pytest.fixture(scope="module")
def certificate(authority):
    return authority.issue("127.0.0.1", "dns.test")


def new_client(kind, authority):
    if kind == "aiohttp":
        return aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=authority.client_context()))
    if kind == "httpx2":
        return httpx2.AsyncClient(verify=authority.client_context(), http2=True)
    return httpx.AsyncClient(verify=authority.client_context(), http2=kind == "httpx over HTTP/2", trust_env=False)


@pytest.fixture(params=CLIENTS)
def client_of(request, authority):
    """A client of each kind: `async with client_of() as client`."""
    return lambda: new_client(request.param, authority)


@pytest.fixture
def carrying(client_of, certificate):
    """Server and transport: `async with carrying() as (server, transport)`."""

    @contextlib.asynccontextmanager
    async def carry(options=""):
        async with client_of() as client, DNSServer(ZONE, certificate=certificate) as server:
            transport = over_client(client)(Nameserver.parse(server.nameserver_https + options))
            try:
                yield server, transport
            finally:
                await transport.aclose()

    return carry


@pytest.mark.parametrize("options", ["", "?method=get", "#dns.test"])
async def test_carries_queries(carrying, options):
    async with carrying(options) as (server, transport):
        assert isinstance(transport, HttpClientTransport)
        replies = await asyncio.gather(*[transport.exchange(query(f"h{n}.example"), soon()) for n in range(50)])
        for number, reply in enumerate(replies):
            assert type(reply) is bytes
            assert str(Message.parse(reply).question[0].name) == f"h{number}.example."
        assert {received.transport for received in server.queries} == {"https"}
        assert {received.id for received in server.queries} == {0}


async def test_resolves(client_of, certificate):
    async with client_of() as client, DNSServer(ZONE, certificate=certificate) as server:
        backend = StubBackend(server.nameserver_https, open_transport=over_client(client))
        async with Resolver(backend, hosts={}) as resolver:
            assert (await resolver.query("www.example")).data[0].address == "192.0.2.1"
        assert not getattr(client, "is_closed", getattr(client, "closed", None))


NO_REPLIES = {
    "out of service": (Fault.http(status=503), "HTTP status 503"),
    "a redirect": (Fault.http(status=302, headers=[("location", "/dns-query")]), "redirects are not followed"),
    "a page": (Fault.http(content_type="text/html"), "text/html, not application/dns-message"),
    "a megabyte": (Fault.http(body=bytes(1 << 20)), "the reply is longer than 65535 bytes"),
    "garbage": (Fault.http(body=b"garbage" * 4), "the response is no reply to the query"),
    "compressed": (Fault.http(headers=[("content-encoding", "gzip")]), "compressed|content-encoding"),
}


@pytest.mark.parametrize("case", NO_REPLIES)
async def test_what_is_no_reply(carrying, case):
    fault, reason = NO_REPLIES[case]
    async with carrying() as (server, transport):
        server.faults = [Fault(fault.action, times=1)]
        with pytest.raises(TransportError, match=reason) as raised:
            await transport.exchange(query(), soon())
        assert not raised.value.local
        assert await transport.exchange(query(), soon())


async def test_the_age_of_a_reply(carrying):
    async with carrying() as (server, transport):
        server.faults = [Fault.http(headers=[("age", "30")])]
        reply = await transport.exchange(query(), soon())
        assert isinstance(reply, AgedReply)
        assert reply.age == 30


async def test_a_body_that_drips_ends_at_the_deadline(carrying):
    async with carrying() as (server, transport):
        server.faults = [Fault.http(stall_after=20)]
        with pytest.raises(TransportError, match="no reply before the deadline") as raised:
            await transport.exchange(query(), soon(0.05))
        assert raised.value.errno == errno.ETIMEDOUT


async def test_cancelling_ends_the_request(carrying):
    async with carrying() as (server, transport):
        server.faults = [Fault.drop(times=1)]
        asked = transport.exchange(query(), soon())
        await server.received(1)
        asked.cancel()
        assert await transport.exchange(query(), soon())
        assert len(transport._tasks) == 0


async def test_closing_the_transport_and_not_the_client(client_of, certificate):
    async with client_of() as client, DNSServer(ZONE, certificate=certificate) as server:
        server.faults = [Fault.drop(times=1)]
        open_transport = over_client(client)
        transport = open_transport(Nameserver.parse(server.nameserver_https))
        asked = transport.exchange(query(), soon())
        await server.received(1)
        await transport.aclose()
        await transport.aclose()
        with pytest.raises(TransportError, match="the transport is closed") as raised:
            await asked
        assert raised.value.local
        with pytest.raises(TransportError, match="the transport is closed"):
            await transport.exchange(query(), soon())
        other = open_transport(Nameserver.parse(server.nameserver_https))
        assert await other.exchange(query(), soon())
        await other.aclose()


async def test_nobody_listens(client_of, closed_port):
    async with client_of() as client:
        transport = over_client(client)(Nameserver("https", "127.0.0.1", closed_port))
        with pytest.raises(TransportError, match=r"the HTTP client: .+") as raised:
            await transport.exchange(query(), soon())
        assert not raised.value.local
        await transport.aclose()


async def test_a_certificate_that_is_not_right(client_of, authority):
    async with client_of() as client, DNSServer(ZONE, certificate=authority.issue("other.test")) as server:
        transport = over_client(client)(Nameserver.parse(server.nameserver_https))
        with pytest.raises(TransportError, match=r"(?i)certificate"):
            await transport.exchange(query(), soon())
        assert server.queries == []
        await transport.aclose()


async def test_a_client_that_is_closed(client_of):
    async with client_of() as client:
        pass
    transport = over_client(client)(Nameserver("https", "127.0.0.1", 1))
    with pytest.raises(TransportError, match=r"the HTTP client: .*closed") as raised:
        await transport.exchange(query(), soon())
    assert raised.value.local
    await transport.aclose()


async def test_what_is_not_https_is_opened_as_ever(authority):
    async with new_client("httpx", authority) as client:
        transport = over_client(client)(Nameserver.parse("127.0.0.1"))
        assert isinstance(transport, UdpTransport)
        await transport.aclose()


@pytest.mark.parametrize("options", ["?opportunistic", "?pin-sha256=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="])
async def test_what_the_client_decides_cannot_be_set(authority, options):
    async with new_client("httpx", authority) as client:
        with pytest.raises(ConfigurationError, match="up to the client"):
            over_client(client)(Nameserver.parse(f"https://127.0.0.1/dns-query{options}"))


@pytest.mark.parametrize("client", [None, "httpx", httpx.Client()], ids=["none", "text", "not asyncio"])
def test_other_clients(client):
    with pytest.raises(ConfigurationError, match=r"an HTTP client is an httpx\.AsyncClient, .* not "):
        over_client(client)


async def test_a_class_of_ones_own(authority, certificate):
    class Client(httpx.AsyncClient):
        pass

    async with (
        Client(verify=authority.client_context(), trust_env=False) as client,
        DNSServer(ZONE, certificate=certificate) as server,
    ):
        transport = over_client(client)(Nameserver.parse(server.nameserver_https))
        assert await transport.exchange(query(), soon())
        await transport.aclose()


def test_belongs_to_one_loop(authority):
    async def use():
        transport.exchange(query(), soon()).cancel()
        await asyncio.sleep(0)

    client = httpx.AsyncClient(trust_env=False)
    transport = over_client(client)(Nameserver("https", "127.0.0.1", 1))
    asyncio.run(use())
    with pytest.raises(RuntimeError, match="belongs to another event loop"):
        asyncio.run(use())
