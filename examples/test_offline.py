"""Code that resolves, tested without a network, with a nameserver that loses packets and one that fails."""

import asyncio

from aioresolver import Resolver, ServerFailure
from aioresolver.testing import DNSServer, Fault

ZONE = """
$ORIGIN shop.test.
@    SOA ns hostmaster 1 7200 3600 1209600 300
www  60 A 192.0.2.7
"""


async def main() -> None:
    async with DNSServer(ZONE) as server, Resolver(server.nameserver) as resolver:
        server.faults.append(Fault.drop(times=1))
        print(await resolver.addresses("www.shop.test"), "after", server.count, "packets")
        server.faults[:] = [Fault.servfail()]
        try:
            await resolver.resolve("api.shop.test")
        except ServerFailure as error:
            print(error)


asyncio.run(main())
