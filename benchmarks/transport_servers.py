"""Nameservers for every transport, on loopback with certificates of their own, all with the same names.

NSD answers over UDP, TCP and TLS, and Unbound, authoritative for the zone, over HTTPS. Of Debian's nameservers none
answers over QUIC, so there it is the testing server, which is Python as its clients are.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import nameserver

HOSTNAME, ADDRESS, PATH = "localhost", "127.0.0.1", "/dns-query"
NSD = """\
server:
  ip-address: {address}@{plain}
  ip-address: {address}@{tls}
  tls-port: {tls}
  tls-service-key: "{folder}/key.pem"
  tls-service-pem: "{folder}/certificate.pem"
  tcp-count: 200
  username: ""
  chroot: ""
  zonesdir: "{folder}"
  database: ""
  pidfile: ""
  xfrdfile: ""
  zonelistfile: "{folder}/zones"
  server-count: 1
remote-control:
  control-enable: no
zone:
  name: bench.test
  zonefile: bench.zone
"""
UNBOUND = """\
server:
  interface: {address}@{plain}
  interface: {address}@{https}
  port: {plain}
  https-port: {https}
  tls-service-key: "{folder}/key.pem"
  tls-service-pem: "{folder}/certificate.pem"
  http-endpoint: "{path}"
  http-max-streams: 200
  incoming-num-tcp: 200
  do-not-query-localhost: no
  do-ip6: no
  username: ""
  chroot: ""
  directory: "{folder}"
  pidfile: ""
  use-syslog: no
  logfile: "{folder}/unbound.log"
  do-daemonize: no
  module-config: "iterator"
  local-zone: "test." nodefault
  num-threads: 1
remote-control:
  control-enable: no
auth-zone:
  name: "bench.test."
  zonefile: "{folder}/bench.zone"
  for-downstream: yes
  for-upstream: no
"""


class Place(NamedTuple):
    """Where they listen, by scheme, and the file of the authority that vouches for them."""

    ports: dict[str, int]
    authority: str

    def url(self, scheme: str) -> str:
        """As a Resolver takes it; the scheme `https-get` is HTTPS with that method."""
        port = self.port(scheme)
        if scheme in ("udp", "tcp"):
            return f"{scheme}://{ADDRESS}:{port}"
        path = f"{PATH}{'?method=get' if scheme == 'https-get' else ''}" if scheme.startswith("https") else ""
        return f"{scheme.partition('-')[0]}://{ADDRESS}:{port}{path}#{HOSTNAME}"

    def port(self, scheme: str) -> int:
        """Where that scheme is spoken."""
        return self.ports[scheme.partition("-")[0]]


@contextlib.contextmanager
def serve(count: int, schemes: set[str]) -> Iterator[Place]:
    """Nameservers with so many names, for those of the schemes that this machine has one for."""
    from aioresolver.testing.certificates import CertificateAuthority

    with tempfile.TemporaryDirectory(prefix="benchmarks-") as text, contextlib.ExitStack() as stack:
        folder = Path(text)
        folder.chmod(0o755)
        authority = CertificateAuthority()
        certificate = authority.issue(ADDRESS, HOSTNAME)
        for file, content in {
            "authority": authority.pem,
            "certificate": certificate.certificate,
            "key": certificate.key,
        }.items():
            (folder / f"{file}.pem").write_bytes(content)
        nameserver.write_zone(folder / "bench.zone", count)
        ports: dict[str, int] = {}
        for begin, spoken in ((_nsd, {"udp", "tcp", "tls"}), (_unbound, {"https"}), (_testing_server, {"quic"})):
            if spoken & schemes:
                try:
                    ports |= stack.enter_context(begin(folder))
                except (OSError, ImportError) as error:
                    print(f"nobody serves {', '.join(sorted(spoken))}: {error}", file=sys.stderr)
        yield Place(ports, str(folder / "authority.pem"))


@contextlib.contextmanager
def _nsd(folder: Path) -> Iterator[dict[str, int]]:
    plain, tls = nameserver.free_port(), nameserver.free_port()
    file = folder / "nsd.conf"
    file.write_text(NSD.format(address=ADDRESS, plain=plain, tls=tls, folder=folder))
    with _running(["nsd", "-d", "-c", str(file)], plain):
        yield {"udp": plain, "tcp": plain, "tls": tls}


@contextlib.contextmanager
def _unbound(folder: Path) -> Iterator[dict[str, int]]:
    plain, https = nameserver.free_port(), nameserver.free_port()
    file = folder / "unbound.conf"
    file.write_text(UNBOUND.format(address=ADDRESS, plain=plain, https=https, folder=folder, path=PATH))
    with _running(["unbound", "-d", "-c", str(file)], plain):
        yield {"https": https}


@contextlib.contextmanager
def _testing_server(folder: Path) -> Iterator[dict[str, int]]:
    command = [sys.executable, __file__, str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            line = process.stdout.readline()
            if not line:
                raise OSError("the testing server does not start")
            yield {"quic": int(line)}
        finally:
            process.terminate()


@contextlib.contextmanager
def _running(command: list[str], port: int) -> Iterator[None]:
    """A nameserver, once it answers."""
    process = subprocess.Popen([nameserver.find(command[0]), *command[1:]], stderr=subprocess.DEVNULL)
    try:
        nameserver.wait_for(port, process)
        yield
    finally:
        process.terminate()
        process.wait()


# ---- the testing server, in a process of its own


async def _serve_quic(folder: Path) -> None:
    from cryptography import x509
    from cryptography.hazmat.primitives import serialization

    from aioresolver.testing import DNSServer, Zone
    from aioresolver.testing.certificates import Certificate

    certificate = Certificate(
        x509.load_pem_x509_certificate((folder / "certificate.pem").read_bytes()),
        serialization.load_pem_private_key((folder / "key.pem").read_bytes(), None),  # type: ignore[arg-type] # it is of the kind that was written
    )
    zone = Zone((folder / "bench.zone").read_text())
    async with DNSServer(zone, certificate=certificate, keep=0) as server:
        print(server.nameserver_quic.rpartition(":")[2], flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="with certificate.pem, key.pem and bench.zone")
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_serve_quic(parser.parse_args().folder))
