"""What is learnt of made-up answers by asking for random names."""

from __future__ import annotations

import pytest
from tests.bulk.synthetic_zones import row

from aioresolver.bulk.synthesis import MOST_ASKED, Found, Synthesis, marks_of, parent_of


def place(*answers: str) -> Synthesis:
    """`example.` after its random names had these addresses; an empty one is NXDOMAIN."""
    synthesis = Synthesis("", "example.", "A")
    for answer in answers:
        synthesis.learn(row("4f1c.example.", *answer.split()))
    return synthesis


def judged(synthesis: Synthesis, *data: str, **about) -> Found:
    return synthesis.judge(row("www.example.", *data, **about), doubts=False)


def test_nothing_is_known_at_first():
    assert judged(place(), "192.0.2.1") is Found.UNDECIDED


def test_nothing_is_made_up():
    for synthesis in (place(""), place("", "")):
        assert judged(synthesis, "192.0.2.1") is Found.REAL


def test_no_data_is_nothing_made_up_either():
    synthesis = place()
    synthesis.learn(row("4f1c.example.", status="no-data"))
    assert judged(synthesis, "192.0.2.1") is Found.REAL


def test_the_same_records_are_made_up():
    assert judged(place("192.0.2.1"), "192.0.2.1") is Found.MADE_UP
    assert judged(place("192.0.2.1 192.0.2.2"), "192.0.2.2") is Found.MADE_UP


def test_other_records_are_real_once_it_is_steady():
    synthesis = place("192.0.2.1")
    answers = 1
    while judged(synthesis, "192.0.2.9") is Found.UNDECIDED:
        synthesis.learn(row("4f1c.example.", "192.0.2.1"))
        answers += 1
    assert judged(synthesis, "192.0.2.9") is Found.REAL
    assert 5 <= answers <= 7


def test_the_more_answers_there_are_the_longer_it_takes():
    def needed(count: int) -> int:
        synthesis = place(*(f"192.0.2.{i}" for i in range(count)))
        for answers in range(100):
            if judged(synthesis, "192.0.2.99") is not Found.UNDECIDED:
                return answers
            synthesis.learn(row("4f1c.example.", "192.0.2.0"))
        raise AssertionError

    assert needed(1) < needed(2) < needed(4) < needed(6) < MOST_ASKED


def test_names_of_the_run_make_it_steady_too():
    synthesis = place("192.0.2.1")
    synthesis.waiting = [row(f"x{i}.example.", "192.0.2.1") for i in range(20)] + [row("y.example.", "192.0.2.9")]
    synthesis.learn(row("4f1c.example.", "192.0.2.1"))
    assert judged(synthesis, "192.0.2.9") is Found.REAL


def test_but_not_where_too_many_have_others():
    synthesis = place("192.0.2.1")
    synthesis.waiting = [row(f"x{i}.example.", f"192.0.2.{1 + i % 2}") for i in range(20)]
    synthesis.learn(row("4f1c.example.", "192.0.2.1"))
    assert judged(synthesis, "192.0.2.2") is Found.UNDECIDED


def test_what_changes_each_time():
    synthesis = place(*(f"192.0.2.{i}" for i in range(20)))
    assert synthesis.volatile
    assert judged(synthesis, "192.0.2.99") is Found.MADE_UP
    assert judged(synthesis, "192.0.2.99", aliases=("www.example.", "www.test.")) is Found.REAL


def test_failures():
    synthesis = place()
    for _ in range(2):
        assert judged(synthesis, "192.0.2.1") is Found.UNDECIDED
        synthesis.learn(row("4f1c.example.", status="timeout"))
    assert judged(synthesis, "192.0.2.1") is Found.UNKNOWABLE


def test_doubts():
    """Real names all of one address may be the half of a wildcard that we have not seen."""
    synthesis = place(*["192.0.2.1"] * 8)
    asked = 0
    for i in range(1000):
        while synthesis.judge(row(f"x{i}.example.", "192.0.2.9"), doubts=True) is Found.UNDECIDED:
            synthesis.learn(row("4f1c.example.", "192.0.2.1"))
            asked += 1
    assert 5 < asked < 60
    assert not synthesis.volatile


@pytest.mark.parametrize(
    ("answer", "marks"),
    [
        (row("a.test.", "192.0.2.1", "192.0.2.2"), {"192.0.2.1", "192.0.2.2"}),
        (row("a.test.", "192.0.2.1", aliases=("a.test.", "b.test.")), {"=b.test."}),
        (row("a.test.", "192.0.2.1", aliases=("a.test.", "a.other.")), {"192.0.2.1"}),
        (row("a.test.", "a.other.", "b.other.", type="NS"), {"*.other.", "b.other."}),
        (row("a.test.", '"a."', type="TXT"), {'"a."'}),
    ],
)
def test_marks(answer, marks):
    assert marks_of(answer) == marks


def test_names():
    assert Synthesis("a.", "example.", "A").name("x") == "a.x.example."
    assert Synthesis("", ".", "A").name("x") == "x."
    assert Synthesis("", "a" * 60 + "." + "b" * 60 + "." + "c" * 60 + "." + "d" * 60 + ".", "A").name("x" * 12) is None
    assert [parent_of(name) for name in ("a.b.", "a.", ".", "a\\.b.c.")] == ["b.", ".", ".", "c."]
