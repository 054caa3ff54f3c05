"""dnspython: an Answer as a `dns.message.Message` or a `dns.rrset.RRset`, and the way back. What goes between is the wire."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from aioresolver.answer import Answer
from aioresolver.errors import MessageFormatError, ServerFailure
from aioresolver.wire.codes import Flag, Rcode, RRClass, RRType
from aioresolver.wire.compression import read_name
from aioresolver.wire.message import Message, Question, Record
from aioresolver.wire.names import Name
from aioresolver.wire.rdata import read_rdata, write_rdata

OLDEST = 2, 7
WANTED = 'aioresolver.adapters.dnspython needs dnspython 2.7 or newer: pip install "aioresolver[dnspython]"'

try:
    import dns.exception
    import dns.message
    import dns.name
    import dns.rdata
    import dns.rrset
    import dns.version
except ImportError as _error:
    raise type(_error)(WANTED, name=_error.name) from _error
if (dns.version.MAJOR, dns.version.MINOR) < OLDEST:
    raise ImportError(f"{WANTED}; here is {dns.version.version}", name="dns")

__all__ = ["from_message", "from_rrset", "to_message", "to_rrset"]


def to_message(answer: Answer[Any]) -> dns.message.Message:
    """The whole message of an answer, as it came. One that came in no message has the answer's records, and QR set.

    Raises `dns.exception.FormError` for data that dnspython does not take, where it is stricter than we are.
    """
    message = answer.message
    wire = message.wire
    if wire is None:
        wire = Message(
            id=message.id,
            flags=message.flags | Flag.QR,
            opcode=message.opcode,
            rcode=message.rcode,
            question=message.question,
            answer=message.answer,
            authority=message.authority,
            additional=message.additional,
            edns=message.edns,
        ).to_wire()
    return dns.message.from_wire(wire)


def to_rrset(answer: Answer[Any]) -> dns.rrset.RRset | None:
    """The records of an answer at the name that its aliases lead to; None when it has none.

    They are in the answer's order, and the TTL is what is left of it. Raises ValueError for an answer to ANY, whose
    records are of several types.
    """
    if answer.question.type == RRType.ANY:
        raise ValueError("an answer to ANY has records of several types: use to_message()")
    if not answer:
        return None
    rdatas = []
    for record in answer.records:
        wire = bytearray()
        write_rdata(wire, record.data, None)
        rdatas.append(dns.rdata.from_wire(int(record.class_), int(record.type), bytes(wire), 0, len(wire)))  # type: ignore[arg-type]
    return dns.rrset.from_rdata_list(_to_name(answer.name), answer.ttl, rdatas)


def from_message(message: dns.message.Message, *, server: str | None = None) -> Answer[Any]:
    """The answer that a reply holds, for its one question; `dns.resolver.Answer` has it as its `response`.

    Its TTL counts from now. Raises ServerFailure when the reply's rcode is neither NOERROR nor NXDOMAIN,
    MessageFormatError when it is no reply to one question.
    """
    try:
        ours = Message.parse(message.to_wire(want_shuffle=False))
    except dns.exception.DNSException as error:
        raise MessageFormatError(f"dnspython cannot write this message: {error}") from error
    if not ours.flags & Flag.QR or len(ours.question) != 1:
        raise MessageFormatError("an answer is made of a reply to one question")
    question = ours.question[0]
    if ours.rcode not in (Rcode.NOERROR, Rcode.NXDOMAIN):
        reason = f"the reply is {ours.rcode}"
        raise ServerFailure(question.name, str(question.type), reason, rcode=ours.rcode.name)
    return Answer.of(question, ours, now=_now(), server=server)


def from_rrset(rrset: dns.rrset.RRset, *, server: str | None = None) -> Answer[Any]:
    """The answer that has these records, to the question for their name and type. Its TTL counts from now."""
    name, _ = read_name(rrset.name.to_wire() or b"", 0)
    question = Question(name, RRType(int(rrset.rdtype)), RRClass(int(rrset.rdclass)))
    records = []
    for rdata in rrset:
        wire = rdata.to_wire()
        data = read_rdata(question.type, wire, 0, len(wire))
        records.append(Record(name, question.type, question.class_, rrset.ttl, data))
    return Answer.from_records(question, records, now=_now(), server=server)


def _to_name(name: Name) -> dns.name.Name:
    return dns.name.from_wire(Name(name).to_wire(), 0)[0]


def _now() -> float:
    try:
        return asyncio.get_running_loop().time()
    except RuntimeError:
        return time.monotonic()
