"""What is asked for: lines of a file or of a pipe, or the items of an iterable, each read as one Input."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator, Sized
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address
from typing import Any, NamedTuple

from aioresolver.bulk.lines import UnreadableLine
from aioresolver.errors import NameSyntaxError
from aioresolver.system.literal import parse_literal
from aioresolver.wire.codes import RRType
from aioresolver.wire.names import Name

__all__ = ["ArrivingInputs", "BadInput", "Input", "Inputs", "parse_types"]

LONGEST_TEXT = 1024
LONGEST_TYPE = 64
# What is no question about one name, but about a message, a connection or a whole zone (RFC 6895, 3.1).
_UNASKABLE = frozenset({RRType.OPT, RRType.TKEY, RRType.TSIG, RRType.IXFR, RRType.AXFR})
_DIGITS = frozenset("0123456789")
# Nothing else is passed over: other white space is part of a name, which is a bad one then.
_BLANKS = " \t\r"
_words = re.compile(r"[ \t]+").split
_make_input = tuple.__new__


class Input(NamedTuple):
    """A name to ask for.

    - `index`: the number of its line, record or item, counted from 0; blank ones count too, a header does not.
    - `text`: as it was given.
    - `name`: what is asked, in canonical form; for an address its reverse name.
    - `types`: what is asked of it, no type twice.
    """

    index: int  # type: ignore[assignment]  # what tuple.index does is of no use here
    text: str
    name: Name
    types: tuple[RRType, ...]


class BadInput(NamedTuple):
    r"""Something that cannot be asked for; it has a row for each type all the same.

    `text` is cut after 1,024 characters; bytes that are not UTF-8 are shown as `\xNN`. `types` are the types in words,
    `status` is bad-name or bad-type, `error` says why.
    """

    index: int  # type: ignore[assignment]  # what tuple.index does is of no use here
    text: str
    types: tuple[str, ...]
    status: str
    error: str


class _Reading:
    """How texts become inputs, and how far that is."""

    def __init__(self, types: str | int | Iterable[str | int], close: Callable[[], object] | None) -> None:
        self.types: tuple[RRType, ...] = parse_types(types)
        self.blank: int = 0
        self._next: int = 0
        self._close = close

    def close(self) -> None:
        """Close what was opened for reading; the end of the iteration does it too."""
        if self._close is not None:
            self._close()

    def _read(self, items: Iterable[Any]) -> Iterator[Input | BadInput]:
        types = self.types
        index = self._next
        for item in items:
            if item.__class__ is str:
                text = item.strip(_BLANKS)
                if text and text[-1] not in _DIGITS and " " not in text and "\t" not in text and ":" not in text:
                    try:
                        found: Any = _make_input(Input, (index, text, Name.parse(text), types))
                    except NameSyntaxError as error:
                        found = _bad_name(index, text, types, error)
                else:
                    found = self._read_unusual(index, text)
            else:
                found = self._read_other(index, item)
            self._next = index = index + 1
            if found is None:
                self.blank += 1
            else:
                yield found

    def _read_unusual(self, index: int, text: str) -> Input | BadInput | None:
        """Blank text, a name and its types, an address, a name that ends in a digit."""
        if not text:
            return None
        name, *words = _words(text, maxsplit=1)
        if words:
            return self._read_pair(index, text, name, words[0])
        return self._read_pair(index, text, name, None)

    def _read_pair(self, index: int, text: str, name: str, types: Any) -> Input | BadInput:
        asked = self.types
        if types is not None:
            try:
                asked = parse_types(types)
            except (TypeError, ValueError) as error:
                return BadInput(index, _shown(text), (_shown(str(types))[:LONGEST_TYPE],), "bad-type", str(error))
        try:
            if parse_literal(name) is not None:
                return Input(index, text, Name.reverse(name), asked if types is not None else _OF_ADDRESSES)
            return Input(index, text, Name.parse(name), asked)
        except NameSyntaxError as error:
            return _bad_name(index, text, asked, error)

    def _read_other(self, index: int, item: object) -> Input | BadInput | None:
        """What is no plain text: an input that is one already, a pair, an address, a line that cannot be read."""
        if isinstance(item, (Input, BadInput)):
            return item
        if isinstance(item, UnreadableLine):
            return BadInput(index, _shown(item), tuple(map(str, self.types)), "bad-name", item.reason)
        if isinstance(item, tuple) and len(item) >= 2 and isinstance(item[0], str):
            return self._read_pair(index, item[0], item[0].strip(_BLANKS), item[1])
        if isinstance(item, (str, IPv4Address, IPv6Address)):
            return self._read_unusual(index, str(item).strip(_BLANKS))
        reason = f"it is {type(item).__name__}, not text"
        return BadInput(index, _shown(str(item)), tuple(map(str, self.types)), "bad-name", reason)


class Inputs(_Reading):
    """Inputs that are there when they are wanted: iterate over them once. `read_inputs` makes them.

    `blank` counts those that were passed over because there was nothing in them.
    """

    def __init__(
        self,
        items: Iterable[object],
        *,
        types: str | int | Iterable[str | int] = ("A",),
        done: Callable[[], float] | None = None,
        close: Callable[[], object] | None = None,
    ) -> None:
        super().__init__(types, close)
        self._items = items
        self._done = done

    @property
    def done(self) -> float | None:
        """The share of the inputs that has been read, 0 to 1; None when it is not known how many there are."""
        if self._done is not None:
            return self._done()
        if isinstance(self._items, Sized):
            return min(1.0, self._next / (len(self._items) or 1))
        return None

    def __iter__(self) -> Iterator[Input | BadInput]:
        try:
            yield from self._read(self._items)
        finally:
            self.close()


class ArrivingInputs(_Reading):
    """Inputs that may keep us waiting: iterate over them once, asynchronously. `read_inputs` makes them.

    They come in batches, so many as there are at once. `blank` counts those that were passed over because there was
    nothing in them; `done` is None, for nobody knows how many will come.
    """

    done: None = None

    def __init__(
        self,
        batches: AsyncGenerator[Iterable[object], None],
        *,
        types: str | int | Iterable[str | int] = ("A",),
        close: Callable[[], object] | None = None,
    ) -> None:
        super().__init__(types, close)
        self._batches = batches

    async def __aiter__(self) -> AsyncGenerator[Input | BadInput, None]:
        try:
            async for batch in self._batches:
                for found in self._read(batch):
                    yield found
        finally:
            await self._batches.aclose()
            self.close()


def parse_types(types: str | int | Iterable[str | int]) -> tuple[RRType, ...]:
    """The record types of a text (`A`, `A,AAAA`, `A MX`), of a number or of several of them, none of them twice.

    Raises ValueError when one of them is no type, or none that a name can be asked for, and when there is none.
    """
    if isinstance(types, str):
        return _types_of_text(types)
    if isinstance(types, int):
        return (_type_of(types),)
    found = tuple(dict.fromkeys(map(_type_of, types)))
    if not found:
        raise ValueError("at least one record type is needed, such as 'A'")
    return found


def _type_of(type: str | int) -> RRType:
    found: RRType = RRType.parse(type) if isinstance(type, str) else RRType(type)
    if found in _UNASKABLE:
        raise ValueError(f"{found} is not a type of records that a name can be asked for")
    return found


@lru_cache(1024)
def _types_of_text(text: str) -> tuple[RRType, ...]:
    return parse_types(text.replace(",", " ").split())


_OF_ADDRESSES = (RRType.PTR,)


def _bad_name(index: int, text: str, types: tuple[RRType, ...], error: NameSyntaxError) -> BadInput:
    return BadInput(index, _shown(text), tuple(map(str, types)), "bad-name", str(error))


def _shown(text: str) -> str:
    """So much of the text as has room in a row, in characters that every output can take."""
    return text[:LONGEST_TEXT].encode("utf-8", "backslashreplace").decode()
