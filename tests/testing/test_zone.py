"""What a zone says to a question."""

from __future__ import annotations

import pytest

from aioresolver.errors import ConfigurationError
from aioresolver.testing import Zone
from aioresolver.testing.zone import Outcome
from aioresolver.wire.codes import RRType
from aioresolver.wire.names import Name

# The zone of RFC 4592, 2.2.1, with more.
WILD = Zone("""
    $ORIGIN example.
    @                3600 SOA ns.example.com. admin 1 3600 600 86400 300
    @                3600 NS  ns.example.com.
    *                3600 TXT "this is a wildcard"
    *                3600 MX  10 host1
    sub.*            3600 TXT "this is not a wildcard"
    host1            3600 A   192.0.2.1
    _ssh._tcp.host1  3600 SRV 0 0 22 host1
    _ssh._tcp.host2  3600 SRV 0 0 22 host2
    subdel           3600 NS  ns.subdel
    ns.subdel        3600 A   192.0.2.53
    alias            60   CNAME host1
    *.alias.deep     60   CNAME host1
    old              30   DNAME new.example.net.
    x.old            30   TXT "hidden by the DNAME"
    subdel           60   DS  1 8 2 0000000000000000000000000000000000000000000000000000000000000000
""")


def look(zone, name, type="A"):
    found = zone.lookup(Name.parse(name), RRType.parse(type))
    return found.outcome, [str(record) for record in found.records]


SOA = "example. 300 IN SOA ns.example.com. admin.example. 1 3600 600 86400 300"


@pytest.mark.parametrize(
    ("question", "outcome", "records"),
    [
        # RFC 4592, 2.2.1: these responses are synthesized from a wildcard …
        ("host3.example. MX", "ANSWER", ["host3.example. 3600 IN MX 10 host1.example."]),
        ("host3.example. A", "NO_DATA", [SOA]),
        ("foo.bar.example. TXT", "ANSWER", ['foo.bar.example. 3600 IN TXT "this is a wildcard"']),
        # … and these are not: the name exists, a name below it does, or a wildcard stands in another branch.
        ("host1.example. MX", "NO_DATA", [SOA]),
        ("sub.*.example. MX", "NO_DATA", [SOA]),
        ("_telnet._tcp.host1.example. SRV", "NO_NAME", [SOA]),
        ("host.subdel.example. A", "REFERRAL", ["subdel.example. 3600 IN NS ns.subdel.example."]),
        ("ghost.*.example. MX", "NO_NAME", [SOA]),
        ("*.example. TXT", "ANSWER", ['*.example. 3600 IN TXT "this is a wildcard"']),
        # An empty non-terminal exists.
        ("_tcp.host2.example. A", "NO_DATA", [SOA]),
        ("host2.example. MX", "NO_DATA", [SOA]),
        ("deep.example. TXT", "NO_DATA", [SOA]),
        # Aliases.
        ("alias.example. A", "ALIAS", ["alias.example. 60 IN CNAME host1.example."]),
        ("alias.example. CNAME", "ANSWER", ["alias.example. 60 IN CNAME host1.example."]),
        ("a.alias.deep.example. AAAA", "ALIAS", ["a.alias.deep.example. 60 IN CNAME host1.example."]),
        # RFC 6672: below the owner, never at it.
        ("a.b.old.example. A", "ALIAS", ["old.example. 30 IN DNAME new.example.net.", "a.b.old.example. 30 IN CNAME a.b.new.example.net."]),
        ("x.old.example. TXT", "ALIAS", ["old.example. 30 IN DNAME new.example.net.", "x.old.example. 30 IN CNAME x.new.example.net."]),
        ("old.example. DNAME", "ANSWER", ["old.example. 30 IN DNAME new.example.net."]),
        ("old.example. A", "NO_DATA", [SOA]),
        # A cut: everything at it and below is for others, but its DS is ours.
        ("subdel.example. NS", "REFERRAL", ["subdel.example. 3600 IN NS ns.subdel.example."]),
        ("subdel.example. ANY", "REFERRAL", ["subdel.example. 3600 IN NS ns.subdel.example."]),
        ("ns.subdel.example. A", "REFERRAL", ["subdel.example. 3600 IN NS ns.subdel.example."]),
        ("subdel.example. DS", "ANSWER", [f"subdel.example. 60 IN DS 1 8 2 {'0' * 64}"]),
        ("x.subdel.example. DS", "REFERRAL", ["subdel.example. 3600 IN NS ns.subdel.example."]),
        # The apex.
        ("example. NS", "ANSWER", ["example. 3600 IN NS ns.example.com."]),
        ("example. A", "NO_DATA", [SOA]),
        ("example. DS", "NO_DATA", [SOA]),
        ("example. SOA", "ANSWER", [SOA.replace(" 300 IN", " 3600 IN")]),
        ("example. ANY", "ANSWER", [SOA.replace(" 300 IN", " 3600 IN"), "example. 3600 IN NS ns.example.com."]),
        ("alias.example. ANY", "ANSWER", ["alias.example. 60 IN CNAME host1.example."]),
    ],
)  # fmt: skip
def test_lookup(question, outcome, records):
    assert look(WILD, *question.split()) == (Outcome[outcome], records)


def test_a_dname_that_makes_a_name_too_long():
    zone = Zone(f"$ORIGIN example.\nd 60 DNAME {'a' * 60}.{'b' * 60}.{'c' * 60}.{'d' * 50}.")

    assert look(zone, f"{'x' * 30}.d.example.")[0] is Outcome.TOO_LONG
    assert look(zone, "x.d.example.")[0] is Outcome.ALIAS


def test_a_dname_at_the_apex_and_to_the_root():
    zone = Zone("$ORIGIN old.\n@ 60 DNAME new.\n@ 60 A 192.0.2.1")
    to_root = Zone("$ORIGIN old.\nd 60 DNAME .")

    assert look(zone, "a.old.")[1][1] == "a.old. 60 IN CNAME a.new."
    assert look(zone, "old.") == (Outcome.ANSWER, ["old. 60 IN A 192.0.2.1"])
    assert look(to_root, "a.d.old.")[1][1] == "a.d.old. 60 IN CNAME a."


def test_a_wildcard_in_the_root_zone():
    zone = Zone("* 60 A 192.0.2.1\nhere 60 TXT x")

    assert look(zone, "a.b.c.") == (Outcome.ANSWER, ["a.b.c. 60 IN A 192.0.2.1"])
    assert look(zone, "x.here.")[0] is Outcome.NO_NAME


def test_a_zone_without_soa_gets_one():
    zone = Zone("www 60 A 192.0.2.1", "example")

    assert zone.origin == "example."
    assert str(zone.soa) == "example. 300 IN SOA example. hostmaster.example. 1 3600 600 86400 60"
    assert look(zone, "x.example.") == (Outcome.NO_NAME, [str(zone.soa).replace(" 300 IN", " 60 IN")])


def test_the_negative_ttl_is_the_lesser_of_soa_ttl_and_minimum():
    short = Zone("@ 20 SOA . . 1 2 3 4 100", "example.")
    shorter = Zone("@ 100 SOA . . 1 2 3 4 20", "example.")

    assert [zone.lookup(Name("x.example."), RRType.A).records[0].ttl for zone in (short, shorter)] == [20, 20]


def test_addresses_include_glue_and_nothing_else():
    assert [str(r.data) for r in WILD.addresses(Name("ns.subdel.example."))] == ["192.0.2.53"]
    assert WILD.addresses(Name("nothing.example.")) == ()


def test_the_same_record_twice_is_one():
    zone = Zone("a 60 A 192.0.2.1\na 60 A 192.0.2.1\na 60 A 192.0.2.2")

    assert look(zone, "a.")[1] == ["a. 60 IN A 192.0.2.1", "a. 60 IN A 192.0.2.2"]


@pytest.mark.parametrize(
    "text",
    [
        "a 60 A 192.0.2.1\na 60 CNAME b",
        "a 60 CNAME b\na 60 A 192.0.2.1",
        "a 60 CNAME b\na 60 CNAME c",
    ],
)
def test_a_cname_stands_alone(text):
    with pytest.raises(ConfigurationError, match=r"zone line 2: a\.example\. has"):
        Zone(text, "example.")


def test_signatures_may_stand_beside_a_cname():
    signature = "CNAME 8 2 60 20300101000000 20200101000000 1 example. AAAA"
    zone = Zone(f"a 60 RRSIG {signature}\na 60 CNAME b\na 60 CNAME b", "example.")

    assert look(zone, "a.example.")[1] == ["a.example. 60 IN CNAME b.example."]
    assert look(zone, "a.example.", "RRSIG")[0] is Outcome.ANSWER


def test_records_outside_the_zone_are_refused():
    with pytest.raises(ConfigurationError, match=r"zone line 3: www\.example\.org\. is outside the zone example\."):
        Zone("$TTL 60\n\nwww.example.org. A 192.0.2.1", "example.")


def test_removing_leaves_nothing_behind():
    zone = Zone("a.b.c 60 A 192.0.2.1\na.b.c 60 TXT x\nc 60 TXT y\nd 60 NS ns", "example.")

    assert zone.remove(Name("a.b.c.example."), RRType.TXT) == 1
    assert look(zone, "b.c.example.")[0] is Outcome.NO_DATA
    assert zone.remove(Name("a.b.c.example.")) == 1
    assert look(zone, "b.c.example.")[0] is Outcome.NO_NAME
    assert look(zone, "c.example.", "TXT")[0] is Outcome.ANSWER
    assert look(zone, "x.d.example.")[0] is Outcome.REFERRAL
    assert zone.remove(Name("d.example.")) == 1
    assert look(zone, "x.d.example.")[0] is Outcome.NO_NAME
    assert zone.remove(Name("nothing.example.")) == 0
    assert zone.remove(Name("b.c.example.")) == 0


def test_the_soa_is_replaced_and_restored():
    zone = Zone("@ 60 SOA . . 1 2 3 4 5\n@ 60 SOA . . 2 2 3 4 5", "example.")

    assert zone.soa.data.serial == 2
    assert zone.remove(Name("example."), RRType.SOA) == 1
    assert zone.soa.data.minimum == 60


def test_a_name_with_records_below_it_stays():
    zone = Zone("a 60 A 192.0.2.1\nx.a 60 A 192.0.2.2", "example.")
    zone.remove(Name("a.example."))

    assert look(zone, "a.example.")[0] is Outcome.NO_DATA
    assert look(zone, "x.a.example.")[0] is Outcome.ANSWER


def test_it_shows_what_it_is():
    assert repr(Zone("a 60 A 192.0.2.1", "example.")) == "<Zone example. of 2 records>"
