"""The event loop: `with installed(resolver):` makes its getaddrinfo and getnameinfo ours, and so whatever asks through it.

It is the loop that is changed, for as long as the block runs, and nothing else: no module, no policy, no other loop.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
import warnings
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from aioresolver.errors import UsageError
from aioresolver.resolver import Resolver
from aioresolver.system.literal import parse_literal

__all__ = ["LoopBypassWarning", "installed", "loop_factory"]

AddrInfo = tuple[Any, ...]

LOOKUPS = ("getaddrinfo", "getnameinfo")
CONNECTIONS = ("create_connection", "create_datagram_endpoint", "create_server")
_MISSING = object()

# Whether a lookup of ours is under way: a backend that connects to its server by name must not wait for itself.
_looking_up: ContextVar[bool] = ContextVar("looking_up", default=False)


class LoopBypassWarning(RuntimeWarning):
    """Some methods of the event loop resolve hosts by themselves, and so not with the resolver that was installed."""


@contextmanager
def installed(
    resolver: Resolver, loop: asyncio.AbstractEventLoop | None = None, *, connections: bool = False
) -> Iterator[None]:
    """Have `loop` (None: the running one) resolve with `resolver` while the block runs, and then as before.

    asyncio's own loops resolve through `getaddrinfo` whenever they are given a host: `open_connection`, `start_server`,
    datagram endpoints, and with them asyncpg, redis, aiosmtplib, websockets and most others. Addresses never pass
    through it, so it is no guard against them. Other loops, uvloop above all, resolve in some methods by themselves: a
    LoopBypassWarning says so. Then connect with `resolver.open_connection`, or give `connections=True`, which
    replaces these methods too; they try the addresses one after the other.

    Blocks may be nested, and may overlap: the last one that was entered counts. The resolver stays the caller's to
    close. Raises UsageError for a loop that cannot be changed.
    """
    loop = asyncio.get_running_loop() if loop is None else loop
    hook = _enter(loop, resolver, connections=connections, stacklevel=4)
    try:
        yield
    finally:
        hook.leave(resolver)


def loop_factory(
    make_resolver: Callable[[], Resolver] = Resolver,
    *,
    new_loop: Callable[[], asyncio.AbstractEventLoop] = asyncio.new_event_loop,
    connections: bool = False,
) -> Callable[[], asyncio.AbstractEventLoop]:
    """A maker of event loops that resolve with a resolver of their own: `asyncio.Runner(loop_factory=loop_factory())`.

    `make_resolver` makes the resolver of each loop, which is closed with it; `new_loop` makes the loop
    (`uvloop.new_event_loop`). `connections` is as for `installed`.
    """

    def make() -> asyncio.AbstractEventLoop:
        loop = new_loop()
        try:
            resolver = make_resolver()
            hook = _enter(loop, resolver, connections=connections, stacklevel=3)
        except BaseException:
            loop.close()
            raise
        close = loop.close

        def close_both() -> None:
            if loop.is_running() or loop.is_closed():
                close()  # which says that it cannot, or does nothing
                return
            try:
                _close(loop, resolver)
            finally:
                hook.leave(resolver)
                vars(loop).pop("close", None)
                close()

        _assign(loop, "close", close_both)
        return loop

    return make


class _Hook:
    """What stands in for methods of one loop: the resolvers that are installed, and what was there before."""

    __slots__ = ("_before", "_loop", "_put", "_resolvers")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._resolvers: list[Resolver] = []
        self._before: dict[str, Any] = {}
        self._put: dict[str, Any] = {}

    def enter(self, resolver: Resolver, names: Iterable[str]) -> None:
        for name in names:
            if name not in self._put:
                self._before[name] = vars(self._loop).get(name, _MISSING), getattr(self._loop, name)
                self._put[name] = getattr(self, name)
                _assign(self._loop, name, self._put[name])
        self._resolvers.append(resolver)

    def leave(self, resolver: Resolver) -> None:
        """Forget the resolver; with the last one everything becomes as it was, but for what others put on top."""
        for index in reversed(range(len(self._resolvers))):
            if self._resolvers[index] is resolver:
                del self._resolvers[index]
                break
        if self._resolvers:
            return
        for name, put in list(self._put.items()):
            if vars(self._loop).get(name) is not put:
                continue  # another's is on top, and may still call ours
            own, _ = self._before.pop(name)
            del self._put[name]
            if own is _MISSING:
                delattr(self._loop, name)
            else:
                _assign(self._loop, name, own)

    # ---- what takes the place of the loop's methods

    async def getaddrinfo(
        self,
        host: str | bytes | None,
        port: str | bytes | int | None,
        *,
        family: int = 0,
        type: int = 0,
        proto: int = 0,
        flags: int = 0,
    ) -> list[AddrInfo]:
        options = {"family": family, "type": type, "proto": proto, "flags": flags}
        if not self._resolvers or _looking_up.get():
            found: list[AddrInfo] = await self._original("getaddrinfo")(host, port, **options)
            return found
        before = _looking_up.set(True)
        try:
            return await self._resolvers[-1].getaddrinfo(host, port, **options)
        finally:
            _looking_up.reset(before)

    async def getnameinfo(self, sockaddr: tuple[Any, ...], flags: int = 0) -> tuple[str, str]:
        if not self._resolvers or _looking_up.get():
            found: tuple[str, str] = await self._original("getnameinfo")(sockaddr, flags)
            return found
        before = _looking_up.set(True)
        try:
            return await self._resolvers[-1].getnameinfo(sockaddr, flags)
        finally:
            _looking_up.reset(before)

    async def create_connection(
        self, protocol_factory: Callable[[], Any], host: str | None = None, port: int | None = None, **options: Any
    ) -> Any:
        connect = self._original("create_connection")
        if not self._resolves(host):
            return await connect(protocol_factory, host, port, **options)
        wanted = {name: options.get(name, 0) for name in ("family", "proto", "flags")}
        infos = await self.getaddrinfo(host, port, type=socket.SOCK_STREAM, **wanted)
        if options.get("ssl") and options.get("server_hostname") is None:
            options["server_hostname"] = host
        errors: list[OSError] = []
        for info in infos:
            address, to_port = await self._literal(info)
            try:
                return await connect(protocol_factory, address, to_port, **options)
            except ssl.SSLError:  # somebody is there
                raise
            except OSError as error:
                errors.append(error)
        if len(errors) == 1:
            raise errors[0]
        raise OSError(errors[0].errno, f"no address of {host} could be connected to: {'; '.join(map(str, errors))}")

    async def create_datagram_endpoint(
        self,
        protocol_factory: Callable[[], Any],
        local_addr: tuple[str, int] | None = None,
        remote_addr: tuple[str, int] | None = None,
        **options: Any,
    ) -> Any:
        wanted = {"type": socket.SOCK_DGRAM, **{name: options.get(name, 0) for name in ("family", "proto", "flags")}}
        ends = []
        for end in (local_addr, remote_addr):
            if isinstance(end, tuple) and self._resolves(end[0]):
                infos = await self.getaddrinfo(*end[:2], **wanted)
                ends.append(await self._literal(infos[0]))
                wanted["family"] = infos[0][0]
            else:
                ends.append(end)  # type: ignore[arg-type] # None is one too
        return await self._original("create_datagram_endpoint")(protocol_factory, *ends, **options)

    async def create_server(
        self,
        protocol_factory: Callable[[], Any],
        host: str | Iterable[str] | None = None,
        port: int | None = None,
        **options: Any,
    ) -> Any:
        hosts = [host] if isinstance(host, str) or host is None else list(host)
        if not any(map(self._resolves, hosts)):
            return await self._original("create_server")(protocol_factory, host, port, **options)
        family, flags = options.get("family", 0), options.get("flags", socket.AI_PASSIVE)
        addresses: dict[Any, None] = {}
        for each in hosts:
            infos = await self.getaddrinfo(each, port, family=family, type=socket.SOCK_STREAM, flags=flags)
            for info in infos:
                addresses[(await self._literal(info))[0]] = None
        return await self._original("create_server")(protocol_factory, list(addresses), port, **options)

    def _original(self, name: str) -> Callable[..., Any]:
        method: Callable[..., Any] = self._before[name][1]
        return method

    def _resolves(self, host: object) -> bool:
        """Whether this host is a name that is ours to resolve."""
        return bool(self._resolvers) and isinstance(host, str) and host != "" and parse_literal(host) is None

    async def _literal(self, info: AddrInfo) -> tuple[str, int]:
        """The address and the port of a socket address; a scope is part of the address."""
        address, port, *more = info[4]
        if len(more) > 1 and more[1]:
            numeric = socket.NI_NUMERICHOST | socket.NI_NUMERICSERV
            address, _ = await self._resolvers[-1].getnameinfo(info[4], numeric)
        return address, port


def _enter(loop: asyncio.AbstractEventLoop, resolver: Resolver, *, connections: bool, stacklevel: int) -> _Hook:
    """Install the resolver, and say what it will not be asked for."""
    hook = getattr(getattr(loop, "getaddrinfo", None), "__self__", None)
    if not isinstance(hook, _Hook):
        hook = _Hook(loop)
    whole = isinstance(loop, asyncio.BaseEventLoop)  # its other methods resolve through these two
    if not whole and not connections:
        kind = f"{type(loop).__module__}.{type(loop).__qualname__}"
        warnings.warn(
            f"{kind} resolves hosts by itself in {', '.join(CONNECTIONS)}, not with the resolver installed here: "
            "connect with resolver.open_connection() or resolver.create_connection(), or give connections=True",
            LoopBypassWarning,
            stacklevel=stacklevel,
        )
    hook.enter(resolver, LOOKUPS if whole or not connections else LOOKUPS + CONNECTIONS)
    return hook


def _close(loop: asyncio.AbstractEventLoop, resolver: Resolver) -> None:
    """Run the loop until the resolver is closed; in a thread where another loop is running in this one."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        loop.run_until_complete(resolver.aclose())
    else:
        with ThreadPoolExecutor(1) as pool:
            pool.submit(lambda: loop.run_until_complete(resolver.aclose())).result()


def _assign(loop: asyncio.AbstractEventLoop, name: str, value: Any) -> None:
    try:
        setattr(loop, name, value)
    except AttributeError:
        raise UsageError(f"the methods of {type(loop).__qualname__} cannot be replaced on the loop itself") from None
