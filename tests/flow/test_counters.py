"""Counters of two kinds do not know each other."""

from __future__ import annotations

from aioresolver.flow.counters import Counters


class Sheep(Counters):
    __slots__ = ("black", "white")
    black: int
    white: int


def test_they_begin_at_zero_and_count():
    sheep = Sheep()
    sheep.white += 2

    assert sheep.as_dict() == {"black": 0, "white": 2}
    assert repr(sheep) == "Sheep(black=0, white=2)"
