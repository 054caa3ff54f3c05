"""Every fault, as a client on the wire sees it; and which queries it strikes."""

from __future__ import annotations

import random

import pytest

from aioresolver.errors import ConfigurationError, MessageFormatError
from aioresolver.testing import FORGED_IPV4, FORGED_IPV6, DNSServer, Fault
from aioresolver.wire.codes import Flag, Rcode
from aioresolver.wire.message import Message, Question

ZONE = """
    $ORIGIN example.
    x 60 A 192.0.2.1
    x 60 AAAA 2001:db8::1
    x 60 TXT hello
    y 60 A 192.0.2.2
    y 60 MX 5 x
    @ 60 TXT apex
"""
X = {"name": "x.example"}


@pytest.fixture
async def server():
    async with DNSServer(ZONE, "") as server:
        yield server


@pytest.fixture
async def client(server, packets):
    async with packets(server) as client:
        yield client


def data(message):
    return [str(record.data) for record in message.answer]


class TestSelectors:
    @pytest.mark.parametrize(
        ("selectors", "concerned"),
        [
            ({}, "x.example A udp, www.x.example AAAA tcp, other A udp, unreadable"),
            ({"name": "x.example"}, "x.example A udp"),
            ({"name": "X.Example."}, "x.example A udp"),
            ({"name": "*.example"}, "x.example A udp, www.x.example AAAA tcp"),
            ({"name": "*.x.example."}, "www.x.example AAAA tcp"),
            ({"name": "*."}, "x.example A udp, www.x.example AAAA tcp, other A udp"),
            ({"type": "aaaa"}, "www.x.example AAAA tcp"),
            ({"type": 28}, "www.x.example AAAA tcp"),
            ({"transport": "tcp"}, "www.x.example AAAA tcp"),
            ({"transport": "udp", "type": "A"}, "x.example A udp, other A udp"),
        ],
    )
    def test_what_a_fault_concerns(self, selectors, concerned):
        fault = Fault.drop(**selectors)
        found = []
        for text in ("x.example A udp", "www.x.example AAAA tcp", "other A udp"):
            name, rrtype, transport = text.split()
            if fault.concerns(Question.parse(name, rrtype), transport):
                found.append(text)
        if fault.concerns(None, "udp"):
            found.append("unreadable")

        assert ", ".join(found) == concerned

    def strikes(self, fault, count, *, seed=0):
        chance = random.Random(seed)
        return [fault.strikes(chance, float(now)) for now in range(count)]

    def test_after_and_times(self):
        fault = Fault.drop(after=1, times=2)

        assert self.strikes(fault, 5) == [False, True, True, False, False]
        assert (fault.matched, fault.applied) == (5, 2)

    def test_probability_is_repeatable(self):
        struck = self.strikes(Fault.drop(0.25), 1000)

        assert struck == self.strikes(Fault.drop(probability=0.25), 1000)
        assert struck != self.strikes(Fault.drop(0.25), 1000, seed=1)
        assert 200 < sum(struck) < 300

    def test_certain_and_impossible(self):
        assert all(self.strikes(Fault.drop(1), 100))
        assert not any(self.strikes(Fault.drop(0), 100))

    def test_lasting(self):
        assert self.strikes(Fault.servfail(after=1, times=1, lasting=2.5), 6) == [False, True, True, True, False, False]

    def test_silence_begins_and_ends(self):
        assert self.strikes(Fault.silence(3, after=1), 6) == [False, True, True, True, False, False]
        assert self.strikes(Fault.silence(), 3) == [True] * 3

    @pytest.mark.parametrize("probability", [-0.1, 1.1])
    def test_a_probability_is_one(self, probability):
        with pytest.raises(ConfigurationError, match="between 0 and 1"):
            Fault.drop(probability)

    def test_an_unknown_selector(self):
        with pytest.raises(TypeError):
            Fault.drop(nmae="x")

    def test_it_shows_what_it_is(self):
        assert repr(Fault.wrong_id()) == "<Fault wrong_id, applied 0 times>"
        assert repr(Fault.drop()) == "<Fault drop, applied 0 times>"


async def test_drop(server, client):
    server.faults = [Fault.drop(**X)]
    client.send("x.example")

    assert await client.settled() == []
    assert server.asked("x.example") == 1


async def test_drop_with_a_seed_is_repeatable(packets):
    async def lost(seed):
        server = DNSServer("* 60 A 192.0.2.1", faults=[Fault.drop(0.5, name="*.d")], seed=seed)
        async with server, packets(server) as client:
            for number in range(40):
                client.send(f"{number}.d")
            return {str(Message.parse(wire).question[0].name) for wire in await client.settled()}

    first, again, other = await lost(1), await lost(1), await lost(2)
    assert first == again != other
    assert 8 < len(first) < 32


async def test_silence(server, client):
    server.faults = [Fault.silence(after=1, **X)]
    for _ in range(3):
        client.send("x.example")

    assert len(await client.settled()) == 1


async def test_delay(server, client):
    server.faults = [Fault.delay(0.01, jitter=0.01, **X)]
    client.send("x.example")
    client.send("y.example")

    assert [data(Message.parse((await client.receive())[0])) for _ in range(2)] == [["192.0.2.2"], ["192.0.2.1"]]


async def test_duplicate(server, client):
    server.faults = [Fault.duplicate(3, **X)]
    client.send("x.example", id=5)
    wires = await client.settled()

    assert len(wires) == 3
    assert set(wires) == {wires[0]}


async def test_duplicate_with_a_gap(server, client):
    server.faults = [Fault.duplicate(gap=0.01, **X)]
    client.send("x.example")

    assert len(await client.settled()) == 1
    assert data(Message.parse((await client.receive())[0])) == ["192.0.2.1"]


async def test_reorder(server, client):
    server.faults = [Fault.reorder(**X)]
    client.send("x.example", id=1)
    client.send("y.example", id=2)
    client.send("x.example", id=3)
    client.send("x.example", id=4)

    assert [Message.parse((await client.receive())[0]).id for _ in range(4)] == [2, 1, 4, 3]


async def test_what_is_held_does_not_wait_for_ever(server, client):
    server.faults = [Fault.reorder(at_most=0.01)]
    client.send("x.example")

    assert data(Message.parse((await client.receive())[0])) == ["192.0.2.1"]


@pytest.mark.parametrize(
    ("fault", "rcode"),
    [
        (Fault.servfail, Rcode.SERVFAIL),
        (Fault.refused, Rcode.REFUSED),
        (lambda **only: Fault.rcode("notimp", **only), Rcode.NOTIMP),
        (lambda **only: Fault.rcode(3, **only), Rcode.NXDOMAIN),
    ],
)
async def test_rcodes(server, client, fault, rcode):
    server.faults = [fault(**X)]
    message = await client.ask("x.example", id=9, edns=True)

    assert (message.id, message.rcode, message.answer, message.edns.payload) == (9, rcode, (), 1232)
    assert message.question == (Question.parse("x.example"),)
    assert (await client.ask("x.example")).edns is None
    assert (await client.ask("y.example")).rcode == Rcode.NOERROR


async def test_an_rcode_of_edns(server, client):
    server.faults = [Fault.rcode("BADCOOKIE")]

    assert (await client.ask("x.example", edns=True)).rcode == Rcode.BADCOOKIE


async def test_extended_errors(server, client):
    server.faults = [
        Fault.servfail(name="x.example"),
        Fault.extended_error("BLOCKED", "by law"),
        Fault.extended_error(17),
    ]

    for name, rcode in (("x.example", Rcode.SERVFAIL), ("y.example", Rcode.NOERROR)):
        message = await client.ask(name, edns=True)
        assert (message.rcode, message.edns.extended_errors) == (rcode, ((15, "by law"), (17, "")))
        assert (await client.ask(name)).edns is None
    with pytest.raises(ValueError, match="NONSENSE"):
        Fault.extended_error("NONSENSE")


async def test_formerr_on_edns(server, client):
    server.faults = [Fault.formerr_on_edns()]
    message = await client.ask("x.example", edns=True)

    assert (message.rcode, message.edns, message.answer) == (Rcode.FORMERR, None, ())
    assert data(await client.ask("x.example")) == ["192.0.2.1"]


@pytest.mark.parametrize("ttl", [0, 7, 2**31 - 1])
async def test_ttl(server, client, ttl):
    server.faults = [Fault.ttl(ttl)]
    message = await client.ask("y.example", "MX", edns=True)

    assert [record.ttl for record in message.answer + message.additional] == [ttl] * 3
    assert (await client.ask("nothing.example")).authority[0].ttl == ttl
    assert message.edns is not None


async def test_a_ttl_with_its_top_bit(server, client):
    server.faults = [Fault.ttl(2**32 - 1)]
    client.send("x.example")

    assert (await client.receive())[0].count(b"\xff\xff\xff\xff") == 1


async def test_a_ttl_for_noise_is_nothing(server, client):
    server.faults = [Fault.garble(then_right=False), Fault.ttl(5)]
    client.send("x.example")

    with pytest.raises(MessageFormatError):
        Message.parse((await client.receive())[0])


async def test_truncate_sends_the_asker_to_tcp(server, client, stream):
    server.faults = [Fault.truncate(**X)]
    message = await client.ask("x.example", edns=True)

    assert message.flags & Flag.TC
    assert (message.answer, message.edns is not None) == ((), True)
    async with stream(server) as connection:
        connection.send("x.example")
        assert data(await connection.receive()) == ["192.0.2.1"]


async def test_hijack(server, client):
    server.faults = [Fault.hijack()]
    assert data(await client.ask("x.example")) == ["192.0.2.1"]
    assert data(await client.ask("x.example", "MX")) == []
    for type, forged in (("A", FORGED_IPV4), ("AAAA", FORGED_IPV6)):
        message = await client.ask("nowhere.example", type, edns=True)
        assert (message.rcode, data(message)) == (Rcode.NOERROR, [forged])
    assert (await client.ask("nowhere.example", "TXT")).rcode == Rcode.NXDOMAIN


async def test_lie(server, client):
    server.faults = [Fault.lie(name="*.example")]
    for name in ("x.example", "y.example", "nowhere.example"):
        assert data(await client.ask(name)) == [FORGED_IPV4]
    assert data(await client.ask("x.example", "TXT")) == ['"hello"']
    assert (await client.ask("elsewhere")).rcode == Rcode.NXDOMAIN


async def test_random_lies(server, client):
    server.faults = [Fault.lie(random=True)]
    told = {str(data(await client.ask("x.example", "AAAA"))) for _ in range(5)}
    assert len(told) == 5


async def forged_and_right(client, *, type="A"):
    query = client.send("x.example", type, id=77)
    forged, right = await client.receive(), await client.receive()
    assert data(Message.parse(right[0])) == {"A": ["192.0.2.1"], "AAAA": ["2001:db8::1"], "TXT": ['"hello"']}[type]
    assert right[1] == (client.server.address, client.server.port)
    assert right[0][:2] == query[:2]
    return query, forged


async def test_wrong_id(server, client):
    server.faults = [Fault.wrong_id(**X)]
    query, (wire, _) = await forged_and_right(client)

    assert wire[:2] != query[:2]
    assert wire[12 : len(query)] == query[12:]
    assert data(Message.parse(wire)) == [FORGED_IPV4]


@pytest.mark.parametrize(("type", "expected"), [("AAAA", FORGED_IPV6), ("TXT", '"hello"')])
async def test_forged_data(server, client, type, expected):
    server.faults = [Fault.wrong_id(**X)]
    _, (wire, _) = await forged_and_right(client, type=type)

    assert data(Message.parse(wire)) == [expected]


async def test_wrong_question(server, client):
    server.faults = [Fault.wrong_question(**X)]
    query, (wire, _) = await forged_and_right(client)

    assert wire[:2] == query[:2]
    assert Message.parse(wire).question == (Question.parse("y.example"),)
    assert data(Message.parse(wire)) == [FORGED_IPV4]


async def test_wrong_question_for_the_root(server, client):
    server.faults = [Fault.wrong_question(name=".", then_right=False)]

    assert (await client.ask(".", "A")).question == (Question.parse(".", "RP"),)


async def test_wrong_address(server, client):
    server.faults = [Fault.wrong_address(**X)]
    query, (wire, address) = await forged_and_right(client)

    assert wire[:2] == query[:2]
    assert address != (server.address, server.port)
    assert data(Message.parse(wire)) == [FORGED_IPV4]


async def test_no_response_bit(server, client):
    server.faults = [Fault.no_response_bit(**X)]
    query, (wire, _) = await forged_and_right(client)

    assert not Message.parse(wire).flags & Flag.QR
    assert wire[:2] + wire[12 : len(query)] == query[:2] + query[12:]


async def test_garble(server, client):
    server.faults = [Fault.garble(**X)]
    query, (wire, _) = await forged_and_right(client)

    assert wire[:2] + wire[12 : len(query)] == query[:2] + query[12:]
    with pytest.raises(MessageFormatError):
        Message.parse(wire)


async def test_noise_from_the_first_byte_on(server, client):
    server.faults = [Fault.garble(keep_question=False, **X)]
    query, (wire, _) = await forged_and_right(client)

    assert wire[:2] != query[:2]
    assert len(wire) >= 24


async def test_the_right_reply_may_come_later_or_never(server, client):
    server.faults = [Fault.wrong_id(gap=0.01, **X), Fault.wrong_id(then_right=False, name="y.example")]
    client.send("x.example", id=1)
    client.send("y.example", id=2)
    wires = await client.settled()

    assert len(wires) == 2
    assert not {wire[:2] for wire in wires} & {b"\x00\x01", b"\x00\x02"}
    assert data(Message.parse((await client.receive())[0])) == ["192.0.2.1"]


async def test_faults_add_up_in_their_order(server, client):
    server.faults = [Fault.servfail(**X), Fault.wrong_id(**X), Fault.duplicate(**X)]
    client.send("x.example", id=3)
    messages = list(map(Message.parse, await client.settled()))

    assert [message.rcode for message in messages] == [Rcode.NOERROR, Rcode.SERVFAIL] * 2
    assert [message.id == 3 for message in messages] == [False, True] * 2


async def test_nothing_comes_of_what_was_dropped_before(server, client):
    forgeries = [Fault.wrong_id(), Fault.wrong_question(), Fault.wrong_address(), Fault.no_response_bit()]
    server.faults = [Fault.drop(**X), *forgeries, Fault.garble(), Fault.servfail(), Fault.duplicate(), Fault.delay(0)]
    client.send("x.example")
    await server.received(1)
    server.faults.clear()

    assert await client.settled() == []


async def test_packets_that_are_no_question_can_be_spoiled_too(server, client):
    forgeries = [Fault.wrong_id(), Fault.wrong_question(), Fault.no_response_bit(), Fault.garble(), Fault.servfail()]
    server.faults = [*forgeries, Fault.formerr_on_edns(), Fault.ttl(1), Fault.truncate()]
    client.send_wire(b"\x00\x01" + bytes(10) + b"x")

    for _ in range(2**4):
        await client.receive()


async def test_close(server, stream):
    server.faults = [Fault.close(**X)]
    async with stream(server) as connection:
        connection.send("y.example")
        assert data(await connection.receive()) == ["192.0.2.2"]
        connection.send("x.example")
        assert await connection.rest() == b""


async def test_close_in_the_middle_of_a_reply(server, stream):
    server.faults = [Fault.close(5)]
    async with stream(server) as connection:
        connection.send("x.example", id=0x0102)
        rest = await connection.rest()
        assert (len(rest), rest[2:4]) == (5, b"\x01\x02")


async def test_close_means_nothing_over_udp_unless_asked(server, client):
    server.faults = [Fault.close()]
    assert data(await client.ask("x.example")) == ["192.0.2.1"]
    server.faults = [Fault.close(transport=None, **X)]
    client.send("x.example")

    assert await client.settled() == []


async def test_an_action_of_ones_own(server, client):
    def shout(exchange):
        exchange.rewrite(lambda wire: wire.replace(b"hello", b"HELLO"))

    server.faults = [Fault(shout, type="TXT", times=1)]

    assert data(await client.ask("x.example", "TXT")) == ['"HELLO"']
    assert data(await client.ask("x.example", "TXT")) == ['"hello"']
    assert repr(server.faults[0]) == "<Fault shout, applied 1 times>"


async def test_faults_may_change_at_any_time(server, client):
    rcodes = []
    for change in (
        lambda: server.faults.append(Fault.servfail()),
        lambda: server.faults.insert(0, Fault.refused(name="y.example")),
        lambda: server.faults.pop(),
        lambda: setattr(server, "faults", (Fault.rcode(4),)),
        lambda: server.faults.clear(),
    ):
        change()
        rcodes.append((await client.ask("x.example")).rcode)

    assert rcodes == [Rcode.SERVFAIL, Rcode.SERVFAIL, Rcode.NOERROR, Rcode.NOTIMP, Rcode.NOERROR]
