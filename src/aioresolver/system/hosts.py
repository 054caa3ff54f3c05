"""The hosts file, read as glibc reads it, and the user's own overrides of names. No I/O, no clock."""

from __future__ import annotations

import socket
from collections.abc import Collection, Iterator, Mapping, Sequence

from aioresolver.errors import ConfigurationError, NameSyntaxError
from aioresolver.system.literal import parse_literal
from aioresolver.wire.names import Name

__all__ = ["HostOverrides", "HostsFile", "Override", "parse_hosts"]

Override = str | Sequence[str] | tuple[str, int]
"""What a name is overridden with: an address, several, or (with a port in the key) an address and a port."""

# An address, and the name that its line gives first.
_Entry = tuple[str, str]


class HostsFile:
    """What a hosts file says: addresses of names, in the order of its lines, and names of addresses.

    Names are found whatever their case, and with or without a dot at the end. A name may be on many lines.
    """

    __slots__ = ("_by_address", "_by_name")

    def __init__(self, by_name: dict[str, tuple[_Entry, ...]], by_address: dict[str, tuple[str, ...]]) -> None:
        self._by_name = by_name
        self._by_address = by_address

    def __contains__(self, name: object) -> bool:
        return name in self._by_name

    def __len__(self) -> int:
        return len(self._by_name)

    def names(self) -> Collection[str]:
        """All names that have an address."""
        return self._by_name.keys()

    def find(self, name: str, family: int = socket.AF_UNSPEC) -> tuple[str, tuple[str, ...]]:
        """The canonical name of a Name as the file writes it, and its addresses; `("", ())` when it has none.

        As in glibc, one who wants only IPv4 is given ::1 as 127.0.0.1 and mapped addresses as what they map.
        """
        entries = self._by_name.get(name, ())
        if family == socket.AF_INET:
            entries = tuple((address, first) for mapped, first in entries if (address := _as_ipv4(mapped)))
        elif family == socket.AF_INET6:
            entries = tuple(entry for entry in entries if ":" in entry[0])
        if not entries:
            return "", ()
        return entries[0][1], tuple(dict.fromkeys(address for address, _ in entries))

    def names_of(self, address: str) -> tuple[str, ...]:
        """The names on the first line of this address, the canonical one first."""
        return self._by_address.get(address, ())

    def reverse(self) -> dict[str, tuple[str, ...]]:
        """The reverse names (`1.2.0.192.in-addr.arpa.`) of all addresses, with the names of each."""
        return {Name.reverse(address): names for address, names in self._by_address.items()}


def parse_hosts(text: str) -> HostsFile:
    """Read a hosts file: an address and its names on each line, `#` begins a comment.

    Addresses in short forms or with a scope are skipped with their line, as in glibc. It takes about a microsecond
    for a line: lists of 100,000 blocked names are in use.
    """
    by_name: dict[str, tuple[_Entry, ...]] = {}
    by_address: dict[str, tuple[str, ...]] = {}
    canonical: dict[str, str] = {}  # such lists name one address over and over
    for line in text.split("\n"):
        written, *names = line.partition("#")[0].split() or [""]
        if not names:
            continue
        address = canonical.get(written)
        if address is None:
            address = canonical[written] = _canonical(written)
        if not address:
            continue
        entry = ((address, names[0]),)
        if address not in by_address:
            by_address[address] = tuple(names)
        for name in names:
            key = name.lower()
            if key[-1] != ".":
                key += "."
            by_name[key] = by_name[key] + entry if key in by_name else entry
    return HostsFile(by_name, by_address)


class HostOverrides:
    """Names that the user of a resolver has given addresses: `{"api.test": "127.0.0.1"}`.

    A key with a port, `"db.test:5432": ("127.0.0.1", 15432)`, overrides the name for connections to that port only,
    as curl's `--resolve` does. Raises ConfigurationError for what is no name, no address or no port.
    """

    __slots__ = ("_addresses", "_ports")

    def __init__(self, hosts: Mapping[str, Override] | None = None) -> None:
        self._addresses: dict[str, tuple[str, ...]] = {}
        self._ports: dict[tuple[str, int], tuple[tuple[str, ...], int]] = {}
        for key, value in (hosts or {}).items():
            self._add(key, value)

    def __contains__(self, name: object) -> bool:
        return name in self._addresses

    def __iter__(self) -> Iterator[str]:
        return iter(self._addresses)

    def __len__(self) -> int:
        return len(self._addresses)

    @property
    def has_ports(self) -> bool:
        """Whether there are any for connections to one port only."""
        return bool(self._ports)

    def find(self, name: str) -> tuple[str, ...]:
        """The addresses of a Name, as given; none when it is not overridden."""
        return self._addresses.get(name, ())

    def redirect(self, name: str, port: int) -> tuple[tuple[str, ...], int] | None:
        """The addresses and the port to use instead of a Name and this port; None when they are not overridden."""
        return self._ports.get((name, port))

    def _add(self, key: str, value: Override) -> None:
        text, colon, port = key.rpartition(":") if ":" in key else (key, "", "")
        try:
            name = Name.parse(text)
        except NameSyntaxError as error:
            raise ConfigurationError(f"hosts: {key!r}: {error}") from None
        addresses, target = _override(key, value)
        if colon:
            wanted = _checked_port(key, port)
            self._ports[name, wanted] = addresses, wanted if target is None else target
        elif target is None:
            self._addresses[name] = addresses
        else:
            raise ConfigurationError(f"hosts: {key!r} is sent to a port, so it needs one too: '{key}:{target}'")


def _override(key: str, value: Override) -> tuple[tuple[str, ...], int | None]:
    """The addresses and the port, if any, of an override."""
    if isinstance(value, str):
        return (_checked_address(key, value),), None
    items = tuple(value)
    if len(items) == 2 and isinstance(items[1], int):
        return (_checked_address(key, str(items[0])),), _checked_port(key, str(items[1]))
    if not items:
        raise ConfigurationError(f"hosts: {key!r} has no address")
    return tuple(_checked_address(key, str(item)) for item in items), None


def _checked_address(key: str, text: str) -> str:
    address = parse_literal(text)
    if address is None:
        raise ConfigurationError(f"hosts: {key!r}: {text!r} is not an IP address")
    return address


def _checked_port(key: str, text: str) -> int:
    if not (text.isascii() and text.isdigit() and 0 < int(text) < 65536):
        raise ConfigurationError(f"hosts: {key!r}: {text!r} is not a port between 1 and 65535")
    return int(text)


def _canonical(text: str) -> str:
    """The address in its usual form; empty when it is none."""
    family = socket.AF_INET6 if ":" in text else socket.AF_INET
    try:
        return socket.inet_ntop(family, socket.inet_pton(family, text))
    except (OSError, ValueError):  # ValueError: a NUL byte
        return ""


def _as_ipv4(address: str) -> str:
    """The IPv4 address that this one is or stands for; empty when it does not."""
    if ":" not in address:
        return address
    if address == "::1":
        return "127.0.0.1"
    return address[7:] if address.startswith("::ffff:") and "." in address else ""
