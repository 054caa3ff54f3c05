"""Warmth: what is used often is worth fetching again before it ends, at a moment of its own."""

from __future__ import annotations

import pytest

from aioresolver.warmth import REFRESH_HITS, Warmth

NOW = 1000.0


def used(warmth: Warmth, key: object, times: int = REFRESH_HITS) -> None:
    for _ in range(times):
        warmth.add(key)


def test_what_is_used_often_wants_a_refresh_near_its_end() -> None:
    warmth = Warmth()
    warmth.begin("a", NOW, NOW + 100)
    used(warmth, "a")
    assert [warmth.wants_refresh("a", NOW + when) for when in (0, 50, 89.9, 97.6, 99.9, 100, 200)] == [
        False, False, False, True, True, False, False,
    ]  # fmt: skip


def test_what_is_used_seldom_does_not() -> None:
    warmth = Warmth()
    warmth.begin("a", NOW, NOW + 100)
    used(warmth, "a", REFRESH_HITS - 1)
    assert not warmth.wants_refresh("a", NOW + 99)
    warmth.begin("a", NOW + 99, NOW + 199)  # another life
    used(warmth, "a", REFRESH_HITS - 1)
    assert not warmth.wants_refresh("a", NOW + 198)


@pytest.mark.parametrize(("life", "known"), [(0, 0), (8.9, 0), (9, 1), (86_400, 1)])
def test_a_short_life_is_over_too_soon(life: float, known: int) -> None:
    warmth = Warmth()
    warmth.begin("a", NOW, NOW + 100)
    warmth.begin("a", NOW, NOW + life)
    assert len(warmth) == known


def test_nothing_is_known_of_what_has_ended() -> None:
    warmth = Warmth()
    warmth.begin("a", NOW, NOW + 100)
    warmth.end("a")
    warmth.end("b")
    used(warmth, "a")
    assert not warmth.wants_refresh("a", NOW + 99)
    assert len(warmth) == 0


def test_what_began_together_is_not_refreshed_together() -> None:
    warmth = Warmth()
    for key in range(1000):
        warmth.begin(key, NOW, NOW + 100)
        used(warmth, key)
    moments = [sum(warmth.wants_refresh(key, NOW + 90 + step / 10) for key in range(1000)) for step in range(-1, 77)]
    assert (moments[0], moments[-1]) == (0, 1000)
    assert max(later - earlier for earlier, later in zip(moments, moments[1:], strict=False)) < 60  # noqa: RUF007
