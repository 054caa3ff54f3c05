"""Parquet files: the same schema and the same rows on every way there."""

from __future__ import annotations

import errno
import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aioresolver.bulk import parquet
from aioresolver.bulk.disk import Disk
from aioresolver.bulk.inputs import Input
from aioresolver.bulk.journal import Journal
from aioresolver.bulk.json_lines import json_lines
from aioresolver.bulk.odd_text import presentable_row
from aioresolver.bulk.output import Output
from aioresolver.bulk.parquet import SCHEMA, ParquetWriter, parquet_of_json_lines
from aioresolver.bulk.rows import Row
from aioresolver.bulk.writers import open_writer
from aioresolver.errors import ConfigurationError
from aioresolver.wire.codes import RRType

TEXT = st.text(st.characters() | st.sampled_from('"\\\0\ud800\udcff😀'), max_size=10)
LISTS = st.lists(TEXT, max_size=2).map(tuple)
ROWS = st.lists(
    st.builds(
        Row,
        index=st.integers(0, 2**62),
        input=TEXT,
        name=TEXT,
        type=TEXT,
        status=st.sampled_from(["ok", "timeout"]),
        data=LISTS,
        aliases=LISTS,
        extended_errors=LISTS,
        ttl=st.none() | st.integers(0, 2**31 - 1),
        server=st.none() | TEXT,
        attempts=st.integers(0, 100),
        elapsed=st.integers(0, 10**8).map(lambda microseconds: microseconds / 1e6),
        wildcard=st.none() | st.booleans(),
        error=st.none() | TEXT,
    ),
    max_size=4,
)


def test_without_pyarrow(tmp_path, monkeypatch):
    monkeypatch.setattr(parquet, "pyarrow", None)

    with pytest.raises(
        ConfigurationError, match=r'Parquet needs the pyarrow package: pip install "aioresolver\[arrow\]"'
    ):
        open_writer(tmp_path / "out.parquet")
    with pytest.raises(ConfigurationError, match="Parquet needs the pyarrow package"):
        Journal.open(tmp_path / "out.parquet", {})
    assert os.listdir(tmp_path) == []


def test_the_columns_are_those_of_a_row():
    assert tuple(SCHEMA) == Row._fields


pq = pytest.importorskip("pyarrow.parquet", reason="pyarrow is an extra")


def rows_in(path):
    return [
        Row(**{key: tuple(value) if isinstance(value, list) else value for key, value in row.items()})
        for row in read(path)
    ]


def read(path):
    return pq.read_table(path).to_pylist()


def ordinary(count, *, start=0):
    return [Row(start + number, "a", "a.", "A", "ok", ("192.0.2.1",), (), 60) for number in range(count)]


@settings(deadline=None, max_examples=40)
@given(ROWS)
def test_both_ways_give_the_same_file(tmp_path_factory, rows):
    folder = tmp_path_factory.mktemp("parquet")
    writer = open_writer(folder / "direct.parquet")
    writer.write(rows)
    writer.close()
    (folder / "lines").write_bytes(json_lines(rows))
    parquet_of_json_lines(str(folder / "lines"), str(folder / "converted.parquet"))

    assert rows_in(folder / "direct.parquet") == list(map(presentable_row, rows))
    assert pq.read_table(folder / "direct.parquet").equals(pq.read_table(folder / "converted.parquet"))
    types = {
        field.name: str(field.type).replace("element: ", "") for field in pq.read_schema(folder / "direct.parquet")
    }
    assert {name: type.replace("list<item: string>", "list<string>") for name, type in types.items()} == SCHEMA


def test_groups_of_rows_are_bounded(tmp_path, monkeypatch):
    monkeypatch.setattr(parquet, "GROUP_ROWS", 4096)
    writer = open_writer(tmp_path / "out.parquet")
    for start in range(0, 10_000, 500):
        writer.write(ordinary(500, start=start))
    writer.close()

    groups = pq.read_metadata(tmp_path / "out.parquet")
    sizes = [groups.row_group(number).num_rows for number in range(groups.num_row_groups)]
    assert sum(sizes) == 10_000
    assert max(sizes) <= 4096 + 1024
    assert [row["index"] for row in read(tmp_path / "out.parquet")] == list(range(10_000))


def test_rows_of_great_size_make_smaller_groups(tmp_path, monkeypatch):
    monkeypatch.setattr(parquet, "GROUP_BYTES", 100_000)
    writer = open_writer(tmp_path / "out.parquet")
    writer.write([Row(number, "a", "a.", "TXT", "ok", ("x" * 1000,)) for number in range(5000)])
    writer.close()

    assert pq.read_metadata(tmp_path / "out.parquet").num_row_groups >= 5


def test_an_aborted_file_can_be_read(tmp_path):
    writer = open_writer(tmp_path / "out.parquet")
    writer.write(ordinary(3))
    writer.abort()

    assert os.listdir(tmp_path) == ["out.parquet.partial"]
    assert rows_in(tmp_path / "out.parquet.partial") == ordinary(3)


class Full(Disk):
    def write(self, descriptor, data):
        full()


def test_a_full_disk(tmp_path):
    path = str(tmp_path / "out.parquet")
    writer = ParquetWriter(Output(path, disk=Full()))
    writer.write(ordinary(10))

    with pytest.raises(OSError, match=f"No space left on device: '{path}'") as failure:
        writer.close()
    writer.abort()

    assert failure.value.errno == errno.ENOSPC
    assert os.listdir(tmp_path) == []


def full(*_):
    raise OSError(errno.ENOSPC, "No space left on device")


def start(path, **options):
    journal = Journal.open(path, {"types": ["A"]}, **options)
    return journal, journal.left(Input(index, "a", "a.", (RRType.A,)) for index in range(100))


def test_a_run_that_was_cut_becomes_a_parquet_file(tmp_path):
    path = tmp_path / "out.parquet"
    journal, left = start(path)
    journal.write(ordinary(len([next(left) for _ in range(40)])))
    journal.abort()
    journal, left = start(path)
    journal.write([row for entry in left for row in ordinary(1, start=entry.index)])
    journal.close()

    assert rows_in(path) == ordinary(100)
    assert sorted(os.listdir(tmp_path)) == ["out.parquet", "out.parquet.manifest.json"]


def test_cut_while_the_parquet_file_is_made(tmp_path, monkeypatch):
    path = tmp_path / "out.parquet"
    journal, left = start(path)
    journal.write([row for entry in left for row in ordinary(1, start=entry.index)])
    with monkeypatch.context() as patch:
        patch.setattr(Disk, "replace", full)
        with pytest.raises(OSError, match="No space left"):
            journal.close()
    journal.abort()
    assert not path.exists()

    journal, left = start(path)
    journal.write([row for entry in left for row in ordinary(1, start=entry.index)])
    journal.close()

    assert rows_in(path) == ordinary(100)
    assert sorted(os.listdir(tmp_path)) == ["out.parquet", "out.parquet.manifest.json"]


def test_cut_after_all_was_made_durable(tmp_path, monkeypatch):
    path = tmp_path / "out.parquet"
    journal, left = start(path)
    journal.write([row for entry in left for row in ordinary(1, start=entry.index)])
    with monkeypatch.context() as patch:
        patch.setattr(parquet, "ParquetWriter", full)
        with pytest.raises(OSError, match="No space left"):
            journal.close()
    journal.abort()

    journal, left = start(path)
    assert journal.is_complete
    assert list(left) == []
    journal.close()

    assert rows_in(path) == ordinary(100)
    assert sorted(os.listdir(tmp_path)) == ["out.parquet", "out.parquet.manifest.json"]
