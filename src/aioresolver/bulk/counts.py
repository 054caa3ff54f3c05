"""Counts: how many inputs went in and rows came out, by status; none may be missing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from operator import itemgetter
from typing import Any

from aioresolver.bulk.rows import Row
from aioresolver.bulk.statuses import STATUSES
from aioresolver.errors import DNSError

__all__ = ["Counts", "RowsLost"]

_status_of = itemgetter(Row._fields.index("status"))


class RowsLost(DNSError, RuntimeError):
    """A run made fewer or more rows than there were questions. It never should: please report it."""


class Counts:
    """What a run has read and given so far.

    - `inputs`: the names, addresses and bad lines read; `blank`: the lines with nothing in them.
    - `due`: the rows that these inputs are to have, one for each input and type.
    - `rows`: the rows given; `statuses`: how many of them have which status.
    - `unfinished`: the rows that are still to come, or, when the run was ended early, never came.
    """

    def __init__(self) -> None:
        self.inputs: int = 0
        self.blank: int = 0
        self.due: int = 0
        self.rows: int = 0
        self.statuses: Counter[str] = Counter()

    @property
    def unfinished(self) -> int:
        """How many rows are due and were not given."""
        return self.due - self.rows

    def add(self, rows: Sequence[Row]) -> None:
        """Count rows that are given."""
        self.rows += len(rows)
        self.statuses.update(map(_status_of, rows))

    def check(self) -> None:
        """Make sure of `in = sum of statuses` at the end of a run; raises RowsLost."""
        known = sum(self.statuses[status] for status in STATUSES)
        if not self.due == self.rows == known:
            raise RowsLost(
                f"{self.due} rows were due, {self.rows} were given, and {known} of these have a known status: "
                "this is an error of aioresolver's"
            )

    def as_dict(self) -> dict[str, Any]:
        """The same as plain data, for JSON; statuses in their usual order, those that did not occur left out."""
        return {
            "inputs": self.inputs,
            "blank": self.blank,
            "due": self.due,
            "rows": self.rows,
            "unfinished": self.unfinished,
            "statuses": {status: self.statuses[status] for status in STATUSES if self.statuses[status]},
        }

    def __repr__(self) -> str:
        statuses = ", ".join(f"{count} {status}" for status, count in self.as_dict()["statuses"].items())
        return f"<Counts {self.due} due = {statuses or 'none yet'}, {self.unfinished} unfinished>"
