"""DNS over HTTPS with the servers that people run: Unbound, Knot Resolver, BIND and dnsdist."""

from __future__ import annotations

import asyncio
import contextlib

import pytest
from conftest import HOSTS, host_address

from aioresolver.errors import TransportError
from aioresolver.transports.https import HttpsTransport
from aioresolver.transports.nameserver import Nameserver
from aioresolver.wire.message import Message, Question
from aioresolver.wire.query import query_wire

METHODS = ["post", "get"]


def soon(seconds: float = 20) -> float:
    return asyncio.get_running_loop().time() + seconds


def query(name: str, type: str = "A") -> bytes:
    return query_wire(Question.parse(f"{name}.interop.test", type))


def addresses(reply: bytes) -> list[str]:
    return [str(record.data) for record in Message.parse(reply).answer]


@contextlib.asynccontextmanager
async def carrying(server, hostname="", options=""):
    nameserver = Nameserver.parse(server.nameserver("https", hostname, options))
    transport = HttpsTransport(nameserver, context=server.authority.client_context())
    try:
        yield transport
    finally:
        await transport.aclose()


@pytest.mark.parametrize("hostname", ["", "localhost"])
@pytest.mark.parametrize("method", METHODS)
async def test_resolves(secure, method, hostname):
    async with carrying(secure, hostname, f"method={method}") as transport:
        assert addresses(await transport.exchange(query("h77"), soon())) == [host_address(77)]
        long = Message.parse(await transport.exchange(query("long", "TXT"), soon()))
        assert len(long.answer) == 1
        assert len(long.wire) > 1232


@pytest.mark.parametrize("method", METHODS)
def test_a_thousand_queries_one_handshake(run, secure, method):
    async def main():
        async with carrying(secure, options=f"method={method}") as transport:
            replies = await asyncio.gather(*[transport.exchange(query(f"h{n}"), soon()) for n in range(1000)])
            assert [addresses(reply) for reply in replies] == [[host_address(n)] for n in range(1000)]
            assert transport.handshakes == 1

    run(main())


async def test_replies_that_are_long(secure):
    async with carrying(secure) as transport:
        replies = await asyncio.gather(*[transport.exchange(query("long", "TXT"), soon()) for _ in range(500)])
        assert {len(Message.parse(reply).answer) for reply in replies} == {1}
        assert transport.handshakes == 1


async def test_giving_up_half_of_the_queries(secure):
    async with carrying(secure) as transport:
        asked = [transport.exchange(query(f"h{n}"), soon()) for n in range(400)]
        await asked[0]
        for future in asked[1::2]:
            future.cancel()
        replies = await asyncio.gather(*asked[2::2])
        assert [addresses(reply) for reply in replies] == [[host_address(n)] for n in range(2, 400, 2)]


BAD = {
    "wrong name": (["other.test"], {}, "localhost", "Hostname mismatch"),
    "wrong address": (["localhost"], {}, "", "IP address mismatch"),
    "expired": ([], {"expired": True}, "", "certificate has expired"),
    "self-signed": ([], {"self_signed": True}, "", "self.signed certificate"),
}


@pytest.mark.parametrize("case", BAD)
@pytest.mark.parametrize("kind", ["unbound", "dnsdist"])
async def test_a_certificate_that_is_not_right_is_refused(encrypted_server, kind, case):
    names, options, hostname, reason = BAD[case]
    server = encrypted_server(kind, certificate=encrypted_server.authority.issue(*names, **options))
    async with carrying(server, hostname) as transport:
        with pytest.raises(TransportError, match=f"is not valid: .*{reason}") as raised:
            await transport.exchange(query("h1"), soon())
        assert not raised.value.local
    server.stop()


async def test_a_path_that_is_not_served(secure):
    nameserver = Nameserver.parse(secure.nameserver("https").replace("/dns-query", "/elsewhere"))
    transport = HttpsTransport(nameserver, context=secure.authority.client_context())
    with pytest.raises(TransportError, match=r"HTTP status 404|closed the connection|reset the stream"):
        await transport.exchange(query("h1"), soon())
    await transport.aclose()


@pytest.mark.parametrize("kind", ["unbound", "kresd", "bind", "dnsdist"])
async def test_killed_and_started_in_the_midst(encrypted_server, kind):
    """Nobody gets a wrong answer, and every name gets its own, when who asks again does so as a lookup does."""
    server = encrypted_server(kind, own=True)
    loop = asyncio.get_running_loop()
    async with carrying(server) as transport:
        gate = asyncio.Semaphore(50)
        done = 0

        async def ask(number):
            nonlocal done
            async with gate:
                for _ in range(100):
                    try:
                        reply = await transport.exchange(query(f"h{number % HOSTS}"), soon())
                    except TransportError as error:
                        assert not error.local  # noqa: PT017 - what else is raised fails the test
                        await asyncio.sleep(0.1)  # the server is away
                        continue
                    assert addresses(reply) == [host_address(number % HOSTS)]
                    done += 1
                    return

        asked = [loop.create_task(ask(number)) for number in range(2000)]
        for share in (300, 1000):
            while done < share:
                await asyncio.sleep(0.001)
            await loop.run_in_executor(None, server.kill)
            await loop.run_in_executor(None, server.start)
        await asyncio.gather(*asked)
        assert done == 2000
        assert transport.handshakes >= 3
        assert transport.in_flight == 0
    server.stop()
