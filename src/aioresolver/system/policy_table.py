"""The policy table by which addresses are preferred (RFC 6724, 2.1), and gai.conf, which changes it. Pure."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from typing import NamedTuple

__all__ = ["GLIBC_TABLE", "RFC6724_TABLE", "PolicyTable", "parse_gai_conf"]

MAPPED = 0xFFFF << 32

# A prefix as a number of 128 bits, its length, and the value of what is under it. IPv4 is written as mapped IPv6.
_Rule = tuple[int, int, int]


class PolicyTable(NamedTuple):
    """Labels, precedences and the scopes of IPv4 addresses, each by prefix, the longest first.

    `glibc` is whether rule 9 is glibc's: it compares all 128 bits, where RFC 6724 (2.2) takes those of the source's
    network, and compares none of IPv4 on a machine without an IPv6 address.
    """

    labels: tuple[_Rule, ...]
    precedences: tuple[_Rule, ...]
    scopes: tuple[_Rule, ...]
    glibc: bool = False

    def label(self, address: int) -> int:
        """The label of an address: source and destination with the same one suit each other."""
        return find(self.labels, address)

    def precedence(self, address: int) -> int:
        """The precedence of an address: higher is preferred."""
        return find(self.precedences, address)

    def scope(self, address: int, *, ipv4: bool = False) -> int:
        """The scope of an address: 2 is link-local, 5 site-local, 14 global (RFC 6724, 3.1 and 3.2).

        A mapped address that is not used as IPv4 is global.
        """
        if ipv4:
            return find(self.scopes, address)
        if address >> 120 == 0xFF:
            return address >> 112 & 0xF
        if address >> 118 == 0xFE80 >> 6 or address == 1:
            return 2
        return 5 if address >> 118 == 0xFEC0 >> 6 else 14


def find(rules: Sequence[_Rule], address: int) -> int:
    """The value of the first rule whose prefix the address is under."""
    for prefix, length, value in rules:
        if (address ^ prefix) >> (128 - length) == 0:
            return value
    return 0


_MOST_DIGITS = 10
# What int() makes of thousands of them is an error.


def address_number(address: str) -> int:
    """An address as a number of 128 bits, IPv4 as mapped IPv6; a scope is dropped."""
    if ":" in address:
        return int.from_bytes(socket.inet_pton(socket.AF_INET6, address.partition("%")[0]), "big")
    return MAPPED | int.from_bytes(socket.inet_aton(address), "big")


def rules(*lines: str) -> tuple[_Rule, ...]:
    """Rules from lines such as `::1/128 50`, the longest prefix first."""
    found = [rule for line in lines if (rule := read_rule(*line.split()))]
    return tuple(sorted(found, key=lambda rule: -rule[1]))


def read_rule(prefix: str, value: str, *, ipv4: bool = False) -> _Rule | None:
    """A rule from its words; None when they are none. With `ipv4` the prefix is of IPv4, mapped or not."""
    address, slash, length = prefix.partition("/")
    plain = ipv4 and ":" not in address
    longest = 32 if plain else 128
    if not (value.isascii() and value.isdigit()) or (slash and not (length.isascii() and length.isdigit())):
        return None
    if len(value) > _MOST_DIGITS or len(length) > _MOST_DIGITS:
        return None
    bits = int(length) if slash else longest
    try:
        number = address_number(address)
    except (OSError, ValueError):  # ValueError: a zero byte, which text can have
        return None
    if bits > longest or (":" not in address and not ipv4) or (ipv4 and (number >> 32 != 0xFFFF and bits)):
        return None
    bits += 96 if plain else 0
    if ipv4 and bits < 96:
        return None if bits else (0, 0, int(value))
    return number >> (128 - bits) << (128 - bits), bits, int(value)


_SCOPES = rules("::ffff:169.254.0.0/112 2", "::ffff:127.0.0.0/104 2", "::/0 14")

RFC6724_TABLE = PolicyTable(
    labels=rules(
        "::1/128 0",
        "::/0 1",
        "::ffff:0:0/96 4",
        "2002::/16 2",
        "2001::/32 5",
        "fc00::/7 13",
        "::/96 3",
        "fec0::/10 11",
        "3ffe::/16 12",
    ),
    precedences=rules(
        "::1/128 50",
        "::/0 40",
        "::ffff:0:0/96 35",
        "2002::/16 30",
        "2001::/32 5",
        "fc00::/7 3",
        "::/96 1",
        "fec0::/10 1",
        "3ffe::/16 1",
    ),
    scopes=_SCOPES,
)
"""The default of RFC 6724, 2.1."""

GLIBC_TABLE = PolicyTable(
    labels=rules(
        "::1/128 0",
        "::/0 1",
        "2002::/16 2",
        "::/96 3",
        "::ffff:0:0/96 4",
        "fec0::/10 5",
        "fc00::/7 6",
        "2001::/32 7",
    ),
    precedences=rules("::1/128 50", "::/0 40", "2002::/16 30", "::/96 20", "::ffff:0:0/96 10"),
    scopes=_SCOPES,
    glibc=True,
)
"""What glibc has without a gai.conf: still near RFC 3484, so that unique local addresses come before IPv4."""

# What a table of gai.conf gets for everything else.
_REST = {"label": 1, "precedence": 40, "scopev4": 14}


def parse_gai_conf(text: str) -> PolicyTable:
    """GLIBC_TABLE with what a gai.conf says instead: one line of a kind replaces all the defaults of that kind."""
    found: dict[str, list[_Rule]] = {kind: [] for kind in _REST}
    for line in text.split("\n"):
        kind, *words = line.partition("#")[0].split() or [""]
        if kind in found and len(words) == 2 and (rule := read_rule(*words, ipv4=kind == "scopev4")):
            found[kind].append(rule)
    tables = []
    for (kind, own), default in zip(found.items(), GLIBC_TABLE[:3], strict=True):
        own.sort(key=lambda rule: -rule[1])
        if own and own[-1][1]:
            own.append((0, 0, _REST[kind]))
        tables.append(tuple(own) or default)
    return PolicyTable(tables[0], tables[1], tables[2], glibc=True)
