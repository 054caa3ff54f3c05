from __future__ import annotations

import asyncio
import socket
import threading
from functools import partial
from pathlib import Path

import pytest

from aioresolver.backends.system import SystemBackend
from aioresolver.errors import LookupTimeout, ServerFailure
from aioresolver.testing import DNSServer, Fault
from aioresolver.testing.libc import point_getaddrinfo_at
from aioresolver.wire.codes import Rcode, RRType
from aioresolver.wire.message import Question
from aioresolver.wire.names import Name

ZONE = """
www.example.   60 A     192.0.2.7
www.example.   60 AAAA  2001:db8::7
alias.example. 60 CNAME www.example.
four.example.  60 A     192.0.2.4
single.        60 A     192.0.2.5
7.2.0.192.in-addr.arpa. 60 PTR www.example.
"""


def in_thread(call):
    """What the call gives in a thread of its own: the resolver's state of this one stays as it is."""
    results: list = []
    thread = threading.Thread(target=lambda: results.append(call()))
    thread.start()
    thread.join()
    return results[0]


def why_not() -> str | None:
    """Why the real getaddrinfo cannot be used here without asking anybody else; None when it can."""
    if not in_thread(lambda: point_getaddrinfo_at("127.0.0.1", 9)):
        return "only glibc's getaddrinfo can be pointed at a port"
    path = Path("/etc/nsswitch.conf")
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    sources = {word for line in lines if line.startswith("hosts:") for word in line[6:].split()}
    return None if sources <= {"files", "dns"} else f"nsswitch.conf names other sources: {sorted(sources)}"


REASON = why_not()
only_where_it_works = pytest.mark.skipif(REASON is not None, reason=REASON or "")


@pytest.fixture
async def server():
    async with DNSServer(ZONE) as server:
        yield server


@pytest.fixture
async def backend(server):
    async with SystemBackend(initializer=partial(point_getaddrinfo_at, "127.0.0.1", server.port)) as backend:
        yield backend


def question(text: str) -> Question:
    return Question.parse(*text.split())


def soon(seconds: float = 20.0) -> float:
    return asyncio.get_running_loop().time() + seconds


@only_where_it_works
async def test_the_real_getaddrinfo_asks_the_server(backend, server):
    four = await backend.query(question("www.example A"), soon())
    six = await backend.query(question("www.example AAAA"), soon())
    alias = await backend.query(question("alias.example A"), soon())

    assert [str(data) for data in four] == ["192.0.2.7"]
    assert [str(data) for data in six] == ["2001:db8::7"]
    assert alias.aliases == ("alias.example.",)
    assert alias.name == "www.example."
    assert {str(query.name) for query in server.queries} == {"www.example.", "alias.example."}


@only_where_it_works
async def test_the_search_list_is_off(backend, server):
    answer = await backend.query(question("single A"), soon())

    assert [str(data) for data in answer] == ["192.0.2.5"]
    assert {query.name for query in server.queries} == {"single."}


@only_where_it_works
async def test_absence_and_failure_of_the_real_getaddrinfo(backend, server):
    nothing = await backend.query(question("nx.example A"), soon())
    no_data = await backend.query(question("four.example AAAA"), soon())
    server.faults = [Fault.servfail()]
    with pytest.raises(ServerFailure) as caught:
        await backend.query(question("bad.example A"), soon())

    assert nothing.rcode == Rcode.NXDOMAIN
    assert no_data.rcode == Rcode.NOERROR
    assert len(no_data) == 0
    assert caught.value.errno == socket.EAI_AGAIN


@only_where_it_works
async def test_the_real_getnameinfo_asks_the_server(backend):
    there = await backend.query(Question(Name.reverse("192.0.2.7"), RRType.PTR), soon())
    not_there = await backend.query(Question(Name.reverse("192.0.2.8"), RRType.PTR), soon())

    assert [data.target for data in there] == ["www.example."]
    assert not_there.rcode == Rcode.NXDOMAIN


@only_where_it_works
async def test_a_silent_server_does_not_outlast_the_deadline(server):
    server.faults = [Fault.drop(name="silent.example.")]
    initializer = partial(point_getaddrinfo_at, "127.0.0.1", server.port)
    async with SystemBackend(threads=2, initializer=initializer) as backend:
        silent = backend.submit(question("silent.example A"), soon(0.05))
        answers = await asyncio.gather(*[backend.query(question("www.example A"), soon()) for _ in range(50)])
        with pytest.raises(LookupTimeout):
            await silent

    assert {len(answer) for answer in answers} == {1}


@only_where_it_works
def test_other_threads_keep_their_own_state():
    with DNSServer.in_thread(ZONE) as first, DNSServer.in_thread("www.example. 60 A 192.0.2.99") as second:

        def address_from(server):
            assert point_getaddrinfo_at(server.address, server.port)
            return socket.getaddrinfo("www.example", None, socket.AF_INET, socket.SOCK_STREAM)[0][4][0]

        assert in_thread(partial(address_from, first)) == "192.0.2.7"
        assert in_thread(partial(address_from, second)) == "192.0.2.99"


def test_only_ipv4_can_be_pointed_at():
    if REASON is not None:
        pytest.skip(REASON)
    with pytest.raises(ValueError, match="::1"):
        point_getaddrinfo_at("::1", 53)


def test_elsewhere_it_says_so_and_changes_nothing(monkeypatch):
    monkeypatch.setattr("sys.platform", "darwin")

    assert point_getaddrinfo_at("127.0.0.1", 9) is False
