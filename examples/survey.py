"""What is wrong with the mail records of domains: python examples/survey.py [DOMAIN ...]."""

import asyncio
import sys

from aioresolver import Resolver
from aioresolver.survey import Survey


def verdict(survey: Survey) -> str:
    """A word about forged mail in the domain's name."""
    spf, dmarc = survey.spf.value, survey.dmarc.value
    if dmarc is not None and dmarc.policy == "reject":
        return "refused"
    return "suspicious" if dmarc is not None or (spf is not None and spf.all in ("-", "~")) else "welcome"


async def main(*domains: str) -> None:
    async with Resolver() as resolver:
        surveys = await asyncio.gather(*map(resolver.survey, domains or ("example.org", "python.org", "example.net")))
    for survey in surveys:
        print(survey.domain, "forged mail is", verdict(survey))
        for problem in survey.problems:
            print("   ", problem)


asyncio.run(main(*sys.argv[1:]))
