"""The fixtures as users have them: in a project of its own."""

from __future__ import annotations

import re
import subprocess
import sys

CONFTEST = """
import socket

pytest_plugins = ["aioresolver.testing.fixtures"]


def last_line(real):
    def stopped(*arguments, **keywords):
        # Whatever becomes of the guard, this test sends nothing beyond loopback.
        said = f"{arguments} {keywords}"
        if "192.0.2.2" in said or "www.example" in said:
            raise RuntimeError(f"the guard let it through: {said}")
        return real(*arguments, **keywords)

    return stopped


for method in ("connect", "connect_ex", "sendto", "sendmsg"):
    setattr(socket.socket, method, last_line(getattr(socket.socket, method)))
for function in ("getaddrinfo", "gethostbyname", "gethostbyname_ex", "gethostbyaddr", "getnameinfo"):
    setattr(socket, function, last_line(getattr(socket, function)))
"""

TESTS = """
import asyncio
import socket

import dns.message
import dns.query
import pytest

from aioresolver.testing import Fault
from aioresolver.testing.fixtures import DNSEscape


def ask(server, name):
    query = dns.message.make_query(name, "A")
    reply = dns.query.udp(query, server.address, port=server.port, timeout=5)
    return [rdata.address for rrset in reply.answer for rdata in rrset]


def test_without_a_marker(dns_server):
    dns_server.add("www.example. 60 A 192.0.2.1")
    assert ask(dns_server, "www.example") == ["192.0.2.1"]


@pytest.mark.dns_zone("www.example. 60 A 192.0.2.1", "$ORIGIN example.org.\\nwww 60 A 192.0.2.2")
def test_with_a_marker(dns_server):
    assert ask(dns_server, "www.example") == ["192.0.2.1"]
    assert ask(dns_server, "www.example.org") == ["192.0.2.2"]


@pytest.mark.internet("$ORIGIN shop.test.\\nns A 192.0.2.1", latency=0.01)
def test_with_an_internet(internet):
    query = dns.message.make_query("shop.test", "NS").to_wire()

    async def main():
        return await internet.exchange("192.0.2.1", query, False, asyncio.get_running_loop().time() + 5)

    assert "ns.shop.test." in str(dns.message.from_wire(asyncio.run(main())).answer)


def test_with_an_empty_internet(internet):
    assert list(internet.hints) == ["a.root."]


class TestOverridden:
    @pytest.fixture
    def dns_zone(self):
        return "www.example. 60 A 192.0.2.3"

    def test_zone(self, dns_server):
        dns_server.faults.append(Fault.duplicate())
        assert ask(dns_server, "www.example") == ["192.0.2.3"]


@pytest.mark.usefixtures("no_network_dns")
class TestGuard:
    def test_loopback_and_literals_are_free(self, dns_server):
        dns_server.add("www.example. 60 A 192.0.2.1")
        assert ask(dns_server, "www.example") == ["192.0.2.1"]
        assert socket.getaddrinfo("192.0.2.1", 80)
        assert socket.getaddrinfo(None, 80)
        assert socket.getnameinfo(("127.0.0.1", 80), socket.NI_NUMERICHOST | socket.NI_NUMERICSERV)
        assert socket.gethostbyname(b"127.0.0.1") == "127.0.0.1"

    def test_other_ports_are_free(self):
        with socket.socket(socket.AF_UNIX) as sock, pytest.raises(OSError):
            sock.connect("/nonexistent/socket")

    @pytest.mark.parametrize("act", [
        lambda sock: sock.connect(("192.0.2.2", 53)),
        lambda sock: sock.connect_ex(("192.0.2.2", 853)),
        lambda sock: sock.sendto(b"x", ("192.0.2.2", 53)),
        lambda sock: sock.sendto(b"x", 0, ("192.0.2.2", 53)),
        lambda sock: sock.sendmsg([b"x"], [], 0, ("192.0.2.2", 53)),
        lambda sock: socket.getaddrinfo("www.example", 80),
        lambda sock: socket.getaddrinfo(host="www.example", port=80),
        lambda sock: socket.gethostbyname("www.example"),
        lambda sock: socket.gethostbyaddr("192.0.2.2"),
        lambda sock: socket.getnameinfo(("192.0.2.2", 80), 0),
    ])
    def test_escape(self, act):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock, pytest.raises(DNSEscape):
            act(sock)

    def test_escape_of_asyncio(self):
        async def escape():
            loop = asyncio.get_running_loop()
            with pytest.raises(DNSEscape):
                await loop.create_datagram_endpoint(asyncio.DatagramProtocol, remote_addr=("192.0.2.2", 53))
            with pytest.raises(DNSEscape):
                await loop.getaddrinfo("www.example", 80)

        asyncio.run(escape())


def test_the_guard_is_gone():
    assert socket.socket.sendto.__name__ == socket.getaddrinfo.__name__ == "stopped"
"""


def test_in_a_project(tmp_path):
    (tmp_path / "conftest.py").write_text(CONFTEST)
    (tmp_path / "test_it.py").write_text(TESTS)
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-rA",
        "--strict-markers",
        "-W",
        "error",
        "-p",
        "no:cacheprovider",
        "-p",
        "no:asyncio",
    ]
    result = subprocess.run([*command, str(tmp_path)], capture_output=True, text=True, check=False, cwd=tmp_path)
    outcomes = re.findall(r"^(PASSED|FAILED|ERROR) \S*::(\w+)", result.stdout, re.MULTILINE)

    # An escape is an error at the end of its test, although the test itself caught it.
    assert {name for outcome, name in outcomes if outcome == "ERROR"} == {"test_escape", "test_escape_of_asyncio"}
    assert result.stdout.count("the test did DNS on the network: ") >= 11
    assert [name for outcome, name in outcomes if outcome == "FAILED"] == []
    assert {name for outcome, name in outcomes if outcome == "PASSED"} >= {
        "test_without_a_marker",
        "test_with_a_marker",
        "test_with_an_internet",
        "test_with_an_empty_internet",
        "test_zone",
        "test_loopback_and_literals_are_free",
        "test_other_ports_are_free",
        "test_the_guard_is_gone",
    }
