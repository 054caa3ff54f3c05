"""TlsEngine: two of them, joined by nothing but bytes."""

from __future__ import annotations

import itertools
import ssl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aioresolver.transports.tls_engine import TlsEngine

pytest.importorskip("cryptography")

from aioresolver.testing.certificates import CertificateAuthority

VERSIONS = [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]


@pytest.fixture(scope="module")
def authority():
    return CertificateAuthority()


@pytest.fixture(scope="module")
def contexts(authority):
    return authority.client_context(["dot"]), authority.issue("dns.test").server_context(["dot"])


def joined(contexts, session=None):
    """A client and a server whose handshake is done."""
    client = TlsEngine(contexts[0], server_hostname="dns.test", session=session)
    server = TlsEngine(contexts[1], server_side=True)
    assert server.start() == b""
    to_server = client.start()
    while to_server:
        assert server.receive(to_server) == b""
        assert client.receive(server.take()) == b""
        to_server = client.take()
    assert client.shaken
    assert server.shaken
    return client, server


def test_what_is_said_is_understood(contexts):
    client, server = joined(contexts)

    secret = client.encrypt(b"a question")
    assert b"question" not in secret
    assert server.receive(secret) == b"a question"
    assert client.receive(server.encrypt(b"an answer") + server.encrypt(b", and another")) == b"an answer, and another"
    assert (client.take(), server.take()) == (b"", b"")
    assert client.protocol == server.protocol == "dot"
    assert client.peer_certificate
    assert server.peer_certificate is None


@given(chunks=st.lists(st.binary(min_size=1, max_size=40_000), max_size=4), cuts=st.lists(st.integers(0, 80_000)))
def test_however_it_is_cut(contexts, chunks, cuts):
    client, server = joined(contexts)
    wire = b"".join(map(client.encrypt, chunks))
    edges = sorted({0, len(wire), *(cut for cut in cuts if cut < len(wire))})

    assert b"".join(server.receive(wire[a:b]) for a, b in itertools.pairwise(edges)) == b"".join(chunks)


def test_farewell(contexts):
    client, server = joined(contexts)

    assert server.receive(client.encrypt(b"last words") + client.farewell()) == b"last words"
    assert server.finished
    assert not client.finished
    client.receive(server.farewell())
    assert client.finished
    assert client.farewell() == b""


def test_farewell_before_there_was_anything(contexts):
    engine = TlsEngine(contexts[0], server_hostname="dns.test")
    assert engine.farewell() == b""
    engine.start()
    engine.farewell()
    assert not engine.shaken


@pytest.mark.parametrize("when", ["first", "later"])
def test_nonsense_is_an_error(contexts, when):
    client, server = joined(contexts) if when == "later" else (None, TlsEngine(contexts[1], server_side=True))

    with pytest.raises(ssl.SSLError):
        server.receive(b"\x17\x03\x03\x00\x20" + bytes(32) if client else b"\0\x0chello there!")


def test_a_changed_byte_is_an_error(contexts):
    client, server = joined(contexts)
    wire = bytearray(client.encrypt(b"a question"))
    wire[-1] ^= 1

    with pytest.raises(ssl.SSLError, match=r"BAD_RECORD_MAC|DECRYPTION_FAILED"):
        server.receive(bytes(wire))
    assert server.take()  # an alert


def test_a_bad_certificate_leaves_an_alert(authority):
    client = TlsEngine(authority.client_context(), server_hostname="other.test")
    server = TlsEngine(authority.issue("dns.test").server_context(), server_side=True)
    server.receive(client.start())

    with pytest.raises(ssl.SSLCertVerificationError):
        client.receive(server.take())
    alert = client.take()
    with pytest.raises(ssl.SSLError, match="ALERT"):
        server.receive(alert)


@pytest.mark.parametrize("version", VERSIONS, ids=["1.2", "1.3"])
def test_a_session_is_resumed(authority, version):
    contexts = authority.client_context(), authority.issue("dns.test").server_context()
    for context in contexts:
        context.minimum_version = context.maximum_version = version
    client, server = joined(contexts)
    client.receive(server.encrypt(b"tickets come with the first answer"))
    assert not client.resumed
    session = client.session
    assert session is not None
    del client, server

    for _ in range(3):
        client, server = joined(contexts, session)
        client.receive(server.encrypt(b"an answer"))
        assert client.resumed
        assert client.peer_certificate
        session = client.session
        client.farewell()


def test_no_session_before_there_is_a_ticket(authority):
    contexts = authority.client_context(), authority.issue("dns.test").server_context()
    contexts[1].num_tickets = 0

    assert joined(contexts)[0].session is None
