"""Chance: every number comes, and none from outside."""

from __future__ import annotations

import os

from aioresolver.flow.chance import random_below


def test_numbers_below_a_limit_come_all_and_no_others():
    assert {random_below(6) for _ in range(1000)} == set(range(6))
    assert random_below(1) == 0


def test_it_is_the_operating_systems(monkeypatch):
    monkeypatch.setattr(os, "urandom", lambda count: b"\xff" * count)

    assert random_below(1000) == (2**64 - 1) % 1000
