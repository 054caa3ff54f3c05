"""The addresses of this machine's network interfaces, and from which of them it would reach another address.

Nothing here sends a packet: connecting a UDP socket only asks the routing table.
"""

from __future__ import annotations

import array
import socket
import struct
import sys
from typing import NamedTuple

__all__ = ["InterfaceAddress", "Interfaces", "source_address"]

LOOK_INTERVAL = 5.0
LOOPBACK = frozenset({"127.0.0.1", "::1"})
ANY_PORT = 9
# Documentation addresses (RFC 5737, RFC 3849): whether there is a route for them tells whether there is one at all.
FAR_AWAY = {socket.AF_INET: "198.51.100.1", socket.AF_INET6: "2001:db8::1"}

# From <linux/sockios.h> and <linux/if_addr.h>.
SIOCGIFCONF, SIOCGIFNETMASK = 0x8912, 0x891B
HOME_ADDRESS, DEPRECATED = 0x10, 0x20


class InterfaceAddress(NamedTuple):
    """An address of this machine: its text, the bits of its network, and what RFC 6724's rules 3 and 4 ask."""

    address: str
    prefix_length: int
    deprecated: bool = False
    home: bool = False


class Interfaces:
    """What is known of this machine's addresses, read again after `interval` seconds."""

    __slots__ = ("_addresses", "_families", "_interval", "_look_at")

    def __init__(self, *, interval: float = LOOK_INTERVAL) -> None:
        self._interval = interval
        self._look_at = float("-inf")
        self._addresses: dict[str, InterfaceAddress] = {}
        self._families: frozenset[int] = frozenset()

    def find(self, address: str, now: float) -> InterfaceAddress | None:
        """What is known of one of this machine's addresses; None where the platform does not tell."""
        self._look(now)
        return self._addresses.get(address)

    def families(self, now: float) -> frozenset[int]:
        """The families in which there is an address that is not loopback's: what AI_ADDRCONFIG asks, as in glibc."""
        self._look(now)
        return self._families

    def _look(self, now: float) -> None:
        if now < self._look_at:
            return
        self._look_at = now + self._interval
        addresses = [*read_ipv4_addresses(), *read_ipv6_addresses()]
        self._addresses = {found.address: found for found in addresses}
        if addresses:
            own = self._addresses.keys() - LOOPBACK
            self._families = frozenset(socket.AF_INET6 if ":" in address else socket.AF_INET for address in own)
        else:
            self._families = frozenset(family for family, there in FAR_AWAY.items() if source_address(there))


def source_address(destination: str) -> str | None:
    """The address from which this machine would send to the destination, without a scope; None when it cannot."""
    address, _, scope = destination.partition("%")
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            if family == socket.AF_INET6:
                probe.connect((address, ANY_PORT, 0, scope_id(scope) if scope else 0))
            else:
                probe.connect((address, ANY_PORT))
            return str(probe.getsockname()[0]).partition("%")[0]
    except OSError:
        return None


def scope_id(scope: str) -> int:
    """The number of an IPv6 scope written as a number or an interface's name; OSError when there is no such one."""
    return int(scope) if scope.isascii() and scope.isdigit() else socket.if_nametoindex(scope)


def read_ipv6_addresses(path: str = "/proc/net/if_inet6") -> list[InterfaceAddress]:
    """From Linux's table, a line each: address, interface, prefix length, scope and flags in hexadecimal, name."""
    try:
        with open(path, encoding="ascii") as file:  # noqa: PTH123 - pathlib costs a start more
            lines = file.read().splitlines()
    except (OSError, ValueError):
        return []
    found = []
    for line in lines:
        digits, _, prefix, _, flags, *_ = line.split()
        address = socket.inet_ntop(socket.AF_INET6, bytes.fromhex(digits))
        bits = int(flags, 16)
        found.append(InterfaceAddress(address, int(prefix, 16), bool(bits & DEPRECATED), bool(bits & HOME_ADDRESS)))
    return found


def read_ipv4_addresses() -> list[InterfaceAddress]:
    """From Linux's kernel."""
    if not sys.platform.startswith("linux"):
        return []
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            return [
                InterfaceAddress(socket.inet_ntoa(entry[20:24]), netmask_bits(probe.fileno(), entry))
                for entry in interface_entries(probe.fileno())
            ]
    except OSError:
        return []


def interface_entries(fd: int) -> list[bytes]:
    """A struct ifreq, name and address, for each IPv4 address of this machine: SIOCGIFCONF (see netdevice(7))."""
    import fcntl  # noqa: PLC0415 - there is none on Windows

    entry = struct.calcsize("16sH22x") if struct.calcsize("P") == 8 else struct.calcsize("16sH14x")
    room = 64
    while True:
        entries = array.array("B", bytes(room * entry))
        pointer, _ = entries.buffer_info()
        head = fcntl.ioctl(fd, SIOCGIFCONF, struct.pack("iP", len(entries), pointer))
        length = struct.unpack("iP", head)[0]
        if length < len(entries):
            break
        room *= 2  # it fills what it is given, and does not say how much more there was
    table = entries.tobytes()
    return [table[start : start + entry] for start in range(0, length, entry)]


def netmask_bits(fd: int, entry: bytes) -> int:
    """The length of the network prefix of the address in a struct ifreq."""
    import fcntl  # noqa: PLC0415 - there is none on Windows

    # Of an interface with several addresses it finds the one that stands in the request.
    answer = fcntl.ioctl(fd, SIOCGIFNETMASK, entry)
    return int.from_bytes(answer[20:24], "big").bit_count()
