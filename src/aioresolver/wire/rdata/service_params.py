"""The service parameters of SVCB and HTTPS records: their order, and what they say about each other (RFC 9460)."""

# ruff: noqa: D102 - the methods of every field have one signature, and Field says what they do
from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise
from typing import Any, NamedTuple, Union

from aioresolver.errors import MessageFormatError, RdataSyntaxError
from aioresolver.wire.compression import NameMemo
from aioresolver.wire.rdata.fields import U16, Field
from aioresolver.wire.rdata.service_values import NAMED_KEYS, OPAQUE, VALUES, ServiceKey, parse_key
from aioresolver.wire.rdata.tokens import Tokens, unescape

__all__ = ["SERVICE_PARAMS", "ServiceParam", "ServiceParams", "ServiceValue"]

ServiceValue = Union[bool, int, str, bytes, "tuple[str, ...]", "tuple[ServiceKey, ...]"]
"""What a parameter's value is: see ServiceParam."""


class ServiceParam(NamedTuple):
    """One parameter, and its value.

    mandatory: a tuple of keys; alpn: a tuple of protocol names, each byte one character; no-default-alpn and ohttp:
    True; port: a number; ipv4hint and ipv6hint: a tuple of addresses; ech: bytes; dohpath: text; any other: bytes.
    """

    key: ServiceKey
    value: ServiceValue


_new: Any = tuple.__new__
_keys = ServiceKey.by_number()
_READERS = {int(key): value.read for key, value in VALUES.items()}
_LINKED = frozenset({ServiceKey.MANDATORY, ServiceKey.NO_DEFAULT_ALPN})


class ServiceParams(Field["tuple[ServiceParam, ...]"]):
    """Parameters to the end of the data: their keys increase on the wire, and stand in any order in text.

    They contradict each other (RFC 9460, 2.4.3), and are refused, when `mandatory` lists itself or one that is
    missing, or when there is `no-default-alpn` without `alpn`.
    """

    expected = "service parameters such as alpn=h2"

    def read(self, wire: bytes, offset: int, end: int, memo: NameMemo | None) -> tuple[tuple[ServiceParam, ...], int]:
        params: list[ServiceParam] = []
        last = -1
        linked = False
        while offset < end:
            start = offset + 4
            if start > end or (offset := start + (wire[start - 2] << 8 | wire[start - 1])) > end:
                raise MessageFormatError(f"a service parameter runs over the end of the data at {end}")
            number = wire[start - 4] << 8 | wire[start - 3]
            if number <= last:
                raise MessageFormatError(f"the service parameters' keys do not increase: {number} follows {last}")
            last = number
            read = _READERS.get(number)
            value = wire[start:offset] if read is None else read(wire[start:offset])
            params.append(_new(ServiceParam, (_keys.get(number) or ServiceKey.of(number), value)))
            linked = linked or number in _LINKED
        if memo is not None:
            memo.count_params(len(params))
        if linked and (contradiction := _contradiction(params)):
            raise MessageFormatError(contradiction)
        return tuple(params), end

    def write(self, buffer: bytearray, value: tuple[ServiceParam, ...], offsets: dict[str, int] | None) -> None:
        for key, content in _sorted(value):
            data = VALUES.get(key, OPAQUE).to_wire(content)
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
    for one, other in pairwise(ordered):
        if one[0] == other[0]:
            raise RdataSyntaxError(f"expected each key once, found {ServiceKey(one[0]).text} twice")
    if contradiction := _contradiction(ordered):
        raise RdataSyntaxError(contradiction)
    return ordered


def _contradiction(params: list[ServiceParam]) -> str | None:
    """Why parameters in the order of their keys do not agree with each other; None when they do."""
    first = [key for key, _ in params[:3]]
    if ServiceKey.NO_DEFAULT_ALPN in first and ServiceKey.ALPN not in first:
        return "expected alpn beside no-default-alpn, found none"
    if ServiceKey.MANDATORY in first:
        keys = {key for key, _ in params}
        mandatory: Any = params[0][1]
        for key in mandatory:
            if key == ServiceKey.MANDATORY or key not in keys:
                return f"expected mandatory to list other keys that are there, found {ServiceKey(key).text}"
    return None


def _param_text(key: ServiceKey, value: ServiceValue) -> str:
    text = VALUES.get(key, OPAQUE).to_text(value)
    name = key.text if type(key) is ServiceKey else ServiceKey(key).text
    return f"{name}={text}" if text else name


def _parse_param(tokens: Tokens) -> ServiceParam:
    """`key`, `key=value` or `key="value"`."""
    name, equals, text = tokens.word(ServiceParams.expected).partition("=")
    if equals and not text:
        value = tokens.take(f"a value after {name}=")
        if not (value.glued and value.quoted):
            raise RdataSyntaxError(f"expected a value right after {name}=, found {value}")
        text = value.text
    key = NAMED_KEYS.get(name)
    if key is not None:
        return ServiceParam(key, VALUES[key].parse(text))
    key = parse_key(name)
    try:
        # A numbered key has its value in wire form, also when it is one that has a name.
        return ServiceParam(key, VALUES.get(key, OPAQUE).read(unescape(text)))
    except MessageFormatError as error:
        raise RdataSyntaxError(str(error)) from None


SERVICE_PARAMS = ServiceParams()
