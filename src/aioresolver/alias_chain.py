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


class AliasChain(Generic[D_co]):
    """The way from the question's name over its aliases to the records, and the signatures over these (RRSIG)."""

    __slots__ = ("alias_ttl", "aliases", "data", "name", "records", "signatures")

    def __init__(self, question: Question, message: Message) -> None:
        name = question.name
        aliases: list[Name] = []
        ttl = MAX_TTL
        answer = [record for record in message.answer if record.class_ == question.class_]
        if question.type not in (RRType.CNAME, RRType.ANY, RRType.DNAME):
            while (alias := _alias(name, answer)) is not None:
                aliases.append(name)
                name, alias_ttl = alias
                ttl = min(ttl, alias_ttl)
                if name in aliases or len(aliases) > MAX_ALIASES:
                    raise MessageFormatError(f"the aliases of {question.name} are a circle or more than {MAX_ALIASES}")
        wanted = question.type
        self.name: Name = name
        self.aliases: tuple[Name, ...] = tuple(aliases)
        self.alias_ttl: int = ttl
        self.records: tuple[Record, ...] = tuple(
            record for record in answer if record.name == name and (record.type == wanted or wanted == RRType.ANY)
        )
        self.signatures: tuple[Record, ...] = tuple(
            record
            for record in answer
            if record.type == RRType.RRSIG != wanted
            and wanted != RRType.ANY
            and record.name == name
            and record.data.type_covered == wanted
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


def _alias(name: Name, records: Sequence[Record]) -> tuple[Name, int] | None:
    """Where a CNAME, or a DNAME above (RFC 6672, 3.2), leads to, and its TTL."""
    for record in records:
        if record.type == RRType.CNAME and record.name == name:
            return record.data.target, record.ttl
    for record in records:
        if record.type == RRType.DNAME and name != record.name != "." and name.is_under(record.name):
            above = "" if record.data.target == "." else record.data.target
            try:
                return Name.parse(name[: -len(record.name)] + above), record.ttl
            except NameSyntaxError as error:
                raise MessageFormatError(f"the DNAME of {record.name} makes an impossible name: {error}") from error
    return None


def soa_ttl(message: Message) -> int | None:
    """For how long an SOA in the authority section lets absence be believed (RFC 2308, 5); None without one."""
    for record in message.authority:
        if record.type == RRType.SOA:
            minimum: int = record.data.minimum
            return min(record.ttl, minimum)
    return None
