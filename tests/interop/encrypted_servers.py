"""The four name servers that speak TLS and HTTPS, on loopback, all with the zone of the others: Unbound, Knot Resolver,
BIND and dnsdist, which speaks QUIC too where its package has it. Their certificates are those of an authority of the tests.
"""

from __future__ import annotations

import shutil
import signal
import ssl
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import dns.exception
import dns.message
import dns.query
import pytest

from aioresolver.testing.certificates import Certificate, CertificateAuthority

KINDS = ("unbound", "kresd", "bind", "dnsdist")
PROGRAMS = {"bind": "named"}
PATIENCE = 30.0  # seconds that a server may take to load the zone on a busy machine


class Place(NamedTuple):
    """All that a configuration is made of: `upstream` is the port of a plain name server that knows the zone."""

    folder: Path
    zone_file: Path
    upstream: int
    plain: int
    tls: int
    https: int
    quic: int

    @property
    def certificate(self) -> Path:
        return self.folder / "certificate.pem"

    @property
    def key(self) -> Path:
        return self.folder / "key.pem"


class EncryptedServer:
    """A name server that runs: what it is, where it listens by scheme, and who vouches for it.

    Its certificate is for 127.0.0.1, ::1 and localhost unless a test gives another one.
    """

    def __init__(self, kind: str, place: Place, authority: CertificateAuthority, certificate: Certificate) -> None:
        self.kind = kind
        self.authority = authority
        self.certificate = certificate
        self.address = "127.0.0.1"
        self.ports = {"tls": place.tls, "https": place.https}
        if kind == "dnsdist" and speaks_quic():
            self.ports["quic"] = place.quic
        self._place = place
        self._process: subprocess.Popen[bytes] | None = None
        place.certificate.write_bytes(certificate.certificate)
        place.key.write_bytes(certificate.key)
        configuration, arguments = CONFIGURATIONS[kind](place)
        self._file = place.folder / "configuration"
        self._file.write_text(configuration)
        self._command = [find_program(kind), *arguments(str(self._file))]

    def nameserver(self, scheme: str = "tls", hostname: str = "", options: str = "") -> str:
        """Its URL: `tls://127.0.0.1:53124#localhost`."""
        path = "/dns-query" if scheme == "https" else ""
        mark = f"#{hostname}" if hostname else ""
        return f"{scheme}://{self.address}:{self.ports[scheme]}{path}{f'?{options}' if options else ''}{mark}"

    def start(self) -> None:
        """Start it, and wait until it answers."""
        log = self._place.folder / "log"
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                self._command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=self._place.folder,
            )
        give_up = time.monotonic() + PATIENCE
        while time.monotonic() < give_up and self._process.poll() is None:
            if self.answers():
                return
            time.sleep(0.05)
        self.kill()
        pytest.fail(f"{self.kind} does not answer:\n{log.read_text(errors='replace')[-3000:]}", pytrace=False)

    def kill(self) -> None:
        """End it at once, in the middle of what it does."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """Have it end by itself."""
        self._end(signal.SIGTERM)

    def answers(self) -> bool:
        """Whether it answers for the zone over TLS, according to dnspython."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        query = dns.message.make_query("v4.interop.test.", "A")
        try:
            reply = dns.query.tls(query, self.address, timeout=1, port=self.ports["tls"], ssl_context=context)
        except (dns.exception.DNSException, OSError, EOFError):
            return False
        return bool(reply.answer)

    def _end(self, number: int) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(number)
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


class EncryptedServers:
    """Starts servers and ends them. Called with a kind it gives a server of that kind that all tests share.

    With a `certificate` of its own, or with `own`, a test gets a server that no other test uses, to kill for example.
    """

    def __init__(self, zone_file: Path, upstream: int, free_port: Callable[[], int]) -> None:
        self.authority = CertificateAuthority()
        self._zone_file = zone_file
        self._upstream = upstream
        self._free_port = free_port
        self._certificate = self.authority.issue()
        self._shared: dict[str, EncryptedServer] = {}
        self._all: list[EncryptedServer] = []

    def __call__(self, kind: str, *, certificate: Certificate | None = None, own: bool = False) -> EncryptedServer:
        shared = certificate is None and not own
        if shared and kind in self._shared:
            return self._shared[kind]
        folder = Path(tempfile.mkdtemp(prefix=f"{kind}-", dir=self._zone_file.parent))
        folder.chmod(0o755)
        place = Place(folder, self._zone_file, self._upstream, *(self._free_port() for _ in range(4)))
        server = EncryptedServer(kind, place, self.authority, certificate or self._certificate)
        self._all.append(server)
        server.start()
        if shared:
            self._shared[kind] = server
        return server

    def stop(self) -> None:
        """End them all."""
        for server in self._all:
            server.stop()


@contextmanager
def running_servers(zone_file: Path, upstream: int, free_port: Callable[[], int]) -> Iterator[EncryptedServers]:
    """What starts servers in front of the plain one at port `upstream`; they end with the block."""
    servers = EncryptedServers(zone_file, upstream, free_port)
    try:
        yield servers
    finally:
        servers.stop()


def find_program(kind: str) -> str:
    name = PROGRAMS.get(kind, kind)
    program = shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin")
    if program is None:
        pytest.fail(f"{name} is not installed: python -m nox -s interop installs it", pytrace=False)
    return program


def speaks_quic() -> bool:
    """Whether the dnsdist of this machine speaks QUIC."""
    told = subprocess.run([find_program("dnsdist"), "--version"], capture_output=True, text=True, check=False)
    return "dns-over-quic" in told.stdout


Arguments = Callable[[str], list[str]]


def unbound(place: Place) -> tuple[str, Arguments]:
    """Unbound, which resolves and caches; the plain server stands for the root too, so nothing leaves."""
    return (
        f"""
server:
    interface: 127.0.0.1@{place.tls}
    interface: 127.0.0.1@{place.https}
    port: {place.plain}
    tls-port: {place.tls}
    https-port: {place.https}
    tls-service-key: "{place.key}"
    tls-service-pem: "{place.certificate}"
    http-endpoint: "/dns-query"
    http-max-streams: 200
    outgoing-interface: 127.0.0.1
    do-not-query-localhost: no
    do-ip6: no
    username: ""
    chroot: ""
    directory: "{place.folder}"
    pidfile: "{place.folder}/unbound.pid"
    use-syslog: no
    logfile: ""
    do-daemonize: no
    module-config: "iterator"
    local-zone: "test." nodefault
    num-threads: 1
    outgoing-range: 900
    num-queries-per-thread: 4096
    rrset-roundrobin: no
remote-control:
    control-enable: no
stub-zone:
    name: "interop.test."
    stub-addr: 127.0.0.1@{place.upstream}
forward-zone:
    name: "."
    forward-addr: 127.0.0.1@{place.upstream}
""",
        lambda file: ["-d", "-d", "-c", file],
    )


def kresd(place: Place) -> tuple[str, Arguments]:
    """Knot Resolver, which forwards and caches; it may send from loopback only, so nothing leaves."""
    return (
        f"""
for _, name in ipairs({{'priming', 'ta_update', 'ta_signal_query', 'detect_time_skew', 'detect_time_jump'}}) do
    modules.unload(name)
end
trust_anchors.remove('.')
net.ipv6 = false
net.outgoing_v4('127.0.0.1')
net.listen('127.0.0.1', {place.tls}, {{ kind = 'tls' }})
net.listen('127.0.0.1', {place.https}, {{ kind = 'doh2' }})
net.tls('{place.certificate}', '{place.key}')
modules.load('policy')
policy.add(policy.all(policy.STUB('127.0.0.1@{place.upstream}')))
cache.size = 20 * MB
""",
        lambda file: ["--noninteractive", f"--config={file}", str(place.folder)],
    )


def bind(place: Place) -> tuple[str, Arguments]:
    """BIND, authoritative for the zone."""
    return (
        f"""
tls local {{ cert-file "{place.certificate}"; key-file "{place.key}"; }};
http local {{ endpoints {{ "/dns-query"; }}; listener-clients 100; streams-per-connection 100; }};
options {{
    directory "{place.folder}";
    pid-file "{place.folder}/named.pid";
    session-keyfile "{place.folder}/session.key";
    managed-keys-directory "{place.folder}";
    listen-on port {place.plain} {{ 127.0.0.1; }};
    listen-on port {place.tls} tls local {{ 127.0.0.1; }};
    listen-on port {place.https} tls local http local {{ 127.0.0.1; }};
    listen-on-v6 {{ none; }};
    query-source address 127.0.0.1;
    recursion no;
    dnssec-validation no;
    empty-zones-enable no;
    notify no;
}};
controls {{ }};
zone "interop.test" {{ type primary; file "{place.zone_file}"; check-names ignore; check-spf ignore; }};
""",
        lambda file: ["-g", "-n", "1", "-c", file],
    )


def dnsdist(place: Place) -> tuple[str, Arguments]:
    """Dnsdist, which only forwards."""
    quic = f"addDOQLocal('127.0.0.1:{place.quic}', '{place.certificate}', '{place.key}')" if speaks_quic() else ""
    return (
        f"""
setSecurityPollSuffix('')
setLocal('127.0.0.1:{place.plain}')
addTLSLocal('127.0.0.1:{place.tls}', '{place.certificate}', '{place.key}')
addDOHLocal('127.0.0.1:{place.https}', '{place.certificate}', '{place.key}', '/dns-query')
{quic}
newServer({{ address = '127.0.0.1:{place.upstream}', source = '127.0.0.1' }})
""",
        lambda file: ["--supervised", "--disable-syslog", "-C", file],
    )


CONFIGURATIONS = {"unbound": unbound, "kresd": kresd, "bind": bind, "dnsdist": dnsdist}
