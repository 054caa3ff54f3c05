"""OpenTelemetry, by the SDK's exporters in memory: the histogram of the conventions, and spans of awaited lookups."""

from __future__ import annotations

import asyncio
import inspect
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from opentelemetry import context
from opentelemetry.metrics import Meter
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from aioresolver.adapters.opentelemetry import SUPPRESSED, LookupMetrics, TracedResolver
from aioresolver.errors import AddressBlocked, LookupTimeout, NameNotFound, NameSyntaxError, NoRecords, ServerFailure
from aioresolver.events import LookupFailed, LookupStarted
from aioresolver.policy import AddressPolicy
from aioresolver.resolver import Resolver
from aioresolver.testing import DNSServer, Fault
from aioresolver.wire.message import Question

ZONE = """
$ORIGIN seen.test.
@      60 SOA ns hostmaster 1 7200 3600 1209600 30
@      60 MX 10 www
www    60 A 127.0.0.9
www    60 AAAA ::9
"""
REVERSE_ZONE = """
$ORIGIN in-addr.arpa.
@      60 SOA ns hostmaster 1 7200 3600 1209600 30
9.2.0.192 60 PTR www.seen.test.
"""
QUESTION = Question.parse("www.seen.test")


@pytest.fixture
def reader() -> InMemoryMetricReader:
    return InMemoryMetricReader()


@pytest.fixture
def meters(reader: InMemoryMetricReader) -> Iterator[MeterProvider]:
    provider = MeterProvider(metric_readers=[reader], shutdown_on_exit=False)
    yield provider
    provider.shutdown()


@pytest.fixture
def exporter() -> InMemorySpanExporter:
    return InMemorySpanExporter()


@pytest.fixture
def tracers(exporter: InMemorySpanExporter) -> Iterator[TracerProvider]:
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    yield provider
    provider.shutdown()


def histogram(reader: InMemoryMetricReader) -> Any:
    data = reader.get_metrics_data()
    assert data is not None
    (scope,) = data.resource_metrics[0].scope_metrics
    assert (scope.scope.name, scope.scope.schema_url) == ("aioresolver", "https://opentelemetry.io/schemas/1.44.0")
    (metric,) = scope.metrics
    assert (metric.name, metric.unit) == ("dns.lookup.duration", "s")
    return metric.data


async def test_durations_of_lookups(reader: InMemoryMetricReader, meters: MeterProvider) -> None:
    async with (
        DNSServer(ZONE, REVERSE_ZONE, faults=[Fault.servfail(name="broken.seen.test")]) as server,
        Resolver(server.nameserver, observer=LookupMetrics(meters)) as resolver,
    ):
        for name in ("www", "www", "no"):
            await resolver.query(f"{name}.seen.test")
        with pytest.raises(ServerFailure):
            await resolver.query("broken.seen.test")
    points = {point.attributes.get("error.type"): point for point in histogram(reader).data_points}
    assert {kind: point.count for kind, point in points.items()} == {None: 1, "host_not_found": 1, "try_again": 1}
    assert all(0 < point.sum < 5 for point in points.values())
    assert points[None].attributes == {}
    if "explicit_bucket_boundaries_advisory" in inspect.signature(Meter.create_histogram).parameters:
        assert points[None].explicit_bounds == LookupMetrics.buckets
    assert LookupMetrics.buckets[::13] == (0.005, 10)


async def test_the_name_is_an_attribute_on_demand(reader: InMemoryMetricReader, meters: MeterProvider) -> None:
    metrics = LookupMetrics(meters, question_name=True)
    metrics(LookupStarted(QUESTION))
    metrics(LookupFailed(QUESTION, LookupTimeout("www.seen.test.", "A", "late"), 5.0))
    metrics(LookupFailed(QUESTION, NoRecords("www.seen.test.", "A", "none"), 0.1))
    metrics(LookupFailed(QUESTION, ZeroDivisionError(), 0.1))
    found = [point.attributes for point in histogram(reader).data_points]
    assert found == [
        {"dns.question.name": "www.seen.test.", "error.type": kind}
        for kind in ("timeout", "no_data", "builtins.ZeroDivisionError")
    ]


async def test_spans_are_children_of_the_current_one(exporter: InMemorySpanExporter, tracers: TracerProvider) -> None:
    async with (
        DNSServer(ZONE, REVERSE_ZONE) as server,
        TracedResolver(server.nameserver, tracer_provider=tracers) as resolver,
    ):
        tracer = tracers.get_tracer("test")

        async def request(number: int) -> None:
            with tracer.start_as_current_span(f"request {number}"):
                await resolver.resolve("www.seen.test")

        await asyncio.gather(*map(request, range(3)))  # one lookup for all
        assert resolver.stats.lookups == 1
    spans = exporter.get_finished_spans()
    parents = {span.context.span_id: span.name for span in spans if span.context is not None}
    lookups = [span for span in spans if span.name == "DNS lookup"]
    assert sorted(parents[span.parent.span_id] for span in lookups if span.parent) == [f"request {n}" for n in range(3)]
    assert {span.kind for span in lookups} == {SpanKind.INTERNAL}
    assert lookups[0].attributes == {
        "dns.question.name": "www.seen.test",
        "aioresolver.question.type": "A",
        "dns.answers": ("127.0.0.9",),
        "aioresolver.server": server.nameserver,
    }
    assert lookups[0].status.status_code is StatusCode.UNSET
    assert lookups[0].events == ()


async def test_what_each_method_says(exporter: InMemorySpanExporter, tracers: TracerProvider) -> None:
    async with (
        DNSServer(ZONE, REVERSE_ZONE) as server,
        TracedResolver(server.nameserver, tracer_provider=tracers) as resolver,
    ):

        async def attributes(call: Any) -> dict[str, Any]:
            exporter.clear()
            await call
            (span,) = exporter.get_finished_spans()
            said = dict(span.attributes or {})
            said.pop("aioresolver.server", None)
            return said

        name, type_, answers = "dns.question.name", "aioresolver.question.type", "dns.answers"
        assert await attributes(resolver.query("seen.test", "mx")) == {name: "seen.test", type_: "MX"}
        assert await attributes(resolver.resolve(name="seen.test", type=15)) == {name: "seen.test", type_: "MX"}
        assert await attributes(resolver.query("no.seen.test")) == {
            name: "no.seen.test",
            type_: "A",
            answers: (),
            "error.type": "host_not_found",
        }
        both = {name: "www.seen.test", answers: ("::9", "127.0.0.9")}
        said = await attributes(resolver.addresses("www.seen.test"))
        assert said | {answers: sorted(said[answers])} == both | {answers: sorted(both[answers])}
        said = await attributes(resolver.getaddrinfo(b"www.seen.test", 80))
        assert sorted(said[answers]) == sorted(both[answers])
        said = await attributes(resolver.reverse("192.0.2.9"))
        assert said == {name: "9.2.0.192.in-addr.arpa.", type_: "PTR", answers: ("www.seen.test.",)}
        assert await attributes(resolver.endpoints("127.0.0.1", 80)) == {name: "127.0.0.1", answers: ("127.0.0.1",)}

        exporter.clear()
        await resolver.submit("www.seen.test")
        assert [pair async for pair in resolver.query_many(["www.seen.test"])]
        await resolver.getaddrinfo(None, 80)
        assert exporter.get_finished_spans() == ()


async def test_failures(exporter: InMemorySpanExporter, tracers: TracerProvider) -> None:
    options: dict[str, Any] = {"tracer_provider": tracers, "policy": AddressPolicy.public()}
    async with (
        DNSServer(ZONE, REVERSE_ZONE, faults=[Fault.servfail(name="broken.seen.test")]) as server,
        TracedResolver(server.nameserver, **options) as resolver,
    ):
        for name, error, kind in [
            ("broken.seen.test", ServerFailure, "try_again"),
            ("no.seen.test", NameNotFound, "host_not_found"),
            ("seen.test", NoRecords, "no_data"),
            ("www.seen.test", AddressBlocked, "aioresolver.errors.AddressBlocked"),
            ("bad..name", NameSyntaxError, "aioresolver.errors.NameSyntaxError"),
        ]:
            exporter.clear()
            with pytest.raises(error) as caught:
                await resolver.resolve(name)
            (span,) = exporter.get_finished_spans()
            assert span.status.status_code is StatusCode.ERROR
            assert span.attributes is not None
            assert span.attributes["error.type"] == kind
            assert span.status.description in str(caught.value)
            outcomes = [dict(event.attributes or {})["aioresolver.outcome"] for event in span.events]
            assert outcomes == (["SERVFAIL", "SERVFAIL"] if error is ServerFailure else [])
        with pytest.raises(ValueError, match="NONSENSE"):
            await resolver.query("www.seen.test", "NONSENSE")


async def test_a_cancelled_lookup_ends_its_span(exporter: InMemorySpanExporter, tracers: TracerProvider) -> None:
    async with (
        DNSServer(ZONE, REVERSE_ZONE, faults=[Fault.drop()]) as server,
        TracedResolver(server.nameserver, tracer_provider=tracers) as resolver,
    ):
        task = asyncio.create_task(resolver.query("www.seen.test"))
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
    (span,) = exporter.get_finished_spans()
    assert span.status.status_code is StatusCode.UNSET


async def test_exporters_are_not_traced(exporter: InMemorySpanExporter, tracers: TracerProvider) -> None:
    async with (
        DNSServer(ZONE, REVERSE_ZONE) as server,
        TracedResolver(server.nameserver, tracer_provider=tracers) as resolver,
    ):
        token = context.attach(context.set_value(SUPPRESSED, True))
        assert await resolver.query("www.seen.test")
        context.detach(token)
    assert exporter.get_finished_spans() == ()


async def test_without_an_sdk_nothing_happens() -> None:
    async with (
        DNSServer(ZONE, REVERSE_ZONE) as server,
        TracedResolver(server.nameserver, observer=LookupMetrics()) as resolver,
    ):
        assert await resolver.query("www.seen.test")


@pytest.mark.parametrize(
    ("before", "complaint"),
    [
        ("sys.modules['opentelemetry'] = None", "pip install"),
        ("import opentelemetry.version as v; v.__version__ = '1.9.1'", "aioresolver[opentelemetry]"),
        ("import opentelemetry.version as v; v.__version__ = '1.24.0'", "here is 1.24.0"),
    ],
)
def test_without_opentelemetry_one_sentence_says_what_to_install(before: str, complaint: str) -> None:
    program = f"import sys\n{before}\nimport aioresolver.adapters.opentelemetry"
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)

    last = result.stderr.splitlines()[-1]
    assert "Error: aioresolver.adapters.opentelemetry needs opentelemetry-api 1.25 or newer: pip install" in last
    assert complaint in last
