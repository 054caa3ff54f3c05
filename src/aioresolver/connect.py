"""Connections to hosts by name: our addresses, happy eyeballs (RFC 8305), TLS. It connects to nothing the policy did not see."""

from __future__ import annotations

import asyncio
import errno
import socket
import ssl as tls
import sys
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from types import ModuleType
from typing import TypeVar

from aioresolver.system.literal import parse_literal
from aioresolver.wire.names import Name

if sys.version_info >= (3, 11):
    from asyncio import timeout as time_limit
else:
    from async_timeout import timeout as time_limit

__all__ = ["ATTEMPT_DELAY", "Connecting", "server_name"]

P = TypeVar("P", bound=asyncio.BaseProtocol)

ATTEMPT_DELAY = 0.25
"""How many seconds one address has before the next one is tried beside it (RFC 8305, 8)."""

OLDEST = (2, 3)
WANTED = 'connections by name need aiohappyeyeballs 2.3 or newer: pip install "aioresolver[connect]"'

AddrInfo = tuple[int, int, int, str, tuple[str, int] | tuple[str, int, int, int]]


class Connecting(ABC):
    """Connects to the `endpoints` of a host. Needs aiohappyeyeballs (`aioresolver[connect]`).

    The addresses are those that the policy has let pass, literals included, and no other lookup comes between. They
    are tried in their order, the families in turn; the next one begins when one has failed, or has not succeeded
    within `happy_eyeballs_delay` seconds (None: only when it has failed), and the first connection wins.

    - `family`: AF_INET or AF_INET6 for one family only.
    - `local_addr`: the address and port to connect from, an address of each family that is to be used.
    - `timeout`: seconds for everything, lookup and TLS included; None is no limit but the operating system's.
    - `ssl`: True or a context; the certificate has to be for `server_hostname`, which is the host unless it is given.

    They raise what `resolve` raises, OSError when no address could be connected to, TimeoutError (with an errno) when
    the timeout is over, ssl.SSLError, ValueError for impossible arguments, and ModuleNotFoundError.
    """

    __slots__ = ()

    @abstractmethod
    async def endpoints(self, host: str, port: int, *, family: int = socket.AF_UNSPEC) -> list[tuple[str, int]]:
        """Where to connect to for a port of a host."""

    async def connect(
        self,
        host: str,
        port: int,
        *,
        family: int = socket.AF_UNSPEC,
        local_addr: tuple[str, int] | None = None,
        happy_eyeballs_delay: float | None = ATTEMPT_DELAY,
        timeout: float | None = None,
    ) -> socket.socket:
        """A connected, non-blocking TCP socket, for libraries that take one; it is the caller's to close."""
        async with _within(timeout, host, port):
            return await self._connected(host, port, family, local_addr, happy_eyeballs_delay)

    async def create_connection(
        self,
        protocol_factory: Callable[[], P],
        host: str,
        port: int,
        *,
        ssl: tls.SSLContext | bool | None = None,
        server_hostname: str | None = None,
        ssl_handshake_timeout: float | None = None,
        family: int = socket.AF_UNSPEC,
        local_addr: tuple[str, int] | None = None,
        happy_eyeballs_delay: float | None = ATTEMPT_DELAY,
        timeout: float | None = None,
    ) -> tuple[asyncio.Transport, P]:
        """What `loop.create_connection` returns: the transport, and the protocol that the factory made."""
        if not ssl and (server_hostname is not None or ssl_handshake_timeout is not None):
            raise ValueError("server_hostname and ssl_handshake_timeout mean nothing without ssl")
        if not (ssl is None or isinstance(ssl, (bool, tls.SSLContext))):
            raise TypeError(f"ssl is True or an ssl.SSLContext, not {ssl!r}")
        if ssl_handshake_timeout is not None and not ssl_handshake_timeout > 0:
            raise ValueError(f"ssl_handshake_timeout is a number of seconds above 0, not {ssl_handshake_timeout!r}")
        hostname = (server_name(host) if server_hostname is None else server_hostname) if ssl else None
        async with _within(timeout, host, port):
            sock = await self._connected(host, port, family, local_addr, happy_eyeballs_delay)
            try:
                protocol = protocol_factory()
            except BaseException:
                sock.close()
                raise
            return await asyncio.get_running_loop().create_connection(
                lambda: protocol,
                sock=sock,  # the loop closes it, whatever happens from here
                ssl=ssl or None,
                server_hostname=hostname,
                ssl_handshake_timeout=ssl_handshake_timeout,
            )

    async def open_connection(
        self,
        host: str,
        port: int,
        *,
        ssl: tls.SSLContext | bool | None = None,
        server_hostname: str | None = None,
        ssl_handshake_timeout: float | None = None,
        family: int = socket.AF_UNSPEC,
        local_addr: tuple[str, int] | None = None,
        happy_eyeballs_delay: float | None = ATTEMPT_DELAY,
        timeout: float | None = None,
        limit: int = 2**16,
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """What `asyncio.open_connection` returns: a reader, which buffers `limit` bytes, and a writer."""
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader(limit=limit, loop=loop)
        protocol = asyncio.StreamReaderProtocol(reader, loop=loop)
        transport, _ = await self.create_connection(
            lambda: protocol,
            host,
            port,
            ssl=ssl,
            server_hostname=server_hostname,
            ssl_handshake_timeout=ssl_handshake_timeout,
            family=family,
            local_addr=local_addr,
            happy_eyeballs_delay=happy_eyeballs_delay,
            timeout=timeout,
        )
        return reader, asyncio.StreamWriter(transport, protocol, reader, loop)

    async def _connected(
        self, host: str, port: int, family: int, local_addr: tuple[str, int] | None, delay: float | None
    ) -> socket.socket:
        happy_eyeballs = _happy_eyeballs()
        local = None if local_addr is None else [_addr_info(*local_addr)]
        if not 0 < port < 65536:
            raise ValueError(f"{port!r} is not a port to connect to")
        endpoints = await self.endpoints(host, port, family=family)
        sock: socket.socket = await happy_eyeballs.start_connection(
            [_addr_info(*endpoint) for endpoint in endpoints],
            local_addr_infos=local,
            happy_eyeballs_delay=delay,
            interleave=1,
        )
        return sock


def server_name(host: str) -> str:
    """The host as TLS writes it (RFC 6066, 3): in ASCII, without the dot behind it; an address without its scope.

    Raises NameSyntaxError.
    """
    literal = parse_literal(host)
    return Name.parse(host).removesuffix(".") if literal is None else literal.partition("%")[0]


def _addr_info(address: str, port: int) -> AddrInfo:
    """An address as getaddrinfo writes it; a scope stays in the text, for uvloop drops the number."""
    literal = parse_literal(address)
    if literal is None:
        raise ValueError(f"{address!r} is not an IP address")
    if ":" in literal:
        return socket.AF_INET6, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (literal, port, 0, 0)
    return socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (literal, port)


@asynccontextmanager
async def _within(seconds: float | None, host: str, port: int) -> AsyncIterator[None]:
    try:
        async with time_limit(seconds):
            yield
    except asyncio.TimeoutError as error:
        if seconds is None or getattr(error, "errno", None) is not None:  # a lookup's or a connection's own
            raise
        raise TimeoutError(errno.ETIMEDOUT, f"no connection to {host} port {port} within {seconds:g} s") from None


def _happy_eyeballs() -> ModuleType:
    """The library that runs the race; ImportError with one clear sentence when it is not there, or too old."""
    try:
        import aiohappyeyeballs  # noqa: PLC0415 - an extra: most resolvers never connect
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(WANTED, name=error.name) from error
    version: str = aiohappyeyeballs.__version__
    if tuple(map(int, version.split(".")[:2])) < OLDEST:
        raise ImportError(f"{WANTED} (this is {version})", name="aiohappyeyeballs")
    return aiohappyeyeballs
