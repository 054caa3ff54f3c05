"""The network adapters of Windows, as GetAdaptersAddresses tells. Apart, since who is elsewhere needs no ctypes."""

from __future__ import annotations

import ctypes
import socket
import sys
from collections.abc import Callable, Iterator

from aioresolver.system.windows import Adapter

__all__ = ["read_adapters"]

# GetAdaptersAddresses (iphlpapi.h).
SKIP_UNICAST, SKIP_ANYCAST, SKIP_MULTICAST, INCLUDE_GATEWAYS = 0x1, 0x2, 0x4, 0x80
ERROR_BUFFER_OVERFLOW = 111
OPER_STATUS_UP = 1
SOFTWARE_LOOPBACK = 24
AF_INET, AF_INET6 = 2, 23  # Windows' own numbers, whatever the platform of a test


def read_adapters(fetch: Callable[[ctypes.Array[ctypes.c_char], ctypes.c_uint32], int] | None = None) -> list[Adapter]:
    """All adapters of this machine, as GetAdaptersAddresses gives them; none when it fails.

    `fetch` stands in for it: it fills the buffer, or says how large it has to be, and returns an error code.
    """
    fetch = fetch or _fetch_adapters
    size = ctypes.c_uint32(15_000)  # what its documentation advises to begin with
    for _ in range(4):
        buffer = ctypes.create_string_buffer(size.value)
        error = fetch(buffer, size)
        if error == 0:
            first = ctypes.cast(buffer, ctypes.POINTER(_AdapterNode))
            return [_adapter(node) for node in _chain(first)]
        if error != ERROR_BUFFER_OVERFLOW:
            break
    return []


class _SocketAddress(ctypes.Structure):
    """SOCKET_ADDRESS."""

    _fields_ = [("sockaddr", ctypes.c_void_p), ("length", ctypes.c_int)]


class _AddressNode(ctypes.Structure):
    """IP_ADAPTER_DNS_SERVER_ADDRESS, and IP_ADAPTER_GATEWAY_ADDRESS, which begins alike."""


_AddressNode._fields_ = [
    ("length", ctypes.c_uint32),
    ("reserved", ctypes.c_uint32),
    ("next", ctypes.POINTER(_AddressNode)),
    ("address", _SocketAddress),
]


class _AdapterNode(ctypes.Structure):
    """IP_ADAPTER_ADDRESSES, as far as the metrics."""


_AdapterNode._fields_ = [
    ("length", ctypes.c_uint32),
    ("index", ctypes.c_uint32),
    ("next", ctypes.POINTER(_AdapterNode)),
    ("adapter_name", ctypes.c_char_p),
    ("first_unicast", ctypes.c_void_p),
    ("first_anycast", ctypes.c_void_p),
    ("first_multicast", ctypes.c_void_p),
    ("first_dns_server", ctypes.POINTER(_AddressNode)),
    ("dns_suffix", ctypes.c_wchar_p),
    ("description", ctypes.c_wchar_p),
    ("friendly_name", ctypes.c_wchar_p),
    ("physical_address", ctypes.c_ubyte * 8),
    ("physical_address_length", ctypes.c_uint32),
    ("flags", ctypes.c_uint32),
    ("mtu", ctypes.c_uint32),
    ("type", ctypes.c_uint32),
    ("oper_status", ctypes.c_uint32),
    ("ipv6_index", ctypes.c_uint32),
    ("zone_indices", ctypes.c_uint32 * 16),
    ("first_prefix", ctypes.c_void_p),
    ("transmit_speed", ctypes.c_uint64),
    ("receive_speed", ctypes.c_uint64),
    ("first_wins_server", ctypes.c_void_p),
    ("first_gateway", ctypes.POINTER(_AddressNode)),
    ("ipv4_metric", ctypes.c_uint32),
    ("ipv6_metric", ctypes.c_uint32),
]


def _fetch_adapters(buffer: ctypes.Array[ctypes.c_char], size: ctypes.c_uint32) -> int:
    if sys.platform != "win32":
        return 1
    flags = SKIP_UNICAST | SKIP_ANYCAST | SKIP_MULTICAST | INCLUDE_GATEWAYS
    return int(ctypes.windll.iphlpapi.GetAdaptersAddresses(0, flags, None, buffer, ctypes.byref(size)))


def _chain(node: ctypes._Pointer[_AdapterNode]) -> Iterator[_AdapterNode]:
    while node:
        yield node.contents
        node = node.contents.next


def _adapter(node: _AdapterNode) -> Adapter:
    return Adapter(
        name=node.friendly_name or "",
        nameservers=tuple(filter(None, map(_address, _addresses(node.first_dns_server)))),
        suffix=node.dns_suffix or "",
        up=node.oper_status == OPER_STATUS_UP,
        loopback=node.type == SOFTWARE_LOOPBACK,
        has_gateway=bool(node.first_gateway),
        metric=min(node.ipv4_metric, node.ipv6_metric) or max(node.ipv4_metric, node.ipv6_metric),
    )


def _addresses(node: ctypes._Pointer[_AddressNode]) -> Iterator[_SocketAddress]:
    while node:
        yield node.contents.address
        node = node.contents.next


def _address(entry: _SocketAddress) -> str:
    """The text of a socket address, with its scope; empty for another family."""
    if not entry.sockaddr:
        return ""
    data = ctypes.string_at(entry.sockaddr, entry.length)
    family = int.from_bytes(data[:2], sys.byteorder)
    if family == AF_INET and len(data) >= 8:
        return socket.inet_ntop(socket.AF_INET, data[4:8])
    if family == AF_INET6 and len(data) >= 28:
        scope = int.from_bytes(data[24:28], sys.byteorder)
        address = socket.inet_ntop(socket.AF_INET6, data[8:24])
        return f"{address}%{scope}" if scope and address.startswith("fe80:") else address
    return ""
