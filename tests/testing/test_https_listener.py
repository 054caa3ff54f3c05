"""The testing server over HTTPS, seen by httpx and aiohttp."""

from __future__ import annotations

import asyncio
import base64

import aiohttp
import dns.message
import httpx
import pytest

from aioresolver.testing import DNSServer, Fault

pytest.importorskip("cryptography")
pytest.importorskip("h2")

from aioresolver.testing.certificates import CertificateAuthority

ZONE = "www.example. 60 A 192.0.2.1\nlong.example. 60 TXT " + " ".join(f'"{n:03}{"." * 240}"' for n in range(200))
TYPE = "application/dns-message"


@pytest.fixture(scope="module")
def authority():
    return CertificateAuthority()


@pytest.fixture
def serving(authority):
    certificate = authority.issue()
    return lambda **options: DNSServer(ZONE, certificate=certificate, **options)


@pytest.fixture(params=[True, False], ids=["HTTP/2", "HTTP/1.1"])
def client_of(request, authority):
    return lambda: httpx.AsyncClient(verify=authority.client_context(), http2=request.param, trust_env=False)


def query(name="www.example", type="A"):
    return dns.message.make_query(name, type, id=0)


def encoded(wire):
    return base64.urlsafe_b64encode(wire).rstrip(b"=").decode()


def test_post_and_get(run, serving, client_of):
    async def main():
        async with serving() as server, client_of() as client:
            wire = query().to_wire()
            posted = await client.post(server.nameserver_https, content=wire, headers={"content-type": TYPE})
            got = await client.get(server.nameserver_https, params={"dns": encoded(wire)})
            for response in (posted, got):
                assert response.status_code == 200
                assert response.headers["content-type"] == TYPE
                assert dns.message.from_wire(response.content).answer[0][0].address == "192.0.2.1"
            assert [received.transport for received in server.queries] == ["https", "https"]

    run(main())


async def test_many_at_once_and_long_ones(serving, client_of):
    async with serving() as server, client_of() as client:
        url = f"{server.nameserver_https}?dns={encoded(query('long.example', 'TXT').to_wire())}"
        responses = await asyncio.gather(*[client.get(url) for _ in range(50)])
        assert {len(response.content) > 40_000 for response in responses} == {True}


REFUSED = {
    "another path": ("GET", "/elsewhere", {}, b"", 404),
    "no query": ("GET", "/dns-query", {}, b"", 400),
    "not base64": ("GET", "/dns-query?dns=***", {}, b"", 400),
    "padded": ("GET", "/dns-query?dns=AAAA==", {}, b"", 400),
    "another method": ("PUT", "/dns-query", {"content-type": TYPE}, b"x", 405),
    "another type": ("POST", "/dns-query", {"content-type": "text/plain"}, b"x", 415),
    "no type": ("POST", "/dns-query", {}, b"x", 415),
    "too long": ("POST", "/dns-query", {"content-type": TYPE}, bytes(70_000), 413),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
async def test_what_is_no_query(serving, client_of, case):
    method, target, headers, body, status = REFUSED[case]
    async with serving() as server, client_of() as client:
        url = server.nameserver_https.replace("/dns-query", target)
        response = await client.request(method, url, headers=headers, content=body)
        assert response.status_code == status
        assert server.count == 0


async def test_faults_of_http(serving, client_of):
    async with serving() as server, client_of() as client:
        server.faults = [
            Fault.http(status=503, headers=[("retry-after", "1")], times=1),
            Fault.http(body=b"hello", content_type="text/plain", after=1, times=1),
            Fault.servfail(after=2, times=1),
        ]
        url = f"{server.nameserver_https}?dns={encoded(query().to_wire())}"
        first, second, third, fourth = [await client.get(url) for _ in range(4)]
        assert (first.status_code, first.headers["retry-after"]) == (503, "1")
        assert (second.content, second.headers["content-type"]) == (b"hello", "text/plain")
        assert dns.message.from_wire(third.content).rcode() == 2
        assert dns.message.from_wire(fourth.content).answer


async def test_faults_of_other_transports_do_not_matter(serving, client_of):
    async with serving() as server, client_of() as client:
        server.faults = [Fault.servfail(transport="tls"), Fault.truncate()]
        response = await client.get(f"{server.nameserver_https}?dns={encoded(query().to_wire())}")
        assert dns.message.from_wire(response.content).answer


async def test_closing_in_the_middle(serving, client_of):
    async with serving() as server, client_of() as client:
        server.faults = [Fault.close(5, times=1)]
        url = f"{server.nameserver_https}?dns={encoded(query().to_wire())}"
        with pytest.raises(httpx.TransportError):
            await client.get(url)
        assert (await client.get(url)).status_code == 200


async def test_idle_connections_are_closed(serving, authority):
    async with serving(idle=0.01) as server:
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", int(server.nameserver_https.split(":")[2].split("/")[0]), ssl=authority.client_context()
        )
        assert await reader.read() == b""
        writer.close()


async def test_aiohttp_keeps_its_connection(serving, authority):
    async with serving() as server:
        connector = aiohttp.TCPConnector(ssl=authority.client_context(), limit=1)
        async with aiohttp.ClientSession(connector=connector) as session:
            for _ in range(3):
                headers = {"content-type": TYPE}
                async with session.post(server.nameserver_https, data=query().to_wire(), headers=headers) as response:
                    assert (await response.read())[:2] == b"\0\0"
        assert len({received.client for received in server.queries}) == 1


@pytest.mark.parametrize("garbage", [b"GET\r\n\r\n", b"GET / HTTP/1.1\r\ncontent-length: x\r\n\r\n", b"x" * 200_000])
async def test_garbage_ends_the_connection(serving, authority, garbage):
    async with serving() as server:
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", int(server.nameserver_https.split(":")[2].split("/")[0]), ssl=authority.client_context()
        )
        writer.write(garbage)
        assert await reader.read() == b""
        writer.close()
