"""Turns: round and round among those with chances left."""

from __future__ import annotations

from typing import Any

import pytest

from aioresolver.backends.turns import SECOND_CHANCE, STRIKES, Turns
from aioresolver.backends.upstream import Upstream
from aioresolver.transports.nameserver import Nameserver


@pytest.fixture
def upstreams() -> list[Upstream]:
    made: list[Upstream] = []
    for url in ("192.0.2.1", "192.0.2.2", "tls://192.0.2.9"):
        transport: Any = object()
        made.append(Upstream(Nameserver.parse(url), lambda _, transport=transport: transport, room=lambda: None))
    return made


def test_round_and_round(upstreams: list[Upstream]) -> None:
    first, second, _ = upstreams
    turns = Turns()
    assert not turns
    assert turns.begin([first, second]) == [first]
    assert turns.latest is first

    order = []
    for _ in range(4):
        upstream = turns.next(())
        assert upstream is not None
        turns.asked(upstream)
        order.append(upstream)
    assert order == [second, first, second, first]


def test_several_at_once(upstreams: list[Upstream]) -> None:
    turns = Turns()

    assert turns.begin(upstreams[:2], race=5) == upstreams[:2]


def test_who_was_asked_already_is_the_last(upstreams: list[Upstream]) -> None:
    turns = Turns()

    assert turns.begin(upstreams[:2], upstreams[0]) == [upstreams[0]]
    assert turns.next(()) is upstreams[1]
    assert turns.next([upstreams[1]]) is upstreams[0]
    assert turns.next(upstreams) is None


def test_chances_run_out(upstreams: list[Upstream]) -> None:
    first, second, _ = upstreams
    turns = Turns()
    turns.begin([first, second])
    turns.strike(second, SECOND_CHANCE)
    assert turns.usable() == [second, first]
    turns.strike(second, STRIKES - SECOND_CHANCE)

    assert turns.usable() == [first]
    assert turns.strikes(second) == STRIKES


def test_new_ones_are_next(upstreams: list[Upstream]) -> None:
    first, second, _ = upstreams
    turns = Turns()
    turns.begin([first])
    turns.add([second])

    assert turns.next(()) is second


def test_a_plain_one_has_its_turn_when_the_encrypted_one_cannot_be_reached(upstreams: list[Upstream]) -> None:
    encrypted = upstreams[2]
    turns = Turns()
    assert turns.begin(upstreams) == [encrypted]
    turns.strike(encrypted, STRIKES)
    assert turns.usable() == []

    for _ in range(2):
        encrypted.failed(0.0, reached=False)
    assert turns.usable() == upstreams[:2]
