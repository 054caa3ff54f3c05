"""httpcore2: `AsyncConnectionPool(network_backend=Httpcore2Backend(resolver))`."""

from __future__ import annotations

from collections.abc import Iterable

from aioresolver.adapters.dial import dial
from aioresolver.connect import ATTEMPT_DELAY
from aioresolver.resolver import Resolver

try:
    import anyio
    import httpcore2
    from httpcore2 import AnyIOBackend
except ImportError as _error:
    raise type(_error)(
        'aioresolver.adapters.httpcore2 needs httpcore2 with anyio: pip install "aioresolver[httpx2]"', name=_error.name
    ) from _error

__all__ = ["Httpcore2Backend"]


class Httpcore2Backend(AnyIOBackend):
    """Our Resolver as httpcore2's network backend: every host it connects to, literal or name, goes through it.

    The addresses are raced as RFC 8305 has it, the next one `happy_eyeballs_delay` seconds after the last. The pool's
    connect timeout is for the lookup and the connection together. Names and TLS stay as they are in the URL: it is
    only the address that is chosen here. The resolver stays yours to close.

    A lookup that fails is a `httpcore2.ConnectError`, or a `ConnectTimeout`, with our error as its `__cause__`.
    """

    def __init__(self, resolver: Resolver, *, happy_eyeballs_delay: float | None = ATTEMPT_DELAY) -> None:
        self._resolver = resolver
        self._delay = happy_eyeballs_delay

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - as the class above has it
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        """A connection to one of the host's addresses."""
        options = tuple(socket_options or ())
        connect_tcp = super().connect_tcp

        async def connect(address: str, to_port: int) -> httpcore2.AsyncNetworkStream:
            return await connect_tcp(address, to_port, None, local_address, options)

        try:
            with anyio.fail_after(timeout):
                return await dial(self._resolver, host, port, connect, delay=self._delay)
        except TimeoutError as error:
            reason = str(error) or f"no connection to {host} port {port} within {timeout} s"
            raise httpcore2.ConnectTimeout(reason) from error
        except (OSError, ValueError) as error:
            raise httpcore2.ConnectError(str(error)) from error
