"""aiohttp: `TCPConnector(resolver=AiohttpResolver(), use_dns_cache=False)`."""

from __future__ import annotations

import socket

from aiohttp.abc import AbstractResolver, ResolveResult

from aioresolver.errors import NameNotFound, NameSyntaxError, UsageError
from aioresolver.resolver import Resolver

__all__ = ["AiohttpResolver"]


class AiohttpResolver(AbstractResolver):
    """Our Resolver as aiohttp's.

    Give it a Resolver to share between sessions, which stays yours to close; without one it makes its own and closes
    that. With `use_dns_cache=False` the connector keeps the records' TTLs instead of its own ten seconds.

    Every failure is a `socket.gaierror`, which aiohttp shows as `ClientConnectorDNSError` with our error as its
    `os_error`.
    """

    def __init__(self, resolver: Resolver | None = None) -> None:
        self._owned = resolver is None
        self._resolver = Resolver(rotate=True) if resolver is None else resolver
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

    async def close(self) -> None:
        """Close the resolver if it was made here. May be called twice."""
        self._closed = True
        if self._owned:
            await self._resolver.aclose()
