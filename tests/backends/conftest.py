"""A scripted transport: what a nameserver says to each query, and when, under virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from aioresolver.errors import TransportError
from aioresolver.transports.nameserver import Nameserver
from aioresolver.wire.message import Message

Script = Callable[[Message, "ScriptedTransport"], Any]


class ScriptedTransport:
    """One nameserver's transport: `script(query, transport)` gives a reply, or (seconds, reply), or None for silence.

    A reply is a Message, bytes, or an exception to raise. `queries` has what was asked, with the loop's time,
    and `sent` the bytes of it.
    """

    def __init__(self, nameserver: Nameserver, script: Script) -> None:
        self.nameserver = nameserver
        self.scheme = nameserver.scheme
        self.script = script
        self.queries: list[tuple[float, Message]] = []
        self.sent: list[bytes] = []
        self.waiting = 0
        self.closed = 0

    async def exchange(self, query: bytes, deadline: float) -> bytes:
        loop = asyncio.get_running_loop()
        message = Message.parse(query)
        self.queries.append((loop.time(), message))
        self.sent.append(query)
        self.waiting += 1
        try:
            said = self.script(message, self)
            delay, reply = said if isinstance(said, tuple) else (0.01, said)
            if reply is None or loop.time() + delay > deadline:
                await asyncio.sleep(deadline - loop.time())
                raise TransportError("no reply before the deadline")
            await asyncio.sleep(delay)
        finally:
            self.waiting -= 1
        if isinstance(reply, Exception):
            raise reply
        return reply if isinstance(reply, bytes) else reply.to_wire()

    async def aclose(self) -> None:
        self.closed += 1


class Network:
    """Scripts by nameserver, and the transports that were opened."""

    def __init__(self) -> None:
        self.scripts: dict[str, Script] = {}
        self.transports: dict[str, ScriptedTransport] = {}

    def open(self, nameserver: Nameserver) -> ScriptedTransport:
        url = str(nameserver)
        script = self.scripts.get(url) or self.scripts[str(nameserver.with_scheme("udp"))]
        transport = self.transports[url] = ScriptedTransport(nameserver, script)
        return transport

    def asked(self, url: str) -> list[Message]:
        """The queries that a nameserver got."""
        return [query for _, query in self.transports[url].queries] if url in self.transports else []

    def times(self, url: str) -> list[float]:
        """When it got them, from the first on."""
        times = [when for when, _ in self.transports[url].queries]
        return [round(when - times[0], 3) for when in times]


@pytest.fixture
def network() -> Network:
    return Network()
