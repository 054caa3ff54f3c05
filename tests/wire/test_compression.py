"""Names in messages: compression both ways; hostile bytes, and dnspython as the oracle."""

from __future__ import annotations

import dns.exception
import dns.name
import dns.version
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from aioresolver.errors import MessageFormatError
from aioresolver.wire.compression import (
    MAX_DETOURS,
    MAX_ESCAPED,
    MAX_HOPS,
    MAX_LONG,
    MAX_NAMES,
    NameMemo,
    read_cased_name,
    read_name,
    write_name,
)
from aioresolver.wire.names import Name, split_labels

checked = settings(derandomize=True, deadline=None, database=None)

labels = st.binary(min_size=1, max_size=63) | st.text('abcXYZ019-_.\\@ \0"', min_size=1, max_size=9).map(str.encode)
# Before, dnspython let the parts of a name overlap; and Python 3.10 has no later one.
PARTS_ARE_APART = (dns.version.MAJOR, dns.version.MINOR) >= (2, 9)

label_lists = st.lists(labels, max_size=8).filter(lambda parts: sum(map(len, parts)) + len(parts) < 255)


def wire_of(parts):
    return b"".join(bytes((len(part),)) + part for part in parts) + b"\0"


def text_of(name):
    """The text that dnspython has for a name, in our letter case."""
    return name.to_text().lower()


def outcome(function, *arguments):
    """What a read gives: the result, or the error's class."""
    try:
        return function(*arguments)
    except (MessageFormatError, dns.exception.DNSException):
        return None


# Reading


def pointer(target):
    return (0xC000 | target).to_bytes(2, "big")


@pytest.mark.parametrize("size", [43, 44, 45, 46, 47, 48, 57, 58, 63])
@pytest.mark.parametrize("inside", [b"", b"\1", b".", b"0", b"\x2c", b"\x2d", b"\xff", b"\0"])
def test_no_byte_of_a_label_is_taken_for_a_length_nor_the_other_way_round(size, inside):
    parts = [b"a", inside + b"B" * (size - len(inside)), b"c" * size, b"D"]
    wire = wire_of(parts) + pointer(2) + b"\1x" + pointer(2)

    for offset in (0, 2, len(wire) - 6, len(wire) - 4):
        expected = dnspython_read(wire, offset)
        assert read_name(wire, offset, NameMemo()) == read_name(wire, offset) == expected
        assert read_cased_name(wire, offset)[0].lower() == expected[0]


def test_a_pointer_leads_backwards():
    wire = b"\3www\7example\0" + b"\4mail" + pointer(4) + pointer(13)
    memo = NameMemo()

    assert read_name(wire, 0, memo) == ("www.example.", 13)
    assert read_name(wire, 13, memo) == ("mail.example.", 20)
    assert read_name(wire, 20, memo) == ("mail.example.", 22)
    assert read_name(wire, 20, NameMemo()) == ("mail.example.", 22)
    assert read_name(wire, 20) == ("mail.example.", 22)
    assert read_name(wire, 20, memo)[0] is read_name(wire, 13, memo)[0] or memo


def test_letters_are_folded_and_nothing_else():
    assert read_name(b"\3WwW\2\xc9Z\0", 0)[0] == r"www.\201z."


def test_a_pointer_to_the_root_is_the_root():
    wire = b"\0" + pointer(0) + b"\1a" + pointer(0) + b"\1b" + pointer(1)

    assert read_name(wire, 1) == (".", 3)
    assert read_name(wire, 3) == ("a.", 7)
    assert read_name(wire, 7) == ("b.", 11)


@pytest.mark.parametrize(
    ("wire", "offset"),
    [
        (b"", 0),
        (b"\0", 1),
        (b"\0", 9),
        (b"\1", 0),
        (b"\1a", 0),
        (b"\3ab\0", 0),
        (b"\xc0", 0),
        (b"\0\xc0", 1),
        (b"\1a\xc0\0", 0),
        (b"\xc0\0", 0),
        (b"\xc0\2\0", 0),
        (b"\1a\xc0\4\0", 0),
        (b"\xc0\2\xc0\0", 2),
        (b"\1a\xc0\0\xc0\0", 4),
        (b"\x40\0", 0),
        (b"\x80\0", 0),
        (b"\x7fa\0", 0),
        (b"\1a" * 127 + b"\1\0", 0),
        (b"\1a" * 40_000 + b"\0", 0),
        (b"\1a" * 40_000 + b"\0" + b"\xc0\0", 80_001),
    ],
)
def test_what_is_no_name_raises(wire, offset):
    with pytest.raises(MessageFormatError):
        read_name(wire, offset)
    with pytest.raises(MessageFormatError):
        read_name(wire, offset, NameMemo())


def test_a_name_stays_in_its_field():
    wire = b"\3www\0" + pointer(0)

    assert read_name(wire, 0, None, 5) == ("www.", 5)
    assert read_name(wire, 5, None, 7) == ("www.", 7)
    for offset, end in ((0, 4), (0, 0), (5, 6)):
        with pytest.raises(MessageFormatError):
            read_name(wire, offset, None, end)


def chain(hops):
    """A message in which the name at `offset` takes so many pointers, and that offset."""
    wire = b"\1a\0"
    offset = 0
    for _ in range(hops):
        wire, offset = wire + b"\1b" + pointer(offset), len(wire)
    return wire, offset


@pytest.mark.parametrize("warm", [False, True])
def test_sixteen_pointers_are_followed_and_no_more(warm):
    wire, offset = chain(MAX_HOPS)
    deeper, deepest = chain(MAX_HOPS + 1)
    memo = NameMemo()
    if warm:
        for start in range(3, deepest, 4):
            read_name(deeper, start, memo)

    assert read_name(wire, offset, memo if warm else NameMemo())[0] == "b." * MAX_HOPS + "a."
    with pytest.raises(MessageFormatError):
        read_name(deeper, deepest, memo)


def test_so_many_names_may_be_known_by_pointers_alone():
    wire = b"\1a\0" + (b"\1b" + pointer(0)) * (MAX_DETOURS + 1)
    starts = range(3, len(wire), 4)
    wire += b"".join(map(pointer, starts))
    memo, known = NameMemo(), NameMemo()

    found = [outcome(read_name, wire, offset, memo) for offset in range(len(wire) - 2 * len(starts), len(wire), 2)]
    assert [name and name[0] for name in found] == ["b.a."] * MAX_DETOURS + [None]
    assert outcome(read_name, wire, len(wire) - 2, memo) is None
    assert outcome(read_name, wire, 3, memo) == ("b.a.", 7)
    for offset in starts:
        read_name(wire, offset, known)
    assert read_name(wire, len(wire) - 2, known) == ("b.a.", len(wire))


@pytest.mark.parametrize(
    ("label", "most"),
    [(b"\x3f" + b"a" * 63, 1500), (b"\x31" + b"a" * 48 + b"\xff", 1500), (b"\x3f" + b"\xff" * 63, MAX_LONG)],
)
def test_so_many_names_may_be_long_for_their_escapes(label, most):
    wire = label * 3 + b"\0" + b"".join(b"\4%04d" % number + pointer(0) for number in range(1500))
    memo = NameMemo()

    found = [outcome(read_name, wire, offset, memo) for offset in range(len(label) * 3 + 1, len(wire), 7)]

    assert sum(name is not None for name in found) == most
    assert None not in found[: most - 1]
    assert outcome(read_name, wire, len(wire) - 7, memo) == found[-1]


def test_so_many_names_may_be_made():
    """Those that are only pointed to as a whole do not count: they are made once."""
    wire = b"\1a\0" + (b"\1b" + pointer(0)) * (MAX_NAMES // 2)
    wire += (b"\1c" + pointer(0)) * (MAX_NAMES // 2) + pointer(0) + b"\1d" + pointer(0)
    memo = NameMemo()

    for offset in range(3, len(wire) - 6, 4):
        assert read_name(wire, offset, memo)[0] in ("b.a.", "c.a.")
    for _ in range(2):
        assert read_name(wire, len(wire) - 6, memo)[0] == "a."
        assert outcome(read_name, wire, len(wire) - 4, memo) is None
    assert read_name(wire, len(wire) - 4)[0] == "d.a."


@pytest.mark.parametrize("label", [b"\1*", b"\2a ", b"\1\xff", b"\3a.b"])
def test_so_many_names_may_have_escapes_of_their_own(label):
    wire = b"\1a\0" + (label + pointer(0)) * (MAX_ESCAPED + 9)
    size = len(label) + 2
    starts = range(3, len(wire), size)
    memo = NameMemo()

    found = [outcome(read_name, wire, offset, memo) is not None for offset in starts]

    assert found == [True] * MAX_ESCAPED + [False] * 9
    # What is known already, and what is plain, can be read.
    assert read_name(wire + pointer(3), len(wire), memo)[0] == read_name(wire, 3)[0]
    assert read_name(wire + b"\1b" + pointer(0), len(wire), memo)[0] == "b.a."


@pytest.mark.parametrize("warm", [False, True])
def test_the_length_counts_through_pointers(warm):
    tail = b"\x3f" + b"a" * 63
    wire = tail * 3 + b"\x39" + b"b" * 57 + b"\0" + b"\3cde" + pointer(0) + b"\4cdef" + pointer(0)
    memo = NameMemo()
    if warm:
        read_name(wire, 0, memo)

    assert len(read_name(wire, 251, memo)[0]) == 254
    with pytest.raises(MessageFormatError):
        read_name(wire, 257, memo)


def test_parts_of_a_name_do_not_overlap():
    """A pointer's target ends before the name that points to it starts, as in dnspython."""
    wire = b"\4\1a\1b\0\0"

    assert read_name(wire, 1)[0] == "a.b."
    assert outcome(read_name, b"\1a\1b\xc0\2", 0) is None
    assert outcome(read_name, b"\1a\1b\xc0\2", 2) is None


@st.composite
def soups(draw):
    """Bytes in which names are likely: labels, ends and pointers to anywhere near."""
    piece = st.one_of(
        st.sampled_from([b"\0", b"\1a", b"\2bc", b"\3\1a\0", b"\1\0", b"\xc0", b"\1\xc0"]),
        st.integers(0, 60).map(pointer),
        st.binary(min_size=1, max_size=3),
    )
    return b"".join(draw(st.lists(piece, min_size=1, max_size=30)))


def dnspython_read(wire, offset):
    name, used = dns.name.from_wire(wire, offset)
    return text_of(name), offset + used


@checked
@given(soups(), st.randoms(use_true_random=False))
@example(b"\1a\xc0\0\xc0\1\xc0\2\xc0\3", None)
def test_reading_does_not_depend_on_what_was_read_before_and_agrees_with_dnspython(wire, random):
    offsets = list(range(len(wire)))
    oracle = dnspython_read if PARTS_ARE_APART else read_name
    expected = {offset: outcome(oracle, wire, offset) for offset in offsets}
    if random is not None:
        random.shuffle(offsets)
    memo = NameMemo()

    for offset in offsets * 2:
        assert outcome(read_name, wire, offset, memo) == expected[offset]
        assert outcome(read_name, wire, offset) == expected[offset]


@checked
@given(soups() | label_lists.map(wire_of))
@example(b"\1Z\0\1Y\xc0\0")
@example(b"\2A.\3\\B\xff\0")
def test_a_name_in_its_own_letters_is_the_same_name(wire):
    name = outcome(read_name, wire, 0)

    cased = outcome(read_cased_name, wire, 0)

    assert (cased and (cased[0].lower(), cased[1])) == name
    if name:
        assert type(cased[0]) is str
        assert split_labels(cased[0])[:-1] == [wire[start + 1 : start + 1 + wire[start]] for start in starts_in(wire)]


def starts_in(wire):
    """Where the labels of an uncompressed name start."""
    position = 0
    while wire[position]:
        yield position
        position += 1 + wire[position]


def test_a_compressed_name_has_small_letters():
    wire = b"\3WWW\0" + b"\1A" + pointer(0) + pointer(5)

    assert read_cased_name(wire, 0, NameMemo()) == ("WWW.", 5)
    assert read_cased_name(wire, 5, NameMemo()) == ("a.www.", 9)
    assert read_cased_name(wire, 9, NameMemo()) == ("a.www.", 11)


class Counting(bytes):
    """Bytes that count how often they are looked at."""

    looks = 0

    def __getitem__(self, key):
        type(self).looks += 1
        return super().__getitem__(key)


def bombs():
    """The first 16 KiB of a message, made so that pointers into it cost as much as they can."""
    yield b"\1\1" * 8190 + b"\0"  # labels within labels, all too long
    yield (b"\1a" * 126 + b"\0") * 64  # 127 names in each
    yield (b"\1\1" * 126 + b"\0") * 64
    yield b"\0\0" + b"".join(pointer(offset) for offset in range(0, 16_380, 2))  # one pointer each, without end
    block = b"\0" + b"".join(b"\1b" + pointer(4 * i - 3 if i else 0) for i in range(17))
    yield b"".join(block for _ in range(200))


@pytest.mark.parametrize("wire", [pytest.param(wire, id=f"bomb{number}") for number, wire in enumerate(bombs())])
@pytest.mark.parametrize("step", [1, -1])
def test_reading_every_name_of_a_message_takes_linear_work(wire, step):
    """However pointers and labels are woven: each byte is looked at a few times in all, not a few times a name."""
    starts = list(range(min(len(wire), 16_384)))[::step]
    counted = Counting(wire + b"".join(map(pointer, starts)))
    Counting.looks = 0
    memo = NameMemo()

    for index in range(len(starts)):
        outcome(read_name, counted, len(wire) + 2 * index, memo)

    assert Counting.looks < 6 * len(counted)


# Writing


def test_a_name_is_written_once_and_then_pointed_to():
    buffer, offsets = bytearray(b"..."), {}
    for text in ("www.example.org", "mail.example.org", "example.org", "org", "www.example.org", ".", "com"):
        write_name(buffer, Name.parse(text), offsets)

    assert bytes(buffer) == (
        b"...\3www\7example\3org\0" + b"\4mail" + pointer(7) + pointer(7) + pointer(15) + pointer(3) + b"\0\3com\0"
    )


def test_without_a_table_nothing_is_compressed():
    buffer = bytearray()
    write_name(buffer, Name.parse("a.b"))
    write_name(buffer, Name.parse("a.b"))

    assert bytes(buffer) == b"\1a\1b\0" * 2


def test_an_escaped_dot_is_no_place_to_point_to():
    buffer, offsets = bytearray(), {}
    for text in (r"a\.b.c", "b.c", r"x.a\.b.c", r"\\.b.c"):
        write_name(buffer, Name.parse(text), offsets)

    assert bytes(buffer) == b"\3a.b\1c\0" + b"\1b" + pointer(4) + b"\1x" + pointer(0) + b"\1\\" + pointer(7)


def test_nothing_is_remembered_beyond_the_reach_of_pointers():
    buffer, offsets = bytearray(0x4000 - 2), {}
    write_name(buffer, Name.parse("a.b"), offsets)
    write_name(buffer, Name.parse("a.b"), offsets)
    write_name(buffer, Name.parse("b"), offsets)

    assert bytes(buffer[0x4000 - 2 :]) == b"\1a\1b\0" + pointer(0x3FFE) + b"\1b\0"


def test_what_is_written_takes_no_more_pointers_than_may_be_read():
    buffer, offsets, memo = bytearray(), {}, NameMemo()
    names = [Name.parse("a." * labels) for labels in range(1, 127)]
    starts = []
    for name in names:
        starts.append(len(buffer))
        write_name(buffer, name, offsets)

    assert [read_name(bytes(buffer), start, memo)[0] for start in starts] == names


@checked
@given(st.lists(label_lists, max_size=6), st.integers(0, 3), st.sampled_from([0, 12, 0x3FF8]))
def test_names_come_back_from_a_compressed_message(lists, repeats, start):
    names = [read_name(wire_of(parts), 0)[0] for parts in lists]
    names += [name.parent for name in names] + names[:repeats]
    buffer, offsets = bytearray(start), {}
    starts = []
    for name in names:
        starts.append(len(buffer))
        write_name(buffer, name, offsets)
    wire, memo = bytes(buffer), NameMemo()

    for name, offset in zip(names, starts, strict=True):
        assert read_name(wire, offset, memo)[0] == read_name(wire, offset)[0] == name
        assert dnspython_read(wire, offset)[0] == name
