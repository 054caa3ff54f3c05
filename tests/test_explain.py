"""explain: the way that a lookup takes, told over servers on loopback and a made-up operating system."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from aioresolver.backends.iterative.backend import IterativeBackend
from aioresolver.backends.system import SystemBackend
from aioresolver.cache import Cache
from aioresolver.configured import ConfiguredBackend
from aioresolver.errors import NameSyntaxError, ServerFailure, UsageError
from aioresolver.explain import explain
from aioresolver.policy import AddressPolicy
from aioresolver.resolver import Resolver
from aioresolver.system.config import SystemConfig
from aioresolver.testing import DNSServer, Fault, Internet
from aioresolver.transports.nameserver import Nameserver
from aioresolver.wire.message import Question
from aioresolver.wire.names import Name

ZONES = (
    "$ORIGIN .\n@ 60 SOA a b 1 2 3 4 900\n",
    """
$ORIGIN corp.example.
@      60 SOA ns hostmaster 1 7200 3600 1209600 900
www    60 A 192.0.2.1
www    60 A 192.0.2.2
alias  60 CNAME www
@      60 MX 10 mail
inside 60 A 10.0.0.1
""",
    "$ORIGIN 2.0.192.in-addr.arpa.\n@ 60 SOA a b 1 2 3 4 900\n1 60 PTR www.corp.example.\n",
)


class Files:
    """The configuration of a made-up machine."""

    def __init__(self, *nameservers: str, search: tuple[str, ...] = (), **settings: Any) -> None:
        settings = {"source": "/etc/resolv.conf", **settings}
        self.config = SystemConfig(
            nameservers=tuple(map(Nameserver.parse, nameservers)), search=tuple(map(Name.parse, search)), **settings
        )

    def current(self, now: float) -> SystemConfig:
        return self.config


class System:
    """An operating system that knows some names."""

    def __init__(self, **hosts: Any) -> None:
        self.hosts = {name.replace("_", "."): said for name, said in hosts.items()}
        self.asked: list[str] = []
        self.made: list[SystemBackend] = []

    def getaddrinfo(self, host: bytes, port: None, family: int, *others: int) -> list[Any]:
        self.asked.append(host.decode())
        said = self.hosts.get(host.decode())
        if isinstance(said, Exception):
            raise said
        if said is None:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return [(family, 1, 6, host.decode(), (address, 0)) for address in said.split(",")]

    def getnameinfo(self, address: tuple[str, int], flags: int) -> tuple[str, str]:
        self.asked.append(address[0])
        return "www.corp.example", ""

    def backend(self) -> SystemBackend:
        self.made.append(SystemBackend(getaddrinfo=self.getaddrinfo, getnameinfo=self.getnameinfo))
        return self.made[-1]


@pytest.fixture
async def server() -> AsyncIterator[DNSServer]:
    async with DNSServer(*ZONES) as running:
        yield running


@pytest.fixture
async def make(server: DNSServer, tmp_path: Any) -> AsyncIterator[Callable[..., Resolver]]:
    """Make the resolver of a made-up machine: `make(System(…), search=…, hosts=…)`."""
    made: list[Resolver] = []
    hosts_file = tmp_path / "hosts"
    hosts_file.write_text("127.0.0.1 localhost\n10.0.0.7  Box.Corp.example. box # mine\n192.0.2.9 nine\n")

    def make(system: System | None = None, **settings: Any) -> Resolver:
        keys = ("timeout", "hosts", "policy", "cache", "rotate", "observer")
        options = {key: settings.pop(key) for key in keys if key in settings}
        nameservers = settings.pop("nameservers", (server.nameserver,))
        os_fallback = settings.pop("os_fallback", True)
        files = Files(*nameservers, **settings)
        backend = ConfiguredBackend(files, os_fallback=os_fallback, system=(system or System()).backend)
        made.append(Resolver(backend, hosts_file=hosts_file, **options))
        return made[-1]

    yield make
    for resolver in made:
        await resolver.aclose()


async def test_a_name_that_dns_knows(server: DNSServer, make: Any) -> None:
    resolver = make(System(www_corp_example="192.0.2.2,192.0.2.1"), search=("corp.example",))
    told = await resolver.explain("www.corp.example")
    assert (told.name, told.type, told.kind) == ("www.corp.example", "A", "a name that has to be asked for")
    assert told.configuration == (
        ("/etc/resolv.conf", f"nameservers {server.nameserver}"),
        ("search list", "corp.example., ndots 1"),
        ("nsswitch.conf", "hosts: files dns"),
        ("operating system", "asked where DNS cannot answer"),
        (resolver._local.path, "no line for it"),
    )
    (reply,) = told.replies
    assert (reply.question, reply.outcome, reply.server) == ("www.corp.example. A", "ok", server.nameserver)
    assert (reply.data, reply.ttl, reply.attempts) == (("192.0.2.1", "192.0.2.2"), 60, ())
    assert 0 < reply.elapsed < 5
    assert told.system is not None
    assert (told.system.data, told.system.server) == (("192.0.2.2", "192.0.2.1"), "getaddrinfo")
    assert (told.verdict.outcome, set(told.verdict.data)) == ("ok", {"192.0.2.1", "192.0.2.2"})
    assert (told.believed, told.disagreements) == (server.nameserver, ())


async def test_the_story(server: DNSServer, make: Any) -> None:
    resolver = make(System(alias_corp_example="192.0.2.77"), nameservers=("udp://127.0.0.1:1", server.nameserver))
    story = str(await resolver.explain("alias.corp.example"))
    lines = [line.strip() for line in story.splitlines()]
    assert lines[0] == "alias.corp.example A: a name that has to be asked for"
    for part in ("configuration", "cache", "nothing", "asked", "operating system"):
        assert part in lines
    (asked,) = (line for line in lines if line.startswith("1. "))
    assert asked.startswith("1. alias.corp.example. A: 192.0.2.1, 192.0.2.2, by way of alias.corp.example., from udp")
    assert asked.endswith(" ms, for 60 s")
    assert any(line.startswith("before that, udp://127.0.0.1:1 (udp): ") for line in lines)
    assert "believed: " + server.nameserver in lines
    assert lines[-1].startswith("but the operating system says 192.0.2.77, and this resolver 192.0.2.")


async def test_it_is_json(make: Any) -> None:
    told = await make().explain("www.corp.example")
    plain = told.as_dict()
    assert json.loads(json.dumps(plain)) == plain
    assert plain["replies"][0]["data"] == ["192.0.2.1", "192.0.2.2"]
    assert plain["configuration"][0]["source"] == "/etc/resolv.conf"
    assert set(plain) == set(told._fields)


async def test_the_search_list(server: DNSServer, make: Any) -> None:
    told = await make(System(www="192.0.2.1,192.0.2.2"), search=("a.example", "corp.example", "b.example")).explain(
        "www"
    )
    assert [(reply.question, reply.outcome) for reply in told.replies] == [
        ("www.a.example. A", "nxdomain"),
        ("www.corp.example. A", "ok"),
    ]
    assert [held.question for held in told.cache] == [
        "www.a.example. A", "www.corp.example. A", "www.b.example. A", "www. A",
    ]  # fmt: skip
    assert told.disagreements == ()


@pytest.mark.parametrize(
    ("name", "type", "kind", "believed", "data"),
    [
        ("box", "A", "hosts file", "the hosts file", ("10.0.0.7",)),
        ("box.corp.example", "A", "hosts file", "the hosts file", ("10.0.0.7",)),
        ("10.0.0.7", "PTR", "hosts file", "the hosts file", ("box.corp.example.", "box.")),
        ("over.test", "A", "overridden", "hosts=", ("10.9.9.9",)),
        ("x.localhost", "AAAA", "RFC 6761", "RFC 6761", ("::1",)),
        ("192.0.2.33", "A", "an address", "what is written", ("192.0.2.33",)),
        ("::1", "AAAA", "an address", "what is written", ("::1",)),
        ("127.1", "A", "an address", "nobody was asked", ()),
        ("x.invalid", "A", "RFC 6761", "nobody was asked", ()),
        ("over.test", "AAAA", "overridden", "nobody was asked", ()),
    ],
)
async def test_names_that_are_known_here(
    *, server: DNSServer, make: Any, name: str, type: str, kind: str, believed: str, data: tuple[str, ...]
) -> None:
    told = await make(hosts={"over.test": "10.9.9.9"}).explain(name, type)
    assert kind in told.kind
    assert (told.believed, told.verdict.data) == (believed, data)
    assert (told.replies, told.cache, server.count) == ((), (), 0)


async def test_the_line_of_the_hosts_file(make: Any) -> None:
    resolver = make()
    for name, type_ in (("BOX", "A"), ("box.corp.example.", "A"), ("10.0.0.7", "PTR")):
        told = await resolver.explain(name, type_)
        assert told.configuration[-1] == (f"{resolver._local.path}:2", "10.0.0.7 Box.Corp.example. box # mine")


async def test_other_types_are_not_asked_of_the_operating_system(server: DNSServer, make: Any) -> None:
    system = System()
    told = await make(system).explain("corp.example", "MX")
    assert (told.verdict.data, told.verdict.server) == (("10 mail.corp.example.",), server.nameserver)
    assert (told.system, system.asked) == (None, [])
    told = await make(system).explain("192.0.2.1", "PTR")
    assert told.verdict.data == ("www.corp.example.",)
    assert told.system is not None
    assert (told.system.data, told.system.server) == (("www.corp.example.",), "getnameinfo")
    assert (await make(system).explain("corp.example", "PTR")).system is None


async def test_the_cache_is_told_and_not_touched(server: DNSServer, make: Any) -> None:
    cache = Cache()
    resolver = make(System(www_corp_example="192.0.2.1,192.0.2.2"), cache=cache)
    kept = await resolver.query("www.corp.example")
    before = cache.stats.as_dict(), resolver.stats.as_dict()
    server.faults.append(Fault.servfail())
    told = await resolver.explain("www.corp.example")
    assert [(held.question, held.state, held.data) for held in told.cache] == [
        ("www.corp.example. A", "fresh", ("192.0.2.1", "192.0.2.2"))
    ]
    assert 50 < told.cache[0].left <= 60
    assert told.replies[0].outcome != "ok"
    assert len(told.disagreements) == 2
    assert told.disagreements[0].startswith("the cache holds 192.0.2.1, 192.0.2.2 of www.corp.example. A for another ")
    assert "fresh for another " in str(told)
    assert (cache.stats.as_dict(), resolver.stats.as_dict()) == before
    assert await resolver.query("www.corp.example") is kept


async def test_it_asks_again_each_time(server: DNSServer, make: Any) -> None:
    resolver = make()
    for _ in range(3):
        await resolver.explain("www.corp.example")
    assert (server.count, len(resolver.cache), resolver.stats.lookups) == (3, 0, 0)


async def test_what_the_cache_may_hold(make: Any) -> None:
    cache = Cache(stale=1000)
    resolver = make(cache=cache)
    now = asyncio.get_running_loop().time()
    old = await resolver.query("www.corp.example")
    old.expires = now - 10
    cache.put_failure(Question.parse("broken.example"), ServerFailure("broken.example.", "A", "broken"), now)
    assert not await resolver.query("no.corp.example", "AAAA")
    told = [
        (await resolver.explain(name)).cache[0] for name in ("www.corp.example", "broken.example", "no.corp.example")
    ]
    assert [(held.state, held.outcome) for held in told] == [
        ("stale", "ok"),
        ("failure", "failed"),
        ("fresh", "nxdomain"),
    ]
    assert told[0].left == pytest.approx(-10, abs=1)
    assert "stale for 1" in str(await resolver.explain("www.corp.example"))


async def test_names_of_the_operating_system(server: DNSServer, make: Any) -> None:
    system = System(printer_local="192.168.1.7")
    told = await make(system).explain("printer.local")
    assert told.verdict.data == ("192.168.1.7",)
    assert told.believed == "the operating system (getaddrinfo), where DNS could not answer"
    assert told.disagreements == (
        f"of printer.local. A {server.nameserver} says NXDOMAIN, and the operating system 192.168.1.7",
    )
    told = await make(system, os_fallback=False).explain("printer.local")
    assert told.verdict.outcome == "nxdomain"
    assert told.believed == server.nameserver
    assert ("operating system", "not asked") in told.configuration
    assert told.disagreements == ("the operating system says 192.168.1.7, and this resolver nxdomain",)


async def test_all_attempts(server: DNSServer, make: Any) -> None:
    server.faults.append(Fault.servfail())
    told = await make().explain("www.corp.example")
    (reply,) = told.replies
    assert reply.outcome == told.verdict.outcome == "failed"
    assert {attempt.outcome for attempt in reply.attempts} == {"SERVFAIL"}
    assert told.believed == "nobody gave an answer"
    assert f"{server.nameserver} (udp): SERVFAIL after" in str(told)


async def test_silence(server: DNSServer, make: Any) -> None:
    server.faults.append(Fault.silence())
    told = await make(timeout=0.3, os_fallback=False).explain("www.corp.example")
    assert [reply.outcome for reply in told.replies] == ["timeout"]
    assert told.verdict.outcome == "timeout"
    assert "verdict: timeout: no answer within 0.3" in str(told)


def test_a_backend_without_manners(run_virtual: Any, tmp_path: Any) -> None:
    class Asleep:
        async def query(self, question: Question, deadline: float) -> Any:
            await asyncio.sleep(1000)

        async def aclose(self) -> None:
            pass

        def __repr__(self) -> str:
            return "Asleep()"

    async def main() -> None:
        async with Resolver(Asleep(), timeout=1, hosts_file=tmp_path / "none") as resolver:
            told = await resolver.explain("www.example.org")
            assert [reply.outcome for reply in told.replies] == ["timeout"]
            assert told.configuration[0] == ("backend", "Asleep()")
            assert told.system is None
            before = asyncio.all_tasks()
            task = asyncio.create_task(resolver.explain("www.example.org"))
            await asyncio.sleep(0.5)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            await asyncio.sleep(0.1)
            assert asyncio.all_tasks() == before

    run_virtual(main())


async def test_the_policy(make: Any) -> None:
    told = await make(policy=AddressPolicy.public(), hosts={"over.test": "10.9.9.9"}).explain("inside.corp.example")
    assert told.replies[0].data == ("10.0.0.1",)
    assert (told.verdict.outcome, told.verdict.data) == ("blocked", ())
    assert "10.0.0.1" in told.verdict.reason


async def test_a_hosts_file_that_comes_after_dns(make: Any) -> None:
    told = await make(lookup_order=("dns", "files")).explain("nine")
    assert (told.verdict.data, told.believed) == (("192.0.2.9",), "the hosts file")
    assert told.replies[0].outcome == "nxdomain"
    assert told.kind == "a name that has to be asked for"


async def test_without_dns(make: Any, server: DNSServer) -> None:
    told = await make(lookup_order=("files",)).explain("www.corp.example")
    assert (told.kind, told.verdict.outcome) == ("a name that nobody is asked for", "nxdomain")
    assert server.count == 0


# ---- the operating system


async def test_when_the_operating_system_is_asked(server: DNSServer, make: Any, tmp_path: Any) -> None:
    system = System(www_corp_example="192.0.2.1,192.0.2.2")
    for source, os, asked in (
        ("/etc/resolv.conf", None, True),
        ("/etc/resolv.conf", False, False),
        ("$AIORESOLVER_NAMESERVERS", None, False),
        ("$AIORESOLVER_NAMESERVERS", True, True),
    ):
        told = await make(system, source=source).explain("www.corp.example", os=os)
        assert (told.system is not None) is asked
    async with Resolver(server.nameserver, hosts_file=tmp_path / "none") as resolver:
        before = len(system.made)
        assert (await explain(resolver, "www.corp.example", system=system.backend)).system is None
        assert len(system.made) == before
        told = await explain(resolver, "www.corp.example", os=True, system=system.backend)
        assert told.system is not None
        assert told.configuration[0] == ("backend", f"StubBackend(['{server.nameserver}'])")
        with pytest.raises(UsageError, match="closed"):
            await system.made[-1].query(Question.parse("x"), 0.0)


async def test_an_operating_system_that_fails(make: Any) -> None:
    broken = socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
    told = await make(System(www_corp_example=broken)).explain("www.corp.example")
    assert told.system is not None
    assert (told.system.outcome, told.system.data) == ("failed", ())
    assert "Temporary failure" in str(told)
    (sentence,) = told.disagreements
    assert sentence.startswith("the operating system says failed, and this resolver 192.0.2.")


async def test_a_backend_that_cannot_ask(make: Any) -> None:
    told = await make(System()).explain("xn--" + "a" * 59 + ".corp.example")
    assert told.verdict.outcome == "nxdomain"


# ---- wrong use


async def test_wrong_use(make: Any) -> None:
    resolver = make()
    with pytest.raises(NameSyntaxError):
        await resolver.explain("a..b")
    with pytest.raises(ValueError, match="NONSENSE"):
        await resolver.explain("a.example", "NONSENSE")
    await resolver.aclose()
    with pytest.raises(UsageError, match="closed"):
        await resolver.explain("a.example")


async def test_observers_and_rotation_do_not_notice(make: Any) -> None:
    events: list[Any] = []
    resolver = make(observer=events.append, rotate=True)
    first = (await resolver.query("www.corp.example"))[0]
    events.clear()
    for _ in range(3):
        assert await resolver.explain("www.corp.example")
    assert events == []
    assert (await resolver.query("www.corp.example"))[0] != first


def test_a_walk_is_told_step_by_step(run_virtual: Any) -> None:
    internet = Internet(
        """
        $ORIGIN example.
        shop   NS ns.hoster.test.
        $ORIGIN hoster.test.
        $ORIGIN shop.example.
        @      NS ns.hoster.test.
        www    A  192.0.2.7
        """,
        sockets=False,
        latency=0.02,
    )

    async def main() -> tuple[Any, Any]:
        async with Resolver(IterativeBackend(internet.hints, exchange=internet.exchange)) as resolver:
            return await resolver.explain("www.shop.example"), await resolver.explain("localhost")

    told, local = run_virtual(main())
    (reply,) = told.replies
    assert reply.walk[0] == ". at a.root. 198.18.0.1: . NS: 1 record, in 20.0 ms"
    assert (
        reply.walk[2]
        == ". at a.root. 198.18.0.1: example. A: referral to example.: 1 nameserver, 1 address, in 20.0 ms"
    )
    assert "  hoster.test. at ns.hoster.test. 198.18.0.3: ns.hoster.test. A: 1 record, in 20.0 ms" in reply.walk
    assert reply.walk[-2].startswith("ns.hoster.test. A, a nameserver of shop.example.: 198.18.0.")
    assert reply.walk[-1].endswith(": www.shop.example. A: 1 record, in 20.0 ms")
    assert all(f"     {line}" in str(told).splitlines() for line in reply.walk)
    assert (told.verdict.walk, local.replies) == ((), ())
    assert told.as_dict()["replies"][0]["walk"] == list(reply.walk)
