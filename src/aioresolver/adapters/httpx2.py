"""httpx2: `AsyncClient(transport=Httpx2Transport(resolver))`."""

from __future__ import annotations

try:
    import httpx2
except ImportError as _error:
    raise type(_error)(
        'aioresolver.adapters.httpx2 needs httpx2 2.0 or newer: pip install "aioresolver[httpx2]"', name=_error.name
    ) from _error

from aioresolver.adapters.httpcore2 import Httpcore2Backend
from aioresolver.adapters.httpx_family import ResolvingTransport

__all__ = ["Httpx2Transport"]


class Httpx2Transport(ResolvingTransport, httpx2.AsyncHTTPTransport):
    """httpx2's own transport, which asks our Resolver where to connect to; asyncio only.

    Give it a Resolver to share between clients, which stays yours to close; without one it makes its own and closes
    that. `options` are those of `httpx2.AsyncHTTPTransport`: verify, http2, limits, proxy, retries …

    The Host header, SNI and the certificate stay those of the URL. The address policy is asked about every host that
    is connected to, names and literals, and so about each redirect. Errors are httpx2's: a lookup that fails is a
    `ConnectError` or a `ConnectTimeout` with our words, and `error.__cause__.__context__` is our error.

    A client that is given a transport takes no proxies from the environment. Behind a proxy (`proxy=`, or `mounts=` of
    the client) it is the proxy that looks names up: only its own name comes here, and no policy sees the others.
    """

    _library = httpx2
    _backend = Httpcore2Backend
