"""AiohttpResolver: what aiohttp's connector does with it."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from aioresolver.adapters.aiohttp import AiohttpResolver
from aioresolver.errors import LookupTimeout, NameNotFound, NoRecords, ServerFailure, UsageError
from aioresolver.resolver import Resolver
from aioresolver.testing import DNSServer, Fault

ZONE = """
$ORIGIN web.test.
@     60 SOA ns hostmaster 1 7200 3600 1209600 30
www   60 A 127.0.0.1
four  60 A 127.0.0.1
six   60 AAAA ::1
empty 60 TXT "no addresses"
"""


@pytest.fixture
async def server() -> AsyncIterator[DNSServer]:
    async with DNSServer(ZONE) as running:
        yield running


@pytest.fixture
async def resolver(server: DNSServer) -> AsyncIterator[Resolver]:
    async with Resolver(server.nameserver, timeout=1.0) as made:
        yield made


@pytest.fixture
async def port() -> AsyncIterator[int]:
    async def hello(request: web.Request) -> web.Response:
        return web.Response(text=request.host)

    application = web.Application()
    application.router.add_get("/", hello)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield runner.addresses[0][1]
    await runner.cleanup()


def session(resolver: AiohttpResolver, **options: Any) -> aiohttp.ClientSession:
    return aiohttp.ClientSession(connector=aiohttp.TCPConnector(resolver=resolver, use_dns_cache=False, **options))


async def test_a_page_of_a_name_that_only_our_server_knows(resolver: Resolver, port: int) -> None:
    async with session(AiohttpResolver(resolver)) as client, client.get(f"http://www.web.test:{port}/") as response:
        assert await response.text() == f"www.web.test:{port}"


async def test_the_form_of_results(resolver: Resolver) -> None:
    adapter = AiohttpResolver(resolver)
    assert await adapter.resolve("www.web.test", 80, socket.AF_INET) == [
        {
            "hostname": "www.web.test",
            "host": "127.0.0.1",
            "port": 80,
            "family": socket.AF_INET,
            "proto": 0,
            "flags": socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
        }
    ]
    assert [result["family"] for result in await adapter.resolve("six.web.test", 80, socket.AF_UNSPEC)] == [
        socket.AF_INET6
    ]
    assert (await adapter.resolve("fe80::1%lo", 80, socket.AF_INET6))[0]["host"] == "fe80::1%lo"


@pytest.mark.parametrize(
    ("host", "family", "error"),
    [
        ("no.web.test", socket.AF_UNSPEC, NameNotFound),
        ("empty.web.test", socket.AF_UNSPEC, NoRecords),
        ("four.web.test", socket.AF_INET6, NoRecords),
        ("bad..name", socket.AF_INET, NameNotFound),
    ],
)
async def test_never_an_empty_list(resolver: Resolver, host: str, family: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        await AiohttpResolver(resolver).resolve(host, 80, family)


@pytest.mark.parametrize(
    ("fault", "error"), [(Fault.servfail(), ServerFailure), (Fault.silence(), LookupTimeout), (None, NameNotFound)]
)
async def test_errors_become_client_connector_dns_errors(
    server: DNSServer, resolver: Resolver, fault: Any, error: type[Exception]
) -> None:
    if fault is not None:
        server.faults.append(fault)
    async with session(AiohttpResolver(resolver)) as client:
        with pytest.raises(aiohttp.ClientConnectorDNSError) as caught:
            await client.get("http://no.web.test/")
    assert isinstance(caught.value.os_error, error)
    assert caught.value.os_error.errno is not None


async def test_concurrent_requests_are_one_lookup(server: DNSServer, resolver: Resolver, port: int) -> None:
    async with session(AiohttpResolver(resolver)) as client:

        async def fetch() -> int:
            async with client.get(f"http://www.web.test:{port}/") as response:
                return response.status

        assert await asyncio.gather(*(fetch() for _ in range(20))) == [200] * 20
    assert server.count <= 2


async def test_a_cancelled_request_harms_no_other(server: DNSServer, resolver: Resolver) -> None:
    server.faults.append(Fault.delay(0.2))
    adapter = AiohttpResolver(resolver)
    first, second = (asyncio.create_task(adapter.resolve("www.web.test", 80)) for _ in range(2))
    await asyncio.sleep(0.05)
    first.cancel()
    assert (await second)[0]["host"] == "127.0.0.1"


async def test_it_closes_what_it_made_and_leaves_what_it_was_given(resolver: Resolver) -> None:
    given, made = AiohttpResolver(resolver), AiohttpResolver()
    for adapter in (given, made):
        await adapter.close()
        await adapter.close()
        with pytest.raises(UsageError, match="closed"):
            await adapter.resolve("www.web.test")
    assert await resolver.resolve("www.web.test")


async def test_an_override_of_a_port_leads_to_another(server: DNSServer, port: int) -> None:
    hosts = {"shop.test:80": ("127.0.0.1", port), "shop.test:81": "127.0.0.9"}
    async with Resolver(server.nameserver, hosts=hosts) as resolver:
        adapter = AiohttpResolver(resolver)
        async with session(adapter) as client, client.get("http://shop.test/") as response:
            assert await response.text() == "shop.test"
        (found,) = await adapter.resolve("shop.test", 81)
        assert (found["host"], found["port"]) == ("127.0.0.9", 81)
        with pytest.raises(NoRecords):
            await adapter.resolve("shop.test", 80, socket.AF_INET6)
    assert server.count == 0


async def test_one_resolver_serves_many_sessions(server: DNSServer, resolver: Resolver, port: int) -> None:
    for _ in range(3):
        async with session(AiohttpResolver(resolver)) as client, client.get(f"http://www.web.test:{port}/") as response:
            assert response.status == 200
    assert server.count <= 2
