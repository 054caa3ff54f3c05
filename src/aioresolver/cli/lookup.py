"""`aioresolver NAME… [TYPE…] [@nameserver…]`: lookups at once, shown in the order in which they were asked for."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Sequence
from typing import Any

from aioresolver.answer import Answer
from aioresolver.cli.colours import Paint, add_colour_option, paint_for
from aioresolver.cli.exit_status import DONE, status_of_failure
from aioresolver.cli.options import add_debug_option, add_resolver_options, resolver_of
from aioresolver.cli.output import describe, json_line, short_lines
from aioresolver.cli.words import Asked, add_question_options, read_questions
from aioresolver.errors import LookupTimeout, NameNotFound, NoRecords, ResolutionError
from aioresolver.resolver import Resolver

__all__ = ["DESCRIPTION", "EPILOG", "add_options", "run"]

DESCRIPTION = (
    "Resolve names. `aioresolver explain` tells how that goes, `aioresolver trace` walks there from the root, `aioresolver "
    "survey` shows what a domain has, `aioresolver bulk` resolves a file of names, `aioresolver demo` shows it all at work."
)
EPILOG = (
    "Exit status: 0 a reply came for every question (also: no such name), 1 wrong use, 8 no names file, 9 no reply, "
    "10 anything else."
)

Outcome = Answer[Any] | ResolutionError


def add_options(parser: argparse.ArgumentParser) -> None:
    """The command line of lookups."""
    add_question_options(parser)
    style = parser.add_mutually_exclusive_group()
    style.add_argument("--short", action="store_true", help="only the data, a line each")
    style.add_argument("--json", action="store_true", help="a JSON object a line, as `aioresolver bulk` writes them")
    parser.add_argument(
        "--time", action="store_true", help="how long it took, all in all; with --short, who answered too"
    )
    add_resolver_options(parser)
    add_debug_option(parser)
    add_colour_option(parser)


def run(options: argparse.Namespace) -> int:
    """Look everything up, print, and return dig's exit status."""
    asked = read_questions(options)
    return asyncio.run(_look_up_all(resolver_of(options, asked.nameservers), asked.questions, options))


async def _look_up_all(resolver: Resolver, questions: Sequence[Asked], options: argparse.Namespace) -> int:
    """Each is shown as soon as it and those before it are known."""
    loop = asyncio.get_running_loop()
    show, began, status = _Shown(options), loop.time(), DONE
    async with resolver:
        lookups = [loop.create_task(_look_up(resolver, asked)) for asked in questions]
        try:
            for asked, lookup in zip(questions, lookups, strict=True):
                outcome = await lookup
                show(asked, outcome)
                status = max(status, _status_of(outcome))
        finally:
            for lookup in lookups:
                lookup.cancel()
            await asyncio.gather(*lookups, return_exceptions=True)
    if options.time:
        many = f"{len(questions)} questions" if len(questions) > 1 else "1 question"
        print(f"; {many} in {(loop.time() - began) * 1000:.1f} ms", file=sys.stderr)
    return status


async def _look_up(resolver: Resolver, asked: Asked) -> Outcome:
    try:
        return await resolver.resolve(asked.name, asked.type)
    except (NameNotFound, NoRecords):
        return await _absence(resolver, asked)
    except ResolutionError as error:
        return error


async def _absence(resolver: Resolver, asked: Asked) -> Outcome:
    """The empty answer, which says who denies it and for how long."""
    try:
        return await resolver.query(asked.name, asked.type)
    except ResolutionError as error:
        return error


class _Shown:
    """Prints outcomes as the options want them."""

    def __init__(self, options: argparse.Namespace) -> None:
        self._options = options
        self._paint = paint_for(options.color, sys.stdout)
        self._gap = ""

    def __call__(self, asked: Asked, outcome: Outcome) -> None:
        if self._options.json:
            print(json_line(asked, outcome, now=asyncio.get_running_loop().time()))
        elif self._options.short:
            self._short(asked, outcome)
        else:
            print(self._gap, describe(asked, outcome, self._paint), sep="")
            self._gap = "\n"

    def _short(self, asked: Asked, outcome: Outcome) -> None:
        """Data is all that goes to standard output."""
        if isinstance(outcome, Answer):
            for line in short_lines(outcome, self._paint, timed=self._options.time):
                print(line)
        else:
            paint: Paint = paint_for(self._options.color, sys.stderr)
            print(describe(asked, outcome, paint), file=sys.stderr)


def _status_of(outcome: Outcome) -> int:
    if isinstance(outcome, Answer):
        return DONE
    return status_of_failure(outcome.attempts, timed_out=isinstance(outcome, LookupTimeout))
