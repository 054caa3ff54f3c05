"""Walks, told as scenarios: a small internet, what is asked of it, and what comes of it. The format is in conftest.py."""

from __future__ import annotations

import asyncio
import errno
import random
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aioresolver.answer import Answer
from aioresolver.backends.iterative.backend import IterativeBackend
from aioresolver.backends.iterative.servers import MOST_AT_ONCE
from aioresolver.errors import LookupTimeout, ServerFailure, TransportError
from aioresolver.wire.codes import Flag, Rcode
from aioresolver.wire.message import Message, Question, Record

SCENARIOS = sorted((Path(__file__).parent / "scenarios").glob("*.txt"))


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda path: path.stem)
def test_scenario(scenario, play):
    play(scenario.read_text(encoding="utf-8"))


def test_every_scenario_says_in_its_first_line_what_it_shows():
    firsts = [path.read_text(encoding="utf-8").splitlines()[0] for path in SCENARIOS]

    assert len(SCENARIOS) >= 160
    assert [first for first in firsts if not first.startswith("# ")] == []


NAMES = ["{}", ".", "org.", "example.org.", "www.example.org.", "a.b.example.org.", "ns.example.org.", "ns.{}", "evil.com.",
         "ns.evil.com.", "example.org.{}"]  # fmt: skip
TYPES = ["A", "AAAA", "NS", "CNAME", "DNAME", "SOA"]


class Chaos:
    """Servers that say anything at all."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.madness = self.random.choice([0.02, 0.1, 0.4])
        self.sent = 0

    async def exchange(self, address, query, tcp, deadline):
        self.sent += 1
        loop, chance = asyncio.get_running_loop(), self.random
        if chance.random() < self.madness / 4:
            await asyncio.sleep(max(0.0, deadline - loop.time()))
            raise TransportError("no reply", code=110)
        await asyncio.sleep(0.001)
        if chance.random() < self.madness / 8:
            raise TransportError("refused", code=111)
        message = Message.parse(query)
        name = message.question[0].name
        sections = [[self.record(name) for _ in range(chance.choice([0, 0, 1, 2, 4]))] for _ in range(3)]
        if chance.random() > self.madness:  # what could be so
            sections = self.sensible(name)
        mad = chance.random() < self.madness / 2
        rcode = chance.choice([Rcode.NXDOMAIN, Rcode.SERVFAIL, Rcode.REFUSED, Rcode.FORMERR]) if mad else Rcode.NOERROR
        flags = chance.choice([Flag.AA, 0, Flag.TC]) if mad else Flag.AA
        reply = message.reply(
            flags=flags, rcode=rcode, answer=sections[0], authority=sections[1], additional=sections[2]
        ).to_wire()
        end = 12 + len(name.to_wire())
        wire = reply[:12] + query[12:end] + reply[end:]
        if chance.random() < self.madness / 8:
            place = chance.randrange(len(wire))
            wire = wire[:place] + bytes((chance.randrange(256),)) + wire[place + 1 :]
        return wire

    def sensible(self, name):
        """An answer, an alias, or a referral to a zone that the name is in, with glue or without."""
        chance, labels = self.random, [] if len(name) > 200 else name.rstrip(".").split(".")
        kind = chance.choice(["answer", "alias", *["referral"] * 6, "glueless"])
        if kind == "answer":
            return [[Record.parse(f"{name} 60 A 10.0.0.1")], [], []]
        if kind == "alias":
            return [[Record.parse(f"{name} 60 CNAME c{chance.randrange(5)}.example.org.")], [], []]
        zone = ".".join(labels[chance.randrange(len(labels)) :]) + "." if labels[-1:] > [""] else "org."
        target = f"ns{chance.randrange(3)}.{chance.choice([zone, 'evil.com.', 'deep.ns.org.'])}"
        glue = [Record.parse(f"{target} 60 A 10.0.0.{chance.randrange(9)}")] if kind == "referral" else []
        return [[], [Record.parse(f"{zone} 60 NS {target}")], glue]

    def record(self, name):
        kind = self.random.choice(TYPES)
        owner, target = (self.random.choice(NAMES).replace("{}", name if name != "." else "x.") for _ in range(2))
        owner, target = (text if len(text) < 200 else "long." for text in (owner, target))
        data = {"A": f"10.0.0.{self.random.randrange(9)}", "AAAA": "fd00::1", "SOA": f"{target} h. 1 2 3 4 5"}.get(
            kind, target
        )
        return Record.parse(f"{owner} {self.random.choice([0, 5, 600])} {kind} {data}")


@given(st.integers(0, 1 << 32), st.booleans())
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_servers_say_it_ends_within_its_budget(run_virtual, seed, minimise):
    async def main():
        loop = asyncio.get_running_loop()
        chaos = Chaos(seed)
        backend = IterativeBackend(
            {"a.root.": ["10.0.0.1"]}, exchange=chaos.exchange, random=random.Random(seed), qname_minimization=minimise
        )
        for name in ("www.example.org", "a.b.c.example.org", "example.org"):
            began, sent = loop.time(), chaos.sent
            try:
                answer = await backend.query(Question.parse(name), began + 30)
            except (ServerFailure, LookupTimeout):
                pass
            else:
                assert isinstance(answer, Answer)
                assert answer.expires <= loop.time() + 86_400
            assert chaos.sent - sent <= 200
            assert loop.time() - began <= 10.01
        await backend.aclose()
        assert len(asyncio.all_tasks()) <= 2

    run_virtual(main())


class Lossy:
    """A root with one zone, at one address each, on a path that loses a tenth of the packets each way."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.in_flight = self.most = 0

    async def exchange(self, address, query, tcp, deadline):
        loop = asyncio.get_running_loop()
        self.in_flight += 1
        self.most = max(self.most, self.in_flight)
        try:
            return await self.carry(address, query, tcp, deadline, loop)
        finally:
            self.in_flight -= 1

    async def carry(self, address, query, tcp, deadline, loop):
        lost = [self.random.random() < 0.1 for _ in range(2)]
        if tcp:  # which sends again by itself
            await asyncio.sleep(min(0.02 + sum(lost), max(0.0, deadline - loop.time())))
        elif any(lost):
            await asyncio.sleep(max(0.0, deadline - loop.time()))
        else:
            await asyncio.sleep(0.02)
        if loop.time() >= deadline:
            raise TransportError("no reply", code=errno.ETIMEDOUT)
        message = Message.parse(query)
        if address == "10.0.0.1":
            return self.reply(
                message, query, authority=["example. 60 NS ns.example."], additional=["ns.example. 60 A 10.0.0.2"]
            )
        return self.reply(message, query, answer=[f"{message.question[0].name} 60 A 192.0.2.1"])

    def reply(self, message, query, **sections):
        made = {section: [Record.parse(text) for text in texts] for section, texts in sections.items()}
        wire = message.reply(flags=Flag.AA if "answer" in made else 0, **made).to_wire()
        end = 12 + len(message.question[0].name.to_wire())
        return wire[:12] + query[12:end] + wire[end:]


def test_a_tenth_of_the_packets_lost_each_way_fails_no_name(run_virtual):
    async def main():
        lossy = Lossy(1)
        backend = IterativeBackend(
            {"a.root.": ["10.0.0.1"]}, exchange=lossy.exchange, random=random.Random(2), prime=False
        )
        deadline = asyncio.get_running_loop().time() + 5
        for batch in range(6):
            deadline = asyncio.get_running_loop().time() + 5
            names = [Question.parse(f"{batch}-{number}.example") for number in range(500)]
            answers = await asyncio.gather(*(backend.query(name, deadline) for name in names))
            assert all(answers)
        assert [server.in_flight for server in backend.memory.servers.measured()] == [0, 0]
        await backend.aclose()
        return lossy.most

    assert run_virtual(main()) <= 300


def test_a_cold_start_sends_one_server_so_much_at_once(run_virtual):
    async def main():
        lossy = Lossy(1)
        lossy.random = random.Random(1)
        lossy.random.random = lambda: 1.0
        backend = IterativeBackend(
            {"a.root.": ["10.0.0.1"]}, exchange=lossy.exchange, random=random.Random(2), prime=False
        )
        deadline = asyncio.get_running_loop().time() + 5
        names = [Question.parse(f"{number}.example") for number in range(1000)]
        answers = await asyncio.gather(*(backend.query(name, deadline) for name in names))
        assert all(answers)
        assert [server.in_flight for server in backend.memory.servers.measured()] == [0, 0]
        await backend.aclose()
        return lossy.most

    assert run_virtual(main()) == MOST_AT_ONCE


def test_askers_that_leave_leave_room_for_others(run_virtual):
    async def main():
        lossy = Lossy(1)
        backend = IterativeBackend(
            {"a.root.": ["10.0.0.1"]}, exchange=lossy.exchange, random=random.Random(2), prime=False
        )
        deadline = asyncio.get_running_loop().time() + 5
        for pause in (0.0, 0.001, 0.025, 0.05, 0.5, 1.3):
            names = [Question.parse(f"{pause}-{number}.example") for number in range(300)]
            walks = [asyncio.ensure_future(backend.query(name, deadline)) for name in names]
            await asyncio.sleep(pause)
            for walk in walks:
                walk.cancel()
            await asyncio.gather(*walks, return_exceptions=True)
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            assert not any(server.in_flight for server in backend.memory.servers.measured())
        await backend.aclose()
        assert lossy.in_flight == 0

    run_virtual(main())
