"""What a server of a zone may say, and what it says about a question. All else is dropped. Pure.

A server speaks for the names at and under the zone that it was asked as. What it says of any other name is not believed.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum
from ipaddress import ip_address

from aioresolver.errors import MessageFormatError, NameSyntaxError
from aioresolver.wire.codes import Flag, Rcode, RRClass, RRType
from aioresolver.wire.message import Message, Question, Record
from aioresolver.wire.names import Name
from aioresolver.wire.rdata import CNAME

__all__ = ["MOST_GLUE", "EndlessAliases", "Kind", "Reading", "is_askable", "read_reply"]

MOST_ALIASES = 16
MOST_GLUE = 20
"""So many addresses of one nameserver are remembered."""

ADDRESSES = (RRType.A, RRType.AAAA)
_ASKED_ABOUT_ALIASES = frozenset({RRType.CNAME, RRType.ANY})


class EndlessAliases(MessageFormatError):
    """What a reply says is well-formed, but its aliases lead nowhere."""


class Kind(Enum):
    """What a reply comes to."""

    ANSWER = "answer"
    ALIAS = "alias"
    NO_DATA = "no-data"
    NO_NAME = "no-name"
    REFERRAL = "referral"
    LAME = "lame"


class Reading:
    """A reply, read as one of a server of `zone`.

    - `records`: what it says of the name, aliases first. `name`: where the aliases lead to; the question's without any.
    - `soa`: for how long there is nothing (NO_DATA, NO_NAME).
    - `cut`, `names`, `glue`, `ttl`: the zone that it refers to, its nameservers and such of their addresses as may be believed.
    - `why`: for LAME, in words. `dropped`: what was not believed, and why.
    """

    __slots__ = ("cut", "dropped", "glue", "kind", "name", "names", "records", "soa", "ttl", "why")

    def __init__(self, kind: Kind, name: Name) -> None:
        self.kind: Kind = kind
        self.name: Name = name
        self.records: list[Record] = []
        self.soa: tuple[Record, ...] = ()
        self.cut: Name | None = None
        self.names: list[Name] = []
        self.glue: dict[Name, list[str]] = {}
        self.ttl: int = 0
        self.why: str = ""
        self.dropped: list[tuple[object, str]] = []


def read_reply(message: Message, question: Question, zone: Name, *, kept: int = 20) -> Reading:
    """What a reply of a server of `zone` to the question comes to; of a referral, `kept` nameservers at most.

    Raises MessageFormatError for what cannot be read, and EndlessAliases.
    """
    reading = Reading(Kind.LAME, question.name)
    if message.rcode == Rcode.YXDOMAIN:
        reading.why = "YXDOMAIN: a DNAME makes a name that is too long"
        return reading
    own = _within(message.answer, zone, reading.dropped)
    found = _follow(own, question, zone, reading)
    _drop_rest(own, reading)
    for record in reading.records:  # what is malformed is so here, where it does no harm
        record.data  # noqa: B018 - reading it is what decodes it
    if found:
        reading.kind = Kind.ANSWER
        return reading
    aliased = bool(reading.records)
    if aliased and not reading.name.is_under(zone):
        reading.kind = Kind.ALIAS
        return reading
    _read_authority(message, question, zone, reading, aliased=aliased)
    if len(reading.names) > kept:
        _trim(reading, kept)
    return reading


def _within(records: Iterable[Record], zone: Name, dropped: list[tuple[object, str]]) -> list[Record]:
    """Those that a server of the zone may tell of."""
    kept: list[Record] = []
    why = f"not under {zone}"
    for record in records:
        if record.name.is_under(zone) and record.class_ == RRClass.IN:
            kept.append(record)
        else:
            dropped.append((record, why))
    return kept


def _follow(records: list[Record], question: Question, zone: Name, reading: Reading) -> bool:
    """Go along the aliases as far as they lead; whether what was asked for is at the end."""
    wanted = question.type
    passed = {reading.name}
    while True:
        name = reading.name
        alias = _dname_alias(records, name)
        found = [
            record for record in records if record.name == name and (record.type == wanted or wanted == RRType.ANY)
        ]
        if alias is None and found:
            reading.records += found
            return True
        if alias is None and wanted not in _ASKED_ABOUT_ALIASES:
            alias = next(((r,) for r in records if r.type == RRType.CNAME and r.name == name), None)
        if alias is None:
            return False
        reading.records += alias
        if wanted in _ASKED_ABOUT_ALIASES:
            return True
        reading.name = alias[-1].data.target
        if reading.name in passed:
            raise EndlessAliases(f"the aliases of {question.name} lead in a circle, by way of {reading.name}")
        if len(passed) > MOST_ALIASES:
            raise EndlessAliases(f"the aliases of {question.name} are more than {MOST_ALIASES}")
        passed.add(reading.name)
        if not reading.name.is_under(zone):
            return False


def _dname_alias(records: list[Record], name: Name) -> tuple[Record, ...] | None:
    """A DNAME above the name, with the alias that follows from it: never the one that came with it (RFC 6672, 3.1)."""
    for record in records:
        if record.type == RRType.DNAME and record.name not in (name, ".") and name.is_under(record.name):
            above = "" if record.data.target == "." else record.data.target
            try:
                target = Name.parse(name[: -len(record.name)] + above)
            except NameSyntaxError as error:
                raise MessageFormatError(f"the DNAME of {record.name} makes an impossible name: {error}") from error
            return record, Record(name, RRType.CNAME, RRClass.IN, record.ttl, CNAME(target))
    return None


def _drop_rest(own: list[Record], reading: Reading) -> None:
    """Note what is in the answer section and belongs to no part of the answer."""
    kept = {id(record) for record in reading.records}
    made = {record.name for record in reading.records if record.type == RRType.CNAME}
    for record in own:
        if id(record) not in kept:
            again = record.type == RRType.CNAME and record.name in made
            reading.dropped.append((record, "follows from the DNAME alone" if again else "not asked for"))


def _read_authority(message: Message, question: Question, zone: Name, reading: Reading, *, aliased: bool) -> None:
    """For a reply that does not hold what was asked for: is there nothing, or does somebody else know?"""
    name = reading.name
    soa: Record | None = None
    cut: Name | None = None
    elsewhere: Name | None = None
    for record in message.authority:
        if record.class_ != RRClass.IN:
            reading.dropped.append((record, "not of the Internet's class"))
        elif record.type == RRType.SOA:
            if name.is_under(record.name) and record.name.is_under(zone) and soa is None:
                soa = record
                record.data  # noqa: B018 - as above
            else:
                reading.dropped.append((record, f"the SOA of no zone under {zone} that {name} is in"))
        elif record.type == RRType.NS:
            owner = record.name
            if owner.is_under(zone) and owner != zone and name.is_under(owner) and cut in (None, owner):
                cut = owner
            else:
                elsewhere = elsewhere or owner
                reading.dropped.append((record, _why_no_cut(owner, name, zone)))
        elif record.type not in (RRType.RRSIG, RRType.NSEC, RRType.NSEC3, RRType.DS):
            reading.dropped.append((record, "has no place in the authority section"))
    if message.rcode == Rcode.NXDOMAIN:
        reading.kind, reading.soa = Kind.NO_NAME, () if soa is None else (soa,)
    elif soa is not None:
        reading.kind, reading.soa = Kind.NO_DATA, (soa,)
    elif aliased:
        reading.kind = Kind.ALIAS
    elif cut is not None and not (question.type == RRType.DS and cut == name):
        _read_referral(message, cut, zone, reading)
    elif message.answer:
        reading.why = "answers with nothing that may be believed"
    elif cut is not None or message.flags & Flag.AA:
        reading.kind = Kind.NO_DATA
    elif elsewhere is not None:
        reading.why = "refers to itself" if elsewhere == zone else f"refers upwards or sideways, to {elsewhere}"
    else:
        reading.why = "says nothing"


def _why_no_cut(owner: Name, name: Name, zone: Name) -> str:
    if owner == zone:
        return f"{zone} is not for itself to delegate"
    if not owner.is_under(zone):
        return f"{owner} is not under {zone}"
    return f"{name} is not in {owner}" if not name.is_under(owner) else "a second zone cut"


def _read_referral(message: Message, cut: Name, zone: Name, reading: Reading) -> None:
    reading.kind, reading.cut = Kind.REFERRAL, cut
    names: dict[Name, None] = {}
    for record in message.authority:
        if record.type == RRType.NS and record.name == cut and record.class_ == RRClass.IN:
            names[record.data.target] = None
            reading.ttl = record.ttl if len(names) == 1 else min(reading.ttl, record.ttl)
    reading.names = list(names)
    for record in message.additional:
        if record.type not in ADDRESSES or record.class_ != RRClass.IN:
            continue
        if record.name not in names:
            reading.dropped.append((record, f"no nameserver of {cut}"))
        elif not record.name.is_under(zone):
            reading.dropped.append((record, f"glue that is not under {zone}"))
        elif len(reading.glue.get(record.name, ())) >= MOST_GLUE:
            reading.dropped.append((record, f"more than {MOST_GLUE} addresses"))
        elif not is_askable(record.data.address):
            reading.dropped.append((record, "no address that one can ask"))
        else:
            reading.glue.setdefault(record.name, []).append(record.data.address)


def _trim(reading: Reading, kept: int) -> None:
    """Keep so many nameservers of a referral, those with addresses first."""
    reading.names.sort(key=lambda name: name not in reading.glue)
    for name in reading.names[kept:]:
        reading.dropped.append((f"{reading.cut} NS {name}", f"more than {kept} nameservers"))
        reading.glue.pop(name, None)
    del reading.names[kept:]


def is_askable(address: str) -> bool:
    """Whether a query can be sent there at all: not to the unspecified address, nor to many hosts at once."""
    parsed = ip_address(address)
    if parsed.is_unspecified or parsed.is_multicast:
        return False
    return parsed.version == 6 or (parsed.packed[0] != 0 and parsed.packed != b"\xff\xff\xff\xff")
