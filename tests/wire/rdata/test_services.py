"""Where services are: examples of the RFCs, and the properties of SVCB and HTTPS."""

from __future__ import annotations

import pytest
from tests.wire.rdata.examples import check

from aioresolver.errors import MessageFormatError, RdataSyntaxError
from aioresolver.wire.codes import RRType
from aioresolver.wire.names import Name
from aioresolver.wire.rdata import HTTPS, NAPTR, SRV, SVCB, URI, ServiceKey, ServiceParam, parse_rdata, read_rdata


def test_srv():
    value = check(
        "SRV", "0 1 9 old-slow-box.example.com.", b"\0\0\0\1\0\x09\x0cold-slow-box\7example\3com\0"
    )  # RFC 2782

    assert value == SRV(0, 1, 9, Name("old-slow-box.example.com."))
    assert check("SRV", "0 0 0 .", "0000 0000 0000 00").target == "."


def test_naptr():
    value = check(
        "NAPTR",
        '100 50 "s" "http+N2L+N2C+N2R" "" www.example.com.',  # RFC 3403, 6.2
        b"\0\x64\0\x32\1s\x10http+N2L+N2C+N2R\0\3www\7example\3com\0",
    )

    assert value == NAPTR(100, 50, b"s", b"http+N2L+N2C+N2R", b"", Name("www.example.com."))


def test_the_regexp_of_naptr_has_its_own_backslashes():
    text = r'100 10 "" "" "!^urn:cid:.+@([^\\.]+\\.)(.*)$!\\2!i" .'  # RFC 3403, 6.1
    regexp = rb"!^urn:cid:.+@([^\.]+\.)(.*)$!\2!i"

    value = check("NAPTR", text, b"\0\x64\0\x0a\0\0" + bytes((len(regexp),)) + regexp + b"\0")

    assert value.regexp == regexp


def test_uri():
    value = check("URI", '10 1 "ftp://ftp1.example.com/public"', b"\0\x0a\0\1ftp://ftp1.example.com/public")  # RFC 7553

    assert value == URI(10, 1, b"ftp://ftp1.example.com/public")
    assert value.text == "ftp://ftp1.example.com/public"
    assert len(check("URI", f'1 1 "https://{"a" * 300}"', b"\0\1\0\1https://" + b"a" * 300).target) == 308


def test_the_target_of_a_uri_is_not_empty():
    with pytest.raises(MessageFormatError, match="malformed URI data: the last field of the data is missing at 4"):
        read_rdata(RRType.URI, b"\0\1\0\1", 0, 4)
    with pytest.raises(RdataSyntaxError, match="URI data: target: expected a quoted string that is not empty"):
        parse_rdata(RRType.URI, '1 1 ""')


def test_an_alias():
    value = check("HTTPS", "0 foo.example.com.", "0000 03666f6f 076578616d706c65 03636f6d 00")  # RFC 9460, D.1

    assert value == HTTPS(0, Name("foo.example.com."))
    assert value.params == ()


def test_the_parameters_of_an_alias_are_kept_to_be_ignored():
    assert read_rdata(RRType.HTTPS, b"\0\0\0\0\3\0\2\0\x35", 0, 9).port == 53


def test_properties():
    value = parse_rdata(
        RRType.HTTPS,
        "1 . mandatory=alpn,port alpn=h2,h3 no-default-alpn port=8443 ipv4hint=192.0.2.1,192.0.2.2 ech=AAAA "
        "ipv6hint=2001:db8::1 dohpath=/dns-query{?dns} ohttp key65280=ab",
    )

    assert type(value) is HTTPS
    assert value.mandatory == (ServiceKey.ALPN, ServiceKey.PORT)
    assert value.alpn == ("h2", "h3")
    assert value.no_default_alpn is True
    assert value.port == 8443
    assert value.ipv4hint == ("192.0.2.1", "192.0.2.2")
    assert value.ipv6hint == ("2001:db8::1",)
    assert value.ech == b"\0\0\0"
    assert value.dohpath == "/dns-query{?dns}"
    assert value.param(ServiceKey.OHTTP) is True
    assert value.param(ServiceKey(65280)) == b"ab"
    assert dict(value.params)[ServiceKey.PORT] == 8443


def test_properties_of_what_is_not_there():
    value = SVCB(1, Name("."))

    assert (value.mandatory, value.alpn, value.ipv4hint, value.ipv6hint) == ((), (), (), ())
    assert (value.port, value.ech, value.dohpath, value.param(ServiceKey.OHTTP)) == (None, None, None, None)
    assert value.no_default_alpn is False


def test_values_can_be_keys():
    param = ServiceParam(ServiceKey.PORT, 53)

    assert len({SVCB(1, Name("."), (param,)), SVCB(1, Name("."), (param,))}) == 1
