"""Zone text to records: the master file of RFC 1035, section 5, with $TTL, $GENERATE and RFC 3597. Opens no file."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator, Sequence
from typing import NamedTuple, NoReturn

from aioresolver.errors import ConfigurationError
from aioresolver.wire.codes import RRClass, RRType
from aioresolver.wire.message import Record
from aioresolver.wire.names import Name
from aioresolver.wire.rdata import SOA, parse_rdata

__all__ = ["DEFAULT_TTL", "ZoneText", "parse_zone_text"]

DEFAULT_TTL = 300
"""Seconds, for a record where neither the line, nor a line before it, nor $TTL says how long it lives."""

ROOT = Name.parse(".")
LARGEST_TTL = 0x7FFF_FFFF
MOST_GENERATED = 1_000_000
QUESTIONS_ONLY = frozenset({RRType.OPT, RRType.TKEY, RRType.TSIG, RRType.IXFR, RRType.AXFR, RRType.ANY})


class ZoneText(NamedTuple):
    """What a zone's text says: its origin, and its records in the order of the lines."""

    origin: Name
    records: tuple[Record, ...]


def parse_zone_text(text: str, origin: Name | None = None) -> ZoneText:
    """Read a master file.

    Text that is indented as a whole, as in a test's triple-quoted string, is read without that indentation.
    The origin is the one given, else the owner of the SOA, else the first $ORIGIN, else the root.
    Raises ConfigurationError, which names the line.
    """
    reader = _Reader(origin or ROOT)
    records: list[Record] = []
    for entry in _entries(textwrap.dedent(text)):
        try:
            records.extend(reader.read(entry))
        except ValueError as error:
            raise ConfigurationError(f"zone line {entry.line}: {error}") from error
    owners = (record.name for record in records if record.type == RRType.SOA)
    return ZoneText(origin or next(owners, reader.first_origin or ROOT), tuple(records))


class _Entry(NamedTuple):
    """One entry: the number of its first line, whether it began with a blank, and its tokens as they stand."""

    line: int
    blank: bool
    tokens: list[str]


_TOKEN = re.compile(
    r"""(?P<word>(?:[^\s();"\\]|\\[^\n]|"(?:[^"\\\n]|\\[^\n])*")+)|(?P<space>[^\S\n]+|;[^\n]*)|(?P<mark>[()\n])""",
)


def _entries(text: str) -> Iterator[_Entry]:
    """Cut text into entries; parentheses join lines."""
    line = first = 1
    depth = position = 0
    tokens: list[str] = []
    blank = False
    for match in _TOKEN.finditer(text):
        if match.start() != position:
            break
        position = match.end()
        token = match.group()
        if match.lastgroup == "word":
            tokens.append(token)
        elif match.lastgroup == "space":
            blank = blank or (not tokens and token[0] != ";")
        elif token == "(":
            depth += 1
        elif token == ")":
            depth -= 1
            if depth < 0:
                raise ConfigurationError(f"zone line {line}: a parenthesis is closed that was never opened")
        else:
            line += 1
            if depth:
                continue
            if tokens:
                yield _Entry(first, blank, tokens)
            first, blank, tokens = line, False, []
    if position != len(text):
        what = "a quoted string is not closed" if text[position] == '"' else "a backslash stands at the end"
        raise ConfigurationError(f"zone line {line}: {what}")
    if depth:
        raise ConfigurationError(f"zone line {first}: a parenthesis is not closed")
    if tokens:
        yield _Entry(first, blank, tokens)


_TTL = re.compile(r"(?:\d+[wdhms]?)+", re.IGNORECASE | re.ASCII)
_TTL_PART = re.compile(r"(\d+)([wdhms]?)", re.IGNORECASE | re.ASCII)
_SECONDS = {"w": 604800, "d": 86400, "h": 3600, "m": 60, "s": 1, "": 1}
_CLASSES = frozenset({"IN", "CH", "HS", "CS"})
_IN = frozenset({"IN", "CLASS1"})


class _Reader:
    """What one entry leaves behind for the next: origin, owner, TTL."""

    def __init__(self, origin: Name) -> None:
        self.origin = origin
        self.first_origin: Name | None = None
        self.owner: Name | None = None
        self.default_ttl: int | None = None
        self.last_ttl: int | None = None

    def read(self, entry: _Entry) -> Iterator[Record]:
        """The records of an entry; none for a directive, many for $GENERATE."""
        tokens = entry.tokens
        if tokens[0][0] == "$" and not entry.blank:
            yield from self._obey(tokens)
            return
        if not entry.blank:
            self.owner, tokens = self._name(tokens[0]), tokens[1:]
        if self.owner is None:
            raise ValueError("no owner: the line begins with a blank and no line before it names one")
        yield self._record(self.owner, tokens)

    def _record(self, owner: Name, tokens: Sequence[str]) -> Record:
        ttl = None
        named_class = False
        position = 0
        for position, token in enumerate(tokens):
            if ttl is None and _TTL.fullmatch(token):
                ttl = parse_ttl(token)
            elif not named_class and (token.upper() in _CLASSES or token.upper().startswith("CLASS")):
                named_class = True
                if token.upper() not in _IN:
                    raise ValueError(f"class {token} is not served, only IN")
            else:
                break
        else:
            raise ValueError(f"no type of record after {owner}")
        type_ = RRType.parse(tokens[position])
        if type_ in QUESTIONS_ONLY:
            raise ValueError(f"{type_} is not a type of records in a zone")
        data = parse_rdata(type_, " ".join(tokens[position + 1 :]), self.origin)
        return Record(owner, type_, RRClass.IN, self._ttl(ttl, data), data)

    def _ttl(self, ttl: int | None, data: object) -> int:
        if ttl is None:
            if self.default_ttl is not None:
                return self.default_ttl
            if self.last_ttl is not None:
                return self.last_ttl
            if not isinstance(data, SOA):
                return DEFAULT_TTL
            ttl = data.minimum  # RFC 2308, 4: what it meant before $TTL
        self.last_ttl = ttl
        return ttl

    def _name(self, token: str) -> Name:
        return parse_name(token, self.origin)

    def _obey(self, tokens: Sequence[str]) -> Iterator[Record]:
        directive = tokens[0].upper()
        if directive == "$GENERATE":
            yield from self._generate(tokens[1:])
        elif directive == "$INCLUDE":
            raise ValueError("$INCLUDE is not followed: a zone is one text and opens no files")
        elif directive not in ("$ORIGIN", "$TTL"):
            raise ValueError(f"unknown directive {tokens[0]}")
        elif len(tokens) != 2:
            raise ValueError(f"{directive} takes one value")
        elif directive == "$TTL":
            self.default_ttl = parse_ttl(tokens[1])
        else:
            self.origin = self._name(tokens[1])
            self.first_origin = self.first_origin or self.origin

    def _generate(self, tokens: Sequence[str]) -> Iterator[Record]:
        """BIND's $GENERATE: `$GENERATE 1-100 host$ A 10.0.0.$`."""
        if len(tokens) < 4:
            raise ValueError("$GENERATE takes a range, an owner, a type and data")
        owner, rest = tokens[1], tokens[2:]
        for number in _parse_range(tokens[0]):
            yield self._record(self._name(_substitute(owner, number)), [_substitute(token, number) for token in rest])


def parse_ttl(text: str) -> int:
    """Seconds of `3600`, `1h30m` or `1w`. Raises ValueError."""
    if not _TTL.fullmatch(text):
        raise ValueError(f"{text!r} is not a TTL: give seconds, or units such as 1h30m")
    ttl = sum(int(number) * _SECONDS[unit.lower()] for number, unit in _TTL_PART.findall(text))
    if ttl > LARGEST_TTL:
        raise ValueError(f"the TTL {text} is larger than {LARGEST_TTL} seconds")
    return ttl


def parse_name(token: str, origin: Name) -> Name:
    """A name as zone text has it: `@` is the origin, and what has no dot at the end is relative to it."""
    if token == "@":
        return origin
    if token[0] == '"':
        raise ValueError(f"{token} is quoted, but a name belongs here")
    if "\\" in token or token == ".":
        return Name.parse(token, origin)
    return Name.parse(token if token[-1] == "." or origin == "." else f"{token}.{origin}")


_RANGE = re.compile(r"(\d+)-(\d+)(?:/(\d+))?", re.ASCII)


def _parse_range(text: str) -> range:
    match = _RANGE.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is not a range: give one such as 0-99 or 0-99/2")
    start, stop, step = int(match[1]), int(match[2]), int(match[3] or 1)
    if step < 1 or stop < start:
        raise ValueError(f"the range {text} is empty")
    numbers = range(start, stop + 1, step)
    if len(numbers) > MOST_GENERATED:
        raise ValueError(f"the range {text} makes more than {MOST_GENERATED} records")
    return numbers


_PLACE = re.compile(r"\\.|\$\$|\$\{([^}]*)\}|\$")
_PLACE_TERMS = re.compile(r"(-?\d+)(?:,(\d{1,3})(?:,([doxXnN]))?)?", re.ASCII)


def _substitute(text: str, number: int) -> str:
    """Put a number where `$` or `${offset,width,base}` stands; `$$` and an escaped one stay a dollar."""
    if "$" not in text:
        return text

    def put(match: re.Match[str]) -> str:
        if match.group() in ("$$", "\\$"):
            return "$"
        if match.group()[0] == "\\":
            return match.group()
        return str(number) if match[1] is None else _format(match[1], number)

    return _PLACE.sub(put, text)


def _format(terms: str, number: int) -> str:
    match = _PLACE_TERMS.fullmatch(terms)
    if match is None:
        _refuse_terms(terms)
    value = number + int(match[1])
    width, base = int(match[2] or 0), match[3] or "d"
    if value < 0:
        raise ValueError(f"${{{terms}}} makes {value}, and no number may be negative")
    return _nibbles(value, width, base) if base in "nN" else f"{value:0{width}{base}}"


def _nibbles(value: int, width: int, base: str) -> str:
    """Hexadecimal digits, the lowest first, with dots between: as ip6.arpa has them. The width counts the dots."""
    digits = f"{value:x}" if base == "n" else f"{value:X}"
    return ".".join(reversed(digits.rjust((width + 1) // 2, "0")))


def _refuse_terms(terms: str) -> NoReturn:
    raise ValueError(f"${{{terms}}} is not understood: give ${{offset,width,base}} with base d, o, x, X, n or N")
