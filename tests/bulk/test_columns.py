"""One column of a CSV file, line by line."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aioresolver.bulk.columns import Column
from aioresolver.bulk.lines import LONGEST_LINE, LineCutter, UnreadableLine, unreadable
from aioresolver.errors import ConfigurationError


def cells(text, column, **options):
    taker = Column(column, **options)
    return [*taker.feed(text.split("\n")), *taker.end()]


def test_a_column_has_a_number_or_a_name():
    assert cells("1,a.test,x\n2,b.test,y", 2) == ["a.test", "b.test"]
    assert cells("rank,Domain\n1,a.test\n2,b.test", "domain") == ["a.test", "b.test"]
    assert cells("rank,domain\n1,a.test", 2, header=True) == ["a.test"]
    assert cells("1;a.test", 2, delimiter=";") == ["a.test"]
    assert cells("1\ta.test", 2, delimiter="\t") == ["a.test"]


def test_cells_may_be_quoted():
    assert cells('"a,b",c.test\n"say ""hi""",d.test\ne,"f.test"', 2) == ["c.test", "d.test", "f.test"]
    assert cells('"one\ntwo",a.test\nx,b.test', 2) == ["a.test", "b.test"]
    assert cells('"my rank","the name"\n1,a.test', "the name") == ["a.test"]


def test_blank_records_and_cells_are_blank():
    assert cells("1,a.test\n\n2,\n3,b.test", 2) == ["a.test", "", "", "b.test"]
    assert cells("\nname\na.test", "name") == ["", "a.test"]


def test_a_record_without_the_cell_is_told():
    _, short = cells("1,a.test\n2", 2)

    assert isinstance(short, UnreadableLine)
    assert (short, short.reason) == ("2", "the record has no column 2")


def test_a_quote_without_an_end_costs_its_own_line_only():
    text = '1,a.test\n2,"b.test\n' + "".join(f"{number},n{number}.test\n" for number in range(10_000))
    first, broken, *others = cells(text.removesuffix("\n"), 2)

    assert first == "a.test"
    assert isinstance(broken, UnreadableLine)
    assert broken == '2,"b.test'
    assert "quote" in broken.reason
    assert others == [f"n{number}.test" for number in range(10_000)]


def test_a_quote_that_is_open_at_the_end_costs_its_own_line_only():
    assert cells('x,"a.test\nx,b.test', 2) == ['x,"a.test', "b.test"]


def test_a_quote_within_a_cell_is_text():
    assert cells('5" disk,a.test\n"x",b.test\n5" disk,c.test', 2) == ["a.test", "b.test", "c.test"]


def test_lines_between_two_quotes_without_an_end_are_not_lost():
    first, *others = cells('x,"a.test\nx,b.test\nx,c"d.test\nx,e.test', 2)

    assert isinstance(first, UnreadableLine)
    assert others == ["b.test", 'c"d.test', "e.test"]


def test_a_line_that_cannot_be_read_is_passed_on():
    taker = Column(1)

    assert taker.feed(["a.test", unreadable("\\xff", "it is not UTF-8")])[1].reason == "it is not UTF-8"


def test_what_cannot_be_a_column_is_told_at_once():
    with pytest.raises(ConfigurationError, match="from 1"):
        Column(0)
    with pytest.raises(ConfigurationError, match="one character"):
        Column(1, delimiter=", ")
    with pytest.raises(ConfigurationError, match="header"):
        Column("name", header=False)
    with pytest.raises(ConfigurationError, match="'rank', 'domain'"):
        cells("rank,domain\n1,a.test", "host")


CELL = st.text(st.sampled_from("ab ,\"\n'é"), max_size=6)


@given(st.lists(st.lists(CELL, min_size=3, max_size=3), max_size=8), st.integers(1, 3))
def test_it_agrees_with_the_csv_module(records, column):
    file = io.StringIO(newline="")
    csv.writer(file, lineterminator="\n").writerows(records)
    cutter, taker = LineCutter(), Column(column)
    found = [cell for chunk in [*file.getvalue()] for cell in taker.feed(cutter.feed(chunk.encode()))]
    found += [*taker.feed(cutter.end()), *taker.end()]

    assert found == [record[column - 1] for record in records]


def test_a_cell_may_be_as_long_as_a_line():
    assert cells('"' + "x" * (LONGEST_LINE - 10) + '",a.test', 2) == ["a.test"]
