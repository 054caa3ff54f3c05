"""Packets lost in the kernel: a filter on another process's socket, which costs nobody any time.

A classic BPF program draws a random number for each packet (Linux 5.6 and later; the process is ours, or we are root).
"""

from __future__ import annotations

import ctypes
import os
import socket
import struct
from collections.abc import Iterator
from pathlib import Path

PIDFD_GETFD = 438
ATTACH_FILTER, MEMORY_INFO = 26, 55
LOAD_WORD, JUMP_IF_AT_LEAST, RETURN = 0x20, 0x35, 0x06
RANDOM = 0xFFFFF000 + 56


def borrow(process: int, port: int) -> socket.socket:
    """The UDP socket of that port, which this process or one of its children has open; raises OSError without it."""
    inode = _inode(port)
    for holder in _family(process):
        for entry in Path(f"/proc/{holder}/fd").iterdir():
            if str(entry.readlink()) == f"socket:[{inode}]":
                return _copy(holder, int(entry.name))
    raise OSError(f"process {process} has no UDP socket on port {port}")


def lose(sock: socket.socket, share: float) -> None:
    """From now on the socket never sees this share of what is sent to it."""
    program = [
        (LOAD_WORD, 0, 0, RANDOM),
        (JUMP_IF_AT_LEAST, 1, 0, int(share * 2**32)),
        (RETURN, 0, 0, 0),
        (RETURN, 0, 0, 0xFFFFFFFF),
    ]
    code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *instruction) for instruction in program))
    sock.setsockopt(socket.SOL_SOCKET, ATTACH_FILTER, struct.pack("HP", len(program), ctypes.addressof(code)))


def dropped(sock: socket.socket) -> int:
    """How many packets the socket has not seen, by the filter or for want of room."""
    info = sock.getsockopt(socket.SOL_SOCKET, MEMORY_INFO, 36)
    return int(struct.unpack("9I", info)[8])


def sent() -> int:
    """How many UDP packets were sent in this network."""
    header, values = (
        line.split() for line in Path("/proc/net/snmp").read_text().splitlines() if line.startswith("Udp:")
    )
    return int(values[header.index("OutDatagrams")])


def _inode(port: int) -> str:
    for line in Path("/proc/net/udp").read_text().splitlines()[1:]:
        fields = line.split()
        if int(fields[1].partition(":")[2], 16) == port:
            return fields[9]
    raise OSError(f"nobody listens on UDP port {port}")


def _family(process: int) -> Iterator[int]:
    yield process
    for child in Path(f"/proc/{process}/task/{process}/children").read_text().split():
        yield from _family(int(child))


def _copy(process: int, descriptor: int) -> socket.socket:
    handle = os.pidfd_open(process)
    try:
        copy = ctypes.CDLL(None, use_errno=True).syscall(PIDFD_GETFD, handle, descriptor, 0)
    finally:
        os.close(handle)
    if copy < 0:
        raise OSError(ctypes.get_errno(), "the socket of another process is not for us")
    return socket.socket(fileno=copy)
