"""open_transport: the transport that speaks a nameserver's scheme."""

from __future__ import annotations

import ssl

from aioresolver.errors import ConfigurationError
from aioresolver.transports.base import Transport
from aioresolver.transports.named import NamedTransport, Resolve
from aioresolver.transports.nameserver import Nameserver
from aioresolver.transports.tcp import TcpTransport
from aioresolver.transports.tls import TlsTransport
from aioresolver.transports.udp import UdpTransport

__all__ = ["open_transport"]


def open_transport(
    nameserver: Nameserver,
    *,
    source: str | None = None,
    context: ssl.SSLContext | None = None,
    resolve: Resolve | None = None,
) -> Transport:
    """The transport for the scheme of `nameserver`; no I/O yet.

    For udp it is UDP alone: who wants truncated replies again over TCP opens `nameserver.with_scheme("tcp")` too.
    `source` is the local IP address to send from, `context` what TLS uses in place of the default, in all encrypted
    schemes. `resolve` finds the addresses of a nameserver that is known by its name only (see NamedTransport).
    Raises ConfigurationError when https or quic lacks its package, and for a name without `resolve`.
    """
    if not nameserver.address:
        if resolve is None:
            raise ConfigurationError(
                f"nameserver {nameserver} is known by its name only, and nothing finds its address"
            )
        return NamedTransport(nameserver, lambda at: open_transport(at, source=source, context=context), resolve)
    if nameserver.scheme == "udp":
        return UdpTransport(nameserver, source=source)
    if nameserver.scheme == "tcp":
        return TcpTransport(nameserver, source=source)
    if nameserver.scheme == "tls":
        return TlsTransport(nameserver, source=source, context=context)
    if nameserver.scheme == "https":
        return _open_https(nameserver, source, context)
    return _open_quic(nameserver, source, context)


def _open_https(nameserver: Nameserver, source: str | None, context: ssl.SSLContext | None) -> Transport:
    try:
        from aioresolver.transports.https import HttpsTransport  # noqa: PLC0415 - only who asks for it needs h2
    except ConfigurationError as error:
        raise ConfigurationError(f"nameserver {nameserver}: {error}") from error
    return HttpsTransport(nameserver, source=source, context=context)


def _open_quic(nameserver: Nameserver, source: str | None, context: ssl.SSLContext | None) -> Transport:
    try:
        from aioresolver.transports.quic import QuicTransport  # noqa: PLC0415 - only who asks for it needs aioquic
    except ConfigurationError as error:
        raise ConfigurationError(f"nameserver {nameserver}: {error}") from error
    return QuicTransport(nameserver, source=source, context=context)
