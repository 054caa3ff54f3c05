"""Zones together: aliases from one into the next, cuts between them, what is added."""

from __future__ import annotations

import pytest

from aioresolver.errors import ConfigurationError
from aioresolver.testing import Zone
from aioresolver.testing.authority import MOST_ALIASES, Authority
from aioresolver.wire.codes import Rcode, RRClass
from aioresolver.wire.message import Question


@pytest.fixture
def authority():
    parent = Zone("""
        $ORIGIN example.
        $TTL 60
        @      SOA ns admin 1 2 3 4 5
               NS  ns
        ns     A   192.0.2.53
        www    CNAME web
        web    A   192.0.2.1
        far    CNAME www.sub
        out    CNAME www.elsewhere.
        gone   CNAME nothing
        empty  CNAME ns
        loop   CNAME pool
        pool   CNAME loop
        self   CNAME self
        cut    CNAME host.lame
        lame   NS  ns.lame
        ns.lame A 192.0.2.66
        long   DNAME aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeee.ffffffffffgggggggggghhhhhhhhhhiiiiiiiiiijjjjjjjjjj.
        dname  DNAME sub
        sub    NS  ns.sub
        sub    DS  1 8 2 00
        ns.sub A   192.0.2.54
        $GENERATE 0-20 c$ CNAME c${1}
        c21    A 192.0.2.21
        mail   MX  10 web
        mail   MX  20 www.elsewhere.
        _sip   SRV 0 0 1 web
        _sip   SRV 0 1 1 web
    """)
    child = Zone(
        "$ORIGIN sub.example.\n@ 60 SOA ns admin 9 2 3 4 5\n@ 60 NS ns\nns 60 A 192.0.2.54\nwww 60 A 192.0.2.7"
    )
    return Authority([parent, child])


def texts(records):
    return [f"{record.name} {record.type} {record.data}" for record in records]


def ask(authority, name, type="A"):
    return authority.answer(Question.parse(name, type))


def test_a_chain_of_aliases_is_followed_through_the_zones(authority):
    inside, across = ask(authority, "www.example"), ask(authority, "far.example")

    assert texts(inside.answer) == ["www.example. CNAME web.example.", "web.example. A 192.0.2.1"]
    assert texts(across.answer) == ["far.example. CNAME www.sub.example.", "www.sub.example. A 192.0.2.7"]
    assert across.authoritative


def test_an_alias_out_of_our_zones_is_the_whole_answer(authority):
    verdict = ask(authority, "out.example")

    assert (verdict.rcode, texts(verdict.answer)) == (Rcode.NOERROR, ["out.example. CNAME www.elsewhere."])
    assert verdict.authority == ()


def test_an_alias_to_nothing_is_nxdomain(authority):
    """RFC 6604, 2: the rcode is that of the end of the chain."""
    verdict = ask(authority, "gone.example")

    assert (verdict.rcode, texts(verdict.answer)) == (Rcode.NXDOMAIN, ["gone.example. CNAME nothing.example."])
    assert texts(verdict.authority) == ["example. SOA ns.example. admin.example. 1 2 3 4 5"]


def test_an_alias_to_no_data(authority):
    verdict = ask(authority, "empty.example", "AAAA")

    assert (verdict.rcode, len(verdict.answer), len(verdict.authority)) == (Rcode.NOERROR, 1, 1)


@pytest.mark.parametrize(("name", "links"), [("loop.example", 2), ("self.example", 1), ("c0.example", MOST_ALIASES)])
def test_loops_and_long_chains_end(authority, name, links):
    verdict = ask(authority, name)

    assert (verdict.rcode, len(verdict.answer)) == (Rcode.NOERROR, links)


def test_a_question_for_the_alias_itself_is_not_followed(authority):
    assert texts(ask(authority, "www.example", "CNAME").answer) == ["www.example. CNAME web.example."]
    assert texts(ask(authority, "www.example", "ANY").answer) == ["www.example. CNAME web.example."]
    assert texts(ask(authority, "www.dname.example", "CNAME").answer) == [
        "dname.example. DNAME sub.example.",
        "www.dname.example. CNAME www.sub.example.",
    ]


def test_a_dname_leads_on(authority):
    assert texts(ask(authority, "www.dname.example").answer) == [
        "dname.example. DNAME sub.example.",
        "www.dname.example. CNAME www.sub.example.",
        "www.sub.example. A 192.0.2.7",
    ]


def test_a_dname_that_makes_a_name_too_long_is_yxdomain(authority):
    verdict = ask(authority, ".".join(["x" * 50] * 3) + ".long.example")

    assert (verdict.rcode, [record.type.name for record in verdict.answer]) == (Rcode.YXDOMAIN, ["DNAME"])


def test_a_cut_without_its_zone_here_is_a_referral_with_glue(authority):
    verdict = ask(authority, "host.lame.example")

    assert (verdict.rcode, verdict.authoritative, verdict.referral, verdict.answer) == (Rcode.NOERROR, False, True, ())
    assert texts(verdict.authority) == ["lame.example. NS ns.lame.example."]
    assert texts(verdict.additional) == ["ns.lame.example. A 192.0.2.66"]


def test_an_alias_into_a_cut(authority):
    verdict = ask(authority, "cut.example")

    assert texts(verdict.answer) == ["cut.example. CNAME host.lame.example."]
    assert texts(verdict.authority) == ["lame.example. NS ns.lame.example."]
    assert verdict.authoritative
    assert not verdict.referral


def test_the_child_answers_for_itself_but_for_its_ds(authority):
    assert ask(authority, "sub.example", "SOA").answer[0].data.serial == 9
    assert texts(ask(authority, "sub.example", "DS").answer) == ["sub.example. DS 1 8 2 00"]
    assert ask(authority, "example", "DS").authority[0].data.serial == 1


def test_addresses_of_named_hosts_are_added_once(authority):
    assert texts(ask(authority, "mail.example", "MX").additional) == ["web.example. A 192.0.2.1"]
    assert texts(ask(authority, "_sip.example", "SRV").additional) == ["web.example. A 192.0.2.1"]
    assert texts(ask(authority, "example", "NS").additional) == ["ns.example. A 192.0.2.53"]


@pytest.mark.parametrize(("name", "type"), [("www.org", "A"), (".", "NS"), ("example", "AXFR"), ("example", "IXFR")])
def test_what_is_refused(authority, name, type):
    assert ask(authority, name, type) == (Rcode.REFUSED, False, False, (), (), ())


def test_classes(authority):
    question = Question.parse("web.example")

    assert authority.answer(question._replace(class_=RRClass.CH)).rcode == Rcode.REFUSED
    assert len(authority.answer(question._replace(class_=RRClass.ANY)).answer) == 1


def test_two_zones_of_one_name_are_refused():
    with pytest.raises(ConfigurationError, match="two zones example"):
        Authority([Zone("", "example"), Zone("", "example.")])


def test_adding_finds_the_zone(authority):
    authority.add("new.sub.example. 60 A 192.0.2.8\nnew.example. 60 A 192.0.2.9\nsub.example. 60 DS 2 8 2 00")

    assert texts(ask(authority, "new.sub.example").answer) == ["new.sub.example. A 192.0.2.8"]
    assert len(ask(authority, "sub.example", "DS").answer) == 2


def test_adding_outside_the_zones_adds_nothing(authority):
    with pytest.raises(ConfigurationError, match=r"www\.org\. is outside the zones example\., sub\.example\."):
        authority.add("new.example. 60 A 192.0.2.9\nwww.org. 60 A 192.0.2.1")

    assert ask(authority, "new.example").rcode == Rcode.NXDOMAIN


def test_removing(authority):
    assert authority.remove("WEB.example", "a") == 1
    assert ask(authority, "web.example").rcode == Rcode.NXDOMAIN
    assert authority.remove("mail.example", 15) == 2
    assert authority.remove("nothing.example") == 0


def test_one_zone_alone_answers_as_authoritative_servers_do_it(authority):
    alone = Authority(authority.zones.values(), across=False)
    within, across, delegation = ask(alone, "www.example"), ask(alone, "far.example"), ask(alone, "host.lame.example")

    assert within == ask(authority, "www.example")
    assert texts(across.answer) == ["far.example. CNAME www.sub.example."]
    assert (across.rcode, across.authoritative, across.authority) == (Rcode.NOERROR, True, ())
    assert delegation == ask(authority, "host.lame.example")


def test_one_zone_alone_has_no_addresses_of_another():
    zones = [
        Zone("$ORIGIN example.\nkid NS ns.other.test.\nkid NS ns.kid\nns.kid A 192.0.2.1\nmx MX 5 mail.other.test."),
        Zone("$ORIGIN other.test.\nns A 192.0.2.2\nmail A 192.0.2.3"),
    ]
    alone, together = Authority(zones, across=False), Authority(zones)

    assert texts(ask(alone, "www.kid.example").additional) == ["ns.kid.example. A 192.0.2.1"]
    assert len(ask(together, "www.kid.example").additional) == 2
    assert ask(alone, "mx.example", "MX").additional == ()
    assert len(ask(together, "mx.example", "MX").additional) == 1
