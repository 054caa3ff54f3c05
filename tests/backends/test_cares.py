from __future__ import annotations

import asyncio
import gc
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from aioresolver.backends import cares
from aioresolver.backends.base import Backend
from aioresolver.backends.cares import CaresBackend
from aioresolver.errors import ConfigurationError, LookupTimeout, ServerFailure, UsageError
from aioresolver.testing import DNSServer, Fault
from aioresolver.wire.codes import Rcode, RRClass, RRType
from aioresolver.wire.message import Question
from aioresolver.wire.rdata import parse_rdata

ZONE = r"""
$ORIGIN example.
$TTL 60
@ 300   SOA   ns hostmaster 2026010101 3600 600 86400 120
@       NS    ns
ns      A     192.0.2.53
www     A     192.0.2.1
www     A     192.0.2.2
www     AAAA  2001:db8::1
alias 30 CNAME hop
hop     CNAME www
lost    CNAME nowhere.other.
mail    MX    10 www
mail    MX    20 mx\.dot.other.
nomail  MX    0 .
text    TXT   "one"
binary  TXT   "a\000b\255"
_sip    SRV   1 2 5060 www
4.3     NAPTR 100 10 "u" "E2U+sip" "!^.*$!sip:info@example.com!" .
caa     CAA   128 issue "ca.example; policy=ev"
_tlsa   TLSA  3 1 1 00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff
web     HTTPS 1 . alpn="h2,h3" port=8443 ipv4hint=192.0.2.1
webalias HTTPS 0 www
uri     URI   10 1 "https://example/path"
ptr     PTR   www
any     A     192.0.2.9
any     TXT   "any"
"""


@pytest.fixture
async def server():
    async with DNSServer(ZONE) as server:
        yield server


@pytest.fixture
async def backend(server):
    async with CaresBackend(server.nameserver) as backend:
        yield backend


def question(text: str) -> Question:
    return Question.parse(*text.split())


def soon(seconds: float = 20.0) -> float:
    return asyncio.get_running_loop().time() + seconds


def descriptors() -> int:
    gc.collect()
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


needs_proc = pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="counts descriptors in /proc")


async def test_it_is_a_backend_that_does_nothing_until_it_is_asked():
    before = threading.active_count()
    backend: Backend = CaresBackend("udp://127.0.0.1:5353")

    assert isinstance(backend, Backend)
    assert backend.concurrency > 0
    assert threading.active_count() == before
    assert repr(backend) == "CaresBackend(['udp://127.0.0.1:5353'])"
    await backend.aclose()


@pytest.mark.parametrize(
    ("text", "data"),
    [
        ("www A", ["192.0.2.1", "192.0.2.2"]),
        ("www AAAA", ["2001:db8::1"]),
        ("alias CNAME", ["hop.example."]),
        ("mail MX", ["10 www.example.", r"20 mx\.dot.other."]),
        ("nomail MX", ["0 ."]),
        ("text TXT", ['"one"']),
        ("binary TXT", [r'"a\000b\255"']),
        ("_sip SRV", ["1 2 5060 www.example."]),
        ("4.3 NAPTR", ['100 10 "u" "E2U+sip" "!^.*$!sip:info@example.com!" .']),
        ("caa CAA", ['128 issue "ca.example; policy=ev"']),
        ("_tlsa TLSA", ["3 1 1 00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"]),
        ("web HTTPS", ['1 . alpn="h2,h3" port=8443 ipv4hint=192.0.2.1']),
        ("webalias HTTPS", ["0 www.example."]),
        ("uri URI", ['10 1 "https://example/path"']),
        ("ptr PTR", ["www.example."]),
    ],
)
async def test_every_type_comes_as_our_data(backend, text, data):
    name, type_ = text.split()
    answer = await backend.query(question(f"{name}.example {type_}"), soon())

    assert sorted(answer, key=str) == sorted((parse_rdata(RRType[type_], entry) for entry in data), key=str)
    assert answer.rcode == Rcode.NOERROR
    assert 58 <= answer.ttl <= 60 or answer.aliases or type_ == "CNAME"


async def test_soa_ns_and_any(backend):
    (soa,) = await backend.query(question("example SOA"), soon())
    (ns,) = await backend.query(question("example NS"), soon())
    everything = await backend.query(question("any.example ANY"), soon())

    assert str(soa) == "ns.example. hostmaster.example. 2026010101 3600 600 86400 120"
    assert ns.target == "ns.example."
    assert {record.type for record in everything.records} == {RRType.A, RRType.TXT}


async def test_aliases_are_kept_with_the_least_ttl(backend, server):
    answer = await backend.query(question("alias.example A"), soon())

    assert answer.aliases == ("alias.example.", "hop.example.")
    assert answer.name == "www.example."
    assert sorted(map(str, answer)) == ["192.0.2.1", "192.0.2.2"]
    assert 28 <= answer.ttl <= 30
    assert answer.server == server.nameserver
    assert answer.elapsed > 0


async def test_an_alias_that_leads_out_of_the_message_is_an_empty_answer(backend):
    answer = await backend.query(question("lost.example A"), soon())

    assert len(answer) == 0
    assert answer.aliases == ("lost.example.",)


@pytest.mark.parametrize(("text", "rcode"), [("nx.example A", Rcode.NXDOMAIN), ("www.example MX", Rcode.NOERROR)])
async def test_absence_is_an_empty_answer_that_is_kept_for_a_constant_time(backend, text, rcode):
    answer = await backend.query(question(text), soon())

    assert len(answer) == 0
    assert answer.rcode == rcode
    assert 28 <= answer.ttl <= CaresBackend.negative_ttl == 30


async def test_queries_carry_no_edns_and_so_no_cookie(backend, server):
    await backend.query(question("www.example A"), soon())

    assert [query.edns for query in server.queries] == [None]


@pytest.mark.parametrize("rcode", ["SERVFAIL", "REFUSED", "FORMERR", "NOTIMP"])
async def test_a_server_that_will_not_answer_is_a_failure_with_an_attempt(backend, server, rcode):
    server.faults = [Fault.rcode(rcode)]
    with pytest.raises(ServerFailure, match=rcode) as caught:
        await backend.query(question("www.example A"), soon())

    assert caught.value.rcode == rcode
    assert caught.value.errno == socket.EAI_AGAIN
    assert caught.value.attempts[-1][:3] == (server.nameserver, "udp", rcode)


@pytest.mark.parametrize("scheme", ["udp", "tcp"])
async def test_where_nobody_listens_the_failure_comes_at_once(scheme):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        async with CaresBackend(f"{scheme}://127.0.0.1:{taken.getsockname()[1]}") as backend:
            with pytest.raises(ServerFailure, match="connection") as caught:
                await backend.query(question("www.example A"), soon(600))

    assert caught.value.attempts[0].transport == scheme


@pytest.mark.parametrize("text", ["example DS", "example SSHFP", "example SVCB", "example TYPE65280"])
async def test_types_that_pycares_does_not_have_are_refused_clearly(backend, server, text):
    with pytest.raises(ConfigurationError, match="StubBackend"):
        await backend.query(question(text), soon())
    assert server.count == 0


async def test_other_classes_can_be_asked(backend, server):
    with pytest.raises(ServerFailure):
        await backend.query(question("version.bind TXT")._replace(class_=RRClass.CH), soon())
    with pytest.raises(ConfigurationError):
        await backend.query(question("www.example A")._replace(class_=RRClass(77)), soon())
    assert {query.wire[-2:] for query in server.queries} == {b"\0\3"}


async def test_silence_ends_at_the_deadline_among_a_thousand_lookups(backend, server):
    server.add("*.many.example. 60 A 192.0.2.9")
    server.faults = [Fault.drop(name="silent.example.")]
    loop = asyncio.get_running_loop()
    deadline = loop.time() + 0.1
    silent = asyncio.ensure_future(backend.query(question("silent.example A"), deadline))
    others = [backend.submit(question(f"h{n}.many.example A"), soon()) for n in range(1000)]

    with pytest.raises(LookupTimeout) as caught:
        await silent
    assert loop.time() >= deadline
    assert isinstance(caught.value, TimeoutError)
    assert caught.value.attempts[-1][:3] == (server.nameserver, "udp", "no reply")
    answers = await asyncio.gather(*others)
    assert {str(answer[0]) for answer in answers} == {"192.0.2.9"}


async def test_when_c_ares_gives_up_early_it_is_asked_again(server, monkeypatch):
    monkeypatch.setattr(cares, "TRIES", 1)
    server.faults = [Fault.drop(times=2)]
    async with CaresBackend(server.nameserver, patience=0.25) as backend:
        answer = await backend.query(question("www.example A"), soon())

    assert sorted(map(str, answer)) == ["192.0.2.1", "192.0.2.2"]
    assert [attempt.outcome for attempt in answer.attempts] == ["no reply"] * 2


async def test_a_truncated_reply_is_fetched_over_tcp(backend, server):
    server.faults = [Fault.truncate()]
    answer = await backend.query(question("www.example A"), soon())

    assert len(answer) == 2
    assert [query.transport for query in server.queries] == ["udp", "tcp"]


async def test_tcp_nameservers_are_asked_over_tcp_only(server):
    async with CaresBackend([server.nameserver_tcp]) as backend:
        answers = await asyncio.gather(*[backend.query(question("www.example A"), soon()) for _ in range(3)])

    assert {len(answer) for answer in answers} == {2}
    assert {query.transport for query in server.queries} == {"tcp"}


async def test_an_ipv6_nameserver():
    try:
        server = DNSServer(ZONE, address="::1")
        await server.start()
    except OSError:
        pytest.skip("no IPv6 here")
    async with CaresBackend(server.nameserver) as backend:
        assert len(await backend.query(question("www.example A"), soon())) == 2
    await server.aclose()


async def test_the_second_nameserver_answers_when_the_first_is_dead(server):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as dead:
        dead.bind(("127.0.0.1", 0))
        dead_port = dead.getsockname()[1]
    async with CaresBackend([f"127.0.0.1:{dead_port}", server.nameserver]) as backend:
        answer = await backend.query(question("www.example A"), soon())

    assert len(answer) == 2
    assert answer.server == f"udp://127.0.0.1:{dead_port}, {server.nameserver}"


async def test_a_cancelled_asker_harms_nobody(backend, server):
    server.faults = [Fault.delay(0.05)]
    asked = [asyncio.ensure_future(backend.query(question("www.example A"), soon())) for _ in range(4)]
    await server.received(1)
    asked[0].cancel()
    outcomes = await asyncio.gather(*asked, return_exceptions=True)

    assert isinstance(outcomes[0], asyncio.CancelledError)
    assert [len(outcome) for outcome in outcomes[1:]] == [2, 2, 2]


async def test_absence_is_not_believed_longer_than_we_say_so(server, monkeypatch):
    monkeypatch.setattr(CaresBackend, "negative_ttl", 0)
    async with CaresBackend(server.nameserver) as backend:
        assert len(await backend.query(question("late.example A"), soon())) == 0
        assert len(await backend.query(question("www.example MX"), soon())) == 0
        server.add("www.example. 60 MX 10 www.example.")
        deadline = soon()
        # c-ares alone would keep it for an hour; its cache is emptied in a thread of its own.
        while not (answer := await backend.query(question("www.example MX"), deadline)):
            await asyncio.sleep(0)

    assert str(answer[0]) == "10 www.example."


def test_a_resolv_conf_that_changes_is_read_again(tmp_path):
    """In a mount namespace of its own, since c-ares knows only the one file."""
    program = """
import asyncio
from aioresolver.backends import cares
from aioresolver.testing import DNSServer
from aioresolver.wire.message import Question

async def main():
    cares.CHECK_SECONDS = 0
    async with DNSServer("www. 60 A 192.0.2.1") as old, DNSServer("www. 60 A 192.0.2.2") as new:
        with open("/etc/resolv.conf", "r+") as file:
            print(f"nameserver 127.0.0.1:{old.port:05}", file=file, flush=True)
            async with cares.CaresBackend() as backend:
                deadline = asyncio.get_running_loop().time() + 20
                first = await backend.query(Question.parse("www"), deadline)
                print(first.server, *first)
                file.seek(0)
                print(f"nameserver 127.0.0.1:{new.port:05}", file=file, flush=True)
                while (answer := await backend.query(Question.parse("www"), deadline)).data == first.data:
                    await asyncio.sleep(0)
                print(*answer)

asyncio.run(main())
"""
    path = tmp_path / "resolv.conf"
    path.touch()
    private = [
        "unshare",
        "--map-root-user",
        "--mount",
        "sh",
        "-c",
        'mount --bind "$0" /etc/resolv.conf && exec "$@"',
        path,
    ]
    try:
        subprocess.run([*private, "true"], check=True, capture_output=True, timeout=30)
    except (OSError, subprocess.SubprocessError) as error:
        pytest.skip(f"no mount namespace: {error}")
    done = subprocess.run(
        [*private, sys.executable, "-c", program], capture_output=True, text=True, timeout=30, check=False
    )

    assert (done.stdout, done.stderr) == ("c-ares 192.0.2.1\n192.0.2.2\n", "")


async def test_without_a_resolv_conf_c_ares_is_left_to_look_itself(server, monkeypatch, tmp_path):
    monkeypatch.setattr(cares, "CHECK_SECONDS", 0)
    monkeypatch.setattr(cares, "RESOLV_CONF", str(tmp_path / "none"))
    refreshed: list[bool] = []

    class Fake:
        knows = ask = aclose = None

        def refresh(self):
            refreshed.append(True)

    backend = CaresBackend()
    backend._check_configuration(Fake(), 1.0)
    (tmp_path / "none").touch()
    backend._check_configuration(Fake(), 2.0)
    backend._check_configuration(Fake(), 3.0)

    assert refreshed == [True, True]


async def test_a_deadline_in_the_past_asks_nobody(backend, server):
    with pytest.raises(LookupTimeout):
        await backend.query(question("www.example A"), soon(0))
    assert server.count == 0


async def test_names_that_are_not_plain(backend, server):
    server.add(r"odd.example. 60 CNAME a\.b.x\007\255y.example.")
    server.add(r"a\.b.x\007\255y.example. 60 A 192.0.2.77")
    answer = await backend.query(question("odd.example A"), soon())

    assert answer.name == r"a\.b.x\007\255y.example."
    assert [str(data) for data in answer] == ["192.0.2.77"]
    with pytest.raises(ConfigurationError, match="StubBackend"):
        await backend.query(Question(answer.name, RRType.A), soon())


@pytest.mark.parametrize("threaded", [False, True])
async def test_closing_fails_what_is_under_way(server, threaded):
    server.faults = [Fault.drop()]
    backend = CaresBackend(server.nameserver, threaded=threaded)
    asked = [asyncio.ensure_future(backend.query(question(f"h{n}.example A"), soon())) for n in range(50)]
    await server.received(1)

    await backend.aclose()
    await backend.aclose()

    for lookup in asked:
        with pytest.raises(ServerFailure, match="was closed"):
            await lookup
    with pytest.raises(UsageError, match="closed"):
        await backend.query(question("www.example A"), soon())


async def test_an_unused_backend_can_be_closed():
    backend = CaresBackend("127.0.0.1")
    await backend.aclose()
    with pytest.raises(UsageError, match="closed"):
        await backend.query(question("www.example A"), soon())


def test_another_loop_is_refused():
    async def ask():
        return await backend.query(question("www.example A"), soon())

    with DNSServer.in_thread(ZONE) as server:
        backend = CaresBackend(server.nameserver)
        assert len(asyncio.run(ask())) == 2
        with pytest.raises(UsageError, match="another event loop"):
            asyncio.run(ask())
        asyncio.run(backend.aclose())


@needs_proc
@pytest.mark.parametrize("scheme", ["udp", "tcp"])
async def test_nothing_is_open_after_closing(server, scheme):
    async with CaresBackend("127.0.0.1:1") as first:  # pycares' own thread is made with its first channel
        with pytest.raises(ServerFailure):
            await first.query(question("www.example A"), soon())
    before, threads, tasks = descriptors(), threading.active_count(), len(asyncio.all_tasks())
    backend = CaresBackend(server.nameserver if scheme == "udp" else server.nameserver_tcp)
    await asyncio.gather(*[backend.query(question(f"h{n}.example A"), soon()) for n in range(50)])
    server.faults = [Fault.drop(name="under-way.example.")]
    backend.submit(question("under-way.example A"), soon()).add_done_callback(lambda done: done.exception())
    await server.received(51)

    await backend.aclose()

    server_side = 1 if scheme == "tcp" else 0
    assert descriptors() <= before + server_side
    assert threading.active_count() == threads
    assert len(asyncio.all_tasks()) <= tasks + server_side


@needs_proc
async def test_a_thousand_are_made_used_and_closed_without_a_trace(server):
    async def cycle():
        async with CaresBackend(server.nameserver) as backend:
            await backend.query(question("www.example A"), soon())

    await cycle()
    before, threads, tasks = descriptors(), set(threading.enumerate()), asyncio.all_tasks()
    for _ in range(1000):
        await cycle()

    assert descriptors() <= before
    assert set(threading.enumerate()) <= threads  # one that another test left behind may end meanwhile
    assert asyncio.all_tasks() == tasks


def test_a_loop_may_end_without_closing():
    program = """
import asyncio, gc, socket
from aioresolver.backends.cares import CaresBackend
from aioresolver.wire.message import Question

async def main(port):
    backend = CaresBackend(f"127.0.0.1:{port}")
    lookup = backend.submit(Question.parse("silent"), asyncio.get_running_loop().time() + 600)
    await asyncio.sleep(0)

with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
    silent.bind(("127.0.0.1", 0))
    for _ in range(3):
        asyncio.run(main(silent.getsockname()[1]))
        gc.collect()
print("ended")
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=30, check=False)

    assert (done.stdout, done.stderr) == ("ended\n", "")


async def test_through_aiodns_in_its_thread(server):
    server.add("*.many.example. 60 A 192.0.2.9")
    async with CaresBackend(server.nameserver, threaded=True) as backend:
        answers = await asyncio.gather(
            *[backend.query(question(f"h{n}.many.example A"), soon()) for n in range(200)],
        )
        nothing = await backend.query(question("nx.example A"), soon())
        with pytest.raises(ConfigurationError, match="StubBackend"):
            await backend.query(question("web.example TLSA"), soon())
        server.faults = [Fault.servfail()]
        with pytest.raises(ServerFailure, match="SERVFAIL"):
            await backend.query(question("bad.example A"), soon())

    assert {str(answer[0]) for answer in answers} == {"192.0.2.9"}
    assert nothing.rcode == Rcode.NXDOMAIN


async def test_through_aiodns_a_refresh_loses_nothing_under_way(server, monkeypatch):
    monkeypatch.setattr(CaresBackend, "negative_ttl", 0)
    server.faults = [Fault.delay(0.05, name="slow.example.")]
    server.add("slow.example. 60 A 192.0.2.5")
    async with CaresBackend(server.nameserver, threaded=True) as backend:
        slow = backend.submit(question("slow.example A"), soon())
        assert len(await backend.query(question("www.example MX"), soon())) == 0
        server.add("www.example. 60 MX 10 www.example.")
        deadline = soon()
        while not await backend.query(question("www.example MX"), deadline):
            await asyncio.sleep(0)
        assert str((await slow)[0]) == "192.0.2.5"


def test_on_uvloop():
    uvloop = pytest.importorskip("uvloop")

    async def ask():
        async with CaresBackend(server.nameserver) as backend:
            answers = await asyncio.gather(*[backend.query(question("alias.example A"), soon()) for _ in range(20)])
            return {len(answer) for answer in answers}

    with DNSServer.in_thread(ZONE) as server:
        loop = uvloop.new_event_loop()
        try:
            assert loop.run_until_complete(ask()) == {2}
        finally:
            loop.close()


@pytest.mark.parametrize(
    ("nameservers", "words"),
    [
        ([], "at least one"),
        (["tls://9.9.9.9"], "tls"),
        (["udp://127.0.0.1", "tcp://127.0.0.1"], "tcp, udp"),
        (["no address"], "no address"),
    ],
)
def test_settings_that_cannot_be_used(nameservers, words):
    with pytest.raises(ConfigurationError, match=words):
        CaresBackend(nameservers)
    with pytest.raises(ConfigurationError, match="patience"):
        CaresBackend("127.0.0.1", patience=0)


def test_the_package_alone_imports_neither_aiodns_nor_pycares():
    program = "import sys, aioresolver; print(sorted({'aiodns', 'pycares'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=30, check=True)

    assert done.stdout == "[]\n"
