"""Remembered failures: for how long, and what is given of them."""

from __future__ import annotations

from aioresolver.errors import ServerFailure
from aioresolver.remembered_failures import MAX_FAILURE_TTL, RememberedFailures
from aioresolver.wire.message import Question

QUESTION = Question.parse("broken.example")
ERROR = ServerFailure("broken.example.", "A", "SERVFAIL")


def test_a_failure_is_known_until_it_is_over() -> None:
    failures = RememberedFailures()
    assert failures.known(QUESTION, 0) is None
    failures.add(QUESTION, ERROR, 5, 100)
    assert failures.known(QUESTION, 104.9) is not None
    assert failures.known(QUESTION, 105) is None


def test_each_time_it_is_an_error_of_its_own() -> None:
    failures = RememberedFailures()
    failures.add(QUESTION, ERROR, 5, 100)
    one, other = failures[QUESTION].again(), failures[QUESTION].again()
    assert one is not other is not ERROR
    assert str(one) == str(other) == str(ERROR)


def test_what_fails_again_soon_is_remembered_for_twice_as_long() -> None:
    failures = RememberedFailures()
    lives, now = [], 100.0
    for _ in range(8):
        lives.append(life := failures.life(QUESTION, 5, now))
        failures.add(QUESTION, ERROR, life, now)
        now += life
    assert lives == [5, 10, 20, 40, 80, 160, 300, MAX_FAILURE_TTL]
    assert failures.life(QUESTION, 5, now + MAX_FAILURE_TTL) == 5


def test_the_oldest_comes_first() -> None:
    failures = RememberedFailures()
    for name in ("a.example", "b.example", "a.example"):
        failures.add(Question.parse(name), ERROR, 5, 100)
    assert [question.name for question in failures] == ["b.example.", "a.example."]
