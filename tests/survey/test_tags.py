"""Lists of tags: what can be read is read, the rest is told."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aioresolver.survey.tags import LONGEST_CITATION, TagList, cited, is_mailto, read_uris


def tags(text: str) -> TagList:
    return TagList(text, "RFC 0")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("v=A; p=b", {"v": "A", "p": "b"}),
        ("v=A;p=b;", {"v": "A", "p": "b"}),
        ("  v = A ;\tp =  b=c ; ", {"v": "A", "p": "b=c"}),
        ("v=", {"v": ""}),
        ("", {}),
        (" ; ", {}),
    ],
)
def test_tags_and_their_values(text, expected):
    assert dict(tags(text)) == expected


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("v=A; nonsense; p=b", "'nonsense' is not tag=value (RFC 0)"),
        ("v=A; =x; p=b", "'=x' is not tag=value (RFC 0)"),
        ("v=A; 1=x; p=b", "'1=x' is not tag=value (RFC 0)"),
        ("v=A; p=b; p=c", "the tag p is there more than once (RFC 0)"),
        ("v=A;; p=b", "'' is not tag=value (RFC 0)"),
    ],
)
def test_what_is_wrong_is_told_and_the_rest_is_read(text, problem):
    read = tags(text)

    assert read == {"v": "A", "p": "b"}
    assert read.problems == [problem]


@pytest.mark.parametrize(("text", "count"), [("v=X1; p=a", 0), ("v=x1", 1), ("p=a; v=X1", 1), ("p=a", 1), ("", 1)])
def test_the_version_comes_first_and_as_it_is_written(text, count):
    read = tags(text)
    read.version("X1")

    assert len(read.problems) == count


def test_a_choice():
    read = tags("a=ONE; b=three")

    assert read.choice("a", ("one", "two")) == "one"
    assert read.choice("c", ("one", "two")) is None
    assert read.problems == []
    assert read.choice("b", ("one", "two")) is None
    assert read.problems == ["b is one or two, not 'three' (RFC 0)"]


def test_uris():
    read = tags("rua=mailto:a@example.org, https://example.org/r,ftp://example.org, mailto:nobody")

    assert read.uris("rua", ("mailto", "https")) == ("mailto:a@example.org", "https://example.org/r")
    assert [problem.split(",")[0] for problem in read.problems] == [
        "rua has 'ftp://example.org'",
        "rua has 'mailto:nobody'",
    ]
    assert read.uris("ruf", ("mailto",)) == ()


def test_pieces():
    assert read_uris(" a , ,b,") == ["a", "b"]
    assert is_mailto("MAILTO:a@b")
    assert not is_mailto("mailto:a@b@c")
    assert len(cited("x" * 1000)) == LONGEST_CITATION + 3


@given(st.text())
def test_any_text_can_be_read(text):
    read = tags(text)

    assert len(read) + len(read.problems) <= text.count(";") + 1
