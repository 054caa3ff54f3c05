"""Master files: every rule of RFC 1035, section 5, that people use, and errors that name the line."""

from __future__ import annotations

import io

import dns.rdataclass
import dns.rdatatype
import dns.zone
import pytest

from aioresolver.errors import ConfigurationError
from aioresolver.testing.zone_text import DEFAULT_TTL, parse_zone_text
from aioresolver.wire.names import Name

ZONE = r"""
$ORIGIN example.
$TTL 1h30m
@   IN SOA ns1 hostmaster.example. (
        2024010101 ; serial
        3600       ; refresh (seconds)
        600 86400
        300 )      ; minimum
        NS  ns1
    IN  NS  ns2.other.
ns1     A   192.0.2.1
www 60  IN  A   192.0.2.2
www IN  120 AAAA 2001:db8::2
WWW 60  A   192.0.2.9
mail    MX  10 mail
        MX  20 mail.other.
text    TXT "a; b" unquoted "c \"d\" \\ (e)" ; a comment
*.wild  60 CNAME www
odd\.dot 60 A 192.0.2.3
_sip._tcp SRV 0 5 5060 sip
unknown TYPE65280 \# 3 abcdef
raw     A   \# 4 C0000204
1       PTR www
$ORIGIN sub
deep    A   192.0.2.5
@       A   192.0.2.6
"""


def lines(text, origin=None):
    return [str(record) for record in parse_zone_text(text, origin and Name.parse(origin)).records]


def test_every_kind_of_line():
    assert lines(ZONE) == [
        "example. 5400 IN SOA ns1.example. hostmaster.example. 2024010101 3600 600 86400 300",
        "example. 5400 IN NS ns1.example.",
        "example. 5400 IN NS ns2.other.",
        "ns1.example. 5400 IN A 192.0.2.1",
        "www.example. 60 IN A 192.0.2.2",
        "www.example. 120 IN AAAA 2001:db8::2",
        "www.example. 60 IN A 192.0.2.9",
        "mail.example. 5400 IN MX 10 mail.example.",
        "mail.example. 5400 IN MX 20 mail.other.",
        r'text.example. 5400 IN TXT "a; b" "unquoted" "c \"d\" \\ (e)"',
        "*.wild.example. 60 IN CNAME www.example.",
        r"odd\.dot.example. 60 IN A 192.0.2.3",
        "_sip._tcp.example. 5400 IN SRV 0 5 5060 sip.example.",
        r"unknown.example. 5400 IN TYPE65280 \# 3 abcdef",
        "raw.example. 5400 IN A 192.0.2.4",
        "1.example. 5400 IN PTR www.example.",
        "deep.sub.example. 5400 IN A 192.0.2.5",
        "sub.example. 5400 IN A 192.0.2.6",
    ]


def test_dnspython_reads_the_same():
    text = ZONE.replace("$ORIGIN sub", "$ORIGIN sub.example.")  # dnspython 2.8 knows no relative origin
    theirs = dns.zone.from_file(io.StringIO(text), origin="example.", relativize=False)
    expected = {
        (name.to_text().lower(), rdataset.ttl, rdata.to_digestable())
        for name, rdataset in theirs.iterate_rdatasets()
        for rdata in rdataset
    }

    def digestable(record):
        rdtype = dns.rdatatype.RdataType(record.type)
        return dns.rdata.from_text(dns.rdataclass.IN, rdtype, str(record.data)).to_digestable()

    ours = parse_zone_text(text, Name.parse("example.")).records
    assert {(record.name, record.ttl, digestable(record)) for record in ours} == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a 1 A 192.0.2.1\n A 192.0.2.2", "a. 1 IN A 192.0.2.2"),  # RFC 1035: the last TTL given
        ("a 1 A 192.0.2.1\n$TTL 2\nb A 192.0.2.2", "b. 2 IN A 192.0.2.2"),  # RFC 2308: $TTL comes first
        ("a A 192.0.2.1", f"a. {DEFAULT_TTL} IN A 192.0.2.1"),
        ("@ SOA . . 1 2 3 4 77\na A 192.0.2.1", "a. 77 IN A 192.0.2.1"),
        ("a 1W2D3H4M5S IN A 192.0.2.1", "a. 788645 IN A 192.0.2.1"),
        ("a CLASS1 A 192.0.2.1", f"a. {DEFAULT_TTL} IN A 192.0.2.1"),
        ("a in 5 a 192.0.2.1", "a. 5 IN A 192.0.2.1"),
        ("bücher 5 A 192.0.2.1", "xn--bcher-kva. 5 IN A 192.0.2.1"),
    ],
)
def test_ttl_and_class(text, expected):
    assert lines(text)[-1] == expected


def test_text_that_is_indented_as_a_whole():
    text = """
        a 1 A 192.0.2.1
          1 A 192.0.2.2

        b 1 A 192.0.2.3
    """

    assert lines(text, "example.") == [
        "a.example. 1 IN A 192.0.2.1",
        "a.example. 1 IN A 192.0.2.2",
        "b.example. 1 IN A 192.0.2.3",
    ]


@pytest.mark.parametrize(
    ("text", "origin", "expected"),
    [
        ("a A 192.0.2.1", None, "."),
        ("a A 192.0.2.1", "example.", "example."),
        ("$ORIGIN org.\n$ORIGIN example\na A 192.0.2.1", None, "org."),
        ("$ORIGIN org.\nexample SOA . . 1 2 3 4 5", None, "example.org."),
        ("", None, "."),
        (" \n\t\n; nothing\n", None, "."),
    ],
)
def test_where_a_zone_begins(text, origin, expected):
    assert parse_zone_text(text, origin and Name.parse(origin)).origin == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("$GENERATE 1-3 host$ 60 A 192.0.2.$", ["host1. 60 IN A 192.0.2.1", "host2. 60 IN A 192.0.2.2", "host3. 60 IN A 192.0.2.3"]),
        ("$GENERATE 0-4/4 h IN 60 A 10.0.$.${1}", ["h. 60 IN A 10.0.0.1", "h. 60 IN A 10.0.4.5"]),
        ("$GENERATE 9-10 n${-9,3} 60 CNAME $.x", ["n000. 60 IN CNAME 9.x.", "n001. 60 IN CNAME 10.x."]),
        ("$GENERATE 255-255 n 60 AAAA 2001:db8::${0,4,x}", ["n. 60 IN AAAA 2001:db8::ff"]),
        ("$GENERATE 8-8 n${0,2,o} 60 TXT ${0,0,X} \\$ $$", ['n10. 60 IN TXT "8" "$" "$"']),
        ("$GENERATE 171-171 ${0,7,n}.ip6.arpa. 60 PTR h$", ["b.a.0.0.ip6.arpa. 60 IN PTR h171."]),
        ("$GENERATE 171-171 ${0,3,N} 60 PTR h$", ["b.a. 60 IN PTR h171."]),
    ],
)  # fmt: skip
def test_generate(text, expected):
    assert lines(text) == expected


def test_ten_thousand_hosts_are_one_line():
    records = parse_zone_text("$GENERATE 0-9999 host$ 60 AAAA 2001:db8::${0,0,x}", Name.parse("example.")).records

    assert len(records) == 10_000
    assert str(records[-1]) == "host9999.example. 60 IN AAAA 2001:db8::270f"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("\n\na 60 A 192.0.2.256", "line 3: A data"),
        ("a 60 A 192.0.2.1 192.0.2.2", "line 1: A data"),
        ("a 60", "line 1: expected a type of record"),
        ("a 60 NOTYPE x", "line 1: 'NOTYPE' is not a RRType"),
        ("a 60 ANY x", "line 1: ANY is not a type of records in a zone"),
        ("a 60 CH TXT x", "line 1: class CH is not served, only IN"),
        ("a 9999999999 A 192.0.2.1", "line 1: "),
        ("a 4294967295 A 192.0.2.1", "line 1: a TTL is"),
        (f"{'a' * 64} 60 A 192.0.2.1", "line 1: "),
        ("\n a 60 A 192.0.2.1\nb A 192.0.2.1", "line 2: the line begins with a blank"),
        ("; x\n$INCLUDE other.zone", "line 2: $INCLUDE is not followed"),
        ("$ORIGINAL x", "line 1: unknown directive $ORIGINAL"),
        ("$TTL", "line 1: expected a TTL"),
        ("$TTL x", "line 1: "),
        ("$ORIGIN a b", "line 1: expected nothing more, found b"),
        ("a 60 A (\n192.0.2.1", "line 1: the parenthesis is not closed"),
        ("a 60 A 192.0.2.1 )", "line 1: "),
        ('a 60 A 192.0.2.1\nb 60 TXT "open\n"', "line 2: "),
        ("a 60 SOA . . (\n1 2 3\n4 )\nb 60 A x", "line 1: SOA data"),
        ("@ 60 SOA . . (\n1 2 3\n4 5 )\nb 60 A x", "line 4: A data"),
        ("$GENERATE 5-1 a A 192.0.2.1", "line 1: the range 5-1 is empty"),
        ("$GENERATE 1 a A 192.0.2.1", "line 1: '1' is not a range"),
        ("$GENERATE 0-9999999 a A 192.0.2.1", "line 1: the range 0-9999999 makes more than"),
        ("$GENERATE 0-1 ${x} A 192.0.2.1", "line 1: ${x} is not understood"),
        ("$GENERATE 0-1 a${-1} A 192.0.2.1", "line 1: ${-1} makes -1"),
        ("$GENERATE 0-1 a", "line 1: expected a type of record"),
        ("$GENERATE 0-1", "line 1: expected a domain name"),
    ],
)
def test_errors_name_the_line(text, reason):
    with pytest.raises(ConfigurationError) as caught:
        parse_zone_text(text)

    assert str(caught.value).startswith(f"zone {reason}")
    assert "\n" not in str(caught.value)
