"""Chance: every number comes, and none from outside."""

from __future__ import annotations

import os

from aioresolver.flow.chance import SystemChance, random_below


def test_numbers_below_a_limit_come_all_and_no_others():
    assert {random_below(6) for _ in range(1000)} == set(range(6))
    assert random_below(1) == 0


def test_it_is_the_operating_systems(monkeypatch):
    monkeypatch.setattr(os, "urandom", lambda count: b"\xff" * count)

    assert random_below(1000) == (2**64 - 1) % 1000


def test_so_many_bits():
    chance = SystemChance()

    assert [max(chance.getrandbits(bits).bit_length() for _ in range(100)) for bits in (1, 8, 16)] == [1, 8, 16]
    assert 2**180 < max(chance.getrandbits(190) for _ in range(100)) < 2**190
    assert all(0 <= chance.random() < 1 for _ in range(100))


def test_shares_are_even_and_never_all(monkeypatch):
    monkeypatch.setattr(os, "urandom", lambda count: b"\xff" * count)
    assert 0.999 < SystemChance().random() < 1

    monkeypatch.setattr(os, "urandom", lambda count: b"\x80" + bytes(count - 1))
    assert SystemChance().random() == 0.5
