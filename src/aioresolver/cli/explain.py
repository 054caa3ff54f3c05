"""`aioresolver explain NAME [TYPE] [@nameserver]`: the way that a lookup takes, step by step."""

from __future__ import annotations

import argparse
import asyncio
import json

from aioresolver.cli.lookup import name_and_type
from aioresolver.cli.options import add_resolver_options, make_resolver, split_nameservers
from aioresolver.explanation import Explanation

__all__ = ["DESCRIPTION", "add_options", "run"]

DESCRIPTION = "Look a name up and tell how: which files say what, who was asked, what came back, who is believed."

REPLIED = 0
NO_REPLY = 9


def add_options(parser: argparse.ArgumentParser) -> None:
    """The command line of an explanation."""
    parser.add_argument(
        "words",
        nargs="+",
        metavar="NAME [TYPE] [@nameserver]",
        help="a name or an address; a record type (A unless given; PTR for an address); whom to ask",
    )
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
    nameservers, words = split_nameservers(options.words)
    name, type_ = name_and_type(words)
    resolver = make_resolver(nameservers, backend=options.backend, timeout=options.timeout)

    async def explain() -> Explanation:
        async with resolver:
            return await resolver.explain(name, type_, os=options.os)

    explanation = asyncio.run(explain())
    print(json.dumps(explanation.as_dict()) if options.json else explanation)
    return REPLIED if _replied(explanation) else NO_REPLY


def _replied(explanation: Explanation) -> bool:
    """Whether anybody replied, if only to refuse."""
    verdict = explanation.verdict
    if verdict.outcome not in ("timeout", "failed"):
        return True
    return verdict.outcome == "failed" and any(attempt.outcome.split()[0].isupper() for attempt in verdict.attempts)
