"""`aioresolver trace NAME [TYPE]`: the walk from the root servers to an answer, every question on the way."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import sys
from collections.abc import AsyncIterator
from pathlib import Path

from aioresolver.backends.iterative.backend import IterativeBackend
from aioresolver.backends.iterative.hints_file import parse_hints
from aioresolver.cli.colours import add_colour_option, paint_for
from aioresolver.cli.exit_status import DONE, NO_REPLY
from aioresolver.cli.options import add_network_options
from aioresolver.cli.words import add_question_options, read_questions
from aioresolver.resolver import Resolver
from aioresolver.trace import Trace

__all__ = ["DESCRIPTION", "EPILOG", "add_options", "run"]

DESCRIPTION = "Walk from the root servers to an answer: who was asked in each zone, what came back, what of it was believed and why."
EPILOG = (
    "Exit status: 0 an answer (also: no such name), or the last server replied with an error, 1 wrong use, 9 no reply, "
    "10 anything else."
)
DEMO_NAME = "www.guest.example"
# For terminals and files of which the encoding has no lines and arrows.
PLAIN = str.maketrans({"├": "|", "└": "`", "─": "-", "│": "|", "→": ">", "✗": "x", "…": "~"})


def add_options(parser: argparse.ArgumentParser) -> None:
    """The command line of a trace."""
    add_question_options(parser, nameservers=False)
    parser.add_argument("--json", action="store_true", help="one JSON object")
    parser.add_argument("--svg", metavar="FILE", help="draw it there too; with -, instead of the text")
    parser.add_argument(
        "--hints", metavar="FILE", help="the root servers, as in IANA's named.root (default: those of 2024-04-10)"
    )
    parser.add_argument(
        "--no-minimisation",
        dest="minimise",
        action="store_false",
        help="show every server the whole name, and not only the part that it needs (RFC 9156)",
    )
    parser.add_argument(
        "--demo", action="store_true", help=f"walk a small internet on loopback, to {DEMO_NAME} unless a name is given"
    )
    add_network_options(parser)
    add_colour_option(parser)


def run(options: argparse.Namespace) -> int:
    """Walk, print, and return dig's exit status."""
    if options.demo and not (options.words or options.reverse):
        options.words = [DEMO_NAME]
    nameservers, questions = read_questions(options)
    if nameservers:
        raise ValueError(f"a trace asks the servers of each zone, and no resolver: leave out @{nameservers[0]}")
    if len(questions) > 1:
        raise ValueError(f"one name and one type at the most, not {len(questions)} questions")
    if options.demo and options.hints:
        raise ValueError("--demo has root servers of its own: leave out --hints")
    asked = questions[0]

    async def walk() -> Trace:
        async with _backend(options) as backend, Resolver(backend, timeout=options.timeout, search=()) as resolver:
            return await resolver.trace(asked.name, asked.type)

    trace = asyncio.run(walk())
    _show(trace, options)
    return _status_of(trace)


@contextlib.asynccontextmanager
async def _backend(options: argparse.Namespace) -> AsyncIterator[IterativeBackend]:
    """The backend that the options ask for, and its internet where that is not the world's."""
    minimise, family = options.minimise, options.family
    if options.demo:
        from aioresolver.cli.demo_iterative import demo_backend, demo_internet  # noqa: PLC0415 - seldom wanted

        async with demo_internet() as internet:
            yield demo_backend(internet, qname_minimization=minimise, family=family)
        return
    hints = None if options.hints is None else parse_hints(_read(options.hints))
    yield IterativeBackend(hints, qname_minimization=minimise, family=family)


def _status_of(trace: Trace) -> int:
    """Of a failure whether the server that was asked last replied at all."""
    if trace.error is None:
        return DONE
    replied = [bool(step.rcode) for step in trace.all_steps() if step.address]
    return DONE if replied and replied[-1] and trace.outcome != "timeout" else NO_REPLY


def _read(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8")
    except OSError as error:
        raise ValueError(f"cannot read the root hints: {error}") from error


def _show(trace: Trace, options: argparse.Namespace) -> None:
    if options.svg == "-":
        print(trace.to_svg(), end="")
        return
    if options.json:
        print(json.dumps(trace.as_dict()))
    else:
        _print_tree(trace, options.color)
    if options.svg is not None:
        Path(options.svg).write_text(trace.to_svg(), encoding="utf-8")


def _print_tree(trace: Trace, colour: str) -> None:
    text = "\n".join(trace.lines(paint_for(colour, sys.stdout)))
    try:
        text.encode(sys.stdout.encoding or "utf-8")
    except UnicodeEncodeError:
        text = text.translate(PLAIN)
    print(text)
