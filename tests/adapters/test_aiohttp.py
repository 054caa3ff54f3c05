"""AiohttpResolver and its connector: what aiohttp does with them, over real connections on loopback."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import importlib.util
import socket
import sys
import types
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from aiohttp.abc import AbstractResolver

from aioresolver.adapters import aiohttp as adapter_module
from aioresolver.adapters.aiohttp import AiohttpResolver, aiohttp_connector
from aioresolver.cache import Cache
from aioresolver.errors import (
    AddressBlocked,
    LookupTimeout,
    NameNotFound,
    NoRecords,
    ServerFailure,
    UsageError,
)
from aioresolver.policy import AddressPolicy
from aioresolver.resolver import Resolver
from aioresolver.testing import DNSServer, Fault

ZONE = """
$ORIGIN web.test.
@       60 SOA ns hostmaster 1 7200 3600 1209600 30
www     60 A 127.0.0.1
four    60 A 127.0.0.1
six     60 AAAA ::1
both    60 A 127.0.0.1
both    60 AAAA ::1
many    60 A 127.0.0.1
many    60 A 127.0.0.2
many    60 A 127.0.0.3
many    60 A 127.0.0.4
second  60 A 127.0.0.77
second  60 A 127.0.0.1
short   1  A 127.0.0.1
empty   60 TXT "no addresses"
"""

AIOHTTP = tuple(map(int, aiohttp.__version__.split(".")[:2]))
# Before 3.11.3 a failed lookup was a plain ClientConnectorError.
DNS_ERROR = getattr(aiohttp, "ClientConnectorDNSError", aiohttp.ClientConnectorError)


@pytest.fixture
async def server() -> AsyncIterator[DNSServer]:
    async with DNSServer(ZONE) as running:
        yield running


@pytest.fixture
async def resolver(server: DNSServer) -> AsyncIterator[Resolver]:
    async with Resolver(server.nameserver, timeout=1.0) as made:
        yield made


@pytest.fixture
async def port(site) -> AsyncIterator[int]:
    async with site.at("127.0.0.1"):
        yield site.port


def session(resolver: Resolver | AiohttpResolver, **options: Any) -> aiohttp.ClientSession:
    return aiohttp.ClientSession(connector=aiohttp_connector(resolver, **options))


async def text(client: aiohttp.ClientSession, url: str, **options: Any) -> str:
    async with client.get(url, **options) as response:
        return await response.text()


# ---- a connection


@pytest.mark.parametrize("use_dns_cache", [False, True])
def test_a_page_of_a_name_that_only_our_server_knows(run, site, use_dns_cache):
    async def main() -> None:
        async with (
            DNSServer(ZONE) as server,
            Resolver(server.nameserver) as resolver,
            site.at("127.0.0.1"),
            session(resolver, use_dns_cache=use_dns_cache) as client,
        ):
            for host in ("www.web.test", "WWW.web.test", "www.web.test."):
                assert (await text(client, f"http://{host}:{site.port}/")).startswith("www.web.test")

    run(main())


def test_tls_and_the_host_are_those_of_the_url(run, site, certificates):
    async def main() -> None:
        async with (
            DNSServer(ZONE) as server,
            Resolver(server.nameserver) as resolver,
            site.at("127.0.0.1", context=certificates.server),
            session(resolver) as client,
        ):
            url = f"https://www.web.test:{site.port}/"
            assert await text(client, url, ssl=certificates.client) == f"www.web.test:{site.port}"
            with pytest.raises(aiohttp.ClientConnectorCertificateError):
                await text(client, url)

    run(main())
    assert certificates.asked == ["www.web.test", "www.web.test"]


async def test_the_next_address_is_tried_when_one_refuses(server, port):
    async with Resolver(server.nameserver, address_order="as-is") as resolver, session(resolver) as client:
        for host in ("second", "both"):
            assert await text(client, f"http://{host}.web.test:{port}/")


async def test_one_resolver_serves_many_sessions(server, resolver, port):
    adapter = AiohttpResolver(resolver)
    for _ in range(3):
        async with session(adapter) as client:
            await text(client, f"http://www.web.test:{port}/")
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(resolver=adapter)) as client:
            await text(client, f"http://www.web.test:{port}/")
    assert server.asked("www.web.test", "A") == 1


async def test_an_override_of_a_port_leads_to_another(server, port):
    hosts = {"shop.test:80": ("127.0.0.1", port), "shop.test:81": "127.0.0.9"}
    async with Resolver(server.nameserver, hosts=hosts) as resolver:
        async with session(resolver) as client:
            assert await text(client, "http://shop.test/") == "shop.test"
        adapter = AiohttpResolver(resolver)
        (found,) = await adapter.resolve("shop.test", 81)
        assert (found["host"], found["port"]) == ("127.0.0.9", 81)
        with pytest.raises(NoRecords):
            await adapter.resolve("shop.test", 80, socket.AF_INET6)
    assert server.count == 0


async def test_a_name_is_asked_again_when_its_ttl_is_over(server):
    """With use_dns_cache=False aiohttp keeps nothing: what counts is the record's TTL."""
    async with Resolver(server.nameserver) as resolver:
        adapter = AiohttpResolver(resolver)
        await adapter.resolve("short.web.test")
        await adapter.resolve("short.web.test", 443)
        assert server.asked("short.web.test") == 1
        answer = resolver.peek("short.web.test")
        assert answer is not None
        answer.expires = asyncio.get_running_loop().time() - 1
        resolver.cache.flush("short.web.test")
        await adapter.resolve("short.web.test")
        assert server.asked("short.web.test") == 2


# ---- what a resolver returns


async def test_the_form_of_results(resolver):
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
    assert len(await adapter.resolve("many.web.test")) == 4
    assert (await adapter.resolve("fe80::1%lo", 80, socket.AF_INET6))[0]["host"] == "fe80::1%lo"


@pytest.mark.parametrize(
    ("host", "family", "families"),
    [
        ("six", socket.AF_UNSPEC, {socket.AF_INET6}),
        ("both", socket.AF_UNSPEC, {socket.AF_INET, socket.AF_INET6}),
        ("both", socket.AF_INET, {socket.AF_INET}),
        ("both", socket.AF_INET6, {socket.AF_INET6}),
    ],
)
async def test_only_addresses_of_the_family(resolver, host, family, families):
    found = await AiohttpResolver(resolver).resolve(f"{host}.web.test", 80, family)

    assert {result["family"] for result in found} == families


@pytest.mark.parametrize(
    ("host", "family", "error"),
    [
        ("no.web.test", socket.AF_UNSPEC, NameNotFound),
        ("empty.web.test", socket.AF_UNSPEC, NoRecords),
        ("four.web.test", socket.AF_INET6, NoRecords),
        ("bad..name", socket.AF_INET, NameNotFound),
        ("127.1", socket.AF_INET, NameNotFound),
    ],
)
async def test_never_an_empty_list(resolver, host, family, error):
    with pytest.raises(error) as caught:
        await AiohttpResolver(resolver).resolve(host, 80, family)
    assert isinstance(caught.value, socket.gaierror)


async def test_a_family_that_the_host_has_not_is_an_error_of_the_lookup(resolver, port):
    async with session(resolver, family=socket.AF_INET6) as client:
        with pytest.raises(DNS_ERROR):
            await text(client, f"http://four.web.test:{port}/")


@pytest.mark.parametrize("use_dns_cache", [False, True])
@pytest.mark.parametrize(
    ("fault", "error"), [(Fault.servfail(), ServerFailure), (Fault.silence(), LookupTimeout), (None, NameNotFound)]
)
async def test_errors_become_client_connector_dns_errors(server, fault, error, use_dns_cache):
    if fault is not None:
        server.faults.append(fault)
    async with (
        Resolver(server.nameserver, timeout=0.3) as resolver,
        session(resolver, use_dns_cache=use_dns_cache) as client,
    ):
        with pytest.raises(DNS_ERROR) as caught:
            await text(client, "http://no.web.test/")
    assert isinstance(caught.value.os_error, error)
    assert caught.value.os_error.errno is not None


# ---- many at once, and some that go away


@pytest.mark.parametrize("use_dns_cache", [False, True])
async def test_concurrent_requests_are_one_lookup(server, resolver, port, use_dns_cache):
    async with session(resolver, use_dns_cache=use_dns_cache) as client:
        pages = await asyncio.gather(*(text(client, f"http://www.web.test:{port}/") for _ in range(20)))
    assert len(pages) == 20
    assert server.asked("www.web.test", "A") == 1


@pytest.mark.parametrize("use_dns_cache", [False, True])
async def test_concurrent_requests_have_one_failure(server, resolver, use_dns_cache):
    async with session(resolver, use_dns_cache=use_dns_cache) as client:
        ends = await asyncio.gather(*(text(client, "http://no.web.test/") for _ in range(10)), return_exceptions=True)
    assert {type(end) for end in ends} == {DNS_ERROR}
    assert server.asked("no.web.test", "A") == 1


@pytest.mark.parametrize("use_dns_cache", [False, True])
async def test_after_a_failure_that_is_not_kept_the_next_one_asks_again(server, port, use_dns_cache):
    async with (
        Resolver(server.nameserver, cache=Cache(failure_ttl=0)) as resolver,
        session(resolver, use_dns_cache=use_dns_cache) as client,
    ):
        server.faults.append(Fault.servfail())
        with pytest.raises(DNS_ERROR):
            await text(client, f"http://www.web.test:{port}/")
        server.faults.clear()
        assert await text(client, f"http://www.web.test:{port}/")


@pytest.mark.parametrize("use_dns_cache", [False, True])
@pytest.mark.parametrize("first", [0, 1])
async def test_a_cancelled_request_harms_no_other(server, resolver, port, use_dns_cache, first):
    server.faults.append(Fault.delay(0.1))
    async with session(resolver, use_dns_cache=use_dns_cache) as client:
        requests = [asyncio.create_task(text(client, f"http://four.web.test:{port}/")) for _ in range(2)]
        await server.received()
        requests[first].cancel()
        with pytest.raises(asyncio.CancelledError):
            await requests[first]
        assert await requests[1 - first]
    assert server.asked("four.web.test", "A") == 1


@pytest.mark.parametrize("use_dns_cache", [False, True])
async def test_when_all_are_cancelled_nothing_complains(server, resolver, use_dns_cache):
    complaints: list[Any] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))
    server.faults.append(Fault.servfail())
    server.faults.append(Fault.delay(0.05))
    async with session(resolver, use_dns_cache=use_dns_cache) as client:
        requests = [asyncio.create_task(text(client, "http://www.web.test/")) for _ in range(3)]
        await server.received()
        for request in requests:
            request.cancel()
        assert {type(end) for end in await asyncio.gather(*requests, return_exceptions=True)} == {
            asyncio.CancelledError
        }
    await resolver.aclose()
    del requests
    gc.collect()
    await asyncio.sleep(0)
    assert complaints == []


# ---- closing


async def test_it_closes_what_it_made_and_leaves_what_it_was_given(resolver):
    given, made = AiohttpResolver(resolver), AiohttpResolver()
    for adapter in (given, made):
        await adapter.close()
        await adapter.close()
        with pytest.raises(UsageError, match="closed"):
            await adapter.resolve("www.web.test")
    assert await resolver.resolve("www.web.test")
    async with AiohttpResolver() as adapter:
        pass
    with pytest.raises(UsageError, match="closed"):
        await adapter.resolve("www.web.test")


async def test_a_session_leaves_the_resolver_open(resolver, port):
    adapter = AiohttpResolver(resolver)
    async with session(adapter) as client:
        await text(client, f"http://www.web.test:{port}/")
    assert await adapter.resolve("www.web.test")


@pytest.mark.parametrize("use_dns_cache", [False, True])
async def test_closing_the_resolver_ends_what_waits_for_it(server, use_dns_cache):
    server.faults.append(Fault.silence())
    resolver = Resolver(server.nameserver)
    async with session(resolver, use_dns_cache=use_dns_cache) as client:
        request = asyncio.create_task(text(client, "http://www.web.test/"))
        await server.received()
        await resolver.aclose()
        with pytest.raises(UsageError, match="closed"):
            await request


class Silent(AbstractResolver):
    """A resolver that never answers, as aiohttp's own tests have it."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()

    async def resolve(self, host: str, port: int = 0, family: Any = 0) -> Any:
        self.asked.set()
        await asyncio.Event().wait()

    async def close(self) -> None:
        """There is nothing to close."""


@pytest.mark.skipif(AIOHTTP < (3, 11), reason="before, closing left a waiting request behind")
async def test_closing_the_session_ends_its_requests_as_with_any_resolver(server, resolver):
    """With aiohttp's cache, where the connector looks names up by tasks of its own."""
    server.faults.append(Fault.silence())
    silent = Silent()
    ends = []
    for each, asked in ((silent, silent.asked.wait), (AiohttpResolver(resolver), server.received)):
        client = aiohttp.ClientSession(connector=aiohttp.TCPConnector(resolver=each))
        requests = [asyncio.create_task(text(client, "http://www.web.test/")) for _ in range(3)]
        await asked()
        await client.close()
        ends.append([type(end) for end in await asyncio.gather(*requests, return_exceptions=True)])
    assert ends[0] == ends[1]


# ---- what the connector does beside


@pytest.mark.parametrize("use_dns_cache", [False, True])
async def test_addresses_in_urls_are_no_lookups(server, resolver, site, use_dns_cache):
    async with site.at("127.0.0.1", "::1"), session(resolver, use_dns_cache=use_dns_cache) as client:
        for host in ("127.0.0.1", "[::1]"):
            assert await text(client, f"http://{host}:{site.port}/")
    assert server.count == 0


async def test_traces_see_every_lookup(resolver, port):
    seen = []

    async def see(client: Any, context: Any, params: Any) -> None:
        seen.append((type(params).__name__, params.host))

    trace = aiohttp.TraceConfig()
    trace.on_dns_resolvehost_start.append(see)
    trace.on_dns_resolvehost_end.append(see)
    async with aiohttp.ClientSession(connector=aiohttp_connector(resolver), trace_configs=[trace]) as client:
        for _ in range(2):
            await text(client, f"http://www.web.test:{port}/")
    assert (
        seen
        == [
            ("TraceDnsResolveHostStartParams", "www.web.test"),
            ("TraceDnsResolveHostEndParams", "www.web.test"),
        ]
        * 2
    )


async def test_the_options_of_the_connector_are_handed_on(resolver, port):
    connector = aiohttp_connector(resolver, limit=7, local_addr=("127.0.0.5", 0))
    assert connector.limit == 7
    assert not connector.use_dns_cache
    async with aiohttp.ClientSession(connector=connector) as client:
        assert await text(client, f"http://www.web.test:{port}/")


# ---- the policy


async def test_attacks_reach_nobody_inside(attack, attack_zone, connections, site):
    policy = AddressPolicy.public(allow=["127.0.0.9"])
    async with (
        DNSServer(attack_zone) as server,
        Resolver(server.nameserver, policy=policy, timeout=2) as resolver,
        site.at("127.0.0.9", "127.0.0.1", "::1"),
        session(resolver) as client,
    ):
        with contextlib.suppress(aiohttp.ClientError, ValueError):
            await text(client, attack.replace("PORT", str(site.port)))
    assert set(connections) <= {"127.0.0.9"}
    assert all(host.startswith("good.attack.test") for host in site.hosts)


async def test_the_attacks_are_real(attacks, attack_zone, connections, site):
    """Without a policy most of them arrive inside, if this aiohttp takes such URLs at all."""
    arrived = 0
    async with (
        DNSServer(attack_zone) as server,
        Resolver(server.nameserver) as resolver,
        site.at("127.0.0.9", "127.0.0.1", "::1"),
        session(resolver) as client,
    ):
        for attack in attacks:
            connections.clear()
            with contextlib.suppress(aiohttp.ClientError, ValueError):
                await text(client, attack.replace("PORT", str(site.port)))
            arrived += not set(connections) <= {"127.0.0.9"}
    assert len(attacks) >= 50
    assert arrived >= 50


@pytest.mark.skipif(not adapter_module.HAS_SOCKET_FACTORY, reason="aiohttp 3.12")
async def test_attacks_reach_nobody_by_a_connector_of_ones_own(attack, attack_zone, connections, site):
    """The two parts that are public, and aiohttp's own cache between them."""
    policy = AddressPolicy.public(allow=["127.0.0.9"])
    async with DNSServer(attack_zone) as server, Resolver(server.nameserver, policy=policy, timeout=2) as resolver:
        adapter = AiohttpResolver(resolver)
        connector = aiohttp.TCPConnector(resolver=adapter, socket_factory=adapter.socket_factory)
        async with site.at("127.0.0.9", "127.0.0.1", "::1"), aiohttp.ClientSession(connector=connector) as client:
            with contextlib.suppress(aiohttp.ClientError, ValueError):
                await text(client, attack.replace("PORT", str(site.port)))
    assert set(connections) <= {"127.0.0.9"}


async def test_a_name_that_changes_between_check_and_connection(server, connections, site):
    """What was checked is what is connected to: one lookup for a connection, and a check for each lookup."""
    policy = AddressPolicy.public(allow=["127.0.0.9"])
    server.add("two.web.test. 0 A 127.0.0.9")
    async with (
        Resolver(server.nameserver, policy=policy) as resolver,
        site.at("127.0.0.9", "127.0.0.1"),
        session(resolver) as client,
    ):
        url = f"http://two.web.test:{site.port}/"
        assert await text(client, url)
        assert server.asked("two.web.test", "A") == 1
        server.remove("two.web.test")
        server.add("two.web.test. 0 A 127.0.0.1")
        with pytest.raises(aiohttp.ClientConnectorError) as caught:
            await text(client, url)
    assert isinstance(caught.value.os_error, AddressBlocked)
    assert set(connections) == {"127.0.0.9"}


async def test_the_error_of_a_literal_names_the_rule():
    async with Resolver("127.0.0.1", policy=AddressPolicy.public()) as resolver, session(resolver) as client:
        with pytest.raises(aiohttp.ClientConnectorError) as caught:
            await text(client, "http://169.254.169.254/latest/meta-data/")
    assert isinstance(caught.value.os_error, AddressBlocked)
    assert "cloud metadata" in str(caught.value.os_error)


async def test_a_name_that_the_policy_exempts(server, port):
    policy = AddressPolicy.public(allow_names=["web.test"])
    async with Resolver(server.nameserver, policy=policy) as resolver, session(resolver) as client:
        with pytest.raises(aiohttp.ClientConnectorError):
            await text(client, f"http://127.0.0.1:{port}/")
        assert await text(client, f"http://www.web.test:{port}/")


async def test_addresses_of_exempt_names_are_not_remembered_without_end(server, monkeypatch):
    monkeypatch.setattr(adapter_module, "MOST_REMEMBERED", 2)
    policy = AddressPolicy.public(allow_names=["web.test"])
    async with Resolver(server.nameserver, policy=policy) as resolver:
        adapter = AiohttpResolver(resolver)
        await adapter.resolve("many.web.test")
        passing = []
        for number in range(1, 5):
            try:
                adapter.check(f"127.0.0.{number}")
            except AddressBlocked:
                continue
            passing.append(number)
    assert len(passing) == 2


@pytest.mark.skipif(not adapter_module.HAS_SOCKET_FACTORY, reason="aiohttp 3.12")
async def test_a_socket_factory_of_ones_own_is_called_after_the_check(server, port):
    made = []

    def factory(addr_info: Any) -> socket.socket:
        made.append(addr_info[4])
        return socket.socket(*addr_info[:3])

    policy = AddressPolicy.public(allow_names=["www.web.test"])
    async with (
        Resolver(server.nameserver, policy=policy) as resolver,
        session(resolver, socket_factory=factory) as client,
    ):
        assert await text(client, f"http://www.web.test:{port}/")
        with pytest.raises(aiohttp.ClientConnectorError):
            await text(client, "http://10.0.0.1/")
    assert made == [("127.0.0.1", port)]


# ---- without aiohttp


def load_anew() -> None:
    spec = importlib.util.spec_from_file_location("another", adapter_module.__file__)
    assert spec is not None
    assert spec.loader is not None
    spec.loader.exec_module(importlib.util.module_from_spec(spec))


def test_without_aiohttp_one_sentence_says_what_to_install(monkeypatch):
    sentence = r'^aioresolver.adapters.aiohttp needs aiohttp 3.10 or newer: pip install "aioresolver\[aiohttp\]"$'
    monkeypatch.setitem(sys.modules, "aiohttp", None)
    with pytest.raises(ModuleNotFoundError, match=sentence):
        load_anew()
    old = types.ModuleType("aiohttp")
    old.TCPConnector = object
    old.__path__ = []
    abc = types.ModuleType("aiohttp.abc")
    abc.AbstractResolver = object
    monkeypatch.setitem(sys.modules, "aiohttp", old)
    monkeypatch.setitem(sys.modules, "aiohttp.abc", abc)
    with pytest.raises(ImportError, match=sentence):
        load_anew()
