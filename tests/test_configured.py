"""Which backend a Resolver gets, and the one that follows this machine: nameservers on loopback, a made-up system."""

from __future__ import annotations

import asyncio
import socket
import sys
import threading
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from aioresolver.backends.stub import StubBackend
from aioresolver.backends.system import SystemBackend
from aioresolver.configured import ConfiguredBackend, choose_backend
from aioresolver.errors import ConfigurationError, LookupTimeout, NameNotFound, NoRecords, ServerFailure, UsageError
from aioresolver.resolver import Resolver
from aioresolver.system.config import NAMESERVERS_VARIABLE, SystemConfig, SystemConfigFiles
from aioresolver.testing import DNSServer, Fault
from aioresolver.testing.libc import point_getaddrinfo_at
from aioresolver.transports.nameserver import Nameserver
from aioresolver.wire.message import Question
from aioresolver.wire.names import Name

ZONES = (
    """
$ORIGIN .
@           60 SOA a b 1 2 3 4 900
""",
    """
$ORIGIN corp.example.
@           60 SOA ns hostmaster 1 7200 3600 1209600 900
www         60 A 192.0.2.1
web         60 A 192.0.2.2
*.apps      60 A 192.0.2.3
""",
)


class Files:
    """The configuration of a made-up machine."""

    def __init__(self, *nameservers: str, **settings: Any) -> None:
        self.config = SystemConfig(source="/etc/resolv.conf")
        self.change(*nameservers, **settings)

    def change(self, *nameservers: str, **settings: Any) -> None:
        if nameservers:
            settings["nameservers"] = tuple(map(Nameserver.parse, nameservers))
        if "search" in settings:
            settings["search"] = tuple(map(Name.parse, settings["search"]))
        self.config = self.config._replace(**settings)

    def current(self, now: float) -> SystemConfig:
        return self.config


class Libc:
    """getaddrinfo and getnameinfo of a made-up machine, which walk its search list as the real ones do."""

    def __init__(self, hosts: dict[str, Any] | None = None) -> None:
        self.hosts = hosts or {}
        self.asked: list[str] = []
        self.backends: list[SystemBackend] = []

    def getaddrinfo(self, host: bytes, port: None, family: int, *others: int) -> list[Any]:
        name = host.decode()
        self.asked.append(f"{name} {'AAAA' if family == socket.AF_INET6 else 'A'}")
        found = self.hosts.get(name, "")
        if isinstance(found, Exception):
            raise found
        canonical, _, addresses = found.rpartition(" ")
        wanted = [each for each in addresses.split(",") if each and (":" in each) == (family == socket.AF_INET6)]
        if not wanted:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return [(family, 1, 6, canonical or name, (address, 0)) for address in wanted]

    def getnameinfo(self, address: tuple[str, int], flags: int) -> tuple[str, str]:
        self.asked.append(address[0])
        if address[0] not in self.hosts:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return self.hosts[address[0]], ""

    def backend(self) -> SystemBackend:
        made = SystemBackend(getaddrinfo=self.getaddrinfo, getnameinfo=self.getnameinfo)
        self.backends.append(made)
        return made


@pytest.fixture
async def server() -> AsyncIterator[DNSServer]:
    async with DNSServer(*ZONES) as running:
        yield running


@pytest.fixture
async def make(server: DNSServer) -> AsyncIterator[Callable[..., Resolver]]:
    """Make a resolver for a machine with that server, and a libc of its own."""
    made: list[Resolver] = []

    def make(libc: Libc, **settings: Any) -> Resolver:
        resolver_options = {key: settings.pop(key) for key in ("timeout", "os_fallback") if key in settings}
        os_fallback = resolver_options.pop("os_fallback", True)
        files = Files(settings.pop("nameserver", server.nameserver), **settings)
        backend = ConfiguredBackend(files, os_fallback=os_fallback, system=libc.backend)
        made.append(Resolver(backend, hosts_file="/nonexistent", **resolver_options))
        return made[-1]

    yield make
    for resolver in made:
        await resolver.aclose()


# ---- which backend


def test_which_backend_is_meant() -> None:
    assert isinstance(choose_backend(None), ConfiguredBackend)
    assert isinstance(choose_backend("system"), SystemBackend)
    for nameservers in ("127.0.0.9", ["127.0.0.9"]):
        stub = choose_backend(nameservers)
        assert isinstance(stub, StubBackend)
        assert [str(each) for each in stub.nameservers] == ["udp://127.0.0.9"]


def test_the_fallback_is_for_this_machines_configuration_only() -> None:
    assert choose_backend(None)._fallback is not None
    assert choose_backend(None, os_fallback=False)._fallback is None
    assert Resolver(os_fallback=False).backend._fallback is None
    assert isinstance(Resolver("127.0.0.9", os_fallback=True).backend, StubBackend)


# ---- following the configuration


async def test_new_nameservers_are_used_and_old_ones_finish(server: DNSServer) -> None:
    server.faults.append(Fault.delay(0.2))
    async with DNSServer("$ORIGIN corp.example.\n@ 60 SOA a b 1 2 3 4 5\nwww 60 A 192.0.2.77\n") as other:
        files = Files(server.nameserver)
        async with Resolver(ConfiguredBackend(files, os_fallback=False), hosts_file="/nonexistent") as resolver:
            before = resolver.submit("www.corp.example")
            files.change(other.nameserver)
            assert (await resolver.query("web.corp.example")).server == other.nameserver
            assert (await before).server == server.nameserver


async def test_closing_ends_the_past_too(server: DNSServer) -> None:
    server.faults.append(Fault.silence())
    files = Files(server.nameserver)
    backend = ConfiguredBackend(files, system=Libc().backend)
    async with Resolver(backend, hosts_file="/nonexistent") as resolver:
        lookup = resolver.submit("www.corp.example")
        files.change("udp://127.0.0.1:1")
        with pytest.raises(ServerFailure):
            await resolver.query("other.corp.example")
        assert len(backend._retiring) == 1
    with pytest.raises(UsageError):
        await lookup
    with pytest.raises(UsageError, match="closed"):
        backend.submit(lookup, 0.0)
    with pytest.raises(UsageError, match="closed"):
        backend.system()
    await backend.aclose()


# ---- the operating system


async def test_names_of_other_sources_just_work_and_are_remembered(server: DNSServer, make: Any) -> None:
    libc = Libc({"printer.local": "192.168.1.7", "box": "10.0.0.7,fd00::7", "192.168.1.7": "printer.local"})
    resolver = make(libc)
    for _ in range(3):
        assert await resolver.addresses("printer.local") == ["192.168.1.7"]
        assert set(await resolver.addresses("box")) == {"10.0.0.7", "fd00::7"}
        assert await resolver.reverse("192.168.1.7") == ["printer.local."]
        with pytest.raises(NameNotFound):
            await resolver.resolve("nowhere")
    asked = ["192.168.1.7", "box A", "box AAAA", "nowhere A", "printer.local A", "printer.local AAAA"]
    assert sorted(libc.asked) == asked
    assert sorted(query.name for query in server.queries).count("box.") == 2
    assert len(libc.backends) == 1


async def test_one_family_does_not_hide_the_other(make: Any) -> None:
    """DNS says NXDOMAIN to both, and the operating system has IPv4 only: IPv6 must not become 'no such name'."""
    resolver = make(Libc({"printer.local": "192.168.1.7"}))
    with pytest.raises(NameNotFound):
        await resolver.resolve("printer.local", "AAAA")
    assert await resolver.addresses("printer.local") == ["192.168.1.7"]


async def test_public_names_bother_nobody(make: Any) -> None:
    libc = Libc({"no.corp.example": "192.0.2.9"})
    resolver = make(libc)
    assert not await resolver.query("no.corp.example")
    assert not await resolver.query("no.public.example")
    assert await resolver.resolve("www.corp.example")
    assert (libc.asked, libc.backends) == ([], [])


async def test_the_search_list_is_walked_once(server: DNSServer, make: Any) -> None:
    libc = Libc({"db": "10.0.0.9"})
    resolver = make(libc, search=["corp.example", "svc.cluster.local", "lan"])
    assert await resolver.addresses("web", socket.AF_INET) == ["192.0.2.2"]
    assert libc.asked == []
    assert await resolver.addresses("db", socket.AF_INET) == ["10.0.0.9"]
    assert libc.asked == ["db A"]
    names = [query.name for query in server.queries]
    assert names == ["web.corp.example.", "db.corp.example.", "db.svc.cluster.local.", "db.lan.", "db."]


async def test_libcs_own_search_does_not_answer_for_the_name_itself(make: Any) -> None:
    libc = Libc({"web": "web.corp.example 192.0.2.2", "x.internal": "x.internal.apps.corp.example 192.0.2.3"})
    resolver = make(libc, search=["apps.corp.example", "corp.example"])
    for absolute in (resolver.query("web"), resolver.query("x.internal")):
        assert not await absolute
    for absolute in (resolver.resolve("web."), resolver.resolve("x.internal.")):
        with pytest.raises(NameNotFound):
            await absolute
    assert (await resolver.resolve("x.internal")).question.name == "x.internal.apps.corp.example."


async def test_no_nameserver_at_all(make: Any) -> None:
    """Nobody listens there: the operating system may still know, and says so at once."""
    libc = Libc({"www.example.org": "192.0.2.80"})
    resolver = make(libc, nameserver="udp://127.0.0.1:1", source="no resolv.conf")
    answer = await resolver.resolve("www.example.org")
    assert answer.server == "getaddrinfo"
    assert answer.attempts[0].server == "udp://127.0.0.1:1"
    with pytest.raises(ServerFailure, match="getaddrinfo") as caught:
        await resolver.resolve("www.example.com")
    assert {attempt.transport for attempt in caught.value.attempts} == {"udp", "system"}


async def test_silent_nameservers_leave_time(server: DNSServer, make: Any) -> None:
    server.faults.append(Fault.silence())
    resolver = make(Libc({"www.example.org": "192.0.2.80"}), timeout=0.5)
    assert (await resolver.resolve("www.example.org")).server == "getaddrinfo"


async def test_switched_off(make: Any) -> None:
    libc = Libc({"box": "10.0.0.7"})
    with pytest.raises(NameNotFound):
        await make(libc, os_fallback=False).resolve("box")
    assert libc.asked == []


@pytest.mark.parametrize("order", ["files nis", "files"])
async def test_nameservers_of_the_environment_stand_for_everything(
    server: DNSServer, tmp_path: Any, order: str
) -> None:
    nsswitch = tmp_path / "nsswitch.conf"
    nsswitch.write_text(f"hosts: {order}\n")
    environ = {NAMESERVERS_VARIABLE: server.nameserver}
    files = SystemConfigFiles(resolv_conf=tmp_path / "none", nsswitch_conf=nsswitch, environ=environ)
    libc = Libc({"box": "10.0.0.7"})
    async with Resolver(ConfiguredBackend(files, system=libc.backend), hosts_file=tmp_path / "none") as resolver:
        assert not await resolver.query("box")
        assert await resolver.resolve("www.corp.example")
        assert await resolver.addresses("www.corp.example", socket.AF_INET) == ["192.0.2.1"]
    assert libc.asked == []


@pytest.mark.parametrize(
    ("order", "known"),
    [(("files", "dns"), False), (("files", "dns", "nis"), True), (("files", "resolve", "dns"), True)],
)
async def test_sources_that_we_lack(make: Any, order: tuple[str, ...], known: bool) -> None:
    libc = Libc({"db.corp.example": "10.0.0.9"})
    resolver = make(libc, lookup_order=order, needs_os_fallback=known)
    assert bool(await resolver.query("db.corp.example")) is known


async def test_dns_is_not_asked_for_hosts_when_nsswitch_conf_does_not_name_it(server: DNSServer, make: Any) -> None:
    libc = Libc({"www.corp.example": "10.0.0.9"})
    resolver = make(libc, lookup_order=("files", "nis"), needs_os_fallback=True)
    assert (await resolver.resolve("www.corp.example"))[0].address == "10.0.0.9"
    assert await resolver.addresses("www.corp.example", socket.AF_INET) == ["10.0.0.9"]
    with pytest.raises(NameNotFound):
        await resolver.resolve("web.corp.example")
    assert server.count == 0
    with pytest.raises(NoRecords):
        await resolver.resolve("www.corp.example", "MX")
    assert server.count == 1


async def test_a_hung_operating_system_costs_no_more_than_the_timeout(server: DNSServer, make: Any) -> None:
    hang = threading.Event()
    libc = Libc()
    libc.getaddrinfo = lambda *_: hang.wait(30)
    resolver = make(libc, timeout=0.3)
    try:
        assert (await resolver.query("box")).attempts[-1].outcome == "no reply"
        server.faults.append(Fault.silence())
        with pytest.raises(LookupTimeout) as caught:
            await resolver.query("other")
        assert {attempt.transport for attempt in caught.value.attempts} == {"udp", "system"}
    finally:
        hang.set()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only glibc's getaddrinfo can be pointed at a server")
async def test_the_real_getaddrinfo(server: DNSServer) -> None:
    """It is made to ask another nameserver, so that it knows what ours does not."""
    async with DNSServer("$ORIGIN internal.\n@ 60 SOA a b 1 2 3 4 5\nbox 60 A 10.0.0.7\n") as other:

        def point() -> None:
            if not point_getaddrinfo_at("127.0.0.1", other.port):
                raise OSError("this C library cannot be pointed at a server")

        backend = ConfiguredBackend(Files(server.nameserver), system=lambda: SystemBackend(initializer=point))
        async with Resolver(backend, hosts_file="/nonexistent", timeout=3) as resolver:
            answer = await resolver.query("box.internal")
            if any("cannot be pointed" in attempt.outcome for attempt in answer.attempts):
                pytest.skip("this C library cannot be pointed at a server")
            assert [str(data) for data in answer] == ["10.0.0.7"]
            assert not await resolver.query("no.internal")


# ---- what is under way when the configuration changes


def test_what_is_under_way_has_the_configuration_looked_at(run_virtual: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every two seconds, until nothing is; nonsense in the environment is for the next asker to hear."""
    looks: list[float] = []
    files = Files("udp://192.0.2.1")
    real = files.current

    def current(now: float) -> SystemConfig:
        looks.append(now)
        if len(looks) == 3:
            raise ConfigurationError("nonsense")
        return real(now)

    monkeypatch.setattr(files, "current", current)
    monkeypatch.setattr("aioresolver.backends.stub.StubBackend.busy", property(lambda _: len(looks) < 6))

    async def main() -> list[float]:
        loop = asyncio.get_running_loop()
        backend = ConfiguredBackend(files, os_fallback=False)
        backend._stub = StubBackend("udp://192.0.2.1")
        monkeypatch.setattr(StubBackend, "submit", lambda *_: loop.create_future())
        began = loop.time()
        for _ in range(2):
            backend.submit(Question.parse("www.example"), began + 5)
            await asyncio.sleep(20)
        await backend.aclose()
        return [when - began for when in looks]

    assert run_virtual(main()) == pytest.approx([0, 2, 4, 20, 22, 24])


async def test_looking_at_the_nameservers_first_changes_nothing():
    async with DNSServer(*ZONES) as server, Resolver(ConfiguredBackend(Files(server.nameserver))) as resolver:
        backend = resolver.backend
        assert backend.upstreams == ()
        await backend.query(Question.parse("www.corp.example"), asyncio.get_running_loop().time() + 5)
        outcomes = [outcome async for _, outcome in resolver.query_many(["web.corp.example"])]
        assert [answer[0].address for answer in outcomes] == ["192.0.2.2"]
        assert [upstream.text for upstream in backend.upstreams] == [server.nameserver]


# ---- which nameservers


def test_a_list_in_one_text() -> None:
    for given in (
        "tls://dns.test?address=192.0.2.1,192.0.2.2 ::1",
        ["tls://dns.test?address=192.0.2.1,192.0.2.2", "::1"],
    ):
        backend = choose_backend(given)
        assert isinstance(backend, StubBackend)
        assert list(map(str, backend.nameservers)) == [
            "tls://192.0.2.1#dns.test",
            "tls://192.0.2.2#dns.test",
            "udp://[::1]",
        ]


def test_another_way_to_the_nameservers(run_virtual: Any) -> None:
    """It is made once for a configuration, also where it leaves nameservers of it out."""
    made: list[StubBackend] = []

    def stub(nameservers: tuple[Nameserver, ...], **settings: Any) -> StubBackend:
        made.append(StubBackend(nameservers[:1], **settings))
        return made[-1]

    async def main() -> None:
        files = Files("tls://192.0.2.1", "192.0.2.2", rotate=True)
        backend = ConfiguredBackend(files, os_fallback=False, stub=stub)
        for _ in range(2):
            backend.room(0.0)
            assert [upstream.text for upstream in backend.upstreams] == ["tls://192.0.2.1"]
        assert len(made) == 1
        assert made[0].rotate
        files.change(rotate=False)
        backend.room(0.0)
        assert len(made) == 2
        await backend.aclose()

    run_virtual(main())
