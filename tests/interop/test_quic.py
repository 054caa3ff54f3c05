"""DNS over QUIC with what speaks it: kdig as a client of our server, Knot and dnsdist as servers of our client.

Of these servers many packages speak no QUIC (Knot does from 3.3 on); they are passed over.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

import pytest

pytest.importorskip("aioquic")

from encrypted_servers import speaks_quic

from aioresolver.errors import TransportError
from aioresolver.testing import DNSServer
from aioresolver.testing.certificates import CertificateAuthority
from aioresolver.transports.nameserver import Nameserver
from aioresolver.transports.quic import QuicTransport
from aioresolver.wire.message import Message, Question
from aioresolver.wire.query import query_wire

AUTHORITY = CertificateAuthority()
PATHS = "/usr/sbin:/usr/local/sbin"


def soon(seconds=10.0):
    return asyncio.get_running_loop().time() + seconds


def host_query(number):
    return query_wire(Question.parse(f"h{number}.interop.test"))


class KnotServer:
    """Knot with the zone, over QUIC."""

    def __init__(self, program, zone_file, folder, ports):
        self.program = program
        self.port, plain = ports
        certificate = AUTHORITY.issue("127.0.0.1", "localhost")
        (folder / "certificate.pem").write_bytes(certificate.certificate)
        (folder / "key.pem").write_bytes(certificate.key)
        (folder / "key.pem").chmod(0o600)
        self.file = folder / "knot.conf"
        self.file.write_text(f"""
server:
    rundir: "{folder}"
    listen: 127.0.0.1@{plain}
    listen-quic: 127.0.0.1@{self.port}
    cert-file: "{folder}/certificate.pem"
    key-file: "{folder}/key.pem"
    udp-workers: 1
    tcp-workers: 1
    background-workers: 1
log:
  - target: stderr
    any: warning
database:
    storage: "{folder}"
control:
    listen: "{folder}/knot.sock"
zone:
  - domain: interop.test
    file: "{zone_file}"
    zonefile-sync: -1
    journal-content: none
""")
        self.log = folder / "log"
        self.process = None

    @property
    def nameserver(self):
        return Nameserver("quic", "127.0.0.1", self.port)

    @property
    def context(self):
        return AUTHORITY.client_context()

    def start(self):
        with self.log.open("ab") as output:
            self.process = subprocess.Popen(
                [self.program, "-c", str(self.file)], stdin=subprocess.DEVNULL, stdout=output, stderr=output
            )

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()


async def answers(server):
    """Whether it answers for the last host of the zone."""
    give_up = time.monotonic() + 30
    while time.monotonic() < give_up:
        transport = QuicTransport(server.nameserver, context=server.context)
        with contextlib.suppress(TransportError):
            reply = Message.parse(await transport.exchange(host_query(9999), soon(1)))
            await transport.aclose()
            if reply.answer:
                return True
        await transport.aclose()
        await asyncio.sleep(0.05)
    return False


@pytest.fixture(scope="module")
def knot_quic(zone_file):
    program = shutil.which("knotd") or shutil.which("knotd", path=PATHS)
    told = subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout if program else ""
    version = re.search(r"(\d+)\.(\d+)", told)
    if version is None or (int(version[1]), int(version[2])) < (3, 3):
        pytest.skip(f"this Knot speaks no QUIC: {told.strip() or 'not installed'}")
    import socket

    folder = Path(tempfile.mkdtemp(prefix="knot-quic-", dir=zone_file.parent))
    ports = []
    for _ in range(2):
        with socket.socket(type=socket.SOCK_DGRAM) as free:
            free.bind(("127.0.0.1", 0))
            ports.append(free.getsockname()[1])
    server = KnotServer(program, zone_file, folder, ports)
    server.start()
    if not asyncio.run(answers(server)):
        server.kill()
        pytest.fail(f"Knot does not answer:\n{server.log.read_text()[-3000:]}", pytrace=False)
    yield server
    server.kill()


class Dnsdist:
    """Dnsdist with QUIC, from the tests of all encrypted transports."""

    def __init__(self, server):
        self._server = server

    @property
    def nameserver(self):
        return Nameserver("quic", "127.0.0.1", self._server.ports["quic"])

    @property
    def context(self):
        return self._server.authority.client_context()

    def kill(self):
        self._server.kill()

    def start(self):
        self._server.start()


@pytest.fixture(scope="module")
def dnsdist_quic(encrypted_server):
    if not speaks_quic():
        pytest.skip("this dnsdist speaks no QUIC")
    return Dnsdist(encrypted_server("dnsdist", own=True))


@pytest.fixture(params=["knot_quic", "dnsdist_quic"])
def quic_server(request):
    return request.getfixturevalue(request.param)


async def test_resolves(quic_server):
    transport = QuicTransport(quic_server.nameserver, context=quic_server.context)

    reply = Message.parse(await transport.exchange(host_query(1), soon()))
    long = Message.parse(await transport.exchange(query_wire(Question.parse("long.interop.test", "TXT")), soon()))

    assert [str(record.data) for record in reply.answer] == ["198.18.0.1"]
    assert (reply.id, len(long.wire) > 2900) == (0, True)
    await transport.aclose()


async def test_ten_thousand_queries(quic_server):
    transport = QuicTransport(quic_server.nameserver, context=quic_server.context)

    replies = await asyncio.gather(*(transport.exchange(host_query(number), soon(30)) for number in range(10_000)))

    answers = [str(Message.parse(reply).answer[0].data) for reply in replies]
    assert answers == [f"198.18.{number >> 8}.{number & 255}" for number in range(10_000)]
    # Knot allows 1024 streams for each connection, ten at once; for the rest it wants another.
    assert transport.handshakes <= 14
    await transport.aclose()


async def test_sessions_are_resumed(quic_server):
    transport = QuicTransport(quic_server.nameserver, context=quic_server.context, idle_timeout=0.05)

    for _ in range(4):
        await transport.exchange(host_query(1), soon())
        await asyncio.sleep(0.2)

    # Knot refuses the second, since it has a token: then one without ticket and token.
    assert transport.handshakes == 4
    assert transport.resumed >= 2
    await transport.aclose()


async def test_a_cancelled_query_harms_no_other(quic_server):
    transport = QuicTransport(quic_server.nameserver, context=quic_server.context)
    await transport.exchange(host_query(1), soon())
    futures = [transport.exchange(host_query(number), soon()) for number in range(1000)]
    for future in futures[::2]:
        future.cancel()

    assert len(await asyncio.gather(*futures[1::2])) == 500
    await transport.aclose()


async def test_a_killed_server_is_connected_to_again(quic_server):
    transport = QuicTransport(quic_server.nameserver, context=quic_server.context)
    await transport.exchange(host_query(1), soon())
    quic_server.kill()
    quic_server.start()
    assert await answers(quic_server)

    assert await transport.exchange(host_query(2), soon())
    assert transport.handshakes == 2
    await transport.aclose()


async def test_a_server_that_goes_to_sleep_is_connected_to_again(quic_server):
    transport = QuicTransport(quic_server.nameserver, context=quic_server.context, idle_timeout=60)
    await transport.exchange(host_query(1), soon())
    await asyncio.sleep(6)  # Knot closes after 4 seconds, dnsdist after 5

    assert await transport.exchange(host_query(2), soon())
    assert transport.handshakes == 2
    await transport.aclose()


async def test_a_wrong_name_is_refused(quic_server):
    nameserver = Nameserver("quic", "127.0.0.1", quic_server.nameserver.port, hostname="other.test")
    transport = QuicTransport(nameserver, context=quic_server.context)

    with pytest.raises(TransportError, match=r"the certificate of .*#other\.test is not valid"):
        await transport.exchange(host_query(1), soon())
    await transport.aclose()


async def kdig(server, *words):
    program = shutil.which("kdig")
    if program is None:
        pytest.skip("kdig is not installed")
    url = Nameserver.parse(server.nameserver_quic)
    process = await asyncio.create_subprocess_exec(
        program, f"@{url.address}", "-p", str(url.port), "+quic", "+time=5", "+retry=0", *words,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    told, _ = await asyncio.wait_for(process.communicate(), 20)
    if b"QUIC" not in told and b"invalid option" in told:
        pytest.skip("this kdig speaks no QUIC")
    return told.decode()


def serve():
    text = " ".join(f'"{"x" * 200}"' for _ in range(30))
    return DNSServer(
        f"www.example. 60 A 192.0.2.1\nbig.example. 60 TXT {text}", certificate=AUTHORITY.issue("127.0.0.1", "dns.test")
    )


async def test_kdig_is_answered():
    async with serve() as server:
        told = await kdig(server, "www.example", "A")
        long = await kdig(server, "big.example", "TXT")

    assert "QUIC session (QUICv1)" in told
    assert "192.0.2.1" in told
    assert "Received 6082 B" in long
    assert [query.transport for query in server.queries] == ["quic"] * 2


async def test_kdig_believes_the_certificate(tmp_path):
    file = tmp_path / "authority.pem"
    file.write_bytes(AUTHORITY.pem)
    async with serve() as server:
        believed = await kdig(server, "www.example", f"+tls-ca={file}", "+tls-hostname=dns.test", "+quic")
        refused = await kdig(server, "www.example", f"+tls-ca={file}", "+tls-hostname=other.test", "+quic")

    assert "192.0.2.1" in believed
    assert "192.0.2.1" not in refused
