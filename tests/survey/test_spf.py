"""SPF records, good and bad."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aioresolver.survey.spf import MOST_LOOKUPS, SpfTerm, parse_spf

GOOD = [
    "v=spf1 -all",
    "V=SPF1 MX ~ALL",
    "v=spf1 +mx a:colo.example.com/28 -all",
    "v=spf1   a   mx/30  mx:example.org//64 a/24//96 ?all",
    "v=spf1 ip4:192.0.2.0/24 ip4:198.51.100.7 ip6:2001:db8::/32 ip6:2001:db8::1 -all",
    "v=spf1 include:_spf.example.net exists:%{ir}.%{l1r+-}._spf.%{d} -all exp=explain._spf.%{d}",
    "v=spf1 redirect=_spf.example.org",
    "v=spf1 unknown-modifier=whatever -all",
    "v=spf1 exists:%{h}%%%_%-.example.org ~all",
    "v=spf1 ip4:192.0.2.1/24 -all",
]


@pytest.mark.parametrize("text", GOOD)
def test_good_records(text):
    assert parse_spf(text).problems == ()


def test_its_terms():
    record = parse_spf("v=spf1 MX:example.org/24 ~include:a.example -ip4:192.0.2.1 a/24 redirect=b.example ?all")

    assert record.terms == (
        SpfTerm("+", "mx", "example.org/24"),
        SpfTerm("~", "include", "a.example"),
        SpfTerm("-", "ip4", "192.0.2.1"),
        SpfTerm("+", "a", "/24"),
        SpfTerm("", "redirect", "b.example"),
        SpfTerm("?", "all", ""),
    )
    assert (record.all, record.redirect, record.includes) == ("?", "b.example", ("a.example",))
    assert record.lookups == 3  # beside all, redirect does not count
    assert str(record) == record.text


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("v=spf2 -all", "does not begin with v=spf1"),
        ("v=spf1 foo:bar -all", "'foo:bar' is a mechanism that does not exist"),
        ("v=spf1 ipv4:192.0.2.1 -all", "mechanism that does not exist"),
        ("v=spf1 192.0.2.1 -all", "'192.0.2.1' is no term"),
        ("v=spf1 ,mx -all", "is no term"),
        ("v=spf1 -redirect=x.example -all", "have no qualifier"),
        ("v=spf1 redirect=", "'redirect=' wants a domain"),
        ("v=spf1 include -all", "'include' wants a domain"),
        ("v=spf1 include: -all", "'include:' has nothing behind its colon"),
        ("v=spf1 include:a.example/24 -all", "wants a domain"),
        ("v=spf1 exists:%{x}.example -all", "wants a domain"),
        ("v=spf1 exists:50%.example -all", "wants a domain"),
        ("v=spf1 include:bücher.example -all", "wants a domain"),
        ("v=spf1 a: -all", "nothing behind its colon"),
        ("v=spf1 a:x.example/ -all", "prefix lengths"),
        ("v=spf1 a/33 -all", "longer than an address"),
        ("v=spf1 mx//129 -all", "longer than an address"),
        ("v=spf1 ip4 -all", "of its family"),
        ("v=spf1 ip4:2001:db8::1 -all", "of its family"),
        ("v=spf1 ip4:192.0.2.256 -all", "of its family"),
        ("v=spf1 ip4:192.0.2.0/33 -all", "of its family"),
        ("v=spf1 ip4:192.0.2.0/255.255.255.0 -all", "of its family"),
        ("v=spf1 ip6:192.0.2.1 -all", "of its family"),
        ("v=spf1 -all:x.example", "takes no value"),
        ("v=spf1 ptr -all", "'ptr' should not be used"),
        ("v=spf1 ptr:% -all", "wants a domain"),
        ("v=spf1 +all", "everybody"),
        ("v=spf1 all", "everybody"),
        ("v=spf1 -all mx", "behind all never count"),
        ("v=spf1 mx", "ends without all and redirect"),
        ("v=spf1", "ends without all and redirect"),
        ("v=spf1 -all redirect=x.example", "redirect does not count"),
        ("v=spf1 redirect=a.example redirect=b.example", "redirect is there more than once"),
    ],
)
def test_bad_records(text, problem):
    (told,) = parse_spf(text).problems

    assert problem in told
    assert told.endswith(")")
    assert "(RFC 7208, " in told


def test_too_many_lookups():
    includes = [f"include:{number}.example" for number in range(MOST_LOOKUPS)]

    assert parse_spf(" ".join(["v=spf1", *includes, "ip4:192.0.2.1", "-all"])).problems == ()
    (told,) = parse_spf(" ".join(["v=spf1", *includes, "mx", "-all"])).problems
    assert told.startswith("11 of its terms need a lookup, and 10 are the most")
    assert parse_spf(" ".join(["v=spf1", *includes, "redirect=x.example"])).lookups == 11


def test_a_bad_term_does_not_hide_the_good_ones():
    record = parse_spf("v=spf1 mx foo ip4:bad ~all")

    assert [term.name for term in record.terms] == ["mx", "ip4", "all"]
    assert len(record.problems) == 2


@given(st.text() | st.from_regex(r"\Av=spf1( [-+~?]?(a|mx|ip4|ip6|all|exists|redirect)[:=/]?[a-z0-9%{}./:]*)*\Z"))
def test_any_text_can_be_read(text):
    record = parse_spf(text)

    assert record.text == text
    assert 0 <= record.lookups <= len(record.terms)
