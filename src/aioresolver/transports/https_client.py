"""over_client: DNS over HTTPS (RFC 8484) through an HTTP client that the user has made, with its proxies and pools."""

from __future__ import annotations

import asyncio
import errno
import sys
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from types import ModuleType
from typing import Any, NamedTuple

from aioresolver.errors import ConfigurationError, TransportError
from aioresolver.flow.deadline_ring import DeadlineRing
from aioresolver.transports.base import Transport
from aioresolver.transports.exchange import Exchange, deadline_error, make_exchange
from aioresolver.transports.http_request import HttpsRequests
from aioresolver.transports.http_response import HttpResponse
from aioresolver.transports.nameserver import Nameserver
from aioresolver.transports.open import open_transport

__all__ = ["HttpClientTransport", "over_client"]

# The client's own clock is for what we forget: our deadline comes first.
GRACE = 1.0
NETWORK = (OSError, asyncio.TimeoutError)


def over_client(client: Any) -> Callable[[Nameserver], Transport]:
    """What opens transports that send their queries through this client, for `StubBackend(open_transport=…)`.

    `client` is an `httpx.AsyncClient` (`http2=True` does well), an `httpx2.AsyncClient` or an `aiohttp.ClientSession`.
    It is never closed here. It decides how connections are made and which certificates are good; who is asked, at
    which address and under which host name, is as the nameserver says. Nameservers that are not https are opened as
    ever. Raises ConfigurationError for any other client.
    """
    send = _sender(client)

    def open_over_client(nameserver: Nameserver) -> Transport:
        if nameserver.scheme != "https":
            return open_transport(nameserver)
        return HttpClientTransport(nameserver, send)

    return open_over_client


class Sent(NamedTuple):
    """One request, as clients take it."""

    method: str
    url: str
    headers: dict[str, str]
    body: bytes
    hostname: str | None


class Received(NamedTuple):
    """The response to it, as clients give it: a status, headers, and a body in chunks."""

    status: int
    headers: Iterable[tuple[bytes, bytes]]
    chunks: AsyncIterator[bytes]


class Sender(NamedTuple):
    """How a client sends a request, and what it raises."""

    send: Callable[[Sent, float], AbstractAsyncContextManager[Received]]
    errors: tuple[type[Exception], ...]


class HttpClientTransport:
    """Queries to one nameserver through a client of the user's; each costs a task, and the client's own work.

    What is a reply is as with HttpsTransport; so are the deadline and the bounds of a body.
    """

    def __init__(self, nameserver: Nameserver, sender: Sender) -> None:
        if nameserver.pins or nameserver.opportunistic:
            raise ConfigurationError(f"nameserver {nameserver}: what a certificate must be is up to the client here")
        self.nameserver = nameserver
        self._sender = sender
        self._requests = HttpsRequests(nameserver)
        self._tasks: dict[Exchange, asyncio.Task[None]] = {}
        self._ended: set[asyncio.Task[None]] = set()
        self._ring: DeadlineRing | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._closed = False

    def exchange(self, query: bytes, deadline: float) -> asyncio.Future[bytes]:
        """Send a whole DNS message, and give the reply; see `Transport.exchange`.

        Raises ValueError when `query` is not a DNS message, and RuntimeError on another event loop than the first.
        """
        loop = asyncio.get_running_loop()
        exchange = make_exchange(query, loop=loop)
        if self._closed:
            exchange.fail(TransportError("the transport is closed", code=errno.ECONNABORTED, local=True))
            return exchange
        if self._ring is None:
            self._loop, self._ring = loop, DeadlineRing(loop)
        elif loop is not self._loop:
            raise RuntimeError(f"the transport to {self.nameserver} belongs to another event loop")
        exchange.carrier = self
        exchange.start_timer(self._ring, deadline)
        task = loop.create_task(self._carry(exchange, deadline - loop.time()))
        if not exchange.done():
            self._tasks[exchange] = task
        self._ended.add(task)
        task.add_done_callback(self._ended.discard)
        return exchange

    async def aclose(self) -> None:
        """End what is under way, which fails with TransportError; the client stays open. Twice is fine."""
        self._closed = True
        for exchange in list(self._tasks):
            self.forget(exchange)
            exchange.fail(TransportError("the transport is closed", code=errno.ECONNABORTED, local=True))
        if self._ring is not None:
            self._ring.close()
        while self._ended:
            await asyncio.wait(self._ended)

    def forget(self, exchange: Exchange) -> None:
        """Stop the request of an exchange that ends without a reply."""
        if self._ring is not None:
            exchange.stop_timer(self._ring)
        task = self._tasks.pop(exchange, None)
        if task is not None:
            task.cancel()

    def expired(self, exchange: Exchange) -> None:
        """The deadline of an exchange has passed."""
        self.forget(exchange)
        exchange.fail(deadline_error())

    async def _carry(self, exchange: Exchange, seconds: float) -> None:
        response = HttpResponse(exchange)
        try:
            fault = await self._ask(exchange, response, seconds)
            reply = None if fault is not None else response.reply()
            error = TransportError(fault or "the response is no reply to the query", code=errno.EPROTO)
        except self._sender.errors as failure:
            reply, error = None, _explain(failure)
        except RuntimeError as failure:  # what clients say once they are closed
            reply, error = None, TransportError(f"the HTTP client: {failure}", code=errno.ECONNABORTED, local=True)
        self._tasks.pop(exchange, None)
        if self._ring is not None:
            exchange.stop_timer(self._ring)
        if exchange.done():
            return
        if reply is None:
            exchange.fail(error)
        else:
            exchange.set_result(reply)

    async def _ask(self, exchange: Exchange, response: HttpResponse, seconds: float) -> str | None:
        """Read the response; what is wrong with it, if anything."""
        wire = b"\0\0" + exchange.query[2:]
        requests = self._requests
        url, body, headers = requests.url(wire), requests.body(wire), requests.plain_headers(wire)
        sent = Sent(self.nameserver.method, url, headers, body, self.nameserver.hostname)
        async with self._sender.send(sent, seconds) as received:
            head = [(b":status", str(received.status).encode())]
            head += [(name.lower(), value) for name, value in received.headers]
            if fault := response.take_headers(head):
                return fault
            async for chunk in received.chunks:
                if fault := response.take_data(chunk):
                    return fault
        return None


def _sender(client: Any) -> Sender:
    """How to talk to this client: which library it is of, a class derived from it included."""
    for kind in type(client).__mro__:
        library = kind.__module__.partition(".")[0]
        if kind.__name__ == "AsyncClient" and library in {"httpx", "httpx2"}:
            module = sys.modules[library]
            return Sender(partial(_send_by_httpx, client), (*NETWORK, module.HTTPError, module.StreamError))
        if kind.__name__ == "ClientSession" and library == "aiohttp":
            module = sys.modules[library]
            return Sender(partial(_send_by_aiohttp, client, module), (*NETWORK, module.ClientError))
    raise ConfigurationError(
        f"an HTTP client is an httpx.AsyncClient, an httpx2.AsyncClient or an aiohttp.ClientSession,"
        f" not {type(client).__module__}.{type(client).__qualname__}"
    )


@asynccontextmanager
async def _send_by_httpx(client: Any, sent: Sent, seconds: float) -> AsyncIterator[Received]:
    async with client.stream(
        sent.method,
        sent.url,
        content=sent.body or None,
        headers=sent.headers,
        follow_redirects=False,
        timeout=seconds + GRACE,
        extensions={"sni_hostname": sent.hostname} if sent.hostname else None,
    ) as response:
        yield Received(response.status_code, response.headers.raw, response.aiter_raw())


@asynccontextmanager
async def _send_by_aiohttp(client: Any, aiohttp: ModuleType, sent: Sent, seconds: float) -> AsyncIterator[Received]:
    async with client.request(
        sent.method,
        sent.url,
        data=sent.body or None,
        headers=sent.headers,
        allow_redirects=False,
        timeout=aiohttp.ClientTimeout(total=seconds + GRACE),
        server_hostname=sent.hostname,
    ) as response:
        yield Received(response.status, response.raw_headers, response.content.iter_any())


def _explain(error: Exception) -> TransportError:
    if isinstance(error, (TimeoutError, asyncio.TimeoutError)):  # the client saw the deadline before we did
        return deadline_error()
    code = getattr(error, "errno", None)
    text = str(error) or type(error).__name__
    return TransportError(f"the HTTP client: {text}", code=code if isinstance(code, int) else errno.EIO)
