"""What the server remembers of what it was asked."""

from __future__ import annotations

import asyncio

from aioresolver.testing.query_log import QueryLog
from aioresolver.wire.codes import RRType
from aioresolver.wire.edns import Edns
from aioresolver.wire.message import Message, Question


def query(name, id=1, **options):
    return Message.query(Question.parse(name), id=id, **options).to_wire()


def test_a_query_is_read_when_it_is_looked_at():
    log = QueryLog(None)
    wire = query("www.example", id=7, edns=Edns(payload=4000))
    log.append(wire, ("127.0.0.1", 1234), "udp", 5.0)

    (received,) = log.queries
    assert received == ("www.example.", RRType.A, "udp", 7, True, Edns(payload=4000), ("127.0.0.1", 1234), 5.0, wire)
    assert log.queries == [received]


def test_an_ipv6_client_is_address_and_port_too():
    log = QueryLog(None)
    log.append(query("a", recursion_desired=False, edns=None), ("::1", 1234, 0, 0), "tcp", 5.0)

    assert log.queries[0].client == ("::1", 1234)
    assert (log.queries[0].recursion_desired, log.queries[0].edns) == (False, None)


def test_what_cannot_be_read_is_counted_only():
    log = QueryLog(None)
    for wire in (b"", b"x" * 20, query("a")[:4] + bytes(8)):
        log.append(wire, ("127.0.0.1", 1), "udp", 0.0)

    assert (log.count, log.queries) == (3, [])


def test_the_latest_are_kept():
    log = QueryLog(2)
    for name in ("a", "b"):
        log.append(query(name), ("127.0.0.1", 1), "udp", 0.0)
    assert [received.name for received in log.queries] == ["a.", "b."]
    log.append(query("c"), ("127.0.0.1", 1), "udp", 0.0)

    assert [received.name for received in log.queries] == ["b.", "c."]
    assert log.count == 3


def test_clear():
    log = QueryLog(None)
    log.append(query("a"), ("127.0.0.1", 1), "udp", 0.0)
    assert log.queries
    log.append(query("b"), ("127.0.0.1", 1), "udp", 0.0)
    log.clear()

    assert (log.count, log.queries) == (0, [])


async def test_waiting_for_a_count():
    log = QueryLog(None)
    waiting = [asyncio.ensure_future(log.reach(count)) for count in (0, 1, 2, 9)]
    await asyncio.sleep(0)
    assert [task.done() for task in waiting] == [True, False, False, False]

    log.append(query("a"), ("127.0.0.1", 1), "udp", 0.0)
    log.append(query("a"), ("127.0.0.1", 1), "udp", 0.0)
    log.append(query("a"), ("127.0.0.1", 1), "udp", 0.0)
    await asyncio.gather(*waiting[:3])
    waiting[3].cancel()
    await asyncio.wait(waiting)

    assert log._waiting == []
