"""A client that sees every packet, where it came from, and what did not come."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

import pytest

from aioresolver.wire.edns import Edns
from aioresolver.wire.message import Message, Question

PROBE = "probe.invalid."


class Packets(asyncio.DatagramProtocol):
    """An unconnected UDP socket of the test: takes packets from anywhere."""

    def __init__(self, server: Any) -> None:
        self.server = server
        self.queue: asyncio.Queue[tuple[bytes, tuple[str, int]]] = asyncio.Queue()

    async def __aenter__(self) -> Packets:
        loop = asyncio.get_running_loop()
        self.transport, _ = await loop.create_datagram_endpoint(lambda: self, local_addr=(self.server.address, 0))
        return self

    async def __aexit__(self, *_: object) -> None:
        self.transport.close()

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self.queue.put_nowait((data, addr))

    def send(self, name: str, type: str = "A", *, id: int = 0, edns: bool = False) -> bytes:
        query = Message.query(Question.parse(name, type), id=id, edns=Edns() if edns else None).to_wire()
        return self.send_wire(query)

    def send_wire(self, query: bytes) -> bytes:
        self.transport.sendto(query, (self.server.address, self.server.port))
        return query

    async def receive(self) -> tuple[bytes, tuple[str, int]]:
        return await asyncio.wait_for(self.queue.get(), 5)

    async def ask(self, name: str, type: str = "A", *, id: int = 0, edns: bool = False) -> Message:
        self.send(name, type, id=id, edns=edns)
        return Message.parse((await self.receive())[0])

    async def settled(self) -> list[bytes]:
        """What has come until now: everything before the reply to a question that no fault concerns."""
        probe = self.send(PROBE, id=0xBEEF)
        wires = []
        while True:
            wire, _ = await self.receive()
            if wire[:2] == probe[:2] and wire[12 : len(probe)] == probe[12:]:
                return wires
            wires.append(wire)


@pytest.fixture
def packets() -> type[Packets]:
    """`async with packets(server) as client`."""
    return Packets


def frame(wire: bytes) -> bytes:
    return len(wire).to_bytes(2, "big") + wire


class Stream:
    """A TCP connection of the test."""

    def __init__(self, server: Any) -> None:
        self.server = server

    async def __aenter__(self) -> Stream:
        self.reader, self.writer = await asyncio.open_connection(self.server.address, self.server.port)
        return self

    async def __aexit__(self, *_: object) -> None:
        self.writer.close()
        with contextlib.suppress(ConnectionError):
            await self.writer.wait_closed()

    def send(self, *names: str, id: int = 0) -> None:
        queries = [Message.query(Question.parse(name), id=id + n).to_wire() for n, name in enumerate(names)]
        self.writer.write(b"".join(map(frame, queries)))

    async def receive(self) -> Message:
        length = int.from_bytes(await asyncio.wait_for(self.reader.readexactly(2), 5), "big")
        return Message.parse(await asyncio.wait_for(self.reader.readexactly(length), 5))

    async def rest(self) -> bytes:
        return await asyncio.wait_for(self.reader.read(), 5)


@pytest.fixture
def stream() -> type[Stream]:
    """`async with stream(server) as connection`."""
    return Stream
