"""Rows: the shape of the tree, and how much of a reply is shown."""

from __future__ import annotations

from typing import Any

import pytest

from aioresolver.trace.rows import milliseconds, rows_of
from aioresolver.trace.values import Judged, TraceStep


def step(**given: Any) -> TraceStep:
    known = {
        "purpose": "answer", "zone": "example.", "host": "ns.example.", "address": "192.0.2.1",
        "question": "www.example. A", "client": "www.example. A", "transport": "udp", "before": (), "kind": "answer",
        "outcome": "1 record", "rcode": "NOERROR", "referral": "", "believed": (), "dropped": (), "began": 0.5,
        "elapsed": 0.25, "queries": 1, "bytes": 40,
    }  # fmt: skip
    return TraceStep(**(known | given))  # type: ignore[arg-type]


def test_a_heading_for_each_zone() -> None:
    rows = rows_of([step(), step(), step(zone="org."), step()])
    assert [(row.tree, row.where) for row in rows] == [
        ("", "example."),
        ("├─ ", "ns.example. 192.0.2.1"),
        ("└─ ", "ns.example. 192.0.2.1"),
        ("", "org."),
        ("└─ ", "ns.example. 192.0.2.1"),
        ("", "example."),
        ("└─ ", "ns.example. 192.0.2.1"),
    ]


def test_what_is_inside_stands_below() -> None:
    address = step(purpose="address", steps=(step(zone="org."), step(zone="net.")), outcome="192.0.2.7", kind="answer")
    rows = rows_of([address, step()])
    assert [row.tree for row in rows] == ["", "├─ ", "│  ├─ ", "│  │  └─ ", "│  └─ ", "│     └─ ", "└─ "]
    assert (rows[1].style, rows[1].where, rows[1].said) == ("address", "www.example. A", "→ 192.0.2.7")


@pytest.mark.parametrize(
    ("given", "style", "said"),
    [
        ({"believed": (Judged("www.example. 60 IN A 192.0.2.7", ""),)}, "answer", "→ 192.0.2.7"),
        (
            {
                "believed": (
                    Judged("www.example. 60 IN CNAME cdn.example.", ""),
                    Judged("cdn.example. 60 IN A 192.0.2.7", ""),
                )
            },
            "answer",
            "→ 192.0.2.7",
        ),
        ({"question": "www.example. CNAME", "believed": (Judged("www.example. 60 IN CNAME cdn.", ""),)}, "answer", "→ cdn."),
        (
            {"believed": tuple(Judged(f"www.example. 60 IN A 192.0.2.{i}", "") for i in range(9))},
            "answer",
            "→ 192.0.2.0 192.0.2.1 192.0.2.2 192.0.2.3 and 5 more",
        ),
        ({"kind": "referral", "outcome": "referral to a."}, "referral", "→ referral to a."),
        ({"kind": "alias", "outcome": "alias to a."}, "alias", "→ alias to a."),
        ({"kind": "no-name", "outcome": "no such name"}, "nothing", "→ no such name"),
        ({"purpose": "cut", "kind": "no-data", "outcome": "none"}, "nothing", "→ none; no zone begins there"),
        ({"kind": "lame", "outcome": "REFUSED"}, "failure", "✗ REFUSED"),
        ({"kind": "silence", "outcome": "no reply", "before": ("truncated over udp",)}, "failure",
         "✗ no reply (before: truncated over udp)"),
    ],
)  # fmt: skip
def test_what_was_said(given: dict[str, Any], style: str, said: str) -> None:
    row = rows_of([step(**given)])[1]
    assert (row.style, row.said, row.took) == (style, said, "250.0 ms udp")
    assert (row.began, row.elapsed) == (0.5, 0.25)


def test_records_with_one_reason_stand_together() -> None:
    names = tuple(Judged(f"org. 60 IN NS {letter}.ns.", "a reason") for letter in "abcdef")
    dropped = (Judged("org NS g.ns.", "more than 6 nameservers"), Judged("a. 60 IN A 192.0.2.1", "not under org."))
    rows = rows_of([step(kind="referral", believed=names, dropped=dropped)])[2:]
    assert [(row.style, row.where, row.said) for row in rows] == [
        ("believed", "org. NS a.ns. b.ns. c.ns. d.ns. and 2 more", "a reason"),
        ("dropped", "org NS g.ns.", "more than 6 nameservers"),
        ("dropped", "a. A 192.0.2.1", "not under org."),
    ]


@pytest.mark.parametrize("what", ["believed", "dropped"])
def test_for_each_reason_some_records_are_shown(what: str) -> None:
    judged = [Judged(f"{i}. 60 IN A 192.0.2.1", "one") for i in range(30)]
    judged += [Judged(f"{i}. 60 IN A 192.0.2.1", "another") for i in range(4)]
    rows = rows_of([step(**{what: tuple(judged)})])[2:]
    assert [(row.style, row.where, row.said) for row in rows[:4]] == [
        (what, "0. A 192.0.2.1", "one"),
        (what, "1. A 192.0.2.1", "one"),
        (what, "2. A 192.0.2.1", "one"),
        (what, "and 27 more", "one"),
    ]
    assert [row.said for row in rows[4:]] == ["another"] * 4


def test_what_is_known_has_no_heading() -> None:
    (row,) = rows_of([step(purpose="local", host="", address="", kind="no-name", outcome="special")])
    assert (row.tree, row.where, row.said) == ("", "www.example. A", "→ special")


def test_where_the_walk_begins_is_said_by_the_heading() -> None:
    (row,) = rows_of([step(purpose="start", outcome="by hint: a.root.", zone=".")])
    assert (row.style, row.where, row.said) == ("zone", ".", "by hint: a.root.")


def test_milliseconds() -> None:
    assert milliseconds(0.0004) == "0.4 ms"
