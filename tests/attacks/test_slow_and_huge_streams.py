"""Attack 22, slow and huge replies, over TCP and TLS: the next nameserver answers, and nothing outlives the deadline."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from functools import partial

import pytest

from aioresolver import LookupTimeout, Resolver, StubBackend
from aioresolver.testing import DNSServer, Fault
from aioresolver.transports.open import open_transport

pytest.importorskip("cryptography")

from aioresolver.testing.certificates import CertificateAuthority

TRUE = "192.0.2.1"
SCHEMES = ["tcp", "tls"]


@pytest.fixture(scope="module")
def authority():
    return CertificateAuthority()


@pytest.fixture(scope="module")
def certificate(authority):
    return authority.issue()


async def drip(writer, query):
    """The longest message there is, a byte at a time."""
    writer.write(b"\xff\xff" + query[2:4] + bytes([query[4] | 0x80]) + query[5:])
    while not writer.transport.is_closing():
        writer.write(b"\0")
        await asyncio.sleep(0.01)


async def drip_from_the_first_byte(writer, query):
    for byte in query:
        writer.write(bytes([byte]))
        await asyncio.sleep(0.05)


async def reset_in_the_middle(writer, query):
    writer.write(query[:20])
    sock = writer.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    writer.transport.abort()


async def end_in_the_middle(writer, query):
    writer.write(query[:20])
    writer.close()


async def flood(writer, query):
    """Whole messages that answer nobody, as fast as they go."""
    frame = b"\x40\x00" + bytes(0x4000)
    while not writer.transport.is_closing():
        writer.write(frame)
        await writer.drain()


async def empty_frames(writer, query):
    while not writer.transport.is_closing():
        writer.write(bytes(1 << 12))
        await writer.drain()
        await asyncio.sleep(0.001)


async def nothing(writer, query):
    """A peer that is there, and says nothing."""


SLOW = [drip, drip_from_the_first_byte, flood, empty_frames, nothing]
ATTACKS = [*SLOW, reset_in_the_middle, end_in_the_middle]


@contextlib.asynccontextmanager
async def evil(attack, scheme, certificate):
    """A nameserver that does this to each first query of a connection; gives its URL and what it was told."""
    told, tasks = [], set()

    async def serve(reader, writer):
        tasks.add(asyncio.current_task())
        try:
            length = await reader.readexactly(2)
            query = length + await reader.readexactly(int.from_bytes(length, "big"))
            told.append(query)
            await attack(writer, query)
            await reader.read(1)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.transport.abort()

    context = certificate.server_context(["dot"]) if scheme == "tls" else None
    listener = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    try:
        yield f"{scheme}://127.0.0.1:{listener.sockets[0].getsockname()[1]}", told
    finally:
        listener.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@pytest.mark.parametrize("scheme", SCHEMES)
async def test_the_next_nameserver_answers(authority, certificate, scheme):
    opener = partial(open_transport, context=authority.client_context())

    async def suffer(attack):
        async with (
            evil(attack, scheme, certificate) as (url, told),
            DNSServer(f"*.example. 60 A {TRUE}", certificate=certificate) as good,
        ):
            backend = StubBackend([url, getattr(good, f"nameserver_{scheme}")], open_transport=opener)
            async with Resolver(backend, hosts={}) as resolver:
                for number in range(3):
                    answer = await resolver.resolve(f"h{number}.example")
                    assert [data.address for data in answer] == [TRUE], attack
            assert told, attack

    await asyncio.gather(*map(suffer, ATTACKS))  # at once, for each takes as long as patience lasts


@pytest.mark.parametrize("scheme", SCHEMES)
async def test_alone_it_fails_in_time_and_holds_nothing(authority, certificate, scheme):
    opened = []

    def open_one(nameserver):
        opened.append(open_transport(nameserver, context=authority.client_context()))
        return opened[-1]

    async def suffer(attack):
        async with evil(attack, scheme, certificate) as (url, told):
            backend = StubBackend(url, open_transport=open_one)
            async with Resolver(backend, hosts={}, timeout=0.4) as resolver:
                begun = asyncio.get_running_loop().time()
                with pytest.raises(LookupTimeout):
                    await resolver.resolve("www.example")
                assert asyncio.get_running_loop().time() - begun < 5, attack
            assert told, attack

    await asyncio.gather(*map(suffer, SLOW))
    assert [transport.in_flight + transport._descriptors() for transport in opened] == [0] * len(SLOW)


@pytest.mark.parametrize("scheme", SCHEMES)
async def test_a_connection_that_was_closed_while_idle_costs_no_attempt(authority, certificate, scheme):
    async with DNSServer(f"*.example. 60 A {TRUE}", certificate=certificate) as server:
        server.faults = [Fault.close(transport=scheme, name="h1.example", times=1)]
        opener = partial(open_transport, context=authority.client_context())
        async with Resolver(
            StubBackend(getattr(server, f"nameserver_{scheme}"), open_transport=opener), hosts={}
        ) as resolver:
            for number in range(3):
                answer = await resolver.resolve(f"h{number}.example")
                assert [data.address for data in answer] == [TRUE]
        assert server.asked("h1.example") == 2  # the transport has sent it again, at once
