"""A program written for aiodns, with one line changed: python examples/from_aiodns.py [DOMAIN]."""

import asyncio
import sys

from aioresolver.adapters import aiodns  # was: import aiodns


async def main(domain: str) -> None:
    async with aiodns.DNSResolver(timeout=2, tries=2) as resolver:
        for record in (await resolver.query_dns(domain, "MX")).answer:
            print(record.ttl, record.data.priority, record.data.exchange)
        try:
            await resolver.query_dns(f"no-such-name.{domain}", "A")
        except aiodns.error.DNSError as error:
            print(error.args[0] == aiodns.error.ARES_ENOTFOUND, error.args[1])


asyncio.run(main(sys.argv[1] if len(sys.argv) > 1 else "example.org"))
