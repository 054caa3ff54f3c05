"""TlsTransport: queries to one nameserver over TLS (RFC 7858), whose certificate is checked. Nothing leaves in clear."""

from __future__ import annotations

import errno
import ssl
from typing import Any

from aioresolver.errors import TransportError
from aioresolver.transports.exchange import carriage_error
from aioresolver.transports.nameserver import Nameserver
from aioresolver.transports.tcp import TcpTransport

__all__ = ["TlsTransport"]


class TlsTransport(TcpTransport):
    """Queries to one nameserver over one TLS connection, opened at the first query and kept.

    The certificate must be valid and carry the nameserver's `hostname`, or its address when it has none: the strict
    profile of RFC 8310. `context` takes the place of the default one (the machine's authorities, TLS 1.2 or later),
    for example one that trusts a private authority; it decides what is checked. Otherwise as TcpTransport.
    """

    def __init__(
        self,
        nameserver: Nameserver,
        *,
        context: ssl.SSLContext | None = None,
        idle_timeout: float = 10.0,
        source: str | None = None,
    ) -> None:
        super().__init__(nameserver, idle_timeout=idle_timeout, source=source)
        self._context = context

    def _security(self) -> dict[str, Any]:
        if self._context is None:
            # Only now: it reads the machine's authorities from disk.
            self._context = _strict_context()
        address = self.nameserver.address.partition("%")[0]
        return {"ssl": self._context, "server_hostname": self.nameserver.hostname or address}

    def _explain(self, error: OSError) -> TransportError:
        name = self.nameserver.hostname or self.nameserver.address
        if isinstance(error, ssl.SSLCertVerificationError):
            return TransportError(f"the certificate of {name} is not valid: {error.verify_message}", code=errno.EPROTO)
        if isinstance(error, ssl.SSLError):
            return TransportError(f"no TLS with {name}: {error.reason or error}", code=errno.EPROTO)
        return carriage_error("no connection to the nameserver", error)


def _strict_context() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["dot"])
    return context
