"""The encrypted listeners of a test server: which there are, each on a port of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from importlib.util import find_spec
from typing import TYPE_CHECKING, NamedTuple, Protocol

from aioresolver.testing.listeners import TcpListener, bind_stream
from aioresolver.testing.service import Service

if TYPE_CHECKING:  # what they need, few tests need
    from aioresolver.testing.certificates import Certificate
    from aioresolver.testing.https_listener import HttpsListener

__all__ = ["EncryptedListeners", "Listener"]


class Listener(Protocol):
    """Takes queries from a socket that it was made with, until it is closed."""

    async def start(self) -> None:
        """Begin to listen."""

    async def close(self) -> None:
        """Stop listening and end every connection."""


class EncryptedListeners:
    """What a test server that has a certificate listens on besides UDP and TCP.

    `ports` are those of the last start, by scheme: a server that is started again has the same.
    """

    def __init__(self, address: str, certificate: Certificate, service: Service, *, idle: float) -> None:
        self.ports: dict[str, int] = {}
        self._address = address
        self._certificate = certificate
        self._service = service
        self._idle = idle
        self._listeners: list[Listener] = []

    async def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Begin to serve. Raises OSError when a port is taken."""
        place = Place(self._address, self.ports, self._service, loop, self._certificate, self._idle)
        for listener in _listeners(place):
            self._listeners.append(listener)
            await listener.start()

    async def close(self) -> None:
        """Close every socket. May be called again."""
        while self._listeners:
            await self._listeners.pop().close()


class Place(NamedTuple):
    """All that a listener is made of."""

    address: str
    ports: dict[str, int]
    service: Service
    loop: asyncio.AbstractEventLoop
    certificate: Certificate
    idle: float


def _listeners(place: Place) -> Iterator[Listener]:
    yield _tls(place)
    if find_spec("h2") is not None:
        yield _https(place)


def _tls(place: Place) -> Listener:
    sock = bind_stream(place.address, place.ports.get("tls", 0))
    place.ports["tls"] = sock.getsockname()[1]
    context = place.certificate.server_context(["dot"])
    return TcpListener(sock, place.service, place.loop, idle=place.idle, context=context)


def _https(place: Place) -> HttpsListener:
    from aioresolver.testing.https_listener import HttpsListener  # noqa: PLC0415 - it needs h2

    sock = bind_stream(place.address, place.ports.get("https", 0))
    place.ports["https"] = sock.getsockname()[1]
    return HttpsListener(sock, place.service, place.loop, certificate=place.certificate, idle=place.idle)
