"""Connections by name: on asyncio and uvloop, to a name that only our nameserver knows."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import gc
import socket
import ssl
import sys
import types
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from tests.ports import one_port

from aioresolver.connect import server_name
from aioresolver.errors import AddressBlocked, LookupTimeout, NameNotFound, NameSyntaxError, NoRecords, UsageError
from aioresolver.policy import AddressPolicy
from aioresolver.resolver import Resolver
from aioresolver.testing import DNSServer, Fault

pytest.importorskip("aiohappyeyeballs")

ZONE = """
$ORIGIN port.test.
@      60 SOA ns hostmaster 1 7200 3600 1209600 30
here   60 A 127.0.0.1
both   60 A 127.0.0.1
both   60 AAAA ::1
six    60 AAAA ::1
second 60 A 127.0.0.77
second 60 A 127.0.0.1
alias  60 CNAME here
inside 60 A 10.0.0.1
xn--bcher-kva 60 A 127.0.0.1
"""


@contextlib.asynccontextmanager
async def house(
    *addresses: str, context: ssl.SSLContext | None = None, zone: str = ZONE, **options: Any
) -> AsyncIterator[tuple[DNSServer, Resolver, int]]:
    """A nameserver, a resolver of it, and a port at these addresses that says who has come."""

    greeting_tasks = set()

    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        greeting_tasks.add(asyncio.current_task())
        with contextlib.suppress(OSError):
            writer.write(f"hello {writer.get_extra_info('peername')[0]}\n".encode())
            await writer.drain()
            await reader.read()
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()

    listening = one_port(*(addresses or ("127.0.0.1",)))
    port: int = listening[0].getsockname()[1]
    doors = [await asyncio.start_server(greet, sock=sock, ssl=context) for sock in listening]
    async with DNSServer(zone) as server, Resolver(server.nameserver, **{"timeout": 2.0, **options}) as resolver:
        try:
            yield server, resolver, port
        finally:
            for door in doors:
                door.close()
            if greeting_tasks:  # each ends when its visitor has gone
                await asyncio.wait(greeting_tasks, timeout=5)


async def greeting(streams: tuple[asyncio.StreamReader, asyncio.StreamWriter]) -> str:
    reader, writer = streams
    try:
        return (await reader.readline()).decode().strip()
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


def port_of(server: asyncio.Server) -> int:
    port: int = server.sockets[0].getsockname()[1]
    return port


async def refused(address: str) -> int:
    """A port where nobody listens."""
    with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET) as sock:
        sock.bind((address, 0))
        port: int = sock.getsockname()[1]
        return port


def test_a_name_that_only_our_nameserver_knows(run):
    async def main() -> None:
        async with house() as (server, resolver, port):
            for name in ("here.port.test", "HERE.port.test.", "alias.port.test", "bücher.port.test", "127.0.0.1"):
                assert await greeting(await resolver.open_connection(name, port)) == "hello 127.0.0.1"
            assert server.asked("here.port.test", "A") == 1

    run(main())


def test_the_transport_and_the_protocol_are_those_of_the_loop(run):
    class Line(asyncio.Protocol):
        def __init__(self) -> None:
            self.line: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

        def data_received(self, data: bytes) -> None:
            self.line.set_result(data)

    async def main() -> None:
        async with house() as (_, resolver, port):
            transport, protocol = await resolver.create_connection(Line, "here.port.test", port)
            assert await protocol.line == b"hello 127.0.0.1\n"
            assert transport.get_extra_info("peername") == ("127.0.0.1", port)
            transport.close()
            with pytest.raises(ZeroDivisionError):
                await resolver.create_connection(lambda: 1 / 0, "here.port.test", port)

    run(main())


def test_a_socket_for_a_library_that_takes_one(run):
    async def main() -> None:
        async with house() as (_, resolver, port):
            with await resolver.connect("here.port.test", port) as sock:
                assert sock.getpeername() == ("127.0.0.1", port)
                assert not sock.getblocking()
                assert await asyncio.get_running_loop().sock_recv(sock, 100) == b"hello 127.0.0.1\n"

    run(main())


def test_tls_is_for_the_name_that_was_asked_for(run, certificates):
    """The alias's name, not its target's; without the dot; the address when it is one; in ASCII."""

    async def main() -> None:
        async with house(context=certificates.server) as (_, resolver, port):
            for host in ("here.port.test", "alias.port.test.", "bücher.port.test", "127.0.0.1"):
                streams = await resolver.open_connection(host, port, ssl=certificates.client)
                assert await greeting(streams) == "hello 127.0.0.1"
            streams = await resolver.open_connection(
                "127.0.0.1", port, ssl=certificates.client, server_hostname="other.port.test"
            )
            await greeting(streams)

    run(main())
    assert certificates.asked == [
        "here.port.test",
        "alias.port.test",
        "xn--bcher-kva.port.test",
        None,
        "other.port.test",
    ]


def test_a_certificate_for_another_name_is_refused(run, certificates):
    async def main() -> None:
        async with house(context=certificates.server, hosts={"other.test": "127.0.0.1"}) as (_, resolver, port):
            with pytest.raises(ssl.SSLCertVerificationError):
                await resolver.open_connection("other.test", port, ssl=certificates.client)
            with pytest.raises(ssl.SSLCertVerificationError):
                await resolver.open_connection("here.port.test", port, ssl=True)

    run(main())


def test_the_families_take_turns_and_one_can_be_chosen(run):
    async def main() -> None:
        async with house("127.0.0.1", "::1") as (_, resolver, port):
            for family, greeted in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
                streams = await resolver.open_connection("both.port.test", port, family=family)
                assert await greeting(streams) == f"hello {greeted}"
            with pytest.raises(NoRecords):
                await resolver.open_connection("six.port.test", port, family=socket.AF_INET)

    run(main())


def test_the_next_address_is_tried_when_one_refuses(run):
    async def main() -> None:
        async with house(address_order="as-is") as (_, resolver, port):
            for delay in (None, 0.25):
                streams = await resolver.open_connection("second.port.test", port, happy_eyeballs_delay=delay)
                assert await greeting(streams) == "hello 127.0.0.1"
            assert await greeting(await resolver.open_connection("both.port.test", port)) == "hello 127.0.0.1"

    run(main())


def test_the_next_address_is_tried_beside_one_that_says_nothing(run):
    """Its queue of connections is full, so that the operating system lets ours wait."""

    async def main() -> None:
        async with house(address_order="as-is") as (_, resolver, port):
            with contextlib.ExitStack() as stack:
                silent = stack.enter_context(socket.create_server(("127.0.0.77", port), backlog=0))
                for _ in range(4):
                    filler = stack.enter_context(socket.socket())
                    filler.setblocking(False)
                    filler.connect_ex(silent.getsockname())
                streams = await resolver.open_connection("second.port.test", port, happy_eyeballs_delay=0.01)
                assert await greeting(streams) == "hello 127.0.0.1"

    run(main())


def test_nobody_listens(run):
    async def main() -> None:
        port = await refused("127.0.0.1")
        async with house() as (_, resolver, _):
            with pytest.raises(ConnectionRefusedError):
                await resolver.open_connection("here.port.test", port)
            with pytest.raises(OSError, match=r"Connect call failed .*Connect call failed"):
                await resolver.open_connection("second.port.test", port)

    run(main())


def test_where_from(run):
    async def main() -> None:
        async with house() as (_, resolver, port):
            streams = await resolver.open_connection("here.port.test", port, local_addr=("127.0.0.5", 0))
            assert await greeting(streams) == "hello 127.0.0.5"
            with pytest.raises(OSError, match="bind"):
                await resolver.open_connection("here.port.test", port, local_addr=("192.0.2.1", 0))
            with pytest.raises(ValueError, match="not an IP address"):
                await resolver.open_connection("here.port.test", port, local_addr=("here", 0))

    run(main())


def test_an_override_for_a_port_leads_to_another(run):
    async def main() -> None:
        port = await refused("127.0.0.1")
        async with house(hosts={"db.test:5432": ("127.0.0.1", port)}) as (_, resolver, _):
            server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", port)
            assert await greeting(await resolver.open_connection("db.test", 5432)) == ""
            server.close()

    run(main())


def test_what_the_policy_forbids_is_not_connected_to(run):
    async def main() -> None:
        async with house(policy=AddressPolicy.public(allow_names=["here.port.test"])) as (_, resolver, port):
            for host in ("inside.port.test", "both.port.test", "127.0.0.1", "::ffff:127.0.0.1", "localhost"):
                with pytest.raises(AddressBlocked):
                    await resolver.open_connection(host, port)
            for host in ("2130706433", "127.1", "0x7f.1", "127.0.0.1."):
                with pytest.raises(NameNotFound):
                    await resolver.open_connection(host, port)
            assert await greeting(await resolver.open_connection("here.port.test", port)) == "hello 127.0.0.1"

    run(main())


def test_a_name_that_changes_between_the_check_and_the_connection(run):
    """There is one lookup: what was checked is what is connected to."""

    async def main() -> None:
        policy = AddressPolicy.public(allow=["127.0.0.9"])
        zone = "two.test. 0 A 127.0.0.9"
        async with house("127.0.0.9", "127.0.0.1", zone=zone, policy=policy) as (server, resolver, port):
            with await resolver.connect("two.test", port) as sock:
                assert sock.getpeername() == ("127.0.0.9", port)
                await asyncio.get_running_loop().sock_recv(sock, 100)
            assert server.asked("two.test", "A") == 1
            server.remove("two.test")
            server.add("two.test. 0 A 127.0.0.1")
            with pytest.raises(AddressBlocked):
                await resolver.open_connection("two.test", port)

    run(main())


def test_errors_of_the_lookup_are_those_of_resolve(run):
    async def main() -> None:
        async with house(timeout=0.2) as (server, resolver, port):
            with pytest.raises(NameNotFound):
                await resolver.open_connection("no.port.test", port)
            with pytest.raises(NameSyntaxError):
                await resolver.open_connection("a..b", port)
            server.faults.append(Fault.silence())
            with pytest.raises(LookupTimeout):
                await resolver.open_connection("here.port.test", port)
        with pytest.raises(UsageError):
            await resolver.open_connection("here.port.test", port)

    run(main())


def test_a_timeout_is_for_everything(run):
    async def main() -> None:
        async with house() as (server, resolver, port):
            server.faults.append(Fault.silence())
            with pytest.raises(TimeoutError, match=r"no connection to here\.port\.test") as caught:
                await resolver.open_connection("here.port.test", port, timeout=0.05)
            assert caught.value.errno == errno.ETIMEDOUT
            server.faults.clear()
            mute = await asyncio.start_server(lambda _, writer: held.append(writer), "127.0.0.1", 0)
            with pytest.raises(TimeoutError):
                await resolver.open_connection("127.0.0.1", port_of(mute), ssl=True, timeout=0.05)
            for each in (*held, mute):
                each.close()
            streams = await resolver.open_connection("here.port.test", port, timeout=5)
            assert await greeting(streams) == "hello 127.0.0.1"

    held: list[Any] = []
    run(main())


def test_cancelled_on_the_way(run):
    """At the lookup and at the handshake; nothing is left open, as ResourceWarnings would tell."""

    async def main() -> None:
        async with house() as (server, resolver, port):
            server.faults.append(Fault.silence())
            lookup = asyncio.ensure_future(resolver.open_connection("here.port.test", port))
            await server.received()
            lookup.cancel()
            with pytest.raises(asyncio.CancelledError):
                await lookup
            server.faults.clear()
            accepted = asyncio.get_running_loop().create_future()
            mute = await asyncio.start_server(lambda _, writer: accepted.set_result(writer), "127.0.0.1", 0)
            connection = asyncio.ensure_future(resolver.open_connection("here.port.test", port_of(mute), ssl=True))
            writer = await accepted
            connection.cancel()
            with pytest.raises(asyncio.CancelledError):
                await connection
            writer.close()
            mute.close()
            await asyncio.sleep(0)

    run(main())


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"server_hostname": "a"}, ValueError),
        ({"ssl_handshake_timeout": 1}, ValueError),
        ({"ssl": "yes"}, TypeError),
        ({"ssl": True, "ssl_handshake_timeout": 0}, ValueError),
        ({"family": 99}, ValueError),
    ],
)
async def test_impossible_arguments(options, error):
    async with house() as (_, resolver, port):
        with pytest.raises(error):
            await resolver.open_connection("here.port.test", port, **options)


@pytest.mark.parametrize("port", [0, -1, 65536])
async def test_impossible_ports(port):
    async with house() as (_, resolver, _), contextlib.nullcontext():
        with pytest.raises(ValueError, match="not a port"):
            await resolver.connect("here.port.test", port)


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("Example.ORG.", "example.org"),
        ("bücher.example", "xn--bcher-kva.example"),
        ("192.0.2.1", "192.0.2.1"),
        ("fe80::1%eth0", "fe80::1"),
        ("2001:DB8:0::1", "2001:db8::1"),
    ],
)
def test_the_name_for_tls(host, name):
    assert server_name(host) == name


async def test_without_the_library_one_sentence_says_what_to_install(monkeypatch):
    async with house() as (server, resolver, port):
        monkeypatch.setitem(sys.modules, "aiohappyeyeballs", None)
        with pytest.raises(ModuleNotFoundError, match=r'pip install "aioresolver\[connect\]"'):
            await resolver.open_connection("here.port.test", port)
        old = types.ModuleType("aiohappyeyeballs")
        old.__version__ = "1.8.1"
        monkeypatch.setitem(sys.modules, "aiohappyeyeballs", old)
        with pytest.raises(ImportError, match=r'2.3 or newer: pip install "aioresolver\[connect\]" \(this is 1.8.1\)'):
            await resolver.open_connection("here.port.test", port)
        assert server.count == 0


def descriptors(action: Callable[[], Any]) -> int:
    """How many more are open after it."""
    import os

    before = len(os.listdir("/proc/self/fd"))
    action()
    gc.collect()
    return len(os.listdir("/proc/self/fd")) - before


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="counts in /proc")
def test_no_descriptor_is_left(run):
    async def main() -> None:
        async with house(address_order="as-is") as (_, resolver, port):
            for _ in range(20):
                await greeting(await resolver.open_connection("second.port.test", port, happy_eyeballs_delay=0))

    run(main())
    assert descriptors(lambda: run(main())) <= 0
