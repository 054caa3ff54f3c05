"""Answers as dnspython's messages and RRsets, and back: the values are the same on both sides."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import AsyncIterator
from typing import Any

import dns.asyncquery
import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.resolver
import dns.rrset
import pytest

from aioresolver.adapters.dnspython import from_message, from_rrset, to_message, to_rrset
from aioresolver.answer import Answer
from aioresolver.errors import MessageFormatError, ServerFailure
from aioresolver.resolver import Resolver
from aioresolver.testing import DNSServer
from aioresolver.wire.codes import Rcode, RRClass, RRType
from aioresolver.wire.message import Question, Record
from aioresolver.wire.names import Name
from aioresolver.wire.rdata import A, parse_rdata

ZONE = r"""
$ORIGIN both.test.
@ 60 SOA ns hostmaster 1 7200 3600 1209600 30
@ 60 NS ns
@ 60 A 192.0.2.1
@ 60 A 192.0.2.2
@ 60 AAAA 2001:db8::1
@ 60 MX 10 mail
@ 60 TXT "one" "t\"w\255o"
@ 60 CAA 0 issue "ca.example"
@ 60 NAPTR 10 20 "u" "E2U+sip" "!^.*$!sip:x@y!" .
@ 60 HTTPS 1 . alpn=h2,h3 port=8443 ipv4hint=192.0.2.1
@ 60 SVCB 0 svc.both.test.
@ 60 TLSA 3 1 0 0a0b
@ 60 DS 1 8 2 0a0b0c0d0a0b0c0d0a0b0c0d0a0b0c0d0a0b0c0d0a0b0c0d0a0b0c0d0a0b0c0d
@ 60 SSHFP 1 1 dd465c09cfa51fb45020cc83316fff21b9ec74ac
@ 60 URI 1 2 "https://both.test/"
@ 60 LOC 52 22 23 N 4 53 32 E -2m 0m 10000m 10m
@ 60 TYPE65280 \# 2 0a0b
_s._tcp 60 SRV 1 2 80 www
www 20 CNAME @
a\.b 60 A 192.0.2.3
"""
TYPES = [
    "SOA",
    "NS",
    "A",
    "AAAA",
    "MX",
    "TXT",
    "CAA",
    "NAPTR",
    "HTTPS",
    "SVCB",
    "TLSA",
    "DS",
    "SSHFP",
    "URI",
    "LOC",
    "TYPE65280",
]


@pytest.fixture
async def server() -> AsyncIterator[DNSServer]:
    async with DNSServer(ZONE) as running:
        yield running


@pytest.fixture
async def resolver(server: DNSServer) -> AsyncIterator[Resolver]:
    async with Resolver(server.nameserver) as made:
        yield made


def ours(name: str = "www.both.test", texts: tuple[str, ...] = ("192.0.2.1",), type: str = "A") -> Answer[Any]:
    question = Question.parse(name, type)
    records = [Record(question.name, question.type, RRClass.IN, 60, parse_rdata(question.type, text)) for text in texts]
    return Answer.from_records(question, records, now=0.0, ttl=60)


@pytest.mark.parametrize("type_", TYPES)
async def test_every_type_there_and_back(resolver: Resolver, type_: str) -> None:
    answer = await resolver.resolve("both.test", type_)
    rrset = to_rrset(answer)

    assert rrset is not None
    assert rrset.rdtype == dns.rdatatype.from_text(type_)
    assert from_rrset(rrset).data == answer.data
    assert from_message(to_message(answer)).data == answer.data
    assert rrset in to_message(answer).answer


async def test_dnspython_reads_the_same_from_the_server(server: DNSServer, resolver: Resolver) -> None:
    query = dns.message.make_query("www.both.test", "A", use_edns=0, payload=1232)
    theirs = await dns.asyncquery.udp(query, server.address, port=server.port, timeout=5)
    answer = await resolver.resolve("www.both.test", "A")
    message = to_message(answer)

    assert (message.question, message.answer, message.flags) == (theirs.question, theirs.answer, theirs.flags)
    read = from_message(theirs, server="theirs")
    assert (read.data, read.aliases, read.name, read.ttl) == (answer.data, answer.aliases, answer.name, 20)
    assert read.server == "theirs"


async def test_a_message_suits_a_dnspython_answer(resolver: Resolver) -> None:
    message = to_message(await resolver.resolve("www.both.test", "A"))
    question = message.question[0]
    answer = dns.resolver.Answer(question.name, question.rdtype, question.rdclass, message)

    assert str(answer.canonical_name) == "both.test."
    assert {each.address for each in answer} == {"192.0.2.1", "192.0.2.2"}
    assert len(from_message(answer.response)) == 2


async def test_the_rrset_is_at_the_end_of_the_aliases_with_what_is_left_of_the_ttl(
    resolver: Resolver, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = await resolver.resolve("www.both.test", "A")
    monkeypatch.setattr("aioresolver.answer.loop_time", lambda: answer.expires - 7)
    rrset = to_rrset(answer)

    assert rrset is not None
    assert str(rrset.name) == "both.test."
    assert rrset.ttl == 7


async def test_names_with_dots_in_their_labels(resolver: Resolver) -> None:
    rrset = to_rrset(await resolver.resolve(r"a\.b.both.test"))

    assert rrset is not None
    assert rrset.name.labels[0] == b"a.b"
    assert from_rrset(rrset).question.name == r"a\.b.both.test."


async def test_empty_answers(resolver: Resolver) -> None:
    for name, rcode in (("no.both.test", dns.rcode.NXDOMAIN), ("www.both.test", dns.rcode.NOERROR)):
        answer = await resolver.query(name, "MX" if rcode else "SRV")
        message = to_message(answer)
        assert to_rrset(answer) is None
        assert message.rcode() == rcode
        assert from_message(message).rcode == answer.rcode
        assert from_message(message).ttl == answer.ttl


async def test_any_has_no_rrset(resolver: Resolver) -> None:
    answer = await resolver.query("both.test", "ANY")

    assert len(to_message(answer).answer) >= len(TYPES)
    with pytest.raises(ValueError, match="to_message"):
        to_rrset(answer)


def test_an_answer_that_came_in_no_message() -> None:
    message = to_message(ours())

    assert message.flags & dns.flags.QR
    assert message.answer == [dns.rrset.from_text("www.both.test.", 60, "IN", "A", "192.0.2.1")]
    assert from_message(message).data == ours().data


def test_order_is_kept() -> None:
    rrset = to_rrset(ours(texts=("192.0.2.3", "192.0.2.1", "192.0.2.2")).rotated(1))

    assert rrset is not None
    assert [each.address for each in rrset] == ["192.0.2.1", "192.0.2.2", "192.0.2.3"]


def test_from_an_rrset_made_by_hand() -> None:
    answer = from_rrset(dns.rrset.from_text("WWW.both.test.", 60, "IN", "MX", "10 Mail.both.test.", "20 b.both.test."))

    assert answer.question == (Name("www.both.test."), RRType.MX, RRClass.IN)
    assert [str(each) for each in answer] == ["10 mail.both.test.", "20 b.both.test."]
    assert 59 <= answer.ttl <= 60


def test_what_is_no_answer() -> None:
    query = dns.message.make_query("www.both.test", "A")
    with pytest.raises(MessageFormatError, match="reply"):
        from_message(query)
    reply = dns.message.make_response(query)
    reply.set_rcode(dns.rcode.SERVFAIL)
    with pytest.raises(ServerFailure, match="SERVFAIL") as caught:
        from_message(reply)
    assert caught.value.rcode == Rcode.SERVFAIL.name
    reply.question = []
    with pytest.raises(MessageFormatError, match="one question"):
        from_message(reply)


async def test_an_answer_gives_and_takes_by_itself(resolver: Resolver) -> None:
    answer = await resolver.resolve("www.both.test", "A")
    message = answer.to_dnspython()

    assert isinstance(message, dns.message.Message)
    assert message == to_message(answer)
    again: Answer[A] = Answer.from_dnspython(message, server="theirs")
    assert (again.data, again.aliases, again.server) == (answer.data, answer.aliases, "theirs")
    assert Answer.from_dnspython(message.answer[-1]).data == answer.data


@pytest.mark.parametrize("module", ["aioresolver.adapters.dnspython", "aioresolver.wire.dnspython"])
@pytest.mark.parametrize(
    ("before", "complaint"),
    [
        ("sys.modules['dns'] = None", "pip install"),
        ("import dns.version; dns.version.MINOR = 6", "2.7 or newer"),
        ("import dns.version; dns.version.MAJOR = 1", "aioresolver[dnspython]"),
    ],
)
def test_without_dnspython_one_sentence_says_what_to_install(module: str, before: str, complaint: str) -> None:
    program = f"import sys\n{before}\nimport {module}"
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)

    assert "Error: messages and RRsets of dnspython need" in result.stderr.splitlines()[-1]
    assert complaint in result.stderr.splitlines()[-1]
