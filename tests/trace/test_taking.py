"""take_trace: the walk of a resolver's backend, cold or not, told whole whatever its end."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Coroutine
from typing import Any

import pytest

from aioresolver import IterativeBackend, LookupTimeout, NameSyntaxError, Resolver, Routes, ServerFailure, UsageError
from aioresolver.backends.iterative.budget import Limits
from aioresolver.errors import ConfigurationError
from aioresolver.testing import Fault
from aioresolver.trace import Trace, taking


@pytest.fixture
def trace(run_virtual: Any, world: Any) -> Any:
    """The trace of one name by a resolver of its own."""

    def trace(name: str, type: str = "A", *, cold: bool = True, **settings: Any) -> Trace:
        async def main() -> Trace:
            async with world.resolver(**settings) as resolver:
                found: Trace = await resolver.trace(name, type, cold=cold)
                return found

        return run_virtual(main())  # type: ignore[no-any-return]

    return trace


def kinds(trace: Trace) -> list[tuple[str, str, str]]:
    return [(step.purpose, step.zone, step.kind) for step in trace.steps]


def test_each_step_is_told(trace: Any) -> None:
    told = trace("www.guest.example")
    assert (told.name, told.type, told.cold, told.outcome, told.rcode) == (
        "www.guest.example", "A", True, "ok", "NOERROR",
    )  # fmt: skip
    assert (told.data, told.aliases, told.ttl, told.error) == (("198.51.100.10",), (), 3600, None)
    assert told.records == ("www.guest.example. 3600 IN A 198.51.100.10",)
    assert told.elapsed == pytest.approx(0.14)
    assert kinds(told) == [
        ("priming", ".", "answer"),
        ("start", ".", "referral"),
        ("cut", ".", "referral"),
        ("cut", "example.", "referral"),
        ("address", "guest.example.", "answer"),
        ("answer", "guest.example.", "answer"),
    ]
    cut, address, answer = told.steps[3:]
    assert (cut.host, cut.address, cut.question, cut.client) == (
        "ns.nic.example.", "192.0.2.2", "guest.example. A", "guest.example. A",
    )  # fmt: skip
    assert (cut.referral, cut.rcode, cut.transport, cut.queries) == ("guest.example.", "NOERROR", "udp", 3)
    assert (cut.began, cut.elapsed) == (pytest.approx(0.04), pytest.approx(0.02))
    assert cut.believed == (
        ("guest.example. 3600 IN NS ns.hoster.test.", "under example., and guest.example. is in it"),
    )
    assert (address.host, address.question, address.outcome) == ("ns.hoster.test.", "ns.hoster.test. A", "192.0.2.4")
    assert [step.zone for step in address.steps] == [".", ".", "test.", "hoster.test."]
    assert address.elapsed == pytest.approx(0.06)
    assert answer.queries == 7


def test_the_budget_is_told(trace: Any) -> None:
    told = trace("www.guest.example")
    used = {use.what: (use.used, use.most) for use in told.budget}
    assert used["queries"] == (7, 200)
    assert used["bytes"] == (told.steps[-1].bytes, 256 * 1024)
    assert used["seconds"] == (told.elapsed, 10.0)
    assert used["depth"] == (1, 7)
    assert used["aliases"] == (0, 11)


def test_all_steps_come_with_those_inside_first(trace: Any) -> None:
    told = trace("www.guest.example")
    steps = list(told.all_steps())
    assert len(steps) == 10
    assert [step.queries for step in steps] == sorted(step.queries for step in steps)


def test_it_is_plain_data(trace: Any) -> None:
    told = trace("x.old.hoster.test")
    plain = json.loads(json.dumps(told.as_dict()))
    assert list(plain) == list(Trace._fields)
    assert (plain["outcome"], plain["rcode"], plain["error"], plain["data"]) == ("nxdomain", "NXDOMAIN", None, [])
    assert plain["aliases"] == ["x.old.hoster.test."]
    alias = next(step for step in plain["steps"] if step["kind"] == "alias")
    assert [judged["why"] for judged in alias["believed"]] == [
        "under hoster.test., of which this is a server",
        "made of the DNAME, and of nothing else",
    ]
    assert alias["dropped"] == [
        {"record": "x.old.hoster.test. 3600 IN CNAME x.guest.example.", "why": "follows from the DNAME alone"}
    ]


def test_a_special_name_is_asked_of_nobody(trace: Any) -> None:
    told = trace("localhost")
    assert kinds(told) == [("local", ".", "answer")]
    assert told.data == ("127.0.0.1",)


def test_truncation_is_told(world: Any, trace: Any) -> None:
    world.internet.fail("ns.nic.example", Fault.truncate())
    cut = trace("www.guest.example").steps[3]
    assert (cut.transport, cut.before) == ("tcp", ("truncated over udp",))


def test_refusal_of_edns_is_told(world: Any, trace: Any) -> None:
    world.internet.fail("ns.nic.example", Fault.formerr_on_edns())
    assert trace("www.guest.example").steps[3].before == ("EDNS refused",)


# ---- where it ends badly


def test_dead_servers(world: Any, trace: Any) -> None:
    world.internet.fail("ns.dead.example", Fault.drop())
    told = trace("www.dead.example")
    assert (told.outcome, told.data, told.rcode) == ("failed", (), None)
    assert isinstance(told.error, ServerFailure)
    assert "www.dead.example. A: no nameserver of dead.example. was of use (no reply" in told.as_dict()["error"]
    silent = [step for step in told.steps if step.zone == "dead.example." and step.purpose == "answer"]
    assert {(step.kind, step.rcode, step.outcome) for step in silent} == {("silence", "", "no reply")}
    assert [attempt.outcome for attempt in told.attempts] == ["no reply"] * len(silent)


def test_a_lame_server(trace: Any) -> None:
    told = trace("www.lame.example")
    last = told.steps[-1]
    assert (told.outcome, last.kind, last.outcome, last.useful) == ("failed", "lame", "refers to itself", False)
    assert last.dropped[0].why == "lame.example. is not for itself to delegate"


def test_a_server_that_refuses(world: Any, trace: Any) -> None:
    world.internet.fail("ns.nic.example", Fault.refused())
    told = trace("www.guest.example")
    refused = told.steps[3]
    assert (refused.kind, refused.rcode, refused.outcome) == ("lame", "REFUSED", "REFUSED")


def test_a_budget_that_is_spent(trace: Any) -> None:
    told = trace("www.guest.example", budget=Limits(queries=3))
    assert told.error.strerror.endswith("over budget: more than 3 queries are needed for it")
    address = told.steps[-1]
    assert (address.purpose, address.kind) == ("address", "failure")
    assert address.steps[-1].outcome == "over budget: more than 3 queries are needed for it"
    assert told.budget[0] == ("queries", 3, 3)


def test_a_deadline_inside_of_a_sub_question(world: Any, trace: Any) -> None:
    world.internet.fail("ns.nic.test", Fault.drop())
    told = trace("www.guest.example", timeout=1.0)
    assert (told.outcome, type(told.error)) == ("timeout", LookupTimeout)
    address = told.steps[-1]
    assert (address.purpose, address.outcome) == ("address", "given up")
    start, cut, *silent = address.steps
    assert (start.kind, cut.kind, {step.kind for step in silent}) == ("referral", "referral", {"silence"})
    assert told.elapsed == pytest.approx(1.0)


def test_what_comes_too_late_stands_where_it_belongs(world: Any, trace: Any) -> None:
    """An exchange that keeps no deadline: its walk is cancelled, and says so after the walk that it was for."""
    exchange = world.internet.exchange

    async def stubborn(address: str, query: bytes, tcp: bool, deadline: float) -> bytes:
        return await exchange(address, query, tcp, deadline + 100)  # type: ignore[no-any-return]

    world.internet.fail("ns.nic.test", Fault.drop())
    told = trace("www.guest.example", timeout=1.0, exchange=stubborn)
    address = told.steps[-1]
    assert (address.purpose, address.outcome) == ("address", "given up")
    assert address.steps[-1].kind == "silence"


# ---- whose walk it is


def test_cold_walks_use_nothing_and_teach_nothing(world: Any, run_virtual: Any) -> None:
    async def main() -> None:
        async with world.resolver() as resolver:
            first, second = [await resolver.trace("www.guest.example") for _ in range(2)]
            assert kinds(first) == kinds(second)
            assert len(resolver.backend.memory.delegations) == 0
            assert resolver.peek("www.guest.example") is None
            await resolver.resolve("www.guest.example")
            warm = await resolver.trace("mail.guest.example", cold=False)
            assert kinds(warm) == [("start", "guest.example.", "referral"), ("answer", "guest.example.", "no-name")]
            assert str(warm).startswith("mail.guest.example A, from what is known\n")
            assert warm.steps[0].outcome == "known for another 3600 s: ns.hoster.test."

    run_virtual(main())


def test_what_failed_before_is_told(world: Any, run_virtual: Any) -> None:
    async def main() -> None:
        async with world.resolver() as resolver:
            world.internet.fail("ns.dead.example", Fault.drop())
            for _ in range(2):
                told = await resolver.trace("www.dead.example", cold=False)
            assert told.steps[-1].purpose == "failed before"
            assert "a moment ago" in told.steps[-1].outcome

    run_virtual(main())


def test_what_is_known_to_be_absent_is_told(world: Any, run_virtual: Any) -> None:
    async def main() -> None:
        async with world.resolver() as resolver:
            for name in ("a.b.no.guest.example", "c.no.guest.example"):
                told = await resolver.trace(name, cold=False)
            assert kinds(told)[-1] == ("known absent", "guest.example.", "no-name")
            assert "\nc.no.guest.example. A  → it, or a name above it, does not exist\n" in str(told)

    run_virtual(main())


def test_routes_lead_to_the_backend_of_the_name(world: Any, run_virtual: Any) -> None:
    async def main() -> None:
        async with Resolver(Routes({"example": world.backend()}), search=()) as resolver:
            assert (await resolver.trace("www.guest.example")).data == ("198.51.100.10",)

    run_virtual(main())


def test_another_backend_is_not_asked(world: Any, run_virtual: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[IterativeBackend] = []

    class Made(IterativeBackend):
        def __init__(self) -> None:
            super().__init__(world.internet.hints, exchange=world.internet.exchange)
            made.append(self)

    monkeypatch.setattr(taking, "IterativeBackend", Made)

    async def main() -> None:
        async with Resolver("192.0.2.53", search=()) as resolver:
            assert (await resolver.trace("www.guest.example")).data == ("198.51.100.10",)
        with pytest.raises(UsageError):
            await made[0].walk(resolver._question("www.guest.example", "A"), 10_000.0)

    run_virtual(main())


def test_wrong_use_is_raised(world: Any, run_virtual: Any) -> None:
    async def main() -> None:
        resolver = world.resolver()
        with pytest.raises(NameSyntaxError):
            await resolver.trace("a..b")
        with pytest.raises(ConfigurationError):
            await resolver.trace("guest.example", "AXFR")
        await resolver.aclose()
        with pytest.raises(UsageError):
            await resolver.trace("www.guest.example")

    run_virtual(main())


def test_closing_ends_a_cold_walk(world: Any, run_virtual: Any) -> None:
    world.internet.fail("ns.nic.test", Fault.drop())

    async def main() -> Trace:
        resolver = world.resolver()
        tracing: Coroutine[Any, Any, Trace] = resolver.trace("www.guest.example")
        task = asyncio.ensure_future(tracing)
        await asyncio.sleep(0.2)
        await resolver.aclose()
        return await asyncio.wait_for(task, 5)

    with pytest.raises(UsageError):
        run_virtual(main())
