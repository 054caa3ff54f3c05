"""DNS cookies and random letter case, with servers that know them and servers that do not: no lookup is lost."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from conftest import host_address

from aioresolver import Resolver, StubBackend

WITH_COOKIES = {"nsd", "knot", "bind"}
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
        assert upstream.lost == 0
