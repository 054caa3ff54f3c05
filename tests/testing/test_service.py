"""What happens to a query, without sockets and under virtual time."""

from __future__ import annotations

import asyncio

import pytest

from aioresolver.testing import Fault, Zone, service
from aioresolver.testing.authority import Authority
from aioresolver.testing.query_log import QueryLog
from aioresolver.testing.replies import Replies
from aioresolver.testing.service import Service
from aioresolver.wire.message import Message, Question

CLIENT = ("127.0.0.1", 4242)


class Channel:
    transport = "udp"

    def __init__(self):
        self.sent = []

    def send(self, wire, client, *, elsewhere=False):
        assert client == CLIENT
        self.sent.append((asyncio.get_running_loop().time(), Message.parse(wire).id))

    def cut(self, wires, after):
        raise AssertionError("nothing here closes connections")


@pytest.fixture
def play(run_virtual):
    """Send these queries to a service with these faults, each at its second; returns (second, id) of the replies."""

    def play(faults, queries):
        async def main():
            loop = asyncio.get_running_loop()
            replies = Replies(Authority([Zone("* 60 A 192.0.2.1")]), udp_payload=1232, recursion_available=True)
            serving = Service(replies, QueryLog(None), faults=faults, seed=0)
            serving.start(loop)
            channel = Channel()
            start = loop.time()
            for when, name, number in queries:
                await asyncio.sleep(start + when - loop.time())
                serving.receive(Message.query(Question.parse(name), id=number).to_wire(), CLIENT, channel)
            await asyncio.sleep(100)
            serving.stop()
            return [(round(when - start, 6), number) for when, number in channel.sent]

        return run_virtual(main())

    return play


def test_without_faults(play):
    assert play([], [(0, "a", 1), (0, "a", 2), (1, "b", 3)]) == [(0, 1), (0, 2), (1, 3)]


def test_a_delay_is_as_long_as_it_says(play):
    assert play([Fault.delay(2.5, name="a")], [(0, "a", 1), (1, "b", 2), (1, "a", 3)]) == [(1, 2), (2.5, 1), (3.5, 3)]


def test_delays_add_up(play):
    assert play([Fault.delay(2), Fault.duplicate(gap=1), Fault.delay(0.5)], [(0, "a", 1)]) == [(2.5, 1), (3.5, 1)]


def test_an_outage_begins_and_ends(play):
    queries = [(second, "a", second) for second in range(6)]

    assert play([Fault.silence(2.5, after=1)], queries) == [(0, 0), (4, 4), (5, 5)]


def test_what_is_held_goes_after_the_next_or_at_its_time(play):
    faults = [Fault.reorder(at_most=10, name="a")]

    assert play(faults, [(0, "a", 1), (3, "b", 2)]) == [(3, 2), (3, 1)]
    assert play(faults, [(0, "a", 1), (20, "b", 2)]) == [(10, 1), (20, 2)]


def test_the_next_has_not_gone_while_it_is_lost_or_late(play):
    faults = [Fault.reorder(at_most=10, name="a"), Fault.drop(name="b"), Fault.delay(2, name="c")]

    assert play(faults, [(0, "a", 1), (1, "b", 2), (1, "c", 3)]) == [(3, 3), (3, 1)]


def test_what_is_held_is_late_by_its_own_delay_too(play):
    faults = [Fault.reorder(at_most=10, name="a"), Fault.delay(2, name="a")]

    assert play(faults, [(0, "a", 1), (1, "b", 2)]) == [(1, 2), (3, 1)]


def test_ready_replies_are_bounded(play, monkeypatch):
    monkeypatch.setattr(service, "MOST_PREPARED", 2)

    assert play([], [(0, name, number) for number, name in enumerate("abcab")]) == [(0, number) for number in range(5)]
