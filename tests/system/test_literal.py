"""What is an address, what is a name, and what is neither."""

from __future__ import annotations

import socket
from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aioresolver.system.literal import ends_in_number, parse_literal

NEITHER = [
    "127.1",
    "127.0.1",
    "2130706433",
    "0x7f000001",
    "0x7f.1",
    "0x7f.0x0.0x0.0x1",
    "0177.0.0.1",
    "127.0.0.01",
    "017700000001",
    "1.2.3.4.5",
    "256.1.1.1",
    "1.2.3",
    "0",
    "0x",
    "0xX",
    "127.0.0.1.",
    "0x7f000001.",
    "example.0x7f",
    "example.1",
]


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::1", "::1"),
        ("2001:DB8::0:1", "2001:db8::1"),
        ("fe80::1%eth0", "fe80::1%eth0"),
        ("fe80::1%2", "fe80::1%2"),
        ("::ffff:192.0.2.1", "::ffff:192.0.2.1"),
        ("::ffff:c000:201", "::ffff:192.0.2.1"),
    ],
)
def test_addresses(text, address):
    assert parse_literal(text) == address


@pytest.mark.parametrize("text", ["", ".", "example.org", "a.de", "face", "x.cafe", "1.2.3.4a", "0x7g", "a1"])
def test_names(text):
    assert parse_literal(text) is None
    assert not ends_in_number(text)


@pytest.mark.parametrize("text", [text for text in NEITHER if text != "0xX"])
def test_old_forms_of_addresses_are_neither_addresses_nor_names(text):
    assert parse_literal(text) is None
    assert ends_in_number(text)


@pytest.mark.parametrize(
    "text", ["[::1]", "::1%", "fe80::1%a%b", "1.2.3.4%eth0", "1.2.3.4 ", " 1.2.3.4", "::g", "\uff11.2.3.4"]
)
def test_nearly_addresses(text):
    assert parse_literal(text) is None


@given(st.from_regex(r"[0-9xa-fA-FX.]{1,14}", fullmatch=True))
def test_whatever_inet_aton_takes_is_an_address_or_ends_in_a_number(text):
    try:
        socket.inet_aton(text)
    except OSError:
        return

    assert parse_literal(text) is not None or ends_in_number(text)


@given(st.ip_addresses())
def test_every_address_is_a_literal(address):
    assert ip_address(parse_literal(str(address))) == address
