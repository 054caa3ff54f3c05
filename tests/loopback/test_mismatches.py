"""What is not the reply is ignored, and the right one, which comes later, is taken."""

from __future__ import annotations

import asyncio

import pytest

from aioresolver.testing import DNSServer, Fault

ZONE = "".join(f"h{number}.example. 60 A 192.0.2.{number}\n" for number in range(250))

FORGERIES = {
    "wrong id": Fault.wrong_id,
    "wrong question": Fault.wrong_question,
    "wrong address": Fault.wrong_address,
    "no response bit": Fault.no_response_bit,
    "noise": lambda **options: Fault.garble(keep_question=False, **options),
}
# c-ares and glibc take a reply without the response bit, and c-ares gives up when it hears noise.
WHAT_ALL_IGNORE = ("wrong id", "wrong question", "wrong address")


def addresses(answer) -> list[str]:
    return [str(data) for data in answer]


@pytest.fixture
async def server():
    async with DNSServer(ZONE) as server:
        yield server


def ignored(resolver) -> int:
    return resolver.backend.upstreams[0]._transports["udp"].ignored


@pytest.mark.backends("stub")
@pytest.mark.parametrize("gap", [0.0, 0.05])
@pytest.mark.parametrize("forgery", FORGERIES)
async def test_the_right_reply_is_taken(kind, server, forgery, gap):
    server.faults = [FORGERIES[forgery](gap=gap)]
    async with kind.resolver(server) as resolver:
        answer = await resolver.resolve("h7.example")

        assert addresses(answer) == ["192.0.2.7"]
        assert answer.attempts == ()
        assert server.count == 1
        assert ignored(resolver) == (forgery != "wrong address")  # what comes from elsewhere is no datagram of ours


@pytest.mark.backends("cares", "system")
@pytest.mark.parametrize("forgery", WHAT_ALL_IGNORE)
async def test_the_right_reply_is_taken_by_others(kind, server, forgery):
    server.faults = [FORGERIES[forgery](gap=0.05)]
    async with kind.resolver(server) as resolver:
        assert addresses(await resolver.resolve("h7.example")) == ["192.0.2.7"]

    assert server.count == 1


@pytest.mark.backends("stub")
async def test_when_only_the_wrong_one_comes_the_question_is_asked_again(kind, server):
    forgeries = list(enumerate(FORGERIES.values()))
    server.faults = [forge(name=f"h{n}.example.", then_right=False, times=1) for n, forge in forgeries]
    async with kind.resolver(server) as resolver:
        answers = await asyncio.gather(*(resolver.resolve(f"h{n}.example") for n, _ in forgeries))

    assert [addresses(answer) for answer in answers] == [[f"192.0.2.{n}"] for n, _ in forgeries]
    assert {server.asked(f"h{n}.example") for n, _ in forgeries} == {2}


@pytest.mark.backends("stub")
async def test_a_reply_that_cannot_be_read_is_asked_for_again(kind, server):
    """Its id, question and sender are right, so it is the reply; the rest is noise."""
    server.faults = [Fault.garble(then_right=False, times=1)]
    async with kind.resolver(server) as resolver:
        answer = await resolver.resolve("h7.example")

    assert addresses(answer) == ["192.0.2.7"]
    assert [attempt.outcome.partition(":")[0] for attempt in answer.attempts] == ["malformed reply"]
    assert server.count == 2


@pytest.mark.backends("stub")
async def test_many_names_in_a_hail_of_forgeries(kind, server):
    server.faults = [forge(gap=0.001, probability=0.4) for forge in FORGERIES.values()]
    hosts = [f"h{number}.example" for number in range(250)]
    async with kind.resolver(server) as resolver:
        answers = await asyncio.gather(*(resolver.resolve(host) for host in hosts))

        assert [addresses(answer) for answer in answers] == [[f"192.0.2.{number}"] for number in range(250)]
        assert ignored(resolver) > 250
