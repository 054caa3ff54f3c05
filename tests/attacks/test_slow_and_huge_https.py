"""Attack 22, slow and huge bodies, over HTTPS: what is no reply costs one attempt, and the next nameserver answers."""

from __future__ import annotations

import asyncio
from functools import partial

import pytest

from aioresolver import LookupTimeout, ResolutionError, Resolver, StubBackend
from aioresolver.testing import DNSServer, Fault
from aioresolver.transports.open import open_transport

pytest.importorskip("cryptography")
pytest.importorskip("h2")

from aioresolver.testing.certificates import CertificateAuthority

FALSE, TRUE = "203.0.113.66", "192.0.2.1"
BODIES = {
    "a megabyte": Fault.http(body=bytes(1 << 20)),
    "a length of a gigabyte": Fault.http(headers=[("content-length", "1000000000")], stall_after=10),
    "a redirect": Fault.http(status=302, headers=[("location", "https://127.0.0.1/other")]),
    "a page": Fault.http(body=b"<html>", content_type="text/html"),
    "a compressed body": Fault.http(headers=[("content-encoding", "gzip")]),
    "a body that stops": Fault.http(stall_after=20),
    "no body": Fault.drop(transport="https"),
    "a connection that ends in the middle": Fault.close(20, transport="https"),
    "headers without end": Fault.http(headers=[(f"x-{number}", "y" * 1000) for number in range(60)]),
}


@pytest.fixture(scope="module")
def authority():
    return CertificateAuthority()


@pytest.mark.parametrize("attack", BODIES)
async def test_the_next_nameserver_answers(authority, attack):
    certificate = authority.issue()
    async with (
        DNSServer(f"*.example. 60 A {FALSE}", certificate=certificate) as evil,
        DNSServer(f"*.example. 60 A {TRUE}", certificate=certificate) as good,
    ):
        fault = BODIES[attack]
        evil.faults = [Fault(fault.action, transport="https")]
        opener = partial(open_transport, context=authority.client_context())
        backend = StubBackend([evil.nameserver_https, good.nameserver_https], open_transport=opener)
        async with Resolver(backend, hosts={}) as resolver:
            for number in range(3):
                answer = await resolver.resolve(f"h{number}.example")
                assert [data.address for data in answer] == [TRUE]
        assert {query.transport for query in evil.queries} <= {"https"}  # and nothing goes in clear
        assert {query.transport for query in good.queries} == {"https"}


async def test_alone_it_fails_in_time_and_says_why(authority):
    async with DNSServer("*.example. 60 A 192.0.2.1", certificate=authority.issue()) as evil:
        opener = partial(open_transport, context=authority.client_context())
        backend = StubBackend(evil.nameserver_https, open_transport=opener)
        async with Resolver(backend, hosts={}, timeout=0.3) as resolver:
            evil.faults = [Fault.http(body=bytes(1 << 20))]
            with pytest.raises(ResolutionError, match="the reply is longer than 65535 bytes"):
                await resolver.resolve("huge.example")
            evil.faults = [Fault.http(stall_after=20)]
            loop = asyncio.get_running_loop()
            before = loop.time()
            with pytest.raises(LookupTimeout):
                await resolver.resolve("slow.example")
            assert loop.time() - before < 5
            evil.faults = []
            assert await resolver.resolve("good.example")
