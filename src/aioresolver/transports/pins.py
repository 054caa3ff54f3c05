"""Pins: digests of the public keys that a nameserver may have (RFC 7858, 4.2). Needs the extra `tls`."""

from __future__ import annotations

from hashlib import sha256

from aioresolver.errors import ConfigurationError

try:
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
    from cryptography.x509 import load_der_x509_certificate
except ImportError as _error:
    raise ConfigurationError('a pin-sha256 needs cryptography 42 or later: pip install "aioresolver[tls]"') from _error

__all__ = ["pin_of"]


def pin_of(certificate: bytes) -> bytes:
    """The pin that a certificate (DER) satisfies: the SHA-256 digest of its SubjectPublicKeyInfo.

    Raises ValueError for bytes that are no certificate, and for a key of a kind that nobody knows.
    """
    key = load_der_x509_certificate(certificate).public_key()
    return sha256(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).digest()
