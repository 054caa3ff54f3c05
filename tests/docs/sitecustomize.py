"""Keeps a process on loopback; Python imports this file by its name when its folder is on PYTHONPATH.

Port 53 of any address is the documentation's name server, and so are ports 853 and 443 where it can speak TLS; ports 80
and 25 of an address kept for documentation are its web server and its mail server; getaddrinfo and c-ares ask that name
server too. Every other address is out of reach.
"""

from __future__ import annotations

import errno
import ipaddress
import os
import socket
import threading
from typing import Any

DOCUMENTATION = [
    ipaddress.ip_network(block) for block in ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32")
]
NOWHERE_ELSE = ("localhost", "", "0.0.0.0", "::")


def place(kind: int, family: int, address: Any, ports: dict[str, int]) -> Any:
    """Where a packet for this address goes: loopback, or OSError."""
    if family not in (socket.AF_INET, socket.AF_INET6) or address[0] in NOWHERE_ELSE:
        return address
    target = ipaddress.ip_address(address[0].partition("%")[0])
    if (getattr(target, "ipv4_mapped", None) or target).is_loopback:
        return address
    served = {53: "dns", 853: "quic" if kind & socket.SOCK_DGRAM else "tls", 443: "https"}
    if any(target in block for block in DOCUMENTATION):
        served |= {80: "web", 25: "mail"}
    port = ports.get(served.get(address[1], ""))
    if port is None:
        raise OSError(errno.ENETUNREACH, f"the documentation stays on loopback, and wanted {address[:2]}")
    return ("127.0.0.1", port) if family == socket.AF_INET else ("::ffff:127.0.0.1", port, 0, 0)


def keep_sockets(name: str, ports: dict[str, int]) -> None:
    """Have this method of sockets, whose last argument is an address, go to `place` first."""
    original = getattr(socket.socket, name)

    def method(self: socket.socket, *arguments: Any) -> Any:
        *others, address = arguments
        return original(self, *others, place(self.type, self.family, address, ports))

    setattr(socket.socket, name, method)


def keep_libc(name: str, dns_port: int) -> None:
    """Have this lookup of the C library ask our name server, whichever thread it runs in."""
    original, thread = getattr(socket, name), threading.local()

    def lookup(*arguments: Any, **keywords: Any) -> Any:
        from aioresolver.testing.libc import point_getaddrinfo_at

        if not getattr(thread, "kept", False):
            thread.kept = point_getaddrinfo_at("127.0.0.1", dns_port)
        if not thread.kept:
            raise OSError(errno.ENETUNREACH, "this machine's getaddrinfo cannot be kept on loopback")
        return original(*arguments, **keywords)

    setattr(socket, name, lookup)


def keep_cares(dns_port: int) -> None:
    """Give every channel of c-ares, which sends from C, our name server."""
    import pycares

    original = pycares.Channel.__init__

    def start(self: pycares.Channel, **options: Any) -> None:
        original(self, **options | {"servers": [f"127.0.0.1:{dns_port}"]})

    pycares.Channel.__init__ = start


if text := os.environ.get("DOCUMENTATION_PORTS"):
    ports = {service: int(port) for service, port in (word.split("=") for word in text.split())}
    for method in ("connect", "connect_ex", "sendto"):
        keep_sockets(method, ports)
    for lookup in ("getaddrinfo", "gethostbyname", "gethostbyname_ex", "gethostbyaddr", "getnameinfo"):
        keep_libc(lookup, ports["dns"])
    keep_cares(ports["dns"])
