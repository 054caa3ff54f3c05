"""A network of our own: loopback and nothing else, so that what the kernel counts is what we sent.

Works for root, and for others where the kernel lets them make user namespaces; elsewhere the machine's network is used,
and the counts include what others send meanwhile.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import socket
import struct
import subprocess
import sys
from pathlib import Path

NEW_NETWORK, NEW_USER = 0x40000000, 0x10000000
GET_FLAGS, SET_FLAGS, UP = 0x8913, 0x8914, 1


def enter() -> bool:
    """Move this process, and those it starts from now on, into a network of their own; whether that was possible."""
    if not sys.platform.startswith("linux"):
        return False
    # Tried out first: a process that left its network and cannot raise loopback has none.
    if subprocess.run([sys.executable, __file__], capture_output=True, check=False).returncode:
        return False
    _enter()
    return True


def _enter() -> None:
    user, group = os.getuid(), os.getgid()
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(NEW_NETWORK):
        if libc.unshare(NEW_NETWORK | NEW_USER):
            raise OSError(ctypes.get_errno(), "no network of our own")
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"0 {user} 1")
        Path("/proc/self/gid_map").write_text(f"0 {group} 1")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        request = struct.pack("16sH14x", b"lo", 0)
        flags = struct.unpack("16sH14x", fcntl.ioctl(sock, GET_FLAGS, request))[1]
        fcntl.ioctl(sock, SET_FLAGS, struct.pack("16sH14x", b"lo", flags | UP))
        sock.bind(("127.0.0.1", 0))


if __name__ == "__main__":
    _enter()
