"""open_transport: the transport that speaks a nameserver's scheme."""

from __future__ import annotations

import ssl

from aioresolver.errors import ConfigurationError
from aioresolver.transports.base import Transport
from aioresolver.transports.nameserver import Nameserver
from aioresolver.transports.tcp import TcpTransport
from aioresolver.transports.tls import TlsTransport
from aioresolver.transports.udp import UdpTransport

__all__ = ["open_transport"]


def open_transport(
    nameserver: Nameserver, *, source: str | None = None, context: ssl.SSLContext | None = None
) -> Transport:
    """The transport for the scheme of `nameserver`; no I/O yet.

    For udp it is UDP alone: who wants truncated replies again over TCP opens `nameserver.with_scheme("tcp")` too.
    `source` is the local IP address to send from, `context` what TLS uses in place of the default.
    Raises ConfigurationError for a scheme that no transport speaks.
    """
    if nameserver.scheme == "udp":
        return UdpTransport(nameserver, source=source)
    if nameserver.scheme == "tcp":
        return TcpTransport(nameserver, source=source)
    if nameserver.scheme == "tls":
        return TlsTransport(nameserver, source=source, context=context)
    raise ConfigurationError(
        f"nameserver {nameserver}: {nameserver.scheme} is not supported in this version; use udp, tcp or tls"
    )
