"""RFC 6724: its own examples, and the order of the C library on a machine with made-up interfaces."""

from __future__ import annotations

import shutil
from ipaddress import IPv4Network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aioresolver.errors import ConfigurationError
from aioresolver.system.address_order import AddressOrder, Source, sort_addresses
from aioresolver.system.interfaces import InterfaceAddress, Interfaces
from aioresolver.system.policy_table import GLIBC_TABLE, RFC6724_TABLE, parse_gai_conf

# RFC 6724, 10.2: what the destinations are reached from, and the order, which is also that of the pairs.
EXAMPLES = {
    "prefer matching scope": [("2001:db8:1::1", "2001:db8:1::2"), ("198.51.100.121", "169.254.13.78")],
    "prefer matching scope, IPv4": [("198.51.100.121", "198.51.100.117"), ("2001:db8:1::1", "fe80::1")],
    "prefer higher precedence": [("2001:db8:1::1", "2001:db8:1::2"), ("10.1.2.3", "10.1.2.4")],
    "prefer smaller scope": [("fe80::1", "fe80::2"), ("2001:db8:1::1", "2001:db8:1::2")],
    "prefer home address": [("2001:db8:1::1", Source("2001:db8:3::1", home=True)), ("fe80::1", "fe80::2")],
    "avoid deprecated addresses": [("2001:db8:1::1", "2001:db8:1::2"), ("fe80::1", Source("fe80::2", deprecated=True))],
    "longest matching prefix": [("2001:db8:1::1", "2001:db8:1::2"), ("2001:db8:3ffe::1", "2001:db8:3f44::2")],
    "prefer matching label": [("2002:c633:6401::1", "2002:c633:6401::2"), ("2001:db8:1::1", "2002:c633:6401::2")],
    "prefer higher precedence, 6to4": [("2001:db8:1::1", "2001:db8:1::2"), ("2002:c633:6401::1", "2002:c633:6401::2")],
    "avoid unusable destinations": [("192.0.2.1", "192.0.2.2"), ("2001:db8::1", None)],
    "IPv4 before unique local": [("192.0.2.1", "192.0.2.2"), ("fd00::1", "fd00::2")],
    "the same subnet": [("192.0.2.1", Source("192.0.2.2", 24)), ("198.51.100.1", Source("192.0.2.2", 24))],
}


def sources(pairs):
    return {destination: Source(source) if isinstance(source, str) else source for destination, source in pairs}.get


@pytest.mark.parametrize("pairs", EXAMPLES.values(), ids=EXAMPLES)
def test_the_examples_of_the_rfc(pairs):
    destinations = [destination for destination, _ in pairs]

    assert sort_addresses(destinations, sources(pairs), RFC6724_TABLE) == destinations
    assert sort_addresses(destinations[::-1], sources(pairs), RFC6724_TABLE) == destinations


def test_bits_in_common_mean_nothing_between_ipv4_networks():
    source_of = lambda _: Source("10.0.0.1", 8)

    assert sort_addresses(["192.0.2.1", "11.0.0.1"], source_of) == ["192.0.2.1", "11.0.0.1"]


def test_bits_behind_the_network_prefix_mean_nothing_to_the_rfc_and_count_for_glibc():
    source_of = lambda _: Source("2001:db8::1", 64)

    assert sort_addresses(["2001:db8::ff", "2001:db8::3"], source_of) == ["2001:db8::ff", "2001:db8::3"]
    assert sort_addresses(["2001:db8::ff", "2001:db8::3"], source_of, GLIBC_TABLE) == ["2001:db8::3", "2001:db8::ff"]


def test_glibc_prefers_unique_local_addresses_to_ipv4_unless_gai_conf_says_otherwise():
    source_of = sources([("192.0.2.1", "192.0.2.2"), ("fd00::1", "fd00::2")])
    addresses = ["192.0.2.1", "fd00::1"]

    assert sort_addresses(addresses, source_of, GLIBC_TABLE) == ["fd00::1", "192.0.2.1"]
    assert sort_addresses(addresses, source_of, parse_gai_conf("precedence ::ffff:0:0/96 100")) == addresses


@given(st.lists(st.ip_addresses().map(str), unique=True, max_size=6), st.randoms())
def test_sorting_loses_nothing_and_does_not_depend_on_the_order_of_unlike_addresses(addresses, random):
    source_of = lambda address: Source("::1" if ":" in address else "127.0.0.1")
    ordered = sort_addresses(addresses, source_of)

    assert sorted(ordered) == sorted(addresses)
    assert sort_addresses(ordered, source_of) == ordered


MIXED = ["192.0.2.1", "192.0.2.2", "2001:db8::1", "2001:db8::2", "192.0.2.3"]


def order(name, **keywords):
    source_of = lambda address: Source("2001:db8::f" if ":" in address else "198.51.100.1")
    return AddressOrder(name, source_of=source_of, table=RFC6724_TABLE, **keywords)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("rfc6724", ["2001:db8::1", "2001:db8::2", "192.0.2.1", "192.0.2.2", "192.0.2.3"]),
        ("as-is", MIXED),
        ("ipv4-first", ["192.0.2.1", "192.0.2.2", "192.0.2.3", "2001:db8::1", "2001:db8::2"]),
        ("interleave", ["2001:db8::1", "192.0.2.1", "2001:db8::2", "192.0.2.2", "192.0.2.3"]),
    ],
)
def test_the_orders(name, expected):
    assert order(name).sorted(MIXED, 0.0) == expected


def test_rotating():
    turns = order("rotate")

    assert [turns.sorted(["192.0.2.1", "192.0.2.2"], 0.0)[0] for _ in range(3)] == [
        "192.0.2.1",
        "192.0.2.2",
        "192.0.2.1",
    ]


def test_an_order_that_there_is_not():
    with pytest.raises(ConfigurationError, match="use one of rfc6724, as-is"):
        AddressOrder("random")


def test_duplicates_are_dropped():
    assert order("as-is").sorted(["192.0.2.1", "192.0.2.1"], 0.0) == ["192.0.2.1"]


def test_the_sortlist_decides_where_the_order_leaves_a_choice():
    sortlist = [IPv4Network("192.0.2.3/32"), IPv4Network("192.0.2.2/32")]
    expected = ["192.0.2.3", "192.0.2.2", "192.0.2.1"]

    assert order("rfc6724").sorted(MIXED, 0.0, sortlist=sortlist)[2:] == expected
    assert order("as-is").sorted(MIXED, 0.0, sortlist=sortlist) == [*expected[:2], *MIXED[2:4], expected[2]]


def test_sources_are_asked_for_once_in_five_seconds():
    asked = []

    def source_of(address):
        asked.append(address)
        return Source("192.0.2.9")

    addresses = ["192.0.2.1", "192.0.2.2"]
    ordering = AddressOrder(source_of=source_of, table=RFC6724_TABLE)
    for now in (100.0, 104.9, 105.0):
        ordering.sorted(addresses, now)

    assert asked == addresses * 2


def test_what_is_remembered_is_bounded():
    ordering = order("rfc6724")
    for number in range(0, 10_000, 2):
        ordering.sorted([f"10.0.{n >> 8}.{n & 255}" for n in (number, number + 1)], 0.0)

    assert len(ordering._ranks) < 5000


def test_with_one_address_there_is_nothing_to_ask():
    ordering = AddressOrder(source_of=None, gai_conf="/nowhere")

    assert ordering.sorted(["192.0.2.1"], 0.0) == ["192.0.2.1"]
    assert ordering.sorted([], 0.0) == []


def test_loopback_as_this_machine_has_it():
    assert AddressOrder().sorted(["127.0.0.2", "127.0.0.1", "127.0.0.2"], 0.0) == ["127.0.0.1", "127.0.0.2"]


def test_what_the_interface_says_of_the_source_is_used(monkeypatch):
    monkeypatch.setattr("aioresolver.system.address_order.source_address", {"fe80::1": "fe80::2"}.get)
    interfaces = Interfaces()
    monkeypatch.setattr(interfaces.__class__, "find", lambda *_: InterfaceAddress("fe80::2", 64, deprecated=True))

    order = AddressOrder(interfaces=interfaces, table=RFC6724_TABLE)

    assert order._source("fe80::1", 0.0) == Source("fe80::2", 64, deprecated=True)
    assert AddressOrder()._source("2001:db8::1", 0.0) is None


DESTINATIONS = [
    "192.0.2.9", "192.0.2.130", "198.51.100.7", "10.1.2.3", "127.0.0.1", "169.254.1.1", "203.0.113.255",
    "::1", "fd00::77", "fd00::3", "2001:db8::9", "2001:db8::ff", "2001:db8:1::1", "2002:c000:209::1", "fe80::9",
    "fec0::1", "2001::1", "3ffe::1", "ff02::1", "::192.0.2.9",
]  # fmt: skip
MAPPED = [f"::ffff:{address}" if "." in address else address for address in DESTINATIONS if address[:2] != "::"]
MACHINES = {
    "loopback only": [],
    "IPv4": ["192.0.2.2/25"],
    "two of IPv4": ["192.0.2.2/25", "10.1.0.1/8"],
    "IPv6": ["2001:db8::2/64"],
    "both": ["192.0.2.2/25", "2001:db8::2/64", "fe80::2/64"],
    "unique local": ["192.0.2.2/25", "fd00::2/64"],
    "deprecated": ["192.0.2.2/25", "2001:db8::2/64 preferred_lft 0", "fd00::2/64"],
    "6to4": ["192.0.2.2/25", "2002:c000:202::1/16", "2001::2/32"],
}
PROGRAM = """
import os, random, socket, subprocess
from aioresolver.system.address_order import AddressOrder
addresses, kinds = given
def ip(*words):
    assert subprocess.run(["ip", *words], capture_output=True).returncode == 0 or "route" in words
for address in addresses:
    address, *rest = address.split()
    ip("address", "add", address, "dev", "lo", *(["nodad"] if ":" in address else []), *rest)
routed = {":" in address for address in addresses if not address.startswith("fe80")}
for ipv6 in routed:
    ip("-6" if ipv6 else "-4", "route", "add", "default", "dev", "lo")
chance = random.Random(1)
results = []
for destinations in kinds * 30:
    chosen = chance.sample(destinations, chance.choice([2, 2, 3, 4, 6, len(destinations)]))
    with open("/etc/hosts", "w") as file:
        file.writelines(f"{address} host.test\\n" for address in chosen)
    theirs = [entry[4][0] for entry in socket.getaddrinfo("host.test", 80, type=socket.SOCK_STREAM)]
    results.append([chosen, theirs, AddressOrder().sorted(chosen, 0.0)])
print(json.dumps(results))
"""


@pytest.mark.skipif(shutil.which("ip") is None, reason="needs iproute2")
@pytest.mark.parametrize("addresses", MACHINES.values(), ids=MACHINES)
@pytest.mark.parametrize(
    "gai_conf", ["", "precedence ::ffff:0:0/96 100\nlabel 2001:db8::/32 9\n"], ids=["", "gai.conf"]
)
def test_the_c_library_has_the_same_order(in_private_etc, addresses, gai_conf):
    files = {"hosts": "", "nsswitch.conf": "hosts: files\n", "gai.conf": gai_conf}

    for chosen, theirs, ours in in_private_etc(PROGRAM, files, [addresses, [DESTINATIONS, MAPPED]]):
        assert ours == theirs, chosen
