"""Fuzz targets of what comes in messages: a target takes any bytes, and fails when anything but the documented happens.

What can be read must also hold together: it is written and read again, shown and parsed again.
"""

from __future__ import annotations

from contextlib import suppress

from aioresolver.answer import Answer
from aioresolver.errors import MessageFormatError, NameSyntaxError, RdataSyntaxError
from aioresolver.wire.codes import RRClass, RRType
from aioresolver.wire.compression import NameMemo, read_cased_name, read_name
from aioresolver.wire.edns import Edns, read_options
from aioresolver.wire.layout import read_plain_absence, read_plain_addresses
from aioresolver.wire.message import Message, Question, Record
from aioresolver.wire.names import Name
from aioresolver.wire.query import query_wire, question_section, randomized, same_but_case
from aioresolver.wire.rdata import parse_rdata, read_rdata, shapes, write_rdata
from aioresolver.wire.rdata.registry import generic_text

__all__ = [
    "TYPES",
    "answer",
    "edns",
    "message",
    "names_text",
    "names_wire",
    "query",
    "rdata_text",
    "rdata_wire",
    "record",
]

TYPES = [*(shape.type for shape in shapes()), RRType(65280)]


def message(data: bytes) -> None:
    """A whole message, everything in it read, shown, written and read again."""
    try:
        parsed = Message.parse(data)
    except MessageFormatError:
        return
    assert parsed.wire == data
    _ = parsed.flags, parsed.opcode, parsed.rcode, repr(parsed)
    edns_values(parsed.edns)
    records = [record for section in ("answer", "authority", "additional") for record in section_of(parsed, section)]
    whole = len(records) == sum(map(len, parsed.layout))
    for record in records:
        assert str(record) == repr(record)[8:-1]
        whole = whole and is_readable(record)
    if whole and parsed.question is not None:
        again = Message.parse(parsed.to_wire())
        assert again == parsed or again.flags != parsed.flags  # it grew beyond 64 KiB, and is truncated
    parsed.reply()


def section_of(parsed: Message, name: str) -> tuple[Record, ...]:
    """The records of a section; none when an owner in it is malformed."""
    try:
        records: tuple[Record, ...] = getattr(parsed, name)
    except MessageFormatError:
        return ()
    return records


def is_readable(record: Record) -> bool:
    """Whether the data of a record can be read."""
    try:
        _ = record.data
    except MessageFormatError:
        return False
    return True


def answer(data: bytes) -> None:
    """A reply read for its question, by the short way and the long one."""
    try:
        parsed = Message.parse(data)
        question = parsed.question[0]
    except (MessageFormatError, IndexError):
        return
    section = question_section(question)
    short = Answer[object].of_plain(question, data, 0.0) if data[12 : 12 + len(section)] == section else None
    position = 12 + len(section)
    for size, rrtype in ((4, RRType.A), (16, RRType.AAAA)):
        read_plain_addresses(data, position, rrtype, size)
    read_plain_absence(data, position)
    try:
        found = Answer[object].of(question, parsed, now=0.0)
        said = found.data, found.name, found.aliases, found.expires, found.rcode, found.total, found.dangling
    except MessageFormatError:
        assert short is None
        return
    repr(found)
    if short is not None:
        _ = parsed.answer, parsed.authority
        plain = short.data, short.name, short.aliases, short.expires, short.rcode, short.total, short.dangling
        assert plain == said


def names_wire(data: bytes) -> None:
    """Names in the middle of bytes, in the order of the first of them, which are offsets."""
    order, wire = data[:8], data[8:]
    memo = NameMemo()
    for offset in order:
        known = read_or_none(wire, offset, memo)
        assert known == read_or_none(wire, offset, None)
        if known is None:
            continue
        name, after = known
        assert offset < after <= len(wire)
        assert Name.parse(str(name)) == name
        assert read_name(name.to_wire(), 0) == (name, len(name.to_wire()))
        cased, end = read_cased_name(wire, offset, memo)
        assert (cased.lower(), end) == (name, after)
        assert name.parent == "." or name.is_under(name.parent)
        name.to_unicode()
        name.to_address()


def read_or_none(wire: bytes, offset: int, memo: NameMemo | None) -> tuple[Name, int] | None:
    """The name and the offset behind it, if there is one."""
    try:
        return read_name(wire, offset, memo)
    except MessageFormatError:
        return None


def names_text(data: bytes) -> None:
    """Names as people write them."""
    text = data.decode("utf-8", "surrogateescape")
    try:
        name = Name.parse(text)
    except NameSyntaxError:
        return
    assert type(name) is Name
    assert Name.parse(str(name)) == name
    wire = name.to_wire()
    assert len(wire) <= 255
    assert read_name(wire, 0) == (name, len(wire))
    assert b"".join(bytes((len(label),)) + label for label in name.labels) + b"\0" == wire
    assert Name.parse(name.to_unicode()) == name or "xn--" in name
    name.to_address()
    if len(wire) < 254:
        assert Name.parse("x", name).parent == name


def rdata_wire(data: bytes) -> None:
    """The data of a record of the type that the first byte chooses."""
    rrtype, wire = TYPES[data[0] % len(TYPES)] if data else TYPES[0], data[1:]
    try:
        value = read_rdata(rrtype, wire, 0, len(wire), NameMemo())
    except MessageFormatError:
        return
    check_rdata(rrtype, value)


def rdata_text(data: bytes) -> None:
    """The text of data of the type that the first byte chooses."""
    rrtype = TYPES[data[0] % len(TYPES)] if data else TYPES[0]
    try:
        value = parse_rdata(rrtype, data[1:].decode("utf-8", "surrogateescape"), Name.parse("origin.example"))
    except RdataSyntaxError:
        return
    check_rdata(rrtype, value)


def check_rdata(rrtype: RRType, value: object) -> None:
    """What was read comes back from its text and from its bytes."""
    buffer = bytearray()
    write_rdata(buffer, value)
    assert read_rdata(rrtype, bytes(buffer), 0, len(buffer)) == value
    assert parse_rdata(rrtype, str(value)) == value
    assert parse_rdata(rrtype, generic_text(value)) == value or len(buffer) > 0xFFFF
    repr(value)
    for name in dir(type(value)):
        if isinstance(getattr(type(value), name), property):
            getattr(value, name)


def record(data: bytes) -> None:
    """An entry of a zone file."""
    try:
        parsed = Record.parse(data.decode("utf-8", "surrogateescape"), Name.parse("origin.example"), ttl=60)
    except RdataSyntaxError:
        return
    assert Record.parse(str(parsed)) == parsed
    buffer = bytearray()
    with suppress(ValueError):  # more than 64 KiB of data
        parsed.write(buffer)


def edns(data: bytes) -> None:
    """The options of an OPT record."""
    try:
        options = read_options(data, 0, len(data))
    except MessageFormatError:
        return
    value = Edns(options=options)
    edns_values(value)
    assert value.to_wire()[11:] == data or len(data) > 0xFFFF


def edns_values(value: Edns | None) -> None:
    """All that OPT can say; each property gives a value or raises MessageFormatError."""
    if value is None:
        return
    for name in dir(Edns):
        if isinstance(getattr(Edns, name), property):
            with suppress(MessageFormatError):
                repr(getattr(value, name))
    assert [number for number, _ in value.unpadded().options if number == 12] == []


def query(data: bytes) -> None:
    """A question of any name, type and class as a query; its letters in any case."""
    try:
        name, after = read_name(data, 0)
    except MessageFormatError:
        return
    numbers = data[after : after + 4].ljust(4, b"\1")
    rrclass = RRClass.of(numbers[2] << 8 | numbers[3])
    question = Question(name, RRType.of(numbers[0] << 8 | numbers[1]), rrclass)
    wire = query_wire(question, padding=128)
    assert Message.parse(wire).question == (question,)
    assert len(wire) % 128 == 0
    section = question_section(question)
    other = randomized(section, data[after:].ljust(len(section), b"\xff"))
    assert same_but_case(section, other)
    assert Message.parse(wire.replace(section, other, 1)).question == (question,)
