"""What getnameinfo does besides looking up a name: addresses and ports as text, services, flags. As glibc, no DNS."""

from __future__ import annotations

import re
import socket
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any

from aioresolver.errors import NameNotFound, ResolutionError

__all__ = ["NameinfoRequest", "is_host_name"]

NI_NUMERICHOST, NI_NUMERICSERV = int(socket.NI_NUMERICHOST), int(socket.NI_NUMERICSERV)
NI_NOFQDN, NI_NAMEREQD, NI_DGRAM = int(socket.NI_NOFQDN), int(socket.NI_NAMEREQD), int(socket.NI_DGRAM)
# glibc's own (NI_IDN and its kin) are for names that are not ASCII: we give all names as they are in DNS.
NI_IDN_FLAGS = 0xE0 if NI_DGRAM == 0x10 else 0
KNOWN_FLAGS = NI_NUMERICHOST | NI_NUMERICSERV | NI_NOFQDN | NI_NAMEREQD | NI_DGRAM | NI_IDN_FLAGS
EAI_BADFLAGS = int(socket.EAI_BADFLAGS)

_matches_host_name = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]*(\.[A-Za-z0-9_-]+)*\.?").fullmatch


class NameinfoRequest:
    """One call of getnameinfo: checked when it is made, then filled with the name that was found.

        request = NameinfoRequest(sockaddr, flags)
        name = await look_up(request.address) if request.wants_name else None
        return request.build(name)

    Raises ResolutionError, a `socket.gaierror`, with getnameinfo's codes; TypeError, OverflowError and OSError for
    what is no socket address, as the socket module does. As with getaddrinfo, `127.1` is no address, and a port
    above 65535 is EAI_SERVICE.
    """

    __slots__ = ("_flags", "_port", "_scope", "address")

    address: str

    def __init__(self, sockaddr: tuple[Any, ...], flags: int = 0) -> None:
        host, port, scope = _read_sockaddr(sockaddr)
        try:
            address = ip_address(host)
        except ValueError:
            raise NameNotFound(host, "PTR", "not a numeric address") from None
        if isinstance(address, IPv4Address) and len(sockaddr) != 2:
            raise OSError("IPv4 sockaddr must be 2 tuple")
        if not 0 <= port < 65536:
            raise ResolutionError(host, "PTR", f"{port} is not a port", code=socket.EAI_SERVICE)
        if flags & ~KNOWN_FLAGS:
            raise ResolutionError(host, "PTR", f"bad flags {flags:#x}", code=EAI_BADFLAGS)
        self._flags = flags
        self._port = port
        self._scope = scope
        family = socket.AF_INET if isinstance(address, IPv4Address) else socket.AF_INET6
        self.address = socket.inet_ntop(family, address.packed)
        if flags & NI_NUMERICHOST and flags & NI_NAMEREQD:
            raise NameNotFound(host, "PTR", "a name is required, and only the number is wanted")

    @property
    def wants_name(self) -> bool:
        """Whether the name is to be looked up."""
        return not self._flags & NI_NUMERICHOST

    @property
    def wants_short_name(self) -> bool:
        """Whether a name of this machine's own domain is wanted without it (NI_NOFQDN)."""
        return bool(self._flags & NI_NOFQDN)

    def build(self, name: str | None = None, *, domain: str = "") -> tuple[str, str]:
        """The host and the service; the address when no name was found. `domain` is this machine's own.

        Raises NameNotFound when a name is required and there is none.
        """
        if name is None:
            if self._flags & NI_NAMEREQD:
                raise NameNotFound(self.address, "PTR", "this address has no name")
            name = self.address + self._scope_text()
        elif domain and self.wants_short_name:
            head, dot, _ = name.partition(f".{domain}")
            name = head if dot and head else name
        return name, self._service()

    def _scope_text(self) -> str:
        if not self._scope:
            return ""
        address = IPv6Address(self.address)
        if address.is_link_local or self.address.startswith("ff02:"):
            try:
                return f"%{socket.if_indextoname(self._scope)}"
            except OSError:  # there is no such interface; the number says which was meant
                pass
        return f"%{self._scope}"

    def _service(self) -> str:
        if not self._flags & NI_NUMERICSERV:
            try:
                return socket.getservbyport(self._port, "udp" if self._flags & NI_DGRAM else "tcp")
            except OSError:  # it has no name
                pass
        return str(self._port)


def is_host_name(name: str) -> bool:
    """Whether a name may be the host name of an address, as glibc's res_hnok(3) has it.

    Whoever runs a reverse zone may write anything into it, and it ends up in logs and on terminals.
    """
    return _matches_host_name(name) is not None


def _read_sockaddr(sockaddr: tuple[Any, ...]) -> tuple[str, int, int]:
    """Host, port and scope, as the socket module reads them."""
    if not isinstance(sockaddr, tuple):
        raise TypeError("getnameinfo() argument 1 must be a tuple")
    if not 2 <= len(sockaddr) <= 4 or not isinstance(sockaddr[0], str):
        raise TypeError("getnameinfo(): illegal sockaddr argument")
    host, port, flow, scope = (*sockaddr, 0, 0)[:4]
    if not all(isinstance(number, int) for number in (port, flow, scope)):
        raise TypeError("getnameinfo(): port, flow information and scope must be integers")
    if not 0 <= flow < 1 << 20:
        raise OverflowError("getnameinfo(): flowinfo must be 0-1048575.")
    return host.partition("%")[0], port, scope & 0xFFFFFFFF
