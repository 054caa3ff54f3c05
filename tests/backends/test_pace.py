"""The pace that is found: watched, compared, and put to the test now and again."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import pytest

from aioresolver.backends.pace import LONGEST_PAUSE, PaceSearch, Watched

Server = Callable[[float], float]


def bears(capacity: float, *, alive: float = 1.0) -> Server:
    """A server that answers the living share of what it gets, up to its capacity."""
    return lambda pace: min(pace, capacity) * alive


class Search:
    """A search, and what its paces come to; a watch takes half a second."""

    def __init__(self, server: Server, *, pace: float = 500.0) -> None:
        self.server = server
        self.pace = pace
        self.now = 100.0
        self.paces: list[float] = []
        self._search = PaceSearch()

    def watch(self, times: int = 1, *, demand: float = float("inf")) -> Search:
        for _ in range(times):
            self.paces.append(self.pace)
            sent = min(self.pace, demand)
            answered = self.server(sent)
            seen = Watched(self.pace, round(sent / 2), sent, answered, sent - answered, sent)
            self.now += 0.5
            self.pace, rest = self._search.next(seen, self.now, trip=0.02)
            self.now += rest
        return self

    def settled(self) -> float:
        """The pace that it is at for most of a minute."""
        self.paces.clear()
        self.watch(100)
        return sorted(self.paces)[50]


@pytest.mark.parametrize("capacity", [700, 3_000, 70_000])
@pytest.mark.parametrize("alive", [1.0, 0.98, 0.9, 0.75])
def test_it_settles_where_the_server_does(capacity: float, alive: float) -> None:
    search = Search(bears(capacity, alive=alive))
    search.watch(40)
    assert 0.88 * capacity < search.settled() < 1.1 * capacity


def test_it_doubles_until_that_brings_no_more() -> None:
    search = Search(bears(3_900)).watch(5)
    assert search.paces[:4] == [500, 1000, 2000, 4000]
    assert 3_700 < search.paces[4] < 3_900


def test_steps_upward_become_seldom_and_small() -> None:
    search = Search(bears(1_000)).watch(10)
    search.now += 60
    higher = []
    for _ in range(400):
        search.watch()
        if search.pace > 1_000:
            higher.append(search.now)
            assert search.pace < 1_000 * 1.16
    pauses = [round(later - earlier) for earlier, later in pairwise(higher)]
    assert pauses == sorted(pauses)
    assert LONGEST_PAUSE <= pauses[-1] < LONGEST_PAUSE + 2


def test_less_is_borne_then_more() -> None:
    search = Search(bears(10_000)).watch(20)
    search.server = bears(1_000)
    search.watch(12)
    assert 850 < search.pace < 1_060
    search.server = bears(10_000)
    search.now += LONGEST_PAUSE
    search.watch(25)
    assert search.pace > 8_800


def test_more_dead_names_are_no_reason_to_stay_slower() -> None:
    search = Search(bears(2_000)).watch(20)
    search.server = bears(2_000, alive=0.7)
    search.watch(30)
    assert 1_800 < search.settled() < 2_100
    search.server = bears(2_000)
    search.watch(10)
    assert 1_800 < search.settled() < 2_100


def test_what_is_late_but_not_lost_is_waited_for() -> None:
    search = PaceSearch()
    pace, _ = search.next(Watched(1000, 500, 400, 400, 0, 400), 1.0, trip=0.02)
    assert pace == 1000
    for now in range(2, 9):
        pace, _ = search.next(Watched(1000, 500, 400, 340, 0, 400), float(now), trip=0.02)
        assert pace == 1000


def test_too_little_to_ask_tells_nothing() -> None:
    search = Search(bears(50_000)).watch(3)
    pace = search.pace
    search.watch(200, demand=700)
    assert search.pace == pace


def test_a_watch_that_is_forgotten_is_compared_with_nothing() -> None:
    search = PaceSearch()
    first, _ = search.next(Watched(1000, 500, 1000, 1000, 0, 1000), 1.0, trip=0.02)
    assert first == 2000
    search.forget()
    second, _ = search.next(Watched(2000, 500, 2000, 1900, 100, 2000), 1.5, trip=0.02)
    assert second == 4000
    assert search.hurried
    assert not search.comparing
