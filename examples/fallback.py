"""Names of the company from its own nameserver, the rest from two public ones, TLS if both fail."""

import asyncio

from aioresolver import Fallback, Resolver, Routes, StubBackend
from aioresolver.testing import DNSServer

CORP = "$ORIGIN corp.example.\nwiki 60 A 10.0.0.80\n"
WORLD = "$ORIGIN example.org.\nwww 60 A 192.0.2.1\n"


async def main() -> None:
    async with DNSServer(CORP) as office, DNSServer(WORLD) as world:
        backend = Routes(
            {"corp.example": StubBackend(office.nameserver)},
            default=Fallback(StubBackend(world.nameserver), StubBackend("tls://9.9.9.9#dns.quad9.net")),
        )
        async with Resolver(backend) as resolver:
            for name in ("wiki.corp.example", "www.example.org"):
                answer = await resolver.resolve(name)
                print(name, *answer)


asyncio.run(main())
