"""httpx: `AsyncClient(transport=HttpxTransport(resolver))`."""

from __future__ import annotations

try:
    import httpx
except ImportError as _error:
    raise type(_error)(
        'aioresolver.adapters.httpx needs httpx 0.27 or newer: pip install "aioresolver[httpx]"', name=_error.name
    ) from _error

from aioresolver.adapters.httpcore import HttpcoreBackend
from aioresolver.adapters.httpx_family import ResolvingTransport

__all__ = ["HttpxTransport"]


class HttpxTransport(ResolvingTransport, httpx.AsyncHTTPTransport):
    """httpx's own transport, which asks our Resolver where to connect to; asyncio only.

    Give it a Resolver to share between clients, which stays yours to close; without one it makes its own and closes
    that. `options` are those of `httpx.AsyncHTTPTransport`: verify, http2, limits, proxy, retries …

    The Host header, SNI and the certificate stay those of the URL. The address policy is asked about every host that
    is connected to, names and literals, and so about each redirect. Errors are httpx's: a lookup that fails is a
    `ConnectError` or a `ConnectTimeout` with our words, and `error.__cause__.__context__` is our error.

    A client that is given a transport takes no proxies from the environment. Behind a proxy (`proxy=`, or `mounts=` of
    the client) it is the proxy that looks names up: only its own name comes here, and no policy sees the others.
    """

    _library = httpx
    _backend = HttpcoreBackend
