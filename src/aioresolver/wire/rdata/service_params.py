"""The service parameters of SVCB and HTTPS records, each key with its own type of value (RFC 9460)."""

# ruff: noqa: ARG002, D102 - the methods of every field have one signature, and Field says what they do
from __future__ import annotations

import re
from abc import ABC, abstractmethod
from base64 import b64decode, b64encode
from collections.abc import Iterable, Mapping
from socket import AF_INET, AF_INET6, inet_ntop, inet_pton
from typing import Any, Generic, NamedTuple, TypeVar, Union

from aioresolver.errors import MessageFormatError, RdataSyntaxError
from aioresolver.wire.codes import Code
from aioresolver.wire.names import NameMemo
from aioresolver.wire.rdata.fields import U16, Field
from aioresolver.wire.rdata.tokens import Token, Tokens, quote, unescape

__all__ = ["SERVICE_PARAMS", "ServiceKey", "ServiceParam", "ServiceParams", "ServiceValue"]

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
        return self.name.lower().replace("_", "-")


ServiceValue = Union[bool, int, str, bytes, "tuple[str, ...]", "tuple[ServiceKey, ...]"]
"""What a parameter's value is: see ServiceParam."""


class ServiceParam(NamedTuple):
    """One parameter, and its value.

    mandatory: a tuple of keys; alpn: a tuple of protocol names, each byte one character; no-default-alpn and ohttp:
    True; port: a number; ipv4hint and ipv6hint: a tuple of addresses; ech: bytes; dohpath: text; any other: bytes.
    """

    key: ServiceKey
    value: ServiceValue


class ServiceParams(Field["tuple[ServiceParam, ...]"]):
    """Parameters to the end of the data: their keys increase on the wire, and stand in any order in text.

    They contradict each other (RFC 9460, 2.4.3), and are refused, when `mandatory` lists itself or one that is
    missing, or when there is `no-default-alpn` without `alpn`.
    """

    expected = "service parameters such as alpn=h2"

    def read(self, wire: bytes, offset: int, end: int, memo: NameMemo | None) -> tuple[tuple[ServiceParam, ...], int]:
        params = []
        last = -1
        while offset < end:
            if offset + 4 > end:
                raise MessageFormatError(f"a service parameter runs over the end of the data at {end}")
            number = int.from_bytes(wire[offset : offset + 2], "big")
            start = offset + 4
            offset = start + int.from_bytes(wire[offset + 2 : start], "big")
            if offset > end:
                raise MessageFormatError(f"a service parameter runs over the end of the data at {end}")
            if number <= last:
                raise MessageFormatError(f"the service parameters' keys do not increase: {number} follows {last}")
            last = number
            key = ServiceKey(number)
            params.append(ServiceParam(key, _VALUES.get(key, _OPAQUE).read(wire[start:offset])))
        if contradiction := _contradiction(params):
            raise MessageFormatError(contradiction)
        return tuple(params), end

    def write(
        self, buffer: bytearray, value: tuple[ServiceParam, ...], offsets: dict[str, int] | None
    ) -> None:
        for key, content in _sorted(value):
            data = _VALUES.get(key, _OPAQUE).to_wire(content)
            U16.write(buffer, key, offsets)
            U16.write(buffer, len(data), offsets)
            buffer += data

    def to_text(self, value: tuple[ServiceParam, ...]) -> str:
        return " ".join([_param_text(key, content) for key, content in value])

    def parse(self, tokens: Tokens) -> tuple[ServiceParam, ...]:
        params = []
        while tokens:
            params.append(_parse_param(tokens))
        return tuple(_sorted(params))


def _sorted(params: Iterable[ServiceParam]) -> list[ServiceParam]:
    """The parameters in the order of their keys, once they are found to agree."""
    ordered = sorted(params, key=lambda param: param[0])
    for one, other in zip(ordered, ordered[1:], strict=False):
        if one[0] == other[0]:
            raise RdataSyntaxError(f"expected each key once, found {ServiceKey(one[0]).text} twice")
    if contradiction := _contradiction(ordered):
        raise RdataSyntaxError(contradiction)
    return ordered


def _contradiction(params: list[ServiceParam]) -> str | None:
    """Why parameters in the order of their keys do not agree with each other; None when they do."""
    if not params or params[0][0] > ServiceKey.NO_DEFAULT_ALPN:
        return None
    keys = {key for key, _ in params}
    if ServiceKey.NO_DEFAULT_ALPN in keys and ServiceKey.ALPN not in keys:
        return "expected alpn beside no-default-alpn, found none"
    if params[0][0] == ServiceKey.MANDATORY:
        for key in _KEYS.checked(params[0][1]):
            if key == ServiceKey.MANDATORY or key not in keys:
                return f"expected mandatory to list other keys that are there, found {ServiceKey(key).text}"
    return None


def _param_text(key: ServiceKey, value: ServiceValue) -> str:
    text = _VALUES.get(key, _OPAQUE).to_text(value)
    name = ServiceKey(key).text
    return f"{name}={text}" if text else name


def _parse_param(tokens: Tokens) -> ServiceParam:
    """`key`, `key=value` or `key="value"`."""
    name, equals, text = tokens.word(ServiceParams.expected).partition("=")
    following = tokens.peek()
    if equals and not text and following == Token(following.text, quoted=True, glued=True) if following else False:
        text = tokens.take(ServiceParams.expected).text
    key = _NAMED_KEYS.get(name)
    if key is not None:
        return ServiceParam(key, _VALUES[key].parse(text))
    key = _parse_key(name)
    try:
        # A numbered key has its value in wire form, also when it is one that has a name.
        return ServiceParam(key, _VALUES.get(key, _OPAQUE).read(unescape(text)))
    except MessageFormatError as error:
        raise RdataSyntaxError(str(error)) from None


def _parse_key(text: str) -> ServiceKey:
    key = _NAMED_KEYS.get(text)
    if key is not None:
        return key
    match = _match_numbered_key(text)
    if match is None or int(match[1]) > 0xFFFF:
        raise RdataSyntaxError(f"expected the key of a service parameter, such as alpn or key65280, found {text}")
    return ServiceKey(int(match[1]))


_match_numbered_key = re.compile(r"key(0|[1-9][0-9]{0,4})").fullmatch
_NAMED_KEYS = {key.text: key for key in ServiceKey}


class _Value(ABC, Generic[V]):
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
        return MessageFormatError(f"expected {self.expected} in a service parameter, found the bytes {data.hex()}")


class _Opaque(_Value[bytes]):
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


class _Flag(_Value[bool]):
    """A key that says all by being there."""

    expected = "no value"

    def read(self, data: bytes) -> bool:
        if data:
            raise self.malformed(data)
        return True

    def to_wire(self, value: bool) -> bytes:  # noqa: FBT001 - it is the value
        return b""

    def to_text(self, value: bool) -> str:  # noqa: FBT001
        return ""

    def parse(self, text: str) -> bool:
        if text:
            raise RdataSyntaxError(f"expected {self.expected}, found {text}")
        return True


class _Keys(_Value["tuple[ServiceKey, ...]"]):
    """The keys that a client must understand to use the record at all (RFC 9460, 8)."""

    expected = "different keys such as alpn,port"

    def read(self, data: bytes) -> tuple[ServiceKey, ...]:
        numbers = [int.from_bytes(data[start : start + 2], "big") for start in range(0, len(data), 2)]
        if not data or len(data) % 2 or numbers != sorted(set(numbers)):
            raise self.malformed(data)
        return tuple(map(ServiceKey, numbers))

    def to_wire(self, value: tuple[ServiceKey, ...]) -> bytes:
        return b"".join([int(key).to_bytes(2, "big") for key in sorted(set(self.checked(value)))])

    def to_text(self, value: tuple[ServiceKey, ...]) -> str:
        return ",".join([ServiceKey(key).text for key in value])

    def parse(self, text: str) -> tuple[ServiceKey, ...]:
        keys = tuple(sorted(map(_parse_key, text.split(","))))
        if len(keys) != len(set(keys)):
            raise RdataSyntaxError(f"expected {self.expected}, found {text}")
        return keys


class _Protocols(_Value["tuple[str, ...]"]):
    """Names of protocols, from 1 to 255 bytes each; a byte is a character, for they are no text (RFC 7301, 3.1)."""

    expected = "names of protocols such as h2,h3"

    def read(self, data: bytes) -> tuple[str, ...]:
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


class _Port(_Value[int]):
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


class _Hints(_Value["tuple[str, ...]"]):
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


class _Secret(_Value[bytes]):
    """The configurations for an encrypted ClientHello; what is in them is TLS's business (RFC 9848)."""

    expected = "base64 text"

    def read(self, data: bytes) -> bytes:
        if not data:
            raise self.malformed(data)
        return data

    def to_wire(self, value: bytes) -> bytes:
        return self.checked(value)

    def to_text(self, value: bytes) -> str:
        return b64encode(value).decode("ascii")

    def parse(self, text: str) -> bytes:
        try:
            return self.checked(b64decode(text, validate=True))
        except ValueError:
            raise RdataSyntaxError(f"expected {self.expected}, found {text}") from None


class _Text(_Value[str]):
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


_OPAQUE = _Opaque()
_KEYS = _Keys()
_VALUES: Mapping[ServiceKey, _Value[Any]] = {
    ServiceKey.MANDATORY: _KEYS,
    ServiceKey.ALPN: _Protocols(),
    ServiceKey.NO_DEFAULT_ALPN: _Flag(),
    ServiceKey.PORT: _Port(),
    ServiceKey.IPV4HINT: _Hints(AF_INET, 4),
    ServiceKey.ECH: _Secret(),
    ServiceKey.IPV6HINT: _Hints(AF_INET6, 16),
    ServiceKey.DOHPATH: _Text(),
    ServiceKey.OHTTP: _Flag(),
}

SERVICE_PARAMS = ServiceParams()
