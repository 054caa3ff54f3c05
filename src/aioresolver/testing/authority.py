"""The zones of a server together: which of them knows, where aliases lead, what is added. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from aioresolver.errors import ConfigurationError
from aioresolver.testing.zone import Found, Outcome, Zone
from aioresolver.testing.zone_text import parse_zone_text
from aioresolver.wire.codes import Rcode, RRClass, RRType
from aioresolver.wire.message import Question, Record
from aioresolver.wire.names import Name
from aioresolver.wire.rdata import MX, NS, SRV

__all__ = ["Authority", "Verdict"]

MOST_ALIASES = 16
"""So many aliases are followed in one answer; the asker may go on from there."""

_TRANSFERS = frozenset({RRType.AXFR, RRType.IXFR})
_UNCHASED = frozenset({RRType.CNAME, RRType.ANY})
_ANSWERS = frozenset({Outcome.ANSWER, Outcome.TOO_LONG})
_NAMING_HOSTS = frozenset({Outcome.ANSWER, Outcome.REFERRAL})
_RCODES = {Outcome.NO_NAME: Rcode.NXDOMAIN, Outcome.TOO_LONG: Rcode.YXDOMAIN}


class Verdict(NamedTuple):
    """The content of a reply. `referral` is true when it sends the asker elsewhere instead of answering."""

    rcode: Rcode
    authoritative: bool = False
    referral: bool = False
    answer: tuple[Record, ...] = ()
    authority: tuple[Record, ...] = ()
    additional: tuple[Record, ...] = ()


class Authority:
    """Zones, each answering for its names; the one with the longest origin answers.

    With `across` an answer goes on from one zone into the next, where aliases lead there, and has addresses from any;
    so a server can stand for all of DNS. Without, it has what is in the one zone, as Knot and BIND do it.
    """

    def __init__(self, zones: Iterable[Zone], *, across: bool = True) -> None:
        self.across = across
        self.zones: dict[Name, Zone] = {}
        for zone in zones:
            if zone.origin in self.zones:
                raise ConfigurationError(f"there are two zones {zone.origin}")
            self.zones[zone.origin] = zone

    def answer(self, question: Question) -> Verdict:
        """What a reply to the question says."""
        if question.class_ not in (RRClass.IN, RRClass.ANY) or question.type in _TRANSFERS:
            return Verdict(Rcode.REFUSED)
        zone = self.zone_of(question.name, question.type)
        if zone is None:
            return Verdict(Rcode.REFUSED)
        found = zone.lookup(question.name, question.type)
        if found.outcome is Outcome.REFERRAL:
            additional = self._addresses(found.records, zone)
            return Verdict(Rcode.NOERROR, referral=True, authority=found.records, additional=additional)
        answer: list[Record] = []
        if found.outcome is Outcome.ALIAS:
            found = self._follow(question, found, answer, zone)
        return self._verdict(found, answer, zone)

    def zone_of(self, name: Name, type: RRType | None = None) -> Zone | None:
        """The zone that answers for a name; for DS the one above the cut, if it is here (RFC 4035, 3.1.4.1)."""
        if type == RRType.DS and name in self.zones and name != ".":
            above = self.zone_of(name.parent)
            if above is not None:
                return above
        while name not in self.zones:
            if name == ".":
                return None
            name = name.parent
        return self.zones[name]

    def add(self, text: str) -> None:
        """Add the records of zone text, each to the zone that answers for its name.

        Raises ConfigurationError, and adds nothing, for a name that no zone here answers for.
        """
        homes: list[tuple[Zone, Record]] = []
        for record in parse_zone_text(text).records:
            zone = self.zone_of(record.name, record.type)
            if zone is None:
                raise ConfigurationError(f"{record.name} is outside the zones {', '.join(self.zones)}")
            homes.append((zone, record))
        for zone, record in homes:
            zone.put([record])

    def remove(self, name: str, type: str | int | None = None) -> int:
        """Remove the records of a name, or those of one type; says how many there were."""
        owner = Name.parse(name)
        kind = None if type is None else RRType.parse(type) if isinstance(type, str) else RRType(type)
        return sum(zone.remove(owner, kind) for zone in self.zones.values())

    def _follow(self, question: Question, found: Found, answer: list[Record], first: Zone) -> Found:
        """Put a chain of aliases into the answer, as far as it stays in our zones, and find what is at its end."""
        passed = {question.name}
        while found.outcome is Outcome.ALIAS:
            answer += found.records
            target = found.target
            assert target is not None
            zone = self.zone_of(target)
            if zone is not first and not self.across:
                zone = None
            if zone is None or target in passed or len(passed) >= MOST_ALIASES or question.type in _UNCHASED:
                return Found(Outcome.ANSWER, ())
            passed.add(target)
            found = zone.lookup(target, question.type)
        return found

    def _verdict(self, found: Found, aliases: list[Record], zone: Zone) -> Verdict:
        answer = (*aliases, *found.records) if found.outcome in _ANSWERS else tuple(aliases)
        authority = () if found.outcome in _ANSWERS else found.records
        additional = self._addresses(found.records, zone) if found.outcome in _NAMING_HOSTS else ()
        rcode = _RCODES.get(found.outcome, Rcode.NOERROR)
        return Verdict(rcode, authoritative=True, answer=answer, authority=authority, additional=additional)

    def _addresses(self, records: Iterable[Record], own: Zone) -> tuple[Record, ...]:
        """The addresses of the hosts that these records name, as far as we know them, or this zone does."""
        hosts: dict[Name, None] = {}
        for record in records:
            data = record.data
            if isinstance(data, NS):
                hosts[data.target] = None
            elif isinstance(data, MX):
                hosts[data.exchange] = None
            elif isinstance(data, SRV):
                hosts[data.target] = None
        found: list[Record] = []
        for host in hosts:
            zone = self.zone_of(host) if self.across else own
            if zone is not None:
                found += zone.addresses(host)
        return tuple(found)
