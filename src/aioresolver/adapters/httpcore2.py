"""httpcore2: `AsyncConnectionPool(network_backend=Httpcore2Backend(resolver))`."""

from __future__ import annotations

try:
    import anyio  # noqa: F401 - what AnyIOBackend cannot do without
    import httpcore2
    from httpcore2 import AnyIOBackend
except ImportError as _error:
    raise type(_error)(
        'aioresolver.adapters.httpcore2 needs httpcore2 with anyio: pip install "aioresolver[httpx2]"', name=_error.name
    ) from _error

from aioresolver.adapters.httpx_family import RacingBackend

__all__ = ["Httpcore2Backend"]


class Httpcore2Backend(RacingBackend[httpcore2.AsyncNetworkStream], AnyIOBackend):
    """Our Resolver as httpcore2's network backend: every host it connects to, literal or name, goes through it.

    The addresses are raced as RFC 8305 has it, the next one `happy_eyeballs_delay` seconds after the last. The pool's
    connect timeout is for the lookup and the connection together. Names and TLS stay as they are in the URL: it is
    only the address that is chosen here. The resolver stays yours to close.

    A lookup that fails is a `httpcore2.ConnectError`, or a `ConnectTimeout`, with our error as its `__cause__`.
    """

    _library = httpcore2
