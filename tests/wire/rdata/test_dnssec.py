"""The types of DNSSEC: examples of RFC 4034 and RFC 5155, key tags, times, and bitmaps of types."""

from __future__ import annotations

import hashlib

import dns.dnssec
import dns.rdata
import pytest
from hypothesis import given, settings
from tests.wire.rdata.examples import check, wire_of
from tests.wire.rdata.strategies import values_of

from aioresolver.errors import MessageFormatError, RdataSyntaxError
from aioresolver.wire.codes import RRType
from aioresolver.wire.compression import NameMemo
from aioresolver.wire.names import Name
from aioresolver.wire.rdata import CDNSKEY, CDS, DNSKEY, DS, NSEC, NSEC3, NSEC3PARAM, RRSIG, parse_rdata, read_rdata

KEY = """256 3 5 ( AQOeiiR0GOMYkDshWoSKz9Xz
           fwJr1AYtsmx3TGkJaNXVbfi/
           2pHm822aJ5iI9BMzNXxeYCmZ
           DRD99WYwYqUSdjMmmAphXdvx
           egXd/M5+X7OrzKBaMbCVdFLU
           Uh6DhweJBjEVv5f2wwjM9Xzc
           nOf+EPbtG9DMBmADjFDc2w/r
           ljwvFw==
           ) ;  key id = 60485"""  # RFC 4034, 5.4

SIGNATURE = (
    "oJB1W6WNGv+ldvQ3WDG0MQkg5IEhjRip8WTrPYGv07h108dUKGMeDPKijVCHX3DDKdfb+v6oB9wfuh3DTJXUAfI/M0zmO/zz8bW0Rznl8O3t"
    "GNazPwQKkRN20XPXV6nwwfoXmJQbsLNrLfkGJ5D6fwFm8nN+6pBzeDQfsS3Ap3o="
)


def test_dnskey():
    key = parse_rdata(RRType.DNSKEY, KEY)

    assert (key.flags, key.protocol, key.algorithm) == (256, 3, 5)
    assert key.key.startswith(b"\1\3\x9e\x8a\x24")
    assert key.key_tag == 60485
    assert check("DNSKEY", str(key), wire_of(key)) == key


def test_ds_is_the_digest_of_a_key():
    text = "60485 5 1 2bb183af5f22588179a53b0a98631fad1a292118"  # RFC 4034, 5.4

    value = check("DS", text, "ec45 05 01 2bb183af5f22588179a53b0a98631fad1a292118")

    owner = Name.parse("dskey.example.com").to_wire()
    assert value == DS(60485, 5, 1, hashlib.sha1(owner + wire_of(parse_rdata(RRType.DNSKEY, KEY))).digest())
    assert parse_rdata(RRType.DS, "60485 RSASHA1 1 ( 2BB183AF5F22588179A53B0A\n98631FAD1A292118 )") == value


def test_a_zone_asks_its_parent_to_remove_its_keys():
    assert check("CDS", "0 0 0 00", "0000 00 00 00") == CDS(0, 0, 0, b"\0")  # RFC 8078, 4
    assert check("CDNSKEY", "0 3 0 AA==", "0000 03 00 00") == CDNSKEY(0, 3, 0, b"\0")
    assert type(parse_rdata(RRType.CDS, "0 DELETE 0 00")) is CDS


@settings(deadline=None)
@given(values_of(RRType.DNSKEY).filter(lambda key: len(key.key) > 2))
def test_key_tags_are_those_of_dnspython(key):
    wire = wire_of(key)

    assert key.key_tag == dns.dnssec.key_id(dns.rdata.from_wire("IN", "DNSKEY", wire, 0, len(wire)))


def test_the_key_tag_of_rsamd5_is_cut_from_the_key():
    assert DNSKEY(256, 3, 1, b"\1\2\3\4").key_tag == 0x0203


def test_rrsig():
    text = f"A 5 3 86400 20030322173103 20030220173103 2642 example.com. {SIGNATURE}"  # RFC 4034, 3.3

    value = parse_rdata(RRType.RRSIG, text)

    assert isinstance(value, RRSIG)
    assert value[:8] == (RRType.A, 5, 3, 86400, 1048354263, 1045762263, 2642, Name("example.com."))
    assert len(value.signature) == 128
    assert check("RRSIG", text, wire_of(value)) == value


def test_times_are_dates_or_seconds():
    for times in ("20030322173103 20030220173103", "1048354263 1045762263", "1048354263 20030220173103"):
        value = parse_rdata(RRType.RRSIG, f"A 5 3 86400 {times} 2642 example.com. AAAA")
        assert (value.expiration, value.inception) == (1048354263, 1045762263)


def test_the_first_and_last_time():
    value = parse_rdata(RRType.RRSIG, "A 5 3 86400 21060207062815 19700101000000 2642 example.com. AAAA")

    assert (value.expiration, value.inception) == (4294967295, 0)


@pytest.mark.parametrize(
    "time",
    [
        "20030230000000",
        "20031301000000",
        "20030101240000",
        "20030101000060",
        "21060207062816",
        "19691231235959",
        "4294967296",
        "200301010000",
        "2003010100000x",
        "-1",
        "20030101000000Z",
        "tomorrow",
    ],
)
def test_other_times_are_refused(time):
    with pytest.raises(RdataSyntaxError, match=f"expiration: expected a time such as .*, found {time}"):
        parse_rdata(RRType.RRSIG, f"A 5 3 86400 {time} 20030220173103 2642 example.com. AAAA")


class TestNSEC:
    def test_the_example_of_rfc_4034(self):
        value = check(
            "NSEC",
            "host.example.com. A MX RRSIG NSEC TYPE1234",  # 4.3
            "04686f7374 076578616d706c65 03636f6d 00 00 06 400100000003 04 1b" + "00" * 26 + "20",
        )

        assert value == NSEC("host.example.com.", (RRType.A, RRType.MX, RRType.RRSIG, RRType.NSEC, RRType(1234)))

    def test_the_next_name_keeps_its_case(self):
        value = check("NSEC", r"Host.eX\"\000a\.Mple. A", b'\4Host\x0aeX"\0a.Mple\0\0\1\x40')

        assert value.next_name == r"Host.eX\"\000a\.Mple."
        assert Name.parse(value.next_name) == r"host.ex\"\000a\.mple."

    def test_relative_next_names_are_completed(self):
        assert parse_rdata(RRType.NSEC, "Host A", Name("example.")).next_name == "Host.example."
        assert parse_rdata(RRType.NSEC, "@ A", Name("example.")).next_name == "example."
        assert parse_rdata(RRType.NSEC, r"\072ost. A").next_name == "host."
        assert check("NSEC", ". A", "00 00 01 40").next_name == "."

    def test_a_compressed_next_name_loses_its_case(self):
        message = b"\7Example\0\3WWW\xc0\0\0\1\x40"

        assert read_rdata(RRType.NSEC, message, 9, len(message), NameMemo()) == NSEC("www.example.", (RRType.A,))

    def test_types_are_in_the_order_of_their_numbers(self):
        assert str(parse_rdata(RRType.NSEC, "a. TYPE1234 MX A mx type1")) == "a. A MX TYPE1234"
        assert wire_of(NSEC("a.", (RRType.MX, RRType.A, RRType.MX))) == b"\1a\0\0\2\x40\1"

    def test_there_may_be_no_types(self):
        assert check("NSEC", "a.", "016100") == NSEC("a.", ())

    @pytest.mark.parametrize(
        "bitmap",
        ["00", "0000", "000140" * 2, "010140000140", "000200", "00024000", "0021" + "01" * 33, "000340"],
    )
    def test_malformed_bitmaps(self, bitmap):
        wire = bytes.fromhex("016100" + bitmap)

        with pytest.raises(MessageFormatError, match="malformed NSEC data"):
            read_rdata(RRType.NSEC, wire, 0, len(wire))

    @pytest.mark.parametrize("types", ["NOPE", "1", "TYPE65536", "A,MX", '"A"', "TYPE"])
    def test_other_types_are_refused(self, types):
        with pytest.raises(RdataSyntaxError, match="types: expected a record type such as A or TYPE65280, found"):
            parse_rdata(RRType.NSEC, f"a. {types}")

    def test_numbers_beyond_16_bits_are_not_written(self):
        with pytest.raises(RdataSyntaxError, match="expected the types of records, found 65536"):
            wire_of(NSEC("a.", (65536,)))


class TestNSEC3:
    TEXT = "1 1 12 aabbccdd 2t7b4g4vsa5smi47k61mv5bv1a22bojr NS SOA MX RRSIG DNSKEY NSEC3PARAM"  # RFC 5155, A

    def test_the_example_of_rfc_5155(self):
        value = check(
            "NSEC3",
            self.TEXT,
            "01 01 000c 04 aabbccdd 14 174eb2409fe28bcb4887a1836f957f0a8425e27b 00 07 22010000000290",
        )

        assert isinstance(value, NSEC3)
        assert value.salt == b"\xaa\xbb\xcc\xdd"
        assert value.types[-1] == RRType.NSEC3PARAM

    def test_letters_may_be_of_any_case(self):
        assert str(parse_rdata(RRType.NSEC3, self.TEXT.upper())) == self.TEXT

    def test_no_salt_is_a_hyphen(self):
        assert check("NSEC3", "1 0 0 - 00", "01 00 0000 00 01 00").salt == b""

    @pytest.mark.parametrize("hashed", ["0", "00======", "0w", "01", "0!", "é", "-", "00" * 256])
    def test_other_hashes_are_refused(self, hashed):
        with pytest.raises(RdataSyntaxError, match="next_hash: expected a hash in base32hex without padding, found"):
            parse_rdata(RRType.NSEC3, f"1 0 0 - {hashed} A")

    def test_a_hash_is_not_empty(self):
        with pytest.raises(MessageFormatError, match="malformed NSEC3 data: the hash at 5 is empty"):
            read_rdata(RRType.NSEC3, bytes(6), 0, 6)
        with pytest.raises(RdataSyntaxError, match="expected a hash"):
            wire_of(NSEC3(1, 0, 0, b"", b"", ()))


def test_nsec3param():
    value = check("NSEC3PARAM", "1 0 12 aabbccdd", "01 00 000c 04 aabbccdd")  # RFC 5155, A

    assert value == NSEC3PARAM(1, 0, 12, b"\xaa\xbb\xcc\xdd")
    assert check("NSEC3PARAM", "1 0 0 -", "01 00 0000 00").salt == b""


@pytest.mark.parametrize("salt", ["a", "xy", "aa" * 256, "é"])
def test_other_salts_are_refused(salt):
    with pytest.raises(
        RdataSyntaxError, match="salt: expected a salt of at most 255 bytes in hexadecimal, or -, found"
    ):
        parse_rdata(RRType.NSEC3PARAM, f"1 0 0 {salt}")


@pytest.mark.parametrize(
    ("rrtype", "text"), [(RRType.NSEC, "Next.example."), (RRType.NSEC3, "1 0 0 - 0p9mhaveqvm6t7vbl5lop2u3t2rp3tom")]
)
def test_more_types_than_anybody_means_are_shown_as_bytes(rrtype, text):
    value = parse_rdata(rrtype, f"{text} A TXT")
    absurd = value._replace(types=tuple(map(RRType, range(30_000, 40_000))))

    assert str(value) == f"{text} A TXT"
    assert str(value._replace(types=(RRType.TXT,))) == f"{text} TXT"
    assert str(value._replace(types=())) == text
    assert str(absurd) == rf"\# {len(wire_of(absurd))} {wire_of(absurd).hex()}"
    assert parse_rdata(rrtype, str(absurd)) == absurd
