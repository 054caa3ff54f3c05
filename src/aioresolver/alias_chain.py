"""AliasChain: from the question's name over its aliases to the records that a message has for it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Generic, TypeVar

from aioresolver.errors import MessageFormatError, NameSyntaxError
from aioresolver.wire.codes import RRType
from aioresolver.wire.message import Message, Question, Record
from aioresolver.wire.names import Name

__all__ = ["AliasChain", "soa_ttl"]

D_co = TypeVar("D_co", covariant=True)

MAX_ALIASES = 16
MAX_TTL = 0x7FFFFFFF
ANY, RRSIG = RRType.ANY, RRType.RRSIG
ALIASES = frozenset({RRType.CNAME, RRType.DNAME})
# A DNAME is found behind aliases as any other type is: it redirects what is below its owner, not the owner.
UNALIASED = frozenset({RRType.CNAME, ANY})


class AliasChain(Generic[D_co]):
    """The way from the question's name over its aliases to the records, and the signatures over these (RRSIG)."""

    __slots__ = ("alias_ttl", "aliases", "data", "name", "records", "signatures")

    def __init__(self, question: Question, message: Message) -> None:
        name, wanted, class_ = question
        aliases: list[Name] = []
        ttl = MAX_TTL
        answer = [record for record in message.answer if record.class_ == class_]
        if wanted not in UNALIASED and not ALIASES.isdisjoint([record.type for record in answer]):
            cnames, dnames = _by_owner(answer, RRType.CNAME), _by_owner(answer, RRType.DNAME)
            while (alias := _alias(name, cnames, dnames)) is not None:
                aliases.append(name)
                name, alias_ttl = alias
                ttl = min(ttl, alias_ttl)
                if name in aliases or len(aliases) > MAX_ALIASES:
                    raise MessageFormatError(f"the aliases of {question.name} are a circle or more than {MAX_ALIASES}")
        owned = [record for record in answer if record.name == name]
        self.name: Name = name
        self.aliases: tuple[Name, ...] = tuple(aliases)
        self.alias_ttl: int = ttl
        self.records: tuple[Record, ...] = tuple(
            owned if wanted == ANY else [record for record in owned if record.type == wanted]
        )
        self.signatures: tuple[Record, ...] = tuple(
            record
            for record in owned
            if record.type == RRSIG and wanted not in (RRSIG, ANY) and record.data.type_covered == wanted
        )
        self.data: tuple[D_co, ...] = tuple(record.data for record in self.records)

    def ttl(self, message: Message) -> int:
        """Seconds to keep the answer: 0 when an empty one has no SOA to say how long (RFC 2308, 5)."""
        if self.records:
            return min(self.alias_ttl, *(record.ttl for record in self.records))
        absent = soa_ttl(message)
        return 0 if absent is None else min(self.alias_ttl, absent)

    def rotated(self, places: int) -> AliasChain[D_co]:
        """The same with the records in round-robin order."""
        cut = places % len(self.records)
        other: AliasChain[D_co] = AliasChain.__new__(AliasChain)
        other.name, other.aliases, other.alias_ttl = self.name, self.aliases, self.alias_ttl
        other.signatures = self.signatures
        other.records = self.records[cut:] + self.records[:cut]
        other.data = self.data[cut:] + self.data[:cut]
        return other


def _by_owner(records: Sequence[Record], wanted: RRType) -> dict[Name, Record]:
    """The first record of this type that each name has: who follows aliases looks each up once, however many there are."""
    return {record.name: record for record in reversed(records) if record.type == wanted}


def _alias(name: Name, cnames: dict[Name, Record], dnames: dict[Name, Record]) -> tuple[Name, int] | None:
    """Where a CNAME, or a DNAME above (RFC 6672, 3.2), leads to, and its TTL."""
    record = cnames.get(name)
    if record is not None:
        return record.data.target, record.ttl
    above = name
    while dnames and (above := above.parent) != ".":
        record = dnames.get(above)
        if record is None:
            continue
        target = "" if record.data.target == "." else record.data.target
        try:
            return Name.parse(name[: -len(above)] + target), record.ttl
        except NameSyntaxError as error:
            raise MessageFormatError(f"the DNAME of {above} makes an impossible name: {error}") from error
    return None


def soa_ttl(message: Message) -> int | None:
    """For how long an SOA in the authority section lets absence be believed (RFC 2308, 5); None without one."""
    for record in message.authority:
        if record.type == RRType.SOA:
            minimum: int = record.data.minimum
            return min(record.ttl, minimum)
    return None
