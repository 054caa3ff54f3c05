"""Pins: the same digest as OpenSSL's command line and everybody else's."""

from __future__ import annotations

import ssl
import subprocess
import sys

import pytest

pytest.importorskip("cryptography")

from aioresolver.testing.certificates import CertificateAuthority
from aioresolver.transports.pins import pin_of


def test_is_the_digest_of_the_public_key():
    certificate = CertificateAuthority().issue("dns.test")

    assert pin_of(ssl.PEM_cert_to_DER_cert(certificate.certificate.decode())) == certificate.spki_sha256


@pytest.mark.parametrize("wire", [b"", b"0", bytes(100)])
def test_what_is_no_certificate(wire):
    with pytest.raises(ValueError):
        pin_of(wire)


def test_says_what_it_needs():
    program = (
        "import sys; sys.modules['cryptography'] = None\n"
        "from aioresolver.transports.nameserver import Nameserver\n"
        "from aioresolver.transports.tls import TlsTransport\n"
        "TlsTransport(Nameserver('tls', '127.0.0.1'))\n"
        "TlsTransport(Nameserver('tls', '127.0.0.1', pins=(bytes(32),)))\n"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)

    assert (
        'ConfigurationError: a pin-sha256 needs cryptography 42 or later: pip install "aioresolver[tls]"'
        in ended.stderr
    )
