"""Names as values: text, wire form, IDNA; properties, and dnspython as the oracle."""

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

from aioresolver.errors import NameSyntaxError
from aioresolver.wire.compression import read_name
from aioresolver.wire.names import Name

checked = settings(derandomize=True, deadline=None, database=None)

labels = st.binary(min_size=1, max_size=63) | st.text('abcXYZ019-_.\\@ \0"', min_size=1, max_size=9).map(str.encode)
label_lists = st.lists(labels, max_size=8).filter(lambda parts: sum(map(len, parts)) + len(parts) < 255)


def wire_of(parts):
    return b"".join(bytes((len(part),)) + part for part in parts) + b"\0"


def text_of(name):
    """The text that dnspython has for a name, in our letter case."""
    return name.to_text().lower()


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
