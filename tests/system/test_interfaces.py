"""This machine's own addresses."""

from __future__ import annotations

import socket
import sys

import pytest

from aioresolver.system import interfaces
from aioresolver.system.interfaces import InterfaceAddress, Interfaces, read_ipv6_addresses, source_address

LINES = """\
20010db8000000000000000000000001 02 40 00 20     eth0
fe80000000000000000000fffe000001 02 40 20 80     eth0
00000000000000000000000000000001 01 80 10 80       lo
20010db8000100000000000000000002 02 40 00 90     eth0
"""


def test_the_table_of_ipv6_addresses(tmp_path):
    path = tmp_path / "if_inet6"
    path.write_text(LINES)

    assert read_ipv6_addresses(str(path)) == [
        InterfaceAddress("2001:db8::1", 64, deprecated=True),
        InterfaceAddress("fe80::ff:fe00:1", 64),
        InterfaceAddress("::1", 128),
        InterfaceAddress("2001:db8:1::2", 64, home=True),
    ]
    assert read_ipv6_addresses(str(tmp_path / "none")) == []


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux tells")
def test_loopback_is_found():
    assert Interfaces().find("127.0.0.1", 0.0) == InterfaceAddress("127.0.0.1", 8)


@pytest.mark.parametrize(
    ("addresses", "families"),
    [
        (["127.0.0.1", "::1"], set()),
        (["127.0.0.1", "::1", "192.0.2.1"], {socket.AF_INET}),
        (["127.0.0.1", "fe80::1"], {socket.AF_INET6}),
        (["127.0.0.2", "fd00::1"], {socket.AF_INET, socket.AF_INET6}),
    ],
)
def test_the_families_that_are_configured(monkeypatch, addresses, families):
    found = [InterfaceAddress(address, 24) for address in addresses]
    monkeypatch.setattr(interfaces, "read_ipv4_addresses", lambda: found)
    monkeypatch.setattr(interfaces, "read_ipv6_addresses", list)

    assert Interfaces().families(0.0) == families


def test_where_the_platform_tells_nothing_the_routes_do(monkeypatch):
    monkeypatch.setattr(interfaces, "read_ipv4_addresses", list)
    monkeypatch.setattr(interfaces, "read_ipv6_addresses", list)
    monkeypatch.setattr(interfaces, "source_address", lambda address: "192.0.2.7" if "." in address else None)

    own = Interfaces()

    assert own.families(0.0) == {socket.AF_INET}
    assert own.find("192.0.2.7", 0.0) is None


def test_it_looks_again_after_five_seconds(monkeypatch):
    found = []
    monkeypatch.setattr(interfaces, "read_ipv4_addresses", lambda: [InterfaceAddress("127.0.0.1", 8), *found])
    monkeypatch.setattr(interfaces, "read_ipv6_addresses", list)
    own = Interfaces()
    assert own.families(10.0) == set()
    found.append(InterfaceAddress("192.0.2.1", 24))

    assert own.families(14.9) == set()
    assert own.families(15.0) == {socket.AF_INET}


@pytest.mark.parametrize(
    ("destination", "source"),
    [("127.0.0.1", "127.0.0.1"), ("127.8.8.8", "127.0.0.1"), ("::ffff:127.0.0.1", "::ffff:127.0.0.1")],
)
def test_the_source_for_a_destination_on_loopback(destination, source):
    assert source_address(destination) == source


def test_no_interface_of_that_name():
    assert source_address("fe80::1%no-such-interface") is None


def test_more_interfaces_than_there_was_room_for(in_private_etc):
    program = """
import subprocess
from aioresolver.system.interfaces import read_ipv4_addresses
for number in range(70):
    done = subprocess.run(["ip", "address", "add", f"10.0.{number}.1/25", "dev", "lo"], capture_output=True)
    if done.returncode:
        break
print(json.dumps([number, read_ipv4_addresses()]))
"""
    try:
        added, found = in_private_etc(program, {})
    except AssertionError as error:
        pytest.skip(f"needs iproute2: {error}")

    assert added == 69
    assert [address[:2] for address in found[-70:]] == [[f"10.0.{number}.1", 25] for number in range(70)]
