from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
import threading

import pytest

from aioresolver.backends.base import Backend
from aioresolver.backends.system import SystemBackend, getnameinfo
from aioresolver.errors import ConfigurationError, LookupTimeout, ServerFailure, UsageError
from aioresolver.wire.codes import Rcode, RRClass
from aioresolver.wire.message import Question
from aioresolver.wire.names import Name

THREADS = "aioresolver-system"


def row(address: str, canonical: str = ""):
    if ":" in address:
        return socket.AF_INET6, socket.SOCK_STREAM, 6, canonical, (address, 0, 0, 0)
    return socket.AF_INET, socket.SOCK_STREAM, 6, canonical, (address, 0)


class System:
    """An operating system that knows one name, hangs on another, and notes what it is asked."""

    def __init__(self, known=None) -> None:
        self.known = {b"www.example": [row("192.0.2.7", "www.example"), row("192.0.2.8")]} if known is None else known
        self.asked: list[tuple] = []
        self.hanging = threading.Semaphore(0)
        self.release = threading.Event()

    def getaddrinfo(self, *arguments):
        self.asked.append(arguments)
        return self.look_up(arguments[0])

    def getnameinfo(self, sockaddr, flags):
        self.asked.append((sockaddr, flags))
        return self.look_up(sockaddr[0])

    def look_up(self, key):
        if str(key).count("hung"):
            self.hanging.release()
            self.release.wait(30)
        result = self.known.get(key, socket.gaierror(socket.EAI_NONAME, "Name or service not known"))
        if isinstance(result, Exception):
            raise result
        return result

    async def hangs(self, count: int = 1) -> None:
        for _ in range(count):
            await asyncio.get_running_loop().run_in_executor(None, self.hanging.acquire)


@pytest.fixture
def system():
    system = System()
    yield system
    system.release.set()
    for thread in our_threads():
        thread.join(20)


def our_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == THREADS]


def backend_of(system: System, **options) -> SystemBackend:
    return SystemBackend(getaddrinfo=system.getaddrinfo, getnameinfo=system.getnameinfo, **options)


def question(text: str) -> Question:
    return Question.parse(*text.split())


def soon(seconds: float = 20.0) -> float:
    return asyncio.get_running_loop().time() + seconds


async def test_it_is_a_backend(system):
    backend: Backend = backend_of(system, threads=3)

    assert isinstance(backend, Backend)
    assert backend.concurrency == 3
    assert our_threads() == []


async def test_addresses_come_in_the_order_of_the_system(system):
    async with backend_of(system) as backend:
        answer = await backend.query(question("www.example A"), soon())

    assert [str(data) for data in answer] == ["192.0.2.7", "192.0.2.8"]
    assert answer.aliases == ()
    assert answer.server == "getaddrinfo"
    assert 58 <= answer.ttl <= SystemBackend.ttl == 60
    assert system.asked == [
        (b"www.example", None, socket.AF_INET, socket.SOCK_STREAM, 0, socket.AI_CANONNAME),
    ]


async def test_aaaa_drops_scopes_doubles_and_other_families(system):
    system.known[b"six.example"] = [row("fe80::1%eth0"), row("fe80::1"), row("2001:db8::1"), row("192.0.2.1")]
    async with backend_of(system) as backend:
        answer = await backend.query(question("six.example AAAA"), soon())

    assert [str(data) for data in answer] == ["fe80::1", "2001:db8::1"]


async def test_a_canonical_name_is_an_alias(system):
    system.known[b"web"] = [row("192.0.2.7", "web.corp.example")]
    system.known[b"odd"] = [row("192.0.2.7", "not a..name")]
    async with backend_of(system) as backend:
        answer = await backend.query(question("web A"), soon())
        odd = await backend.query(question("odd A"), soon())

    assert answer.aliases == ("web.",)
    assert answer.name == "web.corp.example."
    assert [str(data) for data in answer] == ["192.0.2.7"]
    assert odd.aliases == ()
    assert len(odd) == 1


async def test_ptr_asks_getnameinfo(system):
    system.known["192.0.2.7"] = ("www.example", "0")
    system.known["2001:db8::7"] = ("six.example.", "0")
    async with backend_of(system) as backend:
        four = await backend.query(Question(Name.reverse("192.0.2.7"), question("x PTR").type), soon())
        six = await backend.query(Question(Name.reverse("2001:db8::7"), question("x PTR").type), soon())
        none = await backend.query(Question(Name.reverse("192.0.2.9"), question("x PTR").type), soon())

    assert [data.target for data in four] == ["www.example."]
    assert [data.target for data in six] == ["six.example."]
    assert four.server == "getnameinfo"
    assert none.rcode == Rcode.NXDOMAIN
    assert system.asked[0] == (("192.0.2.7", 0), socket.NI_NAMEREQD)


@pytest.mark.parametrize(
    "text", ["example MX", "example ANY", "www.example PTR", "_http._tcp.example PTR", "example SOA", "example TYPE999"]
)
async def test_what_it_cannot_ask_is_refused_clearly(system, text):
    async with backend_of(system) as backend:
        with pytest.raises(ConfigurationError, match="StubBackend"):
            await backend.query(question(text), soon())
        with pytest.raises(ConfigurationError, match="class CH"):
            await backend.query(question("example A")._replace(class_=RRClass.CH), soon())
    assert system.asked == []


@pytest.mark.parametrize(
    ("code", "rcode"),
    [
        (socket.EAI_NONAME, Rcode.NXDOMAIN),
        *([(socket.EAI_NODATA, Rcode.NOERROR)] if hasattr(socket, "EAI_NODATA") else []),
        *([(socket.EAI_ADDRFAMILY, Rcode.NOERROR)] if hasattr(socket, "EAI_ADDRFAMILY") else []),
        (11004, Rcode.NOERROR),
    ],
)
async def test_absence_is_an_empty_answer(system, code, rcode):
    system.known[b"x"] = socket.gaierror(code, "absent")
    async with backend_of(system) as backend:
        answer = await backend.query(question("x A"), soon())

    assert len(answer) == 0
    assert answer.rcode == rcode
    assert 8 <= answer.ttl <= SystemBackend.negative_ttl == 10


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (socket.gaierror(socket.EAI_AGAIN, "Temporary failure"), socket.EAI_AGAIN, "Temporary failure"),
        (socket.gaierror(socket.EAI_FAIL, "Non-recoverable"), socket.EAI_FAIL, "Non-recoverable"),
        (OSError(24, "Too many open files"), socket.EAI_AGAIN, "Too many open files"),
        (UnicodeError("label too long"), socket.EAI_AGAIN, "label too long"),
    ],
)
async def test_other_errors_are_failures_with_an_attempt(system, error, code, words):
    system.known[b"x"] = error
    async with backend_of(system) as backend:
        with pytest.raises(ServerFailure, match=words) as caught:
            await backend.query(question("x AAAA"), soon())

    assert caught.value.errno == code
    (attempt,) = caught.value.attempts
    assert attempt[:3] == ("getaddrinfo", "system", words)


async def test_a_bug_in_a_function_that_was_handed_in_is_seen(system):
    async with SystemBackend(getaddrinfo=lambda *_: 1 / 0) as backend:
        with pytest.raises(ZeroDivisionError):
            await backend.query(question("x A"), soon())


@pytest.mark.parametrize(
    "name", ["127.1", "2130706433", "0x7f000001", "0x7f.1", "192.0.2.1", "0177.0.0.01", "a.0x", "::1", "fe80::1%eth0"]
)
async def test_names_that_would_be_taken_for_addresses_do_not_exist(system, name):
    async with backend_of(system) as backend:
        answer = await backend.query(question(f"{name} A"), soon())

    assert answer.rcode == Rcode.NXDOMAIN
    assert system.asked == []


async def test_the_root_and_names_that_only_look_numeric_are_asked(system):
    async with backend_of(system) as backend:
        for name in (".", "1.2.3.4.example", "0xg", "4chan", "1e100.net"):
            await backend.query(question(f"{name} A"), soon())

    assert [asked[0] for asked in system.asked] == [b".", b"1.2.3.4.example", b"0xg", b"4chan", b"1e100.net"]


async def test_a_hung_call_ends_at_the_deadline_and_hinders_no_other(system):
    async with backend_of(system, threads=1) as backend:
        loop = asyncio.get_running_loop()
        hung = asyncio.ensure_future(backend.query(question("hung A"), loop.time() + 0.05))
        await system.hangs()
        others = [asyncio.ensure_future(backend.query(question("www.example A"), soon())) for _ in range(1000)]

        with pytest.raises(LookupTimeout) as caught:
            await hung
        assert caught.value.attempts[0].outcome == "no reply"
        assert isinstance(caught.value, TimeoutError)
        assert caught.value.errno == socket.EAI_AGAIN
        answers = await asyncio.gather(*others)

        assert {len(answer) for answer in answers} == {2}
        assert len(our_threads()) == 2


async def test_when_all_threads_hang_lookups_wait_until_their_deadline(system):
    async with backend_of(system, threads=2) as backend:
        loop = asyncio.get_running_loop()
        for _ in range(2):
            hung = [asyncio.ensure_future(backend.query(question("hung A"), soon())) for _ in range(2)]
            await system.hangs(2)
            for lookup in hung:
                lookup.cancel()
            await asyncio.wait(hung)

        with pytest.raises(LookupTimeout) as caught:
            await backend.query(question("www.example A"), loop.time() + 0.03)
        assert caught.value.attempts[0].outcome == "all threads are busy"
        assert len(our_threads()) == 4

        system.release.set()
        assert len(await backend.query(question("www.example A"), soon())) == 2


async def test_a_deadline_in_the_past_asks_nobody(system):
    async with backend_of(system) as backend:
        with pytest.raises(LookupTimeout):
            await backend.query(question("www.example A"), soon(0))
    assert system.asked == []


async def test_a_cancelled_lookup_that_has_not_begun_is_never_asked(system):
    async with backend_of(system, threads=1) as backend:
        hung = asyncio.ensure_future(backend.query(question("hung A"), soon()))
        await system.hangs()
        waiting = asyncio.ensure_future(backend.query(question("waiting A"), soon()))
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        system.release.set()
        await hung

    assert [asked[0] for asked in system.asked] == [b"hung"]


async def test_the_initializer_runs_in_the_threads(system):
    seen: list[str] = []
    async with backend_of(
        system, threads=1, initializer=lambda: seen.append(threading.current_thread().name)
    ) as backend:
        for _ in range(3):
            await backend.query(question("www.example A"), soon())

    assert seen == [THREADS]


async def test_no_thread_to_be_had_is_a_failure(system, monkeypatch):
    def refuse(_):
        raise RuntimeError("can't start new thread")

    async with backend_of(system) as backend:
        monkeypatch.setattr(threading.Thread, "start", refuse)
        with pytest.raises(ServerFailure, match="can't start new thread"):
            await backend.query(question("www.example A"), soon())


async def test_closing_fails_what_is_under_way_and_waits_for_no_hung_call(system):
    backend = backend_of(system, threads=2)
    loop = asyncio.get_running_loop()
    hung = [asyncio.ensure_future(backend.query(question("hung A"), soon(600))) for _ in range(20)]
    await system.hangs(2)

    began = loop.time()
    await asyncio.wait_for(backend.aclose(), 10)
    await asyncio.wait_for(backend.aclose(), 10)

    assert loop.time() - began < 10
    for lookup in hung:
        with pytest.raises(ServerFailure, match="was closed"):
            await lookup
    with pytest.raises(UsageError, match="closed"):
        await backend.query(question("www.example A"), soon())


async def test_closing_ends_every_idle_thread(system):
    before = threading.active_count()
    backend = backend_of(system)
    await asyncio.gather(*[backend.query(question("www.example A"), soon()) for _ in range(200)])
    assert our_threads()

    await backend.aclose()

    assert our_threads() == []
    assert threading.active_count() == before


async def test_a_thousand_are_made_used_and_closed_without_a_trace(system):
    tasks = len(asyncio.all_tasks())
    for _ in range(1000):
        async with backend_of(system, threads=2) as backend:
            await backend.query(question("www.example A"), soon())

    assert our_threads() == []
    assert len(asyncio.all_tasks()) == tasks


async def test_an_unused_backend_can_be_closed(system):
    backend = backend_of(system)
    await backend.aclose()
    with pytest.raises(UsageError, match="closed"):
        await backend.query(question("www.example A"), soon())


def test_another_loop_is_refused(system):
    backend = backend_of(system)
    asyncio.run(ask_once(backend))
    with pytest.raises(UsageError, match="another event loop"):
        asyncio.run(ask_once(backend))
    asyncio.run(backend.aclose())


async def ask_once(backend: SystemBackend):
    return await backend.query(question("www.example A"), soon())


def test_a_loop_may_close_while_a_thread_is_inside(system):
    backend = backend_of(system)

    async def leave():
        backend.submit(question("hung A"), soon())
        await system.hangs()

    asyncio.run(leave())
    (thread,) = our_threads()
    system.release.set()
    asyncio.run(backend.aclose())
    thread.join(10)  # an exception in it would be a warning, and with it a failure of this test

    assert not thread.is_alive()


def test_a_hung_call_does_not_keep_the_program_from_ending():
    program = """
import asyncio, threading
from aioresolver.backends.system import SystemBackend, getnameinfo
from aioresolver.wire.message import Question

inside = threading.Event()

def hang(*_):
    inside.set()
    threading.Event().wait()

async def main():
    backend = SystemBackend(getaddrinfo=hang)
    lookup = asyncio.ensure_future(backend.query(Question.parse("hung"), asyncio.get_running_loop().time() + 600))
    await asyncio.get_running_loop().run_in_executor(None, inside.wait)
    lookup.cancel()
    await backend.aclose()
    print("ended")

asyncio.run(main())
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=30, check=True)

    assert done.stdout == "ended\n"
    assert done.stderr == ""


@pytest.mark.skipif(sys.version_info >= (3, 11), reason="socket.getnameinfo itself is used")
def test_the_stand_in_for_getnameinfo(monkeypatch):
    def look_up(address):
        raise socket.herror(known[address], "words")

    known = {"192.0.2.1": 1, "192.0.2.2": 2, "192.0.2.3": 3, "192.0.2.4": 4}
    monkeypatch.setattr(socket, "gethostbyaddr", look_up)
    codes = []
    for address in known:
        with pytest.raises(socket.gaierror, match="words") as caught:
            getnameinfo((address, 0), socket.NI_NAMEREQD)
        codes.append(caught.value.errno)

    assert codes == [socket.EAI_NONAME, socket.EAI_AGAIN, socket.EAI_FAIL, socket.EAI_NONAME]


def test_settings_that_cannot_be_used():
    with pytest.raises(ConfigurationError, match="at least one thread"):
        SystemBackend(threads=0)
    assert repr(SystemBackend(threads=4)) == "SystemBackend(threads=4)"
