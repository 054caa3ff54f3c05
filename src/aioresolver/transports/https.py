"""HttpsTransport: queries to one nameserver over HTTPS (RFC 8484), whose certificate is checked."""

from __future__ import annotations

import asyncio
import errno
import ssl
from typing import ClassVar

from aioresolver.errors import TransportError
from aioresolver.transports.exchange import Exchange
from aioresolver.transports.http2_connection import FIRST_STREAMS, Http2Connection
from aioresolver.transports.http_request import HttpsRequests
from aioresolver.transports.nameserver import Nameserver
from aioresolver.transports.stream import StreamConnection
from aioresolver.transports.tls import TlsTransport
from aioresolver.transports.tls_engine import TlsEngine

__all__ = ["HttpsTransport"]

MOST_SENDS = 3
"""So often is a query sent to a server that does not look at it."""


class HttpsTransport(TlsTransport):
    """Queries to one nameserver over one HTTP/2 connection, opened at the first query and kept.

    Each query is a POST, or a GET where the nameserver's `method` says so, and has the id 0, so that HTTP caches can
    tell what is the same (RFC 8484, 4.1). Its answer is a response of status 200 that carries a DNS message of at most
    65535 bytes; redirects are not followed. A reply that a cache kept for a while is an `AgedReply`. As many queries
    are under way as the server takes, the others wait. What the server refuses without having looked at it, as it does
    when it retires a connection, is sent again.

    What the certificate must be, `context`, and all else is as with TlsTransport.
    """

    protocols: ClassVar[tuple[str, ...]] = ("h2",)

    def __init__(
        self,
        nameserver: Nameserver,
        *,
        context: ssl.SSLContext | None = None,
        idle_timeout: float = 10.0,
        source: str | None = None,
    ) -> None:
        super().__init__(nameserver, context=context, idle_timeout=idle_timeout, source=source)
        self.most_streams: int = FIRST_STREAMS
        self._requests = HttpsRequests(nameserver)

    def failed(self, connection: Http2Connection, exchange: Exchange, error: TransportError) -> None:
        """What came for an exchange is no reply."""
        exchange.stop_timer(self._ring)
        exchange.fail(error)
        connection.heard_at = self._now()
        if connection.leaving:
            connection.leave()
        else:
            self._idle.note()

    def refused(self, connection: Http2Connection, exchange: Exchange) -> None:
        """The server has not looked at the query: send it again, but not for ever."""
        if exchange.sends < MOST_SENDS or connection.replies > exchange.heard:
            self._place(exchange)
        else:
            self.failed(
                connection, exchange, TransportError("the nameserver refuses the query", code=errno.ECONNREFUSED)
            )

    def retire(self, connection: Http2Connection) -> None:
        """The connection takes no more queries; those under way are still answered."""
        self._retire(connection)
        if self._waiting and self._connection is None:
            self._connect()

    def _check(self, engine: TlsEngine) -> None:
        super()._check(engine)
        if engine.protocol != "h2":
            raise TransportError(f"{self.nameserver} does not speak HTTP/2", code=errno.EPROTO)

    def _new_connection(self, loop: asyncio.AbstractEventLoop) -> StreamConnection:
        return Http2Connection(self, requests=self._requests, loop=loop)
