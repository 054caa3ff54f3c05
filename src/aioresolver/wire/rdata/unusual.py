"""Record types whose text is not like any other: places on earth, hardware addresses."""

from __future__ import annotations

import re
from binascii import unhexlify
from typing import NamedTuple

from aioresolver.errors import MessageFormatError, RdataSyntaxError
from aioresolver.wire.codes import RRType
from aioresolver.wire.compression import NameMemo
from aioresolver.wire.rdata.fields import Field, Number
from aioresolver.wire.rdata.registry import rdata
from aioresolver.wire.rdata.tokens import Tokens

__all__ = ["EUI48", "EUI64", "LOC"]

_EQUATOR = 1 << 31
_SEA_LEVEL = 10_000_000
_NORTH_SOUTH = ("N", "S")
_EAST_WEST = ("E", "W")


class _Bounded(Number):
    """A number of LOC that must be within bounds."""

    def __init__(self, size: int, smallest: int, largest: int) -> None:
        super().__init__(size)
        self.smallest = smallest
        self.largest = largest
        self.expected = f"a number from {smallest} to {largest}"

    def read(self, wire: bytes, offset: int, end: int, memo: NameMemo | None) -> tuple[int, int]:
        value, after = super().read(wire, offset, end, memo)
        if not self.smallest <= value <= self.largest:
            raise MessageFormatError(f"expected {self.expected} at {offset}, found {value}")
        return value, after

    def write(self, buffer: bytearray, value: int, offsets: dict[str, int] | None) -> None:
        if value < self.smallest:
            raise RdataSyntaxError(f"expected {self.expected}, found {value}")
        super().write(buffer, value, offsets)


class _Extent(Field[int]):
    """Centimetres, of which the wire keeps one decimal digit and how many zeros follow it."""

    expected = "one digit and up to nine zeros of centimetres"

    def read(self, wire: bytes, offset: int, end: int, memo: NameMemo | None) -> tuple[int, int]:
        if offset == end:
            raise MessageFormatError(f"a size runs over the end of the data at {end}")
        value = _EXTENTS.get(wire[offset])
        if value is None:
            raise MessageFormatError(f"expected {self.expected} at {offset}, found the byte {wire[offset]:02x}")
        return value, offset + 1

    def write(self, buffer: bytearray, value: int, offsets: dict[str, int] | None) -> None:
        digits = str(int(value))
        if not (digits.isdigit() and len(digits) <= 10 and not digits[1:].strip("0")):
            raise RdataSyntaxError(f"expected {self.expected}, found {value}")
        buffer.append(int(digits[0]) << 4 | len(digits) - 1)

    def to_text(self, value: int) -> str:
        return _show_metres(value)

    def parse(self, tokens: Tokens) -> int:
        # Only the first digit counts (RFC 1876, appendix A).
        digits = str(_parse_metres(tokens, 0, 9_999_999_999))
        return int(digits[0] + "0" * (len(digits) - 1))


# By their byte, a digit and how many zeros; zero has one form only, or it could not be written as it came.
_EXTENTS = {digit << 4 | zeros: digit * 10**zeros for digit in range(10) for zeros in range(10 if digit else 1)}


class _Hardware(Field[bytes]):
    """Bytes as pairs of hexadecimal digits with hyphens between them."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.expected = f"{size} pairs of hexadecimal digits such as {bytes(range(size)).hex('-')}"

    def read(self, wire: bytes, offset: int, end: int, memo: NameMemo | None) -> tuple[bytes, int]:
        after = offset + self.size
        if after > end:
            raise MessageFormatError(f"a hardware address runs over the end of the data at {end}")
        return wire[offset:after], after

    def write(self, buffer: bytearray, value: bytes, offsets: dict[str, int] | None) -> None:
        if len(value) != self.size:
            raise RdataSyntaxError(f"expected {self.size} bytes, found {len(value)}")
        buffer += value

    def to_text(self, value: bytes) -> str:
        return value.hex("-")

    def parse(self, tokens: Tokens) -> bytes:
        text = tokens.word(self.expected)
        try:
            value = unhexlify(text.replace("-", ""))
        except ValueError:
            value = b""
        if len(value) != self.size or value.hex("-") != text.lower():
            raise RdataSyntaxError(f"expected {self.expected}, found {text}")
        return value


_VERSION = _Bounded(1, 0, 0)
_LATITUDE = _Bounded(4, _EQUATOR - 90 * 3_600_000, _EQUATOR + 90 * 3_600_000)
_LONGITUDE = _Bounded(4, _EQUATOR - 180 * 3_600_000, _EQUATOR + 180 * 3_600_000)
_ALTITUDE = Number(4)
_EXTENT = _Extent()


@rdata(RRType.LOC, _VERSION, _EXTENT, _EXTENT, _EXTENT, _LATITUDE, _LONGITUDE, _ALTITUDE)
class LOC(NamedTuple):
    """Where on earth the name is (RFC 1876).

    `size` and the precisions are in centimetres, of one digit and zeros. `latitude` and `longitude` are in
    thousandths of a second of arc, 2**31 being the equator and the prime meridian; `altitude` is in centimetres
    above 100 km below the ellipsoid.
    """

    version: int
    size: int
    horizontal_precision: int
    vertical_precision: int
    latitude: int
    longitude: int
    altitude: int

    @property
    def degrees(self) -> tuple[float, float]:
        """Latitude and longitude in degrees, positive to the north and east."""
        return (self.latitude - _EQUATOR) / 3_600_000, (self.longitude - _EQUATOR) / 3_600_000

    @property
    def metres(self) -> float:
        """The altitude over the WGS 84 ellipsoid."""
        return (self.altitude - _SEA_LEVEL) / 100

    def __str__(self) -> str:
        extents = map(_EXTENT.to_text, (self.size, self.horizontal_precision, self.vertical_precision))
        north, east = _show_angle(self.latitude, _NORTH_SOUTH), _show_angle(self.longitude, _EAST_WEST)
        return " ".join((north, east, _show_metres(self.altitude - _SEA_LEVEL), *extents))

    @classmethod
    def parse(cls, tokens: Tokens) -> LOC:
        """The place that these tokens describe: degrees and height, then sizes, which may be missing from the end."""
        latitude = _parse_angle(tokens, _NORTH_SOUTH, 90)
        longitude = _parse_angle(tokens, _EAST_WEST, 180)
        altitude = _parse_metres(tokens, -_SEA_LEVEL, _ALTITUDE.largest - _SEA_LEVEL)
        size, horizontal, vertical = [
            _EXTENT.parse(tokens) if tokens else default for default in (100, 1_000_000, 1_000)
        ]
        return cls(0, size, horizontal, vertical, latitude, longitude, altitude + _SEA_LEVEL)


def _show_angle(value: int, hemispheres: tuple[str, str]) -> str:
    minutes, thousandths = divmod(abs(value - _EQUATOR), 60_000)
    degrees, minutes = divmod(minutes, 60)
    hemisphere = hemispheres[value < _EQUATOR]
    return f"{degrees} {minutes} {thousandths // 1000}.{thousandths % 1000:03d} {hemisphere}"


def _parse_angle(tokens: Tokens, hemispheres: tuple[str, str], largest: int) -> int:
    """Degrees, minutes and seconds (the latter two may be missing), and the hemisphere."""
    expected = f"up to {largest} degrees, minutes, seconds, and {' or '.join(hemispheres)}"
    words = [tokens.word(expected)]
    while words[-1].upper() not in hemispheres:
        words.append(tokens.word(expected))
    match = _match_angle(" ".join(words[:-1]))
    if match is None:
        raise RdataSyntaxError(f"expected {expected}, found {' '.join(words)}")
    degrees, minutes, seconds, fraction = match.groups(default="0")
    thousandths = int(seconds) * 1000 + int(fraction.ljust(3, "0")) + int(minutes) * 60_000 + int(degrees) * 3_600_000
    if int(minutes) > 59 or int(seconds) > 59 or thousandths > largest * 3_600_000:
        raise RdataSyntaxError(f"expected {expected}, found {' '.join(words)}")
    return _EQUATOR + (thousandths if words[-1].upper() == hemispheres[0] else -thousandths)


_match_angle = re.compile(r"([0-9]{1,3})(?: ([0-9]{1,2})(?: ([0-9]{1,2})(?:\.([0-9]{1,3}))?)?)?").fullmatch


def _show_metres(centimetres: int) -> str:
    metres, rest = divmod(abs(centimetres), 100)
    return f"{'-' if centimetres < 0 else ''}{metres}{f'.{rest:02d}' if rest else ''}m"


def _parse_metres(tokens: Tokens, smallest: int, largest: int) -> int:
    """Centimetres from metres with up to two decimals, which may be followed by an m."""
    text = tokens.word("a number of metres such as -24.50m")
    match = _match_metres(text)
    centimetres = 0
    if match is not None:
        centimetres = int(match[2]) * 100 + int((match[3] or "").ljust(2, "0"))
        centimetres = -centimetres if match[1] == "-" else centimetres
    if match is None or not smallest <= centimetres <= largest:
        raise RdataSyntaxError(
            f"expected metres from {_show_metres(smallest)} to {_show_metres(largest)}, with up to two decimals, "
            f"found {text}"
        )
    return centimetres


_match_metres = re.compile(r"([-+]?)([0-9]{1,9})(?:\.([0-9]{0,2}))?m?").fullmatch


@rdata(RRType.EUI48, _Hardware(6))
class EUI48(NamedTuple):
    """A 48-bit hardware address (RFC 7043, 3)."""

    address: bytes


@rdata(RRType.EUI64, _Hardware(8))
class EUI64(NamedTuple):
    """A 64-bit hardware address (RFC 7043, 4)."""

    address: bytes
