"""Certificates and keys of other protocols: examples of their RFCs, and what they refuse."""

from __future__ import annotations

import pytest
from tests.wire.rdata.examples import check, wire_of

from aioresolver.errors import MessageFormatError, RdataSyntaxError
from aioresolver.wire.codes import RRType
from aioresolver.wire.rdata import CAA, CERT, OPENPGPKEY, SMIMEA, SSHFP, TLSA, parse_rdata, read_rdata

DIGEST = "d2abde240d7cd3ee6b4b28c54df034b97983a1d16e8a410e4561cb106618e971"


class TestCAA:
    def test_examples_of_rfc_8659(self):
        assert check("CAA", '0 issue "ca1.example.net"', b"\0\5issueca1.example.net") == CAA(
            0, "issue", b"ca1.example.net"
        )
        assert check("CAA", '0 issue ";"', b"\0\5issue;").text == ";"
        assert check("CAA", '0 iodef "mailto:security@example.com"', b"\0\5iodefmailto:security@example.com")
        assert check("CAA", '128 tbs "Unknown"', b"\x80\3tbsUnknown").flags == 128

    def test_the_value_may_be_any_bytes(self):
        value = check("CAA", r'0 issue "a\000b\255"', b"\0\5issuea\0b\xff")

        assert value.value == b"a\0b\xff"
        assert value.text == "a\0b\\xff"

    def test_the_value_may_be_empty_or_longer_than_a_string(self):
        assert check("CAA", '0 issue ""', b"\0\5issue").value == b""
        assert len(check("CAA", f'0 issue "{"x" * 1000}"', b"\0\5issue" + b"x" * 1000).value) == 1000

    @pytest.mark.parametrize("wire", [b"\0", b"\0\0", b"\0\5issu", b"\0\3a-bx", b"\0\1\xe9"])
    def test_malformed(self, wire):
        with pytest.raises(MessageFormatError, match="malformed CAA data"):
            read_rdata(RRType.CAA, wire, 0, len(wire))

    @pytest.mark.parametrize("text", ['0 a-b ""', '0 "" ""', '0 é ""', f'0 {"a" * 256} ""', "0 issue", "256 issue a"])
    def test_bad_text(self, text):
        with pytest.raises(RdataSyntaxError, match=r"CAA data: .*: expected "):
            parse_rdata(RRType.CAA, text)

    def test_tags_that_are_not_written(self):
        with pytest.raises(RdataSyntaxError, match="expected a property such as issue"):
            wire_of(CAA(0, "", b""))


def test_tlsa():
    value = check("TLSA", f"0 0 1 {DIGEST}", f"00 00 01 {DIGEST}")  # RFC 6698, 2.3

    assert value == TLSA(0, 0, 1, bytes.fromhex(DIGEST))
    assert parse_rdata(RRType.TLSA, f"0 0 1 ( {DIGEST[:32].upper()}\n{DIGEST[32:]} )") == value


def test_smimea():
    value = check("SMIMEA", f"3 1 1 {DIGEST}", f"03 01 01 {DIGEST}")

    assert type(value) is SMIMEA
    assert value.matching_type == 1


def test_sshfp():
    text = "2 1 123456789abcdef67890123456789abcdef67890"  # RFC 4255, 3.2

    assert check("SSHFP", text, "02 01 123456789abcdef67890123456789abcdef67890") == SSHFP(
        2, 1, bytes.fromhex("123456789abcdef67890123456789abcdef67890")
    )


def test_openpgpkey():
    value = check("OPENPGPKEY", "mQCNAzIG", "99008d033206")

    assert value == OPENPGPKEY(bytes.fromhex("99008d033206"))
    assert parse_rdata(RRType.OPENPGPKEY, "mQCN AzIG") == value


def test_cert():
    value = check("CERT", "PGP 0 0 mQCNAzIG", "0003 0000 00 99008d033206")

    assert value == CERT(3, 0, 0, bytes.fromhex("99008d033206"))
    assert check("CERT", "PKIX 1 RSASHA256 AAAA", "0001 0001 08 000000", "PKIX 1 8 AAAA").algorithm == 8
    assert check("CERT", "4711 1 8 AAAA", "1267 0001 08 000000").certificate_type == 4711
    assert check("CERT", "oid 1 8 AAAA", "00fe 0001 08 000000", "OID 1 8 AAAA").certificate_type == 254


@pytest.mark.parametrize("rrtype", ["TLSA", "SMIMEA", "SSHFP"])
@pytest.mark.parametrize("digits", ["", "abc", "xy", "é", '"ab"', "ab ("])
def test_bad_hexadecimal_digits(rrtype, digits):
    with pytest.raises(RdataSyntaxError, match=f"{rrtype} data: .*expected"):
        parse_rdata(RRType[rrtype], f"1 1 {digits}" if rrtype == "SSHFP" else f"1 1 1 {digits}")


@pytest.mark.parametrize(
    "text", ["", "A", "AAA", "AA=A", "=", "==", "====", "AAAA==", "AA=", "A===", "!!!!", "é", '"AAAA"']
)
def test_bad_base64(text):
    with pytest.raises(RdataSyntaxError, match=r"OPENPGPKEY data: .*expected base64 text"):
        parse_rdata(RRType.OPENPGPKEY, text)


@pytest.mark.parametrize(
    ("rrtype", "wire"),
    [("TLSA", "000000"), ("SMIMEA", "000000"), ("SSHFP", "0000"), ("OPENPGPKEY", ""), ("CERT", "0001000108")],
)
def test_the_data_proper_is_not_empty(rrtype, wire):
    data = bytes.fromhex(wire)

    with pytest.raises(MessageFormatError, match=f"malformed {rrtype} data: the last field of the data is missing"):
        read_rdata(RRType[rrtype], data, 0, len(data))
    with pytest.raises(RdataSyntaxError, match="expected"):
        wire_of(TLSA(0, 0, 0, b""))


@pytest.mark.parametrize("kind", ["nope", "65536", "-1", "+1"])
def test_other_types_of_certificates_are_refused(kind):
    with pytest.raises(RdataSyntaxError, match="expected a number from 0 to 65535, or a name such as PKIX, found"):
        parse_rdata(RRType.CERT, f"{kind} 1 8 AAAA")
