"""Watch a resolver at work: a debug log, counters for Prometheus, a snapshot: python examples/observability.py [NAME ...]."""

import asyncio
import json
import logging
import sys

from prometheus_client import CollectorRegistry, generate_latest

from aioresolver import Resolver
from aioresolver.adapters.debug_log import DebugLog
from aioresolver.adapters.prometheus import LookupDurations, ResolverCollector
from aioresolver.events import each_of


async def main(names: list[str]) -> None:
    durations = LookupDurations()
    async with Resolver(observer=each_of(DebugLog(), durations)) as resolver:
        registry = CollectorRegistry()  # or prometheus_client.REGISTRY, which start_http_server shows
        registry.register(ResolverCollector(resolver))
        registry.register(durations)
        for name in names:
            await resolver.query(name)
        print(generate_latest(registry).decode())
        print(json.dumps(resolver.snapshot().as_dict(), indent=2))


logging.basicConfig(level=logging.DEBUG, format="%(asctime)s %(name)s %(message)s")
asyncio.run(main(sys.argv[1:] or ["example.org", "no.example.org", "example.org"]))
