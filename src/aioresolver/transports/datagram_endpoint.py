"""DatagramEndpoint: a UDP socket on an event loop that cannot watch descriptors, the Proactor of Windows."""

from __future__ import annotations

import asyncio
import errno
import socket
from typing import Protocol, cast

__all__ = ["DatagramEndpoint"]


class EndpointOwner(Protocol):
    """Whose datagrams these are."""

    def take(self, reply: bytes) -> None:
        """A datagram has come."""

    def flush(self) -> None:
        """Sending is possible now."""

    def broken(self, error: OSError, *, usable: bool = False) -> None:
        """The socket reports an error."""


class DatagramEndpoint(asyncio.DatagramProtocol):
    """The same socket through asyncio's own datagram transport, for loops that have no `add_reader`."""

    def __init__(self, owner: EndpointOwner, connected: socket.socket) -> None:
        self._owner = owner
        self._connected = connected
        self._peer = connected.getpeername()
        self._transport: asyncio.DatagramTransport | None = None
        self._closing = False
        self._lost = asyncio.Event()

    async def run(self, loop: asyncio.AbstractEventLoop) -> None:
        """Attach the socket to the loop, and close it when the endpoint is closed."""
        try:
            await loop.create_datagram_endpoint(lambda: self, sock=self._connected)
            await self._lost.wait()
        except OSError as error:
            self._owner.broken(error)
        finally:
            self._connected.close()

    def send(self, wire: bytes) -> int:
        """Raises BlockingIOError as long as the socket is not attached."""
        if self._transport is None:
            raise BlockingIOError(errno.EAGAIN, "the socket is not attached yet")
        self._transport.sendto(wire, self._peer)
        return len(wire)

    def close(self) -> None:
        """Close the socket; `run` ends when that is done."""
        self._closing = True
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The socket is attached."""
        self._transport = cast(asyncio.DatagramTransport, transport)
        if self._closing:
            self._transport.abort()
        else:
            self._owner.flush()

    def datagram_received(self, data: bytes, addr: object) -> None:
        """A datagram has come."""
        self._owner.take(data)

    def error_received(self, exc: Exception) -> None:
        """The Proactor reads no further after an error, so the socket is given up."""
        self._owner.broken(exc if isinstance(exc, OSError) else OSError(errno.EIO, str(exc)))

    def connection_lost(self, exc: Exception | None) -> None:
        """The socket is closed."""
        self._lost.set()
