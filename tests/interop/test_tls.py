"""DNS over TLS with the servers that people run: who they are, sessions, and what a restart costs."""

from __future__ import annotations

import asyncio
import base64
import contextlib

import pytest

from aioresolver import Cache, Limiter, Resolver
from aioresolver.backends.stub import StubBackend
from aioresolver.errors import ServerFailure
from aioresolver.transports.nameserver import Nameserver
from aioresolver.transports.open import open_transport
from aioresolver.transports.tls import TlsTransport
from aioresolver.wire.message import Question
from aioresolver.wire.query import query_wire

BAD = ("expired", "not_yet_valid", "self_signed")


def address_of(number):
    return f"198.18.{number >> 8}.{number & 255}"


def texts(answer):
    return [str(data) for data in answer]


@contextlib.asynccontextmanager
async def carrying(server, *, hostname="localhost", options="", **settings):
    settings.setdefault("context", server.authority.client_context())
    transport = TlsTransport(Nameserver.parse(server.nameserver("tls", hostname, options)), **settings)
    try:
        yield transport
    finally:
        await transport.aclose()


@contextlib.asynccontextmanager
async def resolving(server, *, hostname="localhost", **settings):
    """A resolver over TLS, and the transports that it has opened."""
    opened = []

    def open_one(nameserver):
        opened.append(open_transport(nameserver, context=server.authority.client_context()))
        return opened[-1]

    backend = StubBackend(server.nameserver("tls", hostname), open_transport=open_one)
    async with Resolver(backend, cache=Cache(0), **settings) as resolver:
        yield resolver, opened


def ask(transport, number=1, *, patience=5.0):
    query = query_wire(Question.parse(f"h{number}.interop.test"))
    return transport.exchange(query, asyncio.get_running_loop().time() + patience)


async def test_resolves(secure):
    async with resolving(secure) as (resolver, _):
        assert texts(await resolver.resolve("v4.interop.test")) == ["192.0.2.1"]
        assert len(await resolver.resolve("long.interop.test", "TXT")) == 1
        assert not await resolver.query("nowhere.interop.test")


async def test_a_thousand_queries_one_handshake(secure):
    async with resolving(secure) as (resolver, transports):
        names = [f"h{number}.interop.test" for number in range(1000)]
        answers = await asyncio.gather(*[resolver.resolve(name) for name in names])

        assert [texts(answer) for answer in answers] == [[address_of(number)] for number in range(1000)]
        assert sum(transport.handshakes for transport in transports) == 1


async def test_a_session_is_resumed_after_idle_time(secure):
    async with carrying(secure, idle_timeout=0.05) as transport:
        for _ in range(3):
            await ask(transport)
            while transport._descriptors():
                await asyncio.sleep(0.02)

        assert (transport.handshakes, transport.resumed) == (3, 2)


async def test_the_name_must_be_right(secure):
    async with resolving(secure, hostname="dns.example") as (resolver, transports):
        with pytest.raises(ServerFailure, match=r"is not valid: .*Hostname mismatch.*dns\.example"):
            await resolver.resolve("v4.interop.test")
        assert sum(transport.handshakes for transport in transports) == 0
    async with carrying(secure, hostname="") as transport:  # the address stands in the certificate
        assert await ask(transport)


async def test_pins(secure):
    right, wrong = secure.certificate.spki_sha256, bytes(32)
    pin = base64.b64encode(right).decode()
    async with carrying(secure, hostname="dns.example", options=f"pin-sha256={pin}", context=None) as transport:
        assert await ask(transport)
    pin = base64.b64encode(wrong).decode()
    async with carrying(secure, options=f"pin-sha256={pin}", context=None) as transport:
        with pytest.raises(OSError, match="is not a pinned one"):
            await ask(transport)


@pytest.mark.parametrize("fault", BAD)
@pytest.mark.parametrize("kind", ["unbound", "kresd", "bind", "dnsdist"])
async def test_bad_certificates_are_refused(encrypted_server, kind, fault):
    server = encrypted_server(kind, certificate=encrypted_server.authority.issue("localhost", **{fault: True}))
    async with carrying(server) as transport:
        with pytest.raises(OSError, match=r"the certificate of .* is not valid"):
            await ask(transport)
    async with carrying(server, options="opportunistic") as transport:
        assert await ask(transport)
    server.stop()


@pytest.mark.parametrize("kind", ["unbound", "kresd", "bind", "dnsdist"])
async def test_a_server_that_is_killed_and_comes_back(encrypted_server, kind):
    """2,000 names while the server is killed and started again three times: each is answered, and right."""
    server = encrypted_server(kind, own=True)
    asked = 0

    async def restart():
        for step in (400, 900, 1400):
            while asked < step:
                await asyncio.sleep(0.001)
            server.kill()
            await asyncio.get_running_loop().run_in_executor(None, server.start)

    async with resolving(server, limiter=Limiter(50), timeout=20.0) as (resolver, transports):
        restarting = asyncio.ensure_future(restart())
        answers = {}
        async for (name, number), outcome in numbered(resolver, 2000):
            asked += 1
            answers[number] = outcome
            if asked in {390, 890, 1390}:  # so that there are names left when it is killed
                await asyncio.sleep(0.05)
            assert not isinstance(outcome, Exception), (name, outcome)
        await restarting

        assert {number: texts(answer) for number, answer in answers.items()} == {
            number: [address_of(number)] for number in range(2000)
        }
        assert sum(transport.handshakes for transport in transports) >= 4
    server.stop()


async def numbered(resolver, count):
    items = [(f"h{number}.interop.test", "A", number) for number in range(count)]
    async for (name, _, number), outcome in resolver.query_many(items):
        yield (name, number), outcome
