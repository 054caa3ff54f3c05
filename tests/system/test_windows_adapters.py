"""GetAdaptersAddresses' linked structures, made here as Windows makes them."""

from __future__ import annotations

import ctypes
import itertools
import socket
import sys

import pytest

from aioresolver.system.windows import Adapter
from aioresolver.system.windows_adapters import ERROR_BUFFER_OVERFLOW, _AdapterNode, _AddressNode, read_adapters

KEPT = []


def sockaddr(address, scope=0):
    """A SOCKADDR_IN or SOCKADDR_IN6 in memory that lives as long as the test."""
    if ":" in address:
        head = (23).to_bytes(2, sys.byteorder) + bytes(6)
        data = head + socket.inet_pton(socket.AF_INET6, address) + scope.to_bytes(4, sys.byteorder)
    else:
        data = (2).to_bytes(2, sys.byteorder) + bytes(2) + socket.inet_aton(address) + bytes(8)
    KEPT.append(ctypes.create_string_buffer(data, len(data)))
    return ctypes.addressof(KEPT[-1]), len(data)


def linked(nodes):
    """A chain of nodes; a pointer to the first, or none."""
    KEPT.extend(nodes)
    for node, following in itertools.pairwise(nodes):
        node.next = ctypes.pointer(following)
    return ctypes.pointer(nodes[0]) if nodes else None


def addresses(*pairs):
    return linked([_AddressNode(address=sockaddr(*pair)) for pair in pairs])


def adapter(name, servers, *, gateway=False, **fields):
    node = _AdapterNode(
        friendly_name=name, **{"oper_status": 1, "type": 6, "ipv4_metric": 25, "ipv6_metric": 35} | fields
    )
    if servers:
        node.first_dns_server = addresses(*servers)
    if gateway:
        node.first_gateway = addresses(("192.0.2.254",))
    return node


NODES = [
    adapter("Ethernet", [("192.0.2.1",), ("fe80::1", 7), ("2001:db8::1", 7)], gateway=True, dns_suffix="corp.example"),
    adapter("Wi-Fi", [("192.0.2.2",)], oper_status=2, ipv4_metric=0, ipv6_metric=50),
    adapter("Loopback", [], type=24),
    adapter("Tunnel", [("2001:db8::2",)], type=131),
]
EXPECTED = [
    Adapter("Ethernet", ("192.0.2.1", "fe80::1%7", "2001:db8::1"), "corp.example", has_gateway=True, metric=25),
    Adapter("Wi-Fi", ("192.0.2.2",), up=False, metric=50),
    Adapter("Loopback", loopback=True, metric=25),
    Adapter("Tunnel", ("2001:db8::2",), metric=25),
]


def test_the_list_of_adapters_is_read():
    first = linked(NODES)
    asked = []

    def fetch(buffer, size):
        asked.append(size.value)
        if len(asked) == 1:
            size.value = 40_000
            return ERROR_BUFFER_OVERFLOW
        ctypes.memmove(buffer, first, ctypes.sizeof(_AdapterNode))
        return 0

    assert read_adapters(fetch) == EXPECTED
    assert asked == [15_000, 40_000]


@pytest.mark.parametrize("error", [232, 87, ERROR_BUFFER_OVERFLOW])
def test_an_error_is_no_adapters(error):
    assert read_adapters(lambda *_: error) == []


def test_an_address_of_another_family_is_passed_over():
    node = adapter("odd", [("192.0.2.1",)])
    odd = ctypes.create_string_buffer(bytes(16), 16)
    node.first_dns_server.contents.address.sockaddr = ctypes.addressof(odd)
    empty = adapter("empty", [("192.0.2.1",)])
    empty.first_dns_server.contents.address.sockaddr = None
    first = linked([node, empty])

    def fetch(buffer, size):
        ctypes.memmove(buffer, first, ctypes.sizeof(_AdapterNode))
        return 0

    assert [found.nameservers for found in read_adapters(fetch)] == [(), ()]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has some")
def test_elsewhere_there_are_none():
    assert read_adapters() == []


@pytest.mark.skipif(ctypes.sizeof(ctypes.c_void_p) != 8, reason="offsets of 64 bits")
def test_the_layout_is_that_of_64_bit_windows():
    """The offsets of IP_ADAPTER_ADDRESSES_LH."""
    fields = (
        "next",
        "first_dns_server",
        "friendly_name",
        "oper_status",
        "first_prefix",
        "first_gateway",
        "ipv4_metric",
    )

    assert [getattr(_AdapterNode, field).offset for field in fields] == [8, 48, 72, 104, 176, 208, 216]
