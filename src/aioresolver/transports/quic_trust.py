"""Trust: which certificates a DNS over QUIC connection believes. QUIC brings its own TLS, so the rules are told to it."""

from __future__ import annotations

import base64
import ssl
from collections.abc import Sequence
from typing import NamedTuple

from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import Certificate, ExtendedKeyUsage, ExtensionNotFound

from aioresolver.errors import ConfigurationError
from aioresolver.transports.nameserver import Nameserver
from aioresolver.transports.pins import pin_of

__all__ = ["Trust", "certificate_fault", "certificate_reason", "trust_for"]

SERVER_AUTH = "1.3.6.1.5.5.7.3.1"
ANY_USE = "2.5.29.37.0"
# Alerts of TLS as errors of QUIC (RFC 9001, 4.8).
EXPIRED = 0x100 + 45


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

    With pins no authority need vouch for it, unless there is a context; when it is opportunistic nothing is checked.
    Raises ConfigurationError when `context` wants certificates checked, but shows no authorities: those of a folder
    are not loaded before they are needed.
    """
    if nameserver.opportunistic or (nameserver.pins and context is None):
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
    try:
        if nameserver.pins:
            pin = pin_of(certificate.public_bytes(Encoding.DER))
            seen = base64.b64encode(pin).decode()
            fault = f"its key is not a pinned one: if its operator confirms it, the pin is {seen}"
            return None if pin in nameserver.pins else fault
        return None if _may_serve(certificate) else "it is not for servers"
    except ValueError as error:
        return f"it cannot be read: {error}"


def certificate_reason(code: int, reason: str) -> str:
    """Why a certificate was refused, and what can be done: from the error of QUIC, and the words of aioquic."""
    if code == EXPIRED:
        return f"{reason}; unless the clock of this machine is wrong, its operator has to renew it"
    if "match" in reason:
        # aioquic goes on with the names in it, as Python writes them down.
        wrong = reason.partition(" doesn't match")[0]
        return f"it is not for {wrong}; the name that it shall carry is written behind '#', as in quic://IP#NAME"
    if "issuer" in reason or "self" in reason:
        return f"{reason}; to trust it nevertheless, name a file with its authority in SSL_CERT_FILE, or pin its key: ?pin-sha256=…"
    return reason


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


def _may_serve(certificate: Certificate) -> bool:
    """Whether a certificate that says what it is for is for servers (RFC 5280, 4.2.1.12)."""
    try:
        uses = certificate.extensions.get_extension_for_class(ExtendedKeyUsage).value
    except ExtensionNotFound:
        return True
    return any(use.dotted_string in {SERVER_AUTH, ANY_USE} for use in uses)
