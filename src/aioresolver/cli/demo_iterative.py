"""`aioresolver demo --iterative`: an internet on loopback, walked from its root, and every question on the way."""

from __future__ import annotations

import asyncio
import errno
import time
from collections.abc import Iterator
from random import Random  # the same walk each time
from typing import Any, NamedTuple

from aioresolver.answer import Answer
from aioresolver.backends.iterative.backend import IterativeBackend
from aioresolver.cli.exit_status import DONE, INTERNAL_ERROR
from aioresolver.errors import DNSError, TransportError
from aioresolver.resolver import Resolver
from aioresolver.testing.faults import Fault
from aioresolver.testing.internet import Internet
from aioresolver.wire.codes import RRType
from aioresolver.wire.message import Message

__all__ = ["demo_backend", "demo_internet", "run"]

HOSTS = 1000
INTERNET = f"""\
$TTL 3600
$ORIGIN .
@         NS    a.root.
@         NS    b.root.
a.root.   A     192.0.2.1
          AAAA  2001:db8::1
b.root.   A     192.0.2.2

$ORIGIN example.
@         NS    ns.nic
ns.nic    A     192.0.2.3

$ORIGIN test.
@         NS    ns.nic
ns.nic    A     192.0.2.4

$ORIGIN shop.example.
@         NS    ns1
@         NS    ns2
ns1       A     192.0.2.5
ns2       A     192.0.2.6
www       CNAME cdn.hoster.test.
*.pay     A     198.51.100.8
$GENERATE 0-{HOSTS - 1} host$ A 198.51.100.7

$ORIGIN hoster.test.
@         NS    ns
ns        A     192.0.2.7
cdn       A     198.51.100.9
old       DNAME shop.example.

$ORIGIN guest.example.
@         NS    ns.hoster.test.
www       A     198.51.100.10
"""
FAULTS = {"ns1.shop.example": [Fault.drop]}
WALKS = {
    "host1.shop.example": "from the root down; one of the shop's two nameservers is dead",
    "www.shop.example": "an alias, into another tree",
    "card.pay.shop.example": "a wildcard; what was learnt stays learnt",
    "www.guest.example": "its nameserver has its own name elsewhere, so there is no glue",
    "host2.old.hoster.test": "a whole tree of aliases (DNAME)",
    "nothing.guest.example": "a name that is not there",
}
RIGHT = ["198.51.100.7", "198.51.100.9", "198.51.100.8", "198.51.100.10", "198.51.100.7", "does not exist"]
SEED = 3  # whom a walk asks first is left to chance; here it is the dead one


class Step(NamedTuple):
    """One packet and its reply: the nameserver, what it was asked, what it said, and the seconds that took."""

    server: str
    asked: str
    said: str
    elapsed: float


def run() -> int:
    """Run the demo; 0 only if every answer was right."""
    return asyncio.run(_demonstrate())


def demo_internet() -> Internet:
    """The demo's internet, to be started."""
    return Internet(INTERNET, faults={where: [make() for make in made] for where, made in FAULTS.items()})


def demo_backend(internet: Internet, **settings: Any) -> IterativeBackend:
    """One that walks it, the same way each time."""
    settings.setdefault("exchange", internet.exchange)
    return IterativeBackend(internet.hints, random=Random(SEED), **settings)  # noqa: S311 - repeatable


async def _demonstrate() -> int:
    async with demo_internet() as internet:
        zones, servers = len(internet.zones), len({server.name for server in internet.servers})
        print(f"An internet on loopback: {zones} zones on {servers} nameservers, one of them dead.")
        guide = _Guide(internet)
        backend = demo_backend(internet, exchange=guide.exchange)
        async with Resolver(backend, search=()) as resolver:
            found = [await guide.walk(resolver, name, why) for name, why in WALKS.items()]
            right = await _many(resolver, internet)
    return DONE if right and found == RIGHT else INTERNAL_ERROR


async def _many(resolver: Resolver, internet: Internet) -> bool:
    """All the shop's hosts at once: one packet a name once the way is known."""
    names = [f"host{number}.shop.example" for number in range(HOSTS)]
    internet.clear()
    began = time.perf_counter()
    addresses = [_address(outcome) async for _, outcome in resolver.query_many(names)]
    elapsed = time.perf_counter() - began
    print(
        f"\n{HOSTS:,} names of shop.example: {internet.count / HOSTS:.2f} packets a name, {HOSTS / elapsed:,.0f} names/s"
    )
    return addresses == ["198.51.100.7"] * HOSTS


class _Guide:
    """Carries queries to the internet, and remembers what was said."""

    def __init__(self, internet: Internet) -> None:
        self._internet = internet
        self._steps: list[Step] = []

    async def exchange(self, address: str, query: bytes, tcp: bool, deadline: float) -> bytes:  # noqa: FBT001 - as agreed
        """What IterativeBackend takes."""
        server = self._internet.server(address).name
        question = Message.parse(query).question[0]
        asked = f"{question.name} {question.type}{' over TCP' if tcp else ''}"
        began = time.perf_counter()
        steps, place = self._steps, len(self._steps)
        steps.append(Step(server, asked, "no reply", 0.0))  # until there is one; others are asked meanwhile
        try:
            reply = await self._internet.exchange(address, query, tcp, deadline)
            said = "; ".join(_told(Message.parse(reply)))
        except TransportError as error:
            if error.errno != errno.ETIMEDOUT:
                steps[place] = Step(server, asked, str(error.strerror), time.perf_counter() - began)
            raise
        steps[place] = Step(server, asked, said, time.perf_counter() - began)
        return reply

    async def walk(self, resolver: Resolver, name: str, why: str) -> str:
        """Look the name up and show the way; what was found."""
        self._steps = []
        began = time.perf_counter()
        try:
            outcome: object = await resolver.query(name)
        except DNSError as error:
            outcome = error
        elapsed = time.perf_counter() - began
        found = _outcome(outcome)
        print(f"\n{name}: {found}, {_packets(len(self._steps))}, {elapsed * 1000:.1f} ms\n  {why}")
        server_width = max((len(step.server) for step in self._steps), default=0)
        asked_width = max((len(step.asked) for step in self._steps), default=0)
        for step in self._steps:
            print(f"    {step.server:{server_width}}  {step.asked:{asked_width}}  {step.said}")
        return found


def _packets(count: int) -> str:
    return "1 packet" if count == 1 else f"{count} packets"


def _outcome(outcome: object) -> str:
    if isinstance(outcome, Answer):
        return _address(outcome) or ("does not exist" if outcome.rcode.name == "NXDOMAIN" else "has no address")
    return str(outcome)


def _address(outcome: Answer[Any] | object) -> str | None:
    return str(outcome[0]) if isinstance(outcome, Answer) and outcome else None


def _told(reply: Message) -> Iterator[str]:
    """What a reply says, in a few words."""
    if reply.rcode.name != "NOERROR":
        yield reply.rcode.name
    elif reply.answer:
        for record in reply.answer:
            yield f"{record.name} {record.type} {record.data}"
    elif servers := [record for record in reply.authority if record.type == RRType.NS]:
        names = ", ".join(str(record.data) for record in servers)
        yield f"{servers[0].name} is served by {names}{'' if reply.additional else ' (no glue)'}"
    else:
        yield "nothing of this type"
