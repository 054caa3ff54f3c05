"""Walks, told as scenarios: a small internet, what is asked of it, and what comes of it. The format is in conftest.py."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aioresolver.answer import Answer
from aioresolver.backends.iterative.backend import IterativeBackend
from aioresolver.errors import LookupTimeout, ServerFailure, TransportError
from aioresolver.wire.codes import Flag, Rcode
from aioresolver.wire.message import Message, Question, Record

SCENARIOS = sorted((Path(__file__).parent / "scenarios").glob("*.txt"))


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda path: path.stem)
def test_scenario(scenario, play):
    play(scenario.read_text(encoding="utf-8"))


def test_every_scenario_says_in_its_first_line_what_it_shows():
    firsts = [path.read_text(encoding="utf-8").splitlines()[0] for path in SCENARIOS]

    assert len(SCENARIOS) >= 100
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
