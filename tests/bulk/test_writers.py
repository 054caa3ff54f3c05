"""Which writer a file name gets, and that each writes what it was given."""

from __future__ import annotations

import csv
import gzip
import json
import os
from importlib.util import find_spec

import pytest

from aioresolver.bulk.rows import Row
from aioresolver.bulk.writers import FORMATS, format_of, open_writer
from aioresolver.errors import ConfigurationError

ROWS = [
    Row(0, "a", "a.", "A", "ok", ("192.0.2.1",), ("b.",), 60, "udp://192.0.2.9", 1, 0.00125, False),
    Row(1, 'b"ü\udcff', "b", "TXT", "bad-name", error='a "quoted", word\nin two lines'),
]
PACKAGES = {"out.parquet": "pyarrow", "out.jsonl.zst": "zstandard"}


def read(path):
    """Index and status of every row."""
    if path.suffix == ".parquet":
        import pyarrow.parquet

        return [(row["index"], row["status"]) for row in pyarrow.parquet.read_table(path).to_pylist()]
    data = path.read_bytes()
    if path.suffix == ".gz":
        data = gzip.decompress(data)
    if path.suffix == ".zst":
        import zstandard

        data = zstandard.ZstdDecompressor().decompressobj().decompress(data)
    if ".csv" in path.name:
        lines = data.decode().splitlines(keepends=True)
        return [(int(row["index"]), row["status"]) for row in csv.DictReader(lines)]
    return [(row["index"], row["status"]) for row in map(json.loads, data.splitlines())]


@pytest.mark.parametrize(
    "name", ["out.jsonl", "out.txt", "out", "out.csv", "out.CSV.GZ", "out.json.gz", "out.jsonl.zst", "out.parquet"]
)
def test_each_writer(tmp_path, name):
    if name in PACKAGES and find_spec(PACKAGES[name]) is None:
        pytest.skip(f"{PACKAGES[name]} is an extra")
    path = tmp_path / name.lower()
    writer = open_writer(path)
    writer.write(ROWS[:1])
    writer.write([])
    writer.write(ROWS[1:])
    writer.flush()
    assert not path.exists()
    writer.close()

    assert read(path) == [(0, "ok"), (1, "bad-name")]
    assert os.listdir(tmp_path) == [path.name]


@pytest.mark.parametrize("name", ["out.jsonl", "out.csv", "out.csv.gz"])
def test_what_is_aborted_is_partial(tmp_path, name):
    writer = open_writer(tmp_path / name)
    writer.write(ROWS)
    writer.abort()

    assert os.listdir(tmp_path) == [f"{name}.partial"]
    (tmp_path / f"{name}.partial").rename(tmp_path / name)
    assert read(tmp_path / name) == [(0, "ok"), (1, "bad-name")]


def test_to_standard_output(capfdbinary):
    writer = open_writer("-")
    writer.write(ROWS)
    writer.flush()
    assert capfdbinary.readouterr().out.count(b"\n") == 2
    writer.close()


def test_csv_to_standard_output(capfdbinary):
    writer = open_writer("-", "csv")
    writer.write(ROWS[:1])
    writer.close()

    assert capfdbinary.readouterr().out.startswith(b"index,input,")


@pytest.mark.parametrize(
    ("path", "format", "found"),
    [
        ("-", None, "json"),
        ("x.csv", None, "csv"),
        ("x.csv.gz", None, "csv"),
        ("x.parquet", None, "parquet"),
        ("x.ndjson", None, "json"),
        ("x.csv", "json", "json"),
        ("csv", None, "json"),
        (".csv/x", None, "json"),
    ],
)
def test_the_format(path, format, found):
    assert format_of(path, format) == found
    assert found in FORMATS


@pytest.mark.parametrize(
    ("path", "format", "said"),
    [
        ("x", "xml", "'xml' is not a format: give json, csv, parquet"),
        ("x.parquet.gz", None, "Parquet is compressed inside; drop the .gz"),
    ],
)
def test_a_format_that_cannot_be(tmp_path, monkeypatch, path, format, said):
    monkeypatch.chdir(tmp_path)

    with pytest.raises(ConfigurationError, match=said):
        open_writer(path, format)
    assert os.listdir(tmp_path) == []
