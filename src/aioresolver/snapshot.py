"""Snapshot: all that a resolver counts and knows of its nameservers, at one moment, as plain values."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from aioresolver.backends.upstream import Upstream
from aioresolver.cache import CacheStats
from aioresolver.dispatch import Dispatch
from aioresolver.events import Observer
from aioresolver.flow.limiter import Limiter
from aioresolver.stats import Stats

__all__ = ["LimiterState", "Snapshot", "UpstreamState", "observe", "take_snapshot"]


class Snapshot(NamedTuple):
    """What a resolver has counted until now; two of them give the difference. A shared cache counts for all its resolvers.

    `upstreams` are the nameservers that are asked, the routes' and the fallbacks' too; none for backends that keep their
    own counsel (`cares`, `system`), and none before this machine's configuration was read.
    """

    lookups: Stats
    cache: CacheStats
    limiter: LimiterState
    upstreams: tuple[UpstreamState, ...]

    def as_dict(self) -> dict[str, Any]:
        """The same in dicts and lists, fit for JSON."""
        return {
            "lookups": self.lookups.as_dict(),
            "cache": self.cache.as_dict(),
            "limiter": self.limiter._asdict(),
            "upstreams": [upstream._asdict() for upstream in self.upstreams],
        }


class LimiterState(NamedTuple):
    """A limiter: its limits, None for none, and how many are under way and wait."""

    concurrency: int | None
    rate: float | None
    in_use: int
    waiting: int


class UpstreamState(NamedTuple):
    """One nameserver: by URL, how it is asked at present, its smoothed round trip in seconds, and whether others go first.

    `asked`, `answered` and `lost` count the queries sent, those with a reply, and those without one in patience; `window`
    is how many at once it is believed to bear, of which `in_flight` are on their way.
    """

    server: str
    scheme: str
    round_trip: float | None
    benched: bool
    asked: int
    answered: int
    lost: int
    window: float
    in_flight: int


def take_snapshot(dispatch: Dispatch, backend: Any) -> Snapshot:
    """The snapshot of a resolver with this dispatch and backend. A few microseconds."""
    upstreams = tuple(_state(upstream) for part in _parts(backend) for upstream in _upstreams(part))
    return Snapshot(copy.copy(dispatch.stats), copy.copy(dispatch.cache.stats), _limits(dispatch.limiter), upstreams)


def observe(backend: Any, observer: Observer) -> None:
    """Have every part of a backend that knows observers tell this one; it must not raise."""
    for part in _parts(backend):
        if hasattr(part, "observer"):
            part.observer = observer


def _parts(backend: Any) -> Iterator[Any]:
    """A backend, and those that it is made of (Routes, Fallback)."""
    yield backend
    for part in getattr(backend, "backends", ()):
        yield from _parts(part)


def _upstreams(backend: Any) -> Iterable[Upstream]:
    upstreams = getattr(backend, "upstreams", ())
    return [upstream for upstream in upstreams if isinstance(upstream, Upstream)]


def _state(upstream: Upstream) -> UpstreamState:
    health, window = upstream.health, upstream.window
    return UpstreamState(
        server=upstream.text,
        scheme=upstream.scheme,
        round_trip=health.round_trip,
        benched=health.benched,
        asked=upstream.asked,
        answered=upstream.answered,
        lost=upstream.lost,
        window=window.size,
        in_flight=window.used,
    )


def _limits(limiter: Limiter) -> LimiterState:
    return LimiterState(limiter.concurrency, limiter.rate, limiter.in_use, limiter.waiting)
