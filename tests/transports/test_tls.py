"""TlsTransport: a certificate that is not right is refused, in words, before anything is said."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import errno
import ipaddress
import ssl

import pytest

from aioresolver.errors import TransportError
from aioresolver.transports.nameserver import Nameserver
from aioresolver.transports.tls import TlsTransport

pytest.importorskip("cryptography")

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

DAY = dt.timedelta(days=1)


def soon() -> float:
    return asyncio.get_running_loop().time() + 10


class Authority:
    """Certificates on paper, for as long as the tests run."""

    def __init__(self, folder):
        self.folder = folder
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "an authority for tests")])
        certificate = self.sign(self.name, self.key.public_key(), authority=True)
        self.file = folder / "authority.pem"
        self.file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))

    def sign(self, subject, public_key, *, authority=False, names=(), days=10, issuer=None, key=None):
        now = dt.datetime.now(dt.timezone.utc)
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer or self.name)
            .public_key(public_key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - 20 * DAY)
            .not_valid_after(now + days * DAY)
            .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key((key or self.key).public_key()), critical=False
            )
        )
        if authority:
            usage = dict.fromkeys(
                (
                    "digital_signature",
                    "content_commitment",
                    "key_encipherment",
                    "data_encipherment",
                    "key_agreement",
                    "crl_sign",
                    "encipher_only",
                    "decipher_only",
                ),
                False,
            )
            builder = builder.add_extension(x509.KeyUsage(key_cert_sign=True, **usage), critical=True)
        if names:
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        return builder.sign(key or self.key, hashes.SHA256())

    def server_context(self, *names, days=10, self_signed=False):
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "a nameserver")])
        own = {"issuer": subject, "key": key} if self_signed else {}
        certificate = self.sign(subject, key.public_key(), names=names, days=days, **own)
        path = self.folder / "server.pem"
        path.write_bytes(
            certificate.public_bytes(serialization.Encoding.PEM)
            + key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(path)
        context.set_alpn_protocols(["dot"])
        return context


NAME = x509.DNSName("dns.test")
ADDRESS = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(autouse=True)
def trusted(authority, monkeypatch):
    """The default context of this machine trusts the authority."""
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))


@contextlib.asynccontextmanager
async def carrying(server, **options):
    transport = TlsTransport(server.nameserver, **options)
    try:
        yield transport
    finally:
        await transport.aclose()


@pytest.mark.parametrize(("certified", "hostname"), [(NAME, "dns.test"), (ADDRESS, None)], ids=["name", "address"])
async def test_carries_queries(tcp_server, messages, authority, certified, hostname):
    server = await tcp_server(scheme="tls", hostname=hostname, ssl=authority.server_context(certified))
    async with carrying(server) as transport:
        replies = await asyncio.gather(*[transport.exchange(messages.query(), soon()) for _ in range(50)])
        (peer,) = server.peers
        tls = peer.transport.get_extra_info("ssl_object")
        assert tls.selected_alpn_protocol() == "dot"
        assert tls.version() in {"TLSv1.2", "TLSv1.3"}
    assert len(replies) == 50


REFUSED = {
    "wrong name": ((x509.DNSName("other.test"),), "dns.test", {}, "Hostname mismatch.*'dns.test'"),
    "wrong address": ((x509.DNSName("dns.test"),), None, {}, "IP address mismatch.*'127.0.0.1'"),
    "expired": ((NAME,), "dns.test", {"days": -1}, "certificate has expired"),
    "self-signed": ((NAME,), "dns.test", {"self_signed": True}, "self.signed certificate"),
}


@pytest.mark.parametrize("fault", REFUSED)
async def test_refuses_a_certificate(tcp_server, messages, authority, open_sockets, fault):
    names, hostname, options, reason = REFUSED[fault]
    server = await tcp_server(scheme="tls", hostname=hostname, ssl=authority.server_context(*names, **options))
    before = open_sockets()
    async with carrying(server) as transport:
        futures = [transport.exchange(messages.query(), soon()) for _ in range(2)]
        for future in futures:
            with pytest.raises(TransportError, match=f"the certificate of .* is not valid: .*{reason}") as raised:
                await future
            assert not raised.value.local
            assert raised.value.errno == errno.EPROTO
    for _ in range(10):
        await asyncio.sleep(0)
    assert open_sockets() == before
    assert not any(peer.queries for peer in server.peers)


async def test_says_nothing_in_clear(tcp_server, messages):
    seen = bytearray()
    refused = asyncio.Event()

    async def talk(reader, writer):
        seen.extend(await reader.read(4096))
        writer.write(b"\0\x0chello there!")
        writer.close()
        refused.set()

    listener = await asyncio.start_server(talk, "127.0.0.1", 0)
    transport = TlsTransport(Nameserver("tls", *listener.sockets[0].getsockname(), hostname="dns.test"))
    with pytest.raises(TransportError, match=r"no TLS with .*dns\.test") as raised:
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
    with pytest.raises(TransportError, match=r"no TLS with .*127\.0\.0\.1.*: it closed .+"):
        await transport.exchange(messages.query(), soon())
    await transport.aclose()
    listener.close()


async def test_silent_during_the_handshake(messages, open_sockets):
    accepted = asyncio.Event()

    async def wait(reader, writer):
        accepted.set()
        await reader.read()
        writer.close()

    listener = await asyncio.start_server(wait, "127.0.0.1", 0)
    before = open_sockets()
    transport = TlsTransport(Nameserver("tls", *listener.sockets[0].getsockname()))
    late = transport.exchange(messages.query(), asyncio.get_running_loop().time() + 0.05)
    with pytest.raises(TransportError, match="deadline"):
        await late
    waiting = transport.exchange(messages.query(), soon())
    await accepted.wait()
    await transport.aclose()
    assert waiting.exception().local
    listener.close()
    for _ in range(10):
        await asyncio.sleep(0)
    assert open_sockets() < before


async def test_context_of_ones_own(tcp_server, messages, authority, monkeypatch):
    monkeypatch.delenv("SSL_CERT_FILE")
    server = await tcp_server(scheme="tls", hostname="dns.test", ssl=authority.server_context(NAME))
    async with carrying(server, context=ssl.create_default_context(cafile=authority.file)) as transport:
        assert await transport.exchange(messages.query(), soon())
    async with carrying(server) as transport:
        with pytest.raises(TransportError, match="is not valid"):
            await transport.exchange(messages.query(), soon())


async def test_asks_again_when_a_used_connection_was_closed(tcp_server, messages, authority):
    server = await tcp_server(scheme="tls", hostname="dns.test", ssl=authority.server_context(NAME))
    async with carrying(server) as transport:
        await transport.exchange(messages.query(), soon())
        server.peers[0].transport.close()
        await transport.exchange(messages.query(), soon())
    assert len(server.peers) == 2


def test_on_each_kind_of_loop(any_loop, servers, messages, authority, open_sockets):
    async def scenario():
        await asyncio.sleep(0)
        before = open_sockets()
        right, wrong = authority.server_context(NAME), authority.server_context(x509.DNSName("other.test"))
        server = await servers.tcp(scheme="tls", hostname="dns.test", ssl=right)
        async with carrying(server, idle_timeout=0.01) as transport:
            await asyncio.gather(*[transport.exchange(messages.query(), soon()) for _ in range(20)])
            await server.peers[0].closed.wait()
            await transport.exchange(messages.query(), soon())
        await server.stop()
        server = await servers.tcp(scheme="tls", hostname="dns.test", ssl=wrong)
        async with carrying(server) as transport:
            with pytest.raises(TransportError, match=r"the certificate of .*dns\.test is not valid"):
                await transport.exchange(messages.query(), soon())
            connecting = transport.exchange(messages.query(), soon())
            await asyncio.sleep(0)
        assert connecting.exception().local
        await server.stop()
        await asyncio.sleep(0.01)
        assert open_sockets() == before

    any_loop(scenario())
