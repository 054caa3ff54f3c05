"""Rows as a Parquet file, through pyarrow: the columns of Row in its order, in groups of rows of bounded size."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from aioresolver.bulk.disk import DISK, Disk
from aioresolver.bulk.odd_text import presentable_row
from aioresolver.bulk.output import Output
from aioresolver.bulk.rows import Row
from aioresolver.errors import ConfigurationError

try:
    pyarrow: Any = import_module("pyarrow")
    import_module("pyarrow.json")
    import_module("pyarrow.parquet")
except ImportError:  # the extra is not here: require_pyarrow() says so
    pyarrow = None

__all__ = [
    "GROUP_BYTES",
    "GROUP_ROWS",
    "SCHEMA",
    "ParquetWriter",
    "open_parquet",
    "parquet_of_json_lines",
    "require_pyarrow",
]

SCHEMA = {
    "index": "int64",
    "input": "string",
    "name": "string",
    "type": "string",
    "status": "string",
    "data": "list<string>",
    "aliases": "list<string>",
    "ttl": "int64",
    "server": "string",
    "attempts": "int64",
    "elapsed": "double",
    "wildcard": "bool",
    "error": "string",
    "extended_errors": "list<string>",
}
"""The columns and their Arrow types, the same in every file."""

GROUP_ROWS = 1 << 16
"""Rows of a group, about: it ends when it has so many."""

GROUP_BYTES = 1 << 25
"""Bytes of a group in memory, about: it ends when it has so many, however few rows."""

BATCH = 1024
CHUNK = 1 << 22
# Its lines are in NAME.partial, while a Parquet file is made of them.
BESIDE = ".whole"


class ParquetWriter:
    """A Parquet file. It is none until it is closed, for its directory comes last; so `abort` closes it too."""

    def __init__(self, output: Output) -> None:
        self._output = output
        self._schema = arrow_schema()
        self._file = pyarrow.parquet.ParquetWriter(_Sink(output), self._schema, compression="zstd")
        self._rows: list[Row] = []
        self._batches: list[Any] = []
        self._count = self._bytes = 0

    def write(self, rows: Sequence[Row]) -> None:
        """Take these rows."""
        self._rows += rows
        if len(self._rows) >= BATCH:
            self._make_batch()

    def write_batch(self, batch: Any) -> None:
        """Take a pyarrow RecordBatch of the schema."""
        self._batches.append(batch)
        self._count += batch.num_rows
        self._bytes += batch.nbytes
        if self._count >= GROUP_ROWS or self._bytes >= GROUP_BYTES:
            self._make_group()

    def flush(self) -> None:
        """Nothing: a group of rows is written when it is full."""

    def close(self) -> None:
        """Write what is left and the directory; make the file durable, and give it its name."""
        self._end()
        self._output.finish()

    def abort(self) -> None:
        """End here; the rows so far stay in `NAME.partial`, which is a Parquet file if the disk had room for it."""
        try:
            self._end()
        except (OSError, pyarrow.ArrowException):
            self._file.is_open = False
        self._output.abort()

    def _end(self) -> None:
        self._make_batch()
        self._make_group()
        self._file.close()

    def _make_batch(self) -> None:
        rows, self._rows = self._rows, []
        for start in range(0, len(rows), BATCH):
            self.write_batch(self._batch(rows[start : start + BATCH]))

    def _batch(self, rows: Sequence[Row]) -> Any:
        try:
            columns = list(zip(*rows, strict=True))
            return pyarrow.record_batch(
                [pyarrow.array(column, field.type) for column, field in zip(columns, self._schema, strict=True)],
                schema=self._schema,
            )
        except UnicodeEncodeError:
            return self._batch([presentable_row(row) for row in rows])

    def _make_group(self) -> None:
        if self._batches:
            table = pyarrow.Table.from_batches(self._batches, self._schema)
            self._batches, self._count, self._bytes = [], 0, 0
            self._file.write_table(table, row_group_size=table.num_rows)


class _Sink(io.RawIOBase):
    """An Output as the file object that pyarrow wants."""

    def __init__(self, output: Output) -> None:
        self._output = output
        self._at = 0

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        piece = bytes(data)
        self._output.write(piece)
        self._at += len(piece)
        return len(piece)

    def tell(self) -> int:
        return self._at


def parquet_of_json_lines(source: str, target: str, *, disk: Disk = DISK) -> None:
    """Make a Parquet file of a file of JSON lines that `json_lines` made. Raises OSError."""
    writer = open_parquet(target, disk=disk, beside=BESIDE)
    schema = arrow_schema()
    try:
        for lines in _chunks(source):
            table = pyarrow.json.read_json(
                io.BytesIO(lines),
                read_options=pyarrow.json.ReadOptions(block_size=len(lines) + 1, use_threads=False),
                parse_options=pyarrow.json.ParseOptions(explicit_schema=schema, unexpected_field_behavior="error"),
            )
            for batch in table.to_batches():
                writer.write_batch(batch)
        writer.close()
    except BaseException:
        writer.abort()
        disk.remove(f"{target}{BESIDE}")
        raise


def open_parquet(path: str, *, disk: Disk = DISK, beside: str = ".partial") -> ParquetWriter:
    """A writer to this file. Raises OSError, and ConfigurationError without pyarrow."""
    require_pyarrow()
    output = Output(path, disk=disk, beside=beside)
    try:
        return ParquetWriter(output)
    except BaseException:
        output.abort()
        raise


def arrow_schema() -> Any:
    """SCHEMA as a pyarrow Schema."""
    lists = {"list<string>": pyarrow.list_(pyarrow.string())}
    return pyarrow.schema([(name, lists.get(type) or pyarrow.type_for_alias(type)) for name, type in SCHEMA.items()])


def require_pyarrow() -> None:
    """Raises ConfigurationError when it is missing."""
    if pyarrow is None:
        raise ConfigurationError('Parquet needs the pyarrow package: pip install "aioresolver[arrow]"')


def _chunks(path: str) -> Iterator[bytes]:
    """The file in pieces of some megabytes, each of whole lines."""
    with Path(path).open("rb") as file:
        while chunk := file.read(CHUNK):
            yield chunk + file.readline()
