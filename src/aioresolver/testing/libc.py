"""Point the real getaddrinfo of glibc at a server on loopback, without root and without touching any file."""

from __future__ import annotations

import ctypes
import ipaddress
import socket
import sys

__all__ = ["point_getaddrinfo_at"]

# From <resolv.h>: the state is set up, ask for recursion, never read resolv.conf again.
RES_INIT, RES_RECURSE, RES_NORELOAD = 0x1, 0x40, 0x02000000


def point_getaddrinfo_at(address: str, port: int, *, timeout: int = 1, tries: int = 1) -> bool:
    """Make `socket.getaddrinfo` and `socket.getnameinfo`, in the calling thread only, ask this nameserver.

    glibc keeps its resolver's state for each thread and takes a nameserver with any port from it. `address` is
    IPv4; `timeout` is in whole seconds for each of `tries`. The search list is switched off. Other sources than dns
    that nsswitch.conf names (the hosts file) are asked as before, in its order.

    Made to be the `initializer` of a SystemBackend: `partial(point_getaddrinfo_at, "127.0.0.1", server.port)`.
    Returns False, and has changed nothing, where this cannot be done: musl, macOS, Windows. Do not look up anything
    then, or the machine's own nameservers are asked. Raises ValueError when `address` is not IPv4.
    """
    if not sys.platform.startswith("linux"):
        return False
    libc = ctypes.CDLL(None)
    if not all(hasattr(libc, name) for name in ("gnu_get_libc_version", "__res_state", "__res_init")):
        return False
    server = ipaddress.IPv4Address(address)  # before anything is changed: it may be none
    if libc["__res_init"]() != 0:
        return False
    find_state = libc["__res_state"]
    find_state.restype = ctypes.POINTER(_State)
    state = find_state().contents
    state.retrans, state.retry = timeout, tries
    state.options = RES_INIT | RES_RECURSE | RES_NORELOAD
    state.nsaddr_list[0] = _SocketAddress(socket.AF_INET, socket.htons(port), (ctypes.c_ubyte * 4)(*server.packed))
    state.nscount = 1
    return True


class _SocketAddress(ctypes.Structure):
    """`struct sockaddr_in`."""

    _fields_ = [
        ("family", ctypes.c_ushort),
        ("port", ctypes.c_ushort),
        ("address", ctypes.c_ubyte * 4),
        ("zero", ctypes.c_ubyte * 8),
    ]


class _State(ctypes.Structure):
    """The head of `struct __res_state`, which has been the same in all of glibc's versions."""

    _fields_ = [
        ("retrans", ctypes.c_int),
        ("retry", ctypes.c_int),
        ("options", ctypes.c_ulong),
        ("nscount", ctypes.c_int),
        ("nsaddr_list", _SocketAddress * 3),
    ]
