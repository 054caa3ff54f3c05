"""The layout: everything in its bounds, or MessageFormatError; owners are left alone."""

from __future__ import annotations

import struct

import pytest

from aioresolver.errors import MessageFormatError
from aioresolver.wire import layout
from aioresolver.wire.compression import NameMemo
from aioresolver.wire.layout import (
    MAX_INVOLVED,
    MAX_OTHERS,
    MAX_QUESTIONS,
    MAX_RARE,
    MAX_RECORDS,
    check_owners,
    read_layout,
    read_plain_addresses,
    without_hop_options,
)

QUESTION = b"\3www\7example\0\0\1\0\1"
ASKED = b"\xc0\x0c"
OPT = b"\0\0\x29\4\xd0\0\0\0\0\0\0"


def message(*records, questions=1, counts=None, after_header=QUESTION, flags=0x8180):
    """A message of raw records in the answer section; `counts` of the three sections when they are elsewhere."""
    header = struct.pack(">HHHHHH", 7, flags, questions, *(counts or (len(records), 0, 0)))
    return header + after_header + b"".join(records)


def record(owner=ASKED, rrtype=1, *, rrclass=1, ttl=300, data=b"\xc0\0\2\1", length=None):
    return owner + struct.pack(">HHIH", rrtype, rrclass, ttl, len(data) if length is None else length) + data


def test_every_record_has_its_place():
    wire = message(
        record(),
        record(b"\4mail" + ASKED, 16, rrclass=3, ttl=60, data=b"\1x"),
        record(b"\0", 2, ttl=0, data=b"\0"),
        OPT,
        counts=(1, 1, 2),
    )
    id_, word, sections, opt = read_layout(wire)

    assert (id_, word) == (7, 0x8180)
    assert sections == ([(29, 1, 1, 300, 41, 45)], [(45, 16, 3, 60, 62, 64)], [(64, 2, 1, 0, 75, 76)])
    assert opt == (1232, 0, ())


def test_a_header_alone_is_a_message():
    assert read_layout(message(questions=0, after_header=b""))[2] == ([], [], [])


@pytest.mark.parametrize("ttl", [0x80000000, 0xFFFFFFFF])
def test_a_ttl_with_its_top_bit_set_is_zero(ttl):
    assert read_layout(message(record(ttl=ttl)))[2][0][0][3] == 0


def test_the_largest_ttl_stays():
    assert read_layout(message(record(ttl=0x7FFFFFFF)))[2][0][0][3] == 0x7FFFFFFF


@pytest.mark.parametrize(
    ("wire", "reason"),
    [
        (b"", "at least 12 bytes"),
        (bytes(11), "at least 12 bytes"),
        (message(questions=2), "ends in the middle"),
        (message(counts=(1, 0, 0)), "ends in the middle"),
        (message(counts=(0, 65535, 65535)), "at most 256 questions and 4096 records"),
        (message(questions=65535), "at most 256 questions and 4096 records"),
        (message(record(), counts=(0, 0, 0)), "the message ends at"),
        (message(record() + b"\0"), "the message ends at"),
        (message(record(length=5)), "the message ends at"),
        (message(record(length=65535)), "the message ends at"),
        (message(record(length=5), record()), "ends in the middle"),
        (message(record(length=65535), record()), "ends in the middle"),
        (message(record(), b"\xc0\x0c" + bytes(9)), "ends in the middle"),
        (message(b"\xc0\x0c\0\1\0\1\0\0\0\0\0"), "ends in the middle"),
        (message(record(b"\x40a\0")), "no valid name at offset 29"),
        (message(record(b"\1a\xbf\0")), "no valid name at offset 29"),
        (message(after_header=b"\xc0\x0c\0\1\0\1"), "no valid name at offset 12"),
        (message(after_header=b"\1a" * 128 + b"\0\0\1\0\1"), "no valid name at offset 12"),
        (message(after_header=b"\1a" * 127 + b"\1\0\0\1\0\1"), "no valid name at offset 12"),
        (message(after_header=QUESTION + b"\xc0\x1d\0\1\0\1", questions=2), "no valid name at offset 29"),
        (message(after_header=b"\0\0\1\0\1" * 257, questions=257), "at most 256 questions and 4096 records"),
        (message(*[record(b"\0", data=b"")] * 4097), "at most 256 questions and 4096 records"),
        (message(after_header=b"\1a" * 40), "ends in the middle"),
        (message(after_header=b"\3abc\0\0\1\0"), "the message ends at"),
        (message(after_header=b"\3ab"), "ends in the middle"),
        (message(after_header=b"\5abcd"), "ends in the middle"),
        (message(OPT), "OPT"),
        (message(OPT, counts=(0, 1, 0)), "OPT"),
        (message(OPT, OPT, counts=(0, 0, 2)), "OPT"),
        (message(ASKED + OPT[1:], counts=(0, 0, 1)), "OPT"),
        (message(b"\1a" + OPT, counts=(0, 0, 1)), "OPT"),
        (message(OPT[:-1] + b"\1a", counts=(0, 0, 1)), "options of the OPT record"),
        (message(OPT[:-1] + b"\5\0\1\0\2a", counts=(0, 0, 1)), "options of the OPT record"),
    ],
)
def test_what_is_malformed_raises(wire, reason):
    with pytest.raises(MessageFormatError, match=reason):
        read_layout(wire)


def test_no_beginning_of_a_message_is_a_message():
    wire = message(record(), record(b"\1a" + ASKED), OPT, counts=(1, 1, 1))

    for size in range(len(wire)):
        with pytest.raises(MessageFormatError):
            read_layout(wire[:size])


def test_several_questions_are_walked():
    after_header = QUESTION + b"\1a" + ASKED + b"\0\1\0\1\0\0\1\0\1"
    wire = message(record(), questions=3, after_header=after_header)

    assert [row[0] for row in read_layout(wire)[2][0]] == [42]


PLAIN = [2, 5, 12, 15, 16, 28, 33]


@pytest.mark.parametrize("rrtype", [35, 46, 47, 64, 65280])
def test_so_many_records_may_be_of_involved_types(rrtype):
    records = [record(b"\0", rrtype, data=b"")] * MAX_INVOLVED
    others = [record(b"\0", PLAIN[number % len(PLAIN)], data=b"") for number in range(MAX_OTHERS - MAX_INVOLVED)]
    addresses = [record(b"\0")] * (MAX_RECORDS - MAX_OTHERS)

    assert len(read_layout(message(*addresses, *records, *others))[2][0]) == MAX_RECORDS
    with pytest.raises(MessageFormatError, match=f"at most {MAX_INVOLVED} records of involved types"):
        read_layout(message(*others[1:], *records, records[0], *addresses))
    with pytest.raises(MessageFormatError, match=f"at most {MAX_OTHERS} records that are no addresses"):
        read_layout(message(*addresses[1:], *records, *others, others[0]))


@pytest.mark.parametrize("rrtype", [6, 17, 29])
def test_so_few_records_may_be_of_rare_types(rrtype):
    records = [record(b"\0", rrtype, data=b"")] * MAX_RARE

    assert len(read_layout(message(record(), *records))[2][0]) == MAX_RARE + 1
    with pytest.raises(MessageFormatError, match=f"at most {MAX_RARE} records of rare types"):
        read_layout(message(*records, record(), records[0]))


def test_a_message_may_have_so_many_questions_and_records():
    records = [record(b"\0")] * MAX_RECORDS
    wire = message(*records, questions=MAX_QUESTIONS, after_header=b"\0\0\1\0\1" * MAX_QUESTIONS)

    assert len(read_layout(wire)[2][0]) == MAX_RECORDS


# Owners

BAD_OWNERS = [
    b"\xc0\x2d",
    b"\xc0\xff",
    b"\xff\xff",
    b"\xc0\x0d",
    b"\1a\xc0\x2d",
    b"\1a" * 127 + ASKED,
    b"\1a" * 128 + b"\0",
]


@pytest.mark.parametrize("owner", BAD_OWNERS)
def test_an_owner_that_is_no_name_is_found_by_who_looks(owner):
    wire = message(record(), record(owner))
    rows = read_layout(wire)[2][0]

    check_owners(wire, rows[:1], NameMemo())
    with pytest.raises(MessageFormatError, match="no valid name at offset 45"):
        check_owners(wire, rows, NameMemo())


def test_without_a_question_every_owner_is_looked_at():
    wire = message(record(b"\1a\xc0\x0c"), record(), questions=0, after_header=b"")
    rows = read_layout(wire)[2][0]

    for some in (rows[:1], rows[1:]):
        with pytest.raises(MessageFormatError, match="no valid name"):
            check_owners(wire, some, NameMemo())


def test_owners_that_are_part_of_the_question_are_not_decoded(monkeypatch):
    """What an authoritative nameserver puts into its authority section."""
    monkeypatch.setattr(layout, "read_name", None)
    wire = message(record(), record(b"\xc0\x10", 2, data=b"\0"))

    check_owners(wire, read_layout(wire)[2][0], NameMemo())
    with pytest.raises(TypeError):
        check_owners(message(record(b"\0")), read_layout(message(record(b"\0")))[2][0], NameMemo())


def test_a_question_may_point_into_the_header():
    """Nobody does it; but the bytes are there, and lie before the name."""
    assert read_layout(message(after_header=b"\xc0\5\0\1\0\1", questions=1, flags=0x0100))[2] == ([], [], [])


# Plain addresses

BEHIND_QUESTION = 12 + len(QUESTION)
SIXTEEN = bytes(range(16))
TAIL = record(b"\xc0\x10", 2, ttl=1, data=b"\xc0\x0c")


def plain(wire, rrtype=1, size=4):
    return read_plain_addresses(wire, BEHIND_QUESTION, rrtype, size)


def test_the_least_ttl_of_plain_addresses():
    assert plain(message(record())) == 300
    assert plain(message(record(ttl=60), record(ttl=50), record(ttl=70))) == 50
    assert plain(message(record(ttl=0), record())) == 0
    assert plain(message(record(rrtype=28, data=SIXTEEN)), 28, 16) == 300
    assert plain(message(*[record()] * MAX_RECORDS)) == 300


@pytest.mark.parametrize("ttl", [0x80000000, 0xFFFFFFFF])
def test_a_ttl_with_its_top_bit_set_is_zero_among_plain_addresses_too(ttl):
    for records in ([record(ttl=ttl)], [record(), record(ttl=ttl)], [record(ttl=ttl), record()]):
        assert plain(message(*records)) == 0
    assert plain(message(record(ttl=0x7FFFFFFF))) == 0x7FFFFFFF


@pytest.mark.parametrize(
    ("records", "counts"),
    [
        ([record(), OPT], (1, 0, 1)),
        ([record(), TAIL], (1, 1, 0)),
        ([record(), TAIL], (1, 0, 1)),
        ([record(), TAIL, TAIL, OPT], (1, 1, 2)),
        ([record(), record(b"\2ns\xc0\x10")], (1, 0, 1)),
        ([record(), record(ASKED, 2, data=b"")], (1, 1, 0)),
        ([record(), record(ASKED, 46, ttl=1, data=bytes(90))], (1, 1, 0)),
    ],
)
def test_what_may_stand_behind_plain_addresses(records, counts):
    wire = message(*records, counts=counts)

    assert plain(wire) == 300
    check_owners(wire, read_layout(wire)[2][1], NameMemo())


@pytest.mark.parametrize(
    "wire",
    [
        b"",
        bytes(11),
        message(),
        message(record(), flags=0x8380),  # truncated
        message(record(), flags=0x8183),
        message(record(), flags=0x8182),
        message(record(), questions=0),
        message(record(), questions=2),
        message(record(b"\xc0\x10")),  # another owner
        message(record(QUESTION[:-4])),
        message(record(rrtype=28, data=SIXTEEN)),
        message(record(rrtype=5, data=b"\xc0\x10"), record()),
        message(record(), record(rrtype=5, data=b"\xc0\x10")),
        message(record(rrclass=3)),
        message(record(data=b"\1\2\3")),
        message(record(data=b"\1\2\3\4\5")),
        message(record() + b"\0"),
        message(record()[:-1]),
        message(record(), counts=(2, 0, 0)),
        message(record(), counts=(0, 1, 0)),
        message(record(), counts=(1, 0, 1)),
        message(*[record()] * (MAX_RECORDS + 1)),
        message(*[record()] * 2049, *[TAIL] * 2048, counts=(2049, 0, 2048)),
        message(record(), TAIL + b"\0", counts=(1, 1, 0)),
        message(record(), TAIL[:-1], counts=(1, 1, 0)),
        message(record(), record(b"\xc0\x0d", 2, data=b""), counts=(1, 1, 0)),  # into the middle of a label
        message(record(), record(b"\xc0\x2d", 2, data=b""), counts=(1, 1, 0)),  # to itself
        message(record(), record(b"\xc1\x0c", 2, data=b""), counts=(1, 1, 0)),
        message(record(), record(b"\x80\x0c", 2, data=b""), counts=(1, 1, 0)),
        message(record(), OPT, counts=(1, 1, 0)),  # OPT has its place
        message(record(), OPT, OPT, counts=(1, 0, 2)),
        message(record(), ASKED + OPT[1:], counts=(1, 0, 1)),
        message(record(), b"\1a" + OPT, counts=(1, 0, 1)),
        message(record(), OPT[:-1] + b"\5\0\3\0\0\0", counts=(1, 0, 1)),  # options that end elsewhere
        message(record(), OPT[:-1] + b"\4\0\3\0\1", counts=(1, 0, 1)),
        message(record(), OPT[:-1] + b"\3\0\3\0", counts=(1, 0, 1)),
        message(record(), OPT[:5] + b"\1" + OPT[6:], counts=(1, 0, 1)),  # an extended rcode
        message(record(), OPT[:-1] + b"\1", counts=(1, 0, 1)),
    ],
)
def test_what_is_anything_else_is_not_plain(wire):
    assert plain(wire) is None


def options(*pairs):
    data = b"".join(code.to_bytes(2, "big") + len(data).to_bytes(2, "big") + data for code, data in pairs)
    return OPT[:-2] + len(data).to_bytes(2, "big") + data


COOKIE, PADDING, NSID = (10, b"cookie of us both"), (12, bytes(300)), (3, b"machine 7")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ([COOKIE], []),
        ([PADDING], []),
        ([(11, b"\0\x64"), COOKIE, PADDING], []),
        ([COOKIE, NSID, PADDING], [NSID]),
        ([NSID, (65001, b"")], [NSID, (65001, b"")]),
    ],
)
@pytest.mark.parametrize(("records", "counts"), [([], (1, 0, 1)), ([TAIL, TAIL], (1, 1, 2))])
def test_options_between_two_hosts_are_left_out(before, after, records, counts):
    wire = message(record(), *records, options(*before), counts=counts)

    assert plain(wire) == 300
    assert without_hop_options(wire, BEHIND_QUESTION) == message(record(), *records, options(*after), counts=counts)


def test_without_opt_nothing_is_left_out():
    wire = message(record(), TAIL, counts=(1, 0, 1))

    assert without_hop_options(wire, BEHIND_QUESTION) is wire


def test_no_beginning_of_plain_addresses_is_plain():
    wire = message(record(), record(), TAIL, OPT, counts=(2, 1, 1))

    assert plain(wire) == 300
    assert [size for size in range(len(wire)) if plain(wire[:size]) is not None] == []


def test_what_is_plain_is_well_formed_whatever_byte_is_another():
    """One byte at a time, to the values that mean something: never is more believed than by the thorough reader."""
    base = message(record(), record(ttl=60), TAIL, OPT, counts=(2, 1, 1))
    believed = 0
    for position in range(2, len(base)):
        if 12 <= position < BEHIND_QUESTION:  # known to be the question's
            continue
        for value in (0, 1, 2, 3, 4, 5, 0x0C, 0x10, 0x1C, 0x29, 0x40, 0x80, 0xC0, 0xFF, base[position] ^ 1):
            wire = base[:position] + bytes([value]) + base[position + 1 :]
            least = plain(wire)
            if least is None:
                continue
            believed += 1
            _, word, (answer, authority, _), opt = read_layout(wire)
            check_owners(wire, [*answer, *authority], NameMemo())
            assert word & 0x20F == 0
            assert opt is None or opt[1] >> 24 == 0
            assert {row[1:3] for row in answer} == {(1, 1)}
            assert {row[5] - row[4] for row in answer} == {4}
            assert least == min(row[3] for row in answer)
    assert believed > 100
