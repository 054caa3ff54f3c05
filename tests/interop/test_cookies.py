"""DNS cookies and random letter case, with servers that know them and servers that do not: no lookup is lost."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from conftest import host_address

from aioresolver import Cache, IterativeBackend, Resolver, StubBackend

WITH_COOKIES = {"nsd", "knot", "bind", "dnsmasq"}  # dnsmasq hands on what NSD says
AUTHORITATIVE = {"nsd", "knot", "bind"}
HOSTS = 500


@pytest.fixture
async def stub(server) -> AsyncIterator[StubBackend]:
    async with StubBackend(server.nameserver, randomize_case=True) as backend:
        yield backend


async def test_every_host_is_found_and_cookies_where_there_are_any(server, stub: StubBackend) -> None:
    async with Resolver(stub) as resolver:
        first = await resolver.resolve("h0.interop.test")
        answers = await asyncio.gather(*(resolver.resolve(f"h{number}.interop.test") for number in range(1, HOSTS)))
        (upstream,) = stub.upstreams

        assert [answer[0].address for answer in [first, *answers]] == [host_address(number) for number in range(HOSTS)]
        assert (upstream.dialect.expected() is not None) == (server.kind in WITH_COOKIES)
        assert upstream.scheme == "udp"


async def test_replies_from_a_forwarders_cache_have_no_cookie_and_are_not_waited_for(dnsmasq) -> None:
    names = [f"h{number}.interop.test" for number in range(100, 200)]
    backend = StubBackend(dnsmasq.nameserver)
    async with Resolver(backend, cache=Cache(0)) as resolver:
        for _ in range(3):
            answers = await asyncio.gather(*map(resolver.resolve, names))
            assert [answer[0].address for answer in answers] == [host_address(number) for number in range(100, 200)]
        doubted = {attempt.outcome for answer in answers for attempt in answer.attempts}
    assert doubted <= {"a reply without our cookie"}


async def test_walks_have_cookies_too(server) -> None:
    """Whichever way a question takes, it goes with the cookie and comes with it. A resolver is asked as a forwarder."""
    zones = {"interop.test": [server.nameserver.removeprefix("udp://")]}
    asked = {"stubs": zones} if server.kind in AUTHORITATIVE else {"forwards": zones}
    backend = IterativeBackend({"a.root.": ["127.0.0.1:9"]}, **asked)
    async with Resolver(backend, cache=Cache(0)) as resolver:
        for _ in range(3):
            answers = await asyncio.gather(*(resolver.resolve(f"h{number}.interop.test") for number in range(HOSTS)))
            assert [answer[0].address for answer in answers] == [host_address(number) for number in range(HOSTS)]
        (known,) = backend.memory.servers.measured()
        if server.kind != "dnsmasq":  # whose cache has none
            assert (known.cookies.expected is not None) == (server.kind in WITH_COOKIES)
        assert known.connected_until < 0
        assert known.in_flight == 0
