"""Every transport: questions a second, and what one costs, over UDP, TCP, TLS, HTTPS and QUIC, us beside the peers.

python benchmarks/transports.py [--quick] [--names 30000] [--only tls,https] [--who ours,dnspython] [--loop uvloop]

The nameservers are those of transport_servers.py, in a network of their own. Everybody asks for names that are cached
nowhere, checks the certificate where there is one, and connects anew in each round; all rounds are in turn, and the
medians count. A library runs in a process of its own that has asked for 200 names before; of a program its start
counts, but for dnsperf, which takes its own time. `handshakes` are the connections that the kernel saw opened, or of
QUIC, which it does not know, those that the library has made.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import private_network
import results
import transport_contestants as contestants
import transport_servers
import trial
from nameserver import name
from transport_contestants import CONTESTANTS, SCHEMES
from transport_servers import Place

Row = dict[str, Any]
TITLES = {
    "udp": "UDP",
    "tcp": "TCP",
    "tls": "TLS",
    "https": "HTTPS, POST",
    "https-get": "HTTPS, GET",
    "quic": "QUIC (the testing server)",
}
HEADER = """\
| transport | who | names | names/s | to dnspython | CPU µs/name | right | lost | handshakes |
|---|---|---:|---:|---:|---:|---:|---:|---:|"""


def compete(names: int, schemes: list[str], who: list[str], rounds: int, loop: str) -> dict[str, dict[str, Row]]:
    """The medians of everybody's rounds, by scheme; who breaks down is told, and has no row."""
    counts = {(scheme, each): contestants.count(names, each, scheme) for scheme in schemes for each in who}
    runs: dict[tuple[str, str], list[Row]] = {}
    with transport_servers.serve(
        max(counts.values()) + trial.WARMING, {each.partition("-")[0] for each in schemes}
    ) as place:
        os.environ["SSL_CERT_FILE"] = place.authority
        entered = [
            (scheme, each)
            for scheme in schemes
            for each in who
            if scheme in CONTESTANTS[each].schemes and scheme.partition("-")[0] in place.ports
        ]
        for number in range(rounds):
            for scheme, each in list(entered):
                try:
                    row = _run(each, counts[scheme, each], place, scheme, loop)
                except (RuntimeError, ValueError) as error:
                    print(f"round {number + 1}: {each} breaks down over {scheme}: {error}", file=sys.stderr)
                    entered.remove((scheme, each))
                    runs.pop((scheme, each), None)
                    continue
                runs.setdefault((scheme, each), []).append(row)
                speed = f"{row['names'] / row['seconds']:,.0f}/s, {row['cpu']:.0f} µs"
                print(f"{loop}, round {number + 1}: {scheme}, {each} {speed}", file=sys.stderr)
    return {scheme: {each: _median(runs[scheme, each]) for each in who if (scheme, each) in runs} for scheme in schemes}


def _median(rows: list[Row]) -> Row:
    median: Row = {
        key: statistics.median(row[key] for row in rows) for key in rows[0] if None not in [row[key] for row in rows]
    }
    median |= {"right": min(row["right"] for row in rows), "lost": max(row["lost"] for row in rows)}
    speeds = [row["names"] / row["seconds"] for row in rows]
    return {**median, "per_second": statistics.median(speeds), "range": [min(speeds), max(speeds)]}


# ---- one of them, once


def _run(who: str, count: int, place: Place, scheme: str, loop: str) -> Row:
    if CONTESTANTS[who].ask is None:
        opened = _opened()
        row = _run_program(who, count, place, scheme)
        opened = _opened() - opened
        return {"names": count, **row, "handshakes": {"udp": None, "quic": count}.get(scheme, opened)}
    job = json.dumps([who, count, *place, scheme, loop])
    done = subprocess.run([sys.executable, __file__, "--job", job], stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"it ended with status {done.returncode}")
    row = json.loads(done.stdout)
    return {"names": count, **row}


def _job(who: str, count: int, place: Place, scheme: str, loop_name: str) -> None:
    """A library, in this process."""
    ask = CONTESTANTS[who].ask
    assert ask is not None
    names = [name(index) for index in range(count)]
    loop = trial.event_loop(loop_name)
    asyncio.set_event_loop(loop)
    loop.run_until_complete(ask([name(count + index) for index in range(trial.WARMING)], place, scheme))
    opened, cpu, began = _opened(), time.process_time(), time.perf_counter()
    found, handshakes = loop.run_until_complete(ask(names, place, scheme))
    row: Row = {"seconds": time.perf_counter() - began, "cpu": (time.process_time() - cpu) / count * 1e6}
    if scheme not in ("udp", "quic"):
        handshakes = _opened() - opened
    print(json.dumps({**row, **trial.judged(found), "handshakes": handshakes}), flush=True)
    os._exit(0)  # a peer may have something left that does not end by itself


def _run_program(who: str, count: int, place: Place, scheme: str) -> Row:
    with tempfile.TemporaryDirectory(prefix="benchmarks-") as text:
        folder = Path(text)
        names = [name(index) for index in range(count)]
        command = getattr(contestants, who)(names, place, scheme, folder)
        output = folder / "output.txt"
        began = time.perf_counter()
        with output.open("wb") as file:
            process = subprocess.Popen(command, stdout=file, stderr=subprocess.DEVNULL)
            _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        said = output.read_text()
    cpu = (usage.ru_utime + usage.ru_stime) / count * 1e6
    if who == "dnsperf":
        good, seconds = contestants.dnsperf_good(said)
        return {"seconds": seconds, "cpu": cpu, "right": good, "lost": count - good}
    return {"seconds": seconds, "cpu": cpu, **trial.judged(contestants.kdig_found(names, said))}


def _opened() -> int:
    """TCP connections that were opened in this network until now."""
    with contextlib.suppress(OSError, ValueError):
        heads, values = [
            line.split() for line in Path("/proc/self/net/snmp").read_text().splitlines() if line.startswith("Tcp:")
        ]
        return int(values[heads.index("ActiveOpens")])
    return 0


# ---- the table


def table(section: dict[str, dict[str, Row]]) -> str:
    """The rows as Markdown: by transport, the fastest first."""
    lines = [HEADER]
    for scheme, rows in section.items():
        base = rows.get("dnspython", {}).get("per_second")
        for who, row in sorted(rows.items(), key=lambda item: -item[1]["per_second"]):
            label = CONTESTANTS[who].label
            ratio = f"{row['per_second'] / base:.2f} ×" if base else ""
            handshakes = f"{row['handshakes']:,.0f}" if "handshakes" in row else ""
            lines.append(
                f"| {TITLES[scheme]} | {f'**{label}**' if who == 'ours' else label} | {row['names']:,.0f}"
                f" | {row['per_second']:,.0f} | {ratio} | {row['cpu']:.1f} | {row['right'] / row['names']:.2%}"
                f" | {row['lost']:,.0f} | {handshakes} |"
            )
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--names", type=int, default=30_000, help="of ours over UDP, TCP and TLS; others get a share")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="2,000 names, one round: whether everything runs")
    parser.add_argument("--only", default=",".join(SCHEMES), help="some of the transports, with commas between")
    parser.add_argument("--who", default=",".join(CONTESTANTS), help="some of the contestants, with commas between")
    parser.add_argument("--loop", choices=["asyncio", "uvloop"], default="asyncio")
    parser.add_argument("--job", help=argparse.SUPPRESS)
    results.add_option(parser)
    options = parser.parse_args()
    if options.job:
        who, count, ports, authority, scheme, loop = json.loads(options.job)
        _job(who, count, Place(ports, authority), scheme, loop)
    schemes, who = options.only.split(","), options.who.split(",")
    if unknown := {*schemes, *who} - {*SCHEMES, *CONTESTANTS}:
        raise SystemExit(f"unknown: {', '.join(sorted(unknown))}")
    if absent := [each for each in who if not contestants.installed(each)]:
        print(f"not installed: {', '.join(absent)}", file=sys.stderr)
    if options.loop != "asyncio":  # programs have none
        who = [each for each in who if CONTESTANTS[each].ask is not None]
    who = [each for each in who if each not in absent]
    if not private_network.enter():
        print("the machine's own network is used: connections of others are counted too", file=sys.stderr)
    rounds = 1 if options.quick else options.rounds
    rows = compete(2000 if options.quick else options.names, schemes, who, rounds, options.loop)
    results.save(options.save, f"transports-{options.loop}", rows)
    print(table(rows))


if __name__ == "__main__":
    main()
