"""Attack 5, SAD DNS 2020/21: the kernel tells a scanner nothing about our ports, and takes replies from one place only."""

from __future__ import annotations

import asyncio
import socket
import sys

import pytest
from evil_server import FORGED, TRUE, EvilServer, honest, reply_to

from aioresolver import Resolver, StubBackend
from aioresolver.testing import DNSServer
from aioresolver.transports import udp_socket


async def test_every_socket_is_connected(monkeypatch: pytest.MonkeyPatch, race: int) -> None:
    opened: list[socket.socket] = []
    open_connected = udp_socket.open_connected

    def watch(*args, **options) -> socket.socket:
        opened.append(open_connected(*args, **options))
        return opened[-1]

    monkeypatch.setattr("aioresolver.transports.udp.open_connected", watch)
    async with EvilServer(honest) as server, Resolver(StubBackend(server.url, race=race)) as resolver:
        await asyncio.gather(*(resolver.resolve(f"{number}.example") for number in range(100)))
        assert opened
        assert {f"udp://{sock.getpeername()[0]}:{sock.getpeername()[1]}" for sock in opened} == {server.url}


async def test_what_comes_from_elsewhere_never_reaches_us(race: int) -> None:
    def script(query: bytes, send) -> None:
        with socket.socket(type=socket.SOCK_DGRAM) as stranger:
            stranger.sendto(reply_to(query, FORGED), server.clients[-1])
        asyncio.get_running_loop().call_later(0.05, send, reply_to(query))

    async with EvilServer(script) as server, Resolver(backend := StubBackend(server.url, race=race)) as resolver:
        answer = await resolver.resolve("victim.example")
        transport = backend.upstreams[0].transport("udp")

        assert [data.address for data in answer] == [TRUE]
        assert transport.ignored == 0


@pytest.mark.skipif(sys.platform == "win32", reason="Windows tells it otherwise")
async def test_a_closed_port_makes_the_next_servers_turn() -> None:
    with socket.socket(type=socket.SOCK_DGRAM) as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    server = DNSServer("www.example. 60 A 192.0.2.80")
    async with server, Resolver([f"udp://127.0.0.1:{port}", server.nameserver]) as resolver:
        answer = await resolver.resolve("www.example")

    assert [data.address for data in answer] == [TRUE]
