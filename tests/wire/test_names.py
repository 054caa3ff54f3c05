"""Names: text, wire form, compression both ways, IDNA; properties, and dnspython as the oracle."""

# ruff: noqa: RUF001 - full-width letters are what UTS 46 is about
from __future__ import annotations

import copy
import pickle
from ipaddress import IPv4Address, IPv6Address, ip_address

import dns.exception
import dns.name
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from aioresolver.errors import MessageFormatError, NameSyntaxError
from aioresolver.wire.names import MAX_HOPS, Name, read_name, skip_name, write_name

checked = settings(derandomize=True, deadline=None, max_examples=150, database=None)

labels = st.binary(min_size=1, max_size=63) | st.text('abcXYZ019-_.\\@ \0"', min_size=1, max_size=9).map(str.encode)
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


# Text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("example.org", "example.org."),
        ("Example.ORG.", "example.org."),
        (".", "."),
        ("org", "org."),
        ("_dmarc.example.org", "_dmarc.example.org."),
        ("_sip._tcp.Example.org", "_sip._tcp.example.org."),
        ("*.example.org", "*.example.org."),
        ("-a-.b", "-a-.b."),
        ("1.2.3.4", "1.2.3.4."),
        ("xn--bcher-kva.example", "xn--bcher-kva.example."),
        ("XN--0.example", "xn--0.example."),
        ("a/b+c!.d", "a/b+c!.d."),
        ('a@b.c$d.(e);f"g', r"a\@b.c\$d.\(e\)\;f" + '\\"g.'),
        (r"a\.b.c", r"a\.b.c."),
        (r"a.b\.", r"a.b\.."),
        (r"a\\.b", r"a\\.b."),
        (r"\097\.\066.c", r"a\.b.c."),
        (r"\000\255\032\127.c", r"\000\255\032\127.c."),
        (r"a\ b.c", r"a\032b.c."),
        (r"\a\-.c", "a-.c."),
        ("bücher.example", "xn--bcher-kva.example."),
        ("BÜCHER.Example", "xn--bcher-kva.example."),
        ("bu\u0308cher.example", "xn--bcher-kva.example."),
        ("faß.de", "xn--fa-hia.de."),
        ("_dmarc.bücher.example", "_dmarc.xn--bcher-kva.example."),
        (r"a\.b\032.bücher.example", r"a\.b\032.xn--bcher-kva.example."),
        ("例え。テスト", "xn--r8jz45g.xn--zckzah."),
        ("例え．テスト。", "xn--r8jz45g.xn--zckzah."),
        ("。", "."),
        ("ｅｘａｍｐｌｅ．ｏｒｇ", "example.org."),
        ("\N{KELVIN SIGN}.example", "k.example."),
        ("soft\N{SOFT HYPHEN}hyphen.example", "softhyphen.example."),
    ],
)
def test_text_becomes_a_canonical_name(text, expected):
    name = Name.parse(text)

    assert name == expected
    assert type(name) is Name
    assert Name.parse(name) is name
    assert Name.parse(str(name)) == name


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "it is empty"),
        ("\N{SOFT HYPHEN}", "it is empty"),
        ("..", "a label is empty"),
        (".org", "a label is empty"),
        ("a..org", "a label is empty"),
        ("a.org..", "a label is empty"),
        ("例え。。テスト", "a label is empty"),
        ("a" * 64 + ".org", "longer than 63 bytes"),
        (r"\001" * 64, "longer than 63 bytes"),
        ("ü" * 64 + ".org", "too long"),
        (".".join(["a" * 63] * 4), "longer than 255 bytes"),
        (".".join(["a"] * 128), "longer than 255 bytes"),
        ("a." * 100_000, "longer than 255 bytes"),
        ("ü" * 100_000, "longer than 255 bytes"),
        ("a b.org", r"have to be escaped, as \032"),
        (" a.org", r"have to be escaped, as \032"),
        ("a.org\n", r"have to be escaped, as \010"),
        ("a\0.org", r"have to be escaped, as \000"),
        ("a\x7f.org", r"have to be escaped, as \127"),
        ("a\tü.org", "not allowed"),
        ("a\\", "backslash"),
        (r"a\25.org", "backslash"),
        ("a\\\n.org", "backslash"),
        (r"a\256.org", r"\256 is no byte"),
        ("☃.example", "not allowed"),
        ("a\N{NO-BREAK SPACE}b.ü", "stand for others"),
        ("\ud800.org", "not allowed"),
        (r"bü\.cher.example", "not allowed"),
        ("-ü.example", "hyphen"),
        ("a＠b.example", "stand for others"),
        ("a＼．b", "stand for others"),
        ("a；b.example", "stand for others"),
        ("a\N{NON-BREAKING HYPHEN}\N{ZERO WIDTH NON-JOINER}b", "not allowed"),
    ],
)
def test_text_that_is_no_name_is_refused_with_a_reason(text, reason):
    with pytest.raises(NameSyntaxError) as caught:
        Name.parse(text)

    assert reason in str(caught.value)
    assert len(str(caught.value)) < 1500


def test_the_limits_are_63_and_255_bytes():
    widest = ".".join(["a" * 63] * 3 + ["a" * 61])

    assert len(Name.parse(widest).to_wire()) == 255
    assert len(Name.parse(widest + ".").to_wire()) == 255
    assert len(Name.parse(".".join(["a"] * 127)).to_wire()) == 255
    assert len(Name.parse(r"\000" * 61 + "." + ".".join([r"\255" * 63] * 3)).to_wire()) == 255
    with pytest.raises(NameSyntaxError):
        Name.parse(widest + "a")


def test_relative_text_is_completed_with_the_origin():
    origin = Name.parse("example.org")

    assert Name.parse("www", origin) == "www.example.org."
    assert Name.parse("www.", origin) == "www."
    assert Name.parse(r"a\.", origin) == r"a\..example.org."
    assert Name.parse("bücher", origin) == "xn--bcher-kva.example.org."
    assert Name.parse("www", Name.parse(".")) == "www."
    assert Name.parse(Name.parse("www"), origin) == "www."
    with pytest.raises(NameSyntaxError):
        Name.parse("a" * 63, Name.parse(".".join(["b" * 63] * 3)))


@checked
@given(label_lists)
@example([b"."])
@example([b"\\", b"\\."])
@example([b"1", b"\0", b"\xff"])
def test_every_name_of_the_wire_has_text_that_leads_back(parts):
    wire = wire_of(parts)
    name, end = read_name(wire, 0)

    assert end == len(wire)
    assert name.labels == tuple(part.lower() for part in parts)
    assert name.to_wire() == wire_of(name.labels)
    assert Name.parse(str(name)) == name
    assert Name.parse(name[:-1] or ".") == name
    assert name == text_of(dns.name.from_wire(wire, 0)[0])
    assert str(name).isascii()
    assert str(name).isprintable()


@checked
@given(st.text(st.characters(max_codepoint=0x7E, min_codepoint=0x21) | st.sampled_from("..\\0123"), max_size=40))
@example("\\0641.x")
def test_ascii_text_is_read_as_dnspython_reads_it(text):
    try:
        expected = text_of(dns.name.from_text(text, dns.name.root))
    except (dns.exception.DNSException, ValueError):
        expected = None
    if text in ("", "@"):  # an origin's signs in dnspython; no name, and a label, to us
        return

    try:
        assert Name.parse(text) == expected
    except NameSyntaxError:
        assert expected is None


@checked
@given(st.text(max_size=30))
def test_any_text_is_a_name_or_refused(text):
    try:
        name = Name.parse(text)
    except NameSyntaxError:
        return

    assert read_name(name.to_wire(), 0)[0] == name
    assert Name.parse(name.to_unicode()) == name


# What a name knows


def test_a_name_is_a_str():
    name = Name.parse("example.org")

    assert {name: 1}["example.org."] == 1
    assert not hasattr(name, "__dict__")
    assert pickle.loads(pickle.dumps(name)) == name
    assert type(copy.deepcopy(name)) is Name


@pytest.mark.parametrize(
    ("text", "parent"),
    [("a.b.c.", "b.c."), ("c.", "."), (".", "."), (r"a\.b.c.", "c."), (r"a\\.b.c.", "b.c."), (r"\0461\\\..c.", "c.")],
)
def test_the_parent_lacks_the_first_label(text, parent):
    assert Name.parse(text).parent == parent
    assert type(Name.parse(text).parent) is Name


@pytest.mark.parametrize(
    ("text", "zone", "expected"),
    [
        ("a.example.", "example.", True),
        ("example.", "example.", True),
        ("a.example.", ".", True),
        (".", ".", True),
        (".", "example.", False),
        ("badexample.", "example.", False),
        ("example.", "a.example.", False),
        (r"a\.example.", "example.", False),
        (r"a\\.example.", "example.", True),
        (r"a\\\.example.", "example.", False),
        (r"x.a\.example.", r"a\.example.", True),
        (r"\.example.", "example.", False),
    ],
)
def test_a_name_is_under_a_zone_or_not(text, zone, expected):
    assert Name.parse(text).is_under(Name.parse(zone)) is expected


@checked
@given(label_lists, label_lists)
def test_is_under_agrees_with_the_labels(parts, zone):
    name, above = read_name(wire_of(parts[:4]), 0)[0], read_name(wire_of(zone[:3]), 0)[0]

    for candidate in (above, name.parent, name.parent.parent):
        expected = name.labels[len(name.labels) - len(candidate.labels) :] == candidate.labels
        assert name.is_under(candidate) is (expected and len(candidate.labels) <= len(name.labels))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("bücher.example.", "bücher.example."),
        ("faß.de.", "faß.de."),
        ("_dmarc.例え.jp.", "_dmarc.例え.jp."),
        ("www.example.", "www.example."),
        (".", "."),
        ("xn--.example.", "xn--.example."),
        ("xn---bbk.example.", "xn---bbk.example."),
        ("xn--abc.example.", "xn--abc.example."),
        ("xn--n3h.example.", "xn--n3h.example."),
        (r"a\.xn--bcher-kva.example.", r"a\.bücher.example."),
    ],
)
def test_people_see_unicode_where_it_leads_back(text, shown):
    assert Name.parse(text).to_unicode() == shown


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("192.0.2.1", "1.2.0.192.in-addr.arpa."),
        (IPv4Address("0.0.0.0"), "0.0.0.0.in-addr.arpa."),
        ("2001:db8::567:89ab", "b.a.9.8.7.6.5.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa."),
        (IPv6Address("fe80::1%eth0"), "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.e.f.ip6.arpa."),
    ],
)
def test_an_address_has_a_reverse_name_and_back(address, name):
    reverse = Name.reverse(address)

    assert reverse == name
    assert reverse.to_address() == ip_address(str(address).partition("%")[0])


@pytest.mark.parametrize("address", ["", "example.org", "1.2.3", "127.1", "::g", "1.2.3.4.in-addr.arpa"])
def test_what_is_no_address_has_no_reverse_name(address):
    with pytest.raises(NameSyntaxError):
        Name.reverse(address)


@pytest.mark.parametrize(
    "text",
    [
        ".",
        "in-addr.arpa.",
        "2.0.192.in-addr.arpa.",
        "0.1.2.0.192.in-addr.arpa.",
        "256.2.0.192.in-addr.arpa.",
        "01.2.0.192.in-addr.arpa.",
        "x.2.0.192.in-addr.arpa.",
        "1.2.3.4.ip6.arpa.",
        "g" + ".0" * 31 + ".ip6.arpa.",
        "00" + ".0" * 31 + ".ip6.arpa.",
        "1.2.0.192.example.",
    ],
)
def test_other_names_are_no_reverse_names(text):
    assert Name.parse(text).to_address() is None


# Reading


def pointer(target):
    return (0xC000 | target).to_bytes(2, "big")


def test_a_pointer_leads_backwards():
    wire = b"\3www\7example\0" + b"\4mail" + pointer(4) + pointer(13)
    memo = {}

    assert read_name(wire, 0, memo) == ("www.example.", 13)
    assert read_name(wire, 13, memo) == ("mail.example.", 20)
    assert read_name(wire, 20, memo) == ("mail.example.", 22)
    assert read_name(wire, 20, {}) == ("mail.example.", 22)
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
        read_name(wire, offset, {})


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
    memo = {}
    if warm:
        for start in range(3, deepest, 4):
            read_name(deeper, start, memo)

    assert read_name(wire, offset, memo if warm else {})[0] == "b." * MAX_HOPS + "a."
    with pytest.raises(MessageFormatError):
        read_name(deeper, deepest, memo)


@pytest.mark.parametrize("warm", [False, True])
def test_the_length_counts_through_pointers(warm):
    tail = b"\x3f" + b"a" * 63
    wire = tail * 3 + b"\x39" + b"b" * 57 + b"\0" + b"\3cde" + pointer(0) + b"\4cdef" + pointer(0)
    memo = {}
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
    expected = {offset: outcome(dnspython_read, wire, offset) for offset in offsets}
    if random is not None:
        random.shuffle(offsets)
    memo = {}

    for offset in offsets * 2:
        assert outcome(read_name, wire, offset, memo) == expected[offset]
        assert outcome(read_name, wire, offset) == expected[offset]


@checked
@given(soups(), st.integers(0, 70))
def test_skipping_ends_where_reading_does(wire, offset):
    read = outcome(read_name, wire, offset)
    if read is not None:
        assert skip_name(wire, offset) == read[1]


@pytest.mark.parametrize("wire", [b"", b"\1", b"\1a", b"\xc0", b"\x40\0", b"\1a" * 128 + b"\0"])
def test_what_cannot_be_skipped_raises(wire):
    with pytest.raises(MessageFormatError):
        skip_name(wire, 0)


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
    memo = {}

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
    buffer, offsets, memo = bytearray(), {}, {}
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
    wire, memo = bytes(buffer), {}

    for name, offset in zip(names, starts, strict=True):
        assert read_name(wire, offset, memo)[0] == read_name(wire, offset)[0] == name
        assert dnspython_read(wire, offset)[0] == name
