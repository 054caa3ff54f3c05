"""TlsTransport: who is not who he should be is refused, in words, before anything is said; sessions are resumed."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import errno
import gc
import socket
import ssl
import weakref
from dataclasses import replace

import pytest

from aioresolver.errors import TransportError
from aioresolver.transports import tcp
from aioresolver.transports.nameserver import Nameserver
from aioresolver.transports.tls import TlsTransport
from aioresolver.transports.tls_engine import TlsEngine
from aioresolver.transports.tls_layer import TlsLayer

pytest.importorskip("cryptography")

from aioresolver.testing import DNSServer
from aioresolver.testing.certificates import CertificateAuthority

VERSIONS = [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]


def soon() -> float:
    return asyncio.get_running_loop().time() + 10


def framed(message: bytes) -> bytes:
    return len(message).to_bytes(2, "big") + message


async def turns(count=10):
    for _ in range(count):
        await asyncio.sleep(0)


@pytest.fixture(scope="module")
def authority():
    return CertificateAuthority()


@pytest.fixture(scope="module")
def certificate(authority):
    return authority.issue("dns.test", "127.0.0.1")


@pytest.fixture
def listen(tcp_server, certificate):
    """Start a scripted TLS server: `await listen(react)`; without `react` it answers, with None it is silent."""

    async def listen(*react, of=certificate, version=None, **changes):
        context = of.server_context(["dot"])
        if version is not None:
            context.minimum_version = context.maximum_version = version
        server = await tcp_server(*react, scheme="tls", hostname="dns.test", ssl=context)
        server.nameserver = replace(server.nameserver, **changes)
        return server

    return listen


@pytest.fixture
def carrying(authority):
    @contextlib.asynccontextmanager
    async def carrying(server, **options):
        options.setdefault("context", authority.client_context())
        transport = TlsTransport(server.nameserver, **options)
        try:
            yield transport
        finally:
            await transport.aclose()

    return carrying


@pytest.mark.parametrize("hostname", ["dns.test", None], ids=["name", "address"])
async def test_carries_queries(listen, carrying, messages, hostname):
    server = await listen(hostname=hostname)
    async with carrying(server) as transport:
        replies = await asyncio.gather(*[transport.exchange(messages.query(), soon()) for _ in range(50)])
        (peer,) = server.peers
        tls = peer.transport.get_extra_info("ssl_object")
        assert tls.selected_alpn_protocol() == "dot"
        assert tls.version() == "TLSv1.3"
        assert (transport.handshakes, transport.resumed) == (1, 0)
    assert len(replies) == 50


async def test_a_thousand_queries_one_handshake(listen, carrying, messages, monkeypatch):
    records = []
    encrypt = TlsEngine.encrypt
    monkeypatch.setattr(TlsEngine, "encrypt", lambda engine, data: records.append(data) or encrypt(engine, data))
    server = await listen()
    async with carrying(server) as transport:
        await transport.exchange(messages.query(), soon())
        await asyncio.gather(*[transport.exchange(messages.query(), soon()) for _ in range(999)])
        assert transport.handshakes == 1
    assert len(server.peers) == 1
    # What is asked in one turn of the loop leaves in one piece, but the last question in a record of its own.
    assert [round(len(record) / len(records[0])) for record in records] == [1, 998, 1]


async def test_the_machines_authorities(*, listen, carrying, messages, authority, monkeypatch, tmp_path):
    server = await listen()
    async with carrying(server, context=None) as transport:
        with pytest.raises(TransportError, match="unable to get local issuer"):
            await transport.exchange(messages.query(), soon())
    (tmp_path / "authority.pem").write_bytes(authority.pem)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "authority.pem"))
    async with carrying(server, context=None) as transport:
        assert await transport.exchange(messages.query(), soon())


REFUSED = {
    "wrong name": (["other.test"], {}, "dns.test", "Hostname mismatch.*'dns.test'.*as in tls://IP#NAME"),
    "wrong address": (["dns.test"], {}, None, "IP address mismatch.*'127.0.0.1'.*as in tls://IP#NAME"),
    "expired": (["dns.test"], {"expired": True}, "dns.test", "certificate has expired; .*renew"),
    "not yet valid": (["dns.test"], {"not_yet_valid": True}, "dns.test", "not yet valid; .*the clock"),
    "self-signed": (["dns.test"], {"self_signed": True}, "dns.test", "self.signed certificate; .*pin-sha256"),
}


@pytest.mark.parametrize("fault", REFUSED)
async def test_refuses_a_certificate(*, listen, carrying, messages, authority, open_sockets, fault):
    names, options, hostname, reason = REFUSED[fault]
    server = await listen(of=authority.issue(*names, **options), hostname=hostname)
    before = open_sockets()
    async with carrying(server) as transport:
        futures = [transport.exchange(messages.query(), soon()) for _ in range(2)]
        for future in futures:
            with pytest.raises(TransportError, match=f"the certificate of tls://.* is not valid: .*{reason}") as raised:
                await future
            assert not raised.value.local
            assert raised.value.errno == errno.EPROTO
        assert (transport.handshakes, transport.in_flight) == (0, 0)
    await turns()
    assert open_sockets() == before
    assert not any(peer.queries for peer in server.peers)


@pytest.mark.parametrize("fault", REFUSED)
async def test_opportunistic_takes_whoever_answers(listen, carrying, messages, authority, fault):
    names, options, hostname, _ = REFUSED[fault]
    server = await listen(of=authority.issue(*names, **options), hostname=hostname, opportunistic=True)
    async with carrying(server) as transport:  # whatever a context says that other nameservers need
        assert await transport.exchange(messages.query(), soon())


@pytest.mark.parametrize("fault", REFUSED)
async def test_a_pin_is_enough(listen, carrying, messages, authority, fault):
    names, options, hostname, _ = REFUSED[fault]
    certificate = authority.issue(*names, **options)
    server = await listen(of=certificate, hostname=hostname, pins=(bytes(32), certificate.spki_sha256))
    async with carrying(server, context=None) as transport:
        assert await transport.exchange(messages.query(), soon())


async def test_another_key_than_the_pinned(listen, carrying, messages, certificate, open_sockets):
    server = await listen(pins=(bytes(32),))
    before = open_sockets()
    seen = base64.b64encode(certificate.spki_sha256).decode()
    for context in ({}, {"context": None}):
        async with carrying(server, **context) as transport:
            with pytest.raises(TransportError, match=r"the key of tls://.* is not a pinned one") as raised:
                await transport.exchange(messages.query(), soon())
            assert raised.value.errno == errno.EPROTO
            assert seen in str(raised.value)
    await turns()
    assert open_sockets() == before
    assert not any(peer.queries for peer in server.peers)


async def test_pins_and_a_context_of_ones_own_must_both_hold(listen, carrying, messages, authority, certificate):
    server = await listen(pins=(certificate.spki_sha256,))
    async with carrying(server) as transport:
        assert await transport.exchange(messages.query(), soon())
    expired = authority.issue("dns.test", expired=True)
    server = await listen(of=expired, pins=(expired.spki_sha256,))
    async with carrying(server) as transport:
        with pytest.raises(TransportError, match="has expired"):
            await transport.exchange(messages.query(), soon())


@pytest.mark.parametrize("opportunistic", [False, True])
async def test_says_nothing_in_clear(messages, opportunistic):
    seen = bytearray()
    refused = asyncio.Event()

    async def talk(reader, writer):
        seen.extend(await reader.read(4096))
        writer.write(b"\0\x0chello there!")
        writer.close()
        refused.set()

    listener = await asyncio.start_server(talk, "127.0.0.1", 0)
    place = listener.sockets[0].getsockname()
    transport = TlsTransport(Nameserver("tls", *place, hostname="dns.test", opportunistic=opportunistic))
    with pytest.raises(TransportError, match=r"no TLS with tls://.*#dns\.test: wrong version number") as raised:
        await transport.exchange(messages.query("secret.example"), soon())
    assert not raised.value.local
    await refused.wait()
    await transport.aclose()
    listener.close()
    assert seen[0] == 0x16  # a TLS handshake
    assert b"secret" not in seen


async def test_closed_during_the_handshake(messages):
    async def slam(reader, writer):
        await reader.read(1)
        writer.close()

    listener = await asyncio.start_server(slam, "127.0.0.1", 0)
    transport = TlsTransport(Nameserver("tls", *listener.sockets[0].getsockname()))
    with pytest.raises(TransportError, match=r"no (TLS with tls://127\.0\.0\.1:\d+: it closed|connection to the n).+"):
        await transport.exchange(messages.query(), soon())
    await transport.aclose()
    listener.close()


async def test_old_versions_are_refused(listen, carrying, messages):
    server = await listen(version=ssl.TLSVersion.TLSv1_2)
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    async with carrying(server, context=context) as transport:
        with pytest.raises(TransportError, match=r"no TLS with tls://.*: (tlsv1 alert protocol version|it closed)"):
            await transport.exchange(messages.query(), soon())


@contextlib.asynccontextmanager
async def speechless():
    """Takes connections and says nothing; gives where, and the connections."""
    taken = []

    async def wait(reader, writer):
        taken.append(writer)
        with contextlib.suppress(ConnectionError):
            await reader.read()
            await reader.read()
        writer.close()

    listener = await asyncio.start_server(wait, "127.0.0.1", 0)
    try:
        yield Nameserver("tls", *listener.sockets[0].getsockname()), taken
    finally:
        listener.close()
        for writer in taken:
            writer.transport.abort()
        await turns()


async def test_silent_during_the_handshake(messages, open_sockets):
    async with speechless() as (nameserver, _):
        before = open_sockets()
        transport = TlsTransport(nameserver)
        with pytest.raises(TransportError, match="deadline"):
            await transport.exchange(messages.query(), asyncio.get_running_loop().time() + 0.05)
        await turns()
        assert not transport._layers  # nobody waits, so it does not go on
        waiting = transport.exchange(messages.query(), soon())
        while not transport._layers:
            await asyncio.sleep(0)
        await transport.aclose()
        assert waiting.exception().local
        assert not transport._layers
    await turns()
    assert open_sockets() < before


def test_a_handshake_that_stalls_is_begun_anew(run_virtual, messages):
    async def scenario():
        async with speechless() as (nameserver, taken):
            loop = asyncio.get_running_loop()
            transport = TlsTransport(nameserver)
            futures = []
            for _ in range(30):  # there is always one that waits
                futures.append(transport.exchange(messages.query(), loop.time() + 0.5))
                await asyncio.sleep(0.2)
            assert len(taken) == 3
            assert sum(future.done() for future in futures) >= 27
            await transport.aclose()

    run_virtual(scenario())


async def test_asks_again_when_a_used_connection_was_closed(listen, carrying, messages):
    server = await listen()
    async with carrying(server) as transport:
        await transport.exchange(messages.query(), soon())
        server.peers[0].transport.close()
        await transport.exchange(messages.query(), soon())
    assert len(server.peers) == 2


@pytest.mark.parametrize("version", VERSIONS, ids=["1.2", "1.3"])
async def test_who_closes_after_each_few_is_asked_for_the_rest(listen, carrying, messages, version):
    def answer_three_then_close(peer, query):
        if len(peer.queries) <= 3:
            peer.send(messages.reply(query))
        if len(peer.queries) == 3:
            peer.transport.close()

    server = await listen(answer_three_then_close, version=version)
    async with carrying(server) as transport:
        assert len(await asyncio.gather(*[transport.exchange(messages.query(), soon()) for _ in range(20)])) == 20
        assert transport.handshakes == 7
        assert transport.resumed == 6


@pytest.mark.parametrize("version", VERSIONS, ids=["1.2", "1.3"])
@pytest.mark.parametrize("ending", ["idle", "closed", "reset"])
async def test_sessions_are_resumed(listen, carrying, messages, version, ending):
    server = await listen(version=version)
    async with carrying(server, idle_timeout=0.01 if ending == "idle" else 10) as transport:
        for number in range(4):
            await transport.exchange(messages.query(), soon())
            peer = server.peers[-1]
            assert peer.transport.get_extra_info("ssl_object").session_reused == (number > 0)
            if ending == "closed":
                peer.transport.close()
            elif ending == "reset":
                sock = peer.transport.get_extra_info("socket")
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
                peer.transport.abort()
            await asyncio.wait_for(peer.closed.wait(), 10)
            await asyncio.sleep(0.01)
        assert (transport.handshakes, transport.resumed) == (4, 3)


async def test_what_was_resumed_is_checked_against_the_pins_too(listen, carrying, messages, certificate, monkeypatch):
    server = await listen(pins=(certificate.spki_sha256,))
    async with carrying(server) as transport:
        await transport.exchange(messages.query(), soon())
        server.peers[0].transport.close()
        transport.nameserver = replace(server.nameserver, pins=(bytes(32),))
        await turns()
        with pytest.raises(TransportError, match="is not a pinned one"):
            await transport.exchange(messages.query(), soon())


async def test_a_farewell_is_said(messages, authority, certificate):
    layers = []

    def accept():
        engine = TlsEngine(certificate.server_context(), server_side=True)
        layers.append(TlsLayer(asyncio.Protocol(), engine, loop=loop))
        return layers[-1]

    loop = asyncio.get_running_loop()
    listener = await loop.create_server(accept, "127.0.0.1", 0)
    place = listener.sockets[0].getsockname()
    transport = TlsTransport(Nameserver("tls", *place), context=authority.client_context(), idle_timeout=0.01)
    query = transport.exchange(messages.query(), soon())
    while not (layers and layers[0].shaken.done()):
        await asyncio.sleep(0)
    query.cancel()  # so that it is idle
    await asyncio.wait_for(layers[0].lost, 10)
    assert layers[0].engine.finished
    await transport.aclose()
    listener.close()


async def test_a_reset_in_the_middle_of_a_reply(listen, carrying, messages):
    def break_off(peer, query):
        if len(server.peers) == 1 and len(peer.queries) > 1:
            peer.transport.write(framed(messages.reply(query))[:20])
            sock = peer.transport.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            peer.transport.abort()
        else:
            peer.send(messages.reply(query))

    server = await listen(break_off)
    async with carrying(server) as transport:
        await transport.exchange(messages.query(), soon())
        replies = await asyncio.gather(*[transport.exchange(messages.query(), soon()) for _ in range(10)])
        assert len(replies) == 10
        assert transport.handshakes == 2
        assert transport.ignored == 0


async def test_nonsense_between_the_records(listen, carrying, messages):
    server = await listen(None)
    async with carrying(server) as transport:
        future = transport.exchange(messages.query(), soon())
        peer, _ = await server.next()
        sock = peer.transport.get_extra_info("socket")
        sock._sock.send(b"\x17\x03\x03\x00\x20" + bytes(32))
        with pytest.raises(TransportError, match=r"the TLS connection broke: .*(MAC|mac|DECRYPT)") as raised:
            await future
        assert raised.value.errno == errno.EPROTO
        assert transport.in_flight == 0


def test_dripping_ends_at_the_deadline(run_virtual, messages, servers, authority, certificate):
    async def scenario():
        server = await servers.tcp(None, scheme="tls", hostname="dns.test", ssl=certificate.server_context())
        loop = asyncio.get_running_loop()
        transport = TlsTransport(server.nameserver, context=authority.client_context())
        future = transport.exchange(messages.query(), loop.time() + 5)
        peer, query = await server.next()
        begun = loop.time()
        peer.transport.write(b"\xff\xff" + messages.reply(query))
        while not future.done():
            await asyncio.sleep(1)
            peer.transport.write(b"\0")
        assert "deadline" in str(future.exception())
        assert loop.time() - begun <= 6
        server.react = lambda peer, query: peer.send(messages.reply(query))
        await transport.exchange(messages.query(), soon())
        assert len(server.peers) == 2
        await transport.aclose()
        await server.stop()

    run_virtual(scenario())


async def test_a_server_that_reads_nothing_does_not_hold_up_the_end(listen, carrying, messages, monkeypatch):
    monkeypatch.setattr(tcp, "PARTING", 0.01)
    server = await listen()
    async with carrying(server) as transport:
        await transport.exchange(messages.query(), soon())
        (peer,) = server.peers
        peer.transport.pause_reading()
        futures = [transport.exchange(messages.query(), soon()) for _ in range(20_000)]
        for _ in range(1000):
            futures += [transport.exchange(messages.query("x" * 60), soon()) for _ in range(10)]
            await asyncio.sleep(0)
            if transport._connection.paused:
                break
    assert all(future.done() and future.exception() for future in futures)
    assert not transport._descriptors()


def test_on_each_kind_of_loop(*, any_loop, servers, messages, authority, certificate, open_sockets):
    async def scenario():
        await asyncio.sleep(0)
        gc.collect()
        before = open_sockets()
        trusting = {"context": authority.client_context()}
        server = await servers.tcp(scheme="tls", hostname="dns.test", ssl=certificate.server_context())
        transport = TlsTransport(server.nameserver, idle_timeout=0.01, **trusting)
        await asyncio.gather(*[transport.exchange(messages.query(), soon()) for _ in range(20)])
        await server.peers[0].closed.wait()
        await transport.exchange(messages.query(), soon())
        assert (transport.handshakes, transport.resumed) == (2, 1)
        await transport.aclose()
        await server.stop()
        wrong = authority.issue("other.test").server_context()
        server = await servers.tcp(scheme="tls", hostname="dns.test", ssl=wrong)
        transport = TlsTransport(server.nameserver, **trusting)
        with pytest.raises(TransportError, match=r"the certificate of .*#dns\.test is not valid"):
            await transport.exchange(messages.query(), soon())
        connecting = transport.exchange(messages.query(), soon())
        await asyncio.sleep(0)
        await transport.aclose()
        assert connecting.exception().local
        await server.stop()
        await asyncio.sleep(0.01)
        assert open_sockets() == before

    any_loop(scenario())


async def test_a_connection_that_is_over_leaves_no_garbage(messages, authority, certificate):
    with DNSServer.in_thread("* 60 A 192.0.2.1", certificate=certificate) as server:
        nameserver = Nameserver.parse(server.nameserver_tls)
        transport = TlsTransport(nameserver, context=authority.client_context(), idle_timeout=0.01)
        ended = []
        gc.collect()
        gc.disable()
        try:
            for _ in range(3):
                await transport.exchange(messages.query(), soon())
                (layer,) = transport._layers
                ended += [weakref.ref(each) for each in (layer, transport._connection, layer.engine.tls)]
                del layer
                while transport._descriptors():
                    await asyncio.sleep(0.005)
            assert [each() for each in ended] == [None] * 9
        finally:
            gc.enable()
        await transport.aclose()
