"""Questions as people put them."""

from __future__ import annotations

import pytest

from aioresolver.errors import NameSyntaxError
from aioresolver.questions import question_of, questions_of
from aioresolver.wire.codes import RRType
from aioresolver.wire.message import Question


@pytest.mark.parametrize(
    ("name", "type", "asked"),
    [
        ("Example.org", "A", "example.org. A"),
        ("example.org.", "mx", "example.org. MX"),
        ("example.org", 15, "example.org. MX"),
        ("example.org", RRType.MX, "example.org. MX"),
        ("example.org", "TYPE65280", "example.org. TYPE65280"),
        ("example.org", "PTR", "example.org. PTR"),
        ("192.0.2.1", "PTR", "1.2.0.192.in-addr.arpa. PTR"),
        ("192.0.2.1", 12, "1.2.0.192.in-addr.arpa. PTR"),
        ("2001:db8::1", "ptr", f"1.{'0.' * 23}8.b.d.0.1.0.0.2.ip6.arpa. PTR"),
        ("192.0.2.1", "A", "192.0.2.1. A"),
    ],
)
def test_a_question(name: str, type: str | int, asked: str) -> None:
    question = question_of(name, type)
    assert isinstance(question, Question)
    assert str(question) == asked
    assert questions_of(RRType.TXT)((name, type)) == question
    if question.type != RRType.TXT:
        assert questions_of(question.type)(name) == question


@pytest.mark.parametrize(("name", "type", "error"), [("a..b", "A", NameSyntaxError), ("a.b", "NOTYPE", ValueError)])
def test_what_is_none(name: str, type: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        question_of(name, type)
    with pytest.raises(error):
        questions_of(RRType.A)((name, type))


@pytest.mark.parametrize("item", [None, 5, b"a.test", ("a.test",), (b"a.test", "A"), ("a.test", None)])
def test_an_item_that_is_neither_a_name_nor_a_tuple(item: object) -> None:
    with pytest.raises(NameSyntaxError, match="is neither a name nor a tuple"):
        questions_of(RRType.A)(item)


def test_what_comes_behind_name_and_type_is_the_askers() -> None:
    assert str(questions_of(RRType.A)(("a.test", "MX", "whatever", 5))) == "a.test. MX"
