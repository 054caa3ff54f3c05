"""`aioresolver survey DOMAIN [@nameserver]`: what the DNS says about a domain, and what is wrong with it."""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import sys

from aioresolver.cli.colours import Paint, add_colour_option, paint_for
from aioresolver.cli.exit_status import DONE, NO_REPLY
from aioresolver.cli.options import add_debug_option, add_resolver_options, resolver_of
from aioresolver.cli.words import split_nameservers

__all__ = ["DESCRIPTION", "add_options", "run"]

DESCRIPTION = (
    "Ask everything about a domain at once: addresses, nameservers, mail (MX, SPF, DMARC, DKIM, MTA-STS, TLS-RPT, BIMI), "
    "certificates (CAA), HTTPS, DNSSEC; show what is there, and what is wrong with it."
)

_problem = re.compile(r"^( +)(! .*)$", re.MULTILINE)


def add_options(parser: argparse.ArgumentParser) -> None:
    """The command line of a survey."""
    parser.add_argument("words", nargs="+", metavar="DOMAIN [@nameserver]", help="a domain; whom to ask")
    parser.add_argument("--json", action="store_true", help="one JSON object")
    parser.add_argument(
        "--selector",
        action="append",
        default=[],
        metavar="NAME",
        help="a DKIM selector to look under, besides the well-known ones; may be given several times",
    )
    add_resolver_options(parser)
    add_debug_option(parser)
    add_colour_option(parser)


def run(options: argparse.Namespace) -> int:
    """Ask, print, and return dig's exit status."""
    nameservers, domains = split_nameservers(options.words)
    if len(domains) != 1:
        raise ValueError(f"one domain, not {len(domains)}: {' '.join(domains) or 'none'}")
    resolver = resolver_of(options, nameservers, search=False)
    paint = paint_for(options.color, sys.stdout)

    async def show() -> int:
        async with resolver:
            survey = await resolver.survey(domains[0], selectors=options.selector)
            print(json.dumps(survey.as_dict()) if options.json else _painted(str(survey), paint))
        return NO_REPLY if all(finding.unanswered for finding in survey.findings) else DONE

    return asyncio.run(show())


def _painted(report: str, paint: Paint) -> str:
    """The report with its problems set off."""
    return _problem.sub(lambda line: line[1] + paint(line[2], "bad"), report)
