"""Prometheus: what a registry collects from resolvers, and the histogram of durations; names are nowhere."""

from __future__ import annotations

import subprocess
import sys

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from aioresolver.adapters.prometheus import LookupDurations, ResolverCollector
from aioresolver.errors import LookupTimeout, ServerFailure
from aioresolver.events import LookupFailed, LookupStarted, UpstreamBack
from aioresolver.resolver import Resolver
from aioresolver.testing import DNSServer, Fault
from aioresolver.wire.message import Question

ZONE = """
$ORIGIN seen.test.
@      60 SOA ns hostmaster 1 7200 3600 1209600 30
www    60 A 127.0.0.9
"""
QUESTION = Question.parse("www.seen.test")


def registry_of(*collectors: object) -> CollectorRegistry:
    registry = CollectorRegistry()
    for collector in collectors:
        registry.register(collector)
    return registry


async def use(resolver: Resolver) -> None:
    """Two lookups answered, one failed, one hit, one that is known not to exist, one known failure."""
    for name in ("www", "www", "no", "no"):
        await resolver.query(f"{name}.seen.test")
    for _ in range(2):
        with pytest.raises(ServerFailure):
            await resolver.query("broken.seen.test")


async def test_a_registry_collects_what_a_resolver_counts() -> None:
    durations = LookupDurations()
    async with (
        DNSServer(ZONE, faults=[Fault.servfail(name="broken.seen.test")]) as server,
        Resolver(server.nameserver, observer=durations) as resolver,
    ):
        registry = registry_of(ResolverCollector(resolver), durations)
        assert registry.get_sample_value("aioresolver_lookups_total") == 0
        assert registry.get_sample_value("aioresolver_upstream_round_trip_seconds") is None
        await use(resolver)

    def value(name: str, **labels: str) -> float | None:
        return registry.get_sample_value(f"aioresolver_{name}", labels)

    here = {"server": server.nameserver}
    assert value("lookups_total") == 3
    assert value("lookups_answered_total") == 2
    assert (value("lookups_failed_total", kind="timeout"), value("lookups_failed_total", kind="other")) == (0, 1)
    assert value("lookups_joined_total") == value("lookups_in_flight") == value("limiter_waiting") == 0
    hits = {kind: value("cache_hits_total", kind=kind) for kind in ("answer", "negative", "failure", "stale")}
    assert hits == {"answer": 1, "negative": 1, "failure": 1, "stale": 0}
    assert (value("cache_misses_total"), value("cache_entries"), value("cache_stored_total")) == (3, 3, 3)
    assert value("cache_dropped_total", reason="evicted") == 0
    assert (value("upstream_asked_total", **here), value("upstream_answered_total", **here)) == (4, 4)
    assert (value("upstream_lost_total", **here), value("upstream_benched", **here)) == (0, 0)
    assert 0 < (value("upstream_round_trip_seconds", **here) or 0) < 5
    assert value("lookup_duration_seconds_count", outcome="answered") == 2
    assert value("lookup_duration_seconds_count", outcome="failed") == 1
    text = generate_latest(registry).decode()
    assert "seen.test" not in text
    assert "# HELP aioresolver_lookups_total Lookups sent to the backend." in text


async def test_several_resolvers_have_a_label() -> None:
    async with DNSServer(ZONE) as server, Resolver(server.nameserver) as one, Resolver("system") as two:
        registry = registry_of(ResolverCollector({"api": one, "crawler": two}))
        await one.query("www.seen.test")
    found = [registry.get_sample_value("aioresolver_lookups_total", {"resolver": name}) for name in ("api", "crawler")]
    assert found == [1, 0]
    asked = {"resolver": "api", "server": server.nameserver}
    assert registry.get_sample_value("aioresolver_upstream_asked_total", asked) == 1


def test_durations_fall_into_their_buckets() -> None:
    durations = LookupDurations([0.1, 1])
    registry = registry_of(durations)
    error = LookupTimeout("www.seen.test.", "A", "late")
    for elapsed in (0.05, 0.1, 0.5, 5.0):
        durations(LookupFailed(QUESTION, error, elapsed))
    durations(LookupFailed(QUESTION, ZeroDivisionError(), 0.2))
    durations(LookupStarted(QUESTION))
    durations(UpstreamBack("udp://192.0.2.1"))

    def value(name: str, **labels: str) -> float | None:
        return registry.get_sample_value(f"aioresolver_lookup_duration_seconds_{name}", labels)

    assert [value("bucket", outcome="timeout", le=bound) for bound in ("0.1", "1.0", "+Inf")] == [2, 3, 4]
    assert value("sum", outcome="timeout") == pytest.approx(5.65)
    assert value("count", outcome="failed") == 1
    assert value("count", outcome="answered") == 0


@pytest.mark.parametrize("buckets", [[], [1, 0.5], [1, 1]])
def test_impossible_buckets(buckets: list[float]) -> None:
    with pytest.raises(ValueError, match="ascending"):
        LookupDurations(buckets)


@pytest.mark.parametrize(
    "before", ["sys.modules['prometheus_client'] = None", "import prometheus_client.registry as r; del r.Collector"]
)
def test_without_prometheus_client_one_sentence_says_what_to_install(before: str) -> None:
    program = f"import sys\n{before}\nimport aioresolver.adapters.prometheus"
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)

    last = result.stderr.splitlines()[-1]
    assert "Error: aioresolver.adapters.prometheus needs prometheus-client 0.20 or newer: pip install" in last
    assert last.endswith('"aioresolver[prometheus]"')
