"""Answer: how a message is read for its question."""

from __future__ import annotations

import struct
from typing import Any

import pytest

import aioresolver.wire.layout
import aioresolver.wire.message
from aioresolver.answer import Answer
from aioresolver.errors import MessageFormatError
from aioresolver.wire.codes import Flag, Rcode
from aioresolver.wire.message import Message, Question, Record

NOW = 1000.0
SOA = "example.org. 300 SOA ns.example.org. host.example.org. 1 2 3 4 60"


def answer_of(
    name: str, type: str, *answer: str, authority: tuple[str, ...] = (), rcode: Rcode = Rcode.NOERROR
) -> Answer[Any]:
    question = Question.parse(name, type)
    message = Message(
        flags=Flag.QR,
        rcode=rcode,
        question=(question,),
        answer=tuple(map(Record.parse, answer)),
        authority=tuple(map(Record.parse, authority)),
    )
    return Answer.of(question, Message.parse(message.to_wire()), now=NOW, server="udp://192.0.2.53")


def test_addresses() -> None:
    answer = answer_of("www.example.org", "A", "www.example.org. 60 A 192.0.2.1", "www.example.org. 50 A 192.0.2.2")
    assert [str(data) for data in answer] == ["192.0.2.1", "192.0.2.2"]
    assert (len(answer), answer[0].address, answer[1:][0].address) == (2, "192.0.2.1", "192.0.2.2")
    assert (answer.expires, answer.name, answer.aliases, answer.rcode) == (NOW + 50, "www.example.org.", (), 0)
    assert str(answer.records[0]) == "www.example.org. 60 IN A 192.0.2.1"


def test_the_least_ttl_of_the_alias_chain_counts() -> None:
    answer = answer_of(
        "www.example.org",
        "A",
        "www.example.org. 10 CNAME web.example.net.",
        "web.example.net. 99 CNAME host.example.com.",
        "host.example.com. 60 A 192.0.2.1",
    )
    assert answer.expires == NOW + 10
    assert answer.aliases == ("www.example.org.", "web.example.net.")
    assert answer.name == "host.example.com."
    assert [data.address for data in answer] == ["192.0.2.1"]


def test_records_beside_the_chain_are_not_believed() -> None:
    answer = answer_of("www.example.org", "A", "www.example.org. 60 A 192.0.2.1", "www.bank.example. 60 A 192.0.2.66")
    assert [data.address for data in answer] == ["192.0.2.1"]


def test_dname_without_its_cname() -> None:
    answer = answer_of("a.b.example.org", "A", "example.org. 10 DNAME example.net.", "a.b.example.net. 60 A 192.0.2.1")
    assert (answer.name, answer.aliases, answer.expires) == ("a.b.example.net.", ("a.b.example.org.",), NOW + 10)


def test_dname_that_makes_too_long_a_name() -> None:
    long = ".".join(["x" * 60] * 4)
    with pytest.raises(MessageFormatError, match="DNAME"):
        answer_of("abcdefghijklmnop.example.org", "A", f"example.org. 10 DNAME {long}.")


@pytest.mark.parametrize("length", [1, 2, 3])
def test_alias_circles(length: int) -> None:
    circle = [f"n{i}.example. 60 CNAME n{(i + 1) % length}.example." for i in range(length)]
    with pytest.raises(MessageFormatError, match="circle"):
        answer_of("n0.example", "A", *circle)


def test_alias_chains_are_bounded() -> None:
    chain = [f"n{i}.example. 60 CNAME n{i + 1}.example." for i in range(17)]
    with pytest.raises(MessageFormatError, match="16"):
        answer_of("n0.example", "A", *chain)
    assert len(answer_of("n1.example", "A", *chain).aliases) == 16


def test_asking_for_the_cname_itself() -> None:
    answer = answer_of("www.example.org", "CNAME", "www.example.org. 60 CNAME web.example.net.")
    assert (answer[0].target, answer.aliases, answer.name) == ("web.example.net.", (), "www.example.org.")


def test_any() -> None:
    answer = answer_of("example.org", "ANY", "example.org. 60 A 192.0.2.1", "example.org. 60 MX 10 mail.example.org.")
    assert [record.type.name for record in answer.records] == ["A", "MX"]


@pytest.mark.parametrize("rcode", [Rcode.NXDOMAIN, Rcode.NOERROR])
def test_empty_answers_live_as_the_soa_says(rcode: Rcode) -> None:
    answer = answer_of("no.example.org", "A", authority=(SOA,), rcode=rcode)
    assert (len(answer), bool(answer), answer.rcode, answer.expires) == (0, False, rcode, NOW + 60)
    assert answer.authority[0].data.minimum == 60


def test_empty_without_a_soa_is_not_to_be_kept() -> None:
    assert answer_of("no.example.org", "A").expires == NOW


def test_an_alias_to_nowhere() -> None:
    dangling = answer_of("www.example.org", "A", "www.example.org. 60 CNAME web.example.net.")
    assert dangling.dangling
    assert dangling.expires == NOW
    tail = answer_of("web.example.net", "A", "web.example.net. 20 A 192.0.2.5")
    whole = dangling.continued(tail)
    assert ([d.address for d in whole], whole.name, whole.expires) == (["192.0.2.5"], "web.example.net.", NOW + 20)
    assert not answer_of("w.example", "A", "w.example. 60 CNAME x.example.", authority=(SOA,)).dangling


def test_malformed_data_is_found_when_the_answer_is_made() -> None:
    question = Question.parse("example.org", "MX")
    message = Message(flags=Flag.QR, question=(question,), answer=(Record.parse("example.org. 60 MX 10 mail."),))
    wire = bytearray(message.to_wire())
    wire[-6:-5] = b"\xff"
    with pytest.raises(MessageFormatError):
        Answer.of(question, Message.parse(bytes(wire)), now=NOW)


def wire_with(owner: bytes, section: int) -> bytes:
    """A reply to `A example.org` with its address, and a nameserver of this owner in one of the three sections."""
    question = Question.parse("example.org")
    message = Message(flags=Flag.QR, question=(question,), answer=(Record.parse("example.org. 60 A 192.0.2.1"),))
    counts = [1 + (section == 0), int(section == 1), int(section == 2)]
    record = owner + struct.pack(">HHIH", 2, 1, 60, 2) + b"\xc0\x0c"
    return message.to_wire()[:6] + struct.pack(">HHH", *counts) + message.to_wire()[12:] + record


@pytest.mark.parametrize("section", [0, 1])
def test_owners_that_are_no_names_are_found_when_the_answer_is_made(section: int) -> None:
    for owner in (b"\xff\xff", b"\xc0\x0d", b"\1a\xc0\x2f"):
        with pytest.raises(MessageFormatError, match="no valid name"):
            Answer.of(Question.parse("example.org"), Message.parse(wire_with(owner, section)), now=NOW)


def test_who_answers_for_the_zone_is_decoded_when_it_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """An authoritative nameserver says so in every reply: its owner is part of the question's name."""
    with monkeypatch.context() as patch:
        for module in (aioresolver.wire.layout, aioresolver.wire.message):
            patch.setattr(module, "read_name", None)
        message = Message.parse(wire_with(b"\xc0\x14", 1))
        answer: Answer[Any] = Answer.of(Question.parse("example.org"), message, now=NOW)
    assert str(answer.authority[0]) == "org. 60 IN NS example.org."


def test_what_may_help_is_not_looked_at() -> None:
    answer: Answer[Any] = Answer.of(Question.parse("example.org"), Message.parse(wire_with(b"\xff\xff", 2)), now=NOW)
    assert ([str(data) for data in answer], answer.authority) == (["192.0.2.1"], ())
    with pytest.raises(MessageFormatError):
        _ = answer.message.additional


def test_rotation_leaves_the_answer_as_it_was() -> None:
    answer = answer_of("w.example", "A", *(f"w.example. 60 A 192.0.2.{i}" for i in range(3)))
    assert [str(d) for d in answer.rotated(1)] == ["192.0.2.1", "192.0.2.2", "192.0.2.0"]
    assert [str(r.data) for r in answer.rotated(5).records] == ["192.0.2.2", "192.0.2.0", "192.0.2.1"]
    assert [str(d) for d in answer] == ["192.0.2.0", "192.0.2.1", "192.0.2.2"]


def test_from_records() -> None:
    question = Question.parse("w.example")
    answer: Answer[Any] = Answer.from_records(question, [Record.parse("w.example. 60 A 192.0.2.1")], now=NOW)
    assert ([str(d) for d in answer], answer.expires) == (["192.0.2.1"], NOW + 60)
    empty: Answer[Any] = Answer.from_records(question, rcode=Rcode.NXDOMAIN, now=NOW, ttl=30)
    assert (empty.rcode, empty.expires, empty.message.rcode) == (Rcode.NXDOMAIN, NOW + 30, Rcode.NXDOMAIN)
    assert Message.parse(answer.message.to_wire()).answer == answer.records


def test_ttl_counts_down(run_virtual: Any) -> None:
    import asyncio

    async def main() -> list[int]:
        loop = asyncio.get_running_loop()
        answer: Answer[Any] = Answer.from_records(
            Question.parse("w.example"), [Record.parse("w.example. 60 A 192.0.2.1")], now=loop.time()
        )
        ttls = [answer.ttl]
        await asyncio.sleep(20)
        ttls.append(answer.ttl)
        await asyncio.sleep(100)
        return [*ttls, answer.ttl]

    assert run_virtual(main()) == [60, 40, 0]
