"""The values of service parameters, one key at a time."""

from __future__ import annotations

import pytest

from aioresolver.errors import MessageFormatError, RdataSyntaxError
from aioresolver.wire.rdata.service_values import OPAQUE, VALUES, ServiceKey, parse_key

K = ServiceKey


def test_keys_have_the_names_of_zone_files():
    assert [key.text for key in (K.ALPN, K.NO_DEFAULT_ALPN, K(9), K(65280))] == [
        "alpn",
        "no-default-alpn",
        "key9",
        "key65280",
    ]
    assert [parse_key(text) for text in ("alpn", "no-default-alpn", "key9", "key1")] == [1, 2, 9, 1]


@pytest.mark.parametrize("text", ["", "Alpn", "key", "key01", "key65536", "1", "key1 ", "alpn="])
def test_other_keys_are_refused(text):
    with pytest.raises(RdataSyntaxError, match="expected the key of a service parameter"):
        parse_key(text)


@pytest.mark.parametrize(
    ("key", "value", "wire", "text"),
    [
        (K.MANDATORY, (K.ALPN, K(65280)), "0001ff00", "alpn,key65280"),
        (K.ALPN, ("h2", "http/1.1"), "02683208687474702f312e31", '"h2,http/1.1"'),
        (K.ALPN, ("a,b", "\\", '"', "\xff\n"), "03612c62015c012202ff0a", r'"a\\,b,\\\\,\",\255\010"'),
        (K.NO_DEFAULT_ALPN, True, "", ""),
        (K.PORT, 65535, "ffff", "65535"),
        (K.IPV4HINT, ("192.0.2.1", "192.0.2.2"), "c0000201c0000202", "192.0.2.1,192.0.2.2"),
        (K.ECH, b"\0\1", "0001", "AAE="),
        (K.IPV6HINT, ("::1",), "00000000000000000000000000000001", "::1"),
        (K.DOHPATH, "/é{?dns}", "2fc3a97b3f646e737d", r'"/\195\169{?dns}"'),
        (K.OHTTP, True, "", ""),
        (K(65280), b"a b", "612062", '"a b"'),
        (K(65280), b"", "", ""),
    ],
)
def test_every_direction(key, value, wire, text):
    codec = VALUES.get(key, OPAQUE)

    assert codec.read(bytes.fromhex(wire)) == value
    assert codec.to_wire(value).hex() == wire
    assert codec.to_text(value) == text
    assert codec.parse(text.strip('"').replace('\\"', '"') if key != K.ALPN else text[1:-1]) == value


@pytest.mark.parametrize(
    ("key", "wire"),
    [
        (K.MANDATORY, ""),
        (K.MANDATORY, "00"),
        (K.MANDATORY, "00030001"),
        (K.MANDATORY, "00010001"),
        (K.ALPN, ""),
        (K.ALPN, "00"),
        (K.ALPN, "0361"),
        (K.ALPN, "026832ff"),
        (K.NO_DEFAULT_ALPN, "00"),
        (K.PORT, "35"),
        (K.PORT, "000035"),
        (K.IPV4HINT, ""),
        (K.IPV4HINT, "c00002"),
        (K.ECH, ""),
        (K.IPV6HINT, ""),
        (K.IPV6HINT, "00" * 17),
        (K.DOHPATH, ""),
        (K.DOHPATH, "ff"),
        (K.OHTTP, "00"),
    ],
)
def test_malformed(key, wire):
    with pytest.raises(MessageFormatError, match=r"expected .* in a service parameter, found .* other bytes"):
        VALUES[key].read(bytes.fromhex(wire))


@pytest.mark.parametrize(
    ("key", "text"),
    [
        (K.MANDATORY, ""),
        (K.MANDATORY, "alpn,"),
        (K.MANDATORY, "alpn,alpn"),
        (K.MANDATORY, r"\097lpn"),
        (K.ALPN, ""),
        (K.ALPN, "h2,"),
        (K.ALPN, "h2,,h3"),
        (K.ALPN, r"a\\b"),
        (K.ALPN, r"a\\"),
        (K.ALPN, "a" * 256),
        (K.ALPN, r"\25"),
        (K.PORT, "-1"),
        (K.PORT, "65536"),
        (K.PORT, r"\053"),
        (K.IPV4HINT, "127.1"),
        (K.IPV4HINT, "1.2.3.4,"),
        (K.IPV4HINT, "::1"),
        (K.ECH, ""),
        (K.ECH, "A"),
        (K.ECH, "="),
        (K.ECH, "!!!!"),
        (K.ECH, r"\065AAA"),
        (K.IPV6HINT, "1.2.3.4"),
        (K.DOHPATH, r"\255"),
        (K.OHTTP, "1"),
    ],
)
def test_text_that_is_refused(key, text):
    with pytest.raises(RdataSyntaxError, match="expected "):
        VALUES[key].parse(text)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        (K.MANDATORY, ()),
        (K.ALPN, ()),
        (K.ALPN, ("",)),
        (K.ALPN, ("a" * 256,)),
        (K.ALPN, ("€",)),
        (K.PORT, 65536),
        (K.IPV4HINT, ()),
        (K.IPV4HINT, ("::1",)),
        (K.ECH, b""),
        (K.IPV6HINT, ("192.0.2.1",)),
        (K.DOHPATH, ""),
    ],
)
def test_values_that_are_not_written(key, value):
    with pytest.raises(RdataSyntaxError, match="expected "):
        VALUES[key].to_wire(value)
