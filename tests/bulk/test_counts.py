"""Counts: in = sum of statuses."""

from __future__ import annotations

import pytest

from aioresolver.bulk.counts import Counts, RowsLost
from aioresolver.bulk.rows import Row


def rows(*statuses):
    return [Row(index, "x", "x.", "A", status) for index, status in enumerate(statuses)]


def test_rows_are_counted_by_status_in_the_usual_order():
    counts = Counts()
    counts.inputs = counts.due = 5
    counts.blank = 1
    counts.add(rows("timeout", "ok", "ok"))
    counts.add(rows("nxdomain"))

    assert counts.as_dict() == {
        "inputs": 5,
        "blank": 1,
        "due": 5,
        "rows": 4,
        "unfinished": 1,
        "statuses": {"ok": 2, "nxdomain": 1, "timeout": 1},
    }
    assert list(counts.as_dict()["statuses"]) == ["ok", "nxdomain", "timeout"]


@pytest.mark.parametrize("statuses", [["ok"], ["ok", "ok", "ok"], ["ok", "lost"]])
def test_what_does_not_add_up_is_told_loudly(statuses):
    counts = Counts()
    counts.due = 2
    counts.add(rows(*statuses))

    with pytest.raises(RowsLost, match=f"2 rows were due, {len(statuses)} were given"):
        counts.check()


def test_what_adds_up_is_fine():
    counts = Counts()
    counts.due = 2
    counts.add(rows("ok", "bad-name"))
    counts.check()

    assert counts.unfinished == 0
