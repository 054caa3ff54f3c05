from __future__ import annotations

import random

from aioresolver.backends.iterative.memory import Expiring, Memory
from aioresolver.wire.message import Record
from aioresolver.wire.names import Name

SOA = (Record.parse("example. SOA ns.example. h.example. 1 2 3 4 5", ttl=5),)


def test_something_known_for_a_time():
    known = Expiring(most=2)
    known.learn(Name("a."), 1, 10.0)
    known.learn(Name("b."), 2, 10.0)
    assert known.find("a.", 9.0) == (1, 10.0)
    known.learn(Name("c."), 3, 10.0)
    assert known.find("b.", 0.0) is None
    assert known.find("a.", 10.0) is None
    assert len(known) == 1


def test_what_is_absent_denies_all_below_it_down_to_the_zone_cut():
    memory = Memory([], random.Random(1))
    assert memory.absence(Name("a.gone.example."), Name("example."), 0.0) is None
    memory.absent.learn(Name("gone.example."), SOA, 10.0)

    assert memory.absence(Name("a.b.gone.example."), Name("example."), 0.0) == (SOA, 10.0)
    assert memory.absence(Name("gone.example."), Name("example."), 0.0) == (SOA, 10.0)
    assert memory.absence(Name("notgone.example."), Name("example."), 0.0) is None
    assert memory.absence(Name("example."), Name("."), 0.0) is None
    assert memory.absence(Name("a.gone.example."), Name("gone.example."), 0.0) is None
    assert memory.absence(Name("a.gone.example."), Name("example."), 10.0) is None
