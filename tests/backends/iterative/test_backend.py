from __future__ import annotations

import asyncio
import errno
import json
import random
import socket

import pytest

from aioresolver import Resolver
from aioresolver.backends.base import Backend
from aioresolver.backends.iterative.backend import IterativeBackend
from aioresolver.backends.iterative.budget import Limits
from aioresolver.backends.iterative.root_hints import ROOT_HINTS
from aioresolver.configured import choose_backend
from aioresolver.errors import ConfigurationError, LookupTimeout, ServerFailure, TransportError, UsageError
from aioresolver.testing import DNSServer
from aioresolver.wire.codes import Flag, RRClass, RRType
from aioresolver.wire.message import Message, Question, Record
from aioresolver.wire.names import Name

HINTS = {"a.root.": ["10.0.0.1"]}


async def authoritative(address, query, tcp, deadline):
    """One server that has everything."""
    await asyncio.sleep(0.01)
    message = Message.parse(query)
    question = message.question[0]
    records = [Record.parse(f"{question.name} 60 A 192.0.2.1")] if question.type == RRType.A else []
    wire = message.reply(flags=Flag.AA, answer=records).to_wire()
    return wire[:12] + query[12 : 12 + len(question.name.to_wire())] + wire[12 + len(question.name.to_wire()) :]


async def nobody(address, query, tcp, deadline):
    await asyncio.sleep(deadline - asyncio.get_running_loop().time())
    raise TransportError("no reply", code=110)


def made(exchange=authoritative, **settings):
    return IterativeBackend(HINTS, exchange=exchange, prime=False, **settings)


def test_it_is_a_backend_by_name():
    backend = choose_backend("iterative")

    assert isinstance(backend, IterativeBackend)
    assert isinstance(backend, Backend)
    assert len(backend.memory.delegations.closest(Name("x."), 0).names) == len(ROOT_HINTS)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"hints": {}}, "at least one root server"),
        ({"hints": {"a.root.": []}}, "at least one root server"),
        ({"hints": {"a.root.": ["host.example"]}}, "a.root."),
        ({"hints": {"a.root.": ["tcp://10.0.0.1"]}}, "with or without a port"),
        ({"stubs": {"corp.": []}}, "no nameserver"),
        ({"stubs": {".": ["10.0.0.1"]}}, "hints"),
        ({"forwards": {"corp.": ["nonsense"]}}, "forward zone corp."),
        ({"stubs": {"corp.": ["10.0.0.1"]}, "forwards": {"corp": ["10.0.0.2"]}}, "both"),
        ({"fetch_ns_addresses": "all"}, "lazy"),
        ({"hints": "x"}, "^hints are addresses by name, .*, not 'x'$"),
        ({"hints": ["10.0.0.1"]}, "^hints are addresses by name"),
        ({"hints": {"a.root.": 5}}, "^root server a.root.: 5 is no list of addresses$"),
        ({"hints": {"a.root.": [5]}}, "^root server a.root.: .5. is no list of addresses$"),
        ({"stubs": "corp."}, "^stubs are addresses by name"),
        ({"forwards": ["10.0.0.1"]}, "^forwards are addresses by name"),
        ({"exchange": 5}, "^exchange is called .* not for 5$"),
        ({"budget": 5}, "^budget is a Limits, not 5$"),
    ],
)
def test_settings_that_cannot_be_used(settings, words):
    with pytest.raises(ConfigurationError, match=words):
        IterativeBackend(**settings)


def test_questions_that_it_never_asks(run_virtual):
    async def main():
        backend = made()
        for question in (Question.parse("x.", "AXFR"), Question(Name("x."), RRType.A, RRClass.CH)):
            with pytest.raises(ConfigurationError):
                await backend.query(question, 2000.0)

    run_virtual(main())


def test_with_the_resolver_and_its_cache(run_virtual):
    async def main():
        asked = []

        async def exchange(address, query, tcp, deadline):
            asked.append(query)
            return await authoritative(address, query, tcp, deadline)

        async with Resolver(made(exchange)) as resolver:
            for _ in range(3):
                assert [data.address for data in await resolver.query("www.example.org")] == ["192.0.2.1"]
        assert len(asked) == 3  # org., example.org., and the name; once

    run_virtual(main())


def test_over_sockets():
    async def main():
        root = "$ORIGIN .\n@ NS a.root.\na.root. A 127.0.0.1\nexample. A 192.0.2.1\nwww.example. A 192.0.2.2\n"
        async with DNSServer(root) as server, IterativeBackend({"a.root.": [f"127.0.0.1:{server.port}"]}) as backend:
            # Priming would learn the address without the port.
            backend._setting.prime = False
            deadline = asyncio.get_running_loop().time() + 5
            answer = await backend.query(Question.parse("www.example"), deadline)
            assert [data.address for data in answer] == ["192.0.2.2"]
            assert answer.server == f"udp://127.0.0.1:{server.port}"
            assert any(query.name == "www.example." for query in server.queries)

    asyncio.run(main())


def test_the_deadline_holds(run_virtual):
    async def main():
        loop = asyncio.get_running_loop()
        with pytest.raises(LookupTimeout) as error:
            await made(nobody).query(Question.parse("www.example"), loop.time() + 1)
        assert loop.time() == pytest.approx(1001, abs=0.01)
        assert error.value.attempts[0].server == "udp://10.0.0.1"

    run_virtual(main())


def test_its_own_budget_says_so(run_virtual):
    async def main():
        loop = asyncio.get_running_loop()
        with pytest.raises(ServerFailure, match="over budget: it takes more than 1 s"):
            await made(nobody, budget=Limits(seconds=1)).query(Question.parse("www.example"), loop.time() + 9)
        assert loop.time() == pytest.approx(1001, abs=0.01)

    run_virtual(main())


def test_cancelling_leaves_nothing_behind(run_virtual):
    async def main():
        backend = made(nobody)
        walk = asyncio.ensure_future(backend.query(Question.parse("a.b.c"), 2000.0))
        await asyncio.sleep(0.1)
        walk.cancel()
        with pytest.raises(asyncio.CancelledError):
            await walk
        await asyncio.sleep(0)
        assert len(asyncio.all_tasks()) <= 2  # this one, and before 3.12 the one that waits for it
        await backend.aclose()

    run_virtual(main())


def test_closed_and_of_another_loop():
    async def ask(backend):
        return await backend.query(Question.parse("www.example"), asyncio.get_running_loop().time() + 5)

    backend = made()
    asyncio.run(ask(backend))
    with pytest.raises(UsageError, match="another event loop"):
        asyncio.run(ask(backend))
    asyncio.run(backend.aclose())
    with pytest.raises(UsageError, match="closed"):
        asyncio.run(ask(backend))


def test_closing_ends_what_is_under_way(run_virtual):
    async def main():
        backend = made(nobody)
        walks = [asyncio.ensure_future(backend.query(Question.parse(name), 2000.0)) for name in ("one", "a.b")]
        await asyncio.sleep(0.1)
        await backend.aclose()
        outcomes = await asyncio.gather(*walks, return_exceptions=True)
        assert {type(outcome) for outcome in outcomes} <= {ServerFailure, UsageError}
        assert asyncio.get_running_loop().time() < 1001

    run_virtual(main())


def test_a_clock_of_ones_own(run_virtual):
    async def main():
        now = [50.0]
        backend = made(clock=lambda: now[0])
        answer = await backend.query(Question.parse("www.example"), 60.0)
        assert answer.expires == 110.0

    run_virtual(main())


def test_choices_come_from_the_generator_that_is_given(run_virtual):
    async def main():
        async def queries(seed):
            seen = []

            async def exchange(address, query, tcp, deadline):
                seen.append((address, query))
                return await authoritative(address, query, tcp, deadline)

            backend = IterativeBackend(
                {f"{n}.root.": [f"10.0.0.{n}"] for n in range(9)},
                exchange=exchange,
                prime=False,
                random=random.Random(seed),
            )
            for name in "abcdef":
                await backend.query(Question.parse(name), asyncio.get_running_loop().time() + 5)
            return seen

        assert await queries(1) == await queries(1)
        assert await queries(1) != await queries(2)

    run_virtual(main())


class Recorder:
    def __init__(self):
        self.steps = []

    def step(self, step):
        self.steps.append(step)


def test_steps_are_told(run_virtual):
    async def main():
        recorder = Recorder()
        await made().walk(Question.parse("www.example"), 2000.0, recorder=recorder)
        await made().walk(Question.parse("localhost"), 2000.0, recorder=recorder)
        start, cut, answer, local = recorder.steps
        assert (start.purpose, start.zone, start.outcome) == ("start", ".", "by hint: a.root.")
        assert (cut.purpose, cut.kind, str(cut.question), str(cut.client)) == (
            "cut",
            "answer",
            "example. A",
            "example. A",
        )
        assert (answer.purpose, answer.kind, answer.outcome) == ("answer", "answer", "1 record")
        assert (answer.zone, answer.server, answer.host, answer.transport) == (".", "10.0.0.1", "a.root.", "udp")
        assert [str(record.data) for record in answer.believed] == ["192.0.2.1"]
        assert answer.elapsed == pytest.approx(0.01)
        assert (local.purpose, local.server) == ("local", "")
        json.dumps([[str(value) for value in step] for step in recorder.steps])

    run_virtual(main())


@pytest.mark.parametrize(("hints", "asked"), [(None, False), ({"a.root.": ["127.0.0.1:53"]}, True)])
def test_glue_that_leads_to_this_machine_is_followed_only_where_the_hints_do(hints, asked):
    may_ask = IterativeBackend(hints)._setting.may_ask

    assert may_ask("127.0.0.9") is asked
    assert may_ask("::1") is asked
    assert may_ask("192.0.2.1")
    assert not may_ask("0.0.0.0")


BOTH = {"a.root.": ["10.0.0.1", "2001:db8::1"]}


@pytest.mark.parametrize(
    ("family", "asked"), [(socket.AF_INET, {"10.0.0.1", "10.0.0.2"}), (socket.AF_INET6, {"2001:db8::1", "2001:db8::2"})]
)
def test_servers_of_one_family_only(run_virtual, family, asked):
    async def main():
        seen = set()

        async def exchange(address, query, tcp, deadline):
            seen.add(address)
            reply = await authoritative(address, query, tcp, deadline)
            if address in BOTH["a.root."]:  # it refers
                message = Message.parse(query)
                glue = [Record.parse(f"ns.example. 60 {kind}") for kind in ("A 10.0.0.2", "AAAA 2001:db8::2")]
                authority = [Record.parse("example. 60 NS ns.example.")]
                wire = message.reply(authority=authority, additional=glue).to_wire()
                return wire[:12] + query[12:25] + wire[25:]  # the question letter for letter
            return reply

        backend = IterativeBackend(BOTH, exchange=exchange, prime=False, family=family)
        await backend.query(Question.parse("www.example"), asyncio.get_running_loop().time() + 5)
        return seen

    assert run_virtual(main()) == asked


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"hints": HINTS, "family": socket.AF_INET6}, "hints need at least one root server with an address of IPv6"),
        (
            {"family": socket.AF_INET6, "stubs": {"corp.": ["10.0.0.1"]}},
            "the stub zone corp. has no nameserver of IPv6",
        ),
        (
            {"family": socket.AF_INET, "forwards": {"corp.": ["::1"]}},
            "the forward zone corp. has no nameserver of IPv4",
        ),
        ({"family": 7}, "family is AF_UNSPEC, AF_INET or AF_INET6, not 7"),
    ],
)
def test_a_family_that_leaves_nobody(settings, words):
    with pytest.raises(ConfigurationError, match=words):
        IterativeBackend(**settings)


def test_a_cold_walk_begins_at_the_hints_and_leaves_nothing(run_virtual):
    async def main():
        backend = made(stubs={"corp.": ["10.0.0.9"]}, forwards={"lan.": ["10.0.0.8"]})
        for name in ("www.example", "www.corp", "www.lan"):
            for cold in (True, False, True):
                recorder = Recorder()
                answer = await backend.walk(Question.parse(name), 2000.0, recorder=recorder, cold=cold)
                assert [str(data) for data in answer] == ["192.0.2.1"]
            assert {step.server for step in recorder.steps if step.server} <= {"10.0.0.1", "10.0.0.9", "10.0.0.8"}
        assert {server.address for server in backend.memory.servers.measured()} == {"10.0.0.1", "10.0.0.9", "10.0.0.8"}

        backend = made()
        await backend.walk(Question.parse("www.example"), 2000.0, cold=True)
        assert list(backend.memory.servers.measured()) == []
        assert backend.memory.delegations.closest(Name("example."), 0).candidates is None

    run_virtual(main())


@pytest.mark.parametrize("prime", [True, False])
@pytest.mark.parametrize(
    ("code", "local", "words"),
    [(errno.ENETUNREACH, True, "no way"), (errno.ECONNREFUSED, False, "connection refused")],
)
def test_without_a_network_it_says_that_it_reaches_no_root_server(run_virtual, prime, code, local, words):
    async def main():
        asked = []
        reached = False

        async def exchange(address, query, tcp, deadline):
            asked.append(address)
            if reached:
                return await authoritative(address, query, tcp, deadline)
            raise TransportError(words, code=code, local=local)

        now = asyncio.get_running_loop().time
        backend = IterativeBackend(exchange=exchange, prime=prime)
        for _ in range(2):
            recorder = Recorder()
            with pytest.raises(ServerFailure) as error:
                await backend.walk(Question.parse("www.example"), now() + 5, recorder=recorder)
            assert error.value.reason in (
                f"no root server could be reached ({words})",
                f"no nameserver of . was of use a moment ago ({words})",
            )
            if local:  # nothing was sent
                assert [step.queries for step in recorder.steps if step.server] == [0] * len(asked)
                asked.clear()
        await asyncio.sleep(60)
        reached = True
        assert await backend.query(Question.parse("www.example"), now() + 5)

    run_virtual(main())


def test_it_says_where_it_begins():
    assert repr(made()) == "IterativeBackend(hints=['a.root.'])"
    assert made().limits == Limits()
