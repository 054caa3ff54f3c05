"""Walking from the root: names of many zones by our iterative backend, and by Unbound, on the same internet.

python benchmarks/iterative.py [--names 10000] [--loop uvloop]

NSD serves a root, a top-level domain and a hundred zones, at an address of their own each, in a network of our own.
Every contestant begins with nothing (cold), goes on with other names of the zones that it then knows (warm), and is asked
for the first names once more (again). Ours is `query_many`; Unbound, with one thread, is asked by dnsperf.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nameserver
import packet_loss
import private_network
import results
import trial

ZONES = 100
ROOT, TOP, LEAVES, UNBOUND = "127.1.0.1", "127.1.1.1", "127.1.2.1", "127.0.0.1"
PASSES = ("cold", "warm", "again")
ROUNDS = 3
LABELS = {
    "ours": "**aioresolver, `query_many`, iterative backend**",
    "unbound": "Unbound, one thread, asked by dnsperf",
}
NSD = """\
server:
  ip-address: {address}@53
  username: ""
  chroot: ""
  zonesdir: "{folder}"
  database: ""
  pidfile: ""
  xfrdfile: ""
  zonelistfile: "{folder}/{address}.zones"
  server-count: 1
remote-control:
  control-enable: no
"""
UNBOUND_CONFIGURATION = """\
server:
  interface: {address}
  port: 53
  do-not-query-localhost: no
  root-hints: "{folder}/root.hints"
  username: ""
  chroot: ""
  pidfile: ""
  directory: "{folder}"
  use-syslog: no
  logfile: "{folder}/unbound.log"
  do-daemonize: no
  module-config: "iterator"
  num-threads: 1
  so-rcvbuf: 4m
  msg-cache-size: 64m
  rrset-cache-size: 128m
remote-control:
  control-enable: no
"""
SOA = "@ SOA ns h 1 7200 3600 1209600 300\n@ NS ns\n"

Row = dict[str, Any]


def name(index: int) -> str:
    """Neighbours are in different zones."""
    return f"h{index // ZONES}.z{index % ZONES}.bench"


# ---- the internet


@contextlib.contextmanager
def internet(names: int, folder: Path) -> Iterator[None]:
    """The three nameservers, with so many names."""
    delegations = "".join(f"z{zone} NS ns.z{zone}\nns.z{zone} A {LEAVES}\n" for zone in range(ZONES))
    zones = {
        ROOT: {".": f"@ SOA a.root. h. 1 7200 3600 1209600 300\n@ NS a.root.\na.root. A {ROOT}\nbench. NS ns.bench.\n"
                    f"ns.bench. A {TOP}\n"},
        TOP: {"bench.": f"{SOA}ns A {TOP}\n{delegations}"},
        LEAVES: {
            f"z{zone}.bench.": f"{SOA}ns A {LEAVES}\n"
            + "".join(f"{name(i).partition('.')[0]} A {nameserver.address(i)}\n" for i in range(zone, names, ZONES))
            for zone in range(ZONES)
        },
    }  # fmt: skip
    with contextlib.ExitStack() as stack:
        for address, served in zones.items():
            configuration = folder / f"{address}.conf"
            text = NSD.format(address=address, folder=folder)
            for origin, records in served.items():
                file = folder / f"{origin}zone"
                file.write_text(f"$ORIGIN {origin}\n$TTL 3600\n{records}")
                text += f'zone:\n  name: "{origin}"\n  zonefile: "{file}"\n'
            configuration.write_text(text)
            stack.enter_context(_running(["nsd", "-d", "-c", str(configuration)], address))
        yield


@contextlib.contextmanager
def _running(command: list[str], address: str) -> Iterator[subprocess.Popen[bytes]]:
    """A server, once it says something about the root."""
    program = shutil.which(command[0], path=os.pathsep.join([*os.get_exec_path(), "/usr/sbin"]))
    if program is None:
        raise SystemExit(f"there is no {command[0]}")
    process = subprocess.Popen([program, *command[1:]], stderr=subprocess.DEVNULL)
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.connect((address, 53))
            sock.settimeout(0.2)
            for _ in range(300):
                with contextlib.suppress(ConnectionRefusedError, TimeoutError):
                    sock.send(b"\x12\x34\1\0\0\1\0\0\0\0\0\0\0\0\2\0\1")
                    sock.recv(1500)
                    break
                time.sleep(0.05)
            else:
                raise SystemExit(f"{command[0]} does not answer")
        yield process
    finally:
        process.terminate()
        process.wait()


# ---- the contestants


async def walk(names: int) -> list[Row]:
    """Ours: each pass of the names, in this process."""
    from aioresolver import Answer, Cache, Resolver
    from aioresolver.backends.iterative.backend import IterativeBackend

    rows = []
    async with Resolver(IterativeBackend(hints={"a.root.": [ROOT]}), cache=Cache(3 * names), timeout=30) as resolver:
        for first in (0, names, 0):
            wanted = {name(index): nameserver.address(index) for index in range(first, first + names)}
            cpu, before, began = time.process_time(), packet_loss.sent(), time.perf_counter()
            found = {
                item: outcome[0].address if isinstance(outcome, Answer) and outcome else None
                async for item, outcome in resolver.query_many(wanted)
            }
            rows.append(
                {
                    "seconds": time.perf_counter() - began,
                    "cpu": (time.process_time() - cpu) / names * 1e6,
                    "packets": (packet_loss.sent() - before) / 2 / names,
                    "right": sum(found[item] == address for item, address in wanted.items()) / names,
                }
            )
    return rows


def unbound(names: int, folder: Path) -> list[Row]:
    """Unbound, started anew."""
    (folder / "root.hints").write_text(f". 3600 NS a.root.\na.root. 3600 A {ROOT}\n")
    configuration = folder / "unbound.conf"
    configuration.write_text(UNBOUND_CONFIGURATION.format(address=UNBOUND, folder=folder))
    rows = []
    with _running(["unbound", "-d", "-c", str(configuration)], UNBOUND) as process:
        for first in (0, names, 0):
            file = folder / "names.txt"
            file.write_text("".join(f"{name(index)} A\n" for index in range(first, first + names)))
            cpu, before = _cpu(process.pid), packet_loss.sent()
            command = ["dnsperf", "-s", UNBOUND, "-d", str(file), "-n", "1", "-q", "500", "-c", "4", "-T", "1"]
            text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
            good, seconds = re.search(r"NOERROR (\d+)", text), re.search(r"Run time \(s\):\s+([\d.]+)", text)
            if good is None or seconds is None:
                raise SystemExit(f"dnsperf says:\n{text}")
            rows.append(
                {
                    "seconds": float(seconds[1]),
                    "cpu": (_cpu(process.pid) - cpu) / names * 1e6,
                    # What dnsperf asks and is told is one exchange for each name.
                    "packets": (packet_loss.sent() - before) / 2 / names - 1,
                    "right": int(good[1]) / names,
                }
            )
    return rows


def _cpu(process: int) -> float:
    """Seconds that a process has computed."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


# ---- the table


def compete(names: int, rounds: int, loop: str) -> dict[str, list[Row]]:
    """The medians of the rounds, of each contestant and pass."""
    runs: dict[str, list[list[Row]]] = {"ours": []}
    if shutil.which("dnsperf") and shutil.which("unbound", path=os.pathsep.join([*os.get_exec_path(), "/usr/sbin"])):
        runs["unbound"] = []
    with tempfile.TemporaryDirectory(prefix="benchmarks-") as text:
        folder = Path(text)
        folder.chmod(0o755)
        with internet(2 * names, folder):
            for number in range(rounds):
                for who, kept in runs.items():
                    kept.append(
                        unbound(names, folder)
                        if who == "unbound"
                        else trial.in_process("iterative.py", "--walk", "--names", str(names), "--loop", loop)
                    )
                    speeds = ", ".join(f"{names / row['seconds']:,.0f}/s" for row in kept[-1])
                    print(f"{loop}, round {number + 1}: {who} {speeds}", file=sys.stderr)
    return {who: [_median([run[i] for run in kept], names) for i in range(len(PASSES))] for who, kept in runs.items()}


def _median(rows: list[Row], names: int) -> Row:
    median = {key: statistics.median(row[key] for row in rows) for key in rows[0]}
    median["right"] = min(row["right"] for row in rows)
    return {"names": names, "per_second": names / median["seconds"], **median}


def table(section: dict[str, list[Row]]) -> str:
    """The rows as Markdown."""
    lines = ["| who | | names | names/s | queries a name | CPU µs/name | right |", "|---|---|---:|---:|---:|---:|---:|"]
    for who, rows in section.items():
        for label, row in zip(PASSES, rows, strict=True):
            lines.append(
                f"| {LABELS[who]} | {label} | {row['names']:,} | {row['per_second']:,.0f} | {row['packets']:.3f}"
                f" | {row['cpu']:.0f} | {row['right']:.2%} |"
            )
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--names", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--loop", choices=["asyncio", "uvloop"], default="asyncio")
    parser.add_argument("--walk", action="store_true", help=argparse.SUPPRESS)
    results.add_option(parser)
    options = parser.parse_args()
    if options.walk:
        loop = trial.event_loop(options.loop)
        asyncio.set_event_loop(loop)
        print(json.dumps(loop.run_until_complete(walk(options.names))))
        return
    if not private_network.enter():
        raise SystemExit("this measure needs a network of its own: root, or user namespaces")
    section = compete(options.names, options.rounds, options.loop)
    results.save(options.save, f"iterative-{options.loop}", section)
    print(table(section))


if __name__ == "__main__":
    main()
