"""Whatever is in a row, its line is JSON in valid UTF-8, and says the same."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from aioresolver.bulk.json_lines import json_lines
from aioresolver.bulk.odd_text import presentable_row
from aioresolver.bulk.rows import Row
from aioresolver.bulk.statuses import STATUSES

# Every code point, lone surrogates among them, and the ones that have broken such outputs before.
TEXT = st.text(st.characters() | st.sampled_from('"\\/\0\x1f\x7f\x80\u2028\ud800\udcff\udfff😀'), max_size=20)
ROWS = st.builds(
    Row,
    index=st.integers(0, 2**63 - 1),
    input=TEXT,
    name=TEXT,
    type=TEXT,
    status=st.sampled_from(STATUSES),
    data=st.lists(TEXT, max_size=3).map(tuple),
    aliases=st.lists(TEXT, max_size=2).map(tuple),
    ttl=st.none() | st.integers(0, 2**31 - 1),
    server=st.none() | TEXT,
    attempts=st.integers(0, 100),
    elapsed=st.integers(0, 10**9).map(lambda microseconds: microseconds / 1e6),
    wildcard=st.none() | st.booleans(),
    error=st.none() | TEXT,
    extended_errors=st.lists(TEXT, max_size=2).map(tuple),
)


def as_json(row):
    return {
        **presentable_row(row)._asdict(),
        "data": [*presentable_row(row).data],
        "aliases": [*presentable_row(row).aliases],
        "extended_errors": [*presentable_row(row).extended_errors],
    }


@given(st.lists(ROWS, max_size=4))
def test_it_reads_as_what_was_written(rows):
    lines = json_lines(rows).decode("utf-8", "strict").split("\n")

    assert lines.pop() == ""
    assert [json.loads(line) for line in lines] == list(map(as_json, rows))
    assert [list(json.loads(line)) for line in lines] == [list(Row._fields)] * len(rows)
    "".join(lines).encode("utf-8")
    for line in lines:
        json.dumps(json.loads(line), ensure_ascii=False).encode("utf-8")  # no half of a surrogate pair


@given(st.lists(st.binary(max_size=40), max_size=3))
def test_bytes_of_any_kind_can_be_a_name(names):
    rows = [Row(0, name.decode("utf-8", "surrogateescape"), "x", "A", "bad-name") for name in names]

    for row, line in zip(rows, json_lines(rows).splitlines(), strict=True):
        assert json.loads(line)["input"].encode("utf-8", "strict") is not None
        assert json.loads(line)["input"] == row.input or not is_unicode(row.input)


def is_unicode(text):
    try:
        return bool(text.encode()) or True
    except UnicodeEncodeError:
        return False


def test_the_line_of_an_ordinary_row():
    row = Row(
        7, "A.example", "a.example.", "A", "ok", ("192.0.2.1", "192.0.2.2"), (), 60, "udp://192.0.2.9", 1, 0.00125
    )

    assert json_lines([row]) == (
        b'{"index":7,"input":"A.example","name":"a.example.","type":"A","status":"ok",'
        b'"data":["192.0.2.1","192.0.2.2"],"aliases":[],"ttl":60,"server":"udp://192.0.2.9","attempts":1,'
        b'"elapsed":0.001250,"wildcard":null,"error":null,"extended_errors":[]}\n'
    )


def test_a_byte_that_is_not_utf8_is_shown():
    row = Row(0, b"caf\xe9.example".decode("utf-8", "surrogateescape"), "x", "A", "bad-name")

    assert json.loads(json_lines([row]))["input"] == r"caf\xe9.example"
