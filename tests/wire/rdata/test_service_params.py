"""Service parameters as a list: their order, what they say about each other, and the examples of RFC 9460."""

from __future__ import annotations

import pytest
from tests.wire.rdata.examples import check, wire_of

from aioresolver.errors import MessageFormatError, RdataSyntaxError
from aioresolver.wire.codes import RRType
from aioresolver.wire.compression import MAX_PARAMS, NameMemo
from aioresolver.wire.names import Name
from aioresolver.wire.rdata import SVCB, ServiceKey, ServiceParam, parse_rdata, read_rdata

FOO_COM = "03666f6f 076578616d706c65 03636f6d 00"
FOO_ORG = "03666f6f 076578616d706c65 036f7267 00"
COM = "076578616d706c65 03636f6d 00"


@pytest.mark.parametrize(
    ("text", "wire", "shown"),
    [
        ("1 .", "0001 00", None),
        ("16 foo.example.com. port=53", f"0010 {FOO_COM} 0003 0002 0035", None),
        (
            "1 foo.example.com. key667=hello",
            f"0001 {FOO_COM} 029b 0005 68656c6c6f",
            '1 foo.example.com. key667="hello"',
        ),
        (r'1 foo.example.com. key667="hello\210qoo"', f"0001 {FOO_COM} 029b 0009 68656c6c6fd2716f6f", None),
        (
            '1 foo.example.com. ( ipv6hint="2001:db8::1,2001:db8::53:1" )',
            f"0001 {FOO_COM} 0006 0020 20010db8000000000000000000000001 20010db8000000000000000000530001",
            "1 foo.example.com. ipv6hint=2001:db8::1,2001:db8::53:1",
        ),
        (
            '1 example.com. ( ipv6hint="2001:db8:122:344::192.0.2.33" )',
            f"0001 {COM} 0006 0010 20010db80122034400000000c0000221",
            "1 example.com. ipv6hint=2001:db8:122:344::c000:221",
        ),
        (
            "16 foo.example.org. ( alpn=h2,h3-19 mandatory=ipv4hint,alpn ipv4hint=192.0.2.1 )",
            f"0010 {FOO_ORG} 0000 0004 0001 0004 0001 0009 02 6832 05 68332d3139 0004 0004 c0000201",
            '16 foo.example.org. mandatory=alpn,ipv4hint alpn="h2,h3-19" ipv4hint=192.0.2.1',
        ),
        (
            r'16 foo.example.org. alpn="f\\\\oo\\,bar,h2"',
            f"0010 {FOO_ORG} 0001 000c 08 665c6f6f2c626172 02 6832",
            None,
        ),
        (
            r"16 foo.example.org. alpn=f\\\092oo\092,bar,h2",
            f"0010 {FOO_ORG} 0001 000c 08 665c6f6f2c626172 02 6832",
            r'16 foo.example.org. alpn="f\\\\oo\\,bar,h2"',
        ),
    ],
)
def test_examples_of_rfc_9460_d_2(text, wire, shown):
    check("SVCB", text, wire, shown)


@pytest.mark.parametrize(
    ("params", "sentence"),
    [
        ("key123=abc key123=def", "expected each key once, found key123 twice"),
        ("mandatory", "expected the key of a service parameter"),
        ("alpn", "expected names of protocols"),
        ("port", "expected a number from 0 to 65535, found nothing"),
        ("ipv4hint", "expected IPv4 addresses"),
        ("ipv6hint", "expected IPv6 addresses"),
        ("no-default-alpn=abc", "expected no value, found abc"),
        ("mandatory=key123", "expected mandatory to list other keys that are there, found key123"),
        ("mandatory=mandatory", "expected mandatory to list other keys that are there, found mandatory"),
        ("mandatory=key123,key123 key123=abc", "expected different keys such as alpn,port, found key123,key123"),
    ],
)
def test_failures_of_rfc_9460_d_3(params, sentence):
    with pytest.raises(RdataSyntaxError, match=f"SVCB data: params: {sentence}"):
        parse_rdata(RRType.SVCB, f"1 foo.example.com. {params}")


@pytest.mark.parametrize(
    ("params", "sentence"),
    [
        ("no-default-alpn", "expected alpn beside no-default-alpn, found none"),
        ("port=", "expected a value after port=, found nothing more"),
        ("port= 53", "expected a value right after port=, found 53"),
        ('port= "53"', 'expected a value right after port=, found "53"'),
        ('"port=53"', "expected service parameters such as alpn=h2, found the quoted string"),
        ("=53", "expected the key of a service parameter"),
        ("PORT=53", "expected the key of a service parameter, such as alpn or key65280, found PORT"),
        ("key03=aa", "expected the key of a service parameter, such as alpn or key65280, found key03"),
        ("key65536=aa", "expected the key of a service parameter"),
        (r"key3=\000", "expected a port in a service parameter, found 1 other bytes"),
        ('alpn="h2"port=53 x', "expected the key of a service parameter"),
    ],
)
def test_other_failures(params, sentence):
    with pytest.raises(RdataSyntaxError, match=sentence):
        parse_rdata(RRType.SVCB, f"1 . {params}")


def test_a_numbered_key_has_its_value_in_wire_form():
    assert parse_rdata(RRType.SVCB, r"1 . key1=\002h2 key3=\0005") == parse_rdata(RRType.SVCB, "1 . port=53 alpn=h2")


def test_text_is_in_any_order_and_the_value_in_that_of_the_keys():
    value = parse_rdata(RRType.SVCB, "1 . key65280 port=53 alpn=h2")

    assert [param.key for param in value.params] == [ServiceKey.ALPN, ServiceKey.PORT, ServiceKey(65280)]


def test_values_are_written_in_the_order_of_their_keys():
    params = (ServiceParam(ServiceKey.PORT, 53), ServiceParam(ServiceKey.ALPN, ("h2",)))

    assert wire_of(SVCB(1, Name("."), params)) == bytes.fromhex("0001 00 0001 0003 026832 0003 0002 0035")


def test_contradictions_are_not_written():
    with pytest.raises(RdataSyntaxError, match="expected each key once, found port twice"):
        wire_of(SVCB(1, Name("."), (ServiceParam(ServiceKey.PORT, 53),) * 2))
    with pytest.raises(RdataSyntaxError, match="expected mandatory to list other keys that are there, found alpn"):
        wire_of(SVCB(1, Name("."), (ServiceParam(ServiceKey.MANDATORY, (ServiceKey.ALPN,)),)))


@pytest.mark.parametrize(
    ("params", "sentence"),
    [
        ("0003 0002 0035 0001 0003 026832", "the service parameters' keys do not increase: 1 follows 3"),
        ("0003 0002 0035 0003 0002 0035", "the service parameters' keys do not increase: 3 follows 3"),
        ("0003 0003 0035", "a service parameter runs over the end of the data at 9"),
        ("0003 00", "a service parameter runs over the end of the data at 6"),
        ("0002 0000", "expected alpn beside no-default-alpn, found none"),
        ("0000 0002 0001", "expected mandatory to list other keys that are there, found alpn"),
        ("0000 0002 0000", "expected mandatory to list other keys that are there, found mandatory"),
        ("0000 0004 0003 0001 0001 0003 026832 0003 0002 0035", "expected different keys such as alpn,port"),
    ],
)
def test_malformed(params, sentence):
    wire = bytes.fromhex("0001 00" + params)

    with pytest.raises(MessageFormatError, match=f"malformed SVCB data: {sentence}"):
        read_rdata(RRType.SVCB, wire, 0, len(wire))


def test_a_message_may_have_so_many_parameters():
    params = b"".join((65000 + number).to_bytes(2, "big") + b"\0\0" for number in range(MAX_PARAMS // 16))
    wire = b"\0\1\0" + params
    memo = NameMemo()

    for _ in range(16):
        assert len(read_rdata(RRType.SVCB, wire, 0, len(wire), memo).params) == MAX_PARAMS // 16
    with pytest.raises(MessageFormatError, match="the message has more than 6144 service parameters"):
        read_rdata(RRType.HTTPS, b"\0\1\0\xff\0\0\0", 0, 7, memo)
    assert read_rdata(RRType.HTTPS, b"\0\1\0\xff\0\0\0", 0, 7).params == ((0xFF00, b""),)
