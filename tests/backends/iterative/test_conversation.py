from __future__ import annotations

import asyncio
import errno
import random

import pytest

from aioresolver.backends.iterative.budget import Budget, BudgetExceeded, Limits, Spent
from aioresolver.backends.iterative.conversation import Conversations, NoReply
from aioresolver.backends.iterative.exchange import NearMiss
from aioresolver.backends.iterative.servers import Servers
from aioresolver.errors import LookupTimeout, TransportError
from aioresolver.wire.codes import Flag, RRType
from aioresolver.wire.message import Message, Question
from aioresolver.wire.names import Name

ASKED = Question.parse("www.Example.org", "HTTPS")


def echo(query: bytes) -> bytes:
    return query[:2] + bytes((query[2] | 0x84, 0)) + query[4:]


class Scripted:
    """An exchange that goes through a list of what happens, and notes what it was given."""

    def __init__(self, *script):
        self.script = list(script)
        self.asked: list[tuple[str, bytes, bool, float]] = []

    async def __call__(self, address, query, tcp, deadline):
        self.asked.append((address, query, tcp, deadline))
        await asyncio.sleep(0.01)
        happens = self.script.pop(0) if len(self.script) > 1 else self.script[0]
        if isinstance(happens, Exception):
            raise happens
        return happens(query)


@pytest.fixture
def ask(run_virtual):
    def ask(*script, questions=1, limits=None, recursion=False, question=ASKED):
        async def main():
            loop = asyncio.get_running_loop()
            exchange, servers = Scripted(*script), Servers(random.Random(1))
            conversations = Conversations(exchange, servers, chance=random.Random(2), clock=loop.time)
            budget = Budget(limits or Limits(), now=loop.time(), deadline=loop.time() + 5)
            server = servers.of("10.0.0.1")
            said = []
            for _ in range(questions):
                try:
                    said.append(await conversations.ask(server, question, budget, spent=Spent(), recursion=recursion))
                except (NoReply, BudgetExceeded) as error:
                    said.append(error)
            return said, exchange.asked, server

        return run_virtual(main())

    return ask


SILENCE = TransportError("no reply before the deadline", code=errno.ETIMEDOUT)
REFUSED = TransportError("connection refused", code=errno.ECONNREFUSED)


def test_a_question_and_its_reply(ask):
    (said,), asked, server = ask(echo)
    address, query, tcp, deadline = asked[0]
    message = Message.parse(query)

    assert (address, tcp, said.transport) == ("10.0.0.1", False, "udp")
    assert message.question == (ASKED,)
    assert message.flags == Flag(0)
    assert message.edns.payload == 1232
    assert not message.edns.dnssec_ok
    assert deadline == 1005  # a late reply is welcome, too
    assert said.reply == echo(query)
    assert server.health.round_trip == pytest.approx(0.01)


def test_ids_and_letters_are_drawn_anew(ask):
    _, asked, _ = ask(echo, questions=20)

    assert len({query[:2] for _, query, _, _ in asked}) == 20
    spelled = {query[12:29] for _, query, _, _ in asked}
    assert len(spelled) > 15
    assert {each.lower() for each in spelled} == {Name("www.example.org.").to_wire()}


def test_the_type_is_no_letter(ask):
    _, asked, _ = ask(echo, questions=50)

    assert {query[29:33] for _, query, _, _ in asked} == {b"\0\x41\0\1"}


def test_a_forwarder_is_asked_to_recurse(ask):
    assert Message.parse(ask(echo, recursion=True)[1][0][1]).flags == Flag.RD


def test_truncated_goes_to_tcp(ask):
    (said,), asked, _ = ask(lambda query: query[:2] + b"\x86\0" + query[4:], echo)

    assert [tcp for _, _, tcp, _ in asked] == [False, True]
    assert said.transport == "tcp"


@pytest.mark.parametrize(
    "other",
    [
        lambda query: bytes((query[0] ^ 1,)) + echo(query)[1:],
        lambda query: echo(query)[:12] + query[12:29].lower() + query[29:],
        lambda query: echo(query)[:13] + b"x" + query[14:],
        lambda query: query[:2] + b"\x8c\0" + query[4:],
        lambda query: query,
        lambda query: query[:5],
    ],
    ids=["another id", "other letters", "another name", "another opcode", "no reply", "too short"],
)
def test_what_does_not_match_goes_to_tcp_and_stays_there(ask, other):
    (first, second), asked, _ = ask(other, echo, questions=2)

    assert (first.transport, second.transport) == ("tcp", "tcp")
    assert [tcp for _, _, tcp, _ in asked] == [False, True, True]
    assert asked[1][1][12:29] == asked[1][1][12:29].lower()


def test_datagrams_that_match_nothing_make_it_tcp(ask):
    (said,), _, _ = ask(NearMiss("datagrams that match no query", code=errno.ETIMEDOUT), echo)

    assert said.transport == "tcp"


def test_without_tcp_other_letters_have_to_do(ask):
    lower = lambda query: echo(query)[:12] + query[12:29].lower() + query[29:]
    (first, second), asked, _ = ask(lower, REFUSED, lower, questions=2)

    assert (first.transport, second.transport) == ("udp", "udp")
    assert [tcp for _, _, tcp, _ in asked] == [False, True, False, False]


def test_a_forged_reply_without_tcp_is_no_reply(ask):
    forged = lambda query: bytes((query[0] ^ 1,)) + echo(query)[1:]
    (error,), asked, _ = ask(forged, REFUSED, forged)

    assert "does not match" in error.outcome
    assert len(asked) == 3


@pytest.mark.parametrize(
    "complaint",
    [
        lambda query: query[:2] + b"\x84\1" + query[4:],
        lambda query: query[:2] + b"\x84\4" + query[4:],
        lambda query: query[:2] + b"\x84\1" + bytes(8),
        lambda query: query[:2] + b"\x84\0" + query[4:-23] + b"\0\0\x29\4\xd0\1\0\0\0\0\0",
    ],
    ids=["FORMERR", "NOTIMP", "FORMERR without a question", "BADVERS"],
)
def test_who_knows_no_edns_is_asked_without(ask, complaint):
    (first, _), asked, _ = ask(complaint, echo, questions=2)

    assert [Message.parse(query).edns is not None for _, query, _, _ in asked] == [True, False, False]
    assert first.reply[3] == 0


def test_who_complains_without_edns_too_is_taken_at_its_word(ask):
    (said,), asked, _ = ask(lambda query: query[:2] + b"\x84\1" + query[4:])

    assert said.reply[3] == 1
    assert len(asked) == 2


@pytest.mark.parametrize(
    ("error", "silent", "local"),
    [
        (SILENCE, True, False),
        (LookupTimeout("x.", "A", "no reply"), True, False),
        (REFUSED, False, False),
        (TransportError("no route", code=errno.ENETUNREACH, local=True), False, True),
    ],
)
def test_no_reply(ask, error, silent, local):
    (said,), _, server = ask(error)

    assert (said.silent, said.local, said.transport) == (silent, local, "udp")
    assert (server.health.silences, server.health.failures) == (int(silent), int(not silent and not local))


def test_every_packet_is_charged(ask):
    said, asked, _ = ask(lambda query: query[:2] + b"\x86\0" + query[4:], limits=Limits(queries=3), questions=3)

    assert len(asked) == 3
    assert isinstance(said[-1], BudgetExceeded)


def test_so_is_every_byte(ask):
    said, _, _ = ask(lambda query: echo(query) + bytes(1000), limits=Limits(bytes=2500), questions=3)

    assert "bytes" in said[2].reason


def test_a_name_with_escapes_and_the_root(ask):
    for name in (r"a\.b\000.example.", "."):
        (said,), asked, _ = ask(echo, question=Question.parse(name, "NS"))
        assert Message.parse(asked[0][1]).question == (Question(Name.parse(name), RRType.NS),)
        assert said.transport == "udp"
