"""Attacks 8 and 9, bailiwick and MaginotDNS, and the poison of 2025 (CVE-2025-40778, CVE-2025-11411), as far as they concern a stub.

Whatever a nameserver puts beside the answer (other names' records, NS, glue, a DNAME nobody asked for, an SOA of somebody
else's zone), it changes what is known of the name that was asked for, and of no other; a forwarder has no say about a name
that is another's.
"""

from __future__ import annotations

from typing import Any

import pytest
from evil_server import FORGED, TRUE, EvilServer, Send, answered, honest, reply_to

from aioresolver import Answer, Cache, NameNotFound, Resolver, StubBackend
from aioresolver.backends.routes import Routes
from aioresolver.wire.codes import Rcode
from aioresolver.wire.message import Record

ASKED = "www.evil.example"
VICTIMS = ("www.bank.test", "bank.test", "test", "evil.example", "example", "mail.evil.example", "ns.evil.example")
TYPES = ("A", "AAAA", "NS", "DNAME", "MX", "SOA", "CNAME")


def records(*texts: str) -> tuple[Record, ...]:
    return tuple(map(Record.parse, texts))


NS = records("test. 86400 NS ns.evil.example.", "example. 86400 NS ns.evil.example.", ". 86400 NS ns.evil.example.")
GLUE = records(f"ns.evil.example. 86400 A {FORGED}", f"www.bank.test. 86400 A {FORGED}")
ANSWER = f"{ASKED}. 300 A {TRUE}"
EXTRAS: dict[str, Any] = {
    "others' addresses in the answer": lambda query: answered(query, ANSWER, f"www.bank.test. 86400 A {FORGED}"),
    "others' aliases in the answer": lambda query: answered(
        query, ANSWER, f"www.bank.test. 86400 CNAME {ASKED}.", f"bank.test. 86400 CNAME {ASKED}."
    ),
    "other types in the answer": lambda query: answered(
        query, ANSWER, f"{ASKED}. 86400 MX 1 mail.evil.example.", f"{ASKED}. 86400 AAAA 2001:db8::66"
    ),
    "NS in the authority section": lambda query: answered(query, ANSWER, authority=NS),
    "NS with glue": lambda query: answered(query, ANSWER, authority=NS, additional=GLUE),
    "MX in the authority section": lambda query: answered(
        query, ANSWER, authority=records("bank.test. 86400 MX 1 mail.evil.example.")
    ),
    "addresses beside": lambda query: answered(query, ANSWER, additional=GLUE),
    "a DNAME of another's": lambda query: answered(query, ANSWER, "test. 86400 DNAME evil.example."),
    "a DNAME in the authority section": lambda query: answered(
        query, ANSWER, authority=records("bank.test. 86400 DNAME evil.example.", "test. 86400 DNAME evil.example.")
    ),
    "an alias to the victim, with its address": lambda query: answered(
        query, f"{ASKED}. 300 CNAME www.bank.test.", f"www.bank.test. 86400 A {FORGED}"
    ),
    "a DNAME to the victim, with its address": lambda query: answered(
        query, "evil.example. 300 DNAME bank.test.", f"www.bank.test. 86400 A {FORGED}"
    ),
    "no such name, by an SOA of another's": lambda query: answered(
        query, rcode=Rcode.NXDOMAIN, authority=records("test. 86400 SOA ns. host. 1 2 3 4 86400")
    ),
    "no such name, by an SOA of the root": lambda query: answered(
        query, rcode=Rcode.NXDOMAIN, authority=records(". 86400 SOA ns. host. 1 2 3 4 86400")
    ),
    "no data, with others'": lambda query: answered(
        query, authority=(*records("evil.example. 60 SOA ns. host. 1 2 3 4 60"), *NS), additional=GLUE
    ),
}


async def ask(resolver: Resolver, name: str, way: str) -> Any:
    if way == "query":
        return await resolver.query(name)
    ((_, outcome),) = [pair async for pair in resolver.query_many([name])]
    return outcome


@pytest.mark.parametrize("kind", EXTRAS)
@pytest.mark.parametrize("way", ["query", "query_many"])
async def test_nothing_is_known_of_other_names(kind: str, way: str, race: int) -> None:
    def script(query: bytes, send: Send) -> None:
        send(EXTRAS[kind](query) if b"\3www\4evil" in query else reply_to(query))

    cache = Cache()
    async with (
        EvilServer(script) as server,
        Resolver(StubBackend(server.url, race=race), cache=cache, search=[]) as resolver,
    ):
        assert isinstance(await ask(resolver, ASKED, way), Answer)
        assert len(cache) == 1
        for name in VICTIMS:
            assert [resolver.peek(name, type_) for type_ in TYPES] == [None] * len(TYPES), name
        assert resolver.peek(ASKED, "MX") is None or not resolver.peek(ASKED, "MX")
        for name in VICTIMS:
            assert [data.address for data in await resolver.query(name)] == [TRUE], name
        assert len(server.queries) == 1 + len(VICTIMS)


async def test_that_a_parent_is_gone_says_nothing_of_what_is_below(race: int) -> None:
    """NXDOMAIN cuts only where it is proven (RFC 8020 needs DNSSEC): a forged one for `bank.test` does not take its names."""

    def script(query: bytes, send: Send) -> None:
        if query.startswith(b"\4bank\4test\0", 12):
            soa = records("test. 86400 SOA ns. host. 1 2 3 4 86400")
            send(answered(query, rcode=Rcode.NXDOMAIN, authority=soa))
        else:
            honest(query, send)

    async with EvilServer(script) as server, Resolver(StubBackend(server.url, race=race), search=[]) as resolver:
        with pytest.raises(NameNotFound):
            await resolver.resolve("bank.test")
        assert [data.address for data in await resolver.resolve("www.bank.test")] == [TRUE]


@pytest.mark.parametrize("ttl", [0xFFFFFFFF, 0x80000000])
async def test_a_ttl_beyond_all_measure_is_none(ttl: int, race: int) -> None:
    def script(query: bytes, send: Send) -> None:
        send(reply_to(query).replace((300).to_bytes(4, "big"), ttl.to_bytes(4, "big")))

    async with EvilServer(script) as server, Resolver(StubBackend(server.url, race=race)) as resolver:
        for _ in range(2):
            assert (await resolver.resolve(ASKED)).ttl == 0
        assert len(server.queries) == 2


async def test_the_longest_ttl_is_kept_for_a_day(race: int) -> None:
    def script(query: bytes, send: Send) -> None:
        send(answered(query, f"{ASKED}. 2147483647 A {TRUE}"))

    async with EvilServer(script) as server, Resolver(StubBackend(server.url, race=race)) as resolver:
        await resolver.resolve(ASKED)
        kept = resolver.peek(ASKED)
        assert kept is not None
        assert 86_390 <= kept.ttl <= 86_400


async def test_a_forwarder_has_no_say_about_what_is_anothers(race: int) -> None:
    """MaginotDNS: one cache for several backends, and the forwarder of a zone speaks about the whole of `test`."""

    def script(query: bytes, send: Send) -> None:
        name = "host.corp.test"
        send(answered(query, f"{name}. 300 CNAME www.bank.test.", f"www.bank.test. 86400 A {FORGED}", authority=NS))

    async with EvilServer(script) as evil, EvilServer(honest) as true:
        routes = Routes({"corp.test": StubBackend(evil.url, race=race)}, default=StubBackend(true.url, race=race))
        async with Resolver(routes, search=[]) as resolver:
            assert [data.address for data in await resolver.query("host.corp.test")] == [FORGED]  # it is the attacker's
            for name in ("www.bank.test", "bank.test", "ns.evil.example"):
                assert resolver.peek(name) is None
                assert [data.address for data in await resolver.resolve(name)] == [TRUE]
            assert len(evil.queries) == 1
