"""One entry of a zone file, taken apart (RFC 1035, 5.1)."""

from __future__ import annotations

from typing import Any, NamedTuple, TypeVar

from aioresolver.errors import RdataSyntaxError
from aioresolver.wire.codes import RRClass, RRType
from aioresolver.wire.layout import TTL_LIMIT
from aioresolver.wire.names import Name
from aioresolver.wire.rdata import parse_rdata
from aioresolver.wire.rdata.tokens import parse_ttl, tokenize

__all__ = ["Entry", "parse_entry"]


class Entry(NamedTuple):
    """What makes a record, in its order."""

    name: Name
    type: RRType
    class_: RRClass
    ttl: int
    data: Any


def parse_entry(text: str, origin: Name | None = None, *, ttl: int | None = None) -> Entry:
    """The parts of `name [ttl] [class] type data`; TTL and class may change places.

    Relative names are completed with `origin`, or with the root; `ttl` is for text without one.
    Raises RdataSyntaxError.
    """
    tokens = tokenize(text, origin)
    name = tokens.name()
    rrclass = None
    while True:
        word = tokens.word("a record type")
        if word[0].isdigit():
            ttl = parse_ttl(word)
        elif rrclass is None and (word.upper() in RRClass.__members__ or word[:5].upper() == "CLASS"):
            rrclass = _code(RRClass, word)
        else:
            rrtype = _code(RRType, word)
            break
    if ttl is None:
        raise RdataSyntaxError(f"expected a TTL in {text!r}")
    if ttl >= TTL_LIMIT:
        raise RdataSyntaxError(f"expected a TTL of at most {TTL_LIMIT - 1} seconds, found {ttl}")
    return Entry(name, rrtype, rrclass or RRClass.IN, ttl, parse_rdata(rrtype, tokens, origin))


C = TypeVar("C", RRType, RRClass)


def _code(cls: type[C], word: str) -> C:
    try:
        member: C = cls.parse(word)
    except ValueError as error:
        raise RdataSyntaxError(f"expected a record type, found {word}") from error
    return member
