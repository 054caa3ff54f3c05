"""Properties that hold for every declared type, and how a type is declared."""

from __future__ import annotations

import pickle
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.wire.rdata.strategies import TYPES, rdata_values, values_of

from aioresolver.errors import MessageFormatError, RdataSyntaxError
from aioresolver.wire.codes import RRType
from aioresolver.wire.compression import NameMemo
from aioresolver.wire.names import Name
from aioresolver.wire.rdata import (
    MX,
    NS,
    TXT,
    A,
    GenericRdata,
    parse_rdata,
    rdata,
    read_rdata,
    shapes,
    type_of,
    write_rdata,
)
from aioresolver.wire.rdata.fields import NAME, NAME_PLAIN, U8, U16

# Each property is held for some thirty types: few examples of each are many together.
FEW = settings(max_examples=settings.default.max_examples // 5, deadline=None)


def wire_of(data):
    buffer = bytearray()
    write_rdata(buffer, data)
    return bytes(buffer)


@pytest.mark.parametrize("rrtype", TYPES, ids=str)
class TestEveryType:
    @FEW
    @given(st.data())
    def test_what_is_written_is_read_back(self, rrtype, data):
        value = data.draw(values_of(rrtype))
        before, after = data.draw(st.binary(max_size=20)), data.draw(st.binary(max_size=20))
        wire = wire_of(value)
        end = len(before) + len(wire)

        found = read_rdata(rrtype, before + wire + after, len(before), end)

        assert found == value
        assert type(found) is type(value)
        assert type_of(found) == rrtype
        assert wire_of(found) == wire

    @FEW
    @given(st.data())
    def test_what_is_shown_is_parsed_back(self, rrtype, data):
        value = data.draw(values_of(rrtype))

        text = str(value)

        assert text.isprintable()
        assert text.isascii()
        assert parse_rdata(rrtype, text) == value
        assert parse_rdata(rrtype, f"(\n {text} ; a comment\n )") == value

    @FEW
    @given(st.data())
    def test_the_generic_form_is_understood(self, rrtype, data):
        value = data.draw(values_of(rrtype))
        wire = wire_of(value)

        assert parse_rdata(rrtype, rf"\# {len(wire)} {wire[:3].hex()} {wire[3:].hex()}") == value

    @FEW
    @given(st.binary(max_size=80))
    def test_any_bytes_are_one_value_or_malformed(self, rrtype, wire):
        try:
            value = read_rdata(rrtype, wire, 0, len(wire))
        except MessageFormatError:
            return
        assert read_rdata(rrtype, wire_of(value), 0, len(wire_of(value))) == value
        assert parse_rdata(rrtype, str(value)) == value

    @FEW
    @given(st.data())
    def test_damaged_data_is_one_value_or_malformed(self, rrtype, data):
        wire = bytearray(wire_of(data.draw(values_of(rrtype))))
        place = data.draw(st.integers(0, len(wire) - 1))
        wire[place] = data.draw(st.integers(0, 255))
        try:
            value = read_rdata(rrtype, bytes(wire), 0, len(wire))
        except MessageFormatError:
            return
        assert parse_rdata(rrtype, str(value)) == value

    @FEW
    @given(st.data())
    def test_data_that_is_cut_short_never_reads_past_its_end(self, rrtype, data):
        wire = wire_of(data.draw(values_of(rrtype)))
        end = data.draw(st.integers(0, len(wire) - 1))
        try:
            value = read_rdata(rrtype, wire, 0, end)
        except MessageFormatError:
            return
        assert read_rdata(rrtype, wire[:end], 0, end) == value

    @FEW
    @given(st.text(max_size=60))
    def test_any_text_is_one_value_or_a_syntax_error(self, rrtype, text):
        try:
            value = parse_rdata(rrtype, text)
        except RdataSyntaxError:
            return
        assert parse_rdata(rrtype, str(value)) == value

    @FEW
    @given(st.data())
    def test_text_with_one_word_more_or_less_is_one_value_or_a_syntax_error(self, rrtype, data):
        words = str(data.draw(values_of(rrtype))).split(" ")
        place = data.draw(st.integers(0, len(words)))
        words[place : place + data.draw(st.integers(0, 1))] = data.draw(
            st.lists(st.sampled_from(["0", "-1", "65536", "x", '""', "@", "a.b", "é", "\\", "\\256", "="]), max_size=1)
        )
        try:
            value = parse_rdata(rrtype, " ".join(words))
        except RdataSyntaxError as error:
            sentence = str(error)
        else:
            sentence = f"{rrtype} data: it is well-formed"
            assert parse_rdata(rrtype, str(value)) == value
        assert sentence.startswith(f"{rrtype} data: ")

    @FEW
    @given(st.data())
    def test_values_survive_pickling(self, rrtype, data):
        value = data.draw(values_of(rrtype))

        assert pickle.loads(pickle.dumps(value)) == value

    def test_no_data_is_malformed(self, rrtype):
        with pytest.raises(MessageFormatError, match=f"malformed {rrtype} data"):
            read_rdata(rrtype, b"", 0, 0)

    def test_no_text_is_a_syntax_error(self, rrtype):
        with pytest.raises(RdataSyntaxError, match=r"expected .*, found nothing more"):
            parse_rdata(rrtype, "")

    def test_the_class_says_in_one_sentence_what_it_is_and_where_it_is_defined(self, rrtype):
        cls = next(shape.cls for shape in shapes() if shape.type == rrtype)

        sentence = cls.__doc__.splitlines()[0]

        assert cls.__name__ == str(rrtype)
        assert sentence.endswith(").")
        assert "(RFC " in sentence


@FEW
@given(rdata_values())
def test_compressed_names_are_read_back(value):
    buffer = bytearray(b"\0" * 12)
    offsets = {}
    places = []
    for _ in range(2):
        start = len(buffer)
        write_rdata(buffer, value, offsets)
        places.append((start, len(buffer)))
    wire, memo = bytes(buffer), NameMemo()

    assert [read_rdata(type_of(value), wire, *place, memo) for place in places] == [value, value]


@pytest.mark.parametrize("rrtype", TYPES, ids=str)
def test_only_the_types_of_rfc_1035_compress_names(rrtype):
    compressing = {rrtype for rrtype in TYPES for shape in shapes() if shape.type == rrtype and NAME in shape.fields}

    assert compressing == {RRType.NS, RRType.CNAME, RRType.PTR, RRType.MX, RRType.SOA}


@pytest.mark.parametrize(
    ("rrtype", "before", "after"),
    [
        (RRType.SRV, "000000000035", ""),
        (RRType.DNAME, "", ""),
        (RRType.RP, "", "00"),
        (RRType.NSEC, "", "000140"),
        (RRType.SVCB, "0001", ""),
        (RRType.RRSIG, "0001050200000000000000000000000000aa", "ff"),
    ],
    ids=str,
)
def test_pointers_are_followed_in_types_that_must_not_have_them(rrtype, before, after):
    message = b"\0" * 12 + b"\7Example\3org\0"
    data = bytes.fromhex(before) + b"\3www\xc0\x0c" + bytes.fromhex(after)

    value = read_rdata(rrtype, message + data, len(message), len(message) + len(data), NameMemo())

    assert "www.example.org." in value


@pytest.mark.parametrize("data", [b"\0\x0a\xc0\x1b", b"\0\x0a\xc0\x1c\0", b"\0\x0a\xff\xff"])
def test_pointers_that_do_not_go_backwards_are_malformed(data):
    message = b"\0" * 12 + b"\7example\3org\0"

    with pytest.raises(MessageFormatError, match="malformed MX data: no valid name"):
        read_rdata(RRType.MX, message + data, len(message), len(message) + len(data), NameMemo())


def test_a_name_must_not_run_over_the_end_of_its_data():
    with pytest.raises(MessageFormatError, match="malformed NS data"):
        read_rdata(RRType.NS, b"\3www\7example\0", 0, 6)


def test_bytes_left_over_are_malformed():
    with pytest.raises(MessageFormatError, match="malformed A data: it ends at 4, not at 5"):
        read_rdata(RRType.A, b"\xc0\0\2\1\0", 0, 5)
    with pytest.raises(MessageFormatError, match="malformed MX data: it ends at 3, not at 4"):
        read_rdata(RRType.MX, b"\0\1\0\0", 0, 4)


@pytest.mark.parametrize(("offset", "end"), [(0, 5), (-1, 4), (3, 2), (9, 9)])
def test_data_outside_of_the_message_is_malformed(offset, end):
    with pytest.raises(MessageFormatError, match="not within the message's 4 bytes"):
        read_rdata(RRType.A, b"\xc0\0\2\1", offset, end)


class TestUnknownTypes:
    def test_their_data_is_kept_as_it_came(self):
        value = read_rdata(RRType(65280), b"..\x0a\x00\x00\x01..", 2, 6)

        assert value == GenericRdata(RRType(65280), b"\x0a\0\0\1")
        assert str(value) == r"\# 4 0a000001"
        assert wire_of(value) == b"\x0a\0\0\1"
        assert type_of(value) == RRType(65280)

    def test_there_may_be_none(self):
        value = parse_rdata(RRType(65280), r"\# 0")

        assert value == GenericRdata(RRType(65280), b"")
        assert str(value) == r"\# 0"

    def test_examples_of_rfc_3597(self):
        assert str(parse_rdata(RRType(731), r"\# 6 abcd ( ef 01 23 45 )")) == r"\# 6 abcdef012345"
        assert parse_rdata(RRType.A, r"\# 4 0A000001") == A("10.0.0.1")
        assert parse_rdata(RRType.A, r"\# 4 C0000201") == A("192.0.2.1")

    @pytest.mark.parametrize(
        ("text", "sentence"),
        [
            ("10 mail", r"TYPE65280 data: expected \\# and the length and hexadecimal digits of the data"),
            ("", r"TYPE65280 data: expected \\# and the length"),
            (r'"\#" 0', r"TYPE65280 data: expected \\# and the length"),
            (r"\#", "expected a number from 0 to 65535, found nothing more"),
            (r"\# 3 0a00", "expected 3 bytes of data, found 2"),
            (r"\# 1 0a00", "expected 1 bytes of data, found 2"),
            (r"\# 2 0a0", "expected hexadecimal digits in pairs after the length"),
            (r"\# 2 wxyz", "expected hexadecimal digits in pairs after the length"),
            (r"\# 65536 00", "expected a number from 0 to 65535, found 65536"),
        ],
    )
    def test_bad_text(self, text, sentence):
        with pytest.raises(RdataSyntaxError, match=sentence):
            parse_rdata(RRType(65280), text)

    def test_known_types_in_the_generic_form_have_to_be_well_formed(self):
        with pytest.raises(RdataSyntaxError, match="A data: malformed A data: it ends at 4, not at 5"):
            parse_rdata(RRType.A, r"\# 5 0a00000100")
        with pytest.raises(RdataSyntaxError, match="malformed NS data"):
            parse_rdata(RRType.NS, r"\# 2 c000")


class TestDeclaring:
    @pytest.fixture
    def _forget(self):
        from aioresolver.wire.rdata import registry

        tables = registry._SHAPES, registry._SHAPES_OF, registry.READERS
        kept = [dict(table) for table in tables]
        yield
        for table, before in zip(tables, kept, strict=True):
            table.clear()
            table.update(before)

    @pytest.mark.usefixtures("_forget")
    def test_a_type_of_ones_own_joins(self):
        # RFC 2230
        @rdata(RRType(36), U16, NAME_PLAIN)
        class KX(NamedTuple):
            preference: int
            exchanger: Name

        value = parse_rdata(RRType(36), "10 kx.example.")

        assert value == KX(10, Name.parse("kx.example"))
        assert str(value) == "10 kx.example."
        assert repr(value) == "KX(preference=10, exchanger='kx.example.')"
        assert wire_of(value) == b"\0\x0a\2kx\7example\0"
        assert read_rdata(RRType(36), wire_of(value), 0, 14) == value
        assert type_of(value) == 36

    @pytest.mark.usefixtures("_forget")
    def test_a_class_may_bring_its_own_text(self):
        @rdata(RRType(65281), U8)
        class Switch(NamedTuple):
            state: int

            def __str__(self):
                return "on" if self.state else "off"

            @classmethod
            def parse(cls, tokens):
                return cls(int(tokens.word("on or off") == "on"))

        assert str(Switch(1)) == "on"
        assert parse_rdata(RRType(65281), "off") == Switch(0)

    def test_there_is_a_field_for_each_attribute(self):
        with pytest.raises(TypeError, match="Pair has 2 attributes, but 1 fields are declared"):

            @rdata(RRType(65281), U8)
            class Pair(NamedTuple):
                one: int
                other: int

    def test_a_type_is_declared_once(self):
        with pytest.raises(TypeError, match=r"A is .*A.* already"):

            @rdata(RRType.A, U8)
            class Other(NamedTuple):
                one: int

    @pytest.mark.parametrize("value", ["192.0.2.1", ("192.0.2.1",), None])
    def test_what_was_never_declared_is_no_rdata(self, value):
        with pytest.raises(TypeError, match="is not rdata"):
            write_rdata(bytearray(), value)
        with pytest.raises(TypeError, match="is not rdata"):
            type_of(value)


def test_text_is_the_presentation_and_repr_the_value():
    value = MX(10, Name.parse("mail.example"))

    assert str(value) == f"{value}" == "10 mail.example."
    assert repr(value) == "MX(preference=10, exchange='mail.example.')"


def test_relative_names_are_completed_with_the_origin():
    origin = Name.parse("example.org")

    assert parse_rdata(RRType.MX, "10 mail", origin) == MX(10, Name.parse("mail.example.org"))
    assert parse_rdata(RRType.MX, "10 mail.", origin) == MX(10, Name.parse("mail"))
    assert parse_rdata(RRType.NS, "@", origin) == NS(origin)
    assert parse_rdata(RRType.NS, "ns", Name(".")) == NS(Name("ns."))


def test_errors_name_the_type_the_attribute_and_what_was_expected():
    with pytest.raises(RdataSyntaxError) as error:
        parse_rdata(RRType.MX, "ten mail.example.")

    assert str(error.value) == "MX data: preference: expected a number from 0 to 65535, found ten"


def test_values_that_do_not_fit_their_field_are_not_written():
    for value in (MX(65536, Name(".")), MX(-1, Name(".")), A("127.1"), TXT(()), TXT((b"x" * 256,))):
        with pytest.raises(RdataSyntaxError, match=r"expected .*, found"):
            write_rdata(bytearray(), value)
