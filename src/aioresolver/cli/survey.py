"""`aioresolver survey DOMAIN [@nameserver]`: what the DNS says about a domain, and what is wrong with it."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys

from aioresolver.cli.options import add_resolver_options, make_resolver, split_nameservers

__all__ = ["DESCRIPTION", "add_options", "run"]

DESCRIPTION = (
    "Ask everything about a domain at once: addresses, nameservers, mail (MX, SPF, DMARC, DKIM, MTA-STS, TLS-RPT, BIMI), "
    "certificates (CAA), HTTPS, DNSSEC; show what is there, and what is wrong with it."
)

REPLIED = 0
NO_REPLY = 9


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


def run(options: argparse.Namespace) -> int:
    """Ask, print, and return dig's exit status."""
    nameservers, domains = split_nameservers(options.words)
    if len(domains) != 1:
        raise ValueError(f"one domain, not {len(domains)}: {' '.join(domains) or 'none'}")
    resolver = make_resolver(nameservers, backend=options.backend, timeout=options.timeout, search=False)

    async def show() -> int:
        async with resolver:
            survey = await resolver.survey(domains[0], selectors=options.selector)
            print(json.dumps(survey.as_dict()) if options.json else _printable(str(survey)))
        return NO_REPLY if all(finding.unanswered for finding in survey.findings) else REPLIED

    return asyncio.run(show())


def _printable(text: str) -> str:
    """The text in the characters that standard output has: a TXT record may have any."""
    encoding = sys.stdout.encoding or "utf-8"
    return text.encode(encoding, "backslashreplace").decode(encoding)
