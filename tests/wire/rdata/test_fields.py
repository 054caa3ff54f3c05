"""Fields on their own: bounds, names for numbers, and where they end."""

from __future__ import annotations

import pytest

from aioresolver.errors import MessageFormatError, NameSyntaxError, RdataSyntaxError
from aioresolver.wire.codes import RRType
from aioresolver.wire.compression import NameMemo
from aioresolver.wire.names import Name
from aioresolver.wire.rdata import fields
from aioresolver.wire.rdata.fields import Mnemonic
from aioresolver.wire.rdata.tokens import tokenize

FIELDS = sorted(name for name in fields.__all__ if isinstance(getattr(fields, name), fields.Field))


def written(field, value):
    buffer = bytearray()
    field.write(buffer, value, None)
    return bytes(buffer)


def parsed(field, text):
    return field.parse(tokenize(text))


@pytest.mark.parametrize("name", FIELDS)
def test_every_field_says_what_it_expects(name):
    field = getattr(fields, name)

    with pytest.raises(RdataSyntaxError, match=f"expected {field.expected}, found nothing more"):
        field.parse(tokenize(""))


@pytest.mark.parametrize("name", FIELDS)
def test_no_field_reads_past_its_end(name):
    field = getattr(fields, name)
    wire = b"\1\1" * 40

    for end in range(20):
        try:
            _, after = field.read(wire, 2, 2 + end, NameMemo())
        except MessageFormatError:
            continue
        assert after <= 2 + end


@pytest.mark.parametrize(
    ("field", "largest"), [(fields.U8, 255), (fields.U16, 65535), (fields.U32, 2**32 - 1), (fields.TTL, 2**32 - 1)]
)
class TestNumbers:
    def test_bounds(self, field, largest):
        size = largest.bit_length() // 8

        assert written(field, largest) == b"\xff" * size
        assert field.read(b"?" + b"\xff" * size + b"?", 1, 9, None) == (largest, 1 + size)
        assert parsed(field, str(largest)) == largest
        assert parsed(field, "000000000000000001") == 1

    def test_beyond_the_bounds(self, field, largest):
        for value in (-1, largest + 1):
            with pytest.raises(RdataSyntaxError, match=f"expected .*, found {value}"):
                written(field, value)
            with pytest.raises(RdataSyntaxError, match="expected "):
                parsed(field, str(value))

    @pytest.mark.parametrize("text", ["x", "1.0", "0x1", "1_0", "+1", "१", "9" * 5000, '"1"', "1e1"])
    def test_text_that_is_no_number(self, field, largest, text):
        with pytest.raises(RdataSyntaxError, match="expected "):
            parsed(field, text)


def test_only_times_have_units():
    assert parsed(fields.TTL, "1h") == 3600
    assert fields.TTL.to_text(3600) == "3600"
    with pytest.raises(RdataSyntaxError, match="found 1h"):
        parsed(fields.U32, "1h")


def test_mnemonics_are_understood_and_shown_where_wanted():
    names = {"ONE": 1, "UNO": 1, "TWO": 2}
    shown, hidden = Mnemonic(1, names, shown=True), Mnemonic(1, names)

    assert [parsed(field, text) for field in (shown, hidden) for text in ("one", "Two", "3")] == [1, 2, 3] * 2
    assert [shown.to_text(number) for number in (2, 3)] == ["TWO", "3"]
    assert hidden.to_text(2) == "2"
    with pytest.raises(RdataSyntaxError, match="expected a number from 0 to 255, or a name such as ONE, found four"):
        parsed(hidden, "four")


def test_types_are_members():
    value, after = fields.TYPE.read(b"\0\x0f", 0, 2, None)

    assert (value, after) == (RRType.MX, 2)
    assert isinstance(value, RRType)
    assert parsed(fields.TYPE, "type65280") == 65280
    assert fields.TYPE.to_text(RRType(65280)) == "TYPE65280"
    assert fields.TYPE.to_text(15) == "MX"


def test_one_field_compresses_names_and_the_other_does_not():
    name, offsets = Name("www.example."), {"example.": 12}
    compressed, plain = bytearray(40), bytearray(40)

    fields.NAME.write(compressed, name, offsets)
    fields.NAME_PLAIN.write(plain, name, offsets)

    assert compressed[40:] == b"\3www\xc0\x0c"
    assert plain[40:] == b"\3www\7example\0"


def test_a_string_that_is_no_name_is_not_written():
    with pytest.raises(NameSyntaxError):
        written(fields.NAME, "a..b")


def test_what_is_kept_of_a_long_string():
    assert fields.STRING.read(b"\3abcd", 0, 5, None) == (b"abc", 4)
    assert fields.STRINGS.read(b"\3abc\0\1d", 0, 7, None) == ((b"abc", b"", b"d"), 7)
    with pytest.raises(RdataSyntaxError, match="expected a string of at most 255 bytes, found 256"):
        written(fields.STRING, bytes(256))


@pytest.mark.parametrize("field", [fields.HEX, fields.BASE64, fields.QUOTED_SOME])
def test_the_rest_is_not_empty(field):
    with pytest.raises(MessageFormatError, match="the last field of the data is missing at 3"):
        field.read(b"abc", 3, 3, None)
    with pytest.raises(RdataSyntaxError, match=r"expected .*, found none"):
        written(field, b"")


def test_some_rest_may_be_empty():
    assert fields.QUOTED.read(b"abc", 3, 3, None) == (b"", 3)
    assert written(fields.QUOTED, b"") == b""
