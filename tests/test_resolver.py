"""Resolver: names in, answers out, over a backend that is a dict."""

from __future__ import annotations

import asyncio
import inspect
import socket
from typing import Any

import pytest

from aioresolver.answer import Answer
from aioresolver.cache import Cache
from aioresolver.errors import (
    AddressBlocked,
    ConfigurationError,
    LookupTimeout,
    NameNotFound,
    NameSyntaxError,
    NoRecords,
    ServerFailure,
    UsageError,
)
from aioresolver.events import AnswerFromCache, LookupAnswered, LookupFailed, LookupStarted
from aioresolver.flow.limiter import Limiter
from aioresolver.policy import AddressPolicy
from aioresolver.resolver import Resolver
from aioresolver.wire.codes import Rcode, RRType
from aioresolver.wire.message import Question, Record

ZONE = """
www.example.org. 60 A 192.0.2.1
www.example.org. 60 A 192.0.2.2
www.example.org. 60 A 192.0.2.3
www.example.org. 60 AAAA 2001:db8::1
four.example.org. 60 A 192.0.2.4
example.org. 60 MX 10 mail.example.org.
alias.example.org. 5 CNAME www.example.org.
80.2.0.192.in-addr.arpa. 60 PTR www.example.org.
short.corp.example. 60 A 192.0.2.99
"""
SOA = Record.parse("example.org. 300 SOA ns. host. 1 2 3 4 60")


class Dictionary:
    """A backend made of records; it counts what it is asked, and can be slow, silent or broken."""

    def __init__(self, zone: str = ZONE) -> None:
        self.records = [Record.parse(line) for line in zone.split("\n") if line]
        self.asked: list[Question] = []
        self.cancelled = 0
        self.closed = 0
        self.delay = 0.01
        self.failure: Exception | None = None

    async def query(self, question: Question, deadline: float) -> Answer[Any]:
        self.asked.append(question)
        now = asyncio.get_running_loop().time()
        try:
            await asyncio.sleep(self.delay)
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        if self.failure is not None:
            raise self.failure
        names = {question.name}
        for record in self.records:
            if record.name in names and record.type == RRType.CNAME:
                names.add(record.data.target)
        found = [r for r in self.records if r.name in names and r.type in (question.type, RRType.CNAME)]
        exists = any(record.name in names for record in self.records)
        return Answer.from_records(
            question, found, rcode=Rcode.NOERROR if exists else Rcode.NXDOMAIN, authority=[SOA], now=now, server="dict"
        )

    async def aclose(self) -> None:
        self.closed += 1


@pytest.fixture
def backend() -> Dictionary:
    return Dictionary()


@pytest.fixture
def made(backend: Dictionary) -> Any:
    """Make a resolver over the dict that knows nothing of this machine but what it is told."""

    def make(**options: Any) -> Resolver:
        return Resolver(options.pop("backend", backend), **{"hosts_file": None, **options})

    return make


async def test_resolve(made: Any) -> None:
    async with made() as resolver:
        answer = await resolver.resolve("www.example.org")
        assert [str(data) for data in answer] == ["192.0.2.1", "192.0.2.2", "192.0.2.3"]
        mx = await resolver.resolve("EXAMPLE.org.", "mx")
        assert (mx[0].preference, mx[0].exchange) == (10, "mail.example.org.")
        assert (await resolver.resolve("example.org", 15)) is mx


async def test_absence_is_an_empty_answer_for_query_and_an_error_for_resolve(made: Any) -> None:
    async with made() as resolver:
        assert ((await resolver.query("no.example.org")).rcode, len(await resolver.query("no.example.org"))) == (3, 0)
        assert not await resolver.query("www.example.org", "TXT")
        with pytest.raises(NameNotFound) as missing:
            await resolver.resolve("no.example.org")
        with pytest.raises(NoRecords) as empty:
            await resolver.resolve("www.example.org", "TXT")
    assert missing.value.errno == socket.EAI_NONAME
    assert isinstance(missing.value, socket.gaierror)
    assert (empty.value.name, empty.value.type) == ("www.example.org.", "TXT")
    assert "no such records" in str(empty.value)


@pytest.mark.parametrize(
    "name", ["a..b", "x" * 64, ".".join(["x" * 60] * 5), "with space", "bad\\", "\u200d.example", ""]
)
async def test_impossible_names(made: Any, name: str) -> None:
    async with made() as resolver:
        for lookup in (resolver.query(name), resolver.resolve(name), resolver.addresses(name), resolver.submit(name)):
            with pytest.raises(NameSyntaxError):
                await lookup


@pytest.mark.parametrize("type_", ["NONSENSE", "TYPE65536", 65536, -1])
async def test_impossible_types(made: Any, type_: Any) -> None:
    async with made() as resolver:
        for lookup in (
            resolver.query("a.example", type_),
            resolver.resolve("a.example", type_),
            resolver.submit("a.example", type_),
        ):
            with pytest.raises(ValueError, match="RRType"):
                await lookup


async def test_a_hit_does_not_suspend(made: Any, backend: Dictionary) -> None:
    async with made() as resolver:
        first = await resolver.query("www.example.org")
        lookup = resolver.query("www.example.org")
        assert inspect.iscoroutine(lookup)
        with pytest.raises(StopIteration) as returned:
            lookup.send(None)
        assert returned.value.value is first
        assert resolver.submit("www.example.org").result() is first
        assert resolver.peek("www.example.org") is first
        assert resolver.peek("four.example.org") is None
        assert len(backend.asked) == 1
        assert resolver.cache.stats.hits == 3


async def test_fifty_askers_one_lookup(made: Any, backend: Dictionary) -> None:
    async with made() as resolver:
        answers = await asyncio.gather(*(resolver.resolve("www.example.org") for _ in range(50)))
        assert len(backend.asked) == 1
        assert len(set(map(id, answers))) == 1


async def test_the_last_asker_gets_the_answer(made: Any, backend: Dictionary) -> None:
    async with made() as resolver:
        tasks = [asyncio.create_task(resolver.resolve("www.example.org")) for _ in range(50)]
        await asyncio.sleep(0)
        for task in tasks[:-1]:
            task.cancel()
        assert await tasks[-1]
        assert (len(backend.asked), backend.cancelled) == (1, 0)


@pytest.mark.parametrize("how", ["resolve", "submit"])
async def test_when_all_leave_the_lookup_ends(made: Any, backend: Dictionary, how: str) -> None:
    backend.delay = 1000
    async with made() as resolver:
        tasks = [asyncio.ensure_future(getattr(resolver, how)("www.example.org")) for _ in range(5)]
        await asyncio.sleep(0.001)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.sleep(0.001)
        assert backend.cancelled == 1
        assert resolver.limiter.in_use == 0


def test_the_deadline_holds_whatever_the_backend_does(run_virtual: Any, made: Any, backend: Dictionary) -> None:
    backend.delay = 1000

    async def main() -> None:
        loop = asyncio.get_running_loop()
        async with made(timeout=0.5) as resolver:
            began = loop.time()
            with pytest.raises(LookupTimeout) as caught:
                await resolver.resolve("www.example.org")
            assert loop.time() - began == pytest.approx(0.55, abs=0.01)
            assert isinstance(caught.value, TimeoutError)
            assert caught.value.errno == socket.EAI_AGAIN

    run_virtual(main())


async def test_a_backend_that_gives_no_answer_is_told_so(made: Any) -> None:
    class Forgetful(Dictionary):
        async def query(self, question: Question, deadline: float) -> Any:
            return None

    async with made(backend=Forgetful()) as resolver:
        with pytest.raises(TypeError, match="no Answer but None"):
            await asyncio.wait_for(resolver.query("www.example.org"), 5)
        assert resolver.limiter.in_use == 0


def test_a_thousand_behind_a_silent_backend_all_end_in_time(run_virtual: Any, made: Any, backend: Dictionary) -> None:
    backend.delay = 1000

    async def main() -> None:
        loop = asyncio.get_running_loop()
        async with made(timeout=0.5, limiter=Limiter(10)) as resolver:
            began = loop.time()
            errors = await asyncio.gather(
                *(resolver.query(f"h{i}.example") for i in range(1000)), return_exceptions=True
            )
            assert loop.time() - began < 0.6
            assert {type(error) for error in errors} == {LookupTimeout}
            assert (resolver.limiter.in_use, resolver.limiter.waiting) == (0, 0)

    run_virtual(main())


def test_waiting_for_a_turn_is_no_timeout_while_others_are_answered(
    run_virtual: Any, made: Any, backend: Dictionary
) -> None:
    backend.delay = 0.3

    async def main() -> None:
        loop = asyncio.get_running_loop()
        async with made(timeout=0.5, limiter=Limiter(10)) as resolver:
            began = loop.time()
            await asyncio.gather(*(resolver.query(f"h{i}.example") for i in range(200)))
            assert loop.time() - began == pytest.approx(6.0, abs=0.1)

    run_virtual(main())


async def test_failures_are_kept_for_a_moment(made: Any, backend: Dictionary) -> None:
    backend.failure = ServerFailure("www.example.org.", "A", "broken")
    async with made() as resolver:
        for _ in range(3):
            with pytest.raises(ServerFailure):
                await resolver.query("www.example.org")
    assert len(backend.asked) == 1


async def test_nxdomain_covers_every_type(made: Any, backend: Dictionary) -> None:
    async with made() as resolver:
        await resolver.query("no.example.org", "A")
        assert (await resolver.query("no.example.org", "MX")).rcode == Rcode.NXDOMAIN
    assert len(backend.asked) == 1


def test_answers_live_as_long_as_the_least_ttl(run_virtual: Any, made: Any, backend: Dictionary) -> None:
    async def main() -> None:
        async with made() as resolver:
            await resolver.query("alias.example.org")
            await asyncio.sleep(4)
            await resolver.query("alias.example.org")
            assert len(backend.asked) == 1
            await asyncio.sleep(2)
            await resolver.query("alias.example.org")
            assert len(backend.asked) == 2

    run_virtual(main())


async def test_a_cache_may_be_shared(made: Any, backend: Dictionary) -> None:
    cache = Cache()
    async with made(cache=cache) as one, made(cache=cache) as other:
        assert await one.query("www.example.org") is await other.query("www.example.org")
    assert len(backend.asked) == 1


async def test_search_list(made: Any, backend: Dictionary) -> None:
    async with made(search=["nowhere.example", "corp.example"]) as resolver:
        assert (await resolver.resolve("short")).question.name == "short.corp.example."
        assert await resolver.addresses("short") == ["192.0.2.99"]
        with pytest.raises(NameNotFound):
            await resolver.resolve("short.")
        assert (await resolver.query("short")).rcode == Rcode.NXDOMAIN
        with pytest.raises(NameNotFound):
            await resolver.resolve("other")


async def test_rotation(made: Any) -> None:
    async with made(rotate=True) as resolver:
        firsts = [(await resolver.resolve("www.example.org"))[0].address for _ in range(6)]
    assert firsts[:3] != firsts[1:4]
    assert sorted(firsts) == sorted(["192.0.2.1", "192.0.2.2", "192.0.2.3"] * 2)


async def test_addresses_of_both_families(made: Any, backend: Dictionary) -> None:
    async with made(address_order="as-is") as resolver:
        both = await resolver.addresses("www.example.org")
        assert sorted(both) == ["192.0.2.1", "192.0.2.2", "192.0.2.3", "2001:db8::1"]
        assert await resolver.addresses("www.example.org", socket.AF_INET6) == ["2001:db8::1"]
        assert await resolver.addresses("four.example.org") == ["192.0.2.4"]
        with pytest.raises(NoRecords):
            await resolver.addresses("four.example.org", socket.AF_INET6)
        with pytest.raises(NameNotFound):
            await resolver.addresses("no.example.org")


async def test_a_broken_family_does_not_take_the_other_along(made: Any) -> None:
    class OnlyFour(Dictionary):
        async def query(self, question: Question, deadline: float) -> Answer[Any]:
            if question.type == RRType.AAAA:
                raise ServerFailure(question.name, "AAAA", "broken")
            return await super().query(question, deadline)

    async with made(backend=OnlyFour()) as resolver:
        assert await resolver.addresses("four.example.org") == ["192.0.2.4"]


async def test_literals_and_local_names(made: Any, backend: Dictionary) -> None:
    async with made(hosts={"db.internal": ["10.1.2.3", "fd00::3"]}) as resolver:
        assert await resolver.addresses("192.0.2.200") == ["192.0.2.200"]
        assert await resolver.addresses("2001:db8::5") == ["2001:db8::5"]
        assert str((await resolver.resolve("192.0.2.200"))[0]) == "192.0.2.200"
        assert "127.0.0.1" in await resolver.addresses("localhost")
        assert "127.0.0.1" in await resolver.addresses("any.localhost")
        assert set(await resolver.addresses("db.internal")) == {"10.1.2.3", "fd00::3"}
        with pytest.raises(NameNotFound):
            await resolver.resolve("name.invalid")
        with pytest.raises(NameNotFound):
            await resolver.resolve("name.onion")
    assert backend.asked == []


async def test_reverse(made: Any) -> None:
    async with made() as resolver:
        assert await resolver.reverse("192.0.2.80") == ["www.example.org."]
        assert (await resolver.resolve("192.0.2.80", "PTR"))[0].target == "www.example.org."
        with pytest.raises(NameSyntaxError):
            await resolver.reverse("not an address")


async def test_getaddrinfo_is_the_standard_one(made: Any) -> None:
    async with made() as resolver:
        infos = await resolver.getaddrinfo("four.example.org", 80, type=socket.SOCK_STREAM)
        assert infos == [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("192.0.2.4", 80))]
        assert await resolver.getaddrinfo("127.0.0.1", 80) == socket.getaddrinfo("127.0.0.1", 80)
        with pytest.raises(socket.gaierror):
            await resolver.getaddrinfo("no.example.org", 80)


async def test_many(made: Any, backend: Dictionary) -> None:
    names = [f"h{i}.example" for i in range(300)] + ["www.example.org", "bad..name", "www.example.org"]
    async with made() as resolver:
        outcomes = [pair async for pair in resolver.query_many(names, concurrency=50)]
    assert sorted(name for name, _ in outcomes) == sorted(names)
    by_name = dict(outcomes)
    assert len(by_name["www.example.org"]) == 3
    assert isinstance(by_name["bad..name"], NameSyntaxError)


async def test_leaving_many_early_leaves_nothing(made: Any, backend: Dictionary) -> None:
    async with made() as resolver:
        before = asyncio.all_tasks()
        many = resolver.query_many((f"h{i}.example" for i in range(10**6)), concurrency=20)
        async for _ in many:
            break
        await many.aclose()
        await asyncio.sleep(0.001)
        assert asyncio.all_tasks() == before
        assert len(backend.asked) < 200


async def test_observer(made: Any, backend: Dictionary) -> None:
    events: list[Any] = []
    async with made(observer=events.append) as resolver:
        await resolver.query("www.example.org")
        await resolver.query("www.example.org")
        backend.failure = ServerFailure("x.example.", "A", "broken")
        with pytest.raises(ServerFailure):
            await resolver.query("x.example")
    kinds = [type(event) for event in events]
    assert kinds == [LookupStarted, LookupAnswered, AnswerFromCache, LookupStarted, LookupFailed]


async def test_a_broken_observer_harms_no_lookup(made: Any) -> None:
    def broken(event: Any) -> None:
        raise RuntimeError("observer")

    told: list[Any] = []
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: told.append(context))
    async with made(observer=broken) as resolver:
        assert await resolver.query("www.example.org")
    assert told


async def test_stats(made: Any, backend: Dictionary) -> None:
    async with made() as resolver:
        await asyncio.gather(*(resolver.query("www.example.org") for _ in range(3)))
        backend.failure = LookupTimeout("x.example.", "A", "late")
        with pytest.raises(LookupTimeout):
            await resolver.query("x.example")
        assert resolver.stats.as_dict() == {
            "lookups": 2,
            "answered": 1,
            "failed": 1,
            "timed_out": 1,
            "joined": 2,
            "under_way": 0,
        }


async def test_closing(made: Any, backend: Dictionary) -> None:
    backend.delay = 1000
    resolver = made()
    task = asyncio.create_task(resolver.resolve("www.example.org"))
    await asyncio.sleep(0.001)
    await resolver.aclose()
    await resolver.aclose()
    with pytest.raises(UsageError, match="closed"):
        await task
    for lookup in (
        resolver.resolve("www.example.org"),
        resolver.query("www.example.org"),
        resolver.addresses("a.example"),
    ):
        with pytest.raises(UsageError, match="closed"):
            await lookup
    assert backend.closed >= 1


def test_another_loop(made: Any) -> None:
    resolver = made()
    asyncio.run(resolver.query("www.example.org"))

    async def again() -> None:
        with pytest.raises(UsageError, match="another event loop"):
            await resolver.query("www.example.org")

    asyncio.run(again())


@pytest.mark.parametrize("backend", ["nonsense", "ftp://192.0.2.1", 5, [], [5]])
def test_impossible_backends(backend: Any) -> None:
    with pytest.raises(ConfigurationError):
        Resolver(backend)


@pytest.mark.parametrize(
    "options", [{"timeout": 0}, {"timeout": -1.0}, {"timeout": float("inf")}, {"address_order": "best"}]
)
def test_impossible_options(made: Any, options: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        made(**options)


def test_stale_answers_serve_while_the_backend_is_down(run_virtual: Any, made: Any, backend: Dictionary) -> None:
    async def main() -> None:
        async with made(cache=Cache(stale=3600)) as resolver:
            first = await resolver.query("www.example.org")
            await asyncio.sleep(100)
            backend.failure = ServerFailure("www.example.org.", "A", "down")
            again = await resolver.query("www.example.org")
            assert [str(d) for d in again] == [str(d) for d in first]
            backend.failure = None
            await asyncio.sleep(400)
            backend.delay = 3
            loop = asyncio.get_running_loop()
            began = loop.time()
            assert await resolver.query("www.example.org")
            assert loop.time() - began == pytest.approx(1.8, abs=0.01)

    run_virtual(main())


def test_popular_answers_are_fetched_again_before_they_end(run_virtual: Any, made: Any, backend: Dictionary) -> None:
    async def main() -> None:
        async with made(cache=Cache(prefetch=True)) as resolver:
            for _ in range(10):
                await resolver.query("www.example.org")
            await asyncio.sleep(58.6)
            for _ in range(10):
                await resolver.query("www.example.org")
            await asyncio.sleep(1)
            assert len(backend.asked) == 2
            await asyncio.sleep(30)
            await resolver.query("www.example.org")
            assert len(backend.asked) == 2

    run_virtual(main())


async def test_a_policy_sees_what_the_hosts_file_and_the_cache_say(made: Any) -> None:
    options: dict[str, Any] = {"hosts": {"x.test": "10.0.0.1"}, "search": ["corp.example"]}
    async with made(policy=AddressPolicy.public(allow=["192.0.2.0/24", "2001:db8::/32"]), **options) as resolver:
        for lookup in (resolver.resolve("x.test"), resolver.addresses("x.test"), resolver.query("x.test")):
            with pytest.raises(AddressBlocked):
                await lookup
        assert await resolver.addresses("short") == ["192.0.2.99"]


async def test_a_policy_by_name_means_the_name_that_was_asked(made: Any) -> None:
    backend = Dictionary("db.corp.evil.example. 60 A 10.0.0.1")
    policy = AddressPolicy.public(allow_names=["corp"])
    async with made(backend=backend, policy=policy, search=["evil.example"]) as resolver:
        for lookup in (resolver.addresses("db.corp"), resolver.resolve("db.corp"), resolver.getaddrinfo("db.corp", 80)):
            with pytest.raises((AddressBlocked, NameNotFound)):
                await lookup


@pytest.mark.parametrize("host", ["127.1", "0x7f000001", "2130706433", "1.2.3.4.5"])
async def test_numbers_are_no_names(made: Any, backend: Dictionary, host: str) -> None:
    async with made(search=["corp.example"]) as resolver:
        for lookup in (resolver.addresses(host), resolver.resolve(host), resolver.getaddrinfo(host, 80)):
            with pytest.raises(NameNotFound):
                await lookup
    assert backend.asked == []


async def test_getnameinfo(made: Any, tmp_path: Any) -> None:
    hosts = tmp_path / "hosts"
    hosts.write_text(
        "192.0.2.5 Five.Hosts.Example five\n::ffff:192.0.2.6 mapped\n127.0.0.1 localhost.corp.example localhost\n"
    )
    async with made(hosts_file=hosts) as resolver:
        numeric = socket.NI_NUMERICSERV
        assert await resolver.getnameinfo(("192.0.2.80", 0), numeric) == ("www.example.org", "0")
        assert await resolver.getnameinfo(("192.0.2.80", 0), numeric | socket.NI_NUMERICHOST) == ("192.0.2.80", "0")
        assert await resolver.getnameinfo(("192.0.2.81", 443), numeric) == ("192.0.2.81", "443")
        assert await resolver.getnameinfo(("192.0.2.5", 80), numeric) == ("Five.Hosts.Example", "80")
        assert await resolver.getnameinfo(("192.0.2.6", 80), numeric) == ("mapped", "80")
        assert await resolver.getnameinfo(("127.0.0.2", 80), numeric) == ("localhost", "80")
        short = await resolver.getnameinfo(("127.0.0.1", 80), numeric | socket.NI_NOFQDN)
        assert short == ("localhost", "80")
        with pytest.raises(NameNotFound):
            await resolver.getnameinfo(("192.0.2.81", 80), socket.NI_NAMEREQD)


async def test_getnameinfo_believes_no_name_that_is_none_and_tells_failures(made: Any, backend: Any) -> None:
    backend.records += [Record.parse(r"82.2.0.192.in-addr.arpa. 60 PTR bad\032name.example.org.")]
    async with made() as resolver:
        assert (await resolver.getnameinfo(("192.0.2.82", 0)))[0] == "192.0.2.82"
        backend.failure = ServerFailure("83.2.0.192.in-addr.arpa.", "PTR", "out of order")
        with pytest.raises(socket.gaierror) as caught:
            await resolver.getnameinfo(("192.0.2.83", 0))
        assert caught.value.errno == socket.EAI_AGAIN


@pytest.mark.parametrize("host", ["a..b", b"a..b", "x" * 64, "two words", b"x" * 300])
async def test_getaddrinfo_says_of_an_impossible_name_that_there_is_none(made: Any, host: str | bytes) -> None:
    async with made() as resolver:
        with pytest.raises(NameNotFound):
            await resolver.getaddrinfo(host, 80)


async def test_overrides_of_a_port(made: Any, backend: Dictionary) -> None:
    hosts = {"db.test:5432": ("127.0.0.1", 15432), "db.test:80": ["192.0.2.8", "2001:db8::8"], "db.test": "192.0.2.9"}
    async with made(hosts=hosts) as resolver:
        assert await resolver.endpoints("DB.test.", 5432) == [("127.0.0.1", 15432)]
        assert await resolver.endpoints("db.test", 80, family=socket.AF_INET6) == [("2001:db8::8", 80)]
        assert await resolver.endpoints("db.test", 81) == [("192.0.2.9", 81)]
        assert await resolver.endpoints("four.example.org", 80) == [("192.0.2.4", 80)]
        assert await resolver.endpoints("192.0.2.1", 5432) == [("192.0.2.1", 5432)]
        assert await resolver.addresses("db.test") == ["192.0.2.9"]
        infos = await resolver.getaddrinfo("db.test", "5432", type=socket.SOCK_STREAM, flags=socket.AI_CANONNAME)
        assert infos == [(socket.AF_INET, socket.SOCK_STREAM, 6, "db.test", ("127.0.0.1", 15432))]
        infos = await resolver.getaddrinfo(b"db.test", b"http", family=socket.AF_INET, type=socket.SOCK_STREAM)
        assert [info[4] for info in infos] == [("192.0.2.8", 80)]
        mapped = await resolver.getaddrinfo(
            "db.test", 5432, family=socket.AF_INET6, type=socket.SOCK_STREAM, flags=socket.AI_V4MAPPED
        )
        assert [info[4][:2] for info in mapped] == [("::ffff:127.0.0.1", 15432)]
        for lookup in (
            resolver.endpoints("db.test", 5432, family=socket.AF_INET6),
            resolver.getaddrinfo("db.test", 5432, family=socket.AF_INET6),
        ):
            with pytest.raises(NoRecords, match="port 5432"):
                await lookup
    assert {question.name for question in backend.asked} == {"four.example.org."}


async def test_overrides_of_a_port_obey_the_policy(made: Any) -> None:
    async with made(hosts={"db.test:80": "127.0.0.1"}, policy=AddressPolicy.public()) as resolver:
        for lookup in (resolver.endpoints("db.test", 80), resolver.getaddrinfo("db.test", 80)):
            with pytest.raises(AddressBlocked):
                await lookup


def test_a_turn_that_comes_after_silence_ends_with_the_others(run_virtual: Any, made: Any, backend: Dictionary) -> None:
    backend.failure = LookupTimeout("h.example.", "A", "silence")
    backend.delay = 0.5

    async def main() -> None:
        loop = asyncio.get_running_loop()
        async with made(timeout=0.5, limiter=Limiter(10)) as resolver:
            began = loop.time()
            await asyncio.gather(*(resolver.query(f"h{i}.example") for i in range(100)), return_exceptions=True)
            assert loop.time() - began < 0.6

    run_virtual(main())


async def test_a_text_is_no_list(made: Any) -> None:
    with pytest.raises(ConfigurationError, match="list"):
        made(search="example.org")
    async with made() as resolver:
        with pytest.raises(TypeError, match="iterable"):
            resolver.query_many("example.org")
