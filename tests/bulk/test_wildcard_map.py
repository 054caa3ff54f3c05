"""Where names may be made up, and where there is reason to ask."""

from __future__ import annotations

import pytest
from tests.bulk.synthetic_zones import row

from aioresolver.bulk.wildcard_map import WildcardMap, middles_of


@pytest.mark.parametrize(
    ("name", "middles"),
    [
        ("test.", []),
        ("www.test.", []),
        ("www.a.test.", [("www.", "a", "test.")]),
        ("www.a.b.test.", [("www.", "a", "b.test."), ("www.a.", "b", "test.")]),
        ("w\\.ww.a.test.", []),
        (".", []),
    ],
)
def test_middles(name, middles):
    assert middles_of(name) == middles


def test_middles_are_asked_for_where_something_recurs():
    places = WildcardMap(100)
    assert places.middle("www.", "a", "test.", "A", curious=False) is None
    assert places.middle("www.", "a", "test.", "A", curious=True) is None
    assert places.middle("www.", "b", "test.", "A", curious=False) is not None
    tried = [places.middle(f"x{i}.", "a", "test.", "A", curious=True) for i in range(5)]
    assert [place is not None for place in tried] == [True, True, False, False, False]


def test_where_one_was_found_more_are_expected():
    places = WildcardMap(100)
    found = places.at("a.", "test.", "A")
    found.learn(row("a.4f1c.test.", "192.0.2.1"))
    assert not places.explains(row("a.x.test.", "192.0.2.1"))
    places.confirm(found)
    assert places.explains(row("a.x.test.", "192.0.2.1"))
    assert not places.explains(row("a.x.test.", "192.0.2.2"))
    assert places.middle("b.", "y", "test.", "A", curious=False) is not None


def test_the_nearest_wildcard_above():
    places = WildcardMap(100)
    for suffix in ("test.", "b.test."):
        places.at("", suffix, "A").learn(row(f"4f1c.{suffix}", "192.0.2.1"))
    above = places.above("a.b.test.", "A")
    assert above is not None
    assert above.suffix == "b.test."
    assert places.above("a.b.test.", "AAAA") is None
    assert places.explains(row("x.a.b.test.", "192.0.2.1"))
    assert not places.explains(row("x.a.b.test.", "192.0.2.1", type="AAAA"))


def test_absences():
    places = WildcardMap(100)
    assert [places.note_absence("test.") for _ in range(4)] == [False, True, False, False]
    assert places.is_clear("test.")
    assert not places.is_clear("other.")


def test_what_is_at_work_is_not_forgotten():
    places = WildcardMap(10)
    busy = places.at("", "busy.", "A")
    busy.open = True
    for i in range(100):
        places.at("", f"x{i}.", "A")
    assert places.known("", "busy.", "A") is busy
    assert places.known("", "x99.", "A") is not None
    assert places.known("", "x1.", "A") is None
