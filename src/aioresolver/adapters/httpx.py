"""httpx: `AsyncClient(transport=HttpxTransport(resolver))`."""

from __future__ import annotations

from types import TracebackType
from typing import Any

try:
    import httpx
except ImportError as _error:
    raise type(_error)(
        'aioresolver.adapters.httpx needs httpx 0.27 or newer: pip install "aioresolver[httpx]"', name=_error.name
    ) from _error

from aioresolver.adapters.httpcore import HttpcoreBackend
from aioresolver.connect import ATTEMPT_DELAY
from aioresolver.resolver import Resolver

__all__ = ["HttpxTransport"]


class HttpxTransport(httpx.AsyncHTTPTransport):
    """httpx's own transport, which asks our Resolver where to connect to; asyncio only.

    Give it a Resolver to share between clients, which stays yours to close; without one it makes its own and closes
    that. `options` are those of `httpx.AsyncHTTPTransport`: verify, http2, limits, proxy, retries …

    The Host header, SNI and the certificate stay those of the URL. The address policy is asked about every host that
    is connected to, names and literals, and so about each redirect. Errors are httpx's: a lookup that fails is a
    `ConnectError` or a `ConnectTimeout` with our words, and `error.__cause__.__context__` is our error.

    A client that is given a transport takes no proxies from the environment. Behind a proxy (`proxy=`, or `mounts=` of
    the client) it is the proxy that looks names up: only its own name comes here, and no policy sees the others.
    """

    def __init__(
        self, resolver: Resolver | None = None, *, happy_eyeballs_delay: float | None = ATTEMPT_DELAY, **options: Any
    ) -> None:
        self._owned = resolver is None
        self._resolver = Resolver(rotate=True) if resolver is None else resolver
        super().__init__(**options)
        pool: Any = self._pool
        # There is no public way to it, and without it the policy would be passed by.
        if not hasattr(pool, "_network_backend"):
            raise ImportError(
                f'httpx {httpx.__version__} is built otherwise than this aioresolver knows: pip install "aioresolver[httpx]"',
                name="httpx",
            )
        pool._network_backend = HttpcoreBackend(self._resolver, happy_eyeballs_delay=happy_eyeballs_delay)

    async def aclose(self) -> None:
        """Close the connections, and the resolver if it was made here."""
        await super().aclose()
        await self._close_resolver()

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None = None,
        exc_value: BaseException | None = None,
        traceback: TracebackType | None = None,
    ) -> None:
        await super().__aexit__(exc_type, exc_value, traceback)
        await self._close_resolver()

    async def _close_resolver(self) -> None:
        if self._owned:
            await self._resolver.aclose()
