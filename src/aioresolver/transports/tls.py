"""TlsTransport: queries to one nameserver over TLS (RFC 7858), whose identity is checked. Nothing leaves in clear."""

from __future__ import annotations

import asyncio
import base64
import errno
import ssl
from collections.abc import Callable
from typing import ClassVar

from aioresolver.errors import TransportError
from aioresolver.transports.exchange import carriage_error
from aioresolver.transports.nameserver import Nameserver
from aioresolver.transports.stream import StreamConnection
from aioresolver.transports.tcp import TcpTransport
from aioresolver.transports.tls_engine import TlsEngine
from aioresolver.transports.tls_layer import ClosedEarly, TlsLayer

__all__ = ["TlsTransport"]

# What OpenSSL calls X509_V_ERR_…
NOT_YET_VALID, EXPIRED = 9, 10
UNKNOWN_AUTHORITY = frozenset({2, 18, 19, 20, 21})
WRONG_NAME = frozenset({62, 64})


class TlsTransport(TcpTransport):
    """Queries to one nameserver over one TLS connection, opened at the first query and kept.

    The certificate must be valid and carry the nameserver's `identity`, which is its host name, or its address when it
    has none: the strict profile of RFC 8310. A nameserver with `pins` must have the key of one of them, and then no
    authority need vouch for it (RFC 7858, 4.2). One that is `opportunistic` is not checked at all. Whatever is wrong,
    nothing is ever sent in clear.

    `context` takes the place of the default one (the machine's authorities, TLS 1.2 or later), for example one that
    trusts a private authority; it decides what is checked besides the pins, but for a nameserver that is opportunistic.
    It shall be used for nothing else, for the protocol (ALPN) is set in it.

    A new connection resumes the session of the one before, which spares the certificates and half of the work.
    `handshakes` counts the connections made, `resumed` those by a resumed session. Otherwise as TcpTransport.
    """

    protocols: ClassVar[tuple[str, ...]] = ("dot",)
    """What is asked for by ALPN."""
    resumed: int

    def __init__(
        self,
        nameserver: Nameserver,
        *,
        context: ssl.SSLContext | None = None,
        idle_timeout: float = 10.0,
        source: str | None = None,
    ) -> None:
        super().__init__(nameserver, idle_timeout=idle_timeout, source=source)
        self._context = None if nameserver.opportunistic else context
        self._pin_of = _pin_reader() if nameserver.pins else None
        self._session: ssl.SSLSession | None = None
        self._latest: TlsEngine | None = None
        self._layers: set[TlsLayer] = set()

    def _protocol(self, connection: StreamConnection, loop: asyncio.AbstractEventLoop) -> asyncio.Protocol:
        if self._context is None:
            # Only now: it reads the machine's authorities from disk.
            self._context = _own_context(self.nameserver)
        # A context may serve nameservers of several schemes; what it says at this moment is what is sent.
        self._context.set_alpn_protocols(list(self.protocols))
        self._keep_session()
        engine = TlsEngine(self._context, server_hostname=self.nameserver.identity, session=self._session)
        return TlsLayer(connection, engine, loop=loop, check=self._check, watch=self._watch)

    async def _ready(self, protocol: asyncio.Protocol) -> None:
        """The handshake, for as long as anybody waits for it."""
        if isinstance(protocol, TlsLayer):
            try:
                await protocol.shaken
            except BaseException:
                protocol.abort()
                raise
            self._latest = protocol.engine
            self.resumed += protocol.engine.resumed

    def _watch(self, layer: TlsLayer, *, is_open: bool) -> None:
        """A descriptor was opened or closed."""
        if is_open:
            self._layers.add(layer)
            return
        self._layers.discard(layer)
        if layer.engine is self._latest:
            self._keep_session()
            self._latest = None
        self._gone.set()

    def _descriptors(self) -> int:
        return max(len(self._layers), super()._descriptors())

    def _abort(self) -> None:
        for layer in tuple(self._layers):
            layer.abort()

    def _keep_session(self) -> None:
        """Have the session of the latest connection for the next one; its tickets came some time after the handshake."""
        if self._latest is not None:
            self._session = self._latest.session or self._session

    def _check(self, engine: TlsEngine) -> None:
        """Raise TransportError when the nameserver has none of the pinned keys."""
        if self._pin_of is None:
            return
        certificate = engine.peer_certificate
        try:
            pin = self._pin_of(certificate or b"")
        except ValueError as error:
            reason = f"the key of {self.nameserver} cannot be read: {error}"
            raise TransportError(reason, code=errno.EPROTO) from None
        if pin not in self.nameserver.pins:
            seen = base64.b64encode(pin).decode()
            reason = f"the key of {self.nameserver} is not a pinned one: if its operator confirms it, the pin is {seen}"
            raise TransportError(reason, code=errno.EPROTO)

    def _explain(self, error: OSError) -> TransportError:
        if isinstance(error, TransportError):
            return error
        if isinstance(error, ssl.SSLCertVerificationError):
            return self._explain_certificate(error)
        if isinstance(error, ssl.SSLError):
            reason = (error.reason or str(error)).replace("_", " ").lower()
            return TransportError(f"no TLS with {self.nameserver}: {reason}", code=errno.EPROTO)
        if isinstance(error, ClosedEarly):
            return TransportError(f"no TLS with {self.nameserver}: {error.strerror}", code=errno.ECONNRESET)
        return carriage_error("no connection to the nameserver", error)

    def _explain_certificate(self, error: ssl.SSLCertVerificationError) -> TransportError:
        code, wrong = error.verify_code, error.verify_message.rstrip(".")
        advice = ""
        if code in WRONG_NAME:
            advice = f"; the name that it shall carry is written behind '#', as in {self.nameserver.scheme}://IP#NAME"
        elif code in {EXPIRED, NOT_YET_VALID}:
            advice = "; unless the clock of this machine is wrong, its operator has to renew it"
        elif code in UNKNOWN_AUTHORITY:
            advice = "; to trust it nevertheless, name a file with its authority in SSL_CERT_FILE, or pin its key: ?pin-sha256=…"
        return TransportError(f"the certificate of {self.nameserver} is not valid: {wrong}{advice}", code=errno.EPROTO)


def _own_context(nameserver: Nameserver) -> ssl.SSLContext:
    """What checks the certificate, unless pins do that or nothing shall."""
    if nameserver.pins or nameserver.opportunistic:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    else:
        context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def _pin_reader() -> Callable[[bytes], bytes]:
    from aioresolver.transports.pins import pin_of  # noqa: PLC0415 - only who pins keys needs cryptography

    return pin_of
