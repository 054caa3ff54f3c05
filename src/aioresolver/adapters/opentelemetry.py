"""OpenTelemetry: LookupMetrics measures lookups, TracedResolver makes a span for each that is awaited."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from aioresolver.answer import Answer
from aioresolver.backends.base import Backend
from aioresolver.errors import Attempt, LookupTimeout, NameNotFound, NoRecords, ResolutionError, ServerFailure
from aioresolver.events import Event, LookupAnswered, LookupFailed
from aioresolver.resolver import Resolver
from aioresolver.wire.codes import Rcode, RRType

OLDEST = 1, 25
WANTED = (
    'aioresolver.adapters.opentelemetry needs opentelemetry-api 1.25 or newer: pip install "aioresolver[opentelemetry]"'
)

try:
    from opentelemetry import context, metrics, trace
    from opentelemetry.version import __version__ as _version
except ImportError as _error:
    raise type(_error)(WANTED, name=_error.name) from _error
if tuple(map(int, _version.split(".")[:2])) < OLDEST:
    raise ImportError(f"{WANTED}; here is {_version}", name="opentelemetry")

__all__ = ["LookupMetrics", "TracedResolver"]

SCOPE = "aioresolver"
# What https://opentelemetry.io/docs/specs/semconv/dns/ says of dns.lookup.duration, in this version of it.
SCHEMA_URL = "https://opentelemetry.io/schemas/1.44.0"
BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0)
ERROR_TYPES = (
    (NameNotFound, "host_not_found"),
    (NoRecords, "no_data"),
    (LookupTimeout, "timeout"),
    (ServerFailure, "try_again"),
)
# Of what types the answers are addresses, or the name of an address.
SHOWN = (RRType.A, RRType.AAAA, RRType.PTR)
# An attribute is not the place for a whole zone.
MOST_ANSWERS = 64
# Whoever exports telemetry does not want to trace that: a key of the API without a public name.
SUPPRESSED = getattr(context, "_SUPPRESS_INSTRUMENTATION_KEY", "suppress_instrumentation")


class LookupMetrics:
    """`Resolver(observer=LookupMetrics())`: records each lookup in the histogram `dns.lookup.duration`, in seconds.

    What the cache knows is no lookup. `error.type` is there when the lookup failed, or the name does not exist. The
    conventions want `dns.question.name` too, which makes a time series of every name: it is there with `question_name`.
    `meter_provider` is the global one when None. `buckets` are those of the conventions: an SDK that takes no advice on
    them (before 1.30) needs a View with these.
    """

    buckets: ClassVar[tuple[float, ...]] = BUCKETS

    def __init__(self, meter_provider: metrics.MeterProvider | None = None, *, question_name: bool = False) -> None:
        meter = metrics.get_meter(SCOPE, meter_provider=meter_provider, schema_url=SCHEMA_URL)
        advice: dict[str, Any] = {}
        if "explicit_bucket_boundaries_advisory" in inspect.signature(meter.create_histogram).parameters:
            advice["explicit_bucket_boundaries_advisory"] = self.buckets
        self._durations = meter.create_histogram(
            "dns.lookup.duration", unit="s", description="Measures the time taken to perform a DNS lookup.", **advice
        )
        self._question_name = question_name

    def __call__(self, event: Event) -> None:
        """Record the end of a lookup."""
        if isinstance(event, LookupAnswered):
            error_type = "host_not_found" if event.answer.rcode == Rcode.NXDOMAIN else None
        elif isinstance(event, LookupFailed):
            error_type = _error_type(event.error)
        else:
            return
        attributes = {} if error_type is None else {"error.type": error_type}
        if self._question_name:
            attributes["dns.question.name"] = event.question.name
        self._durations.record(event.elapsed, attributes)


def _traced(method: Callable[..., Awaitable[Any]], *, typed: bool = False) -> Callable[..., Awaitable[Any]]:
    """The method, with a span around each call that is awaited; `typed` is whether it takes the type of a question."""

    @functools.wraps(method)
    async def traced(self: TracedResolver, *arguments: Any, **keywords: Any) -> Any:
        name = arguments[0] if arguments else keywords.get("name", keywords.get("host"))
        call = method(self, *arguments, **keywords)
        if name is None or context.get_value(SUPPRESSED):
            return await call
        type_ = (arguments[1] if len(arguments) > 1 else keywords.get("type", "A")) if typed else None
        return await self._trace(call, name, type_)

    return traced


class TracedResolver(Resolver):
    """A Resolver that makes a span `DNS lookup` for each awaited `query`, `resolve`, `addresses` and `getaddrinfo`.

    What is made of these (`reverse`, `endpoints`, `services`, `mail_servers`, the adapters) has their spans. A span is a
    child of the current one and lasts as long as its caller waits, also for what the cache knows or another asker began.
    Its attributes are `dns.question.name`, `dns.answers` (addresses and PTR names), `error.type`, and the type of the
    question in `aioresolver.question.type`; tries that failed are its events. `submit` and `query_many`, which are for
    multitudes, make none.

    `tracer_provider` is the global one when None; `backend` and `options` are Resolver's.
    """

    def __init__(
        self,
        backend: Backend | str | Sequence[str] | None = None,
        *,
        tracer_provider: trace.TracerProvider | None = None,
        **options: Any,
    ) -> None:
        super().__init__(backend, **options)
        self._tracer = trace.get_tracer(SCOPE, tracer_provider=tracer_provider, schema_url=SCHEMA_URL)

    if not TYPE_CHECKING:  # for whom they are Resolver's
        query = _traced(Resolver.query, typed=True)
        resolve = _traced(Resolver.resolve, typed=True)
        addresses = _traced(Resolver.addresses)
        getaddrinfo = _traced(Resolver.getaddrinfo)

    async def _trace(self, call: Awaitable[Any], name: str | bytes, type: str | int | None) -> Any:
        with self._tracer.start_as_current_span(
            "DNS lookup", record_exception=False, set_status_on_exception=False
        ) as span:
            if span.is_recording():
                span.set_attribute(
                    "dns.question.name", name if isinstance(name, str) else name.decode("utf-8", "replace")
                )
                if type is not None:
                    span.set_attribute("aioresolver.question.type", _type_name(type))
            try:
                found = await call
            except Exception as error:
                if span.is_recording():
                    _tell_failure(span, error)
                raise
            if span.is_recording():
                _tell_result(span, found)
            return found


def _type_name(type: str | int) -> str:
    try:
        return str(RRType.parse(str(type)))
    except ValueError:  # which the lookup will tell
        return str(type)


def _tell_failure(span: trace.Span, error: Exception) -> None:
    span.set_attribute("error.type", _error_type(error))
    reason = error.reason if isinstance(error, ResolutionError) else str(error)
    span.set_status(trace.StatusCode.ERROR, reason)
    if isinstance(error, ResolutionError):
        _tell_attempts(span, error.attempts)


def _tell_result(span: trace.Span, found: Any) -> None:
    """`found` is what the method returns: an Answer, addresses, or tuples that end with a socket address."""
    if not isinstance(found, Answer):
        answers = [each if isinstance(each, str) else str(each[-1][0]) for each in found]
        span.set_attribute("dns.answers", list(dict.fromkeys(answers))[:MOST_ANSWERS])
        return
    if found.question.type in SHOWN:
        span.set_attribute("dns.answers", [str(data) for data in found.data[:MOST_ANSWERS]])
    if found.rcode == Rcode.NXDOMAIN:
        span.set_attribute("error.type", "host_not_found")
    if found.server is not None:
        span.set_attribute("aioresolver.server", found.server)
    _tell_attempts(span, found.attempts)


def _tell_attempts(span: trace.Span, attempts: Iterable[Attempt]) -> None:
    for server, transport, outcome, elapsed, _ in attempts:
        attributes: dict[str, str | float] = {
            "aioresolver.server": server,
            "network.transport": transport,
            "aioresolver.outcome": outcome,
            "aioresolver.elapsed": elapsed,
        }
        span.add_event("attempt failed", attributes)


def _error_type(error: Exception) -> str:
    """As getaddrinfo calls it; a timeout as everybody else does, and the name of its class for any other error."""
    for kind, name in ERROR_TYPES:
        if isinstance(error, kind):
            return name
    return f"{type(error).__module__}.{type(error).__qualname__}"
