"""EDNS: what the OPT record says about sender and message (RFC 6891). Unknown options are kept as they came."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import NamedTuple

from aioresolver.errors import MessageFormatError
from aioresolver.wire.codes import EdnsOption, ExtendedError, RRType
from aioresolver.wire.compression import read_name
from aioresolver.wire.names import Name

__all__ = ["MAX_OPTIONS", "ClientSubnet", "Cookie", "Edns", "explain_errors", "read_options"]

MAX_OPTIONS = 256
"""How many options an OPT record may have: many times what all those that are defined come to."""

_DNSSEC_OK = 0x8000
# Of what a server gives as reasons, so many, and of the text of each, so many characters.
_MOST_ERRORS = 8
_LONGEST_TEXT = 200
_HOP_OPTIONS = frozenset({EdnsOption.COOKIE, EdnsOption.TCP_KEEPALIVE, EdnsOption.PADDING})
_pair = struct.Struct(">HH")
_opt = struct.Struct(">xHHBBHH")
# The unit of edns-tcp-keepalive.
_TENTHS = 10


class Cookie(NamedTuple):
    """A DNS cookie: 8 bytes of the client, and 8 to 32 of the server once it has sent them (RFC 7873, 4)."""

    client: bytes
    server: bytes = b""


class ClientSubnet(NamedTuple):
    """The network that the client is in; `scope` is the prefix length the answer is good for (RFC 7871, 6)."""

    network: IPv4Network | IPv6Network
    scope: int = 0

    def echoes(self, asked: ClientSubnet) -> bool:
        """Whether a reply with this one is meant for who asked with that one; else it may be forged (RFC 7871, 7.3)."""
        return self.network == asked.network


class Edns(NamedTuple):
    """The OPT record of a message, without the upper bits of the rcode, which are the message's.

    `payload` is the largest UDP message the sender takes, in bytes; `flags` are the 16 bits with DO on top;
    `options` are (code, data) pairs in the order of the wire, those that we do not know too. Of an option that is there
    twice the first counts, as it does for cookies (RFC 7873, 4). A property that reads an option gives None when there
    is none, and raises MessageFormatError when its data is malformed: that does not make the message so.
    """

    payload: int = 1232
    version: int = 0
    flags: int = 0
    options: tuple[tuple[int, bytes], ...] = ()

    @property
    def dnssec_ok(self) -> bool:
        """Whether DNSSEC records are wanted: the DO bit (RFC 3225)."""
        return bool(self.flags & _DNSSEC_OK)

    @property
    def cookie(self) -> Cookie | None:
        """The DNS cookie."""
        data = self.option(EdnsOption.COOKIE)
        if data is None:
            return None
        if len(data) != 8 and not 16 <= len(data) <= 40:
            raise MessageFormatError(f"a cookie has 8 or 16 to 40 bytes, not {len(data)}")
        return Cookie(data[:8], data[8:])

    @property
    def client_subnet(self) -> ClientSubnet | None:
        """The client's network."""
        data = self.option(EdnsOption.CLIENT_SUBNET)
        return None if data is None else _parse_subnet(data)

    @property
    def nsid(self) -> bytes | None:
        """The identifier of the very server that answered (RFC 5001); empty in a query that asks for it."""
        return self.option(EdnsOption.NSID)

    @property
    def extended_errors(self) -> tuple[tuple[ExtendedError, str], ...]:
        """Why the server could not do better, code and text for each reason (RFC 8914).

        The text is what the server wrote, made fit for a terminal and a log: what cannot be printed is `?`, and what is
        too long or too much is cut off. An option too short to hold a code is passed over: what explains an error must
        not be one.
        """
        found = [data for code, data in self.options if code == EdnsOption.EXTENDED_ERROR and len(data) >= 2]
        return tuple((ExtendedError(data[0] << 8 | data[1]), _printable(data[2:])) for data in found[:_MOST_ERRORS])

    @property
    def keepalive(self) -> float | None:
        """For how many seconds the server keeps an idle connection open (RFC 7828); 0 asks to close it.

        None, too, when the option is empty, as it is in a query.
        """
        data = self._bytes_or_none(EdnsOption.TCP_KEEPALIVE, 2)
        return int.from_bytes(data, "big") / _TENTHS if data else None

    @property
    def expire(self) -> int | None:
        """In how many seconds the zone expires (RFC 7314); None, too, when the option is empty, as it is in a query."""
        data = self._bytes_or_none(EdnsOption.EXPIRE, 4)
        return int.from_bytes(data, "big") if data else None

    @property
    def key_tags(self) -> tuple[int, ...] | None:
        """The keys that a validator trusts for the root, by their tags (RFC 8145, 4)."""
        data = self.option(EdnsOption.KEY_TAG)
        if data is None:
            return None
        if not data or len(data) % 2:
            raise MessageFormatError(f"the tags of keys have two bytes each, not {len(data)} together")
        return struct.unpack(f">{len(data) // 2}H", data)

    @property
    def chain(self) -> Name | None:
        """The nearest name above the question from which on signatures are known (RFC 7901)."""
        return self._name_or_none(EdnsOption.CHAIN)

    @property
    def report_channel(self) -> Name | None:
        """Below which name the zone wants to be asked about its errors (RFC 9567)."""
        return self._name_or_none(EdnsOption.REPORT_CHANNEL)

    def option(self, code: int) -> bytes | None:
        """The data of the first option with this code."""
        return next((data for number, data in self.options if number == code), None)

    def with_option(self, code: int, data: bytes) -> Edns:
        """The same with this option, in the place of any that has its code."""
        others = tuple(option for option in self.options if option[0] != code)
        return self._replace(options=(*others, (int(code), bytes(data))))

    def with_dnssec_ok(self) -> Edns:
        """The same with the DO bit set."""
        return self._replace(flags=self.flags | _DNSSEC_OK)

    def with_cookie(self, cookie: Cookie) -> Edns:
        """The same with this cookie. Raises ValueError when its lengths are wrong."""
        if len(cookie.client) != 8 or (cookie.server and not 8 <= len(cookie.server) <= 32):
            raise ValueError("a cookie has 8 bytes of the client and 0 or 8 to 32 of the server")
        return self.with_option(EdnsOption.COOKIE, cookie.client + cookie.server)

    def with_client_subnet(self, subnet: ClientSubnet) -> Edns:
        """The same with this network of the client; a query has scope 0. Raises ValueError for an impossible scope."""
        network = subnet.network
        if not 0 <= subnet.scope <= network.max_prefixlen:
            raise ValueError(f"the scope of {network} is a prefix length, not {subnet.scope}")
        family = 1 if network.version == 4 else 2
        address = network.network_address.packed[: (network.prefixlen + 7) // 8]
        data = struct.pack(">HBB", family, network.prefixlen, subnet.scope) + address
        return self.with_option(EdnsOption.CLIENT_SUBNET, data)

    def with_extended_error(self, code: ExtendedError, text: str = "") -> Edns:
        """The same with one more reason why the server could not do better."""
        data = code.to_bytes(2, "big") + text.encode()
        return self._replace(options=(*self.options, (int(EdnsOption.EXTENDED_ERROR), data)))

    def with_keepalive(self, seconds: float | None = None) -> Edns:
        """The same with how long the connection is kept, up to 6553.5 seconds; None asks the server for that."""
        if seconds is None:
            return self.with_option(EdnsOption.TCP_KEEPALIVE, b"")
        return self.with_option(EdnsOption.TCP_KEEPALIVE, min(round(seconds * _TENTHS), 0xFFFF).to_bytes(2, "big"))

    def with_expire(self, seconds: int | None = None) -> Edns:
        """The same with the seconds until the zone expires; None asks for them."""
        return self.with_option(EdnsOption.EXPIRE, b"" if seconds is None else seconds.to_bytes(4, "big"))

    def with_key_tags(self, tags: Iterable[int]) -> Edns:
        """The same with the tags of the keys that are trusted. Raises ValueError for what is no tag, or none."""
        ordered = sorted(tags)
        if not ordered or ordered[0] < 0 or ordered[-1] > 0xFFFF:
            raise ValueError("the tags of keys are one or more numbers of 16 bits")
        return self.with_option(EdnsOption.KEY_TAG, struct.pack(f">{len(ordered)}H", *ordered))

    def with_chain(self, name: Name) -> Edns:
        """The same with the nearest name from which on signatures are known."""
        return self.with_option(EdnsOption.CHAIN, name.to_wire())

    def with_report_channel(self, name: Name) -> Edns:
        """The same with the name below which errors are reported."""
        return self.with_option(EdnsOption.REPORT_CHANNEL, name.to_wire())

    def padded(self, size: int, block: int = 128) -> Edns:
        """The same with padding, so that a message of `size` bytes, padding not counted, ends at a whole block.

        RFC 8467 recommends blocks of 128 bytes for queries and of 468 for replies.
        """
        return self.with_option(EdnsOption.PADDING, bytes(-(size + _pair.size) % block))

    def without_hop_options(self) -> Edns:
        """The same without cookie, keepalive and padding, which say nothing about the answer."""
        return self._replace(options=tuple(option for option in self.options if option[0] not in _HOP_OPTIONS))

    def unpadded(self) -> Edns:
        """The same without padding."""
        return self._replace(options=tuple(option for option in self.options if option[0] != EdnsOption.PADDING))

    def to_wire(self, rcode: int = 0) -> bytes:
        """The whole OPT record, with the upper 8 bits of this rcode. Raises ValueError when something is too large."""
        try:
            data = b"".join([_pair.pack(code, len(data)) + data for code, data in self.options])
            return _opt.pack(RRType.OPT, self.payload, rcode >> 4, self.version, self.flags, len(data)) + data
        except struct.error as error:
            raise ValueError(f"{self!r} cannot be written: {error}") from error

    def _bytes_or_none(self, code: EdnsOption, size: int) -> bytes | None:
        """The data of an option that has so many bytes, or none."""
        data = self.option(code)
        if data and len(data) != size:
            raise MessageFormatError(f"the option {code} has no or {size} bytes, not {len(data)}")
        return data

    def _name_or_none(self, code: EdnsOption) -> Name | None:
        """The name that is the data of an option; it is never compressed."""
        data = self.option(code)
        if data is None:
            return None
        name, after = read_name(data, 0)
        if after != len(data):
            raise MessageFormatError(f"the option {code} has {len(data) - after} bytes behind its name")
        return name


def read_options(wire: bytes, offset: int, end: int) -> tuple[tuple[int, bytes], ...]:
    """The (code, data) pairs of an OPT record's data between `offset` and `end`. Raises MessageFormatError."""
    options: list[tuple[int, bytes]] = []
    while offset + _pair.size <= end:
        code, length = _pair.unpack_from(wire, offset)
        offset += _pair.size
        options.append((code, wire[offset : offset + length]))
        offset += length
    if offset != end:
        raise MessageFormatError(f"the options of the OPT record do not end at {end}")
    if len(options) > MAX_OPTIONS:
        raise MessageFormatError(f"the OPT record has more than {MAX_OPTIONS} options")
    return tuple(options)


def explain_errors(errors: Iterable[tuple[int, str]]) -> str:
    """Extended errors in words: `BLOCKED: by the operator; FILTERED`."""
    return "; ".join(f"{ExtendedError(code).name}{': ' if text else ''}{text}" for code, text in errors)


def _printable(data: bytes) -> str:
    """What a server wrote."""
    text = data[: 4 * _LONGEST_TEXT].decode("utf-8", "replace").rstrip("\0")
    shown = "".join(character if character.isprintable() else "?" for character in text[:_LONGEST_TEXT])
    return shown if len(text) <= _LONGEST_TEXT else f"{shown}…"


def _parse_subnet(data: bytes) -> ClientSubnet:
    if len(data) < 4 or (width := {1: 4, 2: 16}.get(data[0] << 8 | data[1])) is None:
        raise MessageFormatError("a client subnet starts with family 1 or 2 and two prefix lengths")
    prefix, scope, address = data[2], data[3], data[4:]
    if prefix > 8 * width or scope > 8 * width or len(address) != (prefix + 7) // 8:
        raise MessageFormatError(f"a client subnet of /{prefix} scope /{scope} has {len(address)} bytes of address")
    try:
        return ClientSubnet(ip_network((address.ljust(width, b"\0"), prefix)), scope)
    except ValueError as error:
        raise MessageFormatError(f"malformed client subnet: {error}") from None
