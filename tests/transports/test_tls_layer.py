"""TlsLayer: a connection below, a protocol above, both of the test."""

from __future__ import annotations

import asyncio
import errno
import ssl

import pytest

from aioresolver.transports.tls_engine import TlsEngine
from aioresolver.transports.tls_layer import ClosedEarly, TlsLayer

pytest.importorskip("cryptography")

from aioresolver.testing.certificates import CertificateAuthority


class Below:
    """The connection of the event loop."""

    def __init__(self):
        self.sent = b""
        self.done = []

    def write(self, data):
        self.sent += data

    def take(self):
        sent, self.sent = self.sent, b""
        return sent

    def close(self):
        self.done.append("close")

    def abort(self):
        self.done.append("abort")

    def is_closing(self):
        return bool(self.done)

    def get_extra_info(self, name, default=None):
        return ("192.0.2.1", 853) if name == "peername" else default

    def get_write_buffer_size(self):
        return 7

    def pause_reading(self):
        self.done.append("pause")

    def resume_reading(self):
        self.done.append("resume")


class Above(asyncio.Protocol):
    """What speaks over the layer."""

    def __init__(self):
        self.heard = []

    def connection_made(self, transport):
        self.transport = transport
        self.heard.append("made")

    def data_received(self, data):
        self.heard.append(data)

    def eof_received(self):
        self.heard.append("eof")

    def connection_lost(self, exc):
        self.heard.append(("lost", exc))

    def pause_writing(self):
        self.heard.append("pause")

    def resume_writing(self):
        self.heard.append("resume")


class Scene:
    """A client's layer, what is below and above it, and a server that it has no connection to but by `deliver`."""

    def __init__(self, authority, check=None):
        self.watched = []
        self.below, self.above = Below(), Above()
        client = TlsEngine(authority.client_context(), server_hostname="dns.test")
        self.server = TlsEngine(authority.issue("dns.test").server_context(), server_side=True)
        self.layer = TlsLayer(
            self.above, client, loop=asyncio.get_running_loop(), check=check,
            watch=lambda layer, *, is_open: self.watched.append(is_open),
        )  # fmt: skip

    def connect(self):
        self.layer.connection_made(self.below)
        return self

    def shake(self):
        while sent := self.below.take():
            self.server.receive(sent)
            self.deliver()
        return self

    def deliver(self, said=b""):
        if said:
            said = self.server.encrypt(said)
        if (wire := self.server.take() + said) and not self.below.done:
            self.layer.data_received(wire)


@pytest.fixture
def scene():
    authority = CertificateAuthority()
    return lambda check=None: Scene(authority, check)


async def test_goes_both_ways(scene):
    scene = scene().connect().shake()
    assert scene.layer.shaken.done()
    scene.above.transport.write(b"a question")
    assert scene.server.receive(scene.below.take()) == b"a question"
    scene.deliver(b"an answer")
    scene.layer.pause_writing()
    scene.layer.resume_writing()
    scene.layer.eof_received()
    scene.layer.connection_lost(None)

    assert scene.above.heard == ["made", b"an answer", "pause", "resume", "eof", ("lost", None)]
    assert scene.watched == [True, False]
    assert scene.layer.lost.done()


async def test_the_last_piece_is_never_decrypted_together_with_others(scene):
    scene = scene().connect().shake()
    scene.layer.writelines([])
    assert scene.below.sent == b""
    scene.layer.writelines([b"a"])
    assert scene.server.receive(scene.below.take()) == b"a"
    scene.layer.writelines([b"a", b"b", b"c"])
    wire = scene.below.take()
    first = 5 + int.from_bytes(wire[3:5], "big")
    assert scene.server.receive(wire[:first]) == b"ab"
    assert scene.server.receive(wire[first:]) == b"c"
    scene.layer.close()
    scene.below.take()
    scene.layer.writelines([b"too", b"late"])
    assert scene.below.sent == b""


async def test_a_farewell_is_an_end(scene):
    scene = scene().connect().shake()
    scene.layer.data_received(scene.server.encrypt(b"last words") + scene.server.farewell())

    assert scene.above.heard == ["made", b"last words", "eof"]
    assert scene.below.done == ["close"]


async def test_closing_says_farewell_and_nothing_after_it(scene):
    scene = scene().connect().shake()
    scene.layer.close()
    scene.layer.close()
    scene.layer.write(b"too late")
    scene.server.receive(scene.below.take())

    assert scene.server.finished
    assert scene.below.done == ["close"]


async def test_what_it_knows_of_the_connection(scene):
    scene = scene()
    assert scene.layer.is_closing()
    assert scene.layer.get_extra_info("peername", "nobody") == "nobody"
    assert scene.layer.get_write_buffer_size() == 0
    scene.layer.pause_reading()
    scene.layer.resume_reading()
    scene.connect().shake()

    assert not scene.layer.is_closing()
    assert scene.layer.get_extra_info("peername") == ("192.0.2.1", 853)
    assert scene.layer.get_extra_info("ssl_object").version() == "TLSv1.3"
    assert scene.layer.get_write_buffer_size() == 7
    scene.layer.pause_reading()
    scene.layer.resume_reading()
    assert scene.below.done == ["pause", "resume"]


async def test_nonsense_instead_of_a_handshake(scene):
    scene = scene().connect()
    scene.layer.data_received(b"220 mail.example ESMTP\r\n")
    scene.layer.connection_lost(None)

    assert isinstance(scene.layer.shaken.exception(), ssl.SSLError)
    assert scene.above.heard == []
    assert scene.below.done == ["close"]


async def test_nonsense_later(scene):
    scene = scene().connect().shake()
    scene.layer.data_received(b"220 mail.example ESMTP\r\n")
    scene.layer.connection_lost(None)

    assert isinstance(scene.above.heard[-1][1], ssl.SSLError)


async def test_closed_during_the_handshake(scene):
    scene = scene().connect()
    scene.layer.pause_writing()
    scene.layer.resume_writing()
    scene.layer.eof_received()
    scene.layer.connection_lost(None)

    assert isinstance(scene.layer.shaken.exception(), ClosedEarly)
    assert scene.above.heard == []


async def test_the_reason_of_the_operating_system(scene):
    scene = scene().connect()
    broken = ConnectionResetError(errno.ECONNRESET, "reset")
    scene.layer.connection_lost(broken)

    assert scene.layer.shaken.exception() is broken


async def test_a_check_that_fails(scene):
    refused = OSError("not the one")

    def check(engine):
        assert engine.peer_certificate
        raise refused

    scene = scene(check).connect().shake()
    scene.layer.connection_lost(None)

    assert scene.layer.shaken.exception() is refused
    assert scene.above.heard == []
    assert scene.below.done == ["close"]


async def test_aborted_before_there_was_a_connection(scene):
    scene = scene()
    scene.layer.abort()
    scene.layer.close()
    scene.connect()

    assert scene.below.done == ["abort"]
    assert scene.below.sent == b""


async def test_nobody_waits_for_the_handshake_any_more(scene):
    scene = scene().connect()
    scene.layer.shaken.cancel()
    scene.layer.abort()
    scene.layer.connection_lost(None)

    assert scene.watched == [True, False]
