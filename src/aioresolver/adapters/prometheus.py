"""Prometheus: what resolvers count, for a registry to collect, and an observer that counts durations. Names are no labels."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import accumulate

from aioresolver.errors import LookupTimeout
from aioresolver.events import Event, LookupAnswered, LookupFailed
from aioresolver.resolver import Resolver
from aioresolver.snapshot import Snapshot

try:
    from prometheus_client.core import CounterMetricFamily as Counter
    from prometheus_client.core import GaugeMetricFamily as Gauge
    from prometheus_client.core import HistogramMetricFamily, Metric
    from prometheus_client.registry import Collector
except ImportError as _error:
    raise type(_error)(
        'aioresolver.adapters.prometheus needs prometheus-client 0.20 or newer: pip install "aioresolver[prometheus]"',
        name=_error.name,
    ) from _error

__all__ = ["LookupDurations", "ResolverCollector"]

Samples = Iterable[tuple[tuple[str, ...], float]]
"""Values of the labels, and the number."""

BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0)


class ResolverCollector(Collector):
    """`REGISTRY.register(ResolverCollector(resolver))`: its counters, read when somebody collects, for nothing before.

    For several resolvers give a mapping, `{"api": one, "crawler": other}`: then every sample has the label `resolver`,
    and a cache that they share is shown for each. Nameservers are the label `server`. It may be collected from another
    thread than the resolver's. `REGISTRY.unregister` it when the resolver is closed for good.
    """

    def __init__(self, resolvers: Resolver | Mapping[str, Resolver]) -> None:
        named = isinstance(resolvers, Mapping)
        self._labels = ("resolver",) if named else ()
        self._resolvers: dict[tuple[str, ...], Resolver]
        if isinstance(resolvers, Mapping):
            self._resolvers = {(name,): resolver for name, resolver in resolvers.items()}
        else:
            self._resolvers = {(): resolvers}

    def collect(self) -> Iterator[Metric]:
        """Every metric with its samples."""
        snapshots = {labels: resolver.snapshot() for labels, resolver in self._resolvers.items()}
        for family, name, documentation, labels, samples in METRICS:
            metric = family(f"aioresolver_{name}", documentation, labels=(*self._labels, *labels))
            for whose, snapshot in snapshots.items():
                for which, value in samples(snapshot):
                    metric.add_metric((*whose, *which), value)
            yield metric


class LookupDurations(Collector):
    """An observer that counts how long lookups took, and a collector of that: a histogram by outcome.

    `Resolver(observer=durations)` and `REGISTRY.register(durations)`; one may observe several resolvers. What the cache
    knows is no lookup. `buckets` are upper bounds in seconds, ascending.
    """

    def __init__(self, buckets: Iterable[float] = BUCKETS) -> None:
        self._bounds = tuple(map(float, buckets))
        if not self._bounds or list(self._bounds) != sorted(set(self._bounds)):
            raise ValueError(f"buckets are upper bounds in seconds, ascending, not {self._bounds!r}")
        self._counts = {outcome: [0] * (len(self._bounds) + 1) for outcome in ("answered", "timeout", "failed")}
        self._sums = dict.fromkeys(self._counts, 0.0)

    def __call__(self, event: Event) -> None:
        """Count the end of a lookup."""
        if isinstance(event, LookupAnswered):
            outcome = "answered"
        elif isinstance(event, LookupFailed):
            outcome = "timeout" if isinstance(event.error, LookupTimeout) else "failed"
        else:
            return
        self._counts[outcome][bisect_left(self._bounds, event.elapsed)] += 1
        self._sums[outcome] += event.elapsed

    def collect(self) -> Iterator[Metric]:
        """The histogram."""
        metric = HistogramMetricFamily(
            "aioresolver_lookup_duration_seconds", "How long lookups took, by how they ended.", labels=("outcome",)
        )
        bounds = [*map(str, self._bounds), "+Inf"]
        for outcome, counts in self._counts.items():
            metric.add_metric((outcome,), list(zip(bounds, accumulate(counts), strict=True)), self._sums[outcome])
        yield metric


# ---- the metrics, each with its labels and what it reads of a snapshot


def _one(read: Callable[[Snapshot], float]) -> Callable[[Snapshot], Samples]:
    return lambda snapshot: [((), read(snapshot))]


def _failures(snapshot: Snapshot) -> Samples:
    lookups = snapshot.lookups
    return [(("timeout",), lookups.timed_out), (("other",), lookups.failed - lookups.timed_out)]


def _cache_hits(snapshot: Snapshot) -> Samples:
    cache = snapshot.cache
    yield ("answer",), cache.hits
    yield ("negative",), cache.negative_hits
    yield ("failure",), cache.failure_hits
    yield ("stale",), cache.stale_hits


def _cache_drops(snapshot: Snapshot) -> Samples:
    cache = snapshot.cache
    return [(("evicted",), cache.evicted), (("expired",), cache.expired), (("flushed",), cache.flushed)]


def _round_trips(snapshot: Snapshot) -> Samples:
    return [((each.server,), each.round_trip) for each in snapshot.upstreams if each.round_trip is not None]


def _of_upstreams(field: str) -> Callable[[Snapshot], Samples]:
    return lambda snapshot: [((each.server,), float(getattr(each, field))) for each in snapshot.upstreams]


METRICS: list[
    tuple[
        type[Counter | Gauge],
        str,
        str,
        tuple[str, ...],
        Callable[[Snapshot], Samples],
    ]
] = [
    (Counter, "lookups", "Lookups sent to the backend.", (), _one(lambda s: s.lookups.lookups)),
    (Counter, "lookups_answered", "Lookups that were answered.", (), _one(lambda s: s.lookups.answered)),
    (Counter, "lookups_failed", "Lookups that failed, by kind.", ("kind",), _failures),
    (Counter, "lookups_joined", "Askers who joined a lookup under way.", (), _one(lambda s: s.lookups.joined)),
    (Gauge, "lookups_in_flight", "Lookups under way.", (), _one(lambda s: s.lookups.under_way)),
    (Gauge, "limiter_waiting", "How many wait for the limiter.", (), _one(lambda s: s.limiter.waiting)),
    (Gauge, "limiter_in_use", "How many places of the limiter are taken.", (), _one(lambda s: s.limiter.in_use)),
    (Counter, "cache_hits", "What the cache knew, by kind.", ("kind",), _cache_hits),
    (Counter, "cache_misses", "What the cache did not know.", (), _one(lambda s: s.cache.misses)),
    (Counter, "cache_stored", "Answers and failures taken in.", (), _one(lambda s: s.cache.stored)),
    (Counter, "cache_dropped", "Entries that left the cache, by reason.", ("reason",), _cache_drops),
    (Gauge, "cache_entries", "Answers and failures held.", (), _one(lambda s: s.cache.entries)),
    (Gauge, "upstream_round_trip_seconds", "Smoothed round trip to a nameserver.", ("server",), _round_trips),
    (Gauge, "upstream_benched", "1 when other nameservers go first.", ("server",), _of_upstreams("benched")),
    (Gauge, "upstream_in_flight", "Queries on their way to a nameserver.", ("server",), _of_upstreams("in_flight")),
    (Counter, "upstream_asked", "Queries sent to a nameserver.", ("server",), _of_upstreams("asked")),
    (Counter, "upstream_answered", "Replies from a nameserver.", ("server",), _of_upstreams("answered")),
    (Counter, "upstream_lost", "Queries not answered in patience.", ("server",), _of_upstreams("lost")),
]
