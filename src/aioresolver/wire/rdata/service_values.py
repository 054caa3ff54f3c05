"""The values of service parameters: what each key's is made of, on the wire and in text (RFC 9460). Knows no record."""

# ruff: noqa: D102 - the methods of every value have one signature, and Value says what they do
from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Mapping
from socket import AF_INET, AF_INET6, inet_ntop, inet_pton
from typing import Any, Generic, TypeVar

from aioresolver.errors import MessageFormatError, RdataSyntaxError
from aioresolver.wire.codes import Code
from aioresolver.wire.rdata.fields import BASE64, U16
from aioresolver.wire.rdata.tokens import quote, unescape

__all__ = ["MAX_MANDATORY", "NAMED_KEYS", "OPAQUE", "VALUES", "ServiceKey", "Value", "parse_key"]

MAX_MANDATORY = 64
"""How many keys may be mandatory: there are nine in all."""

V = TypeVar("V")


class ServiceKey(Code):
    """Keys of service parameters (RFC 9460, 14.3.2); one without a name is `KEY65280`."""

    MANDATORY = 0
    ALPN = 1
    NO_DEFAULT_ALPN = 2
    PORT = 3
    IPV4HINT = 4
    ECH = 5
    IPV6HINT = 6
    DOHPATH = 7
    OHTTP = 8

    @classmethod
    def _prefix(cls) -> str:
        return "KEY"

    @property
    def text(self) -> str:
        """The key as it stands in a zone file: `no-default-alpn`, `key65280`."""
        return _TEXTS.get(self) or f"key{int(self)}"


_TEXTS = {key: key.name.lower().replace("_", "-") for key in ServiceKey}


class Value(ABC, Generic[V]):
    """The codec of one key's value; `expected` describes the value."""

    expected: str

    @abstractmethod
    def read(self, data: bytes) -> V:
        """The value of these bytes; MessageFormatError."""

    @abstractmethod
    def to_wire(self, value: V) -> bytes:
        """The bytes; RdataSyntaxError when the value is of another form."""

    @abstractmethod
    def to_text(self, value: V) -> str:
        """The text behind the equals sign, quoted where it must be; empty when there is nothing to show."""

    @abstractmethod
    def parse(self, text: str) -> V:
        """The value of such text without its quotation marks; RdataSyntaxError."""

    def checked(self, value: V) -> V:
        """The value itself, when it has one at least."""
        if not value:
            raise RdataSyntaxError(f"expected {self.expected}, found none")
        return value

    def malformed(self, data: bytes) -> MessageFormatError:
        return MessageFormatError(f"expected {self.expected} in a service parameter, found {len(data)} other bytes")


class _Opaque(Value[bytes]):
    """Bytes that mean nothing to us."""

    expected = "bytes"

    def read(self, data: bytes) -> bytes:
        return data

    def to_wire(self, value: bytes) -> bytes:
        return value

    def to_text(self, value: bytes) -> str:
        return quote(value) if value else ""

    def parse(self, text: str) -> bytes:
        return unescape(text)


class _Flag(Value[bool]):
    """A key that says all by being there."""

    expected = "no value"

    def read(self, data: bytes) -> bool:
        if data:
            raise self.malformed(data)
        return True

    def to_wire(self, value: bool) -> bytes:  # noqa: FBT001 - it is the value
        return b""

    def to_text(self, value: bool) -> str:  # noqa: FBT001 - as above
        return ""

    def parse(self, text: str) -> bool:
        if text:
            raise RdataSyntaxError(f"expected {self.expected}, found {text}")
        return True


class _Keys(Value["tuple[ServiceKey, ...]"]):
    """The keys that a client must understand to use the record at all (RFC 9460, 8)."""

    expected = "different keys such as alpn,port"

    def read(self, data: bytes) -> tuple[ServiceKey, ...]:
        if len(data) > 2 * MAX_MANDATORY:
            raise self.malformed(data)
        numbers = [int.from_bytes(data[start : start + 2], "big") for start in range(0, len(data), 2)]
        if not data or len(data) % 2 or numbers != sorted(set(numbers)):
            raise self.malformed(data)
        return tuple(map(ServiceKey.of, numbers))

    def to_wire(self, value: tuple[ServiceKey, ...]) -> bytes:
        return b"".join([int(key).to_bytes(2, "big") for key in sorted(set(self.checked(value)))])

    def to_text(self, value: tuple[ServiceKey, ...]) -> str:
        return ",".join([ServiceKey(key).text for key in value])

    def parse(self, text: str) -> tuple[ServiceKey, ...]:
        keys = tuple(sorted(map(parse_key, text.split(","))))
        if len(keys) != len(set(keys)):
            raise RdataSyntaxError(f"expected {self.expected}, found {text}")
        return keys


class _Protocols(Value["tuple[str, ...]"]):
    """Names of protocols, from 1 to 255 bytes each; a byte is a character, for they are no text (RFC 7301, 3.1)."""

    expected = "names of protocols such as h2,h3"

    def read(self, data: bytes) -> tuple[str, ...]:
        if len(data) > 1 and data[0] == len(data) - 1:
            return (data[1:].decode("latin-1"),)
        protocols = []
        start = 0
        while start < len(data):
            end = start + 1 + data[start]
            if not data[start] or end > len(data):
                break
            protocols.append(data[start + 1 : end].decode("latin-1"))
            start = end
        if not data or start != len(data):
            raise self.malformed(data)
        return tuple(protocols)

    def to_wire(self, value: tuple[str, ...]) -> bytes:
        data = bytearray()
        for protocol in self.checked(value):
            try:
                encoded = protocol.encode("latin-1")
            except UnicodeEncodeError:
                raise RdataSyntaxError(f"expected {self.expected}, found {protocol}") from None
            if not 0 < len(encoded) <= 255:
                raise RdataSyntaxError(f"expected 1 to 255 bytes in the name of a protocol, found {len(encoded)}")
            data.append(len(encoded))
            data += encoded
        return bytes(data)

    def to_text(self, value: tuple[str, ...]) -> str:
        escaped = [protocol.replace("\\", "\\\\").replace(",", "\\,") for protocol in value]
        return quote(",".join(escaped).encode("latin-1"))

    def parse(self, text: str) -> tuple[str, ...]:
        # The list has escapes of its own, inside those of the string (RFC 9460, A.1).
        listed = unescape(text).decode("latin-1")
        if _match_list(listed) is None:
            raise RdataSyntaxError(f"expected {self.expected}, found {text}")
        protocols = tuple(re.sub(r"\\(.)", r"\1", item, flags=re.DOTALL) for item in _find_items(listed))
        self.to_wire(protocols)
        return protocols


_ITEM = r"(?:[^,\\]|\\[,\\])+"
_match_list = re.compile(f"{_ITEM}(?:,{_ITEM})*").fullmatch
_find_items = re.compile(_ITEM).findall


class _Port(Value[int]):
    expected = "a port"

    def read(self, data: bytes) -> int:
        if len(data) != 2:
            raise self.malformed(data)
        return int.from_bytes(data, "big")

    def to_wire(self, value: int) -> bytes:
        buffer = bytearray()
        U16.write(buffer, value, None)
        return bytes(buffer)

    def to_text(self, value: int) -> str:
        return str(value)

    def parse(self, text: str) -> int:
        return U16.parse_word(text)


class _Hints(Value["tuple[str, ...]"]):
    """Addresses to try before those of the target are known."""

    def __init__(self, family: int, size: int) -> None:
        self.family = family
        self.size = size
        self.expected = f"IPv{4 if family == AF_INET else 6} addresses"

    def read(self, data: bytes) -> tuple[str, ...]:
        if not data or len(data) % self.size:
            raise self.malformed(data)
        starts = range(0, len(data), self.size)
        return tuple([inet_ntop(self.family, data[start : start + self.size]) for start in starts])

    def to_wire(self, value: tuple[str, ...]) -> bytes:
        try:
            return b"".join([inet_pton(self.family, address) for address in self.checked(value)])
        except (OSError, ValueError):
            raise RdataSyntaxError(f"expected {self.expected}, found {','.join(value)}") from None

    def to_text(self, value: tuple[str, ...]) -> str:
        return ",".join(value)

    def parse(self, text: str) -> tuple[str, ...]:
        return self.read(self.to_wire(tuple(text.split(","))))


class _Secret(Value[bytes]):
    """The configurations for an encrypted ClientHello; what is in them is TLS's business (RFC 9848)."""

    expected = BASE64.expected

    def read(self, data: bytes) -> bytes:
        if not data:
            raise self.malformed(data)
        return data

    def to_wire(self, value: bytes) -> bytes:
        return self.checked(value)

    def to_text(self, value: bytes) -> str:
        return BASE64.to_text(value)

    def parse(self, text: str) -> bytes:
        return BASE64.parse_word(text)


class _Text(Value[str]):
    """A URI template, in UTF-8 (RFC 9461, 5)."""

    expected = "a path in UTF-8"

    def read(self, data: bytes) -> str:
        try:
            return self.checked(data.decode("utf-8"))
        except ValueError:
            raise self.malformed(data) from None

    def to_wire(self, value: str) -> bytes:
        return self.checked(value).encode("utf-8")

    def to_text(self, value: str) -> str:
        return quote(value.encode("utf-8"))

    def parse(self, text: str) -> str:
        try:
            return self.checked(unescape(text).decode("utf-8"))
        except UnicodeDecodeError:
            raise RdataSyntaxError(f"expected {self.expected}, found {text}") from None


OPAQUE = _Opaque()
VALUES: Mapping[ServiceKey, Value[Any]] = {
    ServiceKey.MANDATORY: _Keys(),
    ServiceKey.ALPN: _Protocols(),
    ServiceKey.NO_DEFAULT_ALPN: _Flag(),
    ServiceKey.PORT: _Port(),
    ServiceKey.IPV4HINT: _Hints(AF_INET, 4),
    ServiceKey.ECH: _Secret(),
    ServiceKey.IPV6HINT: _Hints(AF_INET6, 16),
    ServiceKey.DOHPATH: _Text(),
    ServiceKey.OHTTP: _Flag(),
}


def parse_key(text: str) -> ServiceKey:
    """The key of this name in a zone file, or of `keyNNNNN`; RdataSyntaxError."""
    key = NAMED_KEYS.get(text)
    if key is not None:
        return key
    match = _match_numbered_key(text)
    if match is None or int(match[1]) > 0xFFFF:
        raise RdataSyntaxError(f"expected the key of a service parameter, such as alpn or key65280, found {text}")
    return ServiceKey(int(match[1]))


_match_numbered_key = re.compile(r"key(0|[1-9][0-9]{0,4})").fullmatch
NAMED_KEYS = {key.text: key for key in ServiceKey}
