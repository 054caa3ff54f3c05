"""Query bytes to reply bytes: header, EDNS, truncation, and what is no query at all. Pure."""

from __future__ import annotations

import struct
from typing import NamedTuple

from aioresolver.errors import MessageFormatError
from aioresolver.testing.authority import Authority, Verdict
from aioresolver.wire.codes import Flag, Opcode, Rcode
from aioresolver.wire.edns import Edns
from aioresolver.wire.message import Message, Question

__all__ = ["Replies", "Reply"]

LARGEST = 65535
PLAIN_UDP = 512  # RFC 1035, 2.3.4
DNSSEC_OK = 0x8000


class Reply(NamedTuple):
    """A reply without its id, and what was understood of the query.

    `question` is None, and `question_end` 0, when the query could not be read.
    """

    body: bytes
    question: Question | None = None
    question_end: int = 0
    edns: bool = False


class Replies:
    """Makes replies from what an authority says.

    `udp_payload` is the most bytes that go into one packet over UDP, and what our OPT says we take.
    `recursion_available` sets RA, as the nameservers of hosts do; a referral never has it.
    """

    def __init__(self, authority: Authority, *, udp_payload: int, recursion_available: bool) -> None:
        self.authority = authority
        self.udp_payload = udp_payload
        self.recursion_available = recursion_available

    def reply(self, query: bytes, transport: str) -> Reply | None:
        """The reply to a query over udp or tcp; None for what is too short to be one, and for replies."""
        if len(query) < 12 or query[2] & 0x80:
            return None
        try:
            message = Message.parse(query)
        except MessageFormatError:
            return Reply(_header(query, Rcode.FORMERR))
        if message.opcode != Opcode.QUERY:
            return Reply(_header(query, Rcode.NOTIMP))
        if len(message.question) != 1:
            return Reply(_header(query, Rcode.FORMERR))
        question = message.question[0]
        end = 12 + len(question.name.to_wire()) + 4
        if query[12:end].lower() != question.name.to_wire() + query[end - 4 : end]:
            return Reply(_header(query, Rcode.FORMERR))  # the name of a question has nothing to point back to
        verdict = self._verdict(message, question)
        limit = LARGEST
        if transport == "udp":
            limit = PLAIN_UDP if message.edns is None else max(PLAIN_UDP, min(message.edns.payload, self.udp_payload))
        wire = self._write(message, verdict, limit)
        # The question as it was asked, not in our spelling: askers compare its bytes.
        return Reply(wire[2:12] + query[12:end] + wire[end:], question, end, message.edns is not None)

    def _verdict(self, query: Message, question: Question) -> Verdict:
        if query.edns is not None and query.edns.version > 0:
            return Verdict(Rcode.BADVERS)
        return self.authority.answer(question)

    def _write(self, query: Message, verdict: Verdict, limit: int) -> bytes:
        flags = Flag(0)
        if verdict.authoritative:
            flags |= Flag.AA
        if self.recursion_available and not verdict.referral:
            flags |= Flag.RA
        edns = None
        if query.edns is not None:
            edns = Edns(payload=self.udp_payload, flags=query.edns.flags & DNSSEC_OK)
        message = query.reply(
            flags=flags,
            rcode=verdict.rcode,
            answer=verdict.answer,
            authority=verdict.authority,
            additional=verdict.additional,
            edns=edns,
        )
        wire = message.to_wire(limit=limit)
        if verdict.referral and int.from_bytes(wire[10:12], "big") < len(verdict.additional) + (edns is not None):
            # Without its glue a referral may lead nowhere, so losing any of it counts (RFC 9471, 3.1).
            return wire[:2] + bytes((wire[2] | Flag.TC >> 8,)) + wire[3:]
        return wire


def _header(query: bytes, rcode: Rcode) -> bytes:
    """The header of a reply without any section, from its third byte on."""
    word = Flag.QR | (int.from_bytes(query[2:4], "big") & 0x7900) | rcode
    return struct.pack("!HHHHH", word, 0, 0, 0, 0)
