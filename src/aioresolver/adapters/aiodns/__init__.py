"""aiodns: `import aioresolver.adapters.aiodns as aiodns` is the whole migration; the wire client is ours."""

from __future__ import annotations

import asyncio
import socket
import warnings
from collections.abc import Callable, Coroutine, Iterable, Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any, Literal, TypeVar, overload

from aioresolver.adapters.aiodns import compat, error
from aioresolver.adapters.aiodns.channel import Channel, close_soon
from aioresolver.adapters.aiodns.compat import (
    AresHostResult,
    AresQueryAAAAResult,
    AresQueryAResult,
    AresQueryCAAResult,
    AresQueryCNAMEResult,
    AresQueryMXResult,
    AresQueryNAPTRResult,
    AresQueryNSResult,
    AresQueryPTRResult,
    AresQuerySOAResult,
    AresQuerySRVResult,
    AresQueryTXTResult,
    convert_result,
)
from aioresolver.adapters.aiodns.results import (
    AddrInfoNode,
    AddrInfoResult,
    DNSResult,
    HostResult,
    NameInfoResult,
    cares_name,
    cname_records,
    read_answer,
)
from aioresolver.errors import NameSyntaxError, UsageError
from aioresolver.resolver import Resolver
from aioresolver.system.literal import parse_literal
from aioresolver.wire.codes import Rcode, RRClass, RRType
from aioresolver.wire.message import Question
from aioresolver.wire.names import Name

__all__ = [
    "AresHostResult",
    "AresQueryAAAAResult",
    "AresQueryAResult",
    "AresQueryCAAResult",
    "AresQueryCNAMEResult",
    "AresQueryMXResult",
    "AresQueryNAPTRResult",
    "AresQueryNSResult",
    "AresQueryPTRResult",
    "AresQuerySOAResult",
    "AresQuerySRVResult",
    "AresQueryTXTResult",
    "DNSResolver",
    "compat",
    "error",
    "query_class_map",
    "query_type_map",
]

T = TypeVar("T")

query_type_map: dict[str, int] = {
    name: int(RRType.parse(name))
    for name in (
        *("A", "AAAA", "ANY", "CAA", "CNAME", "MX", "NAPTR", "NS", "PTR", "SOA", "SRV", "TXT"),
        *("HTTPS", "TLSA", "URI"),  # pycares has them, aiodns 4.0 does not let them be asked
    )
}
query_class_map: dict[str, int] = {"IN": 1, "CHAOS": 3, "HS": 4, "NONE": 254, "ANY": 255}

# How c-ares numbers the flags of getnameinfo; socket's numbers differ.
LOOKUP_HOST, LOOKUP_SERVICE = 0x100, 0x200
CARES_NI_FLAGS = {
    0x1: int(socket.NI_NOFQDN),
    0x2: int(socket.NI_NUMERICHOST),
    0x4: int(socket.NI_NAMEREQD),
    0x8: int(socket.NI_NUMERICSERV),
    0x10: int(socket.NI_DGRAM),
}
# Who answers without DNS, as the `server` of an Answer.
LOCAL = ("hosts", "special", "literal")
FAMILY_TYPES = {int(socket.AF_INET): (RRType.A,), int(socket.AF_INET6): (RRType.AAAA,)}


class DNSResolver:
    """aiodns' DNSResolver over a Resolver of ours: the same methods, arguments, results and error codes.

    Results come as futures of the loop, and failures as `error.DNSError`, with our own error as its cause. `kwargs` are
    those of `aiodns.DNSResolver` (timeout, tries, flags, domains, udp_port …): see Channel. Unlike with aiodns nothing
    is made before the first lookup, answers are kept for their TTL and asked for once however many want them, and
    `flags` of `getaddrinfo` mean what they mean in the socket module.

    Raises ValueError for settings that cannot be had.
    """

    def __init__(
        self, nameservers: Sequence[str] | None = None, loop: asyncio.AbstractEventLoop | None = None, **kwargs: Any
    ) -> None:
        self._closed = True
        self._resolver: Resolver | None = None
        self.loop: asyncio.AbstractEventLoop = loop or asyncio.get_event_loop()
        self._channel = Channel(**kwargs)
        self._pending: dict[asyncio.Future[Any], asyncio.Task[None]] = {}
        self._closing: set[asyncio.Task[None]] = set()
        if nameservers:
            self._channel.nameservers = self._channel.parse(nameservers)
        self._closed = False

    @property
    def nameservers(self) -> Sequence[str]:
        """Whom it asks, without the ports, as aiodns has it."""
        self._check_open()
        return [f"[{each.address}]" if ":" in each.address else each.address for each in self._channel.nameservers]

    @nameservers.setter
    def nameservers(self, value: Iterable[str | bytes]) -> None:
        self._check_open()
        self._channel.nameservers = self._channel.parse(value)
        self._retire(*self._pending.values())

    @overload
    def query(
        self, host: str, qtype: Literal["A"], qclass: str | None = ...
    ) -> asyncio.Future[list[AresQueryAResult]]: ...
    @overload
    def query(
        self, host: str, qtype: Literal["AAAA"], qclass: str | None = ...
    ) -> asyncio.Future[list[AresQueryAAAAResult]]: ...
    @overload
    def query(
        self, host: str, qtype: Literal["CAA"], qclass: str | None = ...
    ) -> asyncio.Future[list[AresQueryCAAResult]]: ...
    @overload
    def query(
        self, host: str, qtype: Literal["CNAME"], qclass: str | None = ...
    ) -> asyncio.Future[AresQueryCNAMEResult]: ...
    @overload
    def query(
        self, host: str, qtype: Literal["MX"], qclass: str | None = ...
    ) -> asyncio.Future[list[AresQueryMXResult]]: ...
    @overload
    def query(
        self, host: str, qtype: Literal["NAPTR"], qclass: str | None = ...
    ) -> asyncio.Future[list[AresQueryNAPTRResult]]: ...
    @overload
    def query(
        self, host: str, qtype: Literal["NS"], qclass: str | None = ...
    ) -> asyncio.Future[list[AresQueryNSResult]]: ...
    @overload
    def query(
        self, host: str, qtype: Literal["PTR"], qclass: str | None = ...
    ) -> asyncio.Future[AresQueryPTRResult]: ...
    @overload
    def query(
        self, host: str, qtype: Literal["SOA"], qclass: str | None = ...
    ) -> asyncio.Future[AresQuerySOAResult]: ...
    @overload
    def query(
        self, host: str, qtype: Literal["SRV"], qclass: str | None = ...
    ) -> asyncio.Future[list[AresQuerySRVResult]]: ...
    @overload
    def query(
        self, host: str, qtype: Literal["TXT"], qclass: str | None = ...
    ) -> asyncio.Future[list[AresQueryTXTResult]]: ...
    @overload
    def query(self, host: str, qtype: str, qclass: str | None = ...) -> asyncio.Future[Any]: ...
    def query(self, host: str, qtype: str, qclass: str | None = None) -> asyncio.Future[Any]:
        """Ask for records, in aiodns' older result types. Deprecated there: use `query_dns`.

        Raises ValueError for a type or a class that is none.
        """
        warnings.warn("query() is deprecated: use query_dns()", DeprecationWarning, stacklevel=2)
        number, class_ = _type_and_class(qtype, qclass)

        async def look_up() -> Any:
            return convert_result(await self._query(host, number, class_), number)

        return self._start(look_up)

    def query_dns(self, host: str, qtype: str, qclass: str | None = None) -> asyncio.Future[DNSResult]:
        """Ask for records. Raises ValueError for a type or a class that is none."""
        number, class_ = _type_and_class(qtype, qclass)
        return self._start(lambda: self._query(host, number, class_))

    def gethostbyname(self, host: str, family: socket.AddressFamily) -> asyncio.Future[AresHostResult]:
        """The addresses of a host. Deprecated in aiodns: use `getaddrinfo`."""
        warnings.warn("gethostbyname() is deprecated: use getaddrinfo()", DeprecationWarning, stacklevel=2)

        async def look_up() -> AresHostResult:
            found = await self._addrinfo(host, None, family=family)
            addresses = [node.addr[0].decode() for node in found.nodes]
            return AresHostResult(found.cnames[0].name if found.cnames else host, [], addresses)

        return self._start(look_up)

    def getaddrinfo(  # noqa: PLR0917 - as in aiodns
        self,
        host: str,
        family: socket.AddressFamily = socket.AF_UNSPEC,
        port: int | None = None,
        proto: int = 0,
        type: int = 0,
        flags: int = 0,
    ) -> asyncio.Future[AddrInfoResult]:
        """The addresses of a host, hosts file and search list included; `flags` are the socket module's `AI_*`."""
        return self._start(lambda: self._addrinfo(host, port, family=family, type=type, proto=proto, flags=flags))

    def getnameinfo(
        self, sockaddr: tuple[str, int] | tuple[str, int, int, int], flags: int = 0
    ) -> asyncio.Future[NameInfoResult]:
        """The name of an address; the service only with `ARES_NI_LOOKUPSERVICE`, as aiodns has it.

        With that flag or `ARES_NI_LOOKUPHOST` the others are pycares' `ARES_NI_*`, else the socket module's `NI_*`.
        Raises ValueError for what is no address.
        """
        _check_address(sockaddr[0])
        lookups = flags & (LOOKUP_HOST | LOOKUP_SERVICE)
        own = sum(ours for theirs, ours in CARES_NI_FLAGS.items() if flags & theirs) if lookups else flags

        async def look_up() -> NameInfoResult:
            node, service = await self._open().getnameinfo(sockaddr, own)
            return NameInfoResult(node.removesuffix("."), service if flags & LOOKUP_SERVICE else None)

        return self._start(look_up)

    def gethostbyaddr(self, name: str) -> asyncio.Future[HostResult]:
        """The names of an address, hosts file included. Raises ValueError when `name` is no address."""
        _check_address(name)

        async def look_up() -> HostResult:
            answer = await self._open().query(name, RRType.PTR)
            if not answer:
                raise error.DNSError(error.ARES_ENOTFOUND, "this address has no name")
            names = [cares_name(data.target) for data in answer]
            if answer.server in LOCAL:
                return HostResult(names[0], names[1:], [name])
            return HostResult(names[-1], names, [name])  # c-ares takes the last one for the name, and lists it too

        return self._start(look_up)

    def cancel(self) -> None:
        """End every lookup under way: its future fails with ARES_ECANCELLED. Later ones start anew."""
        self._check_open()
        pending, self._pending = self._pending, {}
        for future, task in pending.items():
            if not future.done():
                future.set_exception(error.DNSError(error.ARES_ECANCELLED, "the lookup was cancelled"))
            task.cancel()
        self._retire()

    async def close(self) -> None:
        """Cancel every lookup, and close every socket. May be called twice."""
        if not self._closed:
            self.cancel()
            self._closed = True
        while self._closing:
            await asyncio.wait(self._closing)

    async def __aenter__(self) -> DNSResolver:
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.close()

    def __del__(self) -> None:
        """Who forgets to close it loses nothing while its loop runs, as with aiodns."""
        if not self._closed and self._resolver is not None:
            close_soon(self._resolver, self.loop)

    # ---- lookups

    async def _query(self, host: str, number: int, class_: RRClass) -> DNSResult:
        resolver, rrtype = self._open(), RRType(number)
        if class_ == RRClass.IN:
            answer = await resolver.query(host or ".", rrtype)
        else:  # what Resolver has no word for
            deadline = self.loop.time() + self._channel.timeout
            answer = await resolver.backend.query(Question(Name.parse(host), rrtype, class_), deadline)
        if answer.rcode == Rcode.NXDOMAIN:
            raise error.DNSError(error.ARES_ENOTFOUND, f"{host}: no such name")
        if not answer.message.answer:
            raise error.DNSError(error.ARES_ENODATA, f"{host}: no such records")
        return read_answer(answer)

    async def _addrinfo(
        self, host: str, port: int | None, *, family: int, type: int = 0, proto: int = 0, flags: int = 0
    ) -> AddrInfoResult:
        literal = parse_literal(host)
        if literal is None:  # getaddrinfo has no error of its own for what cannot be a name
            if not host:
                raise NameSyntaxError("the host is empty")
            Name.parse(host)
        resolver = self._open()
        infos = await resolver.getaddrinfo(host, port, family=family, type=type, flags=flags | socket.AI_CANONNAME)
        canonical = infos[0][3]
        sockaddrs = list(dict.fromkeys(info[4] for info in infos))
        replies = [] if literal else self._replies(resolver, host, canonical, family)
        ttls = {data.data.addr: data.ttl for reply in replies for data in reply.answer if hasattr(data.data, "addr")}
        nodes = [
            AddrInfoNode(
                ttls.get(sockaddr[0], 0),
                0,
                socket.AF_INET6 if ":" in sockaddr[0] else socket.AF_INET,
                int(type),
                int(proto),
                (sockaddr[0].encode(), *sockaddr[1:]),
            )
            for sockaddr in sockaddrs
        ]
        return AddrInfoResult([cname for reply in replies for cname in cname_records(reply)], nodes)

    def _replies(self, resolver: Resolver, host: str, canonical: str, family: int) -> list[DNSResult]:
        """The answers that the addresses came from; none when they came from elsewhere, or were not to be kept."""
        types = FAMILY_TYPES.get(family, (RRType.A, RRType.AAAA))
        for name in (host, *(f"{host}.{domain}" for domain in self._channel.domains or ()), canonical):
            answers = [answer for rrtype in types if (answer := resolver.peek(name, rrtype)) is not None]
            if any(answers):
                return [read_answer(answer) for answer in answers if answer.server not in LOCAL]
        return []

    # ---- futures

    def _start(self, look_up: Callable[[], Coroutine[Any, Any, T]]) -> asyncio.Future[T]:
        """The future of a lookup; it can be started while the loop does not run yet."""
        self._check_open()
        future: asyncio.Future[T] = self.loop.create_future()
        task = self._pending[future] = self.loop.create_task(_run(look_up, future))

        def ended(_: object) -> None:
            self._pending.pop(future, None)
            task.cancel()

        future.add_done_callback(ended)
        return future

    def _check_open(self) -> None:
        if self._closed:
            raise UsageError("this DNSResolver is closed")

    def _open(self) -> Resolver:
        if self._resolver is None:
            self._resolver = self._channel.open()
        return self._resolver

    def _retire(self, *lookups: asyncio.Task[None]) -> None:
        """Close the resolver as soon as these lookups have ended; the next lookup makes another."""
        resolver, self._resolver = self._resolver, None
        if resolver is None or self.loop.is_closed():
            return

        async def close() -> None:
            if lookups:
                await asyncio.wait(lookups)
            await resolver.aclose()

        task = self.loop.create_task(close())
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)


async def _run(look_up: Callable[[], Coroutine[Any, Any, T]], future: asyncio.Future[T]) -> None:
    """Have the future end as the lookup does."""
    try:
        result = await look_up()
    except Exception as failure:  # noqa: BLE001 - whatever it is, it is for whoever waits
        if not future.done():
            future.set_exception(error.translated(failure))
    else:
        if not future.done():
            future.set_result(result)


def _type_and_class(qtype: str, qclass: str | None) -> tuple[int, RRClass]:
    if qtype not in query_type_map:
        raise ValueError(f"invalid query type: {qtype}")
    if qclass is not None and qclass not in query_class_map:
        raise ValueError(f"invalid query class: {qclass}")
    return query_type_map[qtype], RRClass(query_class_map[qclass or "IN"])


def _check_address(text: str) -> IPv4Address | IPv6Address:
    try:
        return ip_address(text)
    except ValueError:
        raise ValueError(f"{text!r} is no IP address") from None
