"""Writers of rows: JSON lines, CSV or Parquet, to a file, a pipe or standard output."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

from aioresolver.bulk.csv_rows import CSV_HEADER, csv_rows
from aioresolver.bulk.disk import DISK, Disk
from aioresolver.bulk.json_lines import json_lines
from aioresolver.bulk.output import COMPRESSIONS, Output
from aioresolver.bulk.rows import Row
from aioresolver.errors import ConfigurationError

__all__ = ["FORMATS", "LinesWriter", "Writer", "format_of", "open_writer"]

FORMATS = ("json", "csv", "parquet")
"""The formats of an output; `json` is JSON lines, an object a line."""

_SUFFIXES = {".csv": "csv", ".parquet": "parquet"}


class Writer(Protocol):
    """Takes rows, in batches. Everything blocks, and raises OSError, which names the file, also at every later use.

    A file has its name only after `close`; until then it is `NAME.partial`, and stays that after `abort`.
    """

    def write(self, rows: Sequence[Row]) -> None:
        """Take these rows; they need not be on the disk yet."""

    def flush(self) -> None:
        """Hand on what was taken, so that a reader of a pipe has all of it (Parquet: what makes a group of rows)."""

    def close(self) -> None:
        """All rows are there: make the output durable, and give it its name."""

    def abort(self) -> None:
        """End here, without all rows. Raises nothing."""


def open_writer(path: str | os.PathLike[str], format: str | None = None, *, disk: Disk = DISK) -> Writer:
    """A writer to a file, or to standard output (`-`).

    Without a `format` the file's suffix says it: `.csv`, `.parquet`, everything else is JSON lines; `.gz` or `.zst`
    after that compresses. Raises OSError, and ConfigurationError when it cannot be: a format that is none, Parquet
    compressed once more, a package that is missing, or another run that writes the same file.
    """
    path = os.fspath(path)
    format = format_of(path, format)
    if format == "parquet":
        from aioresolver.bulk.parquet import open_parquet  # noqa: PLC0415 - pyarrow takes long to load

        return open_parquet(path, disk=disk)
    return LinesWriter(Output(path, disk=disk), format)


def format_of(path: str, format: str | None = None) -> str:
    """The format for this file name: as asked for, or as the suffix says. Raises ConfigurationError for none."""
    name = Path(path)
    compressed = name.suffix.lower() in COMPRESSIONS
    if format is None:
        format = _SUFFIXES.get((name.with_suffix("") if compressed else name).suffix.lower(), "json")
    if format not in FORMATS:
        raise ConfigurationError(f"{format!r} is not a format: give {', '.join(FORMATS)}")
    if format == "parquet" and compressed:
        raise ConfigurationError(f"{path}: Parquet is compressed inside; drop the {name.suffix}")
    return format


class LinesWriter:
    """Rows as lines of text, `json` or `csv`."""

    def __init__(self, output: Output, format: str) -> None:
        self._output = output
        self._encode: Callable[[Sequence[Row]], bytes] = csv_rows if format == "csv" else json_lines
        if format == "csv" and not output.offset:
            output.write(CSV_HEADER)

    def write(self, rows: Sequence[Row]) -> None:
        """Take these rows."""
        self._output.write(self._encode(rows))

    def flush(self) -> None:
        """Hand on what was taken."""
        self._output.flush()

    def close(self) -> None:
        """Make the output durable, and give it its name."""
        self._output.finish()

    def abort(self) -> None:
        """End here; the rows so far stay in `NAME.partial`."""
        self._output.abort()
