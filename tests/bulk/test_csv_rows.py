"""CSV that every reader takes, and whose lists can be cut at each bar."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aioresolver.bulk.csv_rows import CSV_HEADER, csv_rows
from aioresolver.bulk.odd_text import presentable
from aioresolver.bulk.rows import Row
from aioresolver.wire.codes import RRType
from aioresolver.wire.rdata import TXT, parse_rdata


def read(data):
    return list(csv.DictReader(io.StringIO(data.decode("utf-8", "strict"), newline=""), strict=True))


def cells(row):
    (found,) = read(CSV_HEADER + csv_rows([row]))
    return found


def test_an_ordinary_row():
    row = Row(
        7, "a", "a.", "A", "ok", ("192.0.2.1", "192.0.2.2"), ("b.", "c."), 60, "udp://192.0.2.9", 1, 0.00125, True
    )

    assert CSV_HEADER == (
        b"index,input,name,type,status,data,aliases,ttl,server,attempts,elapsed,wildcard,error,extended_errors\r\n"
    )
    assert csv_rows([row]) == b"7,a,a.,A,ok,192.0.2.1|192.0.2.2,b.|c.,60,udp://192.0.2.9,1,0.001250,true,,\r\n"


def test_nothing_is_an_empty_cell():
    assert csv_rows([Row(0, "a", "a.", "A", "timeout")]) == b"0,a,a.,A,timeout,,,,,0,0.000000,,,\r\n"


@given(st.lists(st.lists(st.binary(max_size=12), min_size=1, max_size=2), max_size=3))
def test_lists_are_cut_at_every_bar(texts):
    records = [TXT(tuple(strings)) for strings in texts]
    row = Row(0, "a", "a.", "TXT", "ok", tuple(map(str, records)))

    data = cells(row)["data"]

    assert [parse_rdata(RRType.TXT, item) for item in data.split("|") if data] == records


@pytest.mark.parametrize("record", [TXT((b"|",)), TXT((b"a|b", b"|")), TXT((b'"|\\|',))])
def test_a_bar_in_a_record(record):
    data = cells(Row(0, "a", "a.", "TXT", "ok", (str(record), str(record))))["data"]

    assert [parse_rdata(RRType.TXT, item) for item in data.split("|")] == [record, record]


@given(st.text(st.characters() | st.sampled_from('",\r\n\0\ud800\udcff'), max_size=20))
def test_text_of_any_kind(text):
    found = cells(Row(0, text, "x", "A", "bad-name", error=text or None))

    assert found["input"] == presentable(text, nul=False)
    assert found["error"] == found["input"]
