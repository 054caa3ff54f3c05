"""The bitmap of record types in NSEC and NSEC3 (RFC 4034, 4.1.2), which is taken apart only where it is read."""

# ruff: noqa: D102 - the methods of every field have one signature, and Field says what they do
from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from typing import Any, overload

from aioresolver.errors import MessageFormatError, RdataSyntaxError
from aioresolver.wire.codes import RRType
from aioresolver.wire.compression import NameMemo
from aioresolver.wire.rdata.fields import TYPE, Field
from aioresolver.wire.rdata.tokens import Tokens

__all__ = ["MANY_TYPES", "TYPE_BITMAP", "TypeBitmap", "TypeBitmapField"]

MANY_TYPES = 16
"""So many types other than the usual ones are shown by name in a record; it is shown as bytes when there are more."""

_USUAL_BYTES = 9
# Where the types up to 71 are in the first block, nearly all that zones have.


class TypeBitmap(Sequence[RRType]):
    """Different record types in the order of their numbers; equal to a tuple of the same. It is never changed.

    A message of 64 KiB can name half a million types: they are bits here, and become types where they are read.
    Raises RdataSyntaxError for a number that is no type.
    """

    __slots__ = ("_wire",)

    _wire: bytes

    def __init__(self, types: Iterable[int] = ()) -> None:
        windows: dict[int, int] = {}
        for number in sorted(types):
            if not 0 <= number <= 0xFFFF:
                raise RdataSyntaxError(f"expected {TypeBitmapField.expected}, found {number}")
            # The first of the 256 types is the highest bit.
            windows[number >> 8] = windows.get(number >> 8, 0) | 1 << (~number & 0xFF)
        bitmaps = ((window, bits.to_bytes(32, "big").rstrip(b"\0")) for window, bits in windows.items())
        self._wire = b"".join([bytes((window, len(bitmap))) + bitmap for window, bitmap in bitmaps])

    @classmethod
    def from_wire(cls, wire: bytes) -> TypeBitmap:
        """The types that these bytes are the bitmap of: at most 256 windows, which are checked. MessageFormatError."""
        position, end, last = 0, len(wire), -1
        while position < end:
            window = wire[position]
            after = position + 2 + wire[position + 1] if position + 1 < end else end + 1
            if window <= last or not position + 2 < after <= min(end, position + 34) or not wire[after - 1]:
                raise MessageFormatError(f"the block of record types {position} bytes on is out of order or bounds")
            last, position = window, after
        bitmap = cls.__new__(cls)
        bitmap._wire = wire
        return bitmap

    @property
    def wire(self) -> bytes:
        """The wire form; there is only one for the same types."""
        return self._wire

    def __len__(self) -> int:
        return sum(int.from_bytes(bitmap, "big").bit_count() for _, bitmap in self._windows())

    def __iter__(self) -> Iterator[RRType]:
        return map(RRType.of, self._numbers())

    def __contains__(self, type: object) -> bool:
        if not isinstance(type, int) or not 0 <= type <= 0xFFFF:
            return False
        bitmap = next((bitmap for window, bitmap in self._windows() if window == type >> 8), b"")
        place = (type & 0xFF) >> 3
        return place < len(bitmap) and bool(bitmap[place] & 0x80 >> (type & 7))

    @overload
    def __getitem__(self, index: int) -> RRType: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[RRType, ...]: ...
    def __getitem__(self, index: int | slice) -> RRType | tuple[RRType, ...]:
        return tuple(self)[index]

    def __eq__(self, other: object) -> bool:
        if isinstance(other, TypeBitmap):
            return self._wire == other._wire
        return tuple(self._numbers()) == other if isinstance(other, tuple) else NotImplemented

    def __hash__(self) -> int:
        return hash(tuple(self._numbers()))

    def __str__(self) -> str:
        return " ".join([_type_text(number) for number in self._numbers()])

    def short_text(self) -> str | None:
        """The same as `str`, in bounded time: None when more than MANY_TYPES are not usual ones, which nobody means."""
        texts: list[str] = []
        others: list[int] = []
        wire = self._wire
        is_usual = wire[:1] == b"\0" and wire[1] == len(wire) - 2 <= _USUAL_BYTES
        for window, bitmap in [(0, wire[2:])] if is_usual else self._windows():
            usual = b"" if window else bitmap[:_USUAL_BYTES]
            texts += [_usual_text(place, byte) for place, byte in enumerate(usual) if byte]
            if len(bitmap) > len(usual):
                others += _numbers_of(window, bitmap, len(usual))
            if len(others) > MANY_TYPES:
                return None
        return " ".join([*texts, *map(_type_text, others)])

    def __repr__(self) -> str:
        return f"<TypeBitmap {self}>" if self._wire else "<TypeBitmap>"

    def __reduce__(self) -> tuple[Any, ...]:
        return TypeBitmap.from_wire, (self._wire,)

    def _windows(self) -> Iterator[tuple[int, bytes]]:
        """The number and bitmap of each block."""
        wire = self._wire
        position = 0
        while position < len(wire):
            after = position + 2 + wire[position + 1]
            yield wire[position], wire[position + 2 : after]
            position = after

    def _numbers(self) -> Iterator[int]:
        for window, bitmap in self._windows():
            yield from _numbers_of(window, bitmap)


def _numbers_of(window: int, bitmap: bytes, start: int = 0) -> list[int]:
    """The types that are set in a block, from so many bytes on."""
    first = window << 8
    return [
        first | place << 3 | bit
        for place in range(start, len(bitmap))
        if (byte := bitmap[place])
        for bit in range(8)
        if byte & 0x80 >> bit
    ]


def _type_text(number: int) -> str:
    """The same as `str(RRType(number))`, but leaves no type behind."""
    return _NAMES.get(number) or f"TYPE{number}"


_NAMES = {int(rrtype): rrtype.name for rrtype in RRType}


@cache
def _usual_text(place: int, byte: int) -> str:
    """The usual types that a byte of the first block stands for: a few hundred bytes in all the zones there are."""
    return " ".join(map(_type_text, _numbers_of(0, bytes(place) + bytes((byte,)))))


class TypeBitmapField(Field[Sequence[RRType]]):
    """The types that exist at a name, to the end of the data."""

    expected = "the types of records"

    def read(self, wire: bytes, offset: int, end: int, memo: NameMemo | None) -> tuple[TypeBitmap, int]:
        return TypeBitmap.from_wire(wire[offset:end]), end

    def write(self, buffer: bytearray, value: Sequence[RRType], offsets: dict[str, int] | None) -> None:
        buffer += (value if isinstance(value, TypeBitmap) else TypeBitmap(value)).wire

    def to_text(self, value: Sequence[RRType]) -> str:
        return str(value if isinstance(value, TypeBitmap) else TypeBitmap(value))

    def parse(self, tokens: Tokens) -> TypeBitmap:
        types = set()
        while tokens:
            types.add(TYPE.parse(tokens))
        return TypeBitmap(types)


TYPE_BITMAP = TypeBitmapField()
