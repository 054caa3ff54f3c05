"""Names that are not for the public DNS, and so never asked of it: private reverse zones and special names. Pure."""

from __future__ import annotations

from collections.abc import Collection

from aioresolver.wire.codes import Rcode, RRClass, RRType
from aioresolver.wire.message import Question, Record
from aioresolver.wire.names import Name, rest_of
from aioresolver.wire.rdata import AAAA, NS, PTR, SOA, A

__all__ = ["LOCAL_ENDS", "LOCAL_ZONES", "LocalZones"]

TTL = 10_800
_NAMESERVER = Name("localhost.")
_MAILBOX = Name("nobody.invalid.")

# RFC 6303, 4, and the registry that it opened; RFC 7793 for 100.64.0.0/10.
_REVERSE = [
    "0.in-addr.arpa.", "10.in-addr.arpa.", "127.in-addr.arpa.", "254.169.in-addr.arpa.", "168.192.in-addr.arpa.",
    *(f"{number}.172.in-addr.arpa." for number in range(16, 32)),
    *(f"{number}.100.in-addr.arpa." for number in range(64, 128)),
    "2.0.192.in-addr.arpa.", "100.51.198.in-addr.arpa.", "113.0.203.in-addr.arpa.", "255.255.255.255.in-addr.arpa.",
    f"{'0.' * 32}ip6.arpa.", f"1.{'0.' * 31}ip6.arpa.", "d.f.ip6.arpa.", "8.b.d.0.1.0.0.2.ip6.arpa.",
    "8.e.f.ip6.arpa.", "9.e.f.ip6.arpa.", "a.e.f.ip6.arpa.", "b.e.f.ip6.arpa.",
]  # fmt: skip
# RFC 8375; RFC 6761, 6.2 to 6.5, where `example` and its like are left to the DNS; RFC 7686; RFC 9476; RFC 6762.
_SPECIAL = ["home.arpa.", "localhost.", "invalid.", "test.", "onion.", "alt.", "local."]

LOCAL_ZONES: frozenset[str] = frozenset((*_REVERSE, *_SPECIAL))
"""The zones that are answered here, as names; whatever is in them."""

_LOOPBACK = {RRType.A: A("127.0.0.1"), RRType.AAAA: AAAA("::1")}
_LOOPBACK_REVERSE = frozenset({Name.reverse("127.0.0.1"), Name.reverse("::1")})
LOCAL_ENDS = tuple({zone.split(".")[-2] + "." for zone in LOCAL_ZONES})
"""How the names of all of them end: no other name is looked at any further."""


class LocalZones:
    """Answers for the special zones; not for those that are asked elsewhere (`covered`: stub and forward zones).

    A covered zone takes all of the special zone that it is in or has below it: who has `10.in-addr.arpa.` as a stub
    zone has the whole, and who has `5.10.in-addr.arpa.` has that.
    """

    __slots__ = ("_covered",)

    def __init__(self, covered: Collection[Name] = ()) -> None:
        self._covered = frozenset(zone for zone in covered if zone != ".")

    def answer(self, question: Question) -> tuple[Rcode, list[Record], list[Record]] | None:
        """Rcode, answer and authority for a question; None when it is one for the DNS."""
        name = question.name
        if not name.endswith(LOCAL_ENDS) or question.class_ != RRClass.IN:
            return None
        zone = self._zone_of(name)
        if zone is None:
            return None
        records = _records(question, zone)
        soa = _soa(zone)
        if records:
            return Rcode.NOERROR, records, []
        there = name == zone or (zone == "localhost.") or name in _LOOPBACK_REVERSE or _has_below(name)
        if zone in {"invalid.", "onion.", "alt.", "test.", "local."}:
            there = False
        return (Rcode.NOERROR if there else Rcode.NXDOMAIN), [], [soa]

    def _zone_of(self, name: Name) -> Name | None:
        """The special zone that the name is in, unless a covered one is closer to it or the same."""
        text: str = name
        while text:
            if text in self._covered:
                return None
            if text in LOCAL_ZONES:
                return Name(text)
            text = rest_of(text)
        return None


def _records(question: Question, zone: Name) -> list[Record]:
    name, type_, _ = question
    found: list[Record] = []
    if zone == "localhost.":
        found += [
            Record(name, kind, RRClass.IN, TTL, data) for kind, data in _LOOPBACK.items() if type_ in (kind, RRType.ANY)
        ]
    if name in _LOOPBACK_REVERSE and type_ in (RRType.PTR, RRType.ANY):
        found.append(Record(name, RRType.PTR, RRClass.IN, TTL, PTR(_NAMESERVER)))
    if name == zone and name.endswith(".arpa."):
        if type_ in (RRType.SOA, RRType.ANY):
            found.append(_soa(zone))
        if type_ in (RRType.NS, RRType.ANY):
            found.append(Record(name, RRType.NS, RRClass.IN, TTL, NS(_NAMESERVER)))
    return found


def _soa(zone: Name) -> Record:
    return Record(zone, RRType.SOA, RRClass.IN, TTL, SOA(_NAMESERVER, _MAILBOX, 1, 3600, 1200, 604_800, TTL))


def _has_below(name: Name) -> bool:
    """Whether the name of a loopback address is below it: it is there then, though empty (RFC 8020, 2)."""
    return any(address.is_under(name) for address in _LOOPBACK_REVERSE)
