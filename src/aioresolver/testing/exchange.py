"""One query to the test server and the packets that go back for it."""

from __future__ import annotations

import struct
from collections.abc import Callable
from ipaddress import ip_address
from random import Random
from typing import NamedTuple

from aioresolver.wire.codes import RRType
from aioresolver.wire.message import Question

__all__ = ["FORGED_IPV4", "FORGED_IPV6", "Exchange", "Packet"]

FORGED_IPV4 = "203.0.113.66"
"""The address in a forged reply to a question for A: who shows it to a user has been fooled."""
FORGED_IPV6 = "2001:db8::bad"
"""The same for AAAA."""

_FORGED = {RRType.A: ip_address(FORGED_IPV4).packed, RRType.AAAA: ip_address(FORGED_IPV6).packed}


class Packet(NamedTuple):
    """A reply on its way: its bytes, seconds until it is sent, and whether it leaves from a wrong address."""

    wire: bytes
    delay: float = 0.0
    elsewhere: bool = False


class Exchange:
    """One query and the packets that go back for it: what a fault changes.

    `packets` is at first the right reply alone. `question` is None, and `question_end` 0, for a query that could not
    be read; otherwise the question section is `query[12:question_end]`, in the reply too. `edns` says whether the
    query had an OPT record. `random` is the server's generator. `hold`, if set, keeps the packets back until another
    reply has gone, but for no more seconds than it says. `close_after`, if set, ends a TCP connection after so many
    bytes of what would be sent.
    """

    __slots__ = ("close_after", "edns", "hold", "packets", "query", "question", "question_end", "random", "transport")

    def __init__(
        self,
        query: bytes,
        reply: bytes,
        *,
        question: Question | None,
        question_end: int,
        edns: bool,
        transport: str,
        random: Random,
    ) -> None:
        self.query: bytes = query
        self.packets: list[Packet] = [Packet(reply)]
        self.question: Question | None = question
        self.question_end: int = question_end
        self.edns: bool = edns
        self.transport: str = transport
        self.random: Random = random
        self.hold: float | None = None
        self.close_after: int | None = None

    def rewrite(self, change: Callable[[bytes], bytes]) -> None:
        """Change the bytes of every packet."""
        self.packets = [packet._replace(wire=change(packet.wire)) for packet in self.packets]

    def forge(self, wire: bytes, gap: float | None, *, elsewhere: bool = False) -> None:
        """Put a forged packet `gap` seconds before each packet; in its place where gap is None."""
        packets: list[Packet] = []
        for packet in self.packets:
            packets.append(packet._replace(wire=wire, elsewhere=elsewhere))
            if gap is not None:
                packets.append(packet._replace(delay=packet.delay + gap))
        self.packets = packets

    def empty(self, reply: bytes, *, rcode: int, flags: int = 0, edns: bool = True) -> bytes:
        """Header and question of a reply with this rcode and these flags added; OPT if the query had one."""
        word = (int.from_bytes(reply[2:4], "big") & 0xFFF0) | flags | (rcode & 0xF)
        with_opt = edns and self.edns
        head = reply[:2] + struct.pack("!HHHHH", word, 1 if self.question_end else 0, 0, 0, with_opt)
        opt = struct.pack("!BHHBBHH", 0, RRType.OPT, 1232, rcode >> 4, 0, 0, 0) if with_opt else b""
        return head + reply[12 : self.question_end] + opt

    def poisoned(self, *, random: bool = False) -> bytes:
        """The reply; with a forged address in it where the question is for one, or with a random one."""
        reply = self.packets[0].wire if self.packets else self.query
        data = _FORGED.get(self.question.type) if self.question else None
        if self.question is None or data is None:
            return reply
        if random:
            data = self.random.randbytes(len(data))
        word = int.from_bytes(reply[2:4], "big") & 0xFFF0
        head = reply[:2] + struct.pack("!HHHHH", word, 1, 1, 0, 0)
        record = struct.pack("!HHHIH", 0xC00C, self.question.type, 1, 86400, len(data)) + data
        return head + reply[12 : self.question_end] + record

    def garbled(self, *, keep_question: bool) -> bytes:
        """Noise as long as the reply, after a good header and question or from the first byte on."""
        reply = self.packets[0].wire if self.packets else self.query
        noise = self.random.randbytes(max(24, len(reply) - self.question_end))
        if not keep_question or not self.question_end:
            return noise
        # More records than fit into a message: whatever the noise is, it cannot be read.
        return reply[:6] + b"\xff\xff\x00\x00\x00\x00" + reply[12 : self.question_end] + noise
