"""The figures of a run, and what people are told of them."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest

from aioresolver.bulk.rows import Row
from aioresolver.bulk.run import BulkRun
from aioresolver.bulk.samples import RunRecorder
from aioresolver.cli.summary import Figures, figures_of, headline, subtitle, summary_lines, tell


def upstream(number: int, **fields: Any) -> Any:
    known = {"asked": 100, "answered": 90, "lost": 10, "round_trip": 0.01, "benched": False} | fields
    health = SimpleNamespace(round_trip=known["round_trip"], benched=known["benched"])
    return SimpleNamespace(text=f"udp://192.0.2.{number}", health=health, **known)


def figures(**settings: Any) -> Figures:
    recorder = RunRecorder(0.0)
    run = BulkRun(None, [], recorder=recorder)
    rows = [Row(index, "a", "a.", "A", "ok", elapsed=0.01 * (index + 1)) for index in range(8)]
    rows += [Row(8, "b", "b.", "A", "timeout"), Row(9, "c", "c.", "A", "nxdomain", elapsed=0.3)]
    run.counts.inputs = run.counts.due = 10
    run.counts.add(rows)
    recorder.add(rows)
    recorder.sample(2.0)
    known = {"ended": "done", "elapsed": 2.0, "earlier": {}, "upstreams": [upstream(1)], "kernel_drops": 0, "notes": []}
    return figures_of(run, **{**known, **settings})


def test_the_figures_are_plain_data_that_add_up() -> None:
    known = figures(earlier={"ok": 5}, upstreams=[upstream(1), upstream(2, lost=0)], kernel_drops=None)
    assert json.loads(json.dumps(known)) == known
    assert known["statuses"] == {"ok": 13, "nxdomain": 1, "timeout": 1}
    assert (known["rows"], known["earlier"], known["inputs"], known["unfinished"]) == (15, 5, 10, 0)
    assert (known["asked"], known["lost"], known["loss"], known["rate"]) == (200, 10, 0.05, 5.0)
    assert known["latency"]["p50"] == pytest.approx(0.05, rel=0.05)
    assert known["history"][0]["time"] == 2.0


def test_the_summary() -> None:
    assert summary_lines(figures()) == [
        "done: 10 inputs, 10 rows in 2.00 s (5 a second), 100 queries, 10 % lost",
        "statuses: ok 8, nxdomain 1, timeout 1",
    ]


def test_the_summary_of_nothing() -> None:
    nothing = figures_of(
        BulkRun(None, [], recorder=RunRecorder(0.0)),
        ended="interrupted", elapsed=0.0, earlier={}, upstreams=[], kernel_drops=None, notes=[],
    )  # fmt: skip
    assert summary_lines(nothing) == ["interrupted: 0 inputs, 0 rows in 0.00 s (0 a second)"]
    assert subtitle(nothing) == "0 a second"


def test_what_was_out_of_favour_and_what_there_is_to_say() -> None:
    upstreams = [upstream(number, benched=number > 1) for number in range(1, 9)]
    shown = summary_lines(figures(upstreams=upstreams, earlier={"ok": 1000}, elapsed=3700.0, notes=["a note"]))
    assert shown[0].startswith("done: 10 inputs, 1,010 rows in 1:01:40, 1,000 of them by an earlier run ")
    assert shown[2] == "benched: udp://192.0.2.2 (90 of 100 answered)"
    assert shown[7:] == ["benched: 2 more", "a note"]


def test_what_stands_over_a_drawing() -> None:
    assert headline(figures()) == "10 rows in 2.00 s"
    assert subtitle(figures()) == "5 a second   ·   90 % answered   ·   10 % of the queries lost   ·   1 nameserver"


def test_without_standard_error_nothing_is_told(monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    monkeypatch.setattr("sys.stderr", None)
    tell("a line")
    assert capsys.readouterr().out == ""
