"""What the tests of every family use: one example, gone through in all directions."""

from __future__ import annotations

from aioresolver.wire.codes import RRType
from aioresolver.wire.rdata import parse_rdata, read_rdata, write_rdata


def wire_of(data):
    buffer = bytearray()
    write_rdata(buffer, data)
    return bytes(buffer)


def check(rrtype, text, wire, shown=None):
    """The value that `text` and `wire` (bytes, or hexadecimal) both stand for; it shows as `shown`, or as `text`."""
    rrtype = RRType[rrtype]
    wire = bytes.fromhex(wire) if isinstance(wire, str) else wire

    value = parse_rdata(rrtype, text)

    assert wire_of(value) == wire
    assert read_rdata(rrtype, wire, 0, len(wire)) == value
    assert str(value) == (text if shown is None else shown)
    assert parse_rdata(rrtype, str(value)) == value
    return value
