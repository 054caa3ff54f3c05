"""The text of an internet to its zones, who serves them, and the delegations between them. Pure."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Mapping
from ipaddress import IPv4Address
from typing import NamedTuple

from aioresolver.errors import ConfigurationError
from aioresolver.testing.zone import Zone
from aioresolver.testing.zone_text import DEFAULT_TTL, parse_zone_text
from aioresolver.wire.codes import RRClass, RRType
from aioresolver.wire.message import Record
from aioresolver.wire.names import Name
from aioresolver.wire.rdata import AAAA, NS, A

__all__ = ["InternetMap", "Place", "map_internet"]

MADE_UP = IPv4Address("198.18.0.1")
"""Nameservers that the text gives no address count up from here, in the block kept for measurements (RFC 2544)."""

_ROOT = Name(".")
_ROOT_SERVER = Name("a.root.")


class Place(NamedTuple):
    """An address at which a nameserver listens, the nameserver's name, and the zones that it serves there.

    One that serves no zone is lame: somebody delegated to it, and it knows of nothing.
    """

    address: str
    name: Name
    zones: tuple[Zone, ...]


class InternetMap(NamedTuple):
    """The zones by origin, the places by address, and the root's nameservers with their addresses."""

    zones: Mapping[Name, Zone]
    places: Mapping[str, Place]
    hints: Mapping[str, tuple[str, ...]]


def map_internet(text: str) -> InternetMap:
    """Read zone text in which each `$ORIGIN` begins a zone, and put in what it leaves out.

    Which nameserver serves a zone is said by the NS records at its origin, where it listens by their addresses. Each
    zone is delegated by the one above with these NS records, and glue where they lie within the one above; unless
    the text has NS records for it there, which then stay as they are. A zone without NS records gets a nameserver
    `ns` of its own, with a made-up address, and there is always a root. Raises ConfigurationError, which names the
    line, for what cannot be read.
    """
    zones = _read_zones(text)
    _name_servers(zones)
    for origin, zone in zones.items():
        if origin != _ROOT:
            _delegate(zones, zone)
    return InternetMap(zones, _places(zones), _hints(zones))


def _read_zones(text: str) -> dict[Name, Zone]:
    zones: dict[Name, Zone] = {}
    for origin, part in _parts(textwrap.dedent(text)):
        zone = zones.setdefault(origin, Zone(origin=origin))
        zone_text = parse_zone_text(part, origin)
        for record, line in zip(zone_text.records, zone_text.lines, strict=True):
            try:
                zone.put([record])
            except ConfigurationError as error:
                raise ConfigurationError(f"zone line {line}: {error}") from None
    return zones


def _parts(text: str) -> Iterator[tuple[Name, str]]:
    """Each zone's origin and text. $TTL goes on into the next; empty lines in front keep the numbers of lines true."""
    origin, ttl, lines = _ROOT, "", list[str]()
    for number, line in enumerate(text.split("\n")):
        words = line.split()
        directive = words[0].upper() if words else ""
        if directive == "$ORIGIN":
            yield origin, "\n".join(lines)
            origin = _origin(words, origin, number + 1)
            lines = [ttl] + [""] * number
            continue
        if directive == "$TTL":
            ttl = line
        lines.append(line)
    yield origin, "\n".join(lines)


def _origin(words: list[str], above: Name, line: int) -> Name:
    try:
        text = words[1]
        return Name.parse(text if text.endswith(".") else f"{text}.{above}".rstrip(".") + ".")
    except (IndexError, ValueError) as error:
        raise ConfigurationError(f"zone line {line}: $ORIGIN wants the name of a zone") from error


def _name_servers(zones: Mapping[Name, Zone]) -> None:
    """Give a nameserver to each zone that has none."""
    made_up = MADE_UP
    for origin, zone in zones.items():
        if _targets(zone, origin):
            continue
        name = _ROOT_SERVER if origin == _ROOT else Name(f"ns.{origin}")
        zone.put([_record(origin, NS(name))])
        if not _addresses(zones, name):
            zone.put([_record(name, A(str(made_up)))])
            made_up += 1


def _delegate(zones: Mapping[Name, Zone], zone: Zone) -> None:
    """Have the zone above name this zone's nameservers, unless it has something to say itself."""
    above = _home(zones, zone.origin.parent)
    if _targets(above, zone.origin):
        return
    above.put(zone.rrset(zone.origin, RRType.NS))
    for target in _targets(zone, zone.origin):
        # What the zone above has itself needs no glue, and of what lies elsewhere it knows nothing.
        if target.is_under(above.origin) and _home(zones, target) is not above:
            above.put(Record(target, r.type, r.class_, r.ttl, r.data) for r in _addresses(zones, target))


def _places(zones: Mapping[Name, Zone]) -> dict[str, Place]:
    """Every address that a nameserver has anywhere, stale glue too."""
    serving: dict[str, dict[Name, Zone]] = {}
    names: dict[str, Name] = {}
    for origin, zone in zones.items():
        for target in _targets(zone, origin):
            for address in _texts(_addresses(zones, target)):
                serving.setdefault(address, {})[origin] = zone
                names.setdefault(address, target)
    delegated_to = {r.data.target for zone in zones.values() for r in zone.records if isinstance(r.data, NS)}
    for zone in zones.values():
        for record in zone.records:
            if record.name in delegated_to and isinstance(record.data, (A, AAAA)):
                names.setdefault(record.data.address, record.name)
    return {address: Place(address, name, tuple(serving.get(address, {}).values())) for address, name in names.items()}


def _hints(zones: Mapping[Name, Zone]) -> dict[str, tuple[str, ...]]:
    return {str(target): _texts(_addresses(zones, target)) for target in _targets(zones[_ROOT], _ROOT)}


def _home(zones: Mapping[Name, Zone], name: Name) -> Zone:
    """The zone that a name belongs to: the longest that it is under."""
    while name not in zones:
        name = name.parent
    return zones[name]


def _addresses(zones: Mapping[Name, Zone], name: Name) -> tuple[Record, ...]:
    """A host's addresses where it belongs; where it has none there, such as the first zone with any says."""
    own = _home(zones, name).addresses(name)
    return own or next((found for zone in zones.values() if (found := zone.addresses(name))), ())


def _texts(records: Iterable[Record]) -> tuple[str, ...]:
    return tuple(str(record.data) for record in records)


def _targets(zone: Zone, owner: Name) -> list[Name]:
    return [record.data.target for record in zone.rrset(owner, RRType.NS) if isinstance(record.data, NS)]


def _record(owner: Name, data: NS | A) -> Record:
    return Record(owner, RRType.A if isinstance(data, A) else RRType.NS, RRClass.IN, DEFAULT_TTL, data)
