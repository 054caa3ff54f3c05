"""The event loop's hook: real clients connect, through the loop, to a name that only our testing server knows."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import socket
import ssl
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest

from aioresolver.adapters.eventloop import LoopBypassWarning, installed, loop_factory
from aioresolver.answer import Answer
from aioresolver.errors import NameNotFound, UsageError
from aioresolver.resolver import Resolver
from aioresolver.testing import DNSServer
from aioresolver.wire.message import Question

ZONE = """
$ORIGIN loop.test.
@ 60 SOA ns hostmaster 1 7200 3600 1209600 30
srv 60 A 127.0.0.1
two 60 A 127.0.0.1
two 60 A 127.0.0.2
six 60 AAAA ::1
host 60 A 127.0.0.77
"""
OTHER_ZONE = "$ORIGIN loop.test.\n@ 60 SOA ns h 1 2 3 4 5\nsrv 60 A 127.0.0.99\n"
REVERSE = "$ORIGIN 2.0.192.in-addr.arpa.\n@ 60 SOA ns h 1 2 3 4 5\n7 60 PTR seven.loop.test.\n"
HOST = "srv.loop.test"

LOOPS: dict[str, Any] = {"asyncio": asyncio.new_event_loop}
with contextlib.suppress(ImportError):
    import uvloop

    LOOPS["uvloop"] = uvloop.new_event_loop


@pytest.fixture(scope="module")
def server() -> Iterator[DNSServer]:
    with DNSServer.in_thread(ZONE, REVERSE) as running:
        yield running


@pytest.fixture
async def resolver(server: DNSServer) -> AsyncIterator[Resolver]:
    async with Resolver(server.nameserver) as made:
        yield made


@pytest.fixture(params=list(LOOPS))
def run(request: pytest.FixtureRequest, server: DNSServer) -> Callable[[Any], Any]:
    """Run a coroutine in a loop that resolves with our testing server, on asyncio and on uvloop."""

    def run_in_loop(main: Any) -> Any:
        make = loop_factory(
            lambda: Resolver(server.nameserver), new_loop=LOOPS[request.param], connections=request.param != "asyncio"
        )
        return run_until_end(make(), main)

    return run_in_loop


def run_until_end(loop: asyncio.AbstractEventLoop, main: Any) -> Any:
    """What asyncio.Runner does, which Python 3.10 has not."""
    try:
        return loop.run_until_complete(asyncio.wait_for(main, 20))
    finally:
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()


Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@contextlib.asynccontextmanager
async def serving(serve: Serve, host: str = "127.0.0.1") -> AsyncIterator[int]:
    """A small server for one test; gives its port."""

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            await serve(reader, writer)
        writer.close()

    running = await asyncio.start_server(connected, host, 0)
    try:
        yield running.sockets[0].getsockname()[1]
    finally:
        running.close()
        await running.wait_closed()


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while line := await reader.readline():
        writer.write(line)


# ---- real clients


async def speak_postgres(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """As much of PostgreSQL's protocol as a connection and one simple query take."""

    def message(kind: bytes, body: bytes) -> bytes:
        return kind + (len(body) + 4).to_bytes(4, "big") + body

    await reader.readexactly(int.from_bytes(await reader.readexactly(4), "big") - 4)
    settings = {b"server_version": b"16.0", b"client_encoding": b"UTF8", b"integer_datetimes": b"on"}
    writer.write(message(b"R", bytes(4)))
    writer.write(b"".join(message(b"S", name + b"\0" + value + b"\0") for name, value in settings.items()))
    ready = message(b"Z", b"I")
    writer.write(message(b"K", bytes(8)) + ready)
    while await reader.readexactly(1) == b"Q":
        await reader.readexactly(int.from_bytes(await reader.readexactly(4), "big") - 4)
        writer.write(message(b"C", b"LISTEN\0") + ready)


def test_asyncpg(run: Any) -> None:
    asyncpg = pytest.importorskip("asyncpg")

    async def main() -> str:
        async with serving(speak_postgres) as port:
            connection = await asyncpg.connect(host=HOST, port=port, user="u", database="d", ssl=False, timeout=10)
            status: str = await connection.execute("LISTEN news")
            await connection.close()
            return status

    assert run(main()) == "LISTEN"


async def speak_redis(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while head := await reader.readline():
        words = []
        for _ in range(int(head[1:])):
            length = int((await reader.readline())[1:])
            words.append((await reader.readexactly(length + 2))[:-2])
        writer.write(b"+PONG\r\n" if words[0] == b"PING" else b"$3\r\nbar\r\n" if words[0] == b"GET" else b"+OK\r\n")


def test_redis(run: Any) -> None:
    redis = pytest.importorskip("redis.asyncio")

    async def main() -> tuple[bool, bytes]:
        async with serving(speak_redis) as port, redis.Redis(host=HOST, port=port, protocol=2) as client:
            return await client.ping(), await client.get("foo")

    assert run(main()) == (True, b"bar")


def test_aiosmtplib(run: Any) -> None:
    aiosmtplib = pytest.importorskip("aiosmtplib")
    received = []

    async def speak_smtp(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 loop.test\r\n")
        while line := await reader.readline():
            verb = line[:4].upper()
            if verb == b"DATA":
                writer.write(b"354 go on\r\n")
                received.append(await reader.readuntil(b"\r\n.\r\n"))
            writer.write(b"221 bye\r\n" if verb == b"QUIT" else b"250 fine\r\n")

    async def main() -> None:
        letter = EmailMessage()
        letter["From"], letter["To"], letter["Subject"] = "a@loop.test", "b@loop.test", "hello"
        letter.set_content("Hello.")
        async with serving(speak_smtp) as port:
            await aiosmtplib.send(letter, hostname=HOST, port=port, start_tls=False, timeout=10)

    run(main())
    assert b"Subject: hello" in received[0]


def test_websockets(run: Any) -> None:
    websockets = pytest.importorskip("websockets.asyncio.server")
    from websockets.asyncio.client import connect

    async def main() -> Any:
        async def answer(connection: Any) -> None:
            await connection.send(await connection.recv())

        async with websockets.serve(answer, "127.0.0.1", 0) as running:
            port = next(iter(running.sockets)).getsockname()[1]
            async with connect(f"ws://{HOST}:{port}/", proxy=None) as connection:
                await connection.send("hello")
                return await connection.recv()

    assert run(main()) == "hello"


def test_aiohttp_with_its_threaded_resolver(run: Any) -> None:
    aiohttp = pytest.importorskip("aiohttp")
    from aiohttp import web

    async def main() -> Any:
        async def hello(request: Any) -> Any:
            return web.Response(text=request.host)

        application = web.Application()
        application.router.add_get("/", hello)
        runner = web.AppRunner(application)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        port = runner.addresses[0][1]
        connector = aiohttp.TCPConnector(resolver=aiohttp.ThreadedResolver())
        async with (
            aiohttp.ClientSession(connector=connector) as session,
            session.get(f"http://{HOST}:{port}/") as response,
        ):
            text = await response.text()
        await runner.cleanup()
        return text, port

    text, port = run(main())
    assert text == f"{HOST}:{port}"


def test_anyio(run: Any) -> None:
    anyio = pytest.importorskip("anyio")

    async def main() -> Any:
        async with serving(echo) as port, await anyio.connect_tcp(HOST, port) as stream:
            await stream.send(b"hello\n")
            return await stream.receive()

    assert run(main()) == b"hello\n"


# ---- the loop's own methods


def test_streams_and_servers(run: Any) -> None:
    async def main() -> bytes:
        async with serving(echo, host=HOST) as port:
            reader, writer = await asyncio.open_connection(HOST, port)
            writer.write(b"hello\n")
            line = await reader.readline()
            writer.close()
            await writer.wait_closed()
            return line

    assert run(main()) == b"hello\n"


def test_a_server_on_several_hosts(run: Any) -> None:
    async def main() -> set[str]:
        running = await asyncio.start_server(echo, [HOST, "127.0.0.3"], 0)
        hosts = {each.getsockname()[0] for each in running.sockets}
        running.close()
        await running.wait_closed()
        return hosts

    assert run(main()) == {"127.0.0.1", "127.0.0.3"}


def test_a_connection_falls_over_to_the_next_address(run: Any) -> None:
    async def main() -> Any:
        async with serving(echo, host="127.0.0.2") as port:
            _, writer = await asyncio.open_connection("two.loop.test", port)
            there = writer.get_extra_info("peername")[0]
            writer.close()
            await writer.wait_closed()
            return there

    assert run(main()) == "127.0.0.2"


def test_no_connection_is_an_error(run: Any) -> None:
    async def main() -> None:
        async with serving(echo) as port:
            pass
        for host in (HOST, "two.loop.test"):
            with pytest.raises(OSError, match=r"refused|127\.0\.0\.1") as caught:
                await asyncio.open_connection(host, port)
            assert not isinstance(caught.value, socket.gaierror)
        with pytest.raises(NameNotFound):
            await asyncio.open_connection("no.loop.test", port)

    run(main())


def test_datagrams(run: Any) -> None:
    class Echo(asyncio.DatagramProtocol):
        def connection_made(self, transport: Any) -> None:
            self.transport = transport

        def datagram_received(self, data: bytes, address: Any) -> None:
            self.transport.sendto(data, address)

    class Client(asyncio.DatagramProtocol):
        def __init__(self) -> None:
            self.received = asyncio.get_running_loop().create_future()

        def datagram_received(self, data: bytes, address: Any) -> None:
            self.received.set_result(data)

    async def main() -> Any:
        loop = asyncio.get_running_loop()
        there, _ = await loop.create_datagram_endpoint(Echo, local_addr=(HOST, 0))
        place = HOST, there.get_extra_info("sockname")[1]
        here, client = await loop.create_datagram_endpoint(Client, local_addr=("127.0.0.1", 0), remote_addr=place)
        here.sendto(b"hello")
        data = await client.received
        here.close()
        there.close()
        return data

    assert run(main()) == b"hello"


def test_getnameinfo(run: Any) -> None:
    async def main() -> tuple[str, str]:
        return await asyncio.get_running_loop().getnameinfo(("192.0.2.7", 80))

    assert run(main()) == ("seven.loop.test", "http")


def test_addresses_and_no_host_at_all_still_work(run: Any) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        assert (await loop.getaddrinfo(None, 80, type=socket.SOCK_STREAM))[0][4][1] == 80
        assert (await loop.getaddrinfo(b"127.0.0.1", "80", type=socket.SOCK_STREAM))[0][4] == ("127.0.0.1", 80)
        async with serving(echo) as port, serving(echo, host="::1") as other:
            for host, to in (("127.0.0.1", port), ("::1", other)):
                _, writer = await asyncio.open_connection(host, to)
                writer.close()
                await writer.wait_closed()

    run(main())


def certificate_for(name: str, file: Path) -> ssl.SSLContext:
    """A server's context with a certificate for the name that nobody but itself has signed."""
    x509 = pytest.importorskip("cryptography.x509")
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key, now = ec.generate_private_key(ec.SECP256R1()), dt.datetime.now(dt.timezone.utc)
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    builder = x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(now - dt.timedelta(days=1)).not_valid_after(now + dt.timedelta(days=1))
    builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
    pem, plain = serialization.Encoding.PEM, serialization.NoEncryption()
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain)
    file.write_bytes(private + builder.sign(key, hashes.SHA256()).public_bytes(pem))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    return context


def test_tls_is_for_the_host_that_was_asked_for(run: Any, tmp_path: Path) -> None:
    async def main() -> bytes:
        server = await asyncio.start_server(echo_once, "127.0.0.1", 0, ssl=certificate_for(HOST, tmp_path / "pem"))
        port = server.sockets[0].getsockname()[1]
        trusting = ssl.create_default_context(cafile=tmp_path / "pem")
        reader, writer = await asyncio.open_connection(HOST, port, ssl=trusting)
        writer.write(b"hello\n")
        line = await reader.readline()
        writer.close()
        await writer.wait_closed()
        with pytest.raises(ssl.SSLCertVerificationError):
            await asyncio.open_connection("two.loop.test", port, ssl=trusting)
        server.close()
        await server.wait_closed()
        return line

    async def echo_once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(await reader.readline())
        writer.close()

    assert run(main()) == b"hello\n"


# ---- on and off


async def where(host: str = HOST) -> str:
    infos = await asyncio.get_running_loop().getaddrinfo(host, 1, type=socket.SOCK_STREAM)
    return str(infos[0][4][0])


async def test_everything_is_as_before_when_the_block_ends(resolver: Resolver) -> None:
    loop = asyncio.get_running_loop()
    before = dict(vars(loop))
    with installed(resolver):
        assert await where() == "127.0.0.1"
        assert vars(loop).keys() - before.keys() == {"getaddrinfo", "getnameinfo"}
    assert vars(loop).keys() == before.keys()
    with pytest.raises(ZeroDivisionError), installed(resolver):
        raise ZeroDivisionError
    assert vars(loop).keys() == before.keys()


async def test_what_somebody_else_had_put_there_is_put_back(resolver: Resolver) -> None:
    loop = asyncio.get_running_loop()

    async def theirs(*_: object, **__: object) -> list[Any]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.200", 1))]

    loop.getaddrinfo = theirs
    try:
        with installed(resolver):
            assert await where() == "127.0.0.1"
        assert vars(loop)["getaddrinfo"] is theirs
    finally:
        del loop.getaddrinfo


async def test_what_somebody_puts_on_top_stays(resolver: Resolver) -> None:
    loop = asyncio.get_running_loop()
    block = installed(resolver)
    block.__enter__()
    ours = loop.getaddrinfo

    async def theirs(*arguments: Any, **options: Any) -> Any:
        return await ours(*arguments, **options)

    loop.getaddrinfo = theirs
    assert await where() == "127.0.0.1"
    block.__exit__(None, None, None)
    assert vars(loop)["getaddrinfo"] is theirs
    assert await where("127.0.0.4") == "127.0.0.4"  # ours passes on to the loop's own
    loop.getaddrinfo = ours
    with installed(resolver):
        assert await where() == "127.0.0.1"
        assert "getnameinfo" in vars(loop)
    assert not vars(loop).keys() & {"getaddrinfo", "getnameinfo"}


async def test_blocks_within_blocks(resolver: Resolver) -> None:
    async with DNSServer(OTHER_ZONE) as other_server, Resolver(other_server.nameserver) as other:
        with installed(resolver):
            with installed(other):
                assert await where() == "127.0.0.99"
            assert await where() == "127.0.0.1"


async def test_blocks_that_overlap(resolver: Resolver) -> None:
    async with DNSServer(OTHER_ZONE) as other_server, Resolver(other_server.nameserver) as other:
        first, second = installed(resolver), installed(other)
        first.__enter__()
        second.__enter__()
        first.__exit__(None, None, None)
        assert await where() == "127.0.0.99"
        second.__exit__(None, None, None)
    assert not vars(asyncio.get_running_loop()).keys() & {"getaddrinfo", "getnameinfo"}


def test_several_loops_each_with_its_own(server: DNSServer) -> None:
    with DNSServer.in_thread(OTHER_ZONE) as other:
        make = [loop_factory(lambda at=at: Resolver(at)) for at in (server.nameserver, other.nameserver)]
        loops = [factory() for factory in make]
        assert [loop.run_until_complete(where()) for loop in loops] == ["127.0.0.1", "127.0.0.99"]
        for loop in loops:
            loop.close()
            loop.close()
            assert not vars(loop).keys() & {"getaddrinfo", "getnameinfo", "close"}


@pytest.mark.skipif(sys.version_info < (3, 11), reason="asyncio.Runner came with 3.11")
def test_runner(server: DNSServer) -> None:
    with asyncio.Runner(loop_factory=loop_factory(lambda: Resolver(server.nameserver))) as runner:
        assert runner.run(where()) == "127.0.0.1"


async def test_a_running_loop_cannot_be_closed(server: DNSServer) -> None:
    loop = loop_factory(lambda: Resolver(server.nameserver))()

    async def main() -> None:
        with pytest.raises(RuntimeError, match="running"):
            loop.close()

    await asyncio.to_thread(loop.run_until_complete, main())
    loop.close()
    assert loop.is_closed()


async def test_a_resolver_that_cannot_be_made_leaves_no_loop() -> None:
    made = []

    def new_loop() -> asyncio.AbstractEventLoop:
        made.append(asyncio.new_event_loop())
        return made[0]

    with pytest.raises(ValueError, match="nonsense"):
        loop_factory(lambda: Resolver("nonsense"), new_loop=new_loop)()
    assert made[0].is_closed()


async def test_a_backend_that_connects_by_name_does_not_wait_for_itself() -> None:
    class ByName:
        async def query(self, question: Question, deadline: float) -> Answer[Any]:
            infos = await asyncio.get_running_loop().getaddrinfo("localhost", 1, type=socket.SOCK_STREAM)
            raise NameNotFound(question.name, "A", f"but {infos[0][4][1]}")

        async def aclose(self) -> None:
            """Nothing to close."""

    async with Resolver(ByName(), hosts_file="/nowhere") as resolver:
        with installed(resolver), pytest.raises(NameNotFound, match="but 1"):
            await where("www.loop.test")


async def test_a_loop_that_takes_no_attributes() -> None:
    class Fixed(asyncio.AbstractEventLoop):
        def __setattr__(self, name: str, value: object) -> None:
            raise AttributeError(name)

    async with Resolver("127.0.0.1") as resolver:
        with pytest.warns(LoopBypassWarning), pytest.raises(UsageError, match="Fixed"), installed(resolver, Fixed()):
            pass


@pytest.mark.skipif("uvloop" not in LOOPS, reason="uvloop is not here")
def test_uvloop_goes_past_it_and_that_is_said(server: DNSServer) -> None:
    async def main() -> None:
        hosts = {"localhost": "127.0.0.99"}
        async with Resolver(server.nameserver, hosts=hosts) as resolver, serving(echo) as port:
            block = installed(resolver)
            with pytest.warns(
                LoopBypassWarning, match=r"uvloop\.Loop .*create_connection.* resolver\.open_conn"
            ) as said:
                block.__enter__()
            assert said[0].filename == __file__
            assert await where("localhost") == "127.0.0.99"
            _, writer = await asyncio.open_connection("localhost", port)  # uvloop asks the operating system
            assert writer.get_extra_info("peername")[0] == "127.0.0.1"
            writer.close()
            await writer.wait_closed()
            block.__exit__(None, None, None)

    run_until_end(uvloop.new_event_loop(), main())
