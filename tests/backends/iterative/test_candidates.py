from __future__ import annotations

import asyncio
import random
from types import SimpleNamespace

import pytest

from aioresolver.backends.iterative.budget import Budget, Limits
from aioresolver.backends.iterative.candidates import Candidates
from aioresolver.backends.iterative.delegations import FOREVER, Delegation, Trust
from aioresolver.backends.iterative.hosts import HostAddresses
from aioresolver.backends.iterative.memory import Memory
from aioresolver.backends.iterative.setting import WalkError
from aioresolver.wire.codes import RRType
from aioresolver.wire.names import Name

ZONE, GLUED, BARE, GONE = Name("example."), Name("a.example."), Name("ns.other."), Name("no.other.")


class Here:
    """A delegation to some nameservers, and what is found when they are looked up."""

    def __init__(self, *names, glue=None, found=None, lookups=5):
        self.now = 0.0
        self.asked = []
        self.found = found or {}
        self.memory = Memory([], random.Random(1))
        self.cut = Delegation(ZONE, names, glue or {}, expires=FOREVER, trust=Trust.REFERRAL)
        setting = SimpleNamespace(memory=self.memory, chance=random.Random(1), clock=lambda: self.now)
        budget = Budget(Limits(lookups=lookups), now=0.0, deadline=5.0)
        self.candidates = Candidates(SimpleNamespace(setting=setting, budget=budget), self.cut, self.look_up)

    async def look_up(self, name, type, zone):
        self.asked.append((name, type))
        assert zone == ZONE
        if name == GONE:
            raise WalkError("it is gone")
        return self.found.get((name, type), ())

    def known(self):
        return [(server.address, name) for server, name in self.candidates.known(self.now)]

    def find_more(self):
        return asyncio.run(self.candidates.find_more())


def test_glue_is_known_and_looked_up_by_nobody():
    here = Here(GLUED, glue={GLUED: ["10.0.0.1", "10.0.0.2"]})

    assert here.known() == [("10.0.0.1", GLUED), ("10.0.0.2", GLUED)]
    assert not here.find_more()
    assert here.asked == []


def test_what_was_looked_up_is_preferred_to_glue_for_as_long_as_it_lives():
    here = Here(GLUED, glue={GLUED: ["10.0.0.1"]})
    here.memory.hosts.learn(GLUED, RRType.A, HostAddresses(("10.0.0.9",), 100.0))

    assert here.known() == [("10.0.0.9", GLUED)]
    here.now = 100.0
    assert here.known() == [("10.0.0.1", GLUED)]


@pytest.mark.parametrize("type", [RRType.A, RRType.AAAA])
def test_one_without_address_is_looked_up(type):
    here = Here(GLUED, BARE, glue={GLUED: ["10.0.0.1"]}, found={(BARE, type): ("10.0.0.5",)})

    assert here.find_more()
    assert here.known() == [("10.0.0.1", GLUED), ("10.0.0.5", BARE)]
    assert not here.find_more()


def test_why_none_was_found():
    here = Here(GONE)
    assert not here.find_more()
    assert here.candidates.why == "no.other.: it is gone"

    here = Here(BARE)
    assert not here.find_more()
    assert here.candidates.why == "ns.other. has no address"
    assert here.asked == [(BARE, RRType.A), (BARE, RRType.AAAA)]


def test_so_many_lookups_and_no_more():
    here = Here(*(Name(f"ns{number}.other.") for number in range(20)), lookups=3)

    assert not here.find_more()
    assert len({name for name, _ in here.asked}) == 3


def test_what_was_found_for_another_meanwhile_is_found():
    here = Here(GONE, BARE, lookups=1)

    async def look_up(name, type, zone):
        here.memory.hosts.learn(BARE, RRType.A, HostAddresses(("10.0.0.5",), 100.0))
        raise WalkError("it is gone")

    here.candidates._look_up = look_up
    assert here.find_more()
    assert here.known() == [("10.0.0.5", BARE)]
