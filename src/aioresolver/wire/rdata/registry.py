"""The registry of record types: a class and its fields are declared once, and the codec is derived from that.

    @rdata(RRType.MX, U16, NAME)
    class MX(NamedTuple):
        preference: int
        exchange: Name

A type of your own joins in the same way.
"""

from __future__ import annotations

from binascii import unhexlify
from collections.abc import Callable, Iterator
from itertools import groupby
from struct import Struct
from typing import Any, NamedTuple, TypeVar

from aioresolver.errors import MessageFormatError, RdataSyntaxError
from aioresolver.wire.codes import RRType
from aioresolver.wire.compression import NameMemo
from aioresolver.wire.names import Name
from aioresolver.wire.rdata.fields import HEX, U16, Field, Number
from aioresolver.wire.rdata.tokens import Tokens, tokenize

__all__ = [
    "GenericRdata",
    "Shape",
    "generic_text",
    "parse_rdata",
    "rdata",
    "read_rdata",
    "shapes",
    "type_of",
    "write_rdata",
]

D = TypeVar("D", bound="tuple[Any, ...]")

Reader = Callable[[bytes, int, int, "NameMemo | None"], Any]


class Shape(NamedTuple):
    """What was declared for a record type, and what follows from it.

    `fields` are in the order of the wire, one for each attribute of `cls`. `parse` takes the presentation text of
    the type, not that of RFC 3597.
    """

    type: RRType
    cls: Callable[..., Any]
    fields: tuple[Field[Any], ...]
    read: Reader
    parse: Callable[[Tokens], Any]


class GenericRdata(NamedTuple):
    """The data of a record whose type has no class here, as it came (RFC 3597)."""

    type: RRType
    data: bytes

    def __str__(self) -> str:
        return _show_bytes(self.data)


def rdata(rrtype: RRType, *fields: Field[Any]) -> Callable[[type[D]], type[D]]:
    """Declare a NamedTuple as the data of records of this type, made of these fields in the order of the wire.

    `str()` of a value becomes its presentation text: the fields' texts in their order. A class whose text is
    something else brings its own `__str__`, and a classmethod `parse(tokens)` for the way back.
    Raises TypeError when fields and attributes do not match or the type is taken.
    """

    def declare(cls: type[D]) -> type[D]:
        names: tuple[str, ...] = getattr(cls, "_fields", ())
        if len(names) != len(fields):
            raise TypeError(f"{cls.__name__} has {len(names)} attributes, but {len(fields)} fields are declared")
        if rrtype in _SHAPES:
            raise TypeError(f"{rrtype} is {_SHAPES[rrtype].cls} already")
        own_parse: Callable[[Tokens], Any] | None = getattr(cls, "parse", None)
        shape = Shape(rrtype, cls, fields, _reader(cls, fields), own_parse or _parser(cls, fields))
        if "__str__" not in cls.__dict__:
            cls.__str__ = _shower(fields)  # type: ignore[method-assign] # as if it were written there
        _SHAPES[rrtype] = _SHAPES_OF[cls] = shape
        READERS[rrtype] = shape.read
        return cls

    return declare


_SHAPES: dict[RRType, Shape] = {}
_SHAPES_OF: dict[type[Any], Shape] = {}
READERS: dict[RRType, Reader] = {}
"""What reads the data of each type: given the message, where the data starts and ends in it, which is within it, and
what is known of its names. Raises MessageFormatError."""


def shapes() -> tuple[Shape, ...]:
    """Every type declared so far."""
    return tuple(_SHAPES.values())


def type_of(data: Any) -> RRType:
    """The record type that this data is of. Raises TypeError when it is not rdata."""
    if type(data) is GenericRdata:
        return data.type
    return _shape_of(data).type


def _shape_of(data: object) -> Shape:
    shape = _SHAPES_OF.get(type(data))
    if shape is None:
        raise TypeError(f"{data!r} is not rdata: its class was never declared with @rdata")
    return shape


def read_rdata(type: RRType, wire: bytes, offset: int, end: int, memo: NameMemo | None = None) -> Any:
    """The data between `offset` and `end` of the message `wire`, as a value of its type's class.

    A type without a class gives GenericRdata. `memo` is what is known of the names in the message.
    Raises MessageFormatError when the bytes are not exactly one value.
    """
    if not 0 <= offset <= end <= len(wire):
        raise MessageFormatError(f"the data from {offset} to {end} is not within the message's {len(wire)} bytes")
    read = READERS.get(type)
    if read is None:
        return tuple.__new__(GenericRdata, (RRType.of(type), wire[offset:end]))
    try:
        return read(wire, offset, end, memo)
    except MessageFormatError as error:
        error.args = (f"malformed {type} data: {error}",)
        raise


def write_rdata(buffer: bytearray, data: Any, offsets: dict[str, int] | None = None) -> None:
    """Append the wire form, without its length; `offsets` is the compression table of the message in `buffer`.

    Raises RdataSyntaxError when an attribute does not fit its field, and TypeError when `data` is not rdata.
    """
    if type(data) is GenericRdata:
        buffer += data.data
        return
    shape = _shape_of(data)
    for field, value in zip(shape.fields, data, strict=True):
        field.write(buffer, value, offsets)


def generic_text(data: Any) -> str:
    """The text that any data may have: its bytes (RFC 3597, 5)."""
    buffer = bytearray()
    write_rdata(buffer, data)
    return _show_bytes(buffer)


def parse_rdata(type: RRType, text: str | Tokens, origin: Name | None = None) -> Any:
    r"""The data that this presentation text stands for; relative names are completed with `origin`, or with the root.

    Any type may be given as `\# length hexadecimal` (RFC 3597, 5); a type without a class has no other form.
    Raises RdataSyntaxError.
    """
    shape = _SHAPES.get(type)
    try:
        tokens = tokenize(text, origin) if isinstance(text, str) else text
        first = tokens.peek()
        if first is not None and first.text == r"\#" and not first.quoted:
            return _parse_generic(RRType(type), tokens)
        if shape is None:
            raise RdataSyntaxError(r"expected \# and the length and hexadecimal digits of the data")
        value = shape.parse(tokens)
        tokens.finish()
        return value
    except RdataSyntaxError as error:
        raise RdataSyntaxError(f"{RRType(type)} data: {error}") from None


def _show_bytes(data: bytes | bytearray) -> str:
    return f"\\# {len(data)} {data.hex()}".rstrip()


def _parse_generic(type: RRType, tokens: Tokens) -> Any:
    tokens.take(r"\#")
    length = U16.parse(tokens)
    try:
        data = unhexlify(tokens.words(HEX.expected)) if tokens else b""
    except ValueError:
        raise RdataSyntaxError(f"expected {HEX.expected} in pairs after the length") from None
    if len(data) != length:
        raise RdataSyntaxError(f"expected {length} bytes of data, found {len(data)}")
    try:
        return read_rdata(type, data, 0, length)
    except MessageFormatError as error:
        raise RdataSyntaxError(str(error)) from None


def _reader(cls: type[D], fields: tuple[Field[Any], ...]) -> Reader:
    """A function that reads the fields one after the other; it is on the hot path of every record."""
    new = tuple.__new__
    if len(fields) == 1:
        only = fields[0].read

        def read_one(wire: bytes, offset: int, end: int, memo: NameMemo | None) -> D:
            value, after = only(wire, offset, end, memo)
            if after != end:
                raise MessageFormatError(f"it ends at {after}, not at {end}")
            return new(cls, (value,))

        return read_one

    steps = tuple(_steps(fields))
    if [several for several, _ in steps] == [True, False]:
        return _reader_of_numbers_and_one(cls, "".join(map(_code, fields)), fields[-1].read)

    def read_all(wire: bytes, offset: int, end: int, memo: NameMemo | None) -> D:
        values: list[Any] = []
        for several, read in steps:
            value, offset = read(wire, offset, end, memo)
            if several:
                values += value
            else:
                values.append(value)
        if offset != end:
            raise MessageFormatError(f"it ends at {offset}, not at {end}")
        return new(cls, values)

    return read_all


def _reader_of_numbers_and_one(cls: type[D], codes: str, read: Reader) -> Reader:
    """As read_all, for what most types are: numbers, and something else behind them."""
    new = tuple.__new__
    layout = Struct(f">{codes}")
    size, unpack_from = layout.size, layout.unpack_from

    def read_both(wire: bytes, offset: int, end: int, memo: NameMemo | None) -> D:
        start = offset + size
        if start > end:
            raise MessageFormatError(f"numbers run over the end of the data at {end}")
        value, after = read(wire, start, end, memo)
        if after != end:
            raise MessageFormatError(f"it ends at {after}, not at {end}")
        return new(cls, (*unpack_from(wire, offset), value))

    return read_both


def _steps(fields: tuple[Field[Any], ...]) -> Iterator[tuple[bool, Reader]]:
    """What reads the fields, and whether it gives several values: those of numbers in a row are read at once."""
    for plain, some in groupby(fields, lambda field: bool(_code(field))):
        if plain:
            yield True, _read_numbers("".join(map(_code, some)))
        else:
            yield from ((False, field.read) for field in some)


def _code(field: Field[Any]) -> str:
    """What the struct module calls such a number; nothing when it is no number, or one with a way of its own."""
    if not isinstance(field, Number) or type(field).read is not Number.read:
        return ""
    return {1: "B", 2: "H", 4: "I", 8: "Q"}.get(field.size, "")


def _read_numbers(codes: str) -> Reader:
    layout = Struct(f">{codes}")
    size, unpack_from = layout.size, layout.unpack_from

    def read_numbers(wire: bytes, offset: int, end: int, _memo: NameMemo | None) -> tuple[tuple[int, ...], int]:
        after = offset + size
        if after > end:
            raise MessageFormatError(f"numbers run over the end of the data at {end}")
        return unpack_from(wire, offset), after

    return read_numbers


def _parser(cls: type[D], fields: tuple[Field[Any], ...]) -> Callable[[Tokens], D]:
    named = tuple(zip(getattr(cls, "_fields", ()), fields, strict=True))

    def parse(tokens: Tokens) -> D:
        values = []
        for name, field in named:
            try:
                values.append(field.parse(tokens))
            except RdataSyntaxError as error:
                raise RdataSyntaxError(f"{name}: {error}") from None
        return tuple.__new__(cls, values)

    return parse


def _shower(fields: tuple[Field[Any], ...]) -> Callable[[Any], str]:
    if len(fields) == 1:
        only = fields[0].to_text

        def show_one(data: Any) -> str:
            return only(data[0])

        return show_one

    shows = tuple(field.to_text for field in fields)

    def show(data: Any) -> str:
        return " ".join([text for to_text, value in zip(shows, data, strict=True) if (text := to_text(value))])

    return show
