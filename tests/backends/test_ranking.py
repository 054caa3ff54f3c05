"""Which upstream next, how long to wait for it, how much it bears."""

from __future__ import annotations

import pytest

from aioresolver.backends.ranking import Health, Window, ranked


class Upstream:
    def __init__(self, name: str, *, trip: float | None = None, silences: int = 0, failures: int = 0) -> None:
        self.name = name
        self.health = Health()
        if trip is not None:
            self.health.heard(trip, 0.0)
        for _ in range(silences):
            self.health.silent(1.0)
        for _ in range(failures):
            self.health.failed(1.0)


def order(*upstreams: Upstream) -> str:
    return "".join(upstream.name for upstream in ranked(upstreams))


def test_strangers_come_as_configured() -> None:
    assert order(Upstream("a"), Upstream("b"), Upstream("c")) == "abc"


def test_equals_come_as_configured_and_the_slow_later() -> None:
    assert order(Upstream("a", trip=0.2), Upstream("b", trip=0.03), Upstream("c", trip=0.025)) == "bca"


def test_known_before_unknown() -> None:
    assert order(Upstream("a"), Upstream("b", trip=0.3)) == "ba"


@pytest.mark.parametrize("fault", [{"silences": 1}, {"failures": 3}])
def test_the_benched_come_last(fault: dict[str, int]) -> None:
    assert order(Upstream("a", trip=0.01, **fault), Upstream("b", trip=0.3), Upstream("c")) == "bca"


def test_a_word_from_it_ends_the_bench() -> None:
    health = Health()
    health.silent(0.0)
    assert health.benched
    health.heard(0.01, 1.0)
    assert not health.benched
    for _ in range(3):
        health.failed(2.0)
    health.heard(0.01, 3.0)
    assert health.benched
    health.served()
    assert not health.benched


def test_probes_come_ever_more_seldom() -> None:
    health = Health()
    health.heard(0.01, 0.0)
    health.silent(0.0)
    moments = [now for now in range(200) if health.wants_probe(float(now))]
    assert moments == [5, 10, 20, 40, 80, 160]


def test_the_unknown_is_probed_at_once_and_the_known_when_that_is_long_ago() -> None:
    health = Health()
    assert health.wants_probe(0.0)
    assert not health.wants_probe(0.1)
    health.heard(0.01, 1.0)
    assert not health.wants_probe(60.0)
    assert health.wants_probe(61.0)


def test_patience_follows_the_round_trips_within_bounds() -> None:
    health = Health()
    assert health.patience(0, 5.0) == 0.4
    for _ in range(50):
        health.heard(0.001, 0.0)
    assert health.patience(0, 5.0) == 0.25
    assert [round(health.patience(tries, 50.0), 3) for tries in range(5)] == [0.25, 0.375, 0.562, 0.844, 1.0]
    for _ in range(50):
        health.heard(3.0, 0.0)
    assert health.patience(0, 50.0) == 1.0
    assert health.patience(0, 0.6) == pytest.approx(0.2)


def fill(window: Window) -> None:
    window.used = int(window.size)


def test_a_window_grows_while_all_is_answered() -> None:
    window = Window(1000)
    assert window.size == 100
    for _ in range(2000):
        fill(window)
        window.answered(0.01)
    assert window.size == 1000


def test_an_idle_window_does_not_grow() -> None:
    window = Window(1000)
    for _ in range(500):
        window.used = 1
        window.answered(0.01)
    assert window.size == 100


def test_a_window_does_not_grow_while_replies_wait() -> None:
    window = Window(1000)
    window.answered(0.01)
    for _ in range(500):
        fill(window)
        window.answered(0.2)
    assert window.size == 100


def outcomes(window: Window, now: float, *, answered: int, lost: int) -> None:
    for _ in range(answered):
        window.answered(0.01)
    for _ in range(lost):
        window.lost(now)


def test_a_window_shrinks_when_loss_begins_and_grows_slowly_from_there() -> None:
    window = Window(1000)
    window.size = 800.0
    outcomes(window, 1.0, answered=900, lost=100)
    # The first loss of the interval judges it; the rest count for the next.
    outcomes(window, 2.0, answered=100, lost=30)
    assert window.size < 800
    size = window.size
    for _ in range(100):
        fill(window)
        window.answered(0.01)
    assert size < window.size < size + 2


def test_loss_that_a_retreat_does_not_cure_is_the_path_s() -> None:
    window = Window(1000)
    window.size = 800.0
    sizes = []
    for now in range(1, 20):
        outcomes(window, float(now), answered=950, lost=50)
        sizes.append(window.size)
    assert min(sizes) > 300


def test_a_window_keeps_a_floor() -> None:
    window = Window(1000)
    for now in range(1, 50):
        share = 10 + now * 8
        outcomes(window, float(now), answered=1000 - share, lost=share)
    assert window.size >= Window.LEAST
