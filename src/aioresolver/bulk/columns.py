"""Column: the cells of one column of a CSV file, line by line (RFC 4180). Knows no names."""

from __future__ import annotations

import csv

from aioresolver.bulk.lines import LONGEST_LINE, UnreadableLine, unreadable
from aioresolver.errors import ConfigurationError

__all__ = ["Column"]


class Column:
    """Takes the lines of a CSV file and gives the cells of one column, one for each record.

    `column` is the name in the header, in letters of either case, or a number from 1 on; `header` is whether there is
    one, None when there is one if and only if `column` is a name. Cells in quotes may hold delimiters, quotes and ends
    of lines. A record without the cell, and a line with a quote that does not end within 64 KiB, are each one
    UnreadableLine: what follows that line is read as if the quote were not there.

    Raises ConfigurationError for a column that the header does not have.
    """

    def __init__(self, column: str | int, *, header: bool | None = None, delimiter: str = ",") -> None:
        if len(delimiter) != 1 or delimiter in '"\r\n':
            raise ConfigurationError(f"a delimiter is one character, such as ',', not {delimiter!r}")
        if isinstance(column, int) and column < 1:
            raise ConfigurationError(f"columns are counted from 1, not {column}")
        if isinstance(column, str) and header is False:
            raise ConfigurationError(f"only a header can tell which column {column!r} is")
        self._column = column
        self._delimiter = delimiter
        self._place = column - 1 if isinstance(column, int) else None
        self._wants_header = isinstance(column, str) if header is None else header
        # The lines of a record that is not whole yet: a quote is open in it.
        self._open: list[str] = []
        self._length = 0
        self._quotes = 0

    def feed(self, lines: list[str]) -> list[str]:
        """The cells of the records that end in these lines."""
        cells: list[str] = []
        place, delimiter = self._place, self._delimiter
        for line in lines:
            if self._open or '"' in line or self._wants_header or place is None:
                self._take(line, cells)
                place = self._place
            elif line.__class__ is not str:
                cells.append(line)
            else:
                parts = line.split(delimiter, place + 1)
                cells.append(parts[place] if place < len(parts) else self._missing(line))
        return cells

    def end(self) -> list[str]:
        """The cells of what is left: lines behind a quote that was never closed."""
        cells: list[str] = []
        while self._open:
            self._break_open(cells)
        return cells

    def _take(self, line: str, cells: list[str]) -> None:
        if isinstance(line, UnreadableLine) and not self._open:
            cells.append(line)
            return
        self._open.append(line)
        self._length += len(line) + 1
        self._quotes += line.count('"')
        if self._quotes % 2 == 0 or (len(self._open) == 1 and self._is_whole(line)):
            try:
                self._read_record(self._open, cells)
            except csv.Error:
                self._break_open(cells)
            else:
                self._close()
        elif self._length > LONGEST_LINE:
            self._break_open(cells)

    def _is_whole(self, line: str) -> bool:
        """Whether an odd number of quotes opens none: a quote within a cell that does not begin with one is text."""
        try:
            next(csv.reader([line], delimiter=self._delimiter, strict=True))
        except csv.Error:
            return False
        return True

    def _close(self) -> list[str]:
        lines = self._open
        self._open, self._length, self._quotes = [], 0, 0
        return lines

    def _break_open(self, cells: list[str]) -> None:
        """Give the line up whose quote has no end, and read those behind it again."""
        first, *others = self._close()
        cells.append(unreadable(first, "a quote is opened that has no end, or it is no record of a CSV file"))
        for line in others:
            self._take(line, cells)

    def _read_record(self, lines: list[str], cells: list[str]) -> None:
        text = "\n".join(lines)
        if not text.strip():
            cells.append("")
            return
        # Over several lines it has to be beyond doubt: else two stray quotes would hide what stands between them.
        record = next(csv.reader([text], delimiter=self._delimiter, strict=len(lines) > 1))
        if self._wants_header:
            self._read_header(record)
        elif self._place is not None and self._place < len(record):
            cells.append(record[self._place])
        else:
            cells.append(self._missing(text))

    def _read_header(self, record: list[str]) -> None:
        self._wants_header = False
        if self._place is not None:
            return
        names = [name.strip().lower() for name in record]
        wanted = str(self._column).strip().lower()
        if wanted not in names:
            raise ConfigurationError(
                f"there is no column {self._column!r}; the header has {', '.join(map(repr, record))}"
            )
        self._place = names.index(wanted)

    def _missing(self, text: str) -> str:
        return unreadable(text, f"the record has no column {self._column!r}") if text.strip() else ""
