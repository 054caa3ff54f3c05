"""What getaddrinfo does besides looking up names: services, socket types, flags, numeric hosts. As glibc, no DNS."""

from __future__ import annotations

import re
import socket
from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

from aioresolver.errors import NameNotFound, ResolutionError
from aioresolver.system.interfaces import scope_id
from aioresolver.system.literal import ends_in_number, parse_literal

__all__ = ["AddrinfoRequest", "Service", "resolve_service"]

Host = str | bytes | None
Port = str | bytes | int | None
AddrInfo = tuple[int, int, int, str, tuple[Any, ...]]

# Plain numbers: the complement of an IntFlag is not that of its number. Not every platform has them all.
AI_PASSIVE, AI_CANONNAME, AI_NUMERICHOST = int(socket.AI_PASSIVE), int(socket.AI_CANONNAME), int(socket.AI_NUMERICHOST)
AI_V4MAPPED = int(getattr(socket, "AI_V4MAPPED", 0x8))
AI_ALL = int(getattr(socket, "AI_ALL", 0x10))
AI_ADDRCONFIG = int(getattr(socket, "AI_ADDRCONFIG", 0x20))
AI_NUMERICSERV = int(getattr(socket, "AI_NUMERICSERV", 0x400))
# glibc's own (AI_IDN and its kin) are for names that are not ASCII. We always read those: the flags change nothing.
AI_IDN_FLAGS = 0x3C0
KNOWN_FLAGS = (
    AI_PASSIVE | AI_CANONNAME | AI_NUMERICHOST | AI_V4MAPPED | AI_ALL | AI_ADDRCONFIG | AI_NUMERICSERV | AI_IDN_FLAGS
)
EAI_ADDRFAMILY = getattr(socket, "EAI_ADDRFAMILY", socket.EAI_FAMILY)

_match_number = re.compile(r"[ \t-\r]*([+-]?)([0-9]+)").fullmatch


class Service(NamedTuple):
    """A kind of socket, and the port to reach a service by it."""

    type: int
    proto: int
    port: int


class _Kind(NamedTuple):
    """A kind of socket that getaddrinfo knows: `default` when it is listed unasked, RAW takes any protocol."""

    type: int
    proto: int
    name: str
    default: bool = False


SOCK_DCCP, IPPROTO_DCCP, IPPROTO_UDPLITE, IPPROTO_SCTP = 6, 33, 136, 132
SOCK_SEQPACKET = getattr(socket, "SOCK_SEQPACKET", 5)
RAW = _Kind(socket.SOCK_RAW, 0, "raw", default=True)
KINDS = (
    _Kind(socket.SOCK_STREAM, socket.IPPROTO_TCP, "tcp", default=True),
    _Kind(socket.SOCK_DGRAM, socket.IPPROTO_UDP, "udp", default=True),
    _Kind(SOCK_DCCP, IPPROTO_DCCP, "dccp"),
    _Kind(socket.SOCK_DGRAM, IPPROTO_UDPLITE, "udplite"),
    _Kind(socket.SOCK_STREAM, IPPROTO_SCTP, "sctp"),
    _Kind(SOCK_SEQPACKET, IPPROTO_SCTP, "sctp"),
    RAW,
)
_SOCKET_KINDS: dict[int, int] = {int(kind): kind for kind in socket.SocketKind}


class AddrinfoRequest:
    """One call of getaddrinfo: checked when it is made, then filled with the addresses that were found.

    When `literal` is not None no name is to be looked up, and it holds the addresses. Otherwise look up `host` in
    `lookup_family`, and `select` from what was found. Either way sort the addresses, and `build` the result:

        request = AddrinfoRequest(host, port, flags=flags)
        addresses = request.literal
        if addresses is None:
            addresses = request.select(await look_up(request.host, request.lookup_family))
        return request.build(sort(addresses), canonical_name)

    `configured` are the families that this machine has addresses of, for AI_ADDRCONFIG. Raises ResolutionError, a
    `socket.gaierror`, with getaddrinfo's codes; TypeError and OSError for arguments of other types, as the socket
    module does.

    Two differences to glibc are wanted: hosts such as `127.1` or `0x7f000001` are EAI_NONAME, and ports above 65535
    are EAI_SERVICE.
    """

    __slots__ = ("_canonical", "_family", "_flags", "_services", "host", "literal", "lookup_family")

    host: str
    literal: list[str] | None
    lookup_family: int

    def __init__(
        self,
        host: Host,
        port: Port,
        *,
        family: int = 0,
        type: int = 0,
        proto: int = 0,
        flags: int = 0,
        configured: Collection[int] = (socket.AF_INET, socket.AF_INET6),
    ) -> None:
        name, service = _host_text(host), _service_text(port)
        self.host = name or ""
        self._flags = flags
        self._canonical = ""
        if name is None and service is None:
            raise self._error(socket.EAI_NONAME, "neither a host nor a service is given")
        if flags & ~KNOWN_FLAGS or (flags & AI_CANONNAME and name is None):
            raise self._error(socket.EAI_BADFLAGS, f"bad flags {flags:#x}")
        if family not in (socket.AF_UNSPEC, socket.AF_INET, socket.AF_INET6):
            raise self._error(socket.EAI_FAMILY, f"family {family!r} is not supported")
        self._family = self._narrowed(family, configured) if flags & AI_ADDRCONFIG else family
        if service and flags & AI_NUMERICSERV and _match_number(service) is None:
            raise self._error(socket.EAI_NONAME, f"{service!r} is not a port number")
        self._services = resolve_service(service, type=type, proto=proto, host=self.host)
        self.lookup_family = socket.AF_UNSPEC if self._maps else self._family
        self.literal = self._own_addresses() if name is None else self._numeric(name)

    @property
    def port(self) -> int:
        """The port that is wanted, 0 when none is."""
        return self._services[0].port

    @property
    def wants_canonical_name(self) -> bool:
        """Whether AI_CANONNAME is set."""
        return bool(self._flags & AI_CANONNAME)

    def select(self, addresses: Sequence[str]) -> list[str]:
        """Those of the addresses found that are of the wanted family, IPv4 mapped into IPv6 when the flags say so."""
        if self._family == socket.AF_UNSPEC:
            return list(addresses)
        ipv6 = [address for address in addresses if ":" in address]
        ipv4 = [address for address in addresses if ":" not in address]
        if self._family == socket.AF_INET:
            return ipv4
        if self._maps and (not ipv6 or self._flags & AI_ALL):
            ipv6 += [f"::ffff:{address}" for address in ipv4]
        return ipv6

    def build(self, addresses: Sequence[str], canonical_name: str = "") -> list[AddrInfo]:
        """What `socket.getaddrinfo` returns: for each address one entry for each kind of socket.

        `canonical_name` is where the aliases of `host` led, with or without a dot behind it. Raises NameNotFound
        when there is no address.
        """
        if not addresses:
            raise self._error(socket.EAI_NONAME, "no address")
        canonical = ""
        if self._flags & AI_CANONNAME:
            canonical = self._canonical or canonical_name.removesuffix(".") or self.host
        entries: list[AddrInfo] = []
        for address in addresses:
            for service in self._services:
                kind = _SOCKET_KINDS.get(service.type, service.type)
                family, sockaddr = self._sockaddr(address, service.port)
                entries.append((family, kind, service.proto, canonical, sockaddr))
                canonical = ""  # only the first entry has it
        return entries

    @property
    def _maps(self) -> bool:
        return self._family == socket.AF_INET6 and bool(self._flags & AI_V4MAPPED)

    def _narrowed(self, family: int, configured: Collection[int]) -> int:
        """AI_ADDRCONFIG: the family that is left, where this machine has addresses of one family only."""
        if family != socket.AF_UNSPEC and family not in configured:
            raise self._error(socket.EAI_NONAME, f"this machine has no address of {socket.AddressFamily(family).name}")
        return next(iter(configured)) if family == socket.AF_UNSPEC and len(configured) == 1 else family

    def _own_addresses(self) -> list[str]:
        """Without a host: the addresses to listen at, or those of this machine itself."""
        ipv6, ipv4 = ("::", "0.0.0.0") if self._flags & AI_PASSIVE else ("::1", "127.0.0.1")  # noqa: S104 - asked for
        return {socket.AF_INET: [ipv4], socket.AF_INET6: [ipv6]}.get(socket.AddressFamily(self._family), [ipv6, ipv4])

    def _numeric(self, host: str) -> list[str] | None:
        """The one address that the host is; None for a name that may be looked up."""
        address = parse_literal(host.removesuffix("%"))
        if address is None:
            if self._flags & AI_NUMERICHOST or not host or "\0" in host or ends_in_number(host):
                raise self._error(socket.EAI_NONAME, "not a numeric address")
            return None
        self._canonical = host
        if ":" not in address:
            if self._family == socket.AF_INET6 and not self._maps:
                raise self._error(EAI_ADDRFAMILY, "an IPv4 address where IPv6 is wanted")
            return [f"::ffff:{address}" if self._maps else address]
        if self._family == socket.AF_INET:
            if not address.startswith("::ffff:"):
                raise self._error(EAI_ADDRFAMILY, "an IPv6 address where IPv4 is wanted")
            return [address.removeprefix("::ffff:")]
        if host.endswith("%"):
            raise self._error(socket.EAI_NONAME, "no network interface is named behind '%'")
        self._sockaddr(address, 0)  # an unknown scope is found out now
        return [address]

    def _sockaddr(self, address: str, port: int) -> tuple[int, tuple[Any, ...]]:
        if ":" not in address:
            return socket.AF_INET, (address, port)
        address, _, scope = address.partition("%")
        return socket.AF_INET6, (address, port, 0, self._scope_id(address, scope) if scope else 0)

    def _scope_id(self, address: str, scope: str) -> int:
        """Interfaces have names only for link-local addresses (fe80::/10, ff02::/16)."""
        try:
            number = scope_id(scope if address.startswith(("fe8", "fe9", "fea", "feb", "ff02:")) else str(int(scope)))
        except (OSError, ValueError):
            number = -1
        if not 0 <= number < 1 << 32:
            raise self._error(socket.EAI_NONAME, f"no network interface {scope!r}")
        return number

    def _error(self, code: int, reason: str) -> ResolutionError:
        return _error(self.host, code, reason)


def resolve_service(service: str | None, *, type: int = 0, proto: int = 0, host: str = "") -> list[Service]:
    """The kinds of sockets, with their ports, for a service: its name in /etc/services, or a number as text.

    Without one, or with an empty one, the port is 0. Raises ResolutionError with EAI_SOCKTYPE or EAI_SERVICE, which
    names `host`.
    """
    kind = None
    if type or proto:
        kind = next((each for each in KINDS if _suits(each, type, proto)), None)
        if kind is None:
            raise _error(host, socket.EAI_SOCKTYPE if type else socket.EAI_SERVICE, "no such kind of socket")
    if not service:
        kinds = [kind] if kind else [each for each in KINDS if each.default]
        return [Service(each.type, proto if each is RAW else each.proto, 0) for each in kinds]
    if kind is RAW:
        raise _error(host, socket.EAI_SERVICE, "raw sockets have no services")
    number = _match_number(service)
    if number is not None and number[1] != "-":
        port = int(number[2]) if len(number[2]) < 20 else -1
        if not 0 <= port < 65536:
            raise _error(host, socket.EAI_SERVICE, f"{service!r} is not a port")
        kinds = [kind] if kind else [each for each in KINDS if each.default]
        return [Service(each.type, each.proto, port) for each in kinds]
    kinds = [kind] if kind else [each for each in KINDS if each is not RAW]
    found = [Service(each.type, each.proto, port) for each in kinds if (port := _port_of(service, each.name)) >= 0]
    if not found:
        raise _error(host, socket.EAI_SERVICE, f"no service {service!r}")
    return found


def _suits(kind: _Kind, type_: int, proto: int) -> bool:
    return type_ in (0, kind.type) and (kind is RAW or proto in (0, kind.proto))


def _port_of(service: str, protocol: str) -> int:
    """The port of a service, -1 when there is none. Reads /etc/services, as every libc does at each call."""
    try:
        return socket.getservbyname(service, protocol)
    except (OSError, ValueError):  # ValueError: a NUL character or a lone surrogate
        return -1


def _host_text(host: Host) -> str | None:
    """The host as text; None for none, which `*` is too."""
    if isinstance(host, bytes):
        try:
            host = host.decode("ascii")
        except UnicodeDecodeError:
            raise _error(repr(host), socket.EAI_NONAME, "a host in bytes has to be ASCII") from None
    if host is not None and not isinstance(host, str):
        raise TypeError("getaddrinfo() argument 1 must be string or None")
    return None if host == "*" else host


def _service_text(port: Port) -> str | None:
    """The service as text; None for none, which `*` is too."""
    if isinstance(port, int):
        return str(int(port))
    if isinstance(port, bytes):
        port = port.decode("utf-8", "surrogateescape")
    if port is not None and not isinstance(port, str):
        raise OSError("Int or String expected")
    return None if port == "*" else port


def _error(host: str, code: int, reason: str) -> ResolutionError:
    if code == socket.EAI_NONAME:
        return NameNotFound(host, "address", reason)
    return ResolutionError(host, "address", reason, code=code)
