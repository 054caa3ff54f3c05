"""Messages: built, written, parsed, in every section; hostile bytes; dnspython as the oracle."""

from __future__ import annotations

import pickle
import struct
from socket import AF_INET6, inet_ntop

import dns.exception
import dns.message
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from aioresolver.errors import MessageFormatError, NameSyntaxError, RdataSyntaxError
from aioresolver.wire.codes import Flag, Opcode, Rcode, RRClass, RRType
from aioresolver.wire.compression import MAX_MALFORMED
from aioresolver.wire.edns import Edns
from aioresolver.wire.layout import MAX_OTHERS
from aioresolver.wire.message import Message, Question, Record
from aioresolver.wire.names import Name
from aioresolver.wire.query import query_wire
from aioresolver.wire.rdata import AAAA, CNAME, MX, NS, PTR, SOA, SRV, TXT, A, GenericRdata, write_rdata

checked = settings(derandomize=True, deadline=None, database=None)

NAME = Name.parse("www.example.org")
QUESTION = Question(NAME, RRType.A)
ADDRESS = Record(NAME, RRType.A, RRClass.IN, 300, A("192.0.2.1"))

names = st.builds(
    lambda parts, base: Name.parse(".".join([*parts, base])),
    st.lists(st.sampled_from(["www", "mail", "a", "_dmarc", "*", r"dots\.in", r"\000\255", "x" * 63]), max_size=3),
    st.sampled_from(["example.org.", "example.net.", "org.", "c."]),
) | st.just(Name.parse("."))
u16 = st.integers(0, 0xFFFF)
u31 = st.integers(0, 0x7FFFFFFF)
datas = st.one_of(
    st.builds(A, st.ip_addresses(v=4).map(str)),
    st.builds(AAAA, st.binary(min_size=16, max_size=16).map(lambda packed: inet_ntop(AF_INET6, packed))),
    st.builds(CNAME, names),
    st.builds(NS, names),
    st.builds(PTR, names),
    st.builds(MX, u16, names),
    st.builds(SRV, u16, u16, u16, names),
    st.builds(SOA, names, names, u31, u31, u31, u31, u31),
    st.builds(TXT, st.lists(st.binary(max_size=255), min_size=1, max_size=3).map(tuple)),
    st.builds(GenericRdata, st.just(RRType(65280)), st.binary(max_size=30)),
)
USUAL = {RRType[name] for name in ("A", "AAAA", "CNAME", "NS", "PTR", "MX", "SRV", "SOA", "TXT")} | {65280}


def type_named(data):
    return data.type if isinstance(data, GenericRdata) else RRType[type(data).__name__]


records = st.builds(lambda name, ttl, data: Record(name, type_named(data), RRClass.IN, ttl, data), names, u31, datas)
sections = st.lists(records, max_size=4)
edns = st.none() | st.builds(
    Edns,
    u16,
    st.just(0),
    st.sampled_from([0, 0x8000]),
    st.lists(st.tuples(st.just(65001), st.binary(max_size=9)), max_size=2).map(tuple),
)
messages = st.builds(
    Message,
    id=u16,
    flags=st.sampled_from([Flag(0), Flag.QR | Flag.RD | Flag.RA, Flag.QR | Flag.AA | Flag.TC, Flag.AD | Flag.CD]),
    rcode=st.sampled_from([Rcode.NOERROR, Rcode.NXDOMAIN, Rcode(15)]),
    question=st.lists(st.builds(Question, names, st.sampled_from([RRType.A, RRType.MX, RRType(1234)])), max_size=1),
    answer=sections,
    authority=sections,
    additional=sections,
    edns=edns,
)


def read_all(message):
    """Everything a message says, decoded."""
    return (
        *(message.id, message.flags, message.opcode, message.rcode, message.question, message.edns),
        *([(*record._key(), str(record)) for record in section] for section in sections_of(message)),
    )


def sections_of(message):
    return message.answer, message.authority, message.additional


# Questions


@pytest.mark.parametrize("type", ["MX", "mx", 15, RRType.MX, "TYPE15", "15"])
def test_a_question_is_what_people_write(type):
    question = Question.parse("Example.ORG", type)

    assert question == (Name.parse("example.org"), RRType.MX, RRClass.IN)
    assert question.type is RRType.MX
    assert str(question) == "example.org. MX"


def test_other_questions():
    assert Question.parse("example.org") == Question(Name.parse("example.org."), RRType.A)
    assert str(Question.parse("version.bind", "TXT", class_=RRClass.CH)) == "version.bind. CH TXT"
    assert str(Question.parse(".", 65280)) == ". TYPE65280"
    with pytest.raises(NameSyntaxError):
        Question.parse("a..b")
    with pytest.raises(ValueError, match="NOPE"):
        Question.parse("a.b", "NOPE")
    with pytest.raises(ValueError, match="65536"):
        Question.parse("a.b", 65536)


# Records


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("www.example.org. 300 IN A 192.0.2.1", None),
        ("www 1h A 192.0.2.1", "www.example.org. 3600 IN A 192.0.2.1"),
        ("www IN 300 A 192.0.2.1", "www.example.org. 300 IN A 192.0.2.1"),
        ("www in a 192.0.2.1 ; comment", "www.example.org. 60 IN A 192.0.2.1"),
        ("@ MX 10 mail", "example.org. 60 IN MX 10 mail.example.org."),
        ("  @ NS (\n a.b. )", "example.org. 60 IN NS a.b."),
        (r"a\ b TXT x", r'a\032b.example.org. 60 IN TXT "x"'),
        ('_x 5 CH TXT "a b" c', '_x.example.org. 5 CH TXT "a b" "c"'),
        ("x. 1 CLASS4 TYPE65280 \\# 2 abcd", "x. 1 HS TYPE65280 \\# 2 abcd"),
        ("x. 1 CLASS77 TYPE65280 \\# 0", "x. 1 CLASS77 TYPE65280 \\# 0"),
    ],
)
def test_a_record_is_a_line_of_a_zone_file(text, shown):
    record = Record.parse(text, Name.parse("example.org"), ttl=60)

    assert str(record) == (shown or text)
    assert Record.parse(str(record)) == record


@pytest.mark.parametrize(
    "text",
    ["", "x.", "x. 5", "x. 5 IN", "x. 5 IN NOPE 1", "x. 5 IN IN A 192.0.2.1", "x. A 192.0.2.1", "x. 5 CLASS9999999 A 1",
     "x. 5 A 192.0.2", "x. 5 A 192.0.2.1 more", "x..y 5 A 192.0.2.1", "x. 2147483648 A 192.0.2.1", "x. 5z A 192.0.2.1",
     "@ 5 A 192.0.2.1", '"x." 5 A 192.0.2.1', 'x. 5 "A" 192.0.2.1', "x. 5 A (192.0.2.1", 'x. 5 ""'],
)  # fmt: skip
def test_a_line_that_is_no_record_is_refused(text):
    with pytest.raises(RdataSyntaxError):
        Record.parse(text)


def test_a_record_is_a_value():
    same = Record(NAME, RRType.A, RRClass.IN, 300, A("192.0.2.1"))

    assert same == ADDRESS
    assert hash(ADDRESS) == hash(same)
    assert len({ADDRESS, same, ADDRESS.with_ttl(5)}) == 2
    assert ADDRESS.with_ttl(5).ttl == 5
    assert ADDRESS.with_ttl(5) != ADDRESS
    assert ADDRESS != "www.example.org. 300 IN A 192.0.2.1"
    assert repr(ADDRESS) == "<Record www.example.org. 300 IN A 192.0.2.1>"
    assert (ADDRESS.name, ADDRESS.type, ADDRESS.class_, ADDRESS.ttl, ADDRESS.data) == (NAME, 1, 1, 300, ("192.0.2.1",))
    assert pickle.loads(pickle.dumps(ADDRESS)) == ADDRESS
    with pytest.raises(AttributeError):
        ADDRESS.ttl = 5
    for ttl in (-1, 2**31):
        with pytest.raises(ValueError, match="TTL"):
            ADDRESS.with_ttl(ttl)


def raw(rrtype, data, rrclass=RRClass.IN):
    """The only record of a message that has this data."""
    wire = Message(question=[QUESTION]).to_wire()
    wire = wire[:6] + b"\0\1" + wire[8:] + struct.pack(">HHHIH", 0xC00C, rrtype, rrclass, 9, len(data)) + data
    return Message.parse(wire).answer[0]


def test_data_is_decoded_when_it_is_read():
    record = raw(RRType.A, b"\xc0\0\2")

    assert (record.name, record.type, record.ttl) == (NAME, RRType.A, 9)
    later = record.with_ttl(10)
    for broken in (record, later):
        for _ in range(2):
            with pytest.raises(MessageFormatError, match="malformed A data"):
                assert broken.data
    assert raw(RRType.A, b"\xc0\0\2\1").with_ttl(10).data == A("192.0.2.1")


def test_malformed_data_is_shown_as_bytes():
    record = raw(RRType.A, b"\xc0\0\2")

    assert str(record) == r"www.example.org. 9 IN A \# 3 c00002"
    assert repr(record) == rf"<Record {record}>"


def test_when_so_many_are_malformed_no_other_is_read():
    rows = [struct.pack(">HHHIH", 0xC00C, 1, 1, 9, 3) + b"\xc0\0\2"] * (MAX_MALFORMED + 1)
    good = struct.pack(">HHHIH", 0xC00C, 1, 1, 9, 4) + b"\xc0\0\2\1"
    wire = Message(question=[QUESTION]).to_wire()
    wire = wire[:6] + struct.pack(">H", len(rows) + 2) + wire[8:] + b"".join([good, *rows, good])
    first, *malformed, last = Message.parse(wire).answer

    assert first.data == A("192.0.2.1")
    for record in malformed:
        with pytest.raises(MessageFormatError, match="malformed A data"):
            assert record.data
    for record in (malformed[0], last):
        with pytest.raises(MessageFormatError, match="more than 256 records of the message are malformed"):
            assert record.data
    assert str(last) == r"www.example.org. 9 IN A \# 4 c0000201"
    assert first.data == A("192.0.2.1")


def test_data_is_decoded_once():
    record = raw(RRType.MX, b"\0\1\xc0\x0c")

    assert record.data is record.data
    assert record.data == MX(1, NAME)


def test_outside_the_class_of_the_internet_addresses_are_bytes():
    assert raw(RRType.A, b"\1x\0\0\1", RRClass.CH).data == GenericRdata(RRType.A, b"\1x\0\0\1")
    assert raw(RRType.TXT, b"\1x", RRClass.CH).data == TXT((b"x",))
    assert raw(RRType.MX, b"", RRClass.ANY).data == GenericRdata(RRType.MX, b"")
    assert raw(RRType.MX, b"\0\1\xc0\x0c", RRClass.NONE).data == MX(1, NAME)
    with pytest.raises(MessageFormatError):
        assert raw(RRType.MX, b"", RRClass.CH).data


def test_data_beyond_65535_bytes_cannot_be_written():
    record = Record(NAME, RRType(65280), RRClass.IN, 0, GenericRdata(RRType(65280), bytes(65_536)))

    with pytest.raises(ValueError, match="65536 bytes"):
        record.write(bytearray())


# Messages


@checked
@given(messages)
def test_a_message_comes_back_from_the_wire(message):
    wire = message.to_wire()
    parsed = Message.parse(wire)

    assert parsed == message
    assert hash(parsed) == hash(message)
    assert read_all(parsed) == read_all(message)
    assert parsed.wire == wire == parsed.to_wire()
    assert pickle.loads(pickle.dumps(parsed)) == pickle.loads(pickle.dumps(message)) == message


@checked
@given(messages)
def test_the_layout_is_where_the_records_are(message):
    parsed = Message.parse(message.to_wire())

    for section, layout in zip(sections_of(message), parsed.layout, strict=True):
        expected = [(record.name, record.type, record.class_, record.ttl) for record in section]
        assert [(parsed.name_at(owner), *rest) for owner, *rest, _, _ in layout] == expected
    assert Message.parse(message.to_wire()).additional == message.additional  # each section for itself


def test_a_built_message_has_no_bytes_and_no_layout():
    message = Message(question=[QUESTION], answer=[ADDRESS])

    assert message.wire is None
    assert message.layout == ([], [], [])
    assert message != message.to_wire()
    with pytest.raises(MessageFormatError):
        message.name_at(12)


def test_a_query_and_its_reply():
    query = Message.query(QUESTION, id=9, edns=Edns(4096))
    reply = query.reply(flags=Flag.RA, rcode=Rcode.NXDOMAIN, answer=[ADDRESS], edns=Edns())

    assert (query.id, query.flags, query.opcode, query.rcode, query.edns) == (9, Flag.RD, 0, 0, Edns(4096))
    assert query.question == reply.question == (QUESTION,)
    assert (reply.id, reply.flags, reply.rcode) == (9, Flag.QR | Flag.RD | Flag.RA, Rcode.NXDOMAIN)
    assert reply.answer == (ADDRESS,)
    assert Message.query(QUESTION, recursion_desired=False, edns=None).flags == 0
    assert Message.query(QUESTION).edns == Edns()
    assert repr(reply) == "<Message 9 QUERY NXDOMAIN: www.example.org. A; 1 in answer>"


def test_a_reply_echoes_recursion_and_checking_disabled_alone():
    query = Message(flags=Flag.RD | Flag.CD | Flag.AD | Flag.TC, opcode=Opcode.NOTIFY, question=[QUESTION])
    reply = Message.parse(query.to_wire()).reply()

    assert reply.flags == Flag.QR | Flag.RD | Flag.CD
    assert reply.opcode is Opcode.NOTIFY


def test_the_rcode_has_its_upper_bits_in_edns():
    wire = Message(rcode=Rcode.BADVERS, edns=Edns()).to_wire()

    assert Message.parse(wire).rcode is Rcode.BADVERS
    assert wire[3] & 0xF == 0
    assert Message.parse(Message(rcode=Rcode(4095), edns=Edns()).to_wire()).rcode == 4095
    with pytest.raises(ValueError, match="BADVERS needs EDNS"):
        Message(rcode=Rcode.BADVERS).to_wire()


def test_the_bits_of_the_header_come_back():
    wire = struct.pack(">HHHHHH", 1, 0xFFFF, 0, 0, 0, 0)
    message = Message.parse(wire)

    assert message.flags == 0x87F0
    assert set(Flag) == {flag for flag in Flag if flag in message.flags}
    assert (message.opcode, message.rcode) == (15, 15)
    assert message.to_wire() == wire


def test_the_case_of_letters_is_in_the_bytes_alone():
    wire = query_wire(Question.parse("www.example.org")).replace(b"example", b"eXaMpLe")
    message = Message.parse(wire)

    assert message.question == (QUESTION,)
    assert b"eXaMpLe" in message.wire


def test_several_questions():
    message = Message(question=[QUESTION, Question.parse("example.org", "MX"), QUESTION])

    assert Message.parse(message.to_wire()).question == message.question


def with_owner(owner, section):
    """A message with one good record in each section, and one with this owner in this section."""
    counts = [1 + (number == section) for number in range(3)]
    good, other = (name + struct.pack(">HHIH", 1, 1, 9, 4) + b"\xc0\0\2\1" for name in (b"\xc0\x0c", owner))
    rows = [good + (other if number == section else b"") for number in range(3)]
    wire = Message(question=[QUESTION]).to_wire()
    return Message.parse(wire[:6] + struct.pack(">HHH", *counts) + wire[12:] + b"".join(rows))


@pytest.mark.parametrize("section", [0, 1, 2])
def test_an_owner_that_is_no_name_makes_its_section_unreadable(section):
    message = with_owner(b"\1a\xff\xff", section)
    names = ["answer", "authority", "additional"]

    for _ in range(2):
        with pytest.raises(MessageFormatError, match="no valid name"):
            getattr(message, names[section])
    for other in {0, 1, 2} - {section}:
        assert [record.name for record in getattr(message, names[other])] == [NAME]
    assert message.question == (QUESTION,)
    assert repr(message) == f"<Message 0 QUERY NOERROR: www.example.org. A; {2 if section == 0 else 1} in answer>"


def test_the_authority_section_can_be_checked_alone():
    for owner in (b"\0", b"\xc0\x10", b"\1a\xc0\x0c"):
        message = with_owner(owner, 1)
        message.check_authority()
        assert len(message.authority) == 2
        message.check_authority()
    with_owner(b"\xff\xff", 0).check_authority()
    Message(authority=[ADDRESS]).check_authority()
    with pytest.raises(MessageFormatError, match="no valid name"):
        with_owner(b"\xff\xff", 1).check_authority()


# Writing within a limit


def full(count, **sections):
    records = [Record(NAME, RRType.A, RRClass.IN, 0, A(f"192.0.2.{number}")) for number in range(count)]
    return Message(question=[QUESTION], edns=Edns(), **dict.fromkeys(sections or {"answer": 1}, records))


@pytest.mark.parametrize("limit", [44, 45, 59, 60, 61, 512, 1232])
def test_what_does_not_fit_is_left_out_from_the_back(limit):
    message = full(100)
    wire = message.to_wire(limit=limit)
    parsed = Message.parse(wire)
    kept = (limit - 44) // 16

    assert len(wire) == 44 + 16 * kept <= limit
    assert parsed.answer == message.answer[:kept]
    assert parsed.edns == Edns()
    assert Flag.TC in parsed.flags


def test_a_message_that_just_fits_is_whole():
    assert Message.parse(full(10).to_wire(limit=44 + 160)) == full(10)


def test_later_sections_go_first_and_what_is_additional_is_no_loss():
    message = full(3, answer=1, authority=1, additional=1)

    cut = Message.parse(message.to_wire(limit=44 + 16 * 7))
    assert (len(cut.answer), len(cut.authority), len(cut.additional)) == (3, 3, 1)
    assert Flag.TC not in cut.flags
    cut = Message.parse(message.to_wire(limit=44 + 16 * 4))
    assert (len(cut.answer), len(cut.authority), len(cut.additional)) == (3, 1, 0)
    assert Flag.TC in cut.flags


def test_the_questions_always_have_to_fit():
    with pytest.raises(ValueError, match="do not fit into 43 bytes"):
        full(1).to_wire(limit=43)


def test_four_thousand_records_fit_into_a_message():
    message = Message(question=[QUESTION], answer=full(250).answer * 16)
    wire = message.to_wire()

    assert len(wire) == 33 + 16 * 4000
    assert Message.parse(wire) == message


@pytest.mark.parametrize("count", [0, 1, 5, 6, 20])
def test_padding_fills_blocks(count):
    message = full(count)
    padded = message.to_wire(padding=128)

    assert len(padded) % 128 == 0
    assert len(padded) - len(message.to_wire()) < 128 + 4
    assert Message.parse(padded).answer == message.answer
    assert Message.parse(padded).to_wire(padding=128) == padded
    assert message.to_wire(padding=128, limit=len(message.to_wire())) == message.to_wire()


# Hostile bytes


def parse_or_refuse(wire):
    """Read everything that these bytes say; None when they are malformed."""
    try:
        return read_all(Message.parse(wire))
    except MessageFormatError:
        return None


@checked
@given(st.binary(max_size=100))
@example(b"\0" * 12)
@example(b"\0\0\0\0\0\1\0\0\0\0\0\0" + b"\xc0\x0c\0\1\0\1")
def test_any_bytes_parse_or_are_malformed(wire):
    parse_or_refuse(wire)
    parse_or_refuse(b"\0\0\x81\x80\0\1\0\1\0\0\0\0" + wire)


mutations = st.lists(
    st.tuples(st.integers(0, 1 << 16), st.sampled_from(["set", "flip", "cut", "insert", "point", "end"]), u16),
    max_size=3,
)


def mutated(wire, changes):
    data = bytearray(wire)
    for place, change, value in changes:
        at = place % (len(data) or 1)
        if change == "set":
            data[at : at + 1] = [value & 0xFF]
        elif change == "flip" and data:
            data[at] ^= 1 << (value & 7)
        elif change == "cut":
            del data[at : at + 1 + value % 3]
        elif change == "insert":
            data[at:at] = value.to_bytes(2, "big")
        elif change == "point":
            data[at : at + 2] = (0xC000 | value % 100).to_bytes(2, "big")
        elif change == "end":
            del data[at:]
    return bytes(data)


@checked
@given(messages, mutations)
def test_a_damaged_message_parses_or_is_malformed(message, changes):
    wire = mutated(message.to_wire(), changes)
    parsed = parse_or_refuse(wire)

    if parsed is not None:
        again = Message.parse(wire)
        assert read_all(Message.parse(again.to_wire())) == parsed


# dnspython


def ours(wire):
    """What we make of the bytes, in plain values; None when they are malformed."""
    try:
        message = Message.parse(wire)
        return (
            (message.id, int(message.flags) & ~0x40, message.rcode),
            [tuple(question) for question in message.question],
            [
                [(*record._key()[:4], uncompressed(record.data)) for record in records]
                for records in sections_of(message)
            ],
            message.edns and (message.edns.payload, message.edns.version, message.edns.flags, message.edns.options),
        )
    except MessageFormatError:
        return None


def uncompressed(data):
    buffer = bytearray()
    write_rdata(buffer, data)
    return bytes(buffer)


def theirs(wire):
    """What dnspython makes of them, in the same values."""
    try:
        message = dns.message.from_wire(wire, one_rr_per_rrset=True)
    except (dns.exception.DNSException, ValueError):
        return None

    def rows(section):
        # Digestable is uncompressed and in lower case, as our names are.
        return [(name_of(rrset), rrset.rdtype, rrset.rdclass, rrset.ttl, rrset[0].to_digestable()) for rrset in section]

    def name_of(rrset):
        return rrset.name.to_text().lower()

    options = tuple((int(option.otype), option.to_wire()) for option in message.options)
    return (
        (message.id, message.flags & 0x87B0, message.rcode()),
        [(name_of(question), question.rdtype, question.rdclass) for question in message.question],
        [rows(message.answer), rows(message.authority), rows(message.additional)],
        None if message.edns < 0 else (message.payload, message.edns, message.ednsflags & 0xFFFF, options),
    )


@checked
@given(messages)
def test_dnspython_reads_what_we_write(message):
    wire = message.to_wire()

    assert theirs(wire) == ours(wire)


def is_usual(message):
    """Whether both decode the same.

    dnspython knows types that are bytes to us, takes updates and other classes apart, and checks signatures; a class
    other than IN may leave data empty here.
    """
    return message.opcode == Opcode.QUERY and all(
        rrtype in USUAL and rrclass == RRClass.IN for section in message.layout for _, rrtype, rrclass, *_ in section
    )


@settings(checked, max_examples=4 * settings.default.max_examples)
@given(messages, mutations)
def test_dnspython_reads_damaged_messages_as_we_do(message, changes):
    wire = mutated(message.to_wire(), changes)
    expected, found = theirs(wire), ours(wire)

    if found != expected:
        assert found is not None or Message.parse(wire)
        assume(is_usual(Message.parse(wire)))
    assert found == expected


# Bombs


class Counting(bytes):
    """Bytes that count how often they are looked at."""

    looks = 0

    def __getitem__(self, key):
        type(self).looks += 1
        return super().__getitem__(key)


def pointer(target):
    return (0xC000 | target).to_bytes(2, "big")


def bomb(body, targets, *, owner=None, data=b"\0\1", rrtype=15):
    """64 KiB: `body` as bytes of a record, then records whose data and owner end with pointers into it.

    Without `owner`, the root owns them.
    """
    first = struct.pack(">xHHIH", 65280, 1, 0, len(body)) + body
    targets = [pointer(12 + 11 + target) for target in targets if 12 + 11 + target < 0x4000]
    size = (1 if owner is None else len(owner) + 2) + 10 + len(data) + 2
    rows = []
    for number in range(min((65_535 - 12 - len(first)) // size, MAX_OTHERS - 1)):
        name = b"\0" if owner is None else owner + targets[number % len(targets)]
        fixed = struct.pack(">HHIH", rrtype, 1, 0, len(data) + 2)
        rows.append(name + fixed + data + targets[number * 31 % len(targets)])
    return struct.pack(">HHHHHH", 0, 0x8180, 0, 1 + len(rows), 0, 0) + first + b"".join(rows)


def labels_in(unit, count, *, left=0):
    """The offsets of every label but the last `left` of the names in `count` copies of a unit with labels of a byte."""
    return [len(unit) * copy + place for copy in range(count) for place in range(0, len(unit) - 1 - 2 * left, 2)]


def pointers_to_pointers(depth):
    """A name, then thousands of pointers, each to the one before, `depth` in a row."""
    body = bytearray(b"\1a\0")
    for number in range(8000):
        body += pointer(12 + 11 + (len(body) - 2 if number % depth else 0))
    return bytes(body)


PLAIN, BINARY = b"\1a" * 126 + b"\0", b"\1\xff" * 126 + b"\0"
BOMBS = {
    "names within names": (bomb(PLAIN * 64, labels_in(PLAIN, 64), owner=b""), 0),
    "names of binary labels": (bomb(BINARY * 64, labels_in(BINARY, 64)[1:], owner=b"\1\xff"), None),
    "labels of labels": (bomb(b"\1" * 8000 + b"\0" * 8000, range(16_000)), None),
    "names without end": (bomb(b"\1a" * 8100, range(0, 16_200, 2)), 2400),
    "fifteen pointers in a row": (bomb(pointers_to_pointers(15), range(3, 16_003, 2), owner=b""), None),
    "126 pointers in a row": (bomb(pointers_to_pointers(126), range(3, 16_003, 2)), 2000),
    "a name in fifteen parts": (
        bomb(pointers_to_pointers(14), range(3, 16_003, 2), owner=b"\1x", data=b"\0\1\1y"),
        None,
    ),
    "pointers for all": (bomb(pointers_to_pointers(15), range(3, 16_003, 2), owner=b"", data=b"", rrtype=5), None),
    "data that runs on": (bomb(b"\0", [0], data=b"\1a" * 3 + b"\1", rrtype=2), 3000),
}


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_of_64_kib_takes_linear_work(name):
    """Each byte is looked at twice at most, whatever is read and whatever fails."""
    wire, least_malformed = BOMBS[name]
    wire = Counting(wire)
    Counting.looks = 0

    message = Message.parse(wire)
    malformed = 0
    try:
        records = message.answer
    except MessageFormatError:
        records = ()
        assert least_malformed is None
    for record in records:
        try:
            assert record.name is not record.data
        except MessageFormatError:
            malformed += 1

    assert len(message.layout[0]) > 2000
    assert Counting.looks < 2 * len(wire)
    assert malformed >= (least_malformed or 0)
    assert least_malformed != 0 or malformed == 0
