"""What an observer is told: by the resolver, by its nameservers, and nothing when there is none."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from aioresolver.answer import Answer
from aioresolver.backends.routes import Fallback, Routes
from aioresolver.backends.stub import StubBackend
from aioresolver.cache import Cache
from aioresolver.configured import ConfiguredBackend
from aioresolver.errors import AddressBlocked, ConfigurationError, LookupTimeout, ServerFailure, TransportError
from aioresolver.events import (
    AnswerBlocked,
    AnswerFromCache,
    AttemptFailed,
    LookupAbandoned,
    LookupAnswered,
    LookupFailed,
    LookupStarted,
    StaleServed,
    UpstreamBack,
    UpstreamBenched,
    each_of,
)
from aioresolver.flow.limiter import Limiter
from aioresolver.policy import AddressPolicy
from aioresolver.resolver import Resolver
from aioresolver.system.config import SystemConfigFiles
from aioresolver.testing import DNSServer, Fault
from aioresolver.wire.message import Message, Question, Record

ZONE = """
$ORIGIN seen.test.
@      60 SOA ns hostmaster 1 7200 3600 1209600 30
www    60 A 127.0.0.9
broken 60 A 127.0.0.9
big    60 A 127.0.0.9
"""
WWW = Question.parse("www.seen.test")


class Nameserver:
    """A transport that answers while it is `alive`, after a hundredth of a second."""

    def __init__(self) -> None:
        self.alive = True

    async def exchange(self, query: bytes, deadline: float) -> bytes:
        if not self.alive:
            await asyncio.sleep(deadline - asyncio.get_running_loop().time())
            raise TransportError("no reply before the deadline")
        await asyncio.sleep(0.01)
        asked = Message.parse(query)
        return asked.reply(answer=[Record.parse(f"{asked.question[0].name} 60 A 192.0.2.1")]).to_wire()

    async def aclose(self) -> None:
        pass


class Hand:
    """A backend whose lookups end as the test says."""

    def __init__(self) -> None:
        self.lookups: list[asyncio.Future[Answer[Any]]] = []

    def submit(self, question: Question, deadline: float) -> asyncio.Future[Answer[Any]]:
        self.lookups.append(asyncio.get_running_loop().create_future())
        return self.lookups[-1]

    async def query(self, question: Question, deadline: float) -> Answer[Any]:
        return await self.submit(question, deadline)

    async def aclose(self) -> None:
        pass


def kinds(events: list[Any]) -> list[type]:
    return [type(event) for event in events]


async def told(seconds: float = 0.0) -> None:
    await asyncio.sleep(seconds)
    await asyncio.sleep(0)


async def test_the_story_of_lookups() -> None:
    events: list[Any] = []
    faults = [Fault.servfail(name="broken.seen.test"), Fault.truncate(name="big.seen.test", transport="udp")]
    async with (
        DNSServer(ZONE, faults=faults) as server,
        Resolver(server.nameserver, observer=events.append) as resolver,
    ):
        await resolver.query("www.seen.test")
        await resolver.query("www.seen.test")
        with pytest.raises(ServerFailure):
            await resolver.query("broken.seen.test")
        await resolver.query("big.seen.test")

    www, known, broken, big = (
        [event for event in events if event.question == question]
        for question in (WWW, WWW, *map(Question.parse, ("broken.seen.test", "big.seen.test")))
    )
    assert kinds(www) == [LookupStarted, LookupAnswered, AnswerFromCache]
    assert 0 < www[1].answer.elapsed <= www[1].elapsed < 5
    assert known[2].found is www[1].answer
    assert kinds(broken) == [LookupStarted, AttemptFailed, AttemptFailed, LookupFailed]
    assert [each.attempt.outcome for each in broken[1:3]] == ["SERVFAIL", "SERVFAIL"]
    assert [each.attempt.server for each in broken[1:3]] == [server.nameserver] * 2
    assert broken[3].error.attempts == (broken[1].attempt, broken[2].attempt)
    assert 0 < broken[3].elapsed < 5
    assert kinds(big) == [LookupStarted, AttemptFailed, LookupAnswered]
    assert big[1].attempt == big[2].answer.attempts[0]


def test_nameservers_are_benched_and_back(run_virtual: Any) -> None:
    one, two, events = Nameserver(), Nameserver(), []

    async def main() -> None:
        transports = {"192.0.2.1": one, "192.0.2.2": two}
        backend = StubBackend(list(transports), open_transport=lambda nameserver: transports[nameserver.address])
        async with Resolver(backend, cache=Cache(0), observer=events.append) as resolver:
            await resolver.query("www.seen.test")
            one.alive = False
            for _ in range(3):
                await resolver.query("www.seen.test")
            one.alive = True
            await asyncio.sleep(10)
            await resolver.query("www.seen.test")  # of which it gets a copy
            await told(1)

    run_virtual(main())
    benches = [event for event in events if isinstance(event, (UpstreamBenched, UpstreamBack))]
    assert benches == [UpstreamBenched("udp://192.0.2.1", "it is silent"), UpstreamBack("udp://192.0.2.1")]
    (silence,) = (event for event in events if isinstance(event, AttemptFailed))
    assert (silence.attempt.server, silence.attempt.outcome) == ("udp://192.0.2.1", "no reply")
    assert events.index(silence) < events.index(benches[0])


async def test_one_that_fails_and_fails_is_benched() -> None:
    events: list[Any] = []
    async with (
        DNSServer(ZONE, faults=[Fault.servfail(times=4)]) as server,
        Resolver(server.nameserver, cache=Cache(0), observer=events.append) as resolver,
    ):
        for _ in range(2):
            with pytest.raises(ServerFailure):
                await resolver.query("www.seen.test")
        await resolver.query("www.seen.test")
    benches = [event for event in events if isinstance(event, (UpstreamBenched, UpstreamBack))]
    assert benches == [
        UpstreamBenched(server.nameserver, "it failed 3 times in a row"),
        UpstreamBack(server.nameserver),
    ]


async def test_every_start_has_an_end() -> None:
    events: list[Any] = []
    backend = Hand()
    async with Resolver(backend, observer=events.append) as resolver:
        flights = [resolver.submit(f"{name}.seen.test") for name in "abcde"]
        backend.lookups[0].set_exception(ServerFailure("a.seen.test.", "A", "broken"))
        backend.lookups[1].set_exception(ConfigurationError("nobody to ask"))
        backend.lookups[2].set_exception(ZeroDivisionError())
        flights[3].cancel()
        await asyncio.wait(flights[:3])
        await told()
        last = events[-1]
    ends = {str(event.question.name)[0]: event for event in events if not isinstance(event, LookupStarted)}
    assert {name: type(end) for name, end in ends.items()} == {
        "a": LookupFailed,
        "b": LookupFailed,
        "c": LookupFailed,
        "d": LookupAbandoned,
        "e": LookupAbandoned,
    }
    assert [type(ends[name].error) for name in "abc"] == [ServerFailure, ConfigurationError, ZeroDivisionError]
    assert last is ends["d"]
    assert len(events) == 10
    assert not resolver._dispatch.narrator._began
    assert [type(flight.exception()) for flight in flights[:3]] == [
        ServerFailure,
        ConfigurationError,
        ZeroDivisionError,
    ]
    flights[4].exception()


async def test_one_cancelled_asker_of_two_abandons_nothing() -> None:
    events: list[Any] = []
    backend = Hand()
    async with Resolver(backend, observer=events.append) as resolver:
        first, second = resolver.submit("www.seen.test"), resolver.submit("www.seen.test")
        first.cancel()
        await told()
        assert kinds(events) == [LookupStarted]
        second.cancel()
        await told()
    assert kinds(events) == [LookupStarted, LookupAbandoned]


def test_a_lookup_that_never_got_its_turn_fails(run_virtual: Any) -> None:
    events: list[Any] = []

    async def main() -> None:
        async with Resolver(Hand(), limiter=Limiter(1), timeout=2, observer=events.append) as resolver:
            outcomes = await asyncio.gather(*map(resolver.submit, ("a.test", "b.test")), return_exceptions=True)
            assert kinds(outcomes) == [LookupTimeout, LookupTimeout]

    run_virtual(main())
    failures = [event for event in events if isinstance(event, LookupFailed)]
    assert sorted(str(event.question.name) for event in failures) == ["a.test.", "b.test."]
    assert all(1.9 < event.elapsed < 2.2 for event in failures)


async def test_what_the_policy_forbids() -> None:
    events: list[Any] = []
    async with DNSServer(ZONE) as server:
        options: dict[str, Any] = {"policy": AddressPolicy.public(), "observer": events.append}
        async with Resolver(server.nameserver, **options) as resolver:
            for call in (resolver.query, resolver.resolve, resolver.addresses):
                events.clear()
                with pytest.raises(AddressBlocked) as caught:
                    await call("www.seen.test")
                assert events[-1] == AnswerBlocked(caught.value)
            ((_, outcome),) = [pair async for pair in resolver.query_many(["www.seen.test"])]
            assert isinstance(outcome, AddressBlocked)
            assert events[-1] == AnswerBlocked(outcome)


def test_stale_answers(run_virtual: Any) -> None:
    events: list[Any] = []
    server = Nameserver()

    async def main() -> None:
        backend = StubBackend("192.0.2.1", open_transport=lambda _: server)
        async with Resolver(backend, cache=Cache(stale=3600), observer=events.append) as resolver:
            await resolver.query("www.seen.test")
            server.alive = False
            await asyncio.sleep(100)
            assert await resolver.query("www.seen.test")

    run_virtual(main())
    assert isinstance(next(event for event in reversed(events) if isinstance(event, StaleServed)).answer, Answer)


async def test_one_that_is_expelled() -> None:
    events: list[Any] = []
    backend = StubBackend(["127.0.0.1", "127.0.0.2"])
    async with Resolver(backend, observer=events.append):
        assert backend.expel("udp://127.0.0.1")
        assert not backend.expel("udp://127.0.0.2")
    assert events == [UpstreamBenched("udp://127.0.0.1", "it was expelled")]


async def test_backends_in_backends_tell_too(tmp_path: Any) -> None:
    events: list[Any] = []
    (tmp_path / "resolv.conf").write_text("nameserver 127.0.0.1\n")
    routed, first, second = (StubBackend("127.0.0.1") for _ in range(3))
    own = ConfiguredBackend(SystemConfigFiles(resolv_conf=tmp_path / "resolv.conf"))
    backend = Routes({"seen.test": routed, "own.test": own}, default=Fallback(first, second))
    async with Resolver(backend, observer=events.append):
        for stub in (routed, first, second, own._current_stub()):
            assert stub.observer is not None
            stub.observer(UpstreamBack("x"))
    assert events == [UpstreamBack("x")] * 4


async def test_without_an_observer_nothing_is_kept() -> None:
    async with DNSServer(ZONE) as server, Resolver(server.nameserver) as resolver:
        await resolver.query("www.seen.test")
        assert resolver._dispatch.narrator._began == {}
        assert resolver.backend.upstreams[0].observer is None


async def test_a_broken_observer_harms_no_attempt() -> None:
    def broken(event: Any) -> None:
        raise RuntimeError("observer")

    reported: list[Any] = []
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: reported.append(context["exception"]))
    async with (
        DNSServer(ZONE, faults=[Fault.servfail(times=1)]) as server,
        Resolver(server.nameserver, observer=broken) as resolver,
    ):
        assert await resolver.query("www.seen.test")
    assert len(reported) == 3


def test_several_observers() -> None:
    one: list[Any] = []
    two: list[Any] = []

    def broken(event: Any) -> None:
        raise RuntimeError("first")

    assert each_of() is None
    assert each_of(None, broken, None) is broken
    tell = each_of(one.append, None, two.append)
    assert tell is not None
    tell(UpstreamBack("x"))
    assert one == two == [UpstreamBack("x")]
    tell = each_of(broken, one.append)
    assert tell is not None
    with pytest.raises(RuntimeError, match="first"):
        tell(UpstreamBack("y"))
    assert one == [UpstreamBack("x"), UpstreamBack("y")]
