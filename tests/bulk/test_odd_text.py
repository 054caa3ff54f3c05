"""Bytes that are not UTF-8, for outputs that must be."""

from __future__ import annotations

import pytest

from aioresolver.bulk.odd_text import presentable, presentable_row
from aioresolver.bulk.rows import Row


@pytest.mark.parametrize(
    ("text", "shown"),
    [("a", "a"), ("ü😀", "ü😀"), ("a\udcff\udc80", r"a\xff\x80"), ("\ud800", "\ufffd")],
)
def test_text(text, shown):
    assert presentable(text) == shown


def test_nul_may_stay_or_not():
    assert presentable("a\0b") == "a\0b"
    assert presentable("a\0b\udcff", nul=False) == r"a\x00b\xff"


def test_every_text_of_a_row():
    row = Row(1, "\udcff", "\udcff", "A", "ok", ("\udcff", "b"), ("\udcff",), 5, "\udcff", 1, 0.5, False, "\udcff")

    assert presentable_row(row) == Row(
        1, r"\xff", r"\xff", "A", "ok", (r"\xff", "b"), (r"\xff",), 5, r"\xff", 1, 0.5, False, r"\xff"
    )
