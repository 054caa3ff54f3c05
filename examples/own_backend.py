"""A backend of your own: two methods. This one makes up an address for every name of a lab."""

import asyncio

from aioresolver import Answer, Question, Rcode, Record, Resolver, RRType
from aioresolver.wire.rdata import A


class Lab:
    """host7.lab is 10.0.0.7; nothing else exists."""

    async def query(self, question: Question, deadline: float) -> Answer:
        now = asyncio.get_running_loop().time()
        label = question.name.removesuffix(".lab.").removeprefix("host")
        if not label.isdigit() or int(label) > 255:
            return Answer.from_records(question, rcode=Rcode.NXDOMAIN, ttl=60, now=now)
        record = Record(question.name, RRType.A, question.class_, 60, A(f"10.0.0.{int(label)}"))
        return Answer.from_records(question, [record] if question.type == RRType.A else [], ttl=60, now=now)

    async def aclose(self) -> None:
        """Nothing to close."""


async def main() -> None:
    async with Resolver(Lab()) as resolver:
        print(await resolver.addresses("host7.lab"))
        print((await resolver.query("host999.lab")).rcode)


asyncio.run(main())
