"""The five name servers that users have, on loopback, all with one zone: NSD, Unbound, BIND, Knot, dnsmasq.

Each runs in the foreground from a configuration made here, on a port of its own, and ends with the session.
"""

from __future__ import annotations

import getpass
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import dns.exception
import dns.message
import dns.query
import dns.rdatatype
import dns.zone
import pytest

sys.path.insert(0, str(Path(__file__).parent))  # the tests are no package

from encrypted_servers import KINDS, EncryptedServer, EncryptedServers, running_servers

HOSTS = 10_000
PATIENCE = 30.0  # seconds that a server may take to load the zone on a busy machine


class Server(NamedTuple):
    """A name server that runs: where it listens and what it is."""

    kind: str
    port: int
    address: str = "127.0.0.1"

    @property
    def nameserver(self) -> str:
        return f"udp://{self.address}:{self.port}"

    def ask(self, name: str, type: str = "A") -> dns.message.Message:
        """What dnspython, the oracle, gets for this question."""
        query = dns.message.make_query(name, type, use_edns=True, payload=1232)
        reply, _ = dns.query.udp_with_fallback(query, self.address, timeout=5.0, port=self.port)
        return reply


def host_address(number: int) -> str:
    """The address of h0 … h9999: from the block kept for measurements (RFC 2544)."""
    return f"198.18.{number >> 8}.{number & 255}"


@pytest.fixture(scope="session")
def zone_file() -> Iterator[Path]:
    """The zone of all servers, in a folder that servers without privileges can read."""
    folder = Path(tempfile.mkdtemp(prefix="aioresolver-"))
    folder.chmod(0o755)
    lines = [Path(__file__).with_name("interop.zone").read_text(encoding="utf-8")]
    lines += [f"h{number} A {host_address(number)}\n" for number in range(HOSTS)]
    lines += ["long TXT ", *(f'"{number:03}{"." * 240}" ' for number in range(12)), "\n"]  # no room in 1232 bytes
    file = folder / "interop.zone"
    file.write_text("".join(lines), encoding="utf-8")
    yield file
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def zone(zone_file: Path) -> dns.zone.Zone:
    """The zone as dnspython reads it."""
    return dns.zone.from_file(str(zone_file), "interop.test.", relativize=False)


def free_port() -> int:
    """A port that is free for UDP and TCP on loopback."""
    for _ in range(100):
        with socket.socket() as stream, socket.socket(type=socket.SOCK_DGRAM) as datagrams:
            stream.bind(("127.0.0.1", 0))
            port: int = stream.getsockname()[1]
            try:
                datagrams.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise RuntimeError("no port of 127.0.0.1 is free for both UDP and TCP")


def run(kind: str, port: int, command: list[str], folder: Path) -> Iterator[Server]:
    """Run the server in the foreground until the session ends; it is ready once it answers for the zone."""
    program = shutil.which(command[0]) or shutil.which(command[0], path="/usr/sbin:/usr/local/sbin")
    if program is None:
        pytest.fail(f"{command[0]} is not installed: python -m nox -s interop installs it", pytrace=False)
    server = Server(kind, port)
    log = folder / f"{kind}.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [program, *command[1:]], stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, cwd=folder
        )
    try:
        wait_until_ready(server, process, log)
        yield server
    finally:
        process.terminate()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def wait_until_ready(server: Server, process: subprocess.Popen[bytes], log: Path) -> None:
    """Ask for the last host of the zone until it is there."""
    query = dns.message.make_query(f"h{HOSTS - 1}.interop.test.", "A")
    give_up = time.monotonic() + PATIENCE
    while time.monotonic() < give_up and process.poll() is None:
        try:
            if dns.query.udp(query, server.address, timeout=0.2, port=server.port).answer:
                return
        except (dns.exception.Timeout, ConnectionRefusedError):
            pass
        time.sleep(0.05)
    process.kill()
    pytest.fail(f"{server.kind} does not answer:\n{log.read_text(errors='replace')[-3000:]}", pytrace=False)


@pytest.fixture(scope="session")
def nsd(zone_file: Path) -> Iterator[Server]:
    """NSD, which only knows its zones."""
    port, folder = free_port(), zone_file.parent
    configuration = folder / "nsd.conf"
    configuration.write_text(f"""
server:
    ip-address: 127.0.0.1@{port}
    port: {port}
    username: ""
    chroot: ""
    zonesdir: "{folder}"
    database: ""
    pidfile: "{folder}/nsd.pid"
    xfrdfile: "{folder}/xfrd.state"
    xfrdir: "{folder}"
    zonelistfile: "{folder}/zone.list"
    server-count: 1
    rrl-ratelimit: 0
    hide-version: yes
    answer-cookie: yes
remote-control:
    control-enable: no
zone:
    name: interop.test
    zonefile: {zone_file.name}
""")
    yield from run("nsd", port, ["nsd", "-d", "-c", str(configuration)], folder)


@pytest.fixture(scope="session")
def knot(zone_file: Path) -> Iterator[Server]:
    """Knot, which only knows its zones."""
    port, folder = free_port(), zone_file.parent
    configuration = folder / "knot.conf"
    configuration.write_text(f"""
server:
    rundir: "{folder}"
    listen: 127.0.0.1@{port}
    udp-workers: 1
    tcp-workers: 1
    background-workers: 1
log:
  - target: stderr
    any: warning
database:
    storage: "{folder}/knot"
control:
    listen: "{folder}/knot.sock"
template:
  - id: default
    global-module: mod-cookies
zone:
  - domain: interop.test
    file: "{zone_file}"
    zonefile-sync: -1
    journal-content: none
""")
    yield from run("knot", port, ["knotd", "-c", str(configuration)], folder)


@pytest.fixture(scope="session")
def bind(zone_file: Path) -> Iterator[Server]:
    """BIND, authoritative for the zone."""
    port, folder = free_port(), zone_file.parent
    configuration = folder / "named.conf"
    configuration.write_text(f"""
options {{
    directory "{folder}";
    pid-file "{folder}/named.pid";
    session-keyfile "{folder}/session.key";
    managed-keys-directory "{folder}";
    listen-on port {port} {{ 127.0.0.1; }};
    listen-on-v6 {{ none; }};
    query-source address 127.0.0.1;
    recursion no;
    dnssec-validation no;
    empty-zones-enable no;
    notify no;
}};
controls {{ }};
zone "interop.test" {{ type primary; file "{zone_file}"; check-names ignore; check-spf ignore; }};
""")
    yield from run("bind", port, ["named", "-g", "-n", "1", "-c", str(configuration)], folder)


@pytest.fixture(scope="session")
def unbound(zone_file: Path, nsd: Server) -> Iterator[Server]:
    """Unbound, which resolves and caches, in front of NSD; NSD stands for the root too, so nothing leaves."""
    port, folder = free_port(), zone_file.parent
    configuration = folder / "unbound.conf"
    configuration.write_text(f"""
server:
    interface: 127.0.0.1@{port}
    port: {port}
    outgoing-interface: 127.0.0.1
    do-not-query-localhost: no
    do-ip6: no
    username: ""
    chroot: ""
    directory: "{folder}"
    pidfile: "{folder}/unbound.pid"
    use-syslog: no
    logfile: ""
    do-daemonize: no
    module-config: "iterator"
    local-zone: "test." nodefault
    local-zone: "interop.test." nodefault
    num-threads: 1
    outgoing-range: 900
    num-queries-per-thread: 4096
    so-rcvbuf: 0
    rrset-roundrobin: no
remote-control:
    control-enable: no
stub-zone:
    name: "interop.test."
    stub-addr: {nsd.address}@{nsd.port}
forward-zone:
    name: "."
    forward-addr: {nsd.address}@{nsd.port}
""")
    yield from run("unbound", port, ["unbound", "-d", "-d", "-c", str(configuration)], folder)


@pytest.fixture(scope="session")
def dnsmasq(zone_file: Path, nsd: Server) -> Iterator[Server]:
    """Dnsmasq, which forwards to NSD and caches."""
    port, folder = free_port(), zone_file.parent
    configuration = folder / "dnsmasq.conf"
    configuration.write_text(f"""
port={port}
listen-address=127.0.0.1
bind-interfaces
no-resolv
no-hosts
no-poll
server={nsd.address}#{nsd.port}
cache-size=20000
dns-forward-max=10000
user={getpass.getuser()}
group=
pid-file=
""")
    yield from run(
        "dnsmasq", port, ["dnsmasq", "--keep-in-foreground", "-C", str(configuration), "--log-facility=-"], folder
    )


@pytest.fixture(params=["nsd", "knot", "bind", "unbound", "dnsmasq"])
def server(request: pytest.FixtureRequest) -> Server:
    """Each of the servers in turn."""
    running: Server = request.getfixturevalue(request.param)
    return running


@pytest.fixture(scope="session")
def encrypted_server(zone_file: Path, nsd: Server) -> Iterator[EncryptedServers]:
    """`encrypted_server("unbound")`: its `nameserver(scheme)`, `ports` by scheme, `authority` and `certificate`."""
    with running_servers(zone_file, nsd.port, free_port) as servers:
        yield servers


@pytest.fixture(params=KINDS)
def secure(request: pytest.FixtureRequest, encrypted_server: EncryptedServers) -> EncryptedServer:
    """Each of the servers that speak TLS and HTTPS in turn."""
    return encrypted_server(request.param)
