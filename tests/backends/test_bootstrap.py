"""Bootstrap: who finds the addresses of nameservers, and what becomes of what it says, under virtual time."""

from __future__ import annotations

import asyncio
import socket
import threading

import pytest

from aioresolver.answer import Answer
from aioresolver.backends.bootstrap import Bootstrap, known_by_address
from aioresolver.backends.system import SystemBackend
from aioresolver.errors import ConfigurationError, ServerFailure, UsageError
from aioresolver.transports.named import NamedTransport
from aioresolver.transports.nameserver import Nameserver
from aioresolver.wire.message import Record

NAMED = Nameserver.parse("tls://dns.test")


class Directory:
    """A backend that says what it is told to: addresses, an error, or None for silence, after so many seconds."""

    def __init__(self, **says):
        self.says = says
        self.closed = self.waiting = 0
        self.asked = []

    async def query(self, question, deadline):
        self.asked.append(str(question))
        delay, said = self.says[str(question.type)]
        self.waiting += 1
        try:
            await asyncio.sleep(delay)
        finally:
            self.waiting -= 1
        if isinstance(said, Exception):
            raise said
        records = [Record.parse(f"dns.test. 60 IN {question.type} {address}") for address in said]
        return Answer.from_records(question, records, now=0.0, ttl=60)

    async def aclose(self):
        self.closed += 1


FAILURE = ServerFailure("dns.test.", "A", "no answer")
FOUND = {
    "both at once": ({"A": (0, ["192.0.2.1", "192.0.2.2"]), "AAAA": (0, ["::1", "::2", "::3"])}, 0.0,
                     ["192.0.2.1", "::1", "192.0.2.2", "::2", "::3"]),
    "one": ({"A": (0, []), "AAAA": (1, ["::1"])}, 1.0, ["::1"]),
    "none": ({"A": (0, []), "AAAA": (1, [])}, 1.0, []),
    "the other is slow": ({"A": (1, ["192.0.2.1"]), "AAAA": (4, ["::1"])}, 1.1, ["192.0.2.1"]),
    "the other is a little slow": ({"A": (1.05, ["192.0.2.1"]), "AAAA": (1, ["::1"])}, 1.05, ["192.0.2.1", "::1"]),
    "the other fails": ({"A": (0, FAILURE), "AAAA": (1, ["::1"])}, 1.0, ["::1"]),
    "the other is silent": ({"A": (0, []), "AAAA": (99, ["::1"])}, 5.0, TimeoutError),
    "both fail": ({"A": (1, FAILURE), "AAAA": (0, FAILURE)}, 1.0, ServerFailure),
    "one fails": ({"A": (1, []), "AAAA": (0, FAILURE)}, 1.0, ServerFailure),
    "both are silent": ({"A": (99, []), "AAAA": (99, [])}, 5.0, TimeoutError),
}  # fmt: skip


@pytest.mark.parametrize("case", FOUND)
def test_finds_addresses(run_virtual, case):
    says, takes, expected = FOUND[case]

    async def main():
        loop = asyncio.get_running_loop()
        backend = Directory(**says)
        began = loop.time()
        async with Bootstrap(backend) as bootstrap:
            try:
                found = await bootstrap.resolve("dns.test", began + 5)
            except OSError as error:
                found = type(error)
        assert (found, round(loop.time() - began, 3)) == (expected, takes)
        assert backend.asked == ["dns.test. A", "dns.test. AAAA"]
        assert (backend.waiting, backend.closed) == (0, 1)

    run_virtual(main())


def test_one_family_only(run_virtual):
    async def main():
        backend = Directory(A=(0, ["192.0.2.1"]), AAAA=(0, ["::1"]))
        assert await Bootstrap(backend, family=socket.AF_INET).resolve("dns.test", 2000) == ["192.0.2.1"]
        assert await Bootstrap(backend, family=socket.AF_INET6).resolve("dns.test", 2000) == ["::1"]

    run_virtual(main())


def test_cancelling(run_virtual):
    async def main():
        backend = Directory(A=(9, []), AAAA=(9, []))
        finding = asyncio.ensure_future(Bootstrap(backend).resolve("dns.test", 2000))
        await asyncio.sleep(1)
        finding.cancel()
        await asyncio.wait([finding])
        assert finding.cancelled()
        assert backend.waiting == 0

    run_virtual(main())


async def test_without_a_backend_the_system_is_asked():
    calls = []

    def getaddrinfo(host, port, family, *rest):
        calls.append((host, family))
        return [(family, socket.SOCK_STREAM, 6, "", ("192.0.2.1" if family == socket.AF_INET else "::1", 0))]

    before = threading.active_count()
    bootstrap = Bootstrap(SystemBackend(threads=2, getaddrinfo=getaddrinfo))
    assert await bootstrap.resolve("dns.test", asyncio.get_running_loop().time() + 5) == ["192.0.2.1", "::1"]
    assert sorted(calls) == [(b"dns.test", socket.AF_INET), (b"dns.test", socket.AF_INET6)]
    await bootstrap.aclose()
    own = Bootstrap()
    assert await own.resolve("localhost", asyncio.get_running_loop().time() + 5) != []
    await own.aclose()
    assert threading.active_count() == before
    with pytest.raises(UsageError, match="closed"):
        await own.resolve("localhost", 0)


async def test_opens_transports():
    opened = []

    class Transport:
        def __init__(self, nameserver):
            opened.append(str(nameserver))

        async def exchange(self, query, deadline):
            return b"yes"

        async def aclose(self):
            opened.append("closed")

    bootstrap = Bootstrap(Directory(A=(0, ["192.0.2.1"]), AAAA=(0, ["::1"])), open_transport=Transport)
    assert type(bootstrap.open(Nameserver.parse("tls://192.0.2.7"))) is Transport
    named = bootstrap.open(NAMED)
    assert type(named) is NamedTransport
    assert await named.exchange(b"?", asyncio.get_running_loop().time() + 5) == b"yes"
    await named.aclose()
    assert opened == ["tls://192.0.2.7", "tls://192.0.2.1#dns.test", "tls://[::1]#dns.test", "closed", "closed"]
    await bootstrap.aclose()
    unused = Bootstrap()
    await unused.aclose()
    await unused.aclose()


def test_who_can_be_a_bootstrap():
    found = Nameserver.parse_all("192.0.2.1 tls://192.0.2.2#dns.test")
    assert known_by_address(found) == found
    with pytest.raises(ConfigurationError, match=r"^nameserver tls://dns\.test cannot be a bootstrap"):
        known_by_address([*found, NAMED])
