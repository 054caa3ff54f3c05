"""Attack 25, abuse of stale answers (RFC 8767, 7; CVE-2026-46582): who keeps the nameservers from answering keeps old data alive.

What must hold: no longer than was allowed, never marked as authenticated, never what was not worth keeping; whatever
refreshes fail with, they prolong nothing and resurrect nothing; and the nameservers are not asked more for it.
"""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from aioresolver import Resolver, StubBackend
from aioresolver.answer import Answer
from aioresolver.cache import Cache
from aioresolver.errors import ConfigurationError, ResolutionError, TransportError
from aioresolver.events import StaleServed
from aioresolver.wire.codes import ExtendedError, Flag, Rcode
from aioresolver.wire.edns import Edns
from aioresolver.wire.message import Message, Record

NAME = "victim.example"
STALE = 3600.0
SOA = Record.parse("example. 60 SOA ns. host. 1 2 3 4 60")


class Nameserver:
    """A transport to a nameserver that an attacker can keep from answering: `trouble(query)` is what comes instead."""

    def __init__(self) -> None:
        self.asked: list[float] = []
        self.ttl = 60
        self.address = "192.0.2.1"
        self.flags = Flag.RA | Flag.AD
        self.trouble: Any = None

    async def exchange(self, wire: bytes, deadline: float) -> bytes:
        loop = asyncio.get_running_loop()
        self.asked.append(loop.time())
        query = Message.parse(wire)
        await asyncio.sleep(0.01)
        if self.trouble is not None:
            reply = self.trouble(query)
            if reply is None:
                await asyncio.sleep(deadline - loop.time())
                raise TransportError("no reply before the deadline")
            return reply if isinstance(reply, bytes) else reply.to_wire()
        record = Record.parse(f"{query.question[0].name} {self.ttl} A {self.address}")
        return query.reply(flags=self.flags, answer=(record,)).to_wire()

    async def aclose(self) -> None:
        pass


def bogus(query: Message) -> Message:
    """As a validating resolver says that what it got was forged."""
    edns = Edns().with_extended_error(ExtendedError.DNSSEC_BOGUS)
    return query.reply(flags=Flag.RA, rcode=Rcode.SERVFAIL, edns=edns)


TROUBLE: dict[str, Any] = {
    "bogus": bogus,
    "servfail": lambda query: query.reply(flags=Flag.RA, rcode=Rcode.SERVFAIL),
    "refused": lambda query: query.reply(rcode=Rcode.REFUSED),
    "silence": lambda query: None,
    "nonsense": lambda query: b"\0" * 11,
    "referral": lambda query: query.reply(authority=(Record.parse("example. 60 NS ns.evil.example."),)),
    "truncated": lambda query: query.reply(flags=Flag.TC),
}


def resolver_on(nameserver: Nameserver, **options: Any) -> Resolver:
    backend = StubBackend("192.0.2.53", open_transport=lambda _: nameserver)
    cache = Cache(**{"stale": STALE, **options.pop("cache", {})})
    return Resolver(backend, cache=cache, hosts_file="/nonexistent", **options)


@pytest.mark.parametrize("trouble", TROUBLE.values(), ids=TROUBLE)
def test_no_longer_than_allowed_however_often_it_is_wanted(run_virtual: Any, trouble: Any) -> None:
    async def main() -> None:
        nameserver = Nameserver()
        async with resolver_on(nameserver) as resolver:
            loop = asyncio.get_running_loop()
            await resolver.query(NAME)
            began = loop.time()
            nameserver.trouble = trouble
            served = []
            while loop.time() < began + 2 * STALE:
                try:
                    answer = await resolver.query(NAME)
                except ResolutionError:
                    pass
                else:
                    if answer.stale:
                        served.append(loop.time() - began)
                        assert answer.ttl <= 30
                await asyncio.sleep(7)
            assert min(served) < 80
            assert STALE < max(served) <= 60 + STALE
            # And once it is over it stays so, also when the cache is asked alone.
            assert resolver.peek(NAME) is None

    run_virtual(main())


def refreshes(asked: list[float]) -> list[float]:
    """The first query of each lookup: those that are sent again follow within 5 seconds."""
    return [when for earlier, when in zip([float("-inf"), *asked], asked, strict=False) if when - earlier > 5.1]


@pytest.mark.parametrize("trouble", TROUBLE.values(), ids=TROUBLE)
def test_nobody_is_asked_more_than_every_thirty_seconds(run_virtual: Any, trouble: Any) -> None:
    async def main() -> None:
        nameserver = Nameserver()
        async with resolver_on(nameserver) as resolver:
            loop = asyncio.get_running_loop()
            await resolver.query(NAME)
            await asyncio.sleep(60)
            nameserver.trouble = trouble
            nameserver.asked.clear()
            began = loop.time()
            for _ in range(1500):
                answers = await asyncio.gather(*(resolver.query(NAME) for _ in range(5)))
                assert all(answer.stale for answer in answers)
                await asyncio.sleep(0.2)
            times = refreshes(nameserver.asked)
            assert len(times) <= (loop.time() - began) / 30 + 1
            assert len(times) >= 7
            assert all(later - earlier >= 30 for earlier, later in zip(times, times[1:], strict=False))  # noqa: RUF007

    run_virtual(main())


@pytest.mark.parametrize("trouble", TROUBLE.values(), ids=TROUBLE)
def test_what_is_stale_says_so_and_is_not_authenticated(run_virtual: Any, trouble: Any) -> None:
    """CVE-2026-46582: an old answer must not be shown as validated today."""

    async def main() -> None:
        nameserver = Nameserver()
        events: list[Any] = []
        async with resolver_on(nameserver, observer=events.append) as resolver:
            assert (await resolver.query(NAME)).authenticated
            await asyncio.sleep(61)
            nameserver.trouble = trouble
            for _ in range(2):
                answer = await resolver.query(NAME)
                assert (answer.stale, answer.authenticated) == (True, False)
                assert (ExtendedError.STALE_ANSWER, "") in answer.extended_errors
                assert isinstance(events[-1], StaleServed)

    run_virtual(main())


@pytest.mark.parametrize("ttl", [0, 60], ids=["kept for no time", "absent"])
def test_what_is_not_worth_keeping_is_never_stale(run_virtual: Any, ttl: int) -> None:
    """Neither what the zone wants kept for no time nor absence: EDE 19 is never said."""

    async def main() -> None:
        nameserver = Nameserver()
        nameserver.ttl = ttl
        if ttl:
            nameserver.trouble = lambda query: query.reply(flags=Flag.RA, rcode=Rcode.NXDOMAIN, authority=(SOA,))
        async with resolver_on(nameserver, cache={"min_ttl": 1.0}) as resolver:
            answer = await resolver.query(NAME)
            assert answer.empty is bool(ttl)
            await asyncio.sleep(61)
            nameserver.trouble = bogus
            with pytest.raises(ResolutionError):
                await resolver.query(NAME)

    run_virtual(main())


def test_a_name_that_was_taken_away_stays_away(run_virtual: Any) -> None:
    """The real answer that it is gone came through once; no failure afterwards brings it back."""

    async def main() -> None:
        nameserver = Nameserver()
        async with resolver_on(nameserver) as resolver:
            await resolver.query(NAME)
            await asyncio.sleep(61)
            nameserver.trouble = lambda query: query.reply(flags=Flag.RA, rcode=Rcode.NXDOMAIN, authority=(SOA,))
            assert not await resolver.query(NAME)
            for trouble in TROUBLE.values():
                nameserver.trouble = trouble
                await asyncio.sleep(100)
                with pytest.raises(ResolutionError):
                    await resolver.query(NAME)

    run_virtual(main())


def test_a_flood_of_other_names_does_not_make_it_last(run_virtual: Any) -> None:
    """The cache has its size, stale answers included; those go first that nobody used."""

    async def main() -> None:
        nameserver = Nameserver()
        async with resolver_on(nameserver, cache={"max_entries": 100}) as resolver:
            await resolver.query(NAME)
            await asyncio.gather(*(resolver.query(f"n{number}.example") for number in range(500)))
            assert len(resolver.cache) <= 100
            await asyncio.sleep(61)
            nameserver.trouble = bogus
            with pytest.raises(ResolutionError):
                await resolver.query(NAME)

    run_virtual(main())


def test_it_is_off_unless_asked_for_and_has_an_end() -> None:
    assert Cache().stale == 0
    for forever in (4 * 86_400.0, float("inf")):
        with pytest.raises(ConfigurationError, match="three days"):
            Cache(stale=forever)


def test_an_answer_out_of_a_file_is_not_stale(run_virtual: Any, tmp_path: Any) -> None:
    async def main() -> None:
        nameserver = Nameserver()
        async with resolver_on(nameserver) as resolver:
            await resolver.query(NAME)
            await asyncio.sleep(61)
            nameserver.trouble = bogus
            assert isinstance(await resolver.query(NAME), Answer)
            assert resolver.cache.save(tmp_path / "cache") == 0

    run_virtual(main())
