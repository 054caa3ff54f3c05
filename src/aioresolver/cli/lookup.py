"""`aioresolver NAME [TYPE] [@nameserver]`: one lookup, shown."""

from __future__ import annotations

import argparse
import asyncio
import sys
from typing import Any

from aioresolver.answer import Answer
from aioresolver.cli.options import add_resolver_options, make_resolver, split_nameservers
from aioresolver.cli.output import describe, json_line
from aioresolver.errors import DNSError, LookupTimeout, NameNotFound, NameSyntaxError, NoRecords, ResolutionError
from aioresolver.system.literal import parse_literal
from aioresolver.wire.codes import RRType

__all__ = ["DESCRIPTION", "EPILOG", "add_options", "name_and_type", "run"]

DESCRIPTION = (
    "Resolve a name. `aioresolver explain` tells how that went, `aioresolver bulk` resolves a file of names, "
    "`aioresolver demo` shows it all at work."
)
EPILOG = "Exit status: 0 a reply came (also: no such name), 1 wrong use, 8 no names file, 9 no reply, 10 anything else."

REPLIED = 0
NO_REPLY = 9


def add_options(parser: argparse.ArgumentParser) -> None:
    """The command line of a lookup."""
    parser.add_argument(
        "words",
        nargs="+",
        metavar="NAME [TYPE] [@nameserver]",
        help="a name or an address; a record type (A unless given; PTR for an address); whom to ask, for example "
        "@1.1.1.1, @udp://127.0.0.1:5353 or @tls://9.9.9.9#dns.quad9.net",
    )
    style = parser.add_mutually_exclusive_group()
    style.add_argument("--short", action="store_true", help="only the data, a line each")
    style.add_argument("--json", action="store_true", help="one JSON object")
    add_resolver_options(parser)


def run(options: argparse.Namespace) -> int:
    """Look up, print, and return dig's exit status."""
    nameservers, words = split_nameservers(options.words)
    name, type_ = name_and_type(words)
    resolver = make_resolver(nameservers, backend=options.backend, timeout=options.timeout)

    async def look_up() -> Answer[Any] | DNSError:
        async with resolver:
            try:
                return await resolver.resolve(name, type_)
            except (NameNotFound, NoRecords):
                return await resolver.query(name, type_)
            except NameSyntaxError:
                raise
            except ResolutionError as error:
                return error

    async def show() -> int:
        outcome = await look_up()
        _show(name, type_, outcome, options)
        return NO_REPLY if _unanswered(outcome) else REPLIED

    return asyncio.run(show())


def name_and_type(words: list[str]) -> tuple[str, RRType]:
    """Name and type in either order, as dig takes them."""
    if not words:
        raise ValueError("a name is missing")
    if len(words) > 2:
        raise ValueError(f"one name and one type at the most, not {' '.join(words)!r}")
    if len(words) == 1:
        return words[0], RRType.A if parse_literal(words[0]) is None else RRType.PTR
    try:
        return words[0], RRType.parse(words[1])
    except ValueError as error:
        try:
            return words[1], RRType.parse(words[0])
        except ValueError:
            raise error from None


def _show(name: str, type_: RRType, outcome: Answer[Any] | DNSError, options: argparse.Namespace) -> None:
    if options.json:
        print(json_line(name, type_, outcome, now=asyncio.get_running_loop().time()))
    elif options.short and isinstance(outcome, Answer):
        for data in outcome:
            print(data)
    else:
        print(describe(name, type_, outcome), file=sys.stderr if options.short else sys.stdout)


def _unanswered(outcome: Answer[Any] | DNSError) -> bool:
    """Whether not one nameserver replied."""
    if not isinstance(outcome, ResolutionError):
        return False
    return isinstance(outcome, LookupTimeout) or not any(
        attempt.outcome.split()[0].isupper() for attempt in outcome.attempts
    )
