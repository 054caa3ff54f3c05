"""The sockets: pipelining, idle and slow connections, loops without add_reader."""

from __future__ import annotations

import asyncio
import errno
import socket

import pytest

from aioresolver.testing import DNSServer, Fault, listeners
from aioresolver.wire.message import Message, Question

ZONE = "$GENERATE 0-99 h$ 60 A 192.0.2.$\n$GENERATE 0-250 big 60 A 192.0.2.$"


def data(message):
    return [str(record.data) for record in message.answer]


async def test_tcp_is_pipelined(stream):
    async with DNSServer(ZONE) as server, stream(server) as connection:
        connection.send(*(f"h{n}" for n in range(100)))
        replies = [await connection.receive() for _ in range(100)]

    assert [(message.id, data(message)) for message in replies] == [(n, [f"192.0.2.{n}"]) for n in range(100)]


async def test_tcp_replies_may_come_out_of_order(stream):
    async with DNSServer(ZONE, faults=[Fault.delay(0.01, name="h0")]) as server, stream(server) as connection:
        connection.send("h0", "h1")

        assert [(await connection.receive()).id for _ in range(2)] == [1, 0]


async def test_tcp_frames_in_pieces(stream):
    wire = Message.query(Question.parse("h1"), id=1).to_wire()
    async with DNSServer(ZONE) as server, stream(server) as connection:
        for byte in len(wire).to_bytes(2, "big") + wire:
            connection.writer.write(bytes((byte,)))
            await connection.writer.drain()
            await asyncio.sleep(0)

        assert data(await connection.receive()) == ["192.0.2.1"]


async def test_an_empty_frame_is_passed_over(stream):
    async with DNSServer(ZONE) as server, stream(server) as connection:
        connection.writer.write(b"\x00\x00")
        connection.send("h1")

        assert data(await connection.receive()) == ["192.0.2.1"]


async def test_an_idle_connection_is_closed(stream):
    async with DNSServer(ZONE, idle=0.1) as server, stream(server) as connection:
        connection.send("h1")

        assert data(await connection.receive()) == ["192.0.2.1"]
        assert await connection.rest() == b""


async def test_who_reads_slowly_gets_everything(stream):
    async with DNSServer(ZONE) as server, stream(server) as connection:
        for _ in range(500):
            connection.send("big")
            await connection.writer.drain()
        counts = {len((await connection.receive()).answer) for _ in range(500)}

    assert counts == {251}


async def test_a_connection_that_is_gone_harms_nobody(stream):
    async with DNSServer(ZONE, faults=[Fault.delay(0.01, name="h0"), Fault.close(name="h2")]) as server:
        async with stream(server) as connection:
            connection.send("h0", "h2", "h2")
            assert await connection.rest() == b""
        async with stream(server) as connection:
            connection.send("h0")
            assert data(await connection.receive()) == ["192.0.2.0"]


async def test_a_loop_without_add_reader(monkeypatch, packets):
    def refuse(*_):
        raise NotImplementedError

    loop = asyncio.get_running_loop()
    with monkeypatch.context() as patch:
        patch.setattr(loop, "add_reader", refuse)
        server = DNSServer(ZONE, faults=[Fault.wrong_address(name="h2", then_right=False)])
        await server.start()
    async with packets(server) as client:
        assert data(await client.ask("h1")) == ["192.0.2.1"]
        assert len((await client.ask("h2")).answer) == 1
    await server.aclose()


def test_another_loop(packets, stream):
    uvloop = pytest.importorskip("uvloop")

    async def main():
        server = DNSServer(ZONE, faults=[Fault.delay(0.001)])
        async with server, packets(server) as client, stream(server) as connection:
            assert data(await client.ask("h1")) == ["192.0.2.1"]
            connection.send("h1", "h2")
            assert data(await connection.receive()) == ["192.0.2.1"]

    loop = uvloop.new_event_loop()
    try:
        loop.run_until_complete(main())
    finally:
        loop.close()


async def test_more_packets_than_one_drain_takes(packets):
    async with DNSServer(ZONE) as server, packets(server) as client:
        for number in range(3 * listeners.DRAIN):
            client.send("h1", id=number)
        ids = [Message.parse((await client.receive())[0]).id for _ in range(3 * listeners.DRAIN)]

    assert ids == list(range(3 * listeners.DRAIN))


async def test_no_room_to_send_loses_the_reply(packets):
    class Full:
        def sendto(self, wire, client):
            raise OSError(errno.ENOBUFS, "no room")

    async with DNSServer(ZONE) as server:
        server._udp._socket, real = Full(), server._udp._socket
        server._udp.send(b"reply", ("127.0.0.1", 9))
        server._udp._socket = real
        async with packets(server) as client:
            assert data(await client.ask("h1")) == ["192.0.2.1"]


async def test_a_port_that_is_free_for_tcp_alone_is_not_taken(monkeypatch):
    """The port that the system gives for TCP may be taken for UDP: then there is another one."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        ports = [taken.getsockname()[1], 0]
        real = socket.create_server
        monkeypatch.setattr(
            socket, "create_server", lambda address, **keywords: real((address[0], ports.pop(0)), **keywords)
        )
        async with DNSServer() as server:
            assert ports == []
            assert server.port != taken.getsockname()[1]


async def test_ports_are_not_tried_for_ever(monkeypatch):
    class Taken(socket.socket):
        def bind(self, address):
            raise OSError(errno.EADDRINUSE, "in use")

    real = socket.create_server((("127.0.0.1"), 0))
    monkeypatch.setattr(socket, "create_server", lambda *_, **__: real)
    monkeypatch.setattr(socket, "socket", Taken)
    monkeypatch.setattr(listeners, "PORT_TRIES", 1)

    with pytest.raises(OSError, match="in use"):
        await DNSServer().start()
