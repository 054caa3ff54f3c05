"""Which rows of a run are there and which are still to come; as large as what is under way. Knows no files."""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from aioresolver.bulk.inputs import BadInput, Input
from aioresolver.bulk.rows import Row
from aioresolver.errors import ConfigurationError, UsageError

__all__ = ["Entry", "Ledger"]

Entry: TypeAlias = Input | BadInput
"""What an input file has in a line."""

# So many texts are kept before they are counted into the checksum.
FOLD = 1024


class Ledger:
    """What was taken from the inputs, and what of it has its rows.

    Inputs come in the order of their indices. Everything up to the last one taken is done but for what is under way:
    that is all there is to remember, however many inputs there were. `state()` says it as plain data. A Ledger made
    of that is given the same inputs again, from the first one on, and lets through what was not done.
    """

    def __init__(self, state: Mapping[str, Any] | None = None) -> None:
        self._earlier = state or {}
        self.inputs: int = self._earlier.get("inputs", 0)
        self.expected: int = self._earlier.get("expected", 0)
        self.statuses: Counter[str] = Counter(self._earlier.get("statuses", {}))
        self._next: int = self._earlier.get("next", 0)
        self._checksum: int = self._earlier.get("checksum", 0)
        self._texts: list[str] = []
        # A tuple while all its rows are to come, then a list.
        self._under_way: dict[int, Sequence[Any]] = {}
        # What the earlier run had not done; None for all the types of the input.
        self._left = dict(_left(item) for item in self._earlier.get("left", ()))
        self._again: list[Entry] = []
        self._reread = self._reread_checksum = 0
        self.is_reading_again = self.inputs > 0

    @property
    def missing(self) -> int:
        """Rows that are still to come of the inputs that were taken."""
        return self.expected - self.statuses.total()

    def take(self, entry: Entry) -> Sequence[Entry]:
        """An input has come: what is to be asked now. While reading again that is nothing, until something new comes.

        Raises ConfigurationError when the inputs turn out not to be those of the earlier run.
        """
        if not self.is_reading_again:
            self._note(entry)
            return (entry,)
        if entry.index < self._next:
            self._skip(entry)
            return ()
        again = self.end()
        self._note(entry)
        return (*again, entry)

    def end(self) -> Sequence[Entry]:
        """No more inputs come: what is to be asked nevertheless."""
        if not self.is_reading_again:
            return ()
        again, self._again = self._again, []
        checksum = _fold(self._texts, self._reread_checksum)
        if (self._reread, checksum, len(again)) != (self.inputs, self._checksum, len(self._left)):
            raise ConfigurationError(f"its first {self.inputs} names are not those that were read then")
        self._left = {}
        self._earlier = {}
        self.is_reading_again = False
        return again

    def settle(self, rows: Sequence[Row]) -> None:
        """These rows are there. Raises UsageError for one that was not to come, or had come already."""
        under_way = self._under_way
        for row in rows:
            index = row.index
            types = under_way.get(index, ())
            if len(types) == 1:
                del under_way[index]
            else:
                under_way[index] = _without(types, row)
        self.statuses.update([row.status for row in rows])

    def state(self) -> Mapping[str, Any]:
        """All of it as plain data for JSON."""
        if self.is_reading_again:
            return self._earlier
        self._checksum = _fold(self._texts, self._checksum)
        left = [
            index if type(types) is tuple else [index, *map(str, types)] for index, types in self._under_way.items()
        ]
        return {
            "next": self._next,
            "left": left,
            "inputs": self.inputs,
            "checksum": self._checksum,
            "expected": self.expected,
            "statuses": dict(self.statuses),
        }

    def _note(self, entry: Entry) -> None:
        index, text, types = entry.index, entry.text, entry.types
        if index < self._next:
            raise UsageError(f"input {index} has come before, or out of order")
        if types:
            self._under_way[index] = types
        self._next = index + 1
        self.inputs += 1
        self.expected += len(types)
        self._texts.append(text)
        if len(self._texts) >= FOLD:
            self._checksum = _fold(self._texts, self._checksum)

    def _skip(self, entry: Entry) -> None:
        self._reread += 1
        self._texts.append(entry.text)
        if len(self._texts) >= FOLD:
            self._reread_checksum = _fold(self._texts, self._reread_checksum)
        if entry.index not in self._left:
            return
        wanted = self._left[entry.index]
        if wanted is None:
            self._under_way[entry.index] = entry.types
        else:
            types = tuple(type_ for type_ in entry.types if str(type_) in wanted)
            self._under_way[entry.index] = list(types)
            entry = entry._replace(types=types)  # type: ignore[arg-type]
        self._again.append(entry)


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
