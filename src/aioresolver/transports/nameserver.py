"""Nameserver: where one listens, how it speaks, and how it proves who it is."""

from __future__ import annotations

import base64
import binascii
import ipaddress
import re
import socket
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from aioresolver.errors import ConfigurationError

__all__ = ["Nameserver", "checked_source"]

PORTS = {"udp": 53, "tcp": 53, "tls": 853, "https": 443, "quic": 853}
ENCRYPTED = frozenset({"tls", "https", "quic"})
METHODS = ("POST", "GET")
OPTIONS = ("address", "method", "opportunistic", "pin-sha256")
DIGEST_SIZE = 32
# A name whose last label is a number is an address that somebody mistyped.
HOSTNAME = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)(\.(?!-)[a-z0-9_-]{1,63}(?<!-))*")
NUMBER_AT_END = re.compile(r"(.*\.)?(\d+|0x[0-9a-f]*)")
# The path goes into the head of a request: no spaces, no control characters, nothing that would end it.
PATH = re.compile(r"/[!-\"$-~]*")
# How RFC 8484 writes the URL of a server; the question goes there anyway.
TEMPLATE = "{?dns}"


@dataclass(frozen=True, slots=True)
class Nameserver:
    """Where a nameserver listens, how it speaks and how it proves who it is; equal and hashed by value.

    `scheme` is udp, tcp, tls, https or quic; udp means that the caller asks again over tcp when a reply was truncated.
    `address` is the text of an IP address, an IPv6 scope included (`fe80::1%eth0`); "" for an encrypted nameserver
    that is known by its `hostname` only, whose address has to be found. `port` 0 becomes the scheme's own.

    `hostname` is the name, or another address, that the certificate must carry; without it, it must carry the address.
    `pins` are SHA-256 digests of public keys (SubjectPublicKeyInfo), one of which the nameserver must have (RFC 7858,
    4.2). `opportunistic` takes whoever answers, encrypted and not authenticated (RFC 8310, 5).
    `path` and `method` (POST or GET) are for https. Raises ConfigurationError for values that cannot be used.
    """

    scheme: str
    address: str
    port: int = 0
    hostname: str | None = None
    path: str = ""
    pins: tuple[bytes, ...] = ()
    opportunistic: bool = False
    method: str = "POST"

    @classmethod
    def parse(cls, text: str) -> Nameserver:
        """Read `1.1.1.1`, `[2001:db8::1]:5353`, `tls://9.9.9.9#dns.quad9.net` or `https://dns.google/dns-query`.

        The whole grammar is `scheme://host[:port][/path][?option[=value]&…][#hostname]`; without a scheme it is udp.
        Options, all for encrypted schemes: `pin-sha256=BASE64` (as often as there are pins), `opportunistic`,
        `method=get` (https), and `address=IP` where the host is a name. Raises ConfigurationError, with one sentence
        that says what is wrong, also for several addresses: see `parse_all`.
        """
        found = _read(text)
        if len(found) > 1:
            raise ConfigurationError(f"nameserver {text!r}: it has {len(found)} addresses, so it stands for several")
        return found[0]

    @classmethod
    def parse_all(cls, given: str | Nameserver | Iterable[str | Nameserver]) -> tuple[Nameserver, ...]:
        """Read nameservers separated by spaces or commas, or several such texts, or what was read already.

        One with several addresses becomes one for each address: the commas of
        `tls://dns.quad9.net?address=9.9.9.9,149.112.112.112` belong to it. Each nameserver comes once, in the order
        given. Raises ConfigurationError, also for a text without any.
        """
        if isinstance(given, Nameserver):
            return (given,)
        found: dict[Nameserver, None] = {}
        if isinstance(given, bytes) or not isinstance(given, (str, Iterable)):
            raise ConfigurationError(f"nameservers are texts such as 'tls://9.9.9.9#dns.quad9.net', not {given!r}")
        for each in [given] if isinstance(given, str) else given:
            if not isinstance(each, (str, Nameserver)):
                raise ConfigurationError(f"a nameserver is a text such as 'tls://9.9.9.9#dns.quad9.net', not {each!r}")
            read = [each] if isinstance(each, Nameserver) else [n for word in _split_list(each) for n in _read(word)]
            found.update(dict.fromkeys(read))
        return tuple(found)

    def __post_init__(self) -> None:
        if self.scheme not in PORTS:
            raise ConfigurationError(f"{self.scheme!r} is not a scheme; use one of {', '.join(PORTS)}")
        assign = object.__setattr__
        if self.address or not (self.encrypted and self.hostname):
            assign(self, "address", _canonical_address(self.address))
        assign(self, "port", _checked_port(self.port or PORTS[self.scheme]))
        assign(self, "hostname", self._checked_hostname())
        assign(self, "path", self._checked_path())
        assign(self, "method", self._checked_method())
        assign(self, "pins", self._checked_pins())
        if self.opportunistic and not self.encrypted:
            raise ConfigurationError(f"'opportunistic' is only for {_listed(ENCRYPTED)}")

    def __str__(self) -> str:
        host = self.address or self.hostname or ""
        place = f"[{host}]" if ":" in host else host
        port = "" if self.port == PORTS[self.scheme] else f":{self.port}"
        options = [f"pin-sha256={base64.b64encode(pin).decode()}" for pin in self.pins]
        options += ["opportunistic"] if self.opportunistic else []
        options += [f"method={self.method.lower()}"] if self.method != METHODS[0] else []
        mark = ("&" if "?" in self.path else "?") if options else ""
        hostname = f"#{self.hostname}" if self.address and self.hostname else ""
        return f"{self.scheme}://{place}{port}{self.path}{mark}{'&'.join(options)}{hostname}"

    @property
    def encrypted(self) -> bool:
        """Whether what is said to it is encrypted; its identity is checked too, unless it is `opportunistic`."""
        return self.scheme in ENCRYPTED

    @property
    def identity(self) -> str:
        """The host name or IP address that its certificate must carry; an address without its scope."""
        return self.hostname or self.address.partition("%")[0]

    @property
    def family(self) -> socket.AddressFamily:
        """AF_INET or AF_INET6; AF_UNSPEC as long as it is known by its name only."""
        if not self.address:
            return socket.AF_UNSPEC
        return socket.AF_INET6 if ":" in self.address else socket.AF_INET

    @property
    def sockaddr(self) -> tuple[str, int] | tuple[str, int, int, int]:
        """What `socket.connect` takes.

        Raises OSError when the interface of an IPv6 scope does not exist, ConfigurationError when only its name is known.
        """
        if not self.address:
            raise ConfigurationError(f"nameserver {self} is known by its name only: its address has to be found first")
        if ":" not in self.address:
            return self.address, self.port
        address, _, scope = self.address.partition("%")
        if not scope:
            return address, self.port, 0, 0
        return address, self.port, 0, int(scope) if scope.isdigit() else socket.if_nametoindex(scope)

    def at(self, address: str) -> Nameserver:
        """The same nameserver at this address."""
        return replace(self, address=address)

    def with_scheme(self, scheme: str) -> Nameserver:
        """The same nameserver spoken to otherwise; a port that was the old scheme's own becomes the new one's."""
        if scheme == self.scheme:
            return self
        port = 0 if self.port == PORTS[self.scheme] else self.port
        if scheme not in ENCRYPTED:
            return Nameserver(scheme, self.address, port)
        return Nameserver(scheme, self.address, port, self.hostname, pins=self.pins, opportunistic=self.opportunistic)

    def _checked_hostname(self) -> str | None:
        if self.hostname is None:
            return None
        if not self.encrypted:
            raise ConfigurationError(f"a host name after '#' is only for {_listed(ENCRYPTED)}")
        address = _address_or_none(self.hostname)
        if address is not None and self.address and "%" not in address:
            return None if address == self.address.partition("%")[0] else address
        hostname = self.hostname.lower().removesuffix(".")
        if not _is_hostname(hostname):
            raise ConfigurationError(f"{self.hostname!r} is not a host name (non-ASCII names are written as xn--…)")
        return hostname

    def _checked_path(self) -> str:
        if self.scheme != "https":
            if self.path:
                raise ConfigurationError(f"a path ({self.path!r}) is only for https")
            return ""
        path, mark, query = self.path.removesuffix(TEMPLATE).partition("?")
        path = "/dns-query" if not path or (path == "/" and not query) else path
        path += mark + query if query else ""
        if not PATH.fullmatch(path):
            raise ConfigurationError(f"{self.path!r} is not a path")
        for parameter in query.split("&") if query else ():
            key = parameter.partition("=")[0].lower().replace("_", "-")
            if key in (*OPTIONS, "dns") or key.startswith("pin"):
                raise ConfigurationError(f"{parameter!r} cannot be a parameter of the path")
        return path

    def _checked_method(self) -> str:
        method = self.method.upper()
        if method not in METHODS:
            raise ConfigurationError(f"{self.method!r} is not a method: use post or get")
        if method != METHODS[0] and self.scheme != "https":
            raise ConfigurationError("'method' is only for https")
        return method

    def _checked_pins(self) -> tuple[bytes, ...]:
        if not self.pins:
            return ()
        if not self.encrypted:
            raise ConfigurationError(f"'pin-sha256' is only for {_listed(ENCRYPTED)}")
        if self.opportunistic:
            raise ConfigurationError("'opportunistic' takes whoever answers: leave out that or 'pin-sha256'")
        if not all(isinstance(pin, bytes) and len(pin) == DIGEST_SIZE for pin in self.pins):
            raise ConfigurationError(f"a pin is a SHA-256 digest of {DIGEST_SIZE} bytes")
        return tuple(dict.fromkeys(self.pins))


def checked_source(source: str | None, nameserver: Nameserver) -> str | None:
    """A local address to send from; raises ConfigurationError when it cannot reach the nameserver."""
    if source is None:
        return None
    try:
        version = ipaddress.ip_address(source).version
    except ValueError:
        raise ConfigurationError(f"source {source!r} is not an IP address") from None
    if nameserver.address and (version == 6) != (nameserver.family == socket.AF_INET6):
        raise ConfigurationError(f"source {source!r} cannot reach {nameserver}: one is IPv4, the other IPv6")
    return source


def _read(text: str) -> tuple[Nameserver, ...]:
    """What one text stands for: a nameserver, or one for each of its addresses."""
    scheme, separator, rest = text.strip().partition("://")
    if not separator:
        scheme, rest = "udp", scheme
    try:
        return _read_parts(scheme.lower(), rest)
    except ConfigurationError as error:
        raise ConfigurationError(f"nameserver {text!r}: {error}") from None


def _read_parts(scheme: str, rest: str) -> tuple[Nameserver, ...]:
    rest, has_hostname, hostname = rest.partition("#")
    if has_hostname and not hostname:
        raise ConfigurationError("the host name after '#' is missing")
    rest, _, query = (rest.removesuffix(TEMPLATE) if scheme == "https" else rest).partition("?")
    place, slash, path = rest.partition("/")
    host, port = _split_place(place)
    options, others = _read_options(query)
    if others and scheme != "https":
        raise ConfigurationError(f"{others[0]!r} is not an option; use one of {', '.join(OPTIONS)}")
    path = slash + path + (f"?{'&'.join(others)}" if others else "")
    addresses = options.pop("addresses", None)
    given: dict[str, Any] = {"scheme": scheme, "port": port, "path": path, **options}
    if scheme not in ENCRYPTED or not _is_hostname(host.lower().removesuffix(".")):
        if addresses is not None:
            raise ConfigurationError("'address' is only for an encrypted nameserver that is given by its host name")
        return (Nameserver(address=host, hostname=hostname or None, **given),)
    if hostname and hostname.lower().removesuffix(".") != host.lower().removesuffix("."):
        raise ConfigurationError(f"it has two host names, {host!r} and {hostname!r}: write address=IP or {scheme}://IP")
    return tuple(Nameserver(address=each, hostname=host, **given) for each in addresses or ("",))


def _read_options(query: str) -> tuple[dict[str, Any], list[str]]:
    """The options as arguments of Nameserver (and `addresses`), and the parameters that are no options."""
    options: dict[str, Any] = {}
    others = []
    for parameter in query.split("&") if query else ():
        key, has_value, value = parameter.partition("=")
        if key not in OPTIONS:
            others.append(parameter)
        elif (key == "opportunistic") == bool(has_value):
            raise ConfigurationError(f"{key!r} {'has no' if has_value else 'needs a'} value")
        elif key == "opportunistic":
            options[key] = True
        elif key == "method":
            options[key] = value
        elif key == "address":
            found = [_canonical_address(each) for each in value.split(",")]
            options["addresses"] = (*options.get("addresses", ()), *found)
        else:
            options["pins"] = (*options.get("pins", ()), _read_pin(value))
    return options, others


def _read_pin(text: str) -> bytes:
    try:
        pin = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        pin = b""
    if len(pin) != DIGEST_SIZE:
        raise ConfigurationError(f"{text!r} is not a SHA-256 digest in base64 (44 characters)")
    return pin


def _split_list(text: str) -> Sequence[str]:
    """Texts of nameservers: what spaces and commas part, but for the commas between the addresses of one."""
    words: list[str] = []
    for word in text.split():
        listing = False
        for part in word.split(","):
            if listing and "://" not in part:
                words[-1] += f",{part}"
            elif part:
                words.append(part)
            listing = "address=" in words[-1].rpartition("&")[2] and "#" not in words[-1] if words else False
    return words or [text]


def _split_place(place: str) -> tuple[str, int]:
    """`host`, `host:port`, `[address]` or `[address]:port`; a port that is not given is 0."""
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


def _is_hostname(text: str) -> bool:
    return len(text) <= 253 and HOSTNAME.fullmatch(text) is not None and not NUMBER_AT_END.fullmatch(text)


def _address_or_none(text: str) -> str | None:
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        return None


def _canonical_address(text: str) -> str:
    address = _address_or_none(text)
    if address is None:
        message = f"{text!r} is not an IP address" if text else "the IP address is missing"
        hint = f" (a host name will do for {_listed(ENCRYPTED)})" if _is_hostname(text.lower()) else ""
        raise ConfigurationError(message + hint)
    scope = address.partition("%")[2]
    # A scope goes back into text; what would not come out of it again is no interface either.
    if not (scope.isascii() and scope.isprintable()) or any(mark in scope for mark in "%[]/#?&,: "):
        raise ConfigurationError(f"{scope!r} is not a network interface")
    return address


def _listed(schemes: frozenset[str]) -> str:
    return ", ".join(sorted(schemes))
