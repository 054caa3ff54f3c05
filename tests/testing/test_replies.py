"""Reply bytes, read back by dnspython."""

from __future__ import annotations

import dns.edns
import dns.flags
import dns.message
import dns.rcode
import dns.rrset
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aioresolver.testing import Zone
from aioresolver.testing.authority import Authority
from aioresolver.testing.replies import Replies
from aioresolver.wire.message import Message


@pytest.fixture
def replies():
    zone = Zone("""
$ORIGIN example.
@ 300 SOA ns admin 1 2 3 4 60
www 60 A 192.0.2.1
$GENERATE 0-99 many 60 A 192.0.2.$
$GENERATE 0-9 few 60 A 192.0.2.$
few-hosts 60 MX 10 few
few-hosts 60 MX 10 many
$GENERATE 0-39 sub 60 NS ns$.sub
$GENERATE 0-39 ns$.sub 60 A 192.0.2.$
small 60 NS ns.small
ns.small 60 A 192.0.2.1
""")
    return Replies(Authority([zone]), udp_payload=1232, recursion_available=True)


def ask(replies, name, type="A", *, transport="udp", **options):
    query = dns.message.make_query(name, type, **options)
    wire = query.to_wire()
    reply = replies.reply(wire, transport)
    message = dns.message.from_wire(wire[:2] + reply.body)
    assert query.is_response(message)
    return message


def flags(message):
    return dns.flags.to_text(message.flags).split()


def test_an_answer(replies):
    message = ask(replies, "www.example")

    assert flags(message) == ["QR", "AA", "RD", "RA"]
    assert message.answer == [dns.rrset.from_text("www.example.", 60, "IN", "A", "192.0.2.1")]
    assert message.edns == -1


def test_a_name_that_is_not_there(replies):
    message = ask(replies, "no.example")

    assert message.rcode() == dns.rcode.NXDOMAIN
    assert message.authority == [
        dns.rrset.from_text("example.", 60, "IN", "SOA", "ns.example. admin.example. 1 2 3 4 60")
    ]


def test_a_referral_is_neither_authoritative_nor_recursive(replies):
    assert flags(ask(replies, "www.small.example")) == ["QR", "RD"]


def test_the_flags_of_the_query_that_come_back(replies):
    query_flags = dns.flags.CD | dns.flags.AD
    message = ask(replies, "www.example", flags=query_flags)

    assert flags(message) == ["QR", "AA", "RA", "CD"]


def test_recursion_available_is_a_setting(replies):
    replies.recursion_available = False

    assert flags(ask(replies, "www.example")) == ["QR", "AA", "RD"]


def test_the_question_comes_back_in_its_own_spelling(replies):
    query = dns.message.make_query("wWw.eXAMPLE", "A")
    reply = replies.reply(query.to_wire(), "udp")

    assert b"\x03wWw\x07eXAMPLE\x00" in reply.body
    assert str(reply.question) == "www.example. A"
    assert query.to_wire()[12 : reply.question_end] == reply.body[10 : reply.question_end - 2]


def test_edns_only_for_those_who_speak_it(replies):
    message = ask(replies, "www.example", use_edns=0, payload=4096, want_dnssec=True)

    assert (message.edns, message.payload, message.ednsflags) == (0, 1232, dns.flags.DO)


def test_an_edns_version_we_do_not_know(replies):
    query = dns.message.make_query("www.example", "A", use_edns=1)
    message = dns.message.from_wire(query.to_wire()[:2] + replies.reply(query.to_wire(), "udp").body)

    assert (message.rcode(), message.edns, message.answer) == (dns.rcode.BADVERS, 0, [])


def test_options_we_do_not_know_are_passed_over(replies):
    message = ask(replies, "www.example", use_edns=0, options=[dns.edns.GenericOption(65001, b"x")])

    assert (message.rcode(), len(message.answer), message.options) == (0, 1, ())


@pytest.mark.parametrize(
    ("transport", "options", "limit", "truncated"),
    [
        ("udp", {}, 512, True),
        ("udp", {"use_edns": 0, "payload": 1232}, 1232, True),
        ("udp", {"use_edns": 0, "payload": 100}, 512, True),
        ("udp", {"use_edns": 0, "payload": 4096}, 1232, True),
        ("tcp", {}, 65535, False),
    ],
)
def test_truncation(replies, transport, options, limit, truncated):
    query = dns.message.make_query("many.example", "A", **options)
    body = replies.reply(query.to_wire(), transport).body
    message = dns.message.from_wire(query.to_wire()[:2] + body)

    assert len(body) + 2 <= limit
    assert bool(message.flags & dns.flags.TC) is truncated
    assert len(message.answer[0]) == 100 or truncated
    assert (message.edns == 0) is bool(options)


def test_what_was_not_asked_for_is_left_out_first(replies):
    message = ask(replies, "few-hosts.example", "MX")

    assert "TC" not in flags(message)
    assert len(message.answer[0]) == 2
    assert 10 <= sum(map(len, message.additional)) < 110


def test_a_referral_that_loses_glue_is_truncated(replies):
    message = ask(replies, "www.sub.example", use_edns=0, payload=1232)

    assert "TC" in flags(message)
    assert len(message.authority[0]) == 40


def test_outside_the_zones(replies):
    assert ask(replies, "www.org").rcode() == dns.rcode.REFUSED
    assert ask(replies, "example", "AXFR", transport="tcp").rcode() == dns.rcode.REFUSED
    assert ask(replies, "www.example", rdclass="CH").rcode() == dns.rcode.REFUSED


QUERY = dns.message.make_query("www.example", "A", id=0x1234).to_wire()


@pytest.mark.parametrize(
    ("query", "body"),
    [
        (b"", None),
        (QUERY[:11], None),
        (QUERY[:2] + b"\x81" + QUERY[3:], None),  # a reply is never answered, or two servers talk for ever
        (QUERY[:20], "81010000000000000000"),
        (QUERY + b"\x00", "81010000000000000000"),
        (QUERY[:4] + b"\x00\x00" + QUERY[6:12], "81010000000000000000"),
        (QUERY[:4] + b"\x00\x02" + QUERY[6:] + QUERY[12:], "81010000000000000000"),
        (QUERY[:12] + b"\xc0\x04" + QUERY[-4:], "81010000000000000000"),
        (QUERY[:12] + b"\xff" * 40, "81010000000000000000"),
        (QUERY[:2] + b"\x29" + QUERY[3:], "a9040000000000000000"),  # UPDATE
        (QUERY[:2] + b"\x10" + QUERY[3:12], "90040000000000000000"),  # STATUS
    ],
)
def test_what_is_no_question(replies, query, body):
    reply = replies.reply(query, "udp")

    if body is None:
        assert reply is None
    else:
        assert (reply.body.hex(), reply.question, reply.question_end) == (body, None, 0)


EDNS_QUERY = dns.message.make_query("a.sub.example", "ANY", id=1, use_edns=0, payload=512).to_wire()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from([QUERY, EDNS_QUERY]), st.dictionaries(st.integers(2, 40), st.integers(0, 255), max_size=4))
def test_any_bytes_get_a_readable_reply_or_none(replies, query, changes):
    changed = bytearray(query)
    for position, byte in changes.items():
        changed[position % len(changed)] = byte
    reply = replies.reply(bytes(changed), "udp")

    if reply is not None:
        message = Message.parse(bytes(changed[:2]) + reply.body)
        assert len(reply.body) + 2 <= 1232
        assert reply.question is None or message.question == (reply.question,)
