"""Reasons: why a record was believed."""

from __future__ import annotations

import pytest

from aioresolver.backends.iterative.steps import Step
from aioresolver.trace.reasons import why_believed
from aioresolver.wire.message import Question, Record
from aioresolver.wire.names import Name

SOA = "org. 60 IN SOA ns.org. host.org. 1 1 1 1 1"


def believed(purpose: str, kind: str, records: list[str], *, zone: str = "org.") -> list[str]:
    question = Question.parse("www.example.org")
    made = tuple(map(Record.parse, records))
    step = Step(
        0, purpose, question, question, Name(zone), "192.0.2.1", "ns.org.", "udp", kind, "", made, (), 0.0, 0.0,
        referral=Name("example.org."),
    )  # fmt: skip
    return [why_believed(step, record) for record in made]


@pytest.mark.parametrize(
    ("purpose", "kind", "records", "whys"),
    [
        ("answer", "answer", ["www.example.org. 60 IN A 192.0.2.1"], ["under org., of which this is a server"]),
        (
            "answer",
            "referral",
            ["example.org. 60 IN NS ns.example.org.", "ns.example.org. 60 IN A 192.0.2.1"],
            ["under org., and www.example.org. is in it", "glue: under org., and a nameserver of example.org."],
        ),
        ("answer", "no-data", [SOA], ["under org., and says for how long there is nothing"]),
        ("answer", "answer", [SOA], ["under org., of which this is a server"]),
        (
            "answer",
            "alias",
            ["example.org. 60 IN DNAME org.", "www.example.org. 60 IN CNAME www.org."],
            ["under org., of which this is a server", "made of the DNAME, and of nothing else"],
        ),
        ("priming", "answer", [". 60 IN NS a.root."], ["a root server was asked who the root servers are"]),
        (
            "forward",
            "answer",
            ["www.example.org. 60 IN A 192.0.2.1"],
            ["the resolver for org. is believed of what is under it"],
        ),
        ("local", "answer", ["localhost. 60 IN A 127.0.0.1"], ["answered here, and asked of nobody"]),
        ("known absent", "no-name", [SOA], ["said before, and its time is not over"]),
    ],
)
def test_why(purpose: str, kind: str, records: list[str], whys: list[str]) -> None:
    assert believed(purpose, kind, records) == whys


def test_the_root_is_called_so() -> None:
    assert believed("answer", "answer", ["a. 60 IN A 192.0.2.1"], zone=".") == [
        "under the root, of which this is a server"
    ]
