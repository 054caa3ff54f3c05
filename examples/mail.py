"""Where mail for a domain goes, and who may send it: python examples/mail.py [DOMAIN]."""

import asyncio
import sys

from aioresolver import NameNotFound, NoRecords, Resolver


async def main(domain: str = "example.org") -> None:
    async with Resolver() as resolver:
        for mx in sorted(await resolver.resolve(domain, "MX")):
            print(mx.preference, mx.exchange, *await resolver.addresses(mx.exchange))
        for name, sign in ((domain, "v=spf1"), (f"_dmarc.{domain}", "v=DMARC1")):
            try:
                texts = await resolver.resolve(name, "TXT")
            except (NameNotFound, NoRecords):
                print("no", sign)
            else:
                print(*(txt.text for txt in texts if txt.text.startswith(sign)), sep="\n")


asyncio.run(main(*sys.argv[1:]))
