"""aiohttp: `ClientSession(connector=aiohttp_connector(resolver))`, or its parts for a connector of one's own."""

from __future__ import annotations

import inspect
import socket
from collections.abc import Callable
from types import TracebackType
from typing import Any

from aioresolver.errors import AddressBlocked, NameNotFound, NameSyntaxError, UsageError
from aioresolver.resolver import Resolver
from aioresolver.system.literal import parse_literal

try:
    from aiohttp import TCPConnector
    from aiohttp.abc import AbstractResolver, ResolveResult
except ImportError as _error:
    raise type(_error)(
        'aioresolver.adapters.aiohttp needs aiohttp 3.10 or newer: pip install "aioresolver[aiohttp]"', name=_error.name
    ) from _error

__all__ = ["AddrInfo", "AiohttpResolver", "aiohttp_connector"]

AddrInfo = tuple[int, int, int, str, tuple[Any, ...]]
"""Family, type, protocol, canonical name and socket address, as from getaddrinfo."""

SocketFactory = Callable[[AddrInfo], socket.socket]

HAS_SOCKET_FACTORY = "socket_factory" in inspect.signature(TCPConnector).parameters  # since aiohttp 3.12
MOST_REMEMBERED = 4096


class AiohttpResolver(AbstractResolver):
    """Our Resolver as aiohttp's.

    Give it a Resolver to share between sessions, which stays yours to close; without one it makes its own and closes
    that, at `close()` or the end of `async with`. A session closes neither. With `use_dns_cache=False` the connector
    keeps the records' TTLs instead of its own ten seconds, and concurrent requests are one lookup all the same.

    Every failure is a `socket.gaierror`, which aiohttp shows as `ClientConnectorDNSError` with our error as its
    `os_error`.
    """

    def __init__(self, resolver: Resolver | None = None) -> None:
        self._owned = resolver is None
        self._resolver = Resolver(rotate=True) if resolver is None else resolver
        self._exempt: dict[str, None] = {}
        self._closed = False

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """The addresses of a host in aiohttp's form, never an empty list; a scope is part of the address.

        An override for this port of the host (`hosts={"db.test:80": ("127.0.0.1", 8080)}`) gives the port too.
        """
        if self._closed:
            raise UsageError("this AiohttpResolver is closed")
        try:
            endpoints = await self._resolver.endpoints(host, port, family=family)
        except NameSyntaxError as error:
            raise NameNotFound(host, "A", str(error)) from error
        for address, _ in endpoints:
            self._remember(address)
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=to_port,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=0,
                flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
            )
            for address, to_port in endpoints
        ]

    def socket_factory(self, addr_info: AddrInfo) -> socket.socket:
        """For `TCPConnector(socket_factory=…)`: a socket, unless the resolver's policy forbids the address.

        aiohttp asks no resolver about addresses in URLs and in redirects; this is asked about every address before it
        is connected to. What this resolver has given out for a name in `allow_names` passes. Raises AddressBlocked,
        which aiohttp shows as `ClientConnectorError` with our error as its `os_error`.
        """
        family, type_, proto, _, sockaddr = addr_info
        self.check(sockaddr[0])
        return socket.socket(family, type_, proto)

    def check(self, address: str) -> None:
        """Raise AddressBlocked when the policy forbids the address, and it was not given out for a name it exempts."""
        policy = self._resolver.policy
        reason = None if policy is None or address in self._exempt else policy.reason(address)
        if reason is not None:
            raise AddressBlocked(address, "address", f"the address policy forbids {reason}")

    def _remember(self, address: str) -> None:
        """What the resolver gave out although the policy forbids it was asked for by a name that is exempt."""
        policy = self._resolver.policy
        if policy is not None and policy.reason(address) is not None:
            self._exempt.pop(address, None)
            self._exempt[address] = None
            if len(self._exempt) > MOST_REMEMBERED:
                del self._exempt[next(iter(self._exempt))]

    async def close(self) -> None:
        """Close the resolver if it was made here. May be called twice."""
        self._closed = True
        if self._owned:
            await self._resolver.aclose()

    async def __aenter__(self) -> AiohttpResolver:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()


def aiohttp_connector(resolver: Resolver | AiohttpResolver, **options: Any) -> TCPConnector:
    """A connector that resolves by this resolver only, with its TTLs, and connects only to what its policy allows.

    `options` are those of `aiohttp.TCPConnector`, `use_dns_cache=False` unless it is given. Requests through a proxy
    connect to the proxy, which looks names up itself: no policy sees those. The resolver stays yours to close.
    """
    adapter = resolver if isinstance(resolver, AiohttpResolver) else AiohttpResolver(resolver)
    options.setdefault("use_dns_cache", False)
    if not HAS_SOCKET_FACTORY:
        return _GuardedConnector(adapter, **options)
    factory: SocketFactory | None = options.pop("socket_factory", None)

    def guarded(addr_info: AddrInfo) -> socket.socket:
        adapter.check(addr_info[4][0])
        family, type_, proto, _, _ = addr_info
        return socket.socket(family, type_, proto) if factory is None else factory(addr_info)

    return TCPConnector(resolver=adapter, socket_factory=guarded, **options)


class _GuardedConnector(TCPConnector):
    """For aiohttp before 3.12, which has no socket_factory: its own list of addresses is looked at instead."""

    def __init__(self, adapter: AiohttpResolver, **options: Any) -> None:
        super().__init__(resolver=adapter, **options)
        self._adapter = adapter

    async def _resolve_host(self, host: str, port: int, traces: Any = None) -> list[ResolveResult]:
        hosts = await super()._resolve_host(host, port, traces=traces)
        for found in hosts:
            # What is no address in the usual form (`2130706433`) is one to the operating system, and forbidden here.
            self._adapter.check(parse_literal(found["host"]) or found["host"])
        return hosts
