"""The zones of an Internet served by real programs, and Unbound that walks them from the root.

Everything is on port 53 of addresses in 127.1.0.0/16, so the whole runs in a network of its own. The third number of
an address says which program serves there.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dns.exception
import dns.message
import dns.query

from aioresolver.testing.internet_map import InternetMap

PROGRAMS = ("nsd", "knot", "bind", "nsd", "knot", "bind")
UNBOUND = "127.0.0.1"
PATIENCE = 30.0
PATHS = os.pathsep.join([*os.get_exec_path(), "/usr/sbin", "/usr/local/sbin"])


@contextmanager
def serve(plan: InternetMap, folder: Path) -> Iterator[None]:
    """Start every program that has a place, and Unbound, and end them."""
    folder.chmod(0o755)
    build_network(plan)
    for origin, zone in plan.zones.items():
        (folder / zone_file(origin)).write_text(
            "".join(f"{record}\n" for record in sorted(zone.records, key=soa_first))
        )
    processes: list[subprocess.Popen[bytes]] = []
    try:
        for number, kind in enumerate(PROGRAMS):
            places = [place for place in plan.places.values() if place.address.startswith(f"127.1.{number}.")]
            if places:
                origins = sorted({str(zone.origin) for place in places for zone in place.zones})
                home = folder / f"{number}-{kind}"
                home.mkdir()
                command = CONFIGURE[kind](home, folder, [place.address for place in places], origins)
                processes.append(start(command, home))
                wait_for(places[0].address, origins[0], processes[-1], home)
        hints = "".join(f". 3600 NS {name}\n{name} 3600 A {address}\n"
                        for name, addresses in plan.hints.items() for address in addresses)  # fmt: skip
        (folder / "root.hints").write_text(hints)
        home = folder / "unbound"
        home.mkdir()
        processes.append(start(unbound(home, folder / "root.hints"), home))
        wait_for(UNBOUND, ".", processes[-1], home)
        yield
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def build_network(plan: InternetMap) -> None:
    """Loopback, with each address by itself: BIND listens where an interface says so."""
    ip("link", "set", "lo", "up")
    for address in plan.places:
        if address.startswith("127.1."):
            ip("address", "add", f"{address}/32", "dev", "lo")


def ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True)


def zone_file(origin: str) -> str:
    return f"{str(origin).rstrip('.') or 'root'}.zone"


def soa_first(record: object) -> bool:
    return " SOA " not in str(record)


def start(command: list[str], home: Path) -> subprocess.Popen[bytes]:
    program = shutil.which(command[0], path=PATHS)
    if program is None:
        raise FileNotFoundError(f"{command[0]} is not installed: python -m nox -s interop installs it")
    with (home / "log").open("wb") as log:
        return subprocess.Popen(
            [program, *command[1:]], stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, cwd=home
        )


def wait_for(address: str, origin: str, process: subprocess.Popen[bytes], home: Path) -> None:
    """Ask for the zone's SOA until it is there."""
    query = dns.message.make_query(origin, "SOA")
    give_up = time.monotonic() + PATIENCE
    while time.monotonic() < give_up and process.poll() is None:
        try:
            if dns.query.udp(query, address, timeout=0.5).answer:
                return
        except (dns.exception.Timeout, ConnectionRefusedError):
            pass
        time.sleep(0.05)
    raise RuntimeError(f"{home.name} does not serve {origin}:\n{(home / 'log').read_text(errors='replace')[-3000:]}")


def nsd(home: Path, zones: Path, addresses: list[str], origins: list[str]) -> list[str]:
    listen = "".join(f"    ip-address: {address}\n" for address in addresses)
    parts = "".join(f"zone:\n    name: {origin}\n    zonefile: {zones / zone_file(origin)}\n" for origin in origins)
    (home / "nsd.conf").write_text(f"""
server:
{listen}
    username: ""
    chroot: ""
    zonesdir: "{home}"
    database: ""
    pidfile: "{home}/nsd.pid"
    xfrdfile: "{home}/xfrd.state"
    xfrdir: "{home}"
    zonelistfile: "{home}/zone.list"
    server-count: 1
    rrl-ratelimit: 0
remote-control:
    control-enable: no
{parts}
""")
    return ["nsd", "-d", "-c", str(home / "nsd.conf")]


def knot(home: Path, zones: Path, addresses: list[str], origins: list[str]) -> list[str]:
    parts = "".join(
        f'  - domain: {origin}\n    file: "{zones / zone_file(origin)}"\n'
        "    zonefile-sync: -1\n    journal-content: none\n    semantic-checks: off\n"
        for origin in origins
    )
    (home / "knot.conf").write_text(f"""
server:
    rundir: "{home}"
    listen: [{", ".join(f"{address}@53" for address in addresses)}]
    udp-workers: 1
    tcp-workers: 1
    background-workers: 1
log:
  - target: stderr
    any: warning
database:
    storage: "{home}/knot"
control:
    listen: "{home}/knot.sock"
zone:
{parts}
""")
    return ["knotd", "-c", str(home / "knot.conf")]


def bind(home: Path, zones: Path, addresses: list[str], origins: list[str]) -> list[str]:
    parts = "".join(
        f'zone "{origin}" {{ type primary; file "{zones / zone_file(origin)}";'
        " check-names ignore; check-integrity no; };\n"
        for origin in origins
    )
    (home / "named.conf").write_text(f"""
options {{
    directory "{home}";
    pid-file "{home}/named.pid";
    session-keyfile "{home}/session.key";
    managed-keys-directory "{home}";
    listen-on port 53 {{ {" ".join(f"{address};" for address in addresses)} }};
    listen-on-v6 {{ none; }};
    recursion no;
    dnssec-validation no;
    empty-zones-enable no;
    notify no;
}};
controls {{ }};
{parts}
""")
    return ["named", "-g", "-n", "1", "-c", str(home / "named.conf")]


CONFIGURE = {"nsd": nsd, "knot": knot, "bind": bind}


def unbound(home: Path, hints: Path) -> list[str]:
    (home / "unbound.conf").write_text(f"""
server:
    interface: {UNBOUND}
    port: 53
    access-control: 127.0.0.0/8 allow
    root-hints: "{hints}"
    do-not-query-localhost: no
    username: ""
    chroot: ""
    directory: "{home}"
    pidfile: "{home}/unbound.pid"
    use-syslog: no
    logfile: ""
    do-daemonize: no
    module-config: "iterator"
    num-threads: 1
    rrset-roundrobin: no
    infra-cache-max-rtt: 1000
    serve-expired: no
remote-control:
    control-enable: no
""")
    return ["unbound", "-d", "-d", "-c", str(home / "unbound.conf")]
