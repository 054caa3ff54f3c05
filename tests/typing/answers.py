"""What type checkers know of a resolver's answers; it is not run, but read by mypy and pyright (nox -s typing)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import dns.message
from typing_extensions import assert_type

from aioresolver import Answer, DNSError, Name, Record, Resolver, RRType
from aioresolver.mail import MailServer
from aioresolver.services import Endpoint
from aioresolver.survey import Survey
from aioresolver.typed import asking
from aioresolver.wire.rdata import AAAA, CAA, HTTPS, MX, PTR, SOA, SRV, TXT, A


async def one(resolver: Resolver, text: str, number: int) -> None:
    assert_type(await resolver.resolve("example.org"), Answer[A])
    assert_type(await resolver.resolve("example.org", "A"), Answer[A])
    assert_type(await resolver.resolve("example.org", "MX"), Answer[MX])
    assert_type(await resolver.resolve("example.org", type="MX"), Answer[MX])
    assert_type(await resolver.resolve(name="example.org", type=RRType.CAA), Answer[CAA])
    assert_type(await resolver.resolve(Name.parse("example.org"), RRType.TXT), Answer[TXT])
    assert_type(await resolver.query("example.org"), Answer[A])
    assert_type(await resolver.query("example.org", "SOA"), Answer[SOA])
    assert_type(await resolver.query("192.0.2.1", RRType.PTR), Answer[PTR])
    assert_type(resolver.peek("example.org"), Answer[A] | None)
    assert_type(resolver.peek("example.org", "HTTPS"), Answer[HTTPS] | None)
    assert_type(resolver.submit("example.org", RRType.AAAA), "asyncio.Future[Answer[AAAA]]")
    assert_type(await resolver.submit("example.org", "TXT"), Answer[TXT])

    # What is not known before the program runs, and types whose data has no class.
    assert_type(await resolver.resolve("example.org", text), Answer[Any])
    assert_type(await resolver.query("example.org", number), Answer[Any])
    assert_type(await resolver.query("example.org", RRType.parse(text)), Answer[Any])
    assert_type(await resolver.query("example.org", RRType.ANY), Answer[Any])
    assert_type(await resolver.query("example.org", "TYPE65280"), Answer[Any])
    assert_type(resolver.peek("example.org", text), Answer[Any] | None)


async def several(resolver: Resolver, hosts: list[str]) -> None:
    assert_type(await asyncio.gather(*map(resolver.submit, hosts)), list[Answer[A]])
    both = await asyncio.gather(resolver.query("example.org", "A"), resolver.query("example.org", "AAAA"))
    assert_type(both, tuple[Answer[A], Answer[AAAA]])


async def many(resolver: Resolver, hosts: list[str], pairs: list[tuple[str, str]], later: AsyncIterator[str]) -> None:
    async for host, found in resolver.query_many(hosts, "AAAA"):
        assert_type(host, str)
        assert_type(found, Answer[AAAA] | DNSError | ValueError)
    async for host, found in resolver.query_many(later, RRType.AAAA, concurrency=10):
        assert_type(host, str)
        assert_type(found, Answer[AAAA] | DNSError | ValueError)
    async for name, address in resolver.query_many(Name.parse(host) for host in hosts):
        assert_type(name, Name)
        assert_type(address, Answer[A] | DNSError | ValueError)
    async for pair, outcome in resolver.query_many(pairs):
        assert_type(pair, tuple[str, str])
        assert_type(outcome, Answer[Any] | DNSError | ValueError)


def read(answer: Answer[MX]) -> None:
    assert_type(answer.data, tuple[MX, ...])
    assert_type(answer.records, tuple[Record, ...])
    assert_type(answer[0].exchange, Name)
    assert_type(answer[1:], tuple[MX, ...])
    assert_type([mx.preference for mx in answer], list[int])
    assert_type(answer.rotated(1), Answer[MX])
    assert_type(answer.to_dnspython(), dns.message.Message)


async def findings(resolver: Resolver) -> None:
    assert_type(await resolver.survey("example.org"), Survey)
    assert_type(await resolver.addresses("example.org"), list[str])
    assert_type(await resolver.reverse("192.0.2.1"), list[Name])
    assert_type(await resolver.services("example.org", "imap"), list[SRV])
    assert_type(await resolver.https("example.org"), list[Endpoint])
    assert_type(await resolver.mail_servers("example.org"), list[MailServer])
    assert_type(await resolver.txt("example.org"), list[str])


class Counting(Resolver):
    """A resolver of one's own may override what asks, and stays as typed."""

    asked = 0

    @asking
    async def query(self, name: str, type: str | int = "A") -> Answer[Any]:
        self.asked += 1
        return await super().query(name, type)


async def own(resolver: Counting) -> None:
    assert_type(await resolver.query("example.org", "MX"), Answer[MX])
