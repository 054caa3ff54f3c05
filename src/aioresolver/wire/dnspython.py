"""Messages as dnspython's messages and RRsets, and back. What goes between is the wire."""

from __future__ import annotations

from collections.abc import Sequence

from aioresolver.errors import MessageFormatError, ServerFailure
from aioresolver.wire.codes import Flag, Rcode, RRClass, RRType
from aioresolver.wire.compression import read_name
from aioresolver.wire.message import Message, Question, Record
from aioresolver.wire.names import Name
from aioresolver.wire.rdata import read_rdata, write_rdata

OLDEST = 2, 7
WANTED = 'messages and RRsets of dnspython need dnspython 2.7 or newer: pip install "aioresolver[dnspython]"'

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

__all__ = ["from_dnspython", "to_message", "to_rrset"]


def to_message(message: Message) -> dns.message.Message:
    """The whole message, as it came; one that did not come but was made is a reply.

    Raises `dns.exception.FormError` for data that dnspython does not take, where it is stricter than we are.
    """
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


def to_rrset(records: Sequence[Record], ttl: int) -> dns.rrset.RRset:
    """One or more records of one name, type and class, in their order. Raises as `to_message`."""
    rdatas = []
    for record in records:
        wire = bytearray()
        write_rdata(wire, record.data, None)
        rdatas.append(dns.rdata.from_wire(int(record.class_), int(record.type), bytes(wire), 0, len(wire)))  # type: ignore[arg-type] # any number will do
    name, _ = dns.name.from_wire(Name(records[0].name).to_wire(), 0)
    return dns.rrset.from_rdata_list(name, ttl, rdatas)


def from_dnspython(given: dns.message.Message | dns.rrset.RRset) -> Message:
    """A reply to one question; to an RRset's own when that is what is given.

    Raises ServerFailure when its rcode is neither NOERROR nor NXDOMAIN, MessageFormatError when it is no such reply.
    """
    if isinstance(given, dns.rrset.RRset):
        return _reply(given)
    try:
        message = Message.parse(given.to_wire(want_shuffle=False))
    except dns.exception.DNSException as error:
        raise MessageFormatError(f"dnspython cannot write this message: {error}") from error
    if not message.flags & Flag.QR or len(message.question) != 1:
        raise MessageFormatError("an answer is made of a reply to one question")
    if message.rcode not in (Rcode.NOERROR, Rcode.NXDOMAIN):
        name, type_, _ = message.question[0]
        raise ServerFailure(name, str(type_), f"the reply is {message.rcode}", rcode=message.rcode.name)
    return message


def _reply(rrset: dns.rrset.RRset) -> Message:
    name, _ = read_name(rrset.name.to_wire() or b"", 0)
    question = Question(name, RRType(int(rrset.rdtype)), RRClass(int(rrset.rdclass)))
    records = []
    for rdata in rrset:
        wire = rdata.to_wire()
        data = read_rdata(question.type, wire, 0, len(wire))
        records.append(Record(name, question.type, question.class_, rrset.ttl, data))
    return Message(flags=Flag.QR, question=(question,), answer=tuple(records))
