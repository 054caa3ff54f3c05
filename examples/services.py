"""Where a domain's mail boxes and its web site are: python examples/services.py [DOMAIN]."""

import asyncio
import sys

from aioresolver import NameNotFound, NoRecords, Resolver


async def main(domain: str = "example.org") -> None:
    async with Resolver() as resolver:
        try:
            for server in await resolver.services(domain, "imaps"):
                print("mail boxes:", server.target, server.port)
        except (NameNotFound, NoRecords):
            print("mail boxes: none that anybody would say")
        for endpoint in await resolver.https(domain):
            print("web:", endpoint.target, endpoint.port, *endpoint.alpn)


asyncio.run(main(*sys.argv[1:]))
