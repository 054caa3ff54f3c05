"""Query bytes to reply bytes: header, EDNS, truncation, and what is no query at all. Pure."""

from __future__ import annotations

import struct
from typing import NamedTuple

from aioresolver.errors import MessageFormatError
from aioresolver.testing.authority import Authority, Verdict
from aioresolver.wire.codes import Flag, Rcode
from aioresolver.wire.edns import Edns
from aioresolver.wire.message import Message, Question

__all__ = ["Replies", "Reply"]

LARGEST = 65535
PLAIN_UDP = 512  # RFC 1035, 2.3.4
DNSSEC_OK = 0x8000
OPCODE = 0x7800
# Plain numbers, for arithmetic with the members of an enum is slow.
QR, AA, TC, RA = Flag.QR.value, Flag.AA.value, Flag.TC.value, Flag.RA.value
ECHOED = Flag.RD.value | Flag.CD.value


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
        """The reply to a query over udp, or over what takes more; None for what is too short to be one, and for replies."""
        if len(query) < 12 or query[2] & 0x80:
            return None
        word = int.from_bytes(query[2:4], "big")
        if word & OPCODE:
            return Reply(_header(word, Rcode.NOTIMP))
        try:
            message = Message.parse(query)
            end = _question_end(query)
        except MessageFormatError:
            return Reply(_header(word, Rcode.FORMERR))
        question, edns = message.question[0], message.edns
        too_new = edns is not None and edns.version > 0
        verdict = Verdict(Rcode.BADVERS) if too_new else self.authority.answer(question)
        limit = LARGEST
        if transport == "udp":
            limit = PLAIN_UDP if edns is None else max(PLAIN_UDP, min(edns.payload, self.udp_payload))
        ours = None if edns is None else Edns(payload=self.udp_payload, flags=edns.flags & DNSSEC_OK)
        wire = self._write(question, word & ECHOED, verdict, ours, limit)
        # The question as it was asked, not in our spelling: askers compare its bytes.
        return Reply(wire[2:12] + query[12:end] + wire[end:], question, end, edns is not None)

    def _write(self, question: Question, echoed: int, verdict: Verdict, edns: Edns | None, limit: int) -> bytes:
        flags = QR | echoed
        if verdict.authoritative:
            flags |= AA
        if self.recursion_available and not verdict.referral:
            flags |= RA
        message = Message(
            flags=flags,
            rcode=verdict.rcode,
            question=(question,),
            answer=verdict.answer,
            authority=verdict.authority,
            additional=verdict.additional,
            edns=edns,
        )
        wire = message.to_wire(limit=limit)
        if verdict.referral and int.from_bytes(wire[10:12], "big") < len(verdict.additional) + (edns is not None):
            # Without its glue a referral may lead nowhere, so losing any of it counts (RFC 9471, 3.1).
            return wire[:2] + bytes((wire[2] | TC >> 8,)) + wire[3:]
        return wire


def _header(word: int, rcode: Rcode) -> bytes:
    """The header of a reply without any section, from its third byte on; `word` is the query's second."""
    return struct.pack("!HHHHH", QR | word & (OPCODE | ECHOED) | rcode, 0, 0, 0, 0)


def _question_end(query: bytes) -> int:
    """Where the question ends in a well-formed query. Raises MessageFormatError unless there is exactly one.

    Its name must not be a pointer: there is nothing to point back to, and the reply repeats these bytes.
    """
    if query[4:6] != b"\x00\x01":
        raise MessageFormatError("a query has one question")
    position = 12
    while query[position]:
        if query[position] > 63:
            raise MessageFormatError("the name of a question is a pointer")
        position += 1 + query[position]
    return position + 5
