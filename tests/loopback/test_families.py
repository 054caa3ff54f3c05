"""Hosts at nameservers, forwarders and routers that do it wrong: each still resolves where an answer is possible."""

from __future__ import annotations

import socket

import pytest

from aioresolver.errors import LookupTimeout, NoRecords, ResolutionError, ServerFailure
from aioresolver.resolver import Resolver
from aioresolver.testing import DNSServer, Fault
from aioresolver.wire.message import Message

ZONE = """
$ORIGIN example.
@       SOA ns hostmaster 1 7200 3600 1209600 60
both    A 192.0.2.1
both    AAAA 2001:db8::1
four    A 192.0.2.4
alias   CNAME both
alias2  CNAME alias
away    CNAME nowhere
"""
BOTH = {"192.0.2.1", "2001:db8::1"}
FOUR, SIX = ["192.0.2.1"], ["2001:db8::1"]


async def find(server, host="both.example", family=0, *, timeout=2.0, nameservers=()):
    async with Resolver([server.nameserver, *nameservers], timeout=timeout) as resolver:
        return await resolver.addresses(host, family)


async def say(faults, host="both.example", family=0, **more):
    async with DNSServer(ZONE, faults=faults) as server:
        return await find(server, host, family, **more)


# ---- one family


@pytest.mark.parametrize(("lost", "left"), [("AAAA", FOUR), ("A", SIX)])
async def test_a_router_that_drops_one_family(lost, left):
    async with DNSServer(ZONE, faults=[Fault.drop(type=lost)]) as server:
        assert await find(server, timeout=20.0) == left
        assert server.asked("both.example", lost) > 1


@pytest.mark.parametrize("lost", ["A", "AAAA"])
async def test_one_family_dropped_is_the_error_of_who_wants_it_alone(lost):
    with pytest.raises(LookupTimeout):
        await say([Fault.drop(type=lost)], family=socket.AF_INET if lost == "A" else socket.AF_INET6, timeout=0.3)


@pytest.mark.parametrize(("lost", "left"), [("AAAA", FOUR), ("A", SIX)])
@pytest.mark.parametrize(
    "fault", [Fault.refused, Fault.servfail, lambda **only: Fault.rcode("NOTIMP", **only),
              lambda **only: Fault.garble(then_right=False, **only)]
)  # fmt: skip
async def test_one_family_refused_or_broken(fault, lost, left):
    assert await say([fault(type=lost)]) == left


async def test_a_server_that_says_nxdomain_for_aaaa():
    assert await say([Fault.rcode("NXDOMAIN", type="AAAA")]) == FOUR


async def test_a_family_that_is_late_counts_while_the_other_waits():
    assert set(await say([Fault.delay(0.2, type="A")])) == BOTH


async def test_a_server_that_drops_the_second_of_two_questions_from_one_port():
    """As boxes do that take the two for one connection: asked again, from wherever, it is answered."""
    assert set(await say([Fault.drop(type="AAAA", times=1)])) == BOTH


# ---- EDNS


async def test_a_forwarder_that_says_formerr_to_edns():
    async with DNSServer(ZONE, faults=[Fault.formerr_on_edns()]) as server:
        async with Resolver(server.nameserver) as resolver:
            assert set(await resolver.addresses("both.example")) == BOTH
            server.clear()
            assert await resolver.addresses("four.example") == ["192.0.2.4"]

        assert not any(query.edns for query in server.queries)


# ---- the question


def strip_question(exchange):
    def stripped(wire):
        message = Message.parse(wire)
        rest = Message(
            id=message.id, flags=message.flags, rcode=message.rcode, answer=message.answer, authority=message.authority,
            edns=message.edns,
        )  # fmt: skip
        return rest.to_wire()

    exchange.rewrite(stripped)


async def test_a_forwarder_that_strips_the_question_is_asked_over_tcp():
    async with DNSServer(ZONE, faults=[Fault(strip_question)]) as server:
        async with Resolver(server.nameserver) as resolver:
            assert set(await resolver.addresses("both.example")) == BOTH
            assert await resolver.addresses("alias.example", socket.AF_INET) == FOUR
            with pytest.raises(NoRecords):
                await resolver.addresses("four.example", socket.AF_INET6)

            server.clear()
            assert await resolver.addresses("four.example", socket.AF_INET) == ["192.0.2.4"]

        assert {query.transport for query in server.queries} == {"tcp"}  # from the first try on


async def test_where_tcp_does_not_work_it_is_udp_again():
    async with DNSServer(
        ZONE, faults=[Fault.wrong_id(then_right=False, transport="udp", times=2), Fault.close()]
    ) as server:
        assert set(await find(server, timeout=5.0)) == BOTH
        assert {query.transport for query in server.queries} == {"udp", "tcp"}


async def test_where_tcp_is_silent_it_is_udp_again():
    faults = [Fault.wrong_question(then_right=False, transport="udp", times=2), Fault.drop(transport="tcp")]
    async with DNSServer(ZONE, faults=faults) as server:
        assert set(await find(server, timeout=5.0)) == BOTH


async def test_a_hail_of_forgeries_is_no_answer():
    async with DNSServer(ZONE, faults=[Fault.wrong_id(then_right=False, transport="udp")]) as server:
        assert set(await find(server)) == BOTH


# ---- aliases


def only_the_first_record(exchange):
    def cut(wire):
        message = Message.parse(wire)
        return Message(
            id=message.id, flags=message.flags, rcode=message.rcode, question=message.question,
            answer=message.answer[:1], edns=message.edns,
        ).to_wire()  # fmt: skip

    exchange.rewrite(cut)


async def test_a_forwarder_that_gives_an_alias_without_its_target():
    assert set(await say([Fault(only_the_first_record)], "alias.example")) == BOTH
    assert set(await say([Fault(only_the_first_record)], "alias2.example")) == BOTH


async def test_an_alias_whose_target_is_not_there():
    with pytest.raises(ResolutionError) as caught:
        await say([Fault(only_the_first_record)], "away.example")

    assert caught.value.errno == socket.EAI_NONAME


# ---- truncation


@pytest.mark.parametrize("tcp", [Fault.close(), Fault.drop(transport="tcp"), Fault.refused(transport="tcp")])
async def test_a_server_that_truncates_and_refuses_tcp_has_another_beside_it(tcp):
    async with DNSServer(ZONE) as good:
        assert set(await say([Fault.truncate(), tcp], nameservers=[good.nameserver])) == BOTH


def truncate_but_leave_the_records(exchange):
    exchange.rewrite(lambda wire: wire[:2] + bytes([wire[2] | 2]) + wire[3:])


@pytest.mark.parametrize("tcp", [Fault.close(), Fault.drop(transport="tcp")])
async def test_a_server_that_truncates_and_refuses_tcp_gave_something(tcp):
    faults = [Fault(truncate_but_leave_the_records, transport="udp"), tcp]

    assert set(await say(faults, timeout=1.0)) == BOTH


async def test_a_server_that_truncates_all_and_refuses_tcp_gave_nothing():
    with pytest.raises(ServerFailure, match="tcp"):
        await say([Fault.truncate(), Fault.close()])
