"""Snapshots: what a resolver counted and knows, as plain values that no longer change."""

from __future__ import annotations

import json

import pytest

from aioresolver.backends.routes import Routes
from aioresolver.backends.stub import StubBackend
from aioresolver.cache import Cache
from aioresolver.errors import ServerFailure
from aioresolver.flow.limiter import Limiter
from aioresolver.resolver import Resolver
from aioresolver.snapshot import LimiterState
from aioresolver.testing import DNSServer, Fault

ZONE = """
$ORIGIN seen.test.
@      60 SOA ns hostmaster 1 7200 3600 1209600 30
www    60 A 127.0.0.9
"""


async def test_everything_is_there() -> None:
    async with (
        DNSServer(ZONE, faults=[Fault.servfail(name="broken.seen.test")]) as server,
        Resolver(server.nameserver, limiter=Limiter(7, 1000)) as resolver,
    ):
        before = resolver.snapshot()
        await resolver.query("www.seen.test")
        await resolver.query("www.seen.test")
        with pytest.raises(ServerFailure):
            await resolver.query("broken.seen.test")
        after = resolver.snapshot()
        await resolver.query("no.seen.test")

    assert (before.lookups.lookups, before.cache.entries, before.upstreams[0].asked) == (0, 0, 0)
    assert before.upstreams[0].round_trip is None
    assert (after.lookups.lookups, after.lookups.answered, after.lookups.failed) == (2, 1, 1)
    assert (after.cache.hits, after.cache.misses, after.cache.entries) == (1, 2, 2)
    assert after.limiter == LimiterState(concurrency=7, rate=1000, in_use=0, waiting=0)
    (upstream,) = after.upstreams
    assert (upstream.server, upstream.scheme, upstream.benched) == (server.nameserver, "udp", False)
    assert (upstream.asked, upstream.answered, upstream.lost, upstream.in_flight) == (3, 3, 0, 0)
    assert upstream.round_trip is not None
    assert 0 < upstream.round_trip < 5
    assert upstream.window >= 1


async def test_it_is_fit_for_json() -> None:
    async with Resolver("127.0.0.1") as resolver:
        told = json.loads(json.dumps(resolver.snapshot().as_dict()))
    assert list(told) == ["lookups", "cache", "limiter", "upstreams"]
    assert told["upstreams"][0]["server"] == "udp://127.0.0.1"
    assert told["cache"]["evicted"] == told["lookups"]["joined"] == 0


async def test_backends_in_backends_and_without_upstreams() -> None:
    routes = Routes({"one.test": StubBackend("127.0.0.1"), "two.test": StubBackend("127.0.0.2")})
    async with Resolver(routes, cache=Cache(0)) as resolver:
        assert [upstream.server for upstream in resolver.snapshot().upstreams] == ["udp://127.0.0.1", "udp://127.0.0.2"]
    async with Resolver("system") as resolver:
        assert resolver.snapshot().upstreams == ()
