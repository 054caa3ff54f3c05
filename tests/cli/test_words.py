"""What the words of a command line mean."""

from __future__ import annotations

import argparse

import pytest

from aioresolver.cli.words import add_question_options, read_questions


def read(text: str) -> tuple[list[str], list[str]]:
    parser = argparse.ArgumentParser(exit_on_error=False)
    add_question_options(parser)
    words = read_questions(parser.parse_intermixed_args(text.split()))
    return [f"{each.number} {each.name} {each.type}" for each in words.questions], list(words.nameservers)


@pytest.mark.parametrize(
    ("text", "questions"),
    [
        ("a.test", ["0 a.test A"]),
        ("192.0.2.1", ["0 192.0.2.1 PTR"]),
        ("2001:db8::1 AAAA", ["0 2001:db8::1 AAAA"]),
        ("a.test MX b.test txt", ["0 a.test MX", "0 a.test TXT", "1 b.test MX", "1 b.test TXT"]),
        ("a.test 2001:db8::1", ["0 a.test A", "1 2001:db8::1 PTR"]),
        ("TYPE257 a.test 16", ["0 a.test CAA", "0 a.test TXT"]),
        ("a.test -t MX,NS -t MX AAAA", ["0 a.test AAAA", "0 a.test MX", "0 a.test NS"]),
        ("IN MX a.test", ["0 a.test MX"]),
        ("-x 192.0.2.1 -x 2001:db8::1 a.test MX", ["0 a.test MX", "1 192.0.2.1 PTR", "2 2001:db8::1 PTR"]),
        ("mx", ["0 mx A"]),
        ("mx mx", ["0 mx MX"]),
        ("in ns", ["0 in NS"]),
        ("mx. ns. ns", ["0 mx. NS", "1 ns. NS"]),
        ("a.test a.test", ["0 a.test A", "1 a.test A"]),
    ],
)
def test_names_and_types(text: str, questions: list[str]) -> None:
    assert read(text) == (questions, [])


def test_nameservers_stand_anywhere() -> None:
    assert read("@127.0.0.1 a.test @tls://[::1]#x.test MX") == (["0 a.test MX"], ["127.0.0.1", "tls://[::1]#x.test"])


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "a name is missing"),
        ("-t MX", "a name is missing"),
        ("a.test -t nonsense", "nonsense"),
        ("a..test b.test", "a..test"),
        (f"{'x' * 64}.test", "63"),
        ("-x 127.1", "-x takes an address, not '127.1'"),
        ("a.test +tcp", "options begin with --"),
    ],
)
def test_what_cannot_be_asked(text: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        read(text)
