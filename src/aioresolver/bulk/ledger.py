"""Which rows of a run are there and which are still to come; as large as what is under way. Knows no files."""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from operator import ge
from typing import Any, TypeAlias

from aioresolver.bulk.inputs import BadInput, Input
from aioresolver.bulk.rows import Row
from aioresolver.errors import ConfigurationError, UsageError

__all__ = ["Entry", "Ledger"]

Entry: TypeAlias = Input | BadInput
"""What an input file has in a line."""

# So many texts are kept while rereading, before they are counted into the checksum.
FOLD = 1024


class Ledger:
    """What was taken from the inputs, and what of it has its rows.

    Inputs come in the order of their indices. Everything up to the last one taken is done but for what is under way:
    that is all there is to remember, however many inputs there were. `state()` says it as plain data. A Ledger made
    of that is given the same inputs again, from the first one on, and lets through what was not done: `reread` and
    `end_rereading` until something new comes, `take` from there on.
    """

    def __init__(self, state: Mapping[str, Any] | None = None) -> None:
        self._earlier = state or {}
        self._inputs: int = self._earlier.get("inputs", 0)
        self._expected: int = self._earlier.get("expected", 0)
        self._next: int = self._earlier.get("next", 0)
        self._checksum: int = self._earlier.get("checksum", 0)
        self.statuses: Counter[str] = Counter(self._earlier.get("statuses", {}))
        self.is_rereading: bool = self._inputs > 0
        # A tuple while all rows of an input are to come, then a list.
        self._under_way: dict[int, Sequence[Any]] = {}
        # Taken, and not counted yet: to count many at once costs less.
        self._new: list[Entry] = []
        self.take: Callable[[Entry], None] = self._new.append
        # What the earlier run had not done; None for all the types of the input.
        self._left = dict(_left(item) for item in self._earlier.get("left", ()))
        self._again: list[Entry] = []
        self._texts: list[str] = []
        self._reread = self._reread_checksum = 0

    @property
    def inputs(self) -> int:
        """How many were taken."""
        return self._inputs + len(self._new)

    @property
    def expected(self) -> int:
        """The rows that are due for them."""
        self._count()
        return self._expected

    @property
    def missing(self) -> int:
        """Those of them that are still to come."""
        return self.expected - self.statuses.total()

    def reread(self, entry: Entry) -> bool:
        """An input of the earlier run has come again; False when it is a new one, and rereading is to end first."""
        index = entry.index
        if index >= self._next:
            return False
        self._reread += 1
        self._texts.append(entry.text)
        if len(self._texts) >= FOLD:
            self._reread_checksum = _fold(self._texts, self._reread_checksum)
        if index in self._left:
            wanted = self._left[index]
            if wanted is None:
                self._under_way[index] = entry.types
            else:
                types = tuple(type_ for type_ in entry.types if str(type_) in wanted)
                self._under_way[index] = list(types)
                entry = entry._replace(types=types)  # type: ignore[arg-type] # texts in a BadInput, types in an Input
            self._again.append(entry)
        return True

    def end_rereading(self) -> Sequence[Entry]:
        """What the earlier run took and had no rows for. Raises ConfigurationError when its inputs were others."""
        if not self.is_rereading:
            return ()
        again, self._again = self._again, []
        checksum = _fold(self._texts, self._reread_checksum)
        if (self._reread, checksum, len(again)) != (self._inputs, self._checksum, len(self._left)):
            raise ConfigurationError(f"its first {self._inputs} names are not those that were read then")
        self._left, self._earlier = {}, {}
        self.is_rereading = False
        return again

    def settle(self, rows: Sequence[Row]) -> None:
        """These rows are there. Raises UsageError for one that was not to come, or had come already."""
        self._count()
        under_way = self._under_way
        for row in rows:
            index = row[0]
            types = under_way.get(index, ())
            if len(types) == 1 and types.__class__ is tuple:
                del under_way[index]
            elif left := _without(types, row):
                under_way[index] = left
            else:
                del under_way[index]
        self.statuses.update([row.status for row in rows])

    def state(self) -> Mapping[str, Any]:
        """All of it as plain data for JSON."""
        if self.is_rereading:
            return self._earlier
        self._count()
        left = [
            index if type(types) is tuple else [index, *map(str, types)] for index, types in self._under_way.items()
        ]
        return {
            "next": self._next,
            "left": left,
            "inputs": self._inputs,
            "checksum": self._checksum,
            "expected": self._expected,
            "statuses": dict(self.statuses),
        }

    def _count(self) -> None:
        """Count those that were taken since the last time."""
        new = self._new
        if not new:
            return
        indices = [entry.index for entry in new]
        types = [entry.types for entry in new]
        if indices[0] < self._next or any(map(ge, indices, indices[1:])):
            raise UsageError("inputs come twice, or out of order: their indices do not rise")
        self._under_way.update(zip(indices, types, strict=True))
        self._next = indices[-1] + 1
        self._inputs += len(new)
        self._expected += sum(map(len, types))
        self._checksum = _fold([entry.text for entry in new], self._checksum)
        new.clear()


def _left(item: int | list[Any]) -> tuple[int, frozenset[str] | None]:
    return (item, None) if isinstance(item, int) else (item[0], frozenset(item[1:]))


def _fold(texts: list[str], checksum: int) -> int:
    """The checksum with these texts too; the list is empty then."""
    if texts:
        checksum = zlib.crc32(("\n".join(texts) + "\n").encode("utf-8", "surrogatepass"), checksum)
        texts.clear()
    return checksum


def _without(types: Sequence[Any], row: Row) -> list[Any]:
    """The types that are still to come after this row of an input."""
    left = [type_ for type_ in types if str(type_) != row.type]
    if len(left) == len(types):
        raise UsageError(f"the row for {row.type} of input {row.index} was not to come, or has come already")
    return left
