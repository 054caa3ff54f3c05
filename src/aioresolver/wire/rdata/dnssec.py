"""The record types of DNSSEC: keys, their digests, signatures, and proofs that something is not there."""

from __future__ import annotations

import re
import time
from base64 import b32hexdecode, b32hexencode
from binascii import unhexlify
from collections.abc import Sequence
from typing import NamedTuple

from aioresolver.errors import MessageFormatError, RdataSyntaxError
from aioresolver.wire.codes import RRType
from aioresolver.wire.compression import NameMemo, read_cased_name
from aioresolver.wire.names import Name
from aioresolver.wire.rdata.fields import BASE64, HEX, NAME_PLAIN, STRING, TTL, TYPE, U8, U16, Field, Mnemonic, Number
from aioresolver.wire.rdata.registry import generic_text, rdata
from aioresolver.wire.rdata.tokens import Tokens
from aioresolver.wire.rdata.type_bitmap import TYPE_BITMAP, TypeBitmap

__all__ = ["ALGORITHM", "CDNSKEY", "CDS", "DNSKEY", "DS", "NSEC", "NSEC3", "NSEC3PARAM", "RRSIG"]


class _Time(Number):
    """Seconds since 1970 in 32 bits, shown as YYYYMMDDHHMMSS in UTC (RFC 4034, 3.2)."""

    def __init__(self) -> None:
        super().__init__(4)
        self.expected = "a time such as 20240131235959, or seconds since 1970"

    def to_text(self, value: int) -> str:
        year, month, day, hour, minute, second = time.gmtime(value)[:6]  # strftime takes twice the time
        return f"{year}{month:02}{day:02}{hour:02}{minute:02}{second:02}"

    def parse_word(self, text: str) -> int:
        from datetime import datetime, timezone  # noqa: PLC0415 - who parses no signature needs no calendar

        match = _match_date(text)
        if match is None:
            return super().parse_word(text)
        year, month, day, hour, minute, second = map(int, match.groups())
        try:
            seconds = int(datetime(year, month, day, hour, minute, second, tzinfo=timezone.utc).timestamp())
        except ValueError:
            seconds = -1
        if not 0 <= seconds <= self.largest:
            raise RdataSyntaxError(f"expected {self.expected}, found {text}")
        return seconds


_match_date = re.compile("([0-9]{4})" + "([0-9]{2})" * 5).fullmatch


class _CasedName(Field[str]):
    """A name whose letters keep their case, for it is signed so (RFC 6840, 5.1): absolute text, but not a Name."""

    expected = "a domain name"

    def read(self, wire: bytes, offset: int, end: int, memo: NameMemo | None) -> tuple[str, int]:
        return read_cased_name(wire, offset, memo, end)

    def write(self, buffer: bytearray, value: str, offsets: dict[str, int] | None) -> None:
        buffer += Name(_cased(Name.parse(value), value)).to_wire()

    def to_text(self, value: str) -> str:
        return value

    def parse(self, tokens: Tokens) -> str:
        token = tokens.peek()
        return _cased(tokens.name(), token.text if token else "")


def _cased(name: Name, text: str) -> str:
    """The name in the letters of the text it was parsed from."""
    return text + name[len(text) :] if name.startswith(text.lower()) else str(name)


class _Salt(Field[bytes]):
    """Up to 255 bytes with their length before them, in hexadecimal; a hyphen stands for none (RFC 5155, 3.3)."""

    expected = "a salt of at most 255 bytes in hexadecimal, or -"

    def read(self, wire: bytes, offset: int, end: int, memo: NameMemo | None) -> tuple[bytes, int]:
        return STRING.read(wire, offset, end, memo)

    def write(self, buffer: bytearray, value: bytes, offsets: dict[str, int] | None) -> None:
        STRING.write(buffer, value, offsets)

    def to_text(self, value: bytes) -> str:
        return value.hex() or "-"

    def parse(self, tokens: Tokens) -> bytes:
        text = tokens.word(self.expected)
        try:
            salt = b"" if text == "-" else unhexlify(text)
        except ValueError:
            raise RdataSyntaxError(f"expected {self.expected}, found {text}") from None
        if len(salt) > 255:
            raise RdataSyntaxError(f"expected {self.expected}, found {len(salt)} bytes")
        return salt


class _Hash(Field[bytes]):
    """From 1 to 255 bytes with their length before them, in unpadded base32 with the extended hex alphabet."""

    expected = "a hash in base32hex without padding"

    def read(self, wire: bytes, offset: int, end: int, memo: NameMemo | None) -> tuple[bytes, int]:
        value, after = STRING.read(wire, offset, end, memo)
        if not value:
            raise MessageFormatError(f"the hash at {offset} is empty")
        return value, after

    def write(self, buffer: bytearray, value: bytes, offsets: dict[str, int] | None) -> None:
        if not value:
            raise RdataSyntaxError(f"expected {self.expected}, found none")
        STRING.write(buffer, value, offsets)

    def to_text(self, value: bytes) -> str:
        return b32hexencode(value).decode("ascii").rstrip("=").lower()

    def parse(self, tokens: Tokens) -> bytes:
        text = tokens.word(self.expected)
        try:
            value = b32hexdecode(text.upper() + "=" * (-len(text) % 8))
        except ValueError:
            value = b""
        # Padding of its own and bits that do not count are refused by the way back.
        if not 0 < len(value) <= 255 or self.to_text(value) != text.lower():
            raise RdataSyntaxError(f"expected {self.expected}, found {text}")
        return value


ALGORITHM = Mnemonic(
    1,
    {
        "RSASHA256": 8,
        "DELETE": 0,
        "RSAMD5": 1,
        "DH": 2,
        "DSA": 3,
        "ECC": 4,
        "RSASHA1": 5,
        "DSA-NSEC3-SHA1": 6,
        "NSEC3DSA": 6,
        "DSANSEC3SHA1": 6,
        "RSASHA1-NSEC3-SHA1": 7,
        "NSEC3RSASHA1": 7,
        "RSASHA1NSEC3SHA1": 7,
        "RSASHA512": 10,
        "ECC-GOST": 12,
        "ECCGOST": 12,
        "ECDSAP256SHA256": 13,
        "ECDSAP384SHA384": 14,
        "ED25519": 15,
        "ED448": 16,
        "SM2SM3": 17,
        "MLDSA44": 18,
        "ECC-GOST12": 23,
        "INDIRECT": 252,
        "PRIVATEDNS": 253,
        "PRIVATEOID": 254,
    },
)
"""A DNSSEC algorithm: its number, which IANA's mnemonics and those of other software may stand for."""

_TIME = _Time()
_CASED_NAME = _CasedName()
_SALT = _Salt()
_HASH = _Hash()


@rdata(RRType.DS, U16, ALGORITHM, U8, HEX)
class DS(NamedTuple):
    """The digest of a key that signs the zone below, kept by the zone above (RFC 4034, 5)."""

    key_tag: int
    algorithm: int
    digest_type: int
    digest: bytes


@rdata(RRType.CDS, U16, ALGORITHM, U8, HEX)
class CDS(DS):
    """The DS record that a zone wants its parent to have; algorithm 0 asks for none (RFC 7344, RFC 8078)."""

    __slots__ = ()


@rdata(RRType.DNSKEY, U16, U8, ALGORITHM, BASE64)
class DNSKEY(NamedTuple):
    """A public key that signs the zone (RFC 4034, 2)."""

    flags: int
    protocol: int
    algorithm: int
    key: bytes

    @property
    def key_tag(self) -> int:
        """The number by which signatures and digests name the key; not unique (RFC 4034, appendix B)."""
        if self.algorithm == 1:
            return int.from_bytes(self.key[-3:-1], "big")
        data = self.flags.to_bytes(2, "big") + bytes((self.protocol, self.algorithm)) + self.key
        total = sum(data[::2]) * 256 + sum(data[1::2])
        return (total + (total >> 16 & 0xFFFF)) & 0xFFFF


@rdata(RRType.CDNSKEY, U16, U8, ALGORITHM, BASE64)
class CDNSKEY(DNSKEY):
    """The key whose DS a zone wants its parent to have; algorithm 0 asks for none (RFC 7344, RFC 8078)."""

    __slots__ = ()


@rdata(RRType.RRSIG, TYPE, ALGORITHM, U8, TTL, _TIME, _TIME, U16, NAME_PLAIN, BASE64)
class RRSIG(NamedTuple):
    """The signature over the records of one name and type (RFC 4034, 3).

    `expiration` and `inception` are seconds since 1970, modulo 2**32.
    """

    type_covered: RRType
    algorithm: int
    labels: int
    original_ttl: int
    expiration: int
    inception: int
    key_tag: int
    signer: Name
    signature: bytes


@rdata(RRType.NSEC, _CASED_NAME, TYPE_BITMAP)
class NSEC(NamedTuple):
    """The next name of the zone, and the types that exist at this one (RFC 4034, 4).

    `types` are a TypeBitmap, wherever the value was parsed; any sequence will do to make one.
    `next_name` is absolute text whose letters keep their case, as it is signed; `Name.parse` makes it comparable.
    """

    next_name: str
    types: Sequence[RRType]

    def __str__(self) -> str:
        return _with_types(self, self.next_name)


@rdata(RRType.NSEC3, U8, U8, U16, _SALT, _HASH, TYPE_BITMAP)
class NSEC3(NamedTuple):
    """The next hash of a name in the zone, and the types that exist at the name of this hash (RFC 5155, 3)."""

    hash_algorithm: int
    flags: int
    iterations: int
    salt: bytes
    next_hash: bytes
    types: Sequence[RRType]

    def __str__(self) -> str:
        numbers = f"{self.hash_algorithm} {self.flags} {self.iterations}"
        return _with_types(self, f"{numbers} {_SALT.to_text(self.salt)} {_HASH.to_text(self.next_hash)}")


def _with_types(data: NSEC | NSEC3, text: str) -> str:
    """The text of a record, of which the types are missing; that of RFC 3597, 5, when they are absurdly many."""
    types = data.types if isinstance(data.types, TypeBitmap) else TypeBitmap(data.types)
    shown = types.short_text()
    return generic_text(data) if shown is None else f"{text} {shown}".rstrip()


@rdata(RRType.NSEC3PARAM, U8, U8, U16, _SALT)
class NSEC3PARAM(NamedTuple):
    """How the names of the zone are hashed (RFC 5155, 4)."""

    hash_algorithm: int
    flags: int
    iterations: int
    salt: bytes
