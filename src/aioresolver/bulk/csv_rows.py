r"""Rows as CSV (RFC 4180): a header, then a line for each row, the columns of Row in its order.

`data`, `aliases` and `extended_errors` are joined by `|`; a `|` inside one of them is written `\124`, as DNS may write it, so that cutting
at every `|` is always right. Nothing (None) is an empty cell, booleans are `true` and `false`, text is UTF-8.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable

from aioresolver.bulk.odd_text import presentable_row
from aioresolver.bulk.rows import Row

__all__ = ["CSV_HEADER", "csv_rows"]

CSV_HEADER = (",".join(Row._fields) + "\r\n").encode()
"""The first line of the file."""

_CELL = {None: "", True: "true", False: "false"}


def csv_rows(rows: Iterable[Row]) -> bytes:
    """The rows, each with its line end."""
    rows = list(rows)
    try:
        text = _text(rows)
        if "\0" not in text:
            return text.encode()
    except (csv.Error, UnicodeEncodeError):  # Python 3.10's writer takes no NUL
        pass
    return _text([presentable_row(row, nul=False) for row in rows]).encode()


def _text(rows: Iterable[Row]) -> str:
    text = io.StringIO()
    csv.writer(text).writerows(map(_cells, rows))
    return text.getvalue()


def _cells(row: Row) -> tuple[object, ...]:
    index, input, name, type, status, data, aliases, ttl, server, attempts, elapsed, wildcard, error, said = row
    joined, chain = _joined(data), _joined(aliases)
    shown, cell, errors = f"{elapsed:.6f}", _CELL[wildcard], _joined(said)
    return index, input, name, type, status, joined, chain, ttl, server, attempts, shown, cell, error, errors


def _joined(texts: tuple[str, ...]) -> str:
    joined = "|".join(texts)
    if joined.count("|") >= len(texts) > 0:
        joined = "|".join([text.replace("|", r"\124") for text in texts])
    return joined
