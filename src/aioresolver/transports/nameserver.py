"""Nameserver: where one listens and how it speaks."""

from __future__ import annotations

import ipaddress
import re
import socket
from dataclasses import dataclass, replace

from aioresolver.errors import ConfigurationError

__all__ = ["Nameserver", "checked_source"]

PORTS = {"udp": 53, "tcp": 53, "tls": 853, "https": 443, "quic": 853}
ENCRYPTED = frozenset({"tls", "https", "quic"})
HOSTNAME = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)(\.(?!-)[a-z0-9_-]{1,63}(?<!-))*")
# The path goes into the head of a request: no spaces, no control characters, nothing that would end it.
PATH = re.compile(r"/[!-\"$-~]*")


@dataclass(frozen=True, slots=True)
class Nameserver:
    """Where a nameserver listens and how it speaks; equal and hashed by value.

    `scheme` is udp, tcp, tls, https or quic; udp means that the caller asks again over tcp when a reply was truncated.
    `address` is the text of an IP address, an IPv6 scope included (`fe80::1%eth0`). `port` 0 becomes the scheme's own.
    `hostname` is the name that the certificate must carry; without it, it must carry the address.
    `path` is only for https. Raises ConfigurationError for values that cannot be used.
    """

    scheme: str
    address: str
    port: int = 0
    hostname: str | None = None
    path: str = ""

    @classmethod
    def parse(cls, text: str) -> Nameserver:
        """Read `1.1.1.1`, `[2001:db8::1]:5353`, `tcp://127.0.0.1:53` or `tls://9.9.9.9#dns.quad9.net`.

        Without a scheme it is udp. Raises ConfigurationError, with one sentence that says what is wrong.
        """
        scheme, separator, rest = text.strip().partition("://")
        if not separator:
            scheme, rest = "udp", scheme
        rest, has_hostname, hostname = rest.partition("#")
        place, slash, path = rest.partition("/")
        if has_hostname and not hostname:
            raise ConfigurationError(f"nameserver {text!r}: the host name after '#' is missing")
        try:
            address, port = _split_place(place)
            return cls(scheme.lower(), address, port, hostname or None, slash + path)
        except ConfigurationError as error:
            raise ConfigurationError(f"nameserver {text!r}: {error}") from None

    def __post_init__(self) -> None:
        if self.scheme not in PORTS:
            raise ConfigurationError(f"{self.scheme!r} is not a scheme; use one of {', '.join(PORTS)}")
        assign = object.__setattr__
        assign(self, "address", _canonical_address(self.address))
        assign(self, "port", _checked_port(self.port or PORTS[self.scheme]))
        assign(self, "hostname", self._checked_hostname())
        assign(self, "path", self._checked_path())

    def __str__(self) -> str:
        address = f"[{self.address}]" if ":" in self.address else self.address
        port = "" if self.port == PORTS[self.scheme] else f":{self.port}"
        hostname = f"#{self.hostname}" if self.hostname else ""
        return f"{self.scheme}://{address}{port}{self.path}{hostname}"

    @property
    def encrypted(self) -> bool:
        """Whether what is said to it is encrypted and its identity checked."""
        return self.scheme in ENCRYPTED

    @property
    def family(self) -> socket.AddressFamily:
        """AF_INET or AF_INET6."""
        return socket.AF_INET6 if ":" in self.address else socket.AF_INET

    @property
    def sockaddr(self) -> tuple[str, int] | tuple[str, int, int, int]:
        """What `socket.connect` takes. Raises OSError when the interface of an IPv6 scope does not exist."""
        if ":" not in self.address:
            return self.address, self.port
        address, _, scope = self.address.partition("%")
        if not scope:
            return address, self.port, 0, 0
        return address, self.port, 0, int(scope) if scope.isdigit() else socket.if_nametoindex(scope)

    def with_scheme(self, scheme: str) -> Nameserver:
        """The same nameserver spoken to otherwise; a port that was the old scheme's own becomes the new one's."""
        if scheme == self.scheme:
            return self
        port = 0 if self.port == PORTS[self.scheme] else self.port
        hostname = self.hostname if scheme in ENCRYPTED else None
        return replace(self, scheme=scheme, port=port, hostname=hostname, path="")

    def _checked_hostname(self) -> str | None:
        if self.hostname is None:
            return None
        if self.scheme not in ENCRYPTED:
            raise ConfigurationError(f"a host name after '#' is only for {', '.join(sorted(ENCRYPTED))}")
        hostname = self.hostname.lower().removesuffix(".")
        if len(hostname) > 253 or not HOSTNAME.fullmatch(hostname):
            raise ConfigurationError(f"{self.hostname!r} is not a host name (non-ASCII names are written as xn--…)")
        return hostname

    def _checked_path(self) -> str:
        if self.scheme != "https":
            if self.path:
                raise ConfigurationError(f"a path ({self.path!r}) is only for https")
            return ""
        path = self.path if len(self.path) > 1 else "/dns-query"
        if not PATH.fullmatch(path):
            raise ConfigurationError(f"{self.path!r} is not a path")
        return path


def checked_source(source: str | None, nameserver: Nameserver) -> str | None:
    """A local address to send from; raises ConfigurationError when it cannot reach the nameserver."""
    if source is None:
        return None
    try:
        version = ipaddress.ip_address(source).version
    except ValueError:
        raise ConfigurationError(f"source {source!r} is not an IP address") from None
    if (version == 6) != (nameserver.family == socket.AF_INET6):
        raise ConfigurationError(f"source {source!r} cannot reach {nameserver}: one is IPv4, the other IPv6")
    return source


def _split_place(place: str) -> tuple[str, int]:
    """`address`, `address:port`, `[address]` or `[address]:port`; a port that is not given is 0."""
    if place.startswith("["):
        address, bracket, port = place[1:].partition("]")
        if not bracket or (port and not port.startswith(":")):
            raise ConfigurationError("write an IPv6 address with a port as [address]:port")
        if ":" not in address:
            raise ConfigurationError(f"{address!r} between brackets is not an IPv6 address")
        return address, _parse_port(port[1:]) if port else 0
    if place.count(":") == 1:
        address, _, port = place.partition(":")
        return address, _parse_port(port)
    return place, 0


def _parse_port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 5):
        raise ConfigurationError(f"{text!r} is not a port")
    # Zero stands for "not given" further on, so it is refused here.
    return _checked_port(int(text))


def _checked_port(port: int) -> int:
    if not 0 < port < 65536:
        raise ConfigurationError(f"port {port} is not between 1 and 65535")
    return port


def _canonical_address(text: str) -> str:
    try:
        address = str(ipaddress.ip_address(text))
    except ValueError:
        message = f"{text!r} is not an IP address" if text else "the IP address is missing"
        hint = " (to name the certificate of a server, write tls://address#name)" if HOSTNAME.fullmatch(text) else ""
        raise ConfigurationError(message + hint) from None
    scope = address.partition("%")[2]
    # A scope goes back into text; what would not come out of it again is no interface either.
    if not (scope.isascii() and scope.isprintable()) or any(mark in scope for mark in "%[]/#: "):
        raise ConfigurationError(f"{scope!r} is not a network interface")
    return address
