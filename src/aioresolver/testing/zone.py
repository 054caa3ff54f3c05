"""A zone: records by name, and what they say to a question (RFC 1034, 4.3.2; RFC 4592; RFC 6672)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from enum import Enum
from typing import NamedTuple

from aioresolver.errors import ConfigurationError, NameSyntaxError
from aioresolver.testing.zone_text import DEFAULT_TTL, parse_zone_text
from aioresolver.wire.codes import RRClass, RRType
from aioresolver.wire.message import Record
from aioresolver.wire.names import Name
from aioresolver.wire.rdata import CNAME, DNAME, SOA

__all__ = ["Found", "Outcome", "Zone"]


class Outcome(Enum):
    """How a zone meets a question."""

    ANSWER = "the records asked for"
    ALIAS = "a CNAME, or a DNAME with the CNAME made from it; look for the target next"
    REFERRAL = "the NS records of a zone below, which knows more"
    NO_DATA = "the name is there, the type is not; the SOA"
    NO_NAME = "the name is not there; the SOA"
    TOO_LONG = "a DNAME whose target makes the name too long"


class Found(NamedTuple):
    """What a zone says to a question. `target` is the alias's."""

    outcome: Outcome
    records: tuple[Record, ...]
    target: Name | None = None


class Zone:
    """A zone, from the text of a master file.

    Without `origin`, the zone begins at the owner of the SOA in the text, else at the first $ORIGIN, else at the
    root. A zone whose text has no SOA gets one that lets negative answers live 60 seconds. Raises
    ConfigurationError, which names the line, for text that cannot be read. Once a server serves it, the zone is to be
    changed by the server's `add` and `remove`.
    """

    __slots__ = ("_nodes", "_turns", "origin")

    def __init__(self, text: str = "", origin: str | None = None) -> None:
        zone_text = parse_zone_text(text, None if origin is None else Name.parse(origin))
        self.origin: Name = zone_text.origin
        self._nodes: dict[Name, _Node] = {self.origin: _Node()}
        # Names at which a lookup does not simply go on downwards: zone cuts and DNAMEs.
        self._turns: set[Name] = set()
        self._put_default_soa()
        for record, line in zip(zone_text.records, zone_text.lines, strict=True):
            try:
                self.put([record])
            except ConfigurationError as error:
                raise ConfigurationError(f"zone line {line}: {error}") from None

    def __repr__(self) -> str:
        return f"<Zone {self.origin} of {sum(1 for _ in self.records)} records>"

    @property
    def records(self) -> Iterator[Record]:
        """Every record, those of one name and type together."""
        for node in list(self._nodes.values()):
            for rrset in list(node.values()):
                yield from rrset

    @property
    def soa(self) -> Record:
        """The zone's SOA record."""
        return self._nodes[self.origin][RRType.SOA][0]

    def lookup(self, name: Name, type: RRType) -> Found:
        """What the zone says of a name at or under its origin."""
        if self._turns:
            for ancestor in self._way_down(name):
                if ancestor in self._turns:
                    found = self._turn(ancestor, name, type)
                    if found is not None:
                        return found
        node = self._nodes.get(name)
        if node is not None:
            return self._from_node(node, type)
        encloser = name.parent
        while encloser not in self._nodes:
            encloser = encloser.parent
        source = self._nodes.get(_wildcard_of(encloser))
        if source is None:
            return Found(Outcome.NO_NAME, (self._negative_soa(),))
        found = self._from_node(source, type)
        if found.outcome is Outcome.NO_DATA:
            return found
        return found._replace(records=tuple(Record(name, r.type, r.class_, r.ttl, r.data) for r in found.records))

    def rrset(self, name: Name, type: RRType) -> tuple[Record, ...]:
        """The records of one type that stand at the name itself, at cuts and below them too."""
        node = self._nodes.get(name)
        return () if node is None else node.get(type, ())

    def addresses(self, name: Name) -> tuple[Record, ...]:
        """The A and AAAA records that stand at the name itself, glue included; none if it is not in the zone."""
        return self.rrset(name, RRType.A) + self.rrset(name, RRType.AAAA)

    def put(self, records: Iterable[Record]) -> None:
        """Add records; one that is there already stays as it is, a second SOA takes the place of the first.

        Raises ConfigurationError for a record outside the zone, and for other data beside a CNAME.
        """
        for record in records:
            if not record.name.is_under(self.origin):
                raise ConfigurationError(f"{record.name} is outside the zone {self.origin}")
            self._put(record)

    def remove(self, name: Name, type: RRType | None = None) -> int:
        """Remove the records of a name, or those of one type, and say how many there were.

        A zone always has a SOA: where it is removed, the default one takes its place.
        """
        node = self._nodes.get(name, _Node())
        types = [RRType(t) for t in node] if type is None else [type]
        removed = sum(len(node.pop(t, ())) for t in types)
        if RRType.DNAME not in node and RRType.NS not in node:
            self._turns.discard(name)
        self._prune(name)
        if RRType.SOA not in self._nodes[self.origin]:
            self._put_default_soa()
        return removed

    def _way_down(self, name: Name) -> Iterator[Name]:
        """The name and its ancestors within the zone, the origin first."""
        way = [name]
        while name != self.origin:
            name = name.parent
            way.append(name)
        return reversed(way)

    def _turn(self, owner: Name, name: Name, type: RRType) -> Found | None:
        """A referral or a substitution on the way to a name; None if the way goes on."""
        node = self._nodes[owner]
        if owner != self.origin and RRType.NS in node and not (owner == name and type == RRType.DS):
            return Found(Outcome.REFERRAL, node[RRType.NS])
        if owner == name or RRType.DNAME not in node:
            return None
        record = node[RRType.DNAME][0]
        assert isinstance(record.data, DNAME)
        try:
            target = Name.parse(str(_move(name, owner, record.data.target)))
        except NameSyntaxError:
            return Found(Outcome.TOO_LONG, (record,))
        alias = Record(name, RRType.CNAME, RRClass.IN, record.ttl, CNAME(target))
        return Found(Outcome.ALIAS, (record, alias), target)

    def _from_node(self, node: _Node, type: RRType) -> Found:
        rrset = node.get(type)
        if rrset is not None:
            return Found(Outcome.ANSWER, rrset)
        if type == RRType.ANY and node:
            return Found(Outcome.ANSWER, tuple(record for rrset in node.values() for record in rrset))
        alias = node.get(RRType.CNAME)
        if alias is not None:
            assert isinstance(alias[0].data, CNAME)
            return Found(Outcome.ALIAS, alias, alias[0].data.target)
        return Found(Outcome.NO_DATA, (self._negative_soa(),))

    def _negative_soa(self) -> Record:
        """The SOA with the TTL of a negative answer (RFC 2308, 3)."""
        soa = self.soa
        assert isinstance(soa.data, SOA)
        return soa.with_ttl(min(soa.ttl, soa.data.minimum))

    def _put(self, record: Record) -> None:
        self._refuse_beside_alias(self._nodes.get(record.name, {}), record)
        node = self._reach(record.name)
        rrset = node.get(record.type, ())
        if record.type == RRType.SOA:
            node[record.type] = (record,)
        elif all(record.data != other.data for other in rrset):
            node[record.type] = (*rrset, record)
        if record.type == RRType.DNAME or (record.type == RRType.NS and record.name != self.origin):
            self._turns.add(record.name)

    def _refuse_beside_alias(self, node: Mapping[RRType, tuple[Record, ...]], record: Record) -> None:
        """RFC 1034, 3.6.2: a CNAME stands alone, but for the records of DNSSEC about it."""
        if record.type in _BESIDE_ALIAS:
            return
        if record.type == RRType.CNAME:
            others = [t for t in node if t not in _BESIDE_ALIAS]
            if any(t != RRType.CNAME or node[t][0].data != record.data for t in others):
                raise ConfigurationError(f"{record.name} has other records, so it cannot have a CNAME")
        elif RRType.CNAME in node:
            raise ConfigurationError(f"{record.name} has a CNAME, so it cannot have {record.type} records")

    def _reach(self, name: Name) -> _Node:
        """The node of a name, made with its ancestors if it is not there."""
        node = self._nodes.get(name)
        if node is None:
            self._reach(name.parent).children += 1
            node = self._nodes[name] = _Node()
        return node

    def _prune(self, name: Name) -> None:
        """Forget names that have neither records nor names below them."""
        while name != self.origin and name in self._nodes and not self._nodes[name]:
            if self._nodes[name].children:
                return
            del self._nodes[name]
            name = name.parent
            self._nodes[name].children -= 1

    def _put_default_soa(self) -> None:
        data = SOA(self.origin, Name.parse(_under("hostmaster", self.origin)), 1, 3600, 600, 86400, 60)
        self._put(Record(self.origin, RRType.SOA, RRClass.IN, DEFAULT_TTL, data))


class _Node(dict[RRType, tuple[Record, ...]]):
    """The records of one name by type, and the number of names directly below it."""

    __slots__ = ("children",)

    def __init__(self) -> None:
        super().__init__()
        self.children = 0


_BESIDE_ALIAS = frozenset({RRType.RRSIG, RRType.NSEC})


def _under(label: str, name: Name) -> str:
    return f"{label}." if name == "." else f"{label}.{name}"


def _wildcard_of(encloser: Name) -> Name:
    return Name(_under("*", encloser))


def _move(name: Name, owner: Name, target: Name) -> str:
    """The name with its end, the owner, exchanged for the target."""
    head = name if owner == "." else name[: -len(owner)]
    return head if target == "." else head + target
