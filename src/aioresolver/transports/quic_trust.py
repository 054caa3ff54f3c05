"""Trust: which certificates a DNS over QUIC connection believes. QUIC brings its own TLS, so the rules are told to it."""

from __future__ import annotations

import hashlib
import ssl
from collections.abc import Sequence
from typing import NamedTuple

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509 import Certificate, ExtendedKeyUsage, ExtensionNotFound

from aioresolver.errors import ConfigurationError
from aioresolver.transports.nameserver import Nameserver

__all__ = ["Trust", "certificate_fault", "trust_for"]

SERVER_AUTH = "1.3.6.1.5.5.7.3.1"
ANY_USE = "2.5.29.37.0"


class Trust(NamedTuple):
    """What a certificate is checked against, as aioquic takes it.

    `verify` is whether its chain, dates and name are checked. `authorities` are in PEM; `file` and `folder` hold
    more of them.
    """

    verify: bool
    authorities: bytes = b""
    file: str | None = None
    folder: str | None = None


def trust_for(nameserver: Nameserver, context: ssl.SSLContext | None) -> Trust:
    """What the certificate of `nameserver` is checked against: the authorities of `context`, or the machine's.

    With pins, and for an opportunistic nameserver, the chain is not checked. Raises ConfigurationError when `context`
    wants certificates checked, but shows no authorities: those of a folder are not loaded before they are needed.
    """
    if nameserver.opportunistic or nameserver.pins:
        return Trust(verify=False)
    if context is None:
        return _trust_of_the_machine()
    if context.verify_mode == ssl.CERT_NONE:
        return Trust(verify=False)
    authorities = context.get_ca_certs(binary_form=True)
    if not authorities:
        raise ConfigurationError("the SSLContext shows no authorities: for QUIC load them from a file, not a folder")
    return Trust(verify=True, authorities=_to_pem(authorities))


def certificate_fault(certificate: Certificate | None, nameserver: Nameserver) -> str | None:
    """What is wrong with a certificate besides chain, dates and name; None when nothing is."""
    if nameserver.opportunistic:
        return None
    if certificate is None:
        return "there is none"
    if nameserver.pins:
        return None if _spki_sha256(certificate) in nameserver.pins else "its public key is not one of the pinned ones"
    return None if _may_serve(certificate) else "it is not for servers"


def _trust_of_the_machine() -> Trust:
    """The same authorities as those of `ssl.create_default_context()`."""
    # OpenSSL's folder is read when a chain is checked; on Windows the system's store is copied into the context.
    paths = ssl.get_default_verify_paths()
    loaded = ssl.create_default_context().get_ca_certs(binary_form=True)
    return Trust(
        verify=True, authorities=b"" if paths.cafile else _to_pem(loaded), file=paths.cafile, folder=paths.capath
    )


def _to_pem(authorities: Sequence[bytes]) -> bytes:
    return "".join(map(ssl.DER_cert_to_PEM_cert, authorities)).encode("ascii")


def _spki_sha256(certificate: Certificate) -> bytes:
    return hashlib.sha256(
        certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    ).digest()


def _may_serve(certificate: Certificate) -> bool:
    """Whether a certificate that says what it is for is for servers (RFC 5280, 4.2.1.12)."""
    try:
        uses = certificate.extensions.get_extension_for_class(ExtendedKeyUsage).value
    except ExtensionNotFound:
        return True
    return any(use.dotted_string in {SERVER_AUTH, ANY_USE} for use in uses)
