"""Asks Unbound and the iterative backend the same, below one root; run by test_iterative.py in a network of its own.

The seed and the number of questions are the arguments; what was said goes out as JSON.
"""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import dns.exception
import dns.flags
import dns.message
import dns.query
import dns.rcode
import dns.rdatatype
from generated_internet import internet_text, questions
from real_servers import PROGRAMS, UNBOUND, serve

from aioresolver import Answer, LookupTimeout, Resolver, ServerFailure
from aioresolver.backends.iterative.backend import IterativeBackend
from aioresolver.testing.authority import Authority
from aioresolver.testing.internet import Internet
from aioresolver.testing.internet_map import InternetMap, map_internet
from aioresolver.wire.message import Question, Record

THREADS = 48
MOST_ALIASES = 40

Said = dict[str, Any]
"""`rcode`, the `chain` of names from the question's on, and the `data` of the type asked for at its end."""


def main() -> None:
    seed, count = map(int, sys.argv[1:])
    text = internet_text(seed)
    plan = map_internet(text)
    asked = questions(seed, dict(plan.zones), count)
    with tempfile.TemporaryDirectory(prefix="aioresolver-") as folder, serve(plan, Path(folder)):
        with ThreadPoolExecutor(THREADS) as pool:
            unbound = list(pool.map(lambda question: ask_unbound(*question), asked))
        ours = asyncio.run(ask_ours(asked, IterativeBackend(hints=plan.hints)))
        internet = Internet(text, sockets=False)
        servers = asyncio.run(ask_servers(asked, plan, internet))
    within = asyncio.run(ask_ours(asked, IterativeBackend(hints=internet.hints, exchange=internet.exchange)))
    authority = Authority(plan.zones.values())
    zones = [by_zones(authority, name, type_) for name, type_ in asked]
    said_by = zip(unbound, ours, within, zones, strict=True)
    rows = [
        {"name": name, "type": type_, **dict(zip(("unbound", "ours", "within", "zones"), said, strict=True))}
        for (name, type_), said in zip(asked, said_by, strict=True)
    ]
    json.dump({"rows": rows, "servers": servers}, sys.stdout)


def ask_unbound(name: str, type_: str) -> Said:
    query = dns.message.make_query(name, type_, payload=1232)
    try:
        reply, _ = dns.query.udp_with_fallback(query, UNBOUND, timeout=40)
    except dns.exception.Timeout:
        return said("TIMEOUT", name, type_, {}, [])
    records = [(str(s.name).lower(), dns.rdatatype.to_text(s.rdtype), r.to_text()) for s in reply.answer for r in s]
    aliases = {owner: data.lower() for owner, kind, data in records if kind == "CNAME"}
    return said(dns.rcode.to_text(reply.rcode()), name, type_, aliases, records)


async def ask_ours(asked: list[tuple[str, str]], backend: IterativeBackend) -> list[Said]:
    found: dict[tuple[str, str], Said] = {}
    async with Resolver(backend, timeout=30.0) as resolver:
        async for (name, type_), outcome in resolver.query_many(asked, concurrency=THREADS):
            if isinstance(outcome, Answer):
                data = sorted(text(record) for record in outcome.records)
                chain = [*map(str, outcome.aliases), str(outcome.name)]
                found[name, type_] = {"rcode": outcome.rcode.name, "chain": chain, "data": data}
            elif isinstance(outcome, LookupTimeout):
                found[name, type_] = said("TIMEOUT", name, type_, {}, [])
            else:
                code = "SERVFAIL" if isinstance(outcome, ServerFailure) else repr(outcome)
                found[name, type_] = {**said(code, name, type_, {}, []), "why": str(outcome)}
    return [found[question] for question in asked]


async def ask_servers(asked: list[tuple[str, str]], plan: InternetMap, internet: Internet) -> list[dict[str, Any]]:
    """Each question to one of the nameservers, without recursion, and to the one in its place within this process."""
    loop = asyncio.get_running_loop()
    places = [place for place in plan.places.values() if place.address.startswith("127.1.")]
    rows = []
    for number, (name, type_) in enumerate(asked):
        near = [p for p in places if any(name.endswith(str(z.origin)) and z.origin != "." for z in p.zones)] or places
        place = near[number % len(near)]
        query = dns.message.make_query(name, type_, payload=1232)
        query.flags = dns.flags.Flag(0)
        theirs = dns.query.udp(query, place.address, timeout=5)
        wire = await internet.exchange(place.address, query.to_wire(), False, loop.time() + 5)
        program = PROGRAMS[int(place.address.split(".")[2])]
        ours = dns.message.from_wire(wire)
        rows.append({"question": [name, type_], "program": program, "theirs": contents(theirs), "ours": contents(ours)})
    return rows


def contents(message: dns.message.Message) -> dict[str, Any]:
    """What a reply says, in a form that does not depend on the order of records."""
    flags = [flag for flag in ("AA", "TC", "RA") if message.flags & dns.flags.Flag[flag]]
    sections = {
        section: sorted(
            f"{str(rrset.name).lower()} {rrset.ttl} {dns.rdatatype.to_text(rrset.rdtype)} {data}"
            for rrset in getattr(message, section)
            for data in rrset
        )
        for section in ("answer", "authority", "additional")
    }
    return {"rcode": dns.rcode.to_text(message.rcode()), "flags": flags, **sections}


def by_zones(authority: Authority, name: str, type_: str) -> Said:
    """What all zones together say; for what is broken, the end of the chain is just not there."""
    verdict = authority.answer(Question.parse(name, type_))
    records = [(str(r.name), r.type.name, text(r)) for r in verdict.answer]
    aliases = {owner: data for owner, kind, data in records if kind == "CNAME"}
    code = "SERVFAIL" if verdict.referral else verdict.rcode.name
    return said(code, name, type_, aliases, records)


def text(record: Record) -> str:
    return str(record.data)


def said(rcode: str, name: str, type_: str, aliases: dict[str, str], records: list[tuple[str, str, str]]) -> Said:
    chain = [name]
    while type_ != "CNAME" and chain[-1] in aliases and len(chain) < MOST_ALIASES:
        chain.append(aliases[chain[-1]])
    data = sorted(data for owner, kind, data in records if owner == chain[-1] and kind == type_)
    return {"rcode": rcode, "chain": chain, "data": data}


if __name__ == "__main__":
    main()
