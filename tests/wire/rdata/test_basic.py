"""The types that everybody meets: examples of their RFCs, and what they refuse."""

from __future__ import annotations

import pytest
from tests.wire.rdata.examples import check, wire_of

from aioresolver.errors import MessageFormatError, RdataSyntaxError
from aioresolver.wire.codes import RRType
from aioresolver.wire.names import Name
from aioresolver.wire.rdata import AAAA, AFSDB, CNAME, DNAME, HINFO, MX, NS, PTR, RP, SOA, SPF, TXT, A, parse_rdata
from aioresolver.wire.rdata.registry import read_rdata


def test_a():
    assert check("A", "192.0.2.1", "c0000201") == A("192.0.2.1")
    assert check("A", "26.3.0.103", "1a030067") == A("26.3.0.103")  # RFC 1035, 5.3


@pytest.mark.parametrize(
    "text", ["127.1", "1.2.3", "1.2.3.4.5", "256.0.0.1", "0x7f.0.0.1", "01.2.3.4", "1.2.3.4 5", '"1.2.3.4"', "::1"]
)
def test_an_ipv4_address_has_one_form(text):
    with pytest.raises(RdataSyntaxError, match="A data: "):
        parse_rdata(RRType.A, text)


@pytest.mark.parametrize("wire", [b"", b"\1\2\3", b"\1\2\3\4\5"])
def test_an_ipv4_address_has_four_bytes(wire):
    with pytest.raises(MessageFormatError, match="malformed A data"):
        read_rdata(RRType.A, wire, 0, len(wire))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("2001:db8::1", "2001:db8::1"),
        ("4321:0:1:2:3:4:567:89ab", "4321:0:1:2:3:4:567:89ab"),  # RFC 3596, 2.5
        ("2001:0db8:0:0:0:0:2:0001", "2001:db8::2:1"),  # RFC 5952, 4
        ("2001:DB8::1:0:0:1", "2001:db8::1:0:0:1"),
        ("2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"),
        ("::ffff:192.0.2.1", "::ffff:192.0.2.1"),
        ("::", "::"),
    ],
)
def test_aaaa(text, shown):
    value = parse_rdata(RRType.AAAA, text)

    assert value == AAAA(shown)
    assert len(wire_of(value)) == 16
    assert read_rdata(RRType.AAAA, wire_of(value), 0, 16) == value


@pytest.mark.parametrize("text", ["1.2.3.4", "2001:db8:::1", "2001:db8::1::2", "fe80::1%lo", "2001:db8::g", ":"])
def test_aaaa_refuses(text):
    with pytest.raises(RdataSyntaxError, match="AAAA data: address: expected an IPv6 address such as 2001:db8::1"):
        parse_rdata(RRType.AAAA, text)


def test_aaaa_has_sixteen_bytes():
    for size in (15, 17):
        with pytest.raises(MessageFormatError, match="malformed AAAA data"):
            read_rdata(RRType.AAAA, bytes(size), 0, size)


@pytest.mark.parametrize(("rrtype", "cls"), [("NS", NS), ("CNAME", CNAME), ("PTR", PTR), ("DNAME", DNAME)])
def test_types_of_one_name(rrtype, cls):
    text = "frobozz-division.acme.example."  # RFC 6672, 2.3

    value = check(rrtype, text, b"\x10frobozz-division\4acme\7example\0")

    assert value == cls(Name.parse(text))
    assert value.target == text


def test_names_in_data_are_folded():
    assert str(parse_rdata(RRType.NS, "VENERA.ISI.EDU.")) == "venera.isi.edu."
    assert read_rdata(RRType.NS, b"\6VENERA\3ISI\3EDU\0", 0, 16) == NS(Name("venera.isi.edu."))


def test_mx():
    value = check("MX", "10 venera.isi.edu.", b"\0\x0a\6venera\3isi\3edu\0")  # RFC 1035, 5.3

    assert value == MX(10, Name("venera.isi.edu."))
    assert check("MX", "0 .", "0000 00").exchange == "."  # RFC 7505


def test_a_plain_string_may_stand_for_a_name():
    assert wire_of(MX(10, "Mail.Example")) == b"\0\x0a\4mail\7example\0"


def test_soa():
    text = "VENERA Action\\.domains ( 20 ; serial\n 7200 10m 3600000 60 )"

    value = parse_rdata(RRType.SOA, text, Name("isi.edu."))  # RFC 1035, 5.3

    assert value == SOA(Name("venera.isi.edu."), Name(r"action\.domains.isi.edu."), 20, 7200, 600, 3600000, 60)
    assert str(value) == r"venera.isi.edu. action\.domains.isi.edu. 20 7200 600 3600000 60"
    assert wire_of(value) == (
        b"\6venera\3isi\3edu\0\x0eaction.domains\3isi\3edu\0\0\0\0\x14\0\0\x1c\x20\0\0\x02\x58\0\x36\xee\x80\0\0\0\x3c"
    )
    assert value.minimum == 60


@pytest.mark.parametrize("text", ["a. b. 1 2 3 4", "a. b. 1 2 3 4 5 6", "a. b. 4294967296 2 3 4 5", "a. b. 1h 2 3 4 5"])
def test_soa_refuses(text):
    with pytest.raises(RdataSyntaxError, match="SOA data"):
        parse_rdata(RRType.SOA, text)


class TestTXT:
    def test_strings_are_kept_apart(self):
        value = check("TXT", '"v=spf1 -all" "and more"', b"\x0bv=spf1 -all\x08and more")

        assert value == TXT((b"v=spf1 -all", b"and more"))
        assert value.text == "v=spf1 -alland more"

    def test_words_need_no_quotes(self):
        assert parse_rdata(RRType.TXT, r"printer=lpr5 a\ b \"q\" \065\;") == TXT(
            (b"printer=lpr5", b"a b", b'"q"', b"A;")
        )

    def test_any_bytes(self):
        value = check("TXT", r'"\000\255 \"\\" ""', b'\x05\0\xff "\\\0')

        assert value.text == '\0\\xff "\\'

    def test_text_is_utf8_where_it_can_be(self):
        assert parse_rdata(RRType.TXT, '"grüß" "e"').strings == ("grüß".encode(), b"e")
        assert TXT((b"gr\xc3", b"\xbc\xc3\x9f", b"\xff")).text == "grüß\\xff"

    def test_a_string_may_be_cut_where_a_character_is(self):
        assert TXT(("é".encode()[:1], "é".encode()[1:])).text == "é"

    @pytest.mark.parametrize("wire", [b"", b"\1", b"\2a", b"\1a\2b"])
    def test_malformed(self, wire):
        with pytest.raises(MessageFormatError, match="malformed TXT data: a string runs over the end of the data"):
            read_rdata(RRType.TXT, wire, 0, len(wire))

    def test_a_string_has_at_most_255_bytes(self):
        assert parse_rdata(RRType.TXT, "x" * 255) == TXT((b"x" * 255,))
        with pytest.raises(RdataSyntaxError, match="strings: expected a string of at most 255 bytes, found 256"):
            parse_rdata(RRType.TXT, "x" * 256)

    def test_spf_has_the_same_form(self):
        text = '"v=spf1 +mx a:colo.example.com/28 -all"'  # RFC 4408, 3.1.1
        value = check("SPF", text, b"\x25v=spf1 +mx a:colo.example.com/28 -all")

        assert type(value) is SPF
        assert value.text == "v=spf1 +mx a:colo.example.com/28 -all"
        assert repr(value).startswith("SPF(strings=")


def test_hinfo():
    assert check("HINFO", '"DEC-2060" "TOPS20"', b"\x08DEC-2060\6TOPS20") == HINFO(b"DEC-2060", b"TOPS20")
    assert check("HINFO", 'RFC8482 ""', b"\7RFC8482\0", '"RFC8482" ""') == HINFO(b"RFC8482", b"")  # RFC 8482, 4.2


def test_rp():
    text = "louie.trantor.umd.edu. lam1.people.umd.edu."  # RFC 1183, 2.2

    value = check("RP", text, b"\5louie\7trantor\3umd\3edu\0\4lam1\6people\3umd\3edu\0")

    assert value == RP(Name("louie.trantor.umd.edu."), Name("lam1.people.umd.edu."))


def test_afsdb():
    value = check("AFSDB", "1 bigbird.toaster.com.", b"\0\1\7bigbird\7toaster\3com\0")  # RFC 1183, 1

    assert value == AFSDB(1, Name("bigbird.toaster.com."))
