"""`aioresolver explain NAME [TYPE] [@nameserver]`: the way that a lookup takes, step by step."""

from __future__ import annotations

import argparse
import asyncio
import json

from aioresolver.cli.exit_status import DONE, status_of_failure
from aioresolver.cli.options import add_resolver_options, resolver_of
from aioresolver.cli.words import add_question_options, read_questions
from aioresolver.explanation import Explanation

__all__ = ["DESCRIPTION", "add_options", "run"]

DESCRIPTION = "Look a name up and tell how: which files say what, who was asked, what came back, who is believed."


def add_options(parser: argparse.ArgumentParser) -> None:
    """The command line of an explanation."""
    add_question_options(parser)
    parser.add_argument("--json", action="store_true", help="one JSON object")
    parser.add_argument(
        "--os",
        action="store_true",
        default=None,
        help="ask the operating system too, also when a nameserver is given (else it is asked anyway)",
    )
    add_resolver_options(parser)


def run(options: argparse.Namespace) -> int:
    """Explain, print, and return dig's exit status."""
    nameservers, questions = read_questions(options)
    if len(questions) > 1:
        raise ValueError(f"one name and one type at the most, not {len(questions)} questions")
    asked = questions[0]
    resolver = resolver_of(options, nameservers)

    async def explain() -> Explanation:
        async with resolver:
            return await resolver.explain(asked.name, asked.type, os=options.os)

    explanation = asyncio.run(explain())
    print(json.dumps(explanation.as_dict()) if options.json else explanation)
    verdict = explanation.verdict
    if verdict.outcome not in ("timeout", "failed"):
        return DONE
    return status_of_failure(verdict.attempts, timed_out=verdict.outcome == "timeout")
