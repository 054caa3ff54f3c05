"""One nameserver of the test internet, and the log of all."""

from __future__ import annotations

import asyncio

import pytest

from aioresolver.testing import Fault
from aioresolver.testing.internet_map import map_internet
from aioresolver.testing.internet_server import InternetLog, InternetServer
from aioresolver.wire.message import Message, Question

QUERY = Message.query(Question.parse("www.test", "A"), id=7).to_wire()


class Channel:
    transport = "tcp"

    def __init__(self):
        self.sent = []

    def send(self, wire, client, *, elsewhere=False):
        self.sent.append(Message.parse(wire))

    def cut(self, wires, after):
        raise AssertionError("nothing here closes connections")


@pytest.fixture
def log():
    return InternetLog(2)


@pytest.fixture
async def server(log):
    place = map_internet("$ORIGIN test.\nwww A 192.0.2.7").places["198.18.0.2"]
    server = InternetServer(place, log, lasting=[Fault.ttl(5)], seed=0, udp_payload=1232)
    server.service.start(asyncio.get_running_loop())
    return server


async def test_it_answers_and_notes_it(server, log):
    channel = Channel()
    server.service.receive(QUERY, ("127.0.0.1", 9), channel)

    assert [(reply.id, str(reply.answer[0])) for reply in channel.sent] == [(7, "www.test. 5 IN A 192.0.2.7")]
    assert (server.count, log.count) == (1, 1)
    assert [query.name for query in server.queries] == ["www.test."]
    [query] = log.queries()
    assert (query.server, query.address, query.name, query.tcp, query.wire) == (
        "ns.test.", "198.18.0.2", "www.test.", True, QUERY,
    )  # fmt: skip
    assert str(query) == "ns.test. www.test. A (tcp)"
    assert repr(server) == "<InternetServer ns.test. at 198.18.0.2>"


async def test_its_own_faults_come_and_go_and_what_lasts_stays(server):
    channel = Channel()
    server.faults = [Fault.servfail()]
    server.service.receive(QUERY, ("127.0.0.1", 9), channel)
    server.faults = []
    server.service.receive(QUERY, ("127.0.0.1", 9), channel)

    assert [(reply.rcode.name, len(reply.answer)) for reply in channel.sent] == [("SERVFAIL", 0), ("NOERROR", 1)]
    assert channel.sent[1].answer[0].ttl == 5
    assert server.faults == []


async def test_the_log_keeps_the_latest_and_what_it_can_read(server, log):
    for query in (QUERY, b"garbage", QUERY[:4] + b"\0\0" + QUERY[6:12], QUERY):
        server.service.receive(query, ("127.0.0.1", 9), Channel())

    assert (log.count, len(log.queries()), server.count) == (4, 1, 4)
    log.clear()
    server.clear()
    assert (log.count, log.queries(), server.count, server.queries) == (0, [], 0, [])
