"""CertificateAuthority: what is good is taken, and what is bad is refused for the reason it was made for."""

from __future__ import annotations

import base64
import hashlib
import ssl
import subprocess
import sys

import pytest

pytest.importorskip("cryptography")

from cryptography import x509
from cryptography.hazmat.primitives import serialization

from aioresolver.testing.certificates import CertificateAuthority


@pytest.fixture(scope="module")
def authority():
    return CertificateAuthority()


def shake_hands(client, server, name):
    """A whole handshake in memory; gives both ends."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = [
        client.wrap_bio(to_client, to_server, server_hostname=name),
        server.wrap_bio(to_server, to_client, server_side=True),
    ]
    shaking = list(ends)
    while shaking:
        for end in tuple(shaking):
            try:
                end.do_handshake()
                shaking.remove(end)
            except ssl.SSLWantReadError:
                pass
    return ends


@pytest.mark.parametrize("name", ["127.0.0.1", "::1", "localhost"])
def test_loopback_unless_names_are_given(authority, name):
    shake_hands(authority.client_context(), authority.issue().server_context(), name)


@pytest.mark.parametrize("name", ["dns.test", "192.0.2.1", "2001:db8::1"])
def test_names_and_addresses(authority, name):
    certificate = authority.issue("dns.test", "192.0.2.1", "2001:db8::1")
    client, server = shake_hands(authority.client_context(["dot"]), certificate.server_context(["dot"]), name)

    assert client.selected_alpn_protocol() == server.selected_alpn_protocol() == "dot"


REFUSED = {
    "wrong name": ({}, "other.test", "Hostname mismatch"),
    "wrong address": ({}, "127.0.0.1", "IP address mismatch"),
    "expired": ({"expired": True}, "dns.test", "certificate has expired"),
    "not yet valid": ({"not_yet_valid": True}, "dns.test", "certificate is not yet valid"),
    "self-signed": ({"self_signed": True}, "dns.test", "self.signed certificate"),
}


@pytest.mark.parametrize("fault", REFUSED)
def test_bad_ones_are_refused(authority, fault):
    options, name, reason = REFUSED[fault]
    certificate = authority.issue("dns.test", **options)

    with pytest.raises(ssl.SSLCertVerificationError, match=reason):
        shake_hands(authority.client_context(), certificate.server_context(), name)


def test_nobody_else_trusts_it(authority):
    with pytest.raises(ssl.SSLCertVerificationError, match="unable to get local issuer"):
        shake_hands(CertificateAuthority().client_context(), authority.issue().server_context(), "localhost")


def test_the_digest_is_that_of_the_public_key(authority):
    certificate = authority.issue()
    text = certificate.certificate.split(b"-----")[2]
    read = x509.load_der_x509_certificate(base64.b64decode(text))
    public = read.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)

    assert certificate.spki_sha256 == hashlib.sha256(public).digest()
    assert certificate.pin == base64.b64encode(certificate.spki_sha256).decode()
    assert b"PRIVATE KEY" in certificate.key
    assert certificate.spki_sha256 != authority.issue().spki_sha256


def test_says_what_it_needs():
    program = "import sys; sys.modules['cryptography'] = None; import aioresolver.testing.certificates"
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)

    assert 'pip install "aioresolver[tls]"' in ended.stderr
