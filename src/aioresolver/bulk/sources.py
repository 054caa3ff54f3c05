"""Where the inputs come from: a file, standard input or an iterable, opened and read as what it is."""

from __future__ import annotations

import errno
import os
import stat
import sys
from collections.abc import AsyncGenerator, AsyncIterable, Iterable, Iterator
from contextlib import aclosing
from pathlib import Path
from typing import IO

from aioresolver.bulk.columns import Column
from aioresolver.bulk.inputs import ArrivingInputs, Inputs, parse_types
from aioresolver.bulk.lines import LineCutter, UnreadableInput, chunks_of_file, chunks_of_pipe
from aioresolver.errors import ConfigurationError

__all__ = ["read_inputs"]


def read_inputs(
    source: str | os.PathLike[str] | Iterable[object] | AsyncIterable[object],
    *,
    types: str | int | Iterable[str | int] = ("A",),
    column: str | int | None = None,
    header: bool | None = None,
    delimiter: str | None = None,
) -> Inputs | ArrivingInputs:
    """The inputs of a source, which is read as it is iterated over, in flat memory.

    `source` is the path of a file (`-` is standard input; `.gz` and `.zst` are unpacked), or an iterable or async
    iterable of items. A text is never an iterable here: one name is `["example.org"]`.

    Each line or item is a name, a name and its types (`example.org MX`, `example.org A,AAAA`, `("example.org", "MX")`)
    or an address. An address stands for its reverse name, and is asked for PTR unless types stand beside it. Everything
    else is asked for `types`. Blank ones are no inputs, but counted.

    With a `column` the file is a CSV file, and the cells of that column are read like lines (see `Column`); the
    `delimiter` is a comma, for a `.tsv` file a tab.

    What can keep us waiting, such as a pipe, makes ArrivingInputs. Raises OSError when a file cannot be opened,
    ValueError for types that are none, ConfigurationError for a column or delimiter that cannot be. Iteration raises
    UnreadableInput when a file cannot be read to its end.
    """
    types = parse_types(types)
    if not isinstance(source, (str, os.PathLike)):
        if column is not None or header is not None or delimiter is not None:
            raise ConfigurationError("only a file has columns, a header and a delimiter")
        if isinstance(source, AsyncIterable):
            return ArrivingInputs(_one_by_one(source), types=types)
        return Inputs(source, types=types)
    suffixes = Path(source).suffixes
    delimiter = delimiter or ("\t" if ".tsv" in suffixes[-2:] else ",")
    cells = None if column is None else Column(column, header=header, delimiter=delimiter)
    if cells is None and header:
        raise ConfigurationError("only a CSV file has a header: say which column is meant")
    file = _open_standard_input() if source == "-" else Path(source).open("rb")  # noqa: SIM115 - closed by the inputs
    status = os.fstat(file.fileno())
    if not stat.S_ISREG(status.st_mode):
        return ArrivingInputs(_lines_as_they_come(file, cells), types=types, close=file.close)
    return Inputs(
        _lines_of_file(file, Path(source).suffix, cells),
        types=types,
        done=lambda: 1.0 if file.closed or not status.st_size else min(1.0, file.tell() / status.st_size),
        close=file.close,
    )


def _open_standard_input() -> IO[bytes]:
    if sys.stdin is None:
        raise OSError(errno.EBADF, "standard input is closed")
    return open(sys.stdin.fileno(), "rb", closefd=False)


def _lines_of_file(file: IO[bytes], suffix: str, column: Column | None) -> Iterator[str]:
    cutter = LineCutter()
    try:
        for chunk in chunks_of_file(file, suffix):
            lines = cutter.feed(chunk)
            yield from lines if column is None else column.feed(lines)
        yield from _last_lines(cutter, column)
    except OSError as error:
        raise _unreadable(file, error) from error


async def _lines_as_they_come(file: IO[bytes], column: Column | None) -> AsyncGenerator[list[str], None]:
    cutter = LineCutter()
    try:
        async with aclosing(chunks_of_pipe(file.fileno())) as chunks:
            async for chunk in chunks:
                lines = cutter.feed(chunk)
                yield lines if column is None else column.feed(lines)
        yield list(_last_lines(cutter, column))
    except OSError as error:
        raise _unreadable(file, error) from error


def _last_lines(cutter: LineCutter, column: Column | None) -> Iterator[str]:
    lines = cutter.end()
    if column is None:
        yield from lines
    else:
        yield from column.feed(lines)
        yield from column.end()


async def _one_by_one(items: AsyncIterable[object]) -> AsyncGenerator[tuple[object], None]:
    iterator = aiter(items)
    try:
        async for item in iterator:
            yield (item,)
    finally:
        if isinstance(iterator, AsyncGenerator):
            await iterator.aclose()


def _unreadable(file: IO[bytes], error: OSError) -> UnreadableInput:
    name = file.name if isinstance(file.name, str) else "standard input"
    return UnreadableInput(error.errno or errno.EIO, error.strerror or str(error), name)
