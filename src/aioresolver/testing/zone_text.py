"""Zone text to records: the master file of RFC 1035, section 5, with $TTL and $GENERATE. Opens no file."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from typing import NamedTuple

from aioresolver.errors import ConfigurationError
from aioresolver.wire.codes import RRClass, RRType
from aioresolver.wire.message import Record
from aioresolver.wire.names import Name
from aioresolver.wire.rdata import SOA, parse_rdata
from aioresolver.wire.rdata.tokens import Tokens, parse_ttl, tokenize

__all__ = ["DEFAULT_TTL", "ZoneText", "parse_zone_text"]

DEFAULT_TTL = 300
"""Seconds, for a record where neither the line, nor a line before it, nor $TTL says how long it lives."""

MOST_GENERATED = 1_000_000
"""So many records may come from one $GENERATE."""

_ROOT = Name(".")
_QUESTIONS_ONLY = frozenset({RRType.OPT, RRType.TKEY, RRType.TSIG, RRType.IXFR, RRType.AXFR, RRType.ANY})


class ZoneText(NamedTuple):
    """What a zone's text says: its origin, its records in their order, and the line of each."""

    origin: Name
    records: tuple[Record, ...]
    lines: tuple[int, ...]


def parse_zone_text(text: str, origin: Name | None = None) -> ZoneText:
    """Read a master file.

    Text that is indented as a whole, as in a test's triple-quoted string, is read without that indentation.
    The origin is the one given, else the owner of the SOA, else the first $ORIGIN, else the root.
    Raises ConfigurationError, which names the line.
    """
    reader = _Reader(origin or _ROOT)
    records: list[Record] = []
    lines: list[int] = []
    for line, entry in _entries(textwrap.dedent(text)):
        try:
            records.extend(reader.read(entry))
        except ValueError as error:
            raise ConfigurationError(f"zone line {line}: {error}") from error
        lines += [line] * (len(records) - len(lines))
    owners = (record.name for record in records if record.type == RRType.SOA)
    return ZoneText(origin or next(owners, reader.first_origin or _ROOT), tuple(records), tuple(lines))


_match_ttl = re.compile(r"[0-9][0-9wdhms]*", re.IGNORECASE).fullmatch
_match_class = re.compile(r"IN|CH|HS|CS|CLASS[0-9]+", re.IGNORECASE).fullmatch
_INTERNET = frozenset({"IN", "CLASS1"})


class _Reader:
    """Reads entries; origin, owner and TTL go on from one to the next."""

    def __init__(self, origin: Name) -> None:
        self.origin = origin
        self.first_origin: Name | None = None
        self._owner: Name | None = None
        self._default_ttl: int | None = None
        self._last_ttl: int | None = None

    def read(self, entry: str) -> Iterator[Record]:
        """The records of an entry; none for a directive, many for $GENERATE."""
        tokens = tokenize(entry, self.origin)
        first = tokens.peek()
        if first is None:
            return
        if not entry[0].isspace():
            if first.text[:1] == "$":
                yield from self._obey(tokens)
                return
            self._owner = tokens.name()
        if self._owner is None:
            raise ValueError("the line begins with a blank, and no line before it names an owner")
        yield self._record(self._owner, tokens)

    def _record(self, owner: Name, tokens: Tokens) -> Record:
        """The record of `[TTL] [class] type data`, or `[class] [TTL] type data`."""
        ttl = rrclass = None
        while True:
            word = tokens.word("a type of record")
            if ttl is None and _match_ttl(word):
                ttl = parse_ttl(word)
            elif rrclass is None and _match_class(word):
                rrclass = word.upper()
                if rrclass not in _INTERNET:
                    raise ValueError(f"class {word} is not served, only IN")
            else:
                break
        rrtype = RRType.parse(word)
        if rrtype in _QUESTIONS_ONLY:
            raise ValueError(f"{rrtype} is not a type of records in a zone")
        data = parse_rdata(rrtype, tokens, self.origin)
        return Record(owner, rrtype, RRClass.IN, self._ttl(ttl, data), data)

    def _ttl(self, ttl: int | None, data: object) -> int:
        """The TTL of the line, or what holds without one (RFC 2308, 4; RFC 1035, 5.1)."""
        if ttl is None:
            if self._default_ttl is not None:
                return self._default_ttl
            if self._last_ttl is not None:
                return self._last_ttl
            if not isinstance(data, SOA):
                return DEFAULT_TTL
            ttl = data.minimum
        self._last_ttl = ttl
        return ttl

    def _obey(self, tokens: Tokens) -> Iterator[Record]:
        directive = tokens.word("a directive").upper()
        if directive == "$GENERATE":
            yield from self._generate(tokens)
            return
        if directive == "$TTL":
            self._default_ttl = parse_ttl(tokens.word("a TTL"))
        elif directive == "$ORIGIN":
            self.origin = tokens.name()
            self.first_origin = self.first_origin or self.origin
        elif directive == "$INCLUDE":
            raise ValueError("$INCLUDE is not followed: a zone is one text and opens no files")
        else:
            raise ValueError(f"unknown directive {directive}")
        tokens.finish()

    def _generate(self, tokens: Tokens) -> Iterator[Record]:
        """BIND's directive: `$GENERATE 1-100 host$ A 10.0.0.$`."""
        numbers = _parse_range(tokens.word("a range such as 0-99"))
        pattern = [tokens.take("an owner, a type and data") for _ in range(len(tokens))]
        for number in numbers:
            made = Tokens([token._replace(text=_substitute(token.text, number)) for token in pattern], self.origin)
            yield self._record(made.name(), made)


def _entries(text: str) -> Iterator[tuple[int, str]]:
    """The entries of a text with the number of their first line; parentheses join lines."""
    kept: list[str] = []
    depth = 0
    number = 0
    for number, line in enumerate(text.split("\n"), 1):
        if kept or "(" in line:
            bare = _NOT_BRACKETS.sub("", line)
            depth += bare.count("(") - bare.count(")")
            kept.append(line)
            if depth > 0:
                continue
            yield number + 1 - len(kept), "\n".join(kept)
            kept, depth = [], 0
        elif line.strip():
            yield number, line
    if kept:
        raise ConfigurationError(f"zone line {number + 1 - len(kept)}: the parenthesis is not closed")


_NOT_BRACKETS = re.compile(r'\\.|"(?:[^"\\]|\\.)*"|;.*')


def _parse_range(text: str) -> range:
    match = _match_range(text)
    if match is None:
        raise ValueError(f"{text!r} is not a range: give one such as 0-99 or 0-99/2")
    start, stop, step = int(match[1]), int(match[2]), int(match[3] or 1)
    if step < 1 or stop < start:
        raise ValueError(f"the range {text} is empty")
    numbers = range(start, stop + 1, step)
    if len(numbers) > MOST_GENERATED:
        raise ValueError(f"the range {text} makes more than {MOST_GENERATED} records")
    return numbers


_match_range = re.compile(r"([0-9]{1,10})-([0-9]{1,10})(?:/([0-9]{1,10}))?").fullmatch


def _substitute(text: str, number: int) -> str:
    r"""Put a number where `$` or `${offset,width,base}` stands; `\$` and `$$` stay a dollar."""
    return _PLACE.sub(lambda match: _fill(match, number), text) if "$" in text else text


_PLACE = re.compile(r"\\.|\$\$|\$\{([^}]*)\}|\$")
_match_terms = re.compile(r"(-?[0-9]{1,10})(?:,([0-9]{1,3})(?:,([doxXnN]))?)?").fullmatch


def _fill(place: re.Match[str], number: int) -> str:
    if place[0][0] == "\\":
        return place[0]
    if place[0] == "$$":
        return r"\$"
    if place[1] is None:
        return str(number)
    terms = _match_terms(place[1])
    if terms is None:
        raise ValueError(f"{place[0]} is not understood: give ${{offset,width,base}} with base d, o, x, X, n or N")
    value, width, base = number + int(terms[1]), int(terms[2] or 0), terms[3] or "d"
    if value < 0:
        raise ValueError(f"{place[0]} makes {value}, and no number may be negative")
    if base in "nN":
        # The digits of ip6.arpa: the lowest first, with dots between, which the width counts.
        digits = f"{value:0{(width + 1) // 2}{'x' if base == 'n' else 'X'}}"
        return ".".join(reversed(digits))
    return f"{value:0{width}{base}}"
