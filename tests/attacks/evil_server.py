"""A nameserver whose every datagram is written by the test: what a forger would send, and what the true one does."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

from aioresolver.wire.codes import Flag
from aioresolver.wire.message import Message, Record

Client = tuple[str, int]
Send = Callable[[bytes], None]
Script = Callable[[bytes, Send], None]
TRUE, FORGED = "192.0.2.80", "203.0.113.66"


def reply_to(query: bytes, address: str = TRUE) -> bytes:
    """A reply that a resolver would take."""
    message = Message.parse(query)
    record = Record.parse(f"{message.question[0].name} 300 A {address}")
    return query[:2] + message.reply(flags=Flag.RA, answer=(record,)).to_wire()[2:]


def answered(query: bytes, *records: str, flags: Flag = Flag.RA, **options: Any) -> bytes:
    """A reply with these records, and whatever else a reply may have."""
    message = Message.parse(query).reply(flags=flags, answer=tuple(map(Record.parse, records)), **options)
    return query[:2] + message.to_wire()[2:]


def honest(query: bytes, send: Send) -> None:
    """A script: the truth."""
    send(reply_to(query))


class EvilServer:
    """Datagrams in, to `script(query, send)`; messages over TCP on the same port to `tcp`, which tells the truth.

    `queries` has all datagrams, `over_tcp` the others.
    """

    def __init__(self, script: Script, *, tcp: Script = honest) -> None:
        self.script = script
        self.tcp = tcp
        self.queries: list[bytes] = []
        self.over_tcp: list[bytes] = []
        self.clients: list[Client] = []
        self._tcp = socket.create_server(("127.0.0.1", 0))
        self._udp = socket.socket(type=socket.SOCK_DGRAM)
        self._udp.bind(self._tcp.getsockname())
        self._udp.setblocking(False)
        self.url = f"udp://127.0.0.1:{self._udp.getsockname()[1]}"
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> EvilServer:
        asyncio.get_running_loop().add_reader(self._udp.fileno(), self._read)
        self._server = await asyncio.start_server(self._serve, sock=self._tcp)
        return self

    async def __aexit__(self, *_: object) -> None:
        asyncio.get_running_loop().remove_reader(self._udp.fileno())
        self._udp.close()
        assert self._server is not None
        self._server.close()
        await self._server.wait_closed()

    def _read(self) -> None:
        for query, client in self._waiting():
            self.queries.append(query)
            self.clients.append(client)
            self.script(query, lambda reply, client=client: self._send(reply, client))

    def _waiting(self) -> Iterator[tuple[bytes, Client]]:
        while True:
            try:
                yield self._udp.recvfrom(4096)
            except BlockingIOError:
                return

    def _send(self, reply: bytes, client: Client) -> None:
        with suppress(BlockingIOError, ConnectionRefusedError):  # what finds no room, or nobody, is lost
            self._udp.sendto(reply, client)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                query = await reader.readexactly(int.from_bytes(await reader.readexactly(2), "big"))
                self.over_tcp.append(query)
                self.tcp(query, lambda reply: writer.write(len(reply).to_bytes(2, "big") + reply))
        except asyncio.IncompleteReadError:
            writer.close()
