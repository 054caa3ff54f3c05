"""Entries of zone files: their parts; what is refused is among the tests of records."""

from __future__ import annotations

import pytest

from aioresolver.errors import RdataSyntaxError
from aioresolver.wire.codes import RRClass, RRType
from aioresolver.wire.entry import Entry, parse_entry
from aioresolver.wire.names import Name
from aioresolver.wire.rdata import MX, NSEC


def test_an_entry_has_the_parts_of_a_record():
    entry = parse_entry("@ 1h CH MX 10 mail", Name.parse("example.org"))

    assert entry == Entry(Name("example.org."), RRType.MX, RRClass.CH, 3600, MX(10, Name("mail.example.org.")))


def test_the_time_to_live_may_come_from_elsewhere():
    assert parse_entry("a. MX 10 mail.", ttl=60).ttl == 60
    assert parse_entry("a. 5 MX 10 mail.", ttl=60).ttl == 5
    with pytest.raises(RdataSyntaxError, match="expected a TTL in"):
        parse_entry("a. MX 10 mail.")


def test_every_type_of_the_list_has_its_name():
    assert parse_entry("a. 5 NSEC b. MD NULL NSAP-PTR A6 DLV").data == NSEC("b.", (3, 10, 23, 38, 32769))
    assert str(parse_entry(r"a. 5 NULL \# 1 ff").data) == r"\# 1 ff"
