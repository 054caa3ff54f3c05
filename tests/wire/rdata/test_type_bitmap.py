"""Bitmaps of record types: a sequence like a tuple, which costs nothing until it is read."""

from __future__ import annotations

import copy
import pickle
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aioresolver.errors import MessageFormatError, RdataSyntaxError
from aioresolver.wire.codes import RRType
from aioresolver.wire.rdata import NSEC, TypeBitmap, parse_rdata, read_rdata
from aioresolver.wire.rdata.type_bitmap import MANY_TYPES, TYPE_BITMAP

FEW = (RRType.A, RRType.MX, RRType.RRSIG, RRType.NSEC, RRType(1234))
WIRE = bytes.fromhex("0006400100000003041b" + "00" * 26 + "20")  # RFC 4034, 4.3

types = st.sets(st.integers(0, 300) | st.integers(0, 0xFFFF)).map(lambda numbers: tuple(sorted(map(RRType, numbers))))


@settings(deadline=None, max_examples=60)
@given(types)
def test_it_is_the_tuple_of_its_types(some):
    bitmap = TypeBitmap(some)

    assert bitmap == some
    assert some == bitmap
    assert tuple(bitmap) == some
    assert all(type(member) is RRType for member in bitmap)
    assert hash(bitmap) == hash(some)
    assert len(bitmap) == len(some)
    assert bool(bitmap) == bool(some)
    assert TypeBitmap.from_wire(bitmap.wire) == bitmap
    assert bitmap == TypeBitmap(random.Random(len(some)).sample(some, len(some)) * 2)


@settings(deadline=None, max_examples=5)  # 65,536 questions each
@given(types)
def test_its_types_are_in_it_and_no_others(some):
    assert tuple(filter(TypeBitmap(some).__contains__, range(0x10000))) == some


def test_the_example_of_rfc_4034():
    assert TypeBitmap(FEW).wire == WIRE
    assert TypeBitmap.from_wire(WIRE) == FEW


def test_it_is_a_value_among_values():
    bitmap = TypeBitmap(FEW)

    assert {bitmap: 1}[FEW] == 1
    assert NSEC("a.", bitmap) == NSEC("a.", FEW)
    assert hash(NSEC("a.", bitmap)) == hash(NSEC("a.", FEW))
    assert bitmap != FEW[1:]
    assert bitmap != TypeBitmap(FEW[1:])
    assert bitmap != list(FEW)
    assert bitmap != WIRE
    assert pickle.loads(pickle.dumps(bitmap)) == copy.deepcopy(bitmap) == bitmap
    assert not hasattr(bitmap, "__dict__")


def test_it_is_read_like_a_tuple():
    bitmap = TypeBitmap(FEW)

    assert bitmap[0] is RRType.A
    assert bitmap[-1] == 1234
    assert bitmap[1:3] == (RRType.MX, RRType.RRSIG)
    assert bitmap.index(RRType.NSEC) == 3
    assert list(reversed(bitmap)) == list(reversed(FEW))
    with pytest.raises(IndexError):
        bitmap[5]


def test_it_has_what_is_in_it():
    bitmap = TypeBitmap(FEW)

    assert RRType.MX in bitmap
    assert 15 in bitmap
    assert 1234 in bitmap
    for other in (RRType.AAAA, 0, 48, 255, 1235, 0xFFFF, 0x10000, -1, "MX", None):
        assert other not in bitmap


def test_its_text_is_that_of_a_zone_file():
    assert str(TypeBitmap(FEW)) == "A MX RRSIG NSEC TYPE1234"
    assert repr(TypeBitmap(FEW)) == "<TypeBitmap A MX RRSIG NSEC TYPE1234>"
    assert repr(TypeBitmap()) == "<TypeBitmap>"
    assert TYPE_BITMAP.to_text(FEW) == TYPE_BITMAP.to_text(TypeBitmap(FEW)) == str(TypeBitmap(FEW))


@settings(deadline=None, max_examples=60)
@given(st.sets(st.integers(0, 80)), st.sets(st.integers(72, 0xFFFF), max_size=5))
def test_the_short_text_is_the_same(usual, others):
    bitmap = TypeBitmap(usual | others)

    assert bitmap.short_text() == str(bitmap) == " ".join(str(RRType(number)) for number in sorted(usual | others))


def test_types_that_nobody_means_have_no_short_text():
    others = range(3000, 3000 + MANY_TYPES)

    assert TypeBitmap([*range(72), *others]).short_text() == " ".join(str(RRType(n)) for n in [*range(72), *others])
    assert TypeBitmap([*range(72), *others, 65535]).short_text() is None
    assert TypeBitmap(range(0x10000)).short_text() is None


def test_text_leaves_no_types_behind():
    before = len(RRType._value2member_map_)

    assert str(TypeBitmap(range(40_000, 40_100))).startswith("TYPE40000 TYPE40001 ")
    assert len(RRType._value2member_map_) == before


def test_every_way_to_parse_gives_one():
    for value in (parse_rdata(RRType.NSEC, "a. MX A"), read_rdata(RRType.NSEC, b"\1a\0" + WIRE, 0, 3 + len(WIRE))):
        assert type(value.types) is TypeBitmap


@pytest.mark.parametrize("number", [-1, 65536])
def test_a_number_that_is_no_type_is_refused(number):
    with pytest.raises(RdataSyntaxError, match=f"expected the types of records, found {number}"):
        TypeBitmap([1, number])


@pytest.mark.parametrize(
    "wire",
    [
        "00",
        "0000",
        "000140" * 2,
        "010140000140",
        "000200",
        "00024000",
        "0021" + "01" * 33,
        "000340",
        "00014001",
        "0001",
    ],
)
def test_malformed_bitmaps(wire):
    with pytest.raises(MessageFormatError, match="out of order or bounds"):
        TypeBitmap.from_wire(bytes.fromhex(wire))


def test_half_a_million_types_are_bits():
    """What is read of a record is read again at no cost: no type is made of a bit that nobody looks at."""
    wire = b"\0" + b"".join(bytes((window, 32)) + b"\xff" * 32 for window in range(256))
    before = len(RRType._value2member_map_)

    value = read_rdata(RRType.NSEC, wire, 0, len(wire))

    assert len(value.types) == 65_536
    assert 54_321 in value.types
    assert value == NSEC(".", value.types)
    assert len(RRType._value2member_map_) == before
