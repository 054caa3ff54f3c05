"""Loopback servers that say what a test tells them to, byte by byte."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import sys
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

import pytest

from aioresolver.transports.nameserver import Nameserver

Address = tuple[Any, ...]


class Messages:
    """Just enough of a DNS message for a transport."""

    @staticmethod
    def query(name: str = "www.example", *, opcode: int = 0, type: int = 1) -> bytes:
        flags = bytes([opcode << 3 | 1, 0])
        labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split(".")) + b"\0"
        return b"\0\0" + flags + b"\0\1\0\0\0\0\0\0" + labels + type.to_bytes(2, "big") + b"\0\1"

    @staticmethod
    def reply(query: bytes, payload: bytes = b"\xc0\x0c and the rest") -> bytes:
        return query[:2] + bytes([query[2] | 0x80]) + query[3:] + payload


class UdpServer(asyncio.DatagramProtocol):
    """Remembers queries with where they came from; `react(server, query, address)` may answer at once."""

    def __init__(self, react: Callable[[UdpServer, bytes, Address], None] | None, bound: socket.socket) -> None:
        self.react = react
        self.bound = bound
        self.queries: list[tuple[bytes, Address]] = []
        self._arrived: asyncio.Queue[tuple[bytes, Address]] = asyncio.Queue()

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        host, port = transport.get_extra_info("sockname")[:2]
        self.nameserver = Nameserver("udp", host, port)

    def datagram_received(self, data: bytes, addr: Address) -> None:
        self.queries.append((data, addr))
        self._arrived.put_nowait((data, addr))
        if self.react is not None:
            self.react(self, data, addr)

    def send(self, data: bytes, address: Address) -> None:
        self.bound.sendto(data, address)  # asyncio would send no empty datagram

    async def next(self) -> tuple[bytes, Address]:
        return await asyncio.wait_for(self._arrived.get(), 10)

    async def stop(self) -> None:
        self.transport.abort()
        await asyncio.sleep(0)

    @property
    def ports(self) -> list[int]:
        return [address[1] for _, address in self.queries]


def answer(server: UdpServer, query: bytes, address: Address) -> None:
    server.send(Messages.reply(query), address)


async def start_udp(
    react: Callable[[UdpServer, bytes, Address], None] | None = answer, *, host: str = "127.0.0.1", port: int = 0
) -> UdpServer:
    loop = asyncio.get_running_loop()
    bound = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM)
    bound.setblocking(False)
    bound.bind((host, port))
    # Some hundred queries of one turn must find room.
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
    _, server = await loop.create_datagram_endpoint(lambda: UdpServer(react, bound), sock=bound)
    return server


class TcpPeer(asyncio.Protocol):
    """One accepted connection."""

    def __init__(self, server: TcpServer) -> None:
        self.server = server
        self.received = b""
        self.queries: list[bytes] = []
        self.closed = asyncio.Event()

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self.server.peers.append(self)

    def data_received(self, data: bytes) -> None:
        self.received += data
        rest = self.received
        while len(rest) >= 2 and len(rest) >= 2 + int.from_bytes(rest[:2], "big"):
            end = 2 + int.from_bytes(rest[:2], "big")
            query, rest = rest[2:end], rest[end:]
            self.queries.append(query)
            self.server._arrived.put_nowait((self, query))
            if self.server.react is not None:
                self.server.react(self, query)
        self.received = rest

    def connection_lost(self, exc: Exception | None) -> None:
        self.closed.set()

    def send(self, message: bytes) -> None:
        self.transport.write(len(message).to_bytes(2, "big") + message)


class TcpServer:
    """Accepts connections; `react(peer, query)` may answer at once."""

    def __init__(self, react: Callable[[TcpPeer, bytes], None] | None) -> None:
        self.react = react
        self.peers: list[TcpPeer] = []
        self._arrived: asyncio.Queue[tuple[TcpPeer, bytes]] = asyncio.Queue()

    async def next(self) -> tuple[TcpPeer, bytes]:
        return await asyncio.wait_for(self._arrived.get(), 10)

    async def start(self, scheme: str = "tcp", hostname: str | None = None, **options: Any) -> TcpServer:
        loop = asyncio.get_running_loop()
        self.listener = await loop.create_server(lambda: TcpPeer(self), "127.0.0.1", 0, **options)
        port = self.listener.sockets[0].getsockname()[1]
        self.nameserver = Nameserver(scheme, "127.0.0.1", port, hostname)
        return self

    async def stop(self) -> None:
        self.listener.close()
        for peer in self.peers:
            peer.transport.abort()
        await asyncio.sleep(0)


def answer_over_tcp(peer: TcpPeer, query: bytes) -> None:
    peer.send(Messages.reply(query))


async def start_tcp(react: Callable[[TcpPeer, bytes], None] | None = answer_over_tcp, **options: Any) -> TcpServer:
    return await TcpServer(react).start(**options)


class NoReaderLoop(asyncio.SelectorEventLoop):
    """A loop without `add_reader`, as the Proactor of Windows."""

    def add_reader(self, *args: Any) -> None:
        raise NotImplementedError

    def add_writer(self, *args: Any) -> None:
        raise NotImplementedError


def new_uvloop() -> asyncio.AbstractEventLoop:
    return pytest.importorskip("uvloop").new_event_loop()


@pytest.fixture
def messages() -> type[Messages]:
    return Messages


@pytest.fixture
async def udp_server() -> AsyncIterator[Callable[..., Coroutine[Any, Any, UdpServer]]]:
    """Start a scripted UDP server: `await udp_server(react)`; without `react` it answers, with None it is silent."""
    started: list[UdpServer] = []

    async def start(*args: Any, **options: Any) -> UdpServer:
        started.append(await start_udp(*args, **options))
        return started[-1]

    yield start
    for server in started:
        await server.stop()


@pytest.fixture
async def tcp_server() -> AsyncIterator[Callable[..., Coroutine[Any, Any, TcpServer]]]:
    """Start a scripted TCP server: `await tcp_server(react)`; without `react` it answers, with None it is silent."""
    started: list[TcpServer] = []

    async def start(*args: Any, **options: Any) -> TcpServer:
        started.append(await start_tcp(*args, **options))
        return started[-1]

    yield start
    for server in started:
        await server.stop()


class Started:
    """Servers that a test starts on its own loop, stopped whatever becomes of it: uvloop waits for them else."""

    def __init__(self) -> None:
        self.servers: list[Any] = []

    async def udp(self, *args: Any, **options: Any) -> UdpServer:
        server = await start_udp(*args, **options)
        self.servers.append(server)
        return server

    async def tcp(self, *args: Any, **options: Any) -> TcpServer:
        server = await start_tcp(*args, **options)
        self.servers.append(server)
        return server

    async def stop(self) -> None:
        for server in self.servers:
            await server.stop()


@pytest.fixture(params=[asyncio.SelectorEventLoop, NoReaderLoop, new_uvloop], ids=["selector", "no reader", "uvloop"])
def any_loop(request: pytest.FixtureRequest, servers: Started) -> Iterator[Callable[[Coroutine[Any, Any, Any]], Any]]:
    """Run a coroutine on each kind of loop: `any_loop(main())`."""
    loop = request.param()

    async def finish(main: Coroutine[Any, Any, Any]) -> Any:
        try:
            return await asyncio.wait_for(main, 20)
        finally:
            await servers.stop()

    yield lambda main: loop.run_until_complete(finish(main))
    loop.run_until_complete(loop.shutdown_asyncgens())
    loop.close()


@pytest.fixture
def servers() -> Started:
    """`await servers.udp(react)` and `await servers.tcp(react)`, for tests that bring their own loop."""
    return Started()


@pytest.fixture
def closed_port() -> Iterator[int]:
    """A port on which nothing listens; it is held over TCP, so that nobody else gets it."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield int(held.getsockname()[1])


@pytest.fixture
def open_sockets() -> Callable[[], int]:
    """How many sockets this process has open."""
    if not sys.platform.startswith("linux"):
        pytest.skip("descriptors are counted in /proc")

    def count() -> int:
        found = 0
        for descriptor in Path("/proc/self/fd").iterdir():
            with contextlib.suppress(FileNotFoundError):  # the one that listed them
                found += str(descriptor.readlink()).startswith("socket:")
        return found

    return count
