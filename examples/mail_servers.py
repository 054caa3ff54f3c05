"""Which hosts take mail for a domain, in the order to try them: python examples/mail_servers.py [DOMAIN ...]."""

import asyncio
import sys

from aioresolver import NullMX, ResolutionError, Resolver


async def main(*domains: str) -> None:
    async with Resolver() as resolver:
        for domain in domains or ("example.org", "example.com", "example.net"):
            try:
                servers = await resolver.mail_servers(domain)
            except NullMX:
                print(domain, "takes no mail: give it back")
            except ResolutionError as error:
                print(domain, "cannot be delivered to:", error.reason)
            else:
                for server in servers:
                    print(domain, server.preference, server.host, *server.addresses)


asyncio.run(main(*sys.argv[1:]))
