"""QuicListener: a test server that speaks DNS over QUIC, with its faults."""

from __future__ import annotations

import asyncio
import errno

import pytest

pytest.importorskip("aioquic")

from aioresolver.errors import TransportError
from aioresolver.testing import DNSServer, Fault
from aioresolver.testing.certificates import CertificateAuthority
from aioresolver.transports.nameserver import Nameserver
from aioresolver.transports.quic import QuicTransport
from aioresolver.wire.message import Message, Question
from aioresolver.wire.query import query_wire

AUTHORITY = CertificateAuthority()
CERTIFICATE = AUTHORITY.issue()
ZONE = "www.example. 60 A 192.0.2.1\nbig.example. 60 TXT " + " ".join(['"' + "x" * 200 + '"'] * 30)


def serve(*, faults=(), **options):
    return DNSServer(ZONE, faults=faults, certificate=CERTIFICATE, **options)


def connect(server):
    return QuicTransport(Nameserver.parse(server.nameserver_quic), context=AUTHORITY.client_context())


async def ask(transport, name="www.example.", type="A", *, seconds=10.0):
    deadline = asyncio.get_running_loop().time() + seconds
    return Message.parse(await transport.exchange(query_wire(Question.parse(name, type)), deadline))


def test_it_answers_and_notes_what_it_was_asked(run):
    async def main():
        async with serve() as server:
            transport = connect(server)
            message = await ask(transport)

            assert str(message.answer[0].data) == "192.0.2.1"
            assert [(query.transport, query.id) for query in server.queries] == [("quic", 0)]
            await transport.aclose()

    run(main())


def test_large_replies_are_whole(run):
    async def main():
        async with serve() as server:
            transport = connect(server)
            message = await ask(transport, "big.example.", "TXT")

            assert len(message.wire) > 6000
            await transport.aclose()

    run(main())


def test_over_ipv6(run):
    async def main():
        async with serve(address="::1") as server:
            transport = connect(server)

            assert server.nameserver_quic.startswith("quic://[::1]:")
            assert await ask(transport)
            await transport.aclose()

    run(main())


def test_started_again_it_has_the_same_port(run):
    async def main():
        server = serve()
        async with server:
            transport = connect(server)
            await ask(transport)
            place = server.nameserver_quic
        async with server:
            assert server.nameserver_quic == place
            await ask(transport)
            assert transport.handshakes == 2
            await transport.aclose()

    run(main())


def test_a_dropped_query_has_no_reply(run):
    async def main():
        async with serve(faults=[Fault.drop()]) as server:
            transport = connect(server)
            with pytest.raises(TransportError) as caught:
                await ask(transport, seconds=0.05)

            assert caught.value.errno == errno.ETIMEDOUT
            await transport.aclose()

    run(main())


def test_a_delayed_reply_comes(run):
    async def main():
        async with serve(faults=[Fault.delay(0.02)]) as server:
            transport = connect(server)

            assert await ask(transport)
            await transport.aclose()

    run(main())


def test_servfail(run):
    async def main():
        async with serve(faults=[Fault.servfail()]) as server:
            transport = connect(server)

            assert (await ask(transport)).rcode == 2
            await transport.aclose()

    run(main())


def test_there_is_one_reply_for_each_query(run):
    async def main():
        async with serve(faults=[Fault.duplicate()]) as server:
            transport = connect(server)

            await ask(transport)
            await ask(transport)
            assert transport.handshakes == 1
            await transport.aclose()

    run(main())


def test_a_query_that_breaks_the_rules_ends_the_connection(run):
    async def main():
        async with serve() as server:
            transport = connect(server)
            await ask(transport)
            connection = transport._connection
            connection._quic.send_stream_data(400, b"\0\3abc", end_stream=True)
            connection._link.transmit()
            while not connection.over:
                await asyncio.sleep(0.01)

            await ask(transport)
            assert transport.handshakes == 2
            await transport.aclose()

    run(main())
