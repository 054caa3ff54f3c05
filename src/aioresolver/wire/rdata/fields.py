"""The fields that rdata is made of: each can read, write, show and parse its part. Knows no record type."""

# ruff: noqa: D102 - the methods of every field have one signature, and Field says what they do
from __future__ import annotations

from abc import ABC, abstractmethod
from base64 import b64decode, b64encode
from binascii import unhexlify
from collections.abc import Mapping
from socket import AF_INET, AF_INET6, inet_ntoa, inet_ntop, inet_pton
from typing import Generic, TypeVar

from aioresolver.errors import MessageFormatError, RdataSyntaxError
from aioresolver.wire.codes import RRType
from aioresolver.wire.compression import NameMemo, read_name, write_name
from aioresolver.wire.names import Name
from aioresolver.wire.rdata.tokens import Tokens, parse_ttl, quote

__all__ = [
    "ADDRESS4",
    "ADDRESS6",
    "BASE64",
    "HEX",
    "NAME",
    "NAME_PLAIN",
    "QUOTED",
    "QUOTED_SOME",
    "STRING",
    "STRINGS",
    "TTL",
    "TYPE",
    "U8",
    "U16",
    "U32",
    "Address4",
    "Address6",
    "Base64",
    "CharacterString",
    "CharacterStrings",
    "DomainName",
    "Duration",
    "Field",
    "Hexadecimal",
    "Mnemonic",
    "Number",
    "QuotedRest",
    "Rest",
    "TypeNumber",
]

T = TypeVar("T")


class Field(ABC, Generic[T]):
    """One field of rdata, whose value is a T. It has no state: one instance serves every type that has such a field.

    `expected` says what the text of the field looks like, for the sentences of errors.
    """

    expected: str

    @abstractmethod
    def read(self, wire: bytes, offset: int, end: int, memo: NameMemo | None) -> tuple[T, int]:
        """The value at `offset`, and the offset behind it, which is never past `end`; MessageFormatError otherwise."""

    @abstractmethod
    def write(self, buffer: bytearray, value: T, offsets: dict[str, int] | None) -> None:
        """Append the value; RdataSyntaxError when it does not fit. `offsets` is the message's compression table."""

    @abstractmethod
    def to_text(self, value: T) -> str:
        """The presentation text of the value; empty when the value shows as nothing."""

    @abstractmethod
    def parse(self, tokens: Tokens) -> T:
        """The value of the next tokens; RdataSyntaxError when they are something else."""


class Number(Field[int]):
    """An unsigned number of so many bytes."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.largest: int = (1 << 8 * size) - 1
        self.expected: str = f"a number from 0 to {self.largest}"

    def read(self, wire: bytes, offset: int, end: int, memo: NameMemo | None) -> tuple[int, int]:
        after = offset + self.size
        if after > end:
            raise MessageFormatError(f"a number runs over the end of the data at {end}")
        return int.from_bytes(wire[offset:after], "big"), after

    def write(self, buffer: bytearray, value: int, offsets: dict[str, int] | None) -> None:
        if not 0 <= value <= self.largest:
            raise RdataSyntaxError(f"expected {self.expected}, found {value}")
        buffer += value.to_bytes(self.size, "big")

    def to_text(self, value: int) -> str:
        return str(int(value))

    def parse(self, tokens: Tokens) -> int:
        return self.parse_word(tokens.word(self.expected))

    def parse_word(self, text: str) -> int:
        """The number that one word stands for."""
        # Nothing longer than the largest number goes to int(), which takes time that grows with the square.
        if not (text.isascii() and text.isdigit() and (number := int(text.lstrip("0")[:11] or "0")) <= self.largest):
            raise RdataSyntaxError(f"expected {self.expected}, found {text or 'nothing'}")
        return number


class Duration(Number):
    """Seconds; `1h30m` is understood too."""

    def parse_word(self, text: str) -> int:
        return parse_ttl(text)


class Mnemonic(Number):
    """A number that may be given by one of these names; it is shown as one only when it is `shown` so."""

    def __init__(self, size: int, names: Mapping[str, int], *, shown: bool = False) -> None:
        super().__init__(size)
        self.names = names
        self.expected: str = f"{self.expected}, or a name such as {next(iter(names))}"
        self._texts = {number: name for name, number in names.items()} if shown else {}

    def to_text(self, value: int) -> str:
        return self._texts.get(value) or str(int(value))

    def parse_word(self, text: str) -> int:
        number = self.names.get(text.upper())
        return super().parse_word(text) if number is None else number


class TypeNumber(Field[RRType]):
    """The type of a record, as a name (`MX`, `TYPE65280`)."""

    expected = "a record type such as A or TYPE65280"

    def read(self, wire: bytes, offset: int, end: int, memo: NameMemo | None) -> tuple[RRType, int]:
        after = offset + 2
        if after > end:
            raise MessageFormatError(f"a record type runs over the end of the data at {end}")
        return RRType.of(wire[offset] << 8 | wire[offset + 1]), after

    def write(self, buffer: bytearray, value: RRType, offsets: dict[str, int] | None) -> None:
        U16.write(buffer, value, offsets)

    def to_text(self, value: RRType) -> str:
        return str(RRType(value))

    def parse(self, tokens: Tokens) -> RRType:
        text = tokens.word(self.expected)
        try:
            parsed: RRType | None = None if text[0].isdigit() else RRType.parse(text)
        except ValueError:
            parsed = None
        if parsed is None:
            raise RdataSyntaxError(f"expected {self.expected}, found {text}")
        return parsed


class Address4(Field[str]):
    """An IPv4 address in its one text form: four decimal numbers, no leading zeros."""

    expected = "an IPv4 address such as 192.0.2.1"

    def read(self, wire: bytes, offset: int, end: int, memo: NameMemo | None) -> tuple[str, int]:
        after = offset + 4
        if after > end:
            raise MessageFormatError(f"an IPv4 address runs over the end of the data at {end}")
        return inet_ntoa(wire[offset:after]), after

    def write(self, buffer: bytearray, value: str, offsets: dict[str, int] | None) -> None:
        buffer += self._packed(value)

    def to_text(self, value: str) -> str:
        return value

    def parse(self, tokens: Tokens) -> str:
        return inet_ntoa(self._packed(tokens.word(self.expected)))

    def _packed(self, text: str) -> bytes:
        try:
            return inet_pton(AF_INET, text)
        except (OSError, ValueError):
            raise RdataSyntaxError(f"expected {self.expected}, found {text}") from None


class Address6(Field[str]):
    """An IPv6 address, shown in the form of RFC 5952."""

    expected = "an IPv6 address such as 2001:db8::1"

    def read(self, wire: bytes, offset: int, end: int, memo: NameMemo | None) -> tuple[str, int]:
        after = offset + 16
        if after > end:
            raise MessageFormatError(f"an IPv6 address runs over the end of the data at {end}")
        return inet_ntop(AF_INET6, wire[offset:after]), after

    def write(self, buffer: bytearray, value: str, offsets: dict[str, int] | None) -> None:
        buffer += self._packed(value)

    def to_text(self, value: str) -> str:
        return value

    def parse(self, tokens: Tokens) -> str:
        return inet_ntop(AF_INET6, self._packed(tokens.word(self.expected)))

    def _packed(self, text: str) -> bytes:
        try:
            return inet_pton(AF_INET6, text)
        except (OSError, ValueError):
            raise RdataSyntaxError(f"expected {self.expected}, found {text}") from None


class DomainName(Field[Name]):
    """A domain name. Pointers are followed in any type; only the types of RFC 1035 write them (RFC 3597, 4)."""

    expected = "a domain name"

    def __init__(self, *, compressed: bool) -> None:
        self.compressed = compressed

    def read(self, wire: bytes, offset: int, end: int, memo: NameMemo | None) -> tuple[Name, int]:
        return read_name(wire, offset, memo, end)

    def write(self, buffer: bytearray, value: Name, offsets: dict[str, int] | None) -> None:
        if type(value) is not Name:
            value = Name.parse(value)
        write_name(buffer, value, offsets if self.compressed else None)

    def to_text(self, value: Name) -> str:
        return str(value)

    def parse(self, tokens: Tokens) -> Name:
        return tokens.name()


class CharacterString(Field[bytes]):
    """Up to 255 bytes with their length before them (RFC 1035, 3.3)."""

    expected = "a string of at most 255 bytes"

    def read(self, wire: bytes, offset: int, end: int, memo: NameMemo | None) -> tuple[bytes, int]:
        start = offset + 1
        if start > end or (after := start + wire[offset]) > end:
            raise MessageFormatError(f"a string runs over the end of the data at {end}")
        return wire[start:after], after

    def write(self, buffer: bytearray, value: bytes, offsets: dict[str, int] | None) -> None:
        if len(value) > 255:
            raise RdataSyntaxError(f"expected {self.expected}, found {len(value)}")
        buffer.append(len(value))
        buffer += value

    def to_text(self, value: bytes) -> str:
        return quote(value)

    def parse(self, tokens: Tokens) -> bytes:
        value = tokens.string(self.expected)
        if len(value) > 255:
            raise RdataSyntaxError(f"expected {self.expected}, found {len(value)}")
        return value


class CharacterStrings(Field["tuple[bytes, ...]"]):
    """All the strings to the end of the data, one at least."""

    expected = "one or more strings"

    def read(self, wire: bytes, offset: int, end: int, memo: NameMemo | None) -> tuple[tuple[bytes, ...], int]:
        strings: list[bytes] = []
        after = offset
        while after < end or not strings:
            start = after + 1
            if start > end or (after := start + wire[after]) > end:
                raise MessageFormatError(f"a string runs over the end of the data at {end}")
            strings.append(wire[start:after])
        return tuple(strings), end

    def write(self, buffer: bytearray, value: tuple[bytes, ...], offsets: dict[str, int] | None) -> None:
        if not value:
            raise RdataSyntaxError(f"expected {self.expected}, found none")
        for string in value:
            STRING.write(buffer, string, offsets)

    def to_text(self, value: tuple[bytes, ...]) -> str:
        return " ".join(map(quote, value))

    def parse(self, tokens: Tokens) -> tuple[bytes, ...]:
        strings = []
        if not tokens:
            tokens.take(self.expected)
        while tokens:
            strings.append(STRING.parse(tokens))
        return tuple(strings)


class Rest(Field[bytes]):
    """All the bytes to the end of the data; `empty` tells whether there may be none. Only its text differs."""

    empty = False

    def read(self, wire: bytes, offset: int, end: int, memo: NameMemo | None) -> tuple[bytes, int]:
        if offset == end and not self.empty:
            raise MessageFormatError(f"the last field of the data is missing at {end}")
        return wire[offset:end], end

    def write(self, buffer: bytearray, value: bytes, offsets: dict[str, int] | None) -> None:
        if not (value or self.empty):
            raise RdataSyntaxError(f"expected {self.expected}, found none")
        buffer += value


class Hexadecimal(Rest):
    """Bytes shown as hexadecimal digits, which may be given in several words."""

    expected = "hexadecimal digits"

    def to_text(self, value: bytes) -> str:
        return value.hex()

    def parse(self, tokens: Tokens) -> bytes:
        text = tokens.words(self.expected)
        try:
            return unhexlify(text)
        except ValueError:
            raise RdataSyntaxError(f"expected {self.expected} in pairs, found {text}") from None


class Base64(Rest):
    """Bytes shown in base64, which may be given in several words."""

    expected = "base64 text"

    def to_text(self, value: bytes) -> str:
        return b64encode(value).decode("ascii")

    def parse(self, tokens: Tokens) -> bytes:
        return self.parse_word(tokens.words(self.expected))

    def parse_word(self, text: str) -> bytes:
        """The bytes of this text, one at least."""
        try:
            value = b64decode(text, validate=True)
        except ValueError:
            value = b""
        # Python 3.10 takes padding that is too short or stands for nothing.
        if not value or len(text) % 4:
            raise RdataSyntaxError(f"expected {self.expected}, found {text or 'nothing'}")
        return value


class QuotedRest(Rest):
    """Bytes shown as one quoted string of any length."""

    expected = "a quoted string"

    def __init__(self, *, empty: bool) -> None:
        self.empty = empty

    def to_text(self, value: bytes) -> str:
        return quote(value)

    def parse(self, tokens: Tokens) -> bytes:
        value = tokens.string(self.expected)
        if not (value or self.empty):
            raise RdataSyntaxError(f"expected {self.expected} that is not empty")
        return value


U8 = Number(1)
U16 = Number(2)
U32 = Number(4)

TTL = Duration(4)
"""Seconds, 32 bits."""

TYPE = TypeNumber()

ADDRESS4 = Address4()
ADDRESS6 = Address6()

NAME = DomainName(compressed=True)
"""A name in a type of RFC 1035, which may be compressed."""

NAME_PLAIN = DomainName(compressed=False)
"""A name in any newer type: never compressed when written."""

STRING = CharacterString()
STRINGS = CharacterStrings()
HEX = Hexadecimal()
BASE64 = Base64()

QUOTED = QuotedRest(empty=True)
"""The rest of the data as one quoted string; it may be empty."""

QUOTED_SOME = QuotedRest(empty=False)
"""The rest of the data as one quoted string that is not empty."""
