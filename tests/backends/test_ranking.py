"""Which upstream next, and how long to wait for it."""

from __future__ import annotations

import pytest

from aioresolver.backends.ranking import Health, ranked


class Upstream:
    def __init__(
        self, name: str, *, trip: float | None = None, silences: int = 0, failures: int = 0, tier: int = 0
    ) -> None:
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


def test_of_two_that_are_benched_the_one_that_ever_answered_goes_first() -> None:
    assert order(Upstream("a", silences=1), Upstream("b", trip=0.01, silences=1)) == "ba"


def test_without_a_percentile_nothing_is_hedged() -> None:
    health = Health()
    health.heard(0.01, 0.0)

    assert health.hedge_after is None
    assert health.lead == 0


def test_the_percentile_is_where_so_many_replies_are_quicker() -> None:
    health = Health(0.9)
    for _ in range(200):
        for tenth in range(1, 11):
            health.heard(tenth / 100, 0.0)

    assert health.hedge_after == pytest.approx(0.09, abs=0.02)
    assert health.lead == pytest.approx(health.patience(0, 10.0) - health.hedge_after)


def test_in_a_hurry_a_copy_goes_out_long_before_patience_ends() -> None:
    health = Health()
    for _ in range(30):
        health.heard(0.01, 0.0)
    usual = health.patience(0, 10.0)
    health.hurried = True

    assert health.lead == pytest.approx(usual - health.patience(0, 10.0))
    assert health.lead > 0.2
