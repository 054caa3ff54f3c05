"""Every step of a walk from the root, over an internet made of text: python examples/trace.py [NAME [DRAWING.svg]]."""

import asyncio
import sys
from pathlib import Path

from aioresolver import IterativeBackend, Resolver
from aioresolver.testing import Fault, Internet

INTERNET = """
$ORIGIN .
@        NS    a.root.
a.root.  A     192.0.2.1

$ORIGIN example.
@        NS    ns.nic
ns.nic   A     192.0.2.2

$ORIGIN shop.example.
@        NS    ns1
@        NS    ns2
ns1      A     192.0.2.3
ns2      A     192.0.2.4
www      CNAME cdn.hoster.test.

$ORIGIN hoster.test.
@        NS    ns
ns       A     192.0.2.5
cdn      A     198.51.100.7
"""


async def main(name: str = "www.shop.example", drawing: str | None = None) -> None:
    internet = Internet(INTERNET, sockets=False, latency=0.01, faults={"ns1.shop.example": [Fault.refused()]})
    async with Resolver(IterativeBackend(hints=internet.hints, exchange=internet.exchange)) as resolver:
        trace = await resolver.trace(name)
    print(trace)
    for step in trace.all_steps():
        if not step.useful:
            print("of no use:", step.host, "for", step.zone, "-", step.outcome)
    if drawing is not None:
        Path(drawing).write_text(trace.to_svg(), encoding="utf-8")


asyncio.run(main(*sys.argv[1:]))
