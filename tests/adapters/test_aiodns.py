"""The drop-in for aiodns: the same calls to it and to aiodns give the same results, attributes and error codes."""

from __future__ import annotations

import asyncio
import dataclasses
import enum
import gc
import socket
import subprocess
import sys
import warnings
from collections.abc import Iterator
from typing import Any

import aiodns as real
import aiohttp
import aiohttp.resolver
import pycares
import pytest
from aiohttp import web

import aioresolver.adapters.aiodns as ours
from aioresolver.adapters.aiodns import channel, error
from aioresolver.adapters.aiodns.channel import Channel
from aioresolver.errors import NameNotFound
from aioresolver.testing import DNSServer, Fault

ZONE = r"""
$ORIGIN drop.test.
@ 60 SOA ns1 hostmaster 1 7200 3600 1209600 30
@ 60 NS ns1
@ 60 NS ns2
@ 60 MX 10 mail
@ 60 MX 20 mail2
@ 60 A 127.0.0.1
@ 50 AAAA ::1
@ 60 TXT "one" "two"
@ 60 TXT "b\255y"
@ 60 CAA 0 issue "ca.example"
@ 60 CAA 128 iodef "mailto:a@b.example"
@ 60 NAPTR 10 20 "u" "E2U+sip" "!^.*$!sip:x@y!" .
@ 60 SSHFP 1 1 dd465c09cfa51fb45020cc83316fff21b9ec74ac
_s._tcp 60 SRV 1 2 80 www
_s._tcp 60 SRV 0 0 81 .
ns1 60 A 127.0.0.2
www 20 CNAME a
a 40 CNAME b
b 60 A 127.0.0.3
b 60 A 127.0.0.4
b 60 AAAA ::5
four 60 A 127.0.0.9
six 60 AAAA ::9
onlytxt 60 TXT "x"
dangling 60 CNAME nowhere
cnodata 60 CNAME onlytxt
x\.y 60 CNAME we\@ird\(.z
UP 60 CNAME Mixed.Case
web 60 A 127.0.0.1
"""
REVERSE = """
$ORIGIN 2.0.192.in-addr.arpa.
@ 60 SOA ns. h. 1 7200 3600 1209600 30
1 60 PTR one.drop.test.
2 60 PTR first.drop.test.
2 60 PTR second.drop.test.
3 60 CNAME c
c 60 PTR alias.drop.test.
"""
LONG = "x" * 64
TYPES = list(real.query_type_map)
NAMES = [
    ("www.drop.test", "A"),
    ("www.drop.test", "AAAA"),
    ("www.drop.test", "CNAME"),
    ("_s._tcp.drop.test", "SRV"),
    ("drop.test.", "A"),
    ("UP.drop.test", "CNAME"),
    ("cnodata.drop.test", "A"),
    ("dangling.drop.test", "A"),
    ("onlytxt.drop.test", "A"),
    ("no.drop.test", "MX"),
    (r"x\.y.drop.test", "CNAME"),
    ("1.2.0.192.in-addr.arpa", "PTR"),
    ("2.2.0.192.in-addr.arpa", "PTR"),
    ("3.2.0.192.in-addr.arpa", "PTR"),
    ("bücher.drop.test", "A"),
    ("other.zone", "A"),
    ("www", "A"),
    ("a.onion", "A"),
    ("", "A"),
    (".", "A"),
    ("a..b", "A"),
    ("b ad.drop.test", "A"),
    (LONG, "A"),
    (".".join(["y" * 63] * 5), "A"),
]
CALLS = [
    *[("query", "drop.test", type_) for type_ in TYPES],
    *[("query_dns", "drop.test", type_) for type_ in TYPES],
    *[("query", name, type_) for name, type_ in NAMES],
    *[("query_dns", name, type_) for name, type_ in NAMES],
    ("query_dns", "drop.test", "TXT", "CHAOS"),
    ("query_dns", "drop.test", "TXT", "XX"),
    ("query_dns", "drop.test", "a"),
    ("query", "drop.test", "SSHFP"),
    ("getaddrinfo", "www.drop.test", socket.AF_INET),
    ("getaddrinfo", "www.drop.test", socket.AF_INET, 80, 0, socket.SOCK_STREAM),
    ("getaddrinfo", "www.drop.test", socket.AF_INET6, 80),
    ("getaddrinfo", "www", socket.AF_INET),
    ("getaddrinfo", "b.drop.test"),
    ("getaddrinfo", "drop.test", socket.AF_UNSPEC, 53, 17, socket.SOCK_DGRAM),
    ("getaddrinfo", "drop.test", socket.AF_UNSPEC, "http"),
    ("getaddrinfo", "drop.test", socket.AF_UNSPEC, "no-such-service"),
    ("getaddrinfo", "drop.test", socket.AF_UNSPEC, 99999),
    ("getaddrinfo", "drop.test", 99),
    ("getaddrinfo", "127.0.0.1", socket.AF_UNSPEC, 80),
    ("getaddrinfo", "::1"),
    ("getaddrinfo", "localhost", socket.AF_INET, 80),
    ("getaddrinfo", "four.drop.test", socket.AF_INET6),
    ("getaddrinfo", "six.drop.test", socket.AF_INET),
    ("getaddrinfo", "onlytxt.drop.test"),
    ("getaddrinfo", "no.drop.test"),
    ("getaddrinfo", "x.onion"),
    ("getaddrinfo", "a..b"),
    ("getaddrinfo", ""),
    ("gethostbyname", "www.drop.test", socket.AF_INET),
    ("gethostbyname", "drop.test", socket.AF_INET6),
    ("gethostbyname", "no.drop.test", socket.AF_INET),
    ("gethostbyaddr", "192.0.2.1"),
    ("gethostbyaddr", "192.0.2.2"),
    ("gethostbyaddr", "192.0.2.3"),
    ("gethostbyaddr", "192.0.2.99"),
    ("gethostbyaddr", "bad"),
    ("getnameinfo", ("192.0.2.1", 80)),
    ("getnameinfo", ("192.0.2.99", 80)),
    ("getnameinfo", ("192.0.2.1", 80), pycares.ARES_NI_LOOKUPHOST | pycares.ARES_NI_LOOKUPSERVICE),
    ("getnameinfo", ("192.0.2.1", 80), pycares.ARES_NI_LOOKUPHOST | pycares.ARES_NI_NUMERICHOST),
    ("getnameinfo", ("192.0.2.99", 80), pycares.ARES_NI_LOOKUPHOST | pycares.ARES_NI_NAMEREQD),
    ("getnameinfo", ("192.0.2.1", 80), socket.NI_NUMERICHOST | socket.NI_NUMERICSERV),
    ("getnameinfo", ("fe80::1", 80, 0, 1), socket.NI_NUMERICHOST | socket.NI_NUMERICSERV),
    ("getnameinfo", ("bad", 80)),
]


@pytest.fixture(scope="module")
def server() -> Iterator[DNSServer]:
    with DNSServer.in_thread(ZONE, REVERSE) as running:
        yield running


@pytest.fixture(autouse=True)
def no_faults_stay(server: DNSServer) -> Iterator[None]:
    yield
    server.faults.clear()


@pytest.fixture(params=[real, ours], ids=["aiodns", "ours"])
def aiodns(request: pytest.FixtureRequest) -> Any:
    """Each test with this fixture says what both do."""
    return request.param


def resolver_of(module: Any, server: DNSServer, **options: Any) -> Any:
    return module.DNSResolver([f"127.0.0.1:{server.port}"], **{"timeout": 5, "tries": 1} | options)


def plain(value: Any) -> Any:
    """A value without what the two may differ in: the module of its type, enums, the case of names."""
    if dataclasses.is_dataclass(value):
        fields = [(each.name, plain(getattr(value, each.name))) for each in dataclasses.fields(value)]
        return type(value).__name__, fields
    if isinstance(value, (list, tuple)):
        return type(value)(map(plain, value))
    if isinstance(value, enum.Enum):
        return value.value
    return value.lower() if isinstance(value, str) else value


async def outcome(module: Any, resolver: Any, call: tuple[Any, ...]) -> Any:
    """What a call gives, or raises, and whether that is at the call or at the await."""
    method, *arguments = call
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            future = getattr(resolver, method)(*arguments)
    except ValueError:
        return "ValueError"
    assert isinstance(future, asyncio.Future)
    try:
        return plain(await future)
    except module.error.DNSError as failure:
        code, text = failure.args
        assert isinstance(text, str)
        return "DNSError", code


@pytest.mark.parametrize("call", CALLS, ids=lambda call: " ".join(map(str, call))[:60])
async def test_the_same_call_gives_the_same(server: DNSServer, call: tuple[Any, ...]) -> None:
    found = []
    for module in (real, ours):
        async with resolver_of(module, server, domains=["drop.test"]) as resolver:
            found.append(await outcome(module, resolver, call))

    assert found[1] == found[0]


@pytest.mark.parametrize("rcode", ["SERVFAIL", "REFUSED", "NOTIMP", "FORMERR"])
@pytest.mark.parametrize("call", [("query_dns", "fails.drop.test", "A"), ("getaddrinfo", "fails.drop.test")])
async def test_failures_have_the_same_codes(server: DNSServer, aiodns: Any, rcode: str, call: tuple[Any, ...]) -> None:
    server.faults.append(Fault.rcode(rcode))
    async with resolver_of(aiodns, server) as resolver:
        expected = getattr(pycares.errno, f"ARES_E{rcode}")
        assert await outcome(aiodns, resolver, call) == ("DNSError", expected)


async def test_silence_is_a_timeout(server: DNSServer, aiodns: Any) -> None:
    server.faults.append(Fault.drop())
    async with resolver_of(aiodns, server, timeout=0.3) as resolver:
        assert await outcome(aiodns, resolver, ("query_dns", "x.drop.test", "A")) == ("DNSError", error.ARES_ETIMEOUT)


async def test_a_closed_port_is_connection_refused(aiodns: Any) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    async with aiodns.DNSResolver([f"127.0.0.1:{port}"], timeout=2, tries=1) as resolver:
        assert await outcome(aiodns, resolver, ("query_dns", "x.test", "A")) == ("DNSError", error.ARES_ECONNREFUSED)


async def test_cancel_ends_what_is_under_way_and_no_more(server: DNSServer, aiodns: Any) -> None:
    drop = Fault.drop(name="slow.drop.test")
    server.faults.append(drop)
    async with resolver_of(aiodns, server) as resolver:
        future = resolver.query_dns("slow.drop.test", "A")
        while not drop.applied:
            await asyncio.sleep(0.005)
        resolver.cancel()
        with pytest.raises(aiodns.error.DNSError) as caught:
            await future
        assert caught.value.args[0] == aiodns.error.ARES_ECANCELLED
        assert (await resolver.query_dns("drop.test", "A")).answer


async def test_after_close_a_call_raises_runtime_error(server: DNSServer, aiodns: Any) -> None:
    resolver = resolver_of(aiodns, server)
    server.faults.append(Fault.drop())
    future = resolver.query_dns("slow.drop.test", "A")
    await resolver.close()
    await resolver.close()
    with pytest.raises(aiodns.error.DNSError) as caught:
        await future
    assert caught.value.args[0] == aiodns.error.ARES_ECANCELLED
    for call in (
        lambda: resolver.query_dns("drop.test", "A"),
        lambda: resolver.getaddrinfo("drop.test"),
        resolver.cancel,
        lambda: resolver.nameservers,
    ):
        with pytest.raises(RuntimeError):
            call()


async def test_a_cancelled_future_is_cancelled(server: DNSServer, aiodns: Any) -> None:
    server.faults.append(Fault.drop())
    async with resolver_of(aiodns, server) as resolver:
        future = resolver.query_dns("slow.drop.test", "A")
        future.cancel()
        with pytest.raises(asyncio.CancelledError):
            await future


async def test_nameservers_read_and_set(server: DNSServer, aiodns: Any) -> None:
    async with aiodns.DNSResolver(nameservers=["192.0.2.1", "[::1]:5353", "192.0.2.2:99", "::2"]) as resolver:
        assert list(resolver.nameservers) == ["192.0.2.1", "[::1]", "192.0.2.2", "[::2]"]
        resolver.nameservers = [f"127.0.0.1:{server.port}"]
        assert list(resolver.nameservers) == ["127.0.0.1"]
        assert (await resolver.query_dns("drop.test", "A")).answer
        with pytest.raises((ValueError, pycares.AresError)):
            resolver.nameservers = ["nonsense"]


async def test_nameservers_changed_while_a_lookup_is_under_way(server: DNSServer) -> None:
    delay = Fault.delay(0.05)
    server.faults.append(delay)
    async with resolver_of(ours, server) as resolver:
        future = resolver.query_dns("drop.test", "A")
        while not delay.applied:
            await asyncio.sleep(0.005)
        resolver.nameservers = ["192.0.2.1"]
        assert (await future).answer


async def test_ports_for_nameservers_without_one(server: DNSServer, aiodns: Any) -> None:
    ports = {"udp_port": server.port, "tcp_port": server.port}
    async with aiodns.DNSResolver(["127.0.0.1"], **ports, timeout=5, tries=1) as resolver:
        assert (await resolver.query_dns("drop.test", "A")).answer


@pytest.mark.parametrize("flags", [0, pycares.ARES_FLAG_USEVC])
async def test_flags_may_ask_over_tcp(server: DNSServer, aiodns: Any, flags: int) -> None:
    server.clear()
    async with aiodns.DNSResolver(
        ["127.0.0.1"], udp_port=server.port, tcp_port=server.port, flags=flags, timeout=5, tries=1
    ) as resolver:
        await resolver.query_dns("drop.test", "A")
    assert {query.transport for query in server.queries} == {"tcp" if flags else "udp"}


async def test_truncated_replies_go_to_the_port_for_tcp() -> None:
    async with DNSServer(ZONE) as udp, DNSServer(ZONE) as tcp:
        udp.faults.append(Fault.truncate())
        async with ours.DNSResolver(["127.0.0.1"], udp_port=udp.port, tcp_port=tcp.port) as resolver:
            assert (await resolver.query_dns("drop.test", "A")).answer
        assert [query.transport for query in tcp.queries] == ["tcp"]


async def test_a_setting_that_is_none() -> None:
    with pytest.raises(TypeError, match="no_such_setting"):
        ours.DNSResolver(no_such_setting=1)


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"flags": pycares.ARES_FLAG_NORECURSE}, "ARES_FLAG_NORECURSE"),
        ({"flags": pycares.ARES_FLAG_IGNTC}, "ARES_FLAG_IGNTC"),
        ({"local_dev": "lo"}, "local_ip"),
        ({"lookups": "f"}, "leaves out DNS"),
        ({"servers": ["nonsense"]}, "not an IP address"),
    ],
)
async def test_settings_that_cannot_be_had_say_so(settings: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        ours.DNSResolver(**settings)


async def test_settings_become_a_resolver(server: DNSServer, tmp_path: Any) -> None:
    conf = tmp_path / "resolv.conf"
    conf.write_text("nameserver 127.0.0.1\nnameserver 127.0.0.2\nsearch drop.test\noptions ndots:3\n", encoding="utf-8")
    settings = {"udp_port": server.port, "tcp_port": server.port, "resolvconf_path": str(conf)}
    everything = {"rotate": True, "local_ip": "127.0.0.1", "lookups": b"b", "flags": pycares.ARES_FLAG_PRIMARY}
    unused = {"sock_state_cb": print, "socket_send_buffer_size": 1, "socket_receive_buffer_size": 1}
    async with ours.DNSResolver(**settings, **everything, **unused) as resolver:
        assert list(resolver.nameservers) == ["127.0.0.1", "127.0.0.2"]
        assert (await resolver.getaddrinfo("www", family=socket.AF_INET)).nodes
    async with ours.DNSResolver(**settings, flags=pycares.ARES_FLAG_NOSEARCH) as resolver:
        with pytest.raises(error.DNSError):
            await resolver.getaddrinfo("www", family=socket.AF_INET)


async def test_this_machines_nameservers_unless_told(monkeypatch: pytest.MonkeyPatch, server: DNSServer) -> None:
    monkeypatch.setenv("AIORESOLVER_NAMESERVERS", server.nameserver)
    async with ours.DNSResolver() as resolver:
        assert list(resolver.nameservers) == ["127.0.0.1"]
        assert (await resolver.query_dns("drop.test", "MX")).answer


async def test_encrypted_nameservers_keep_their_scheme() -> None:
    found = Channel(udp_port=5353, flags=pycares.ARES_FLAG_USEVC).parse(["tls://192.0.2.9#dns.test", b"192.0.2.1"])
    assert list(map(str, found)) == ["tls://192.0.2.9#dns.test", "tcp://192.0.2.1"]


async def test_types_that_aiodns_cannot_ask() -> None:
    zone = """$ORIGIN more.test.
@ 60 SOA ns h 1 2 3 4 5
@ 60 HTTPS 1 . alpn=h2 port=8443
@ 60 TLSA 3 1 1 0a0b
@ 60 URI 1 2 "https://more.test/"
"""
    async with DNSServer(zone) as server, resolver_of(ours, server) as resolver:
        data = [(await resolver.query_dns("more.test", type_)).answer[0].data for type_ in ("HTTPS", "TLSA", "URI")]
    assert list(map(plain, data)) == [
        ("HTTPSRecordData", [("priority", 1), ("target", ""), ("params", [(1, b"\x02h2"), (3, b"\x20\xfb")])]),
        (
            "TLSARecordData",
            [("cert_usage", 3), ("selector", 1), ("matching_type", 1), ("cert_association_data", b"\x0a\x0b")],
        ),
        ("URIRecordData", [("priority", 1), ("weight", 2), ("target", "https://more.test/")]),
    ]


async def test_equal_questions_travel_once_and_are_kept(server: DNSServer) -> None:
    server.clear()
    async with resolver_of(ours, server) as resolver:
        await asyncio.gather(*(resolver.query_dns("drop.test", "A") for _ in range(20)))
        await resolver.query_dns("drop.test", "A")
        resolver.cancel()
        await resolver.query_dns("drop.test", "A")
    assert server.count == 1


async def test_ttls_count_down(monkeypatch: pytest.MonkeyPatch, server: DNSServer) -> None:
    async with resolver_of(ours, server) as resolver:
        await resolver.query_dns("www.drop.test", "A")
        loop = asyncio.get_running_loop()
        now = loop.time
        monkeypatch.setattr(loop, "time", lambda: now() + 5)
        found = await resolver.query_dns("www.drop.test", "A")
        monkeypatch.undo()
    assert [record.ttl for record in found.answer] == [15, 35, 55, 55]


async def test_an_error_has_ours_as_its_cause(server: DNSServer) -> None:
    async with resolver_of(ours, server) as resolver:
        with pytest.raises(error.DNSError) as caught:
            await resolver.getaddrinfo("no.drop.test")
    assert isinstance(caught.value.__cause__, NameNotFound)


def test_a_lookup_may_be_made_before_the_loop_runs(server: DNSServer) -> None:
    loop = asyncio.new_event_loop()
    resolver = ours.DNSResolver([server.nameserver], loop=loop)
    future = resolver.query_dns("drop.test", "A")
    assert loop.run_until_complete(future).answer
    loop.run_until_complete(resolver.close())
    loop.close()


async def test_nothing_stays_of_a_resolver_that_nobody_closed(server: DNSServer) -> None:
    resolver = resolver_of(ours, server)
    await resolver.query_dns("drop.test", "A")
    del resolver
    gc.collect()
    for _ in range(3):
        await asyncio.sleep(0)
    gc.collect()  # an open socket would warn, and a warning is an error


def test_a_program_that_closes_nothing_ends_without_a_word(server: DNSServer) -> None:
    program = f"""
import asyncio
import aioresolver.adapters.aiodns as aiodns

async def main():
    resolver = aiodns.DNSResolver(["{server.nameserver}"])
    assert (await resolver.query_dns("drop.test", "A")).answer

asyncio.run(main())
"""
    command = [sys.executable, "-X", "dev", "-W", "error", "-c", program]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    assert result.stderr == ""


@pytest.mark.parametrize("name", [name for name in error.__all__ if name.startswith("ARES_")])
def test_the_codes_are_those_of_cares(name: str) -> None:
    assert getattr(error, name) == getattr(pycares.errno, name)


def test_the_names_are_those_of_aiodns() -> None:
    assert set(real.error.__all__) <= set(error.__all__)
    assert set(vars(real.compat)) & {name for name in dir(ours.compat) if name.startswith("Ares")} == {
        name for name in vars(real.compat) if name.startswith("Ares")
    }
    assert real.query_type_map.items() <= ours.query_type_map.items()
    assert ours.query_class_map == real.query_class_map
    flags = [name for name in vars(channel) if name.startswith("ARES_FLAG_")]
    assert {name: getattr(channel, name) for name in flags} == {name: getattr(pycares, name) for name in flags}


def test_neither_aiodns_nor_pycares_is_needed() -> None:
    program = """
import sys
sys.modules["aiodns"] = sys.modules["pycares"] = None
import aioresolver.adapters.aiodns as aiodns
assert aiodns.error.ARES_ENOTFOUND == 4
"""
    subprocess.run([sys.executable, "-c", program], check=True)


class TestAiohttp:
    """aiohttp's own AsyncResolver, with us in the place of aiodns."""

    @pytest.fixture
    def resolver_class(self, monkeypatch: pytest.MonkeyPatch) -> Any:
        monkeypatch.setattr(aiohttp.resolver, "aiodns", ours)
        return aiohttp.resolver.AsyncResolver

    async def test_it_gets_a_page_of_a_name_that_only_our_server_knows(
        self, resolver_class: Any, server: DNSServer
    ) -> None:
        async def hello(request: web.Request) -> web.Response:
            return web.Response(text=request.host)

        application = web.Application()
        application.router.add_get("/", hello)
        runner = web.AppRunner(application)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        port = runner.addresses[0][1]
        resolver = resolver_class(nameservers=[server.nameserver])
        async with (
            aiohttp.ClientSession(connector=aiohttp.TCPConnector(resolver=resolver)) as client,
            client.get(f"http://web.drop.test:{port}/") as response,
        ):
            assert await response.text() == f"web.drop.test:{port}"
        await resolver.close()
        await runner.cleanup()

    async def test_its_results_are_as_with_aiodns(
        self, resolver_class: Any, server: DNSServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        nameserver = f"127.0.0.1:{server.port}"
        found = []
        for module in (real, ours):
            monkeypatch.setattr(aiohttp.resolver, "aiodns", module)
            resolver = resolver_class(nameservers=[nameserver])
            found.append(await resolver.resolve("b.drop.test", 80, socket.AF_UNSPEC))
            with pytest.raises(OSError, match=r"."):
                await resolver.resolve("no.drop.test", 80)
            await resolver.close()
        assert found[1] == found[0]

    async def test_sessions_share_one_and_the_last_closes_it(
        self, resolver_class: Any, server: DNSServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("AIORESOLVER_NAMESERVERS", server.nameserver)
        server.clear()
        one, other = resolver_class(), resolver_class()
        assert (await one.resolve("web.drop.test", 80))[0]["host"] == "127.0.0.1"
        await one.close()
        assert (await other.resolve("web.drop.test", 80))[0]["host"] == "127.0.0.1"
        assert server.count == 1
        await other.close()

    async def test_a_scope_is_kept(self, resolver_class: Any, server: DNSServer) -> None:
        resolver = resolver_class(nameservers=[server.nameserver])
        (found,) = await resolver.resolve("fe80::1%lo", 80, socket.AF_INET6)
        assert found["host"] == "fe80::1%lo"
        await resolver.close()
