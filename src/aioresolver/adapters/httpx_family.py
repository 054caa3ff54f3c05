"""What the adapters of httpx and httpx2 have in common, and those of httpcore and httpcore2: all but the library."""

from __future__ import annotations

from collections.abc import Iterable
from types import ModuleType, TracebackType
from typing import Any, Generic, Protocol

import anyio

from aioresolver.adapters.dial import S, dial
from aioresolver.connect import ATTEMPT_DELAY
from aioresolver.resolver import Resolver

__all__ = ["BackendFactory", "RacingBackend", "ResolvingTransport", "SocketOption"]

SocketOption = tuple[int, int, int] | tuple[int, int, bytes | bytearray] | tuple[int, int, None, int]


class BackendFactory(Protocol):
    """What makes a network backend of a Resolver."""

    def __call__(self, resolver: Resolver, *, happy_eyeballs_delay: float | None) -> object:
        """A backend that asks this resolver."""


class RacingBackend(Generic[S]):
    """The front half of a network backend; the library's `AnyIOBackend` is the base class after it."""

    _library: ModuleType

    def __init__(self, resolver: Resolver, *, happy_eyeballs_delay: float | None = ATTEMPT_DELAY) -> None:
        self._resolver = resolver
        self._delay = happy_eyeballs_delay

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - as the library has it
        local_address: str | None = None,
        socket_options: Iterable[SocketOption] | None = None,
    ) -> S:
        """A connection to one of the host's addresses."""
        options = tuple(socket_options or ())
        plain: Any = super()

        async def connect(address: str, to_port: int) -> S:
            stream: S = await plain.connect_tcp(address, to_port, None, local_address, options)
            return stream

        try:
            with anyio.fail_after(timeout):
                return await dial(self._resolver, host, port, connect, delay=self._delay)
        except TimeoutError as error:
            reason = str(error) or f"no connection to {host} port {port} within {timeout} s"
            raise self._library.ConnectTimeout(reason) from error
        except (OSError, ValueError) as error:
            raise self._library.ConnectError(str(error)) from error


class ResolvingTransport:
    """The front half of a transport; the library's `AsyncHTTPTransport` is the base class after it."""

    _library: ModuleType
    _backend: BackendFactory

    def __init__(
        self, resolver: Resolver | None = None, *, happy_eyeballs_delay: float | None = ATTEMPT_DELAY, **options: Any
    ) -> None:
        self._owned = resolver is None
        self._resolver = Resolver(rotate=True) if resolver is None else resolver
        super().__init__(**options)
        pool: Any = getattr(self, "_pool", None)
        # There is no public way to it, and without it the policy would be passed by.
        if not hasattr(pool, "_network_backend"):
            name = self._library.__name__
            raise ImportError(
                f"{name} {self._library.__version__} is built otherwise than this aioresolver knows: "
                f'pip install "aioresolver[{name}]"',
                name=name,
            )
        pool._network_backend = self._backend(self._resolver, happy_eyeballs_delay=happy_eyeballs_delay)

    async def aclose(self) -> None:
        """Close the connections, and the resolver if it was made here."""
        plain: Any = super()
        await plain.aclose()
        await self._close_resolver()

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None = None,
        exc_value: BaseException | None = None,
        traceback: TracebackType | None = None,
    ) -> None:
        plain: Any = super()
        await plain.__aexit__(exc_type, exc_value, traceback)
        await self._close_resolver()

    async def _close_resolver(self) -> None:
        if self._owned:
            await self._resolver.aclose()
