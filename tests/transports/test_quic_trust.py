"""Trust: the same authorities as TLS over TCP has, and no more."""

from __future__ import annotations

import base64
import datetime as dt
import ssl

import pytest

pytest.importorskip("cryptography")

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID

from aioresolver.errors import ConfigurationError
from aioresolver.testing.certificates import CertificateAuthority
from aioresolver.transports.nameserver import Nameserver
from aioresolver.transports.quic_trust import Trust, certificate_fault, certificate_reason, trust_for

NAMESERVER = Nameserver("quic", "127.0.0.1")
AUTHORITY = CertificateAuthority()


def certificate(*uses):
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([])
    now = dt.datetime.now(dt.timezone.utc)
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now)
        .not_valid_after(now + dt.timedelta(days=1))
    )
    if uses:
        builder = builder.add_extension(x509.ExtendedKeyUsage(uses), critical=False)
    return builder.sign(key, hashes.SHA256())


def test_the_authorities_of_a_context_alone_are_trusted():
    trust = trust_for(NAMESERVER, AUTHORITY.client_context())

    assert trust == Trust(verify=True, authorities=AUTHORITY.pem)


def test_a_context_that_shows_none_is_refused():
    with pytest.raises(ConfigurationError, match="shows no authorities"):
        trust_for(NAMESERVER, ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))


def test_a_context_that_does_not_check_decides():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE

    assert trust_for(NAMESERVER, context) == Trust(verify=False)


@pytest.mark.parametrize("more", [{"opportunistic": True}, {"pins": (bytes(32),)}])
def test_pins_and_opportunism_take_the_place_of_authorities(more):
    nameserver = Nameserver("quic", "127.0.0.1", **more)

    assert trust_for(nameserver, None) == Trust(verify=False)


def test_opportunism_goes_before_a_context_and_a_context_before_pins():
    context = AUTHORITY.client_context()

    assert not trust_for(Nameserver("quic", "127.0.0.1", opportunistic=True), context).verify
    assert trust_for(Nameserver("quic", "127.0.0.1", pins=(bytes(32),)), context).verify


def test_the_machines_file_and_folder_are_told(monkeypatch, tmp_path):
    file = tmp_path / "authorities.pem"
    file.write_bytes(AUTHORITY.pem)
    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path))

    assert trust_for(NAMESERVER, None) == Trust(verify=True, authorities=b"", file=str(file), folder=str(tmp_path))


def test_a_machine_without_a_file_shows_what_it_has_loaded(monkeypatch, tmp_path):
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "missing"))
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path / "missing"))
    monkeypatch.setattr(ssl, "create_default_context", AUTHORITY.client_context)

    assert trust_for(NAMESERVER, None) == Trust(verify=True, authorities=AUTHORITY.pem)


def test_a_machine_without_any_trusts_nobody(monkeypatch, tmp_path):
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "missing"))
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path / "missing"))

    # Empty, and not None: aioquic would take somebody else's list.
    assert trust_for(NAMESERVER, None) == Trust(verify=True, authorities=b"")


@pytest.mark.parametrize(
    ("uses", "fault"),
    [
        ((), None),
        ((ExtendedKeyUsageOID.SERVER_AUTH,), None),
        ((ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH), None),
        ((ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE,), None),
        ((ExtendedKeyUsageOID.CLIENT_AUTH,), "it is not for servers"),
    ],
)
def test_a_certificate_for_something_else_is_wrong(uses, fault):
    assert certificate_fault(certificate(*uses), NAMESERVER) == fault


def test_pins_are_of_the_public_key():
    issued = AUTHORITY.issue("127.0.0.1")
    shown = x509.load_pem_x509_certificate(issued.certificate)
    pinned = Nameserver.parse(f"quic://127.0.0.1?pin-sha256={base64.b64encode(issued.spki_sha256).decode()}")

    assert certificate_fault(shown, pinned) is None
    assert certificate_fault(certificate(), pinned).startswith("its key is not a pinned one: ")


def test_none_at_all_is_wrong_unless_anybody_will_do():
    assert certificate_fault(None, NAMESERVER) == "there is none"
    assert certificate_fault(None, Nameserver("quic", "127.0.0.1", opportunistic=True)) is None


@pytest.mark.parametrize(
    ("code", "reason", "words"),
    [
        (301, "Certificate is no longer valid", "clock"),
        (298, "hostname 'a.test' doesn't match DNSPattern(pattern=b'b.test')", "#NAME"),
        (298, "unable to get local issuer certificate", "pin-sha256"),
        (298, "self-signed certificate", "pin-sha256"),
        (298, "path length constraint exceeded", "exceeded"),
    ],
)
def test_what_can_be_done_is_said(code, reason, words):
    assert words in certificate_reason(code, reason)
    assert "Pattern" not in certificate_reason(code, reason)
