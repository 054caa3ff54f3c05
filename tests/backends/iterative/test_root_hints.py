from __future__ import annotations

from datetime import date
from ipaddress import ip_address

from aioresolver.backends.iterative.root_hints import HINTS_DATE, ROOT_HINTS
from aioresolver.wire.names import Name


def test_thirteen_servers_with_both_families():
    assert [name[0] for name in ROOT_HINTS] == list("abcdefghijklm")
    for name, addresses in ROOT_HINTS.items():
        assert name == Name.parse(name)
        assert [ip_address(address).version for address in addresses] == [4, 6]


def test_the_newest_addresses_are_in_it():
    assert ROOT_HINTS["b.root-servers.net."] == ("170.247.170.2", "2801:1b8:10::b")
    assert date.fromisoformat(HINTS_DATE) >= date(2023, 11, 27)


def test_no_address_is_there_twice():
    addresses = [address for each in ROOT_HINTS.values() for address in each]

    assert len(set(addresses)) == 26
