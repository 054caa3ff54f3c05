"""Labels, precedences and scopes; gai.conf."""

from __future__ import annotations

import pytest

from aioresolver.system.policy_table import (
    GLIBC_TABLE,
    RFC6724_TABLE,
    PolicyTable,
    address_number,
    parse_gai_conf,
)


def look_up(table, address):
    number = address_number(address)
    return table.precedence(number), table.label(number), table.scope(number, ipv4=":" not in address)


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("::1", (50, 0, 2)),
        ("2001:db8::1", (40, 1, 14)),
        ("192.0.2.1", (35, 4, 14)),
        ("10.0.0.1", (35, 4, 14)),
        ("127.0.0.1", (35, 4, 2)),
        ("169.254.1.1", (35, 4, 2)),
        ("2002::1", (30, 2, 14)),
        ("2001::1", (5, 5, 14)),
        ("fd00::1", (3, 13, 14)),
        ("::192.0.2.1", (1, 3, 14)),
        ("fec0::1", (1, 11, 5)),
        ("3ffe::1", (1, 12, 14)),
        ("fe80::1%eth0", (40, 1, 2)),
        ("febf::1", (40, 1, 2)),
        ("ff02::1", (40, 1, 2)),
        ("ff0e::1", (40, 1, 14)),
        ("::ffff:127.0.0.1", (35, 4, 14)),
    ],
)
def test_the_table_of_rfc_6724(address, expected):
    assert look_up(RFC6724_TABLE, address) == expected


@pytest.mark.parametrize(
    ("address", "expected"),
    [("fd00::1", (40, 6, 14)), ("192.0.2.1", (10, 4, 14)), ("2001::1", (40, 7, 14)), ("::192.0.2.1", (20, 3, 14))],
)
def test_the_table_of_glibc(address, expected):
    assert look_up(GLIBC_TABLE, address) == expected


def test_a_gai_conf_of_comments_changes_nothing():
    assert parse_gai_conf("#precedence ::ffff:0:0/96 100\nreload no\n\n") == GLIBC_TABLE


def test_one_line_replaces_all_of_its_kind():
    table = parse_gai_conf("precedence ::ffff:0:0/96  100 # IPv4 first\n")

    assert look_up(table, "192.0.2.1") == (100, 4, 14)
    assert look_up(table, "::1") == (40, 0, 2)
    assert table.labels == GLIBC_TABLE.labels


def test_every_kind_and_both_ways_to_write_ipv4():
    table = parse_gai_conf(
        "label 2001:db8::/32 77\nlabel ::/0 3\nscopev4 ::ffff:10.0.0.0/104 5\nscopev4 192.168.0.0/16 5\n"
        "label 192.0.2.0/24 5\nlabel x 1\nlabel ::1/129 1\nlabel ::1/x 1\nlabel ::1 x\nlabel ::1\nscopev4 fe80::/10 2\n"
        "scopev4 192.0.2.0/33 1\nscopev4 0.0.0.0/0 9\n"
    )

    assert look_up(table, "2001:db8::1") == (40, 77, 14)
    assert look_up(table, "::1") == (50, 3, 2)
    assert [look_up(table, address)[2] for address in ("10.1.1.1", "192.168.1.1", "169.254.1.1")] == [5, 5, 9]


def test_what_nothing_covers():
    assert look_up(PolicyTable((), (), ()), "192.0.2.1") == (0, 0, 0)
