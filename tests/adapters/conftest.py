"""What adapters of HTTP libraries are tried on: a web server, and URLs that attack."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import sys
from collections.abc import AsyncIterator, Iterator
from typing import Any
from urllib.parse import quote, unquote

import pytest
from tests.ports import one_port


class Site:
    """A web server whose pages say by what name they were asked for; `/to/URL` redirects there."""

    def __init__(self) -> None:
        self.hosts: list[str] = []
        self.port = 0
        self._tasks: set[asyncio.Task[Any]] = set()

    @contextlib.asynccontextmanager
    async def at(self, *addresses: str, context: ssl.SSLContext | None = None) -> AsyncIterator[Site]:
        """Serve at one port of these addresses."""
        sockets = one_port(*addresses)
        self.port = sockets[0].getsockname()[1]
        servers = [await asyncio.start_server(self._serve, sock=sock, ssl=context) for sock in sockets]
        try:
            yield self
        finally:
            for server in servers:
                server.close()
            if self._tasks:
                await asyncio.wait(self._tasks, timeout=5)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
            host = next(line[5:].strip() for line in head if line.lower().startswith("host:"))
            self.hosts.append(host)
            path = head[0].split(" ")[1]
            status = f"302 Found\r\nLocation: {unquote(path[4:])}" if path.startswith("/to/") else "200 OK"
            body = host.encode()
            writer.write(
                f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode() + body
            )
            await writer.drain()
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


@pytest.fixture
def site() -> Site:
    return Site()


ATTACK_ZONE = """
$ORIGIN attack.test.
@        60 SOA ns hostmaster 1 7200 3600 1209600 30
good     60 A 127.0.0.9
inside   60 A 127.0.0.1
alias    60 CNAME inside
local    60 CNAME localhost.
six      60 AAAA ::1
mapped   60 AAAA ::ffff:127.0.0.1
nat64    60 AAAA 64:ff9b::7f00:1
sixtofour 60 AAAA 2002:7f00:1::
scoped   60 AAAA fe80::1
mixed    60 A 127.0.0.9
mixed    60 A 127.0.0.1
both     60 A 127.0.0.9
both     60 AAAA ::1
zero     60 A 0.0.0.0
metadata 60 A 169.254.169.254
lan      60 A 192.168.1.1
127.0.0.1 60 A 127.0.0.1
2130706433 60 A 127.0.0.1
0x7f000001 60 A 127.0.0.1
"""

LITERALS = """
127.0.0.1 127.0.0.1. 127.0.0.1.. 127.1 127.0.1 127.0.0.2 2130706433 2130706433. 0x7f000001 0X7F.0.0.1 0x7f.1
017700000001 0177.0.0.1 0177.1 127.000.000.001 0 0. 0.0.0.0 0x0 00000000 10.0.0.1 172.16.0.1 192.168.1.1 100.64.0.1
169.254.169.254 2852039166 0xa9fea9fe 0251.0376.0251.0376 １２７.０.０.１ 127。0。0。1 ①②⑦.⓪.⓪.① 127%2e0%2e0%2e1
127.0.0.1%00 [::1] [::] [0:0:0:0:0:0:0:1] [0000::0001] [::ffff:127.0.0.1] [::FFFF:127.0.0.1] [::ffff:7f00:1]
[0:0:0:0:0:ffff:127.0.0.1] [::127.0.0.1] [::ffff:0:127.0.0.1] [64:ff9b::127.0.0.1] [64:ff9b::7f00:1]
[64:ff9b:1::127.0.0.1] [2002:7f00:1::] [2001:0:7f00:1::] [2001:db8::5efe:7f00:1] [fe80::1%25lo] [fe80::1%lo]
[::1%25lo] [fd00::1] [fec0::1] [fd00:ec2::254]
""".split()  # noqa: RUF001, SIM905 - attackers use such digits, and a list would be a page long

NAMES = """
localhost LOCALHOST localhost. foo.localhost ⓛocalhost inside.attack.test INSIDE.attack.test. alias.attack.test
local.attack.test six.attack.test mapped.attack.test nat64.attack.test sixtofour.attack.test scoped.attack.test
mixed.attack.test both.attack.test zero.attack.test metadata.attack.test lan.attack.test 127.0.0.1.attack.test
""".split()  # noqa: SIM905 - a list would be a page long

TRICKS = [
    "http://good.attack.test@127.0.0.1:PORT/",
    "http://good.attack.test:80@127.0.0.1:PORT/",
    "http://good.attack.test%2F@127.0.0.1:PORT/",
    "http://127.0.0.1:PORT#@good.attack.test/",
    "http://127.0.0.1:PORT?@good.attack.test/",
    "http://127.0.0.1:PORT\\@good.attack.test:PORT/",
    "http:/\\127.0.0.1:PORT/",
    "http://\t127.0.0.1:PORT/",
]

REDIRECTS = """
127.0.0.1 127.0.0.1. 127.1 2130706433 0x7f000001 [::1] [::ffff:127.0.0.1] [64:ff9b::7f00:1] [fe80::1%25lo] localhost
inside.attack.test alias.attack.test mixed.attack.test good.attack.test@127.0.0.1
""".split()  # noqa: SIM905 - a list would be a page long

ATTACKS = [
    *[f"http://{host}:PORT/" for host in (*LITERALS, *NAMES)],
    *TRICKS,
    *[f"http://good.attack.test:PORT/to/{quote(f'http://{host}:PORT/', safe='')}" for host in REDIRECTS],
    f"http://good.attack.test:PORT/to/{quote('//127.0.0.1:PORT/', safe='')}",
    # A redirect to a redirect.
    f"http://good.attack.test:PORT/to/{quote('http://good.attack.test:PORT/to/' + quote('http://127.1:PORT/', safe=''), safe='')}",
]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test with the argument `attack` is run for each URL; PORT in it is a port where somebody inside listens."""
    if "attack" in metafunc.fixturenames:
        metafunc.parametrize("attack", ATTACKS)
    if "attacked_host" in metafunc.fixturenames:
        metafunc.parametrize("attacked_host", [host.strip("[]") for host in (*LITERALS, *NAMES)])


class Connections:
    """Where TCP connections were begun; none leaves loopback, for it is an error to begin it."""

    def __init__(self) -> None:
        self.addresses: list[str] = []
        self.on = False

    def hook(self, event: str, arguments: Any) -> None:
        if self.on and event == "socket.connect" and arguments[0].type == socket.SOCK_STREAM:
            address = arguments[1][0]
            self.addresses.append(address)
            if not address.startswith("127.") and address != "::1":
                raise PermissionError(f"{address} is not on loopback")


WATCH = Connections()
sys.addaudithook(WATCH.hook)


@pytest.fixture
def connections() -> Iterator[list[str]]:
    """The addresses of the TCP connections that the test begins, by Python's own sockets."""
    WATCH.addresses = []
    WATCH.on = True
    yield WATCH.addresses
    WATCH.on = False


@pytest.fixture
def attack_zone() -> str:
    return ATTACK_ZONE


@pytest.fixture
def attacks() -> list[str]:
    return ATTACKS
