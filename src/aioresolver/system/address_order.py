"""In which order to try addresses: RFC 6724's destination address selection, and simpler ones."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Sequence
from ipaddress import IPv4Address, IPv4Network
from itertools import zip_longest
from typing import NamedTuple

from aioresolver.errors import ConfigurationError
from aioresolver.system.interfaces import Interfaces, source_address
from aioresolver.system.policy_table import (
    RFC6724_TABLE,
    PolicyTable,
    address_number,
    parse_gai_conf,
)
from aioresolver.system.watched_file import WatchedFile

__all__ = ["ORDERS", "AddressOrder", "Source", "sort_addresses"]

ORDERS = ("rfc6724", "as-is", "ipv4-first", "interleave", "rotate")
"""The orders that there are: see AddressOrder."""

SOURCE_LIFETIME = 5.0
MOST_REMEMBERED = 4096


class Source(NamedTuple):
    """The address from which a destination would be reached, and what is known of it on its interface.

    `prefix_length` is of its network, 0 when unknown; `deprecated` and `home` as in RFC 6724, rules 3 and 4.
    """

    address: str
    prefix_length: int = 0
    deprecated: bool = False
    home: bool = False


class _Rank(NamedTuple):
    """An address's place but for rule 9: less is better. `prefix` is what rule 9 compares, within a family only."""

    key: tuple[bool, bool, bool, bool, bool, int, int]
    prefix: int


class AddressOrder:
    """Sorts the addresses of a host, the best to connect to first.

    - `rfc6724`: as getaddrinfo. The policy table is this machine's: glibc's own with /etc/gai.conf where there is
      glibc, else RFC 6724's; `table` is another. Source addresses are remembered for five seconds.
    - `as-is`: as the nameserver gave them, IPv4 before IPv6.
    - `ipv4-first`: RFC 6724's, but all IPv4 before all IPv6.
    - `interleave`: RFC 6724's, but the families take turns (RFC 8305, 4).
    - `rotate`: as is, beginning with another address each time.

    Raises ConfigurationError for another word.
    """

    def __init__(
        self,
        order: str = "rfc6724",
        *,
        table: PolicyTable | None = None,
        source_of: Callable[[str], Source | None] | None = None,
        interfaces: Interfaces | None = None,
        gai_conf: str | os.PathLike[str] = "/etc/gai.conf",
    ) -> None:
        if order not in ORDERS:
            raise ConfigurationError(f"{order!r} is not an order of addresses: use one of {', '.join(ORDERS)}")
        self.order = order
        self._table = table
        self._source_of = source_of
        self._interfaces = Interfaces() if interfaces is None else interfaces
        self._gai_conf = WatchedFile(gai_conf)
        self._turn = 0
        self._ranks: dict[str, _Rank] = {}
        self._forget_at = float("-inf")

    def sorted(self, addresses: Sequence[str], now: float, *, sortlist: Sequence[IPv4Network] = ()) -> list[str]:
        """The addresses in order, duplicates dropped; `now` is the loop's time.

        `sortlist` is resolv.conf's: IPv4 addresses of an earlier network go first, as far as the order leaves a choice.
        """
        found = list(dict.fromkeys(addresses))
        if len(found) < 2:
            return found
        if sortlist:
            found = by_sortlist(found, sortlist)
        if self.order == "as-is":
            return found
        if self.order == "rotate":
            self._turn += 1
            start = (self._turn - 1) % len(found)
            return found[start:] + found[:start]
        found = sort_by_rank(found, self._rank_all(found, now))
        if self.order == "ipv4-first":
            found.sort(key=is_ipv6)
        elif self.order == "interleave":
            found = interleaved(found)
        return found

    def _rank_all(self, addresses: Sequence[str], now: float) -> list[_Rank]:
        if now >= self._forget_at or len(self._ranks) > MOST_REMEMBERED:
            self._ranks.clear()
            self._forget_at = now + SOURCE_LIFETIME
        ranks = self._ranks
        found = []
        for address in addresses:
            rank = ranks.get(address)
            if rank is None:
                rank = ranks[address] = rank_of(address, self._source(address, now), self._policy_table())
            found.append(rank)
        return found

    def _source(self, destination: str, now: float) -> Source | None:
        if self._source_of is not None:
            return self._source_of(destination)
        address = source_address(destination)
        if address is None:
            return None
        if self._policy_table().glibc and socket.AF_INET6 not in self._interfaces.families(now):
            return Source(address)
        known = self._interfaces.find(address, now)
        return Source(address) if known is None else Source(*known)

    def _policy_table(self) -> PolicyTable:
        if self._table is None:
            self._table = parse_gai_conf(self._gai_conf.read()[0]) if has_glibc() else RFC6724_TABLE
        return self._table


def sort_addresses(
    addresses: Sequence[str], source_of: Callable[[str], Source | None], table: PolicyTable = RFC6724_TABLE
) -> list[str]:
    """The addresses by RFC 6724, 6; `source_of` says from where each would be reached, None when it cannot be.

    Rule 7 (native transport) is left out: nothing portable tells what is a tunnel.
    """
    return sort_by_rank(list(addresses), [rank_of(address, source_of(address), table) for address in addresses])


def rank_of(destination: str, source: Source | None, table: PolicyTable) -> _Rank:
    """Rules 1 to 6 and 8 as a tuple to compare, and the length of the common prefix for rule 9."""
    number = address_number(destination)
    ipv4 = not is_ipv6(destination)
    scope, precedence = table.scope(number, ipv4=ipv4), table.precedence(number)
    if source is None:
        return _Rank((True, False, False, False, False, -precedence, scope), 0)
    other = address_number(source.address)
    common = 128 - (number ^ other).bit_length()
    if ipv4:
        # Bits that IPv4 addresses have in common mean nothing but within one subnet.
        common = common if common >= 96 + source.prefix_length and source.prefix_length else 0
    elif not table.glibc:
        common = min(common, source.prefix_length or 64)
    return _Rank(
        (
            False,
            scope != table.scope(other, ipv4=ipv4),
            source.deprecated,
            not source.home,
            table.label(number) != table.label(other),
            -precedence,
            scope,
        ),
        -common,
    )


def sort_by_rank(addresses: list[str], ranks: Sequence[_Rank]) -> list[str]:
    """Sorted by their keys; among equal ones, each family is sorted by its prefixes in the places that it has."""
    rank = dict(zip(addresses, ranks, strict=True))
    ordered = sorted(addresses, key=lambda address: rank[address].key)
    for ipv6 in (False, True):
        places = [place for place, address in enumerate(ordered) if is_ipv6(address) is ipv6]
        family = sorted((ordered[place] for place in places), key=lambda address: rank[address])
        for place, address in zip(places, family, strict=True):
            ordered[place] = address
    return ordered


def is_ipv6(address: str) -> bool:
    """Whether the text is of an IPv6 address."""
    return ":" in address


def interleaved(addresses: Sequence[str]) -> list[str]:
    """The families in turn, the first address's first."""
    first = is_ipv6(addresses[0])
    turns = zip_longest(
        [address for address in addresses if is_ipv6(address) is first],
        [address for address in addresses if is_ipv6(address) is not first],
    )
    return [address for turn in turns for address in turn if address is not None]


def by_sortlist(addresses: Sequence[str], sortlist: Sequence[IPv4Network]) -> list[str]:
    """The IPv4 addresses by the first network each is in, in the places that they have."""
    places = [place for place, address in enumerate(addresses) if not is_ipv6(address)]
    ordered = list(addresses)

    def preference(address: str) -> int:
        number = IPv4Address(address)
        return next((at for at, network in enumerate(sortlist) if number in network), len(sortlist))

    for place, address in zip(places, sorted((addresses[place] for place in places), key=preference), strict=True):
        ordered[place] = address
    return ordered


def has_glibc() -> bool:
    """Whether this machine's getaddrinfo is glibc's."""
    try:
        return "glibc" in (os.confstr("CS_GNU_LIBC_VERSION") or "")
    except (AttributeError, ValueError, OSError):
        return False
