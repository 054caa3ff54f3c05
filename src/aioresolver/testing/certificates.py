"""CertificateAuthority: certificates for servers of tests, good ones and bad ones. Needs the extra `tls`."""

from __future__ import annotations

import datetime as dt
import ipaddress
import os
import ssl
import tempfile
from base64 import b64encode
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

try:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
except ImportError as _error:
    raise type(_error)(
        'certificates for tests need cryptography 42 or later: pip install "aioresolver[tls]"', name=_error.name
    ) from _error

__all__ = ["Certificate", "CertificateAuthority"]

DAY = dt.timedelta(days=1)
LIFE = 30 * DAY
PEM = serialization.Encoding.PEM


class CertificateAuthority:
    """An authority that nobody knows but those who are told: it issues certificates for tests.

        certificate = CertificateAuthority().issue()
        async with DNSServer("www.example. 60 A 192.0.2.1", certificate=certificate) as server:
            resolver = Resolver(f"{server.nameserver_tls}?pin-sha256={certificate.pin}")

    `pem` is its own certificate, for a program that reads its authorities from a file: with SSL_CERT_FILE set to that,
    no pin is needed. Keys are on the curve P-256, so that a certificate is made in a millisecond.
    """

    def __init__(self, name: str = "an authority for tests") -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _distinguished(name)
        now = dt.datetime.now(dt.timezone.utc)
        usage = x509.KeyUsage(
            key_cert_sign=True,
            crl_sign=True,
            digital_signature=False,
            content_commitment=False,
            key_encipherment=False,
            data_encipherment=False,
            key_agreement=False,
            encipher_only=False,
            decipher_only=False,
        )
        certificate = (
            self._builder(self._name, self._key, now - 2 * LIFE, now + LIFE)
            .issuer_name(self._name)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .add_extension(usage, critical=True)
            .sign(self._key, hashes.SHA256())
        )
        self.pem: bytes = certificate.public_bytes(PEM)

    def issue(
        self, *names: str, expired: bool = False, not_yet_valid: bool = False, self_signed: bool = False
    ) -> Certificate:
        """A certificate for these host names and IP addresses; for 127.0.0.1, ::1 and localhost when none is given.

        `expired` ended yesterday, `not_yet_valid` begins tomorrow, and `self_signed` is signed with its own key.
        """
        now = dt.datetime.now(dt.timezone.utc)
        begins, ends = now - DAY, now + LIFE
        if expired:
            begins, ends = now - LIFE, now - DAY
        elif not_yet_valid:
            begins = now + DAY
        key = ec.generate_private_key(ec.SECP256R1())
        subject = _distinguished("a nameserver")
        issuer, signer = (subject, key) if self_signed else (self._name, self._key)
        alternatives = [_alternative(name) for name in names or ("127.0.0.1", "::1", "localhost")]
        signers_id = x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key())
        certificate = (
            self._builder(subject, key, begins, ends)
            .issuer_name(issuer)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(signers_id, critical=False)
            .add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            .sign(signer, hashes.SHA256())
        )
        return Certificate(certificate, key)

    def client_context(self, alpn: Sequence[str] = ()) -> ssl.SSLContext:
        """What a client needs to trust this authority, and it alone; host names are checked."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(cadata=self.pem.decode("ascii"))
        if alpn:
            context.set_alpn_protocols(list(alpn))
        return context

    @staticmethod
    def _builder(
        subject: x509.Name, key: ec.EllipticCurvePrivateKey, begins: dt.datetime, ends: dt.datetime
    ) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(begins)
            .not_valid_after(ends)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        )


class Certificate:
    """A server's certificate and its key, both in PEM, and its pin (RFC 7858, 4.2) as bytes: `spki_sha256`."""

    def __init__(self, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> None:
        self.certificate: bytes = certificate.public_bytes(PEM)
        self.key: bytes = key.private_bytes(PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        public = key.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        self.spki_sha256: bytes = sha256(public).digest()

    @property
    def pin(self) -> str:
        """Its pin as the URL of a nameserver takes it: `tls://127.0.0.1?pin-sha256=…`."""
        return b64encode(self.spki_sha256).decode("ascii")

    def server_context(self, alpn: Sequence[str] = ()) -> ssl.SSLContext:
        """What a TLS server needs to present this certificate; `alpn` are the protocols that it speaks."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        # The ssl module reads keys from files only.
        descriptor, path = tempfile.mkstemp(suffix=".pem")
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(self.key + self.certificate)
            context.load_cert_chain(path)
        finally:
            Path(path).unlink()
        if alpn:
            context.set_alpn_protocols(list(alpn))
        return context


def _distinguished(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _alternative(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)
