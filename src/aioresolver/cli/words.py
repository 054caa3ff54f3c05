"""What stands on a command line in any order, as with dig: names, types and nameservers."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import NamedTuple

from aioresolver.system.literal import parse_literal
from aioresolver.wire.codes import RRType
from aioresolver.wire.message import Question

__all__ = ["Asked", "Words", "add_question_options", "read_questions", "split_nameservers"]

# The class of everything that is asked, which people write where they are used to zone files.
CLASS = "IN"


class Asked(NamedTuple):
    """One question; `number` is which of the names it is about, from 0, `name` that one as it was written."""

    number: int
    name: str
    type: RRType


class Words(NamedTuple):
    """Whom to ask, and what."""

    nameservers: tuple[str, ...]
    questions: tuple[Asked, ...]


def add_question_options(parser: argparse.ArgumentParser, *, nameservers: bool = True) -> None:
    """The part of a command line that `read_questions` reads; `nameservers`: whether one may say whom to ask."""
    whom = "; whom to ask, for example @1.1.1.1, @udp://127.0.0.1:5353 or @tls://9.9.9.9#dns.quad9.net"
    parser.add_argument(
        "words",
        nargs="*",
        metavar="NAME|TYPE|@nameserver" if nameservers else "NAME|TYPE",
        help="in any order: names or addresses; record types (A unless given; PTR for an address)"
        + (whom if nameservers else ""),
    )
    parser.add_argument(
        "-t", "--type", action="append", default=[], metavar="TYPE,…", help="record types, for example A,AAAA,MX"
    )
    parser.add_argument(
        "-x", dest="reverse", action="append", default=[], metavar="ADDRESS", help="the names of an address (PTR)"
    )


def read_questions(options: argparse.Namespace) -> Words:
    """Every name with every type, in the order given. Raises ValueError for what cannot be asked.

    A word that reads as a type is one, unless no name is left then: `aioresolver mx` asks for the host mx, and
    `aioresolver mx.` does so among any other words.
    """
    nameservers, words = split_nameservers(options.words)
    for word in words:
        if word.startswith("+"):
            raise ValueError(f"{word!r} is dig's way: options begin with -- here, such as --short")
    names = [word for word in words if not _is_type(word)]
    if not names and words and not options.reverse:
        names.append(words.pop(0))
    types = [RRType.parse(word) for word in words if _is_type(word) and word.upper() != CLASS]
    types += [RRType.parse(word) for text in options.type for word in text.split(",")]
    wanted = [(name, _types_of(name, types)) for name in names]
    wanted += [(_checked_address(text), [RRType.PTR]) for text in options.reverse]
    if not wanted:
        raise ValueError("a name is missing")
    questions = [Asked(i, name, type_) for i, (name, types) in enumerate(wanted) for type_ in dict.fromkeys(types)]
    for question in questions:
        Question.parse(question.name, question.type)  # better now than when others have been asked
    return Words(tuple(nameservers), tuple(questions))


def split_nameservers(words: Sequence[str]) -> tuple[list[str], list[str]]:
    """The words that are `@nameserver`, without the @, and the others."""
    nameservers = [word[1:] for word in words if word.startswith("@")]
    return nameservers, [word for word in words if not word.startswith("@")]


def _is_type(word: str) -> bool:
    """Whether it is a record type, or the class."""
    if word.upper() == CLASS:
        return True
    try:
        RRType.parse(word)
    except ValueError:
        return False
    return True


def _types_of(name: str, types: list[RRType]) -> list[RRType]:
    return types or [RRType.A if parse_literal(name) is None else RRType.PTR]


def _checked_address(text: str) -> str:
    if parse_literal(text) is None:
        raise ValueError(f"-x takes an address, not {text!r}")
    return text
