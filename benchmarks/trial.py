"""One trial: a contestant resolves its names in a process of its own, watched from outside."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypedDict

from contestants import CONTESTANTS, Found
from nameserver import Nameserver, address, name

WARMING = 200
GLANCE = 0.05


class Outcome(TypedDict, total=False):
    """What came of it. `cpu` is in microseconds for each name, `memory` in MB at the peak, `sockets` at the peak."""

    names: int
    seconds: float
    per_second: float
    cpu: float
    memory: float
    right: int
    lost: int
    sockets: int
    packets: float


def run(who: str, count: int, server: Nameserver, loop: str = "asyncio") -> Outcome:
    """Let it resolve the first so many names; its answers are compared, each of them."""
    program = _PROGRAMS.get(who)
    outcome = program(count, server) if program else _run_library(who, count, server, loop)
    outcome["names"] = count
    outcome["per_second"] = count / outcome["seconds"]
    return outcome


def in_process(script: str, *arguments: str) -> Any:
    """What a script of this folder prints, as JSON: for measures that want a process of their own."""
    command = [sys.executable, str(Path(__file__).with_name(script)), *arguments]
    return json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)


def event_loop(name: str) -> asyncio.AbstractEventLoop:
    if name == "uvloop":
        import uvloop

        return uvloop.new_event_loop()
    return asyncio.new_event_loop()


def peak_memory(process: int | str = "self") -> float:
    """MB. Not `ru_maxrss`, which a process inherits from the one that started it."""
    with contextlib.suppress(OSError, IndexError):
        return int(Path(f"/proc/{process}/status").read_text().partition("VmHWM:")[2].split()[0]) / 1024
    return 0.0


def judged(found: Found) -> Outcome:
    """How many are right, and how many were not answered."""
    right = sum(got == address(index) for index, got in enumerate(found))
    return {"right": right, "lost": sum(got is None for got in found)}


# ---- a library: this file again, in another process


def _run_library(who: str, count: int, server: Nameserver, loop: str) -> Outcome:
    command = [sys.executable, __file__, who, str(count), str(server), loop]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdout.readline()  # it is warm
        before = server.queries()
        with _watch(process.pid) as seen:
            process.stdin.write("go\n")
            process.stdin.flush()
            line = process.stdout.readline()
        after = server.queries()
    if process.returncode:
        raise RuntimeError(f"{who} ended with status {process.returncode}")
    outcome: Outcome = json.loads(line)
    outcome["sockets"] = seen.sockets
    if before is not None and after is not None:
        outcome["packets"] = (after - before) / count
    return outcome


def _compete(who: str, count: int, server: Nameserver, loop_name: str) -> None:
    find = CONTESTANTS[who].find
    assert find is not None
    names = [name(index) for index in range(count)]
    loop = event_loop(loop_name)
    asyncio.set_event_loop(loop)
    loop.run_until_complete(find(names[-WARMING:], server))  # imports, and what is made once
    print("warm", flush=True)
    sys.stdin.readline()
    cpu, began = time.process_time(), time.perf_counter()
    found = loop.run_until_complete(find(names, server))
    outcome: Outcome = {
        "seconds": time.perf_counter() - began,
        "cpu": (time.process_time() - cpu) / count * 1e6,
        "memory": peak_memory(),
    }
    print(json.dumps({**outcome, **judged(found)}), flush=True)
    sys.stdout.flush()
    os._exit(0)  # a peer's threads may not end by themselves


# ---- programs


def _run_bulk(count: int, server: Nameserver) -> Outcome:
    """Our command line, from its start to its end."""
    with tempfile.TemporaryDirectory(prefix="benchmarks-") as folder:
        source, target = Path(folder, "names.txt"), Path(folder, "rows.jsonl")
        source.write_text("".join(f"{name(index)}\n" for index in range(count)))
        with target.open("wb") as output:
            command = [sys.executable, "-m", "aioresolver", "bulk", str(source), f"@{server}"]
            outcome = _run_program(command, count, output.fileno())
        if not target.stat().st_size:
            raise RuntimeError("`aioresolver bulk` wrote nothing")
        found = dict.fromkeys(map(name, range(count)))
        with target.open(encoding="utf-8") as rows:
            for row in map(json.loads, rows):
                found[row["name"].rstrip(".")] = row["data"][0] if row["data"] else None
    return {**outcome, **judged(list(found.values()))}


def _run_dnsperf(count: int, server: Nameserver) -> Outcome:
    """It takes its own time, and tells how many answers were good; the addresses it does not show."""
    with tempfile.TemporaryDirectory(prefix="benchmarks-") as folder:
        source, report = Path(folder, "names.txt"), Path(folder, "report.txt")
        source.write_text("".join(f"{name(index)} A\n" for index in range(count)))
        with report.open("wb") as output:
            command = ["dnsperf", "-s", server.host, "-p", str(server.port), "-d", str(source)]
            command += ["-n", "1", "-q", "500", "-c", "4", "-T", "1"]
            outcome = _run_program(command, count, output.fileno())
        text = report.read_text()
    good, seconds = re.search(r"NOERROR (\d+)", text), re.search(r"Run time \(s\):\s+([\d.]+)", text)
    if good is None or seconds is None:
        raise RuntimeError(f"dnsperf says:\n{text}")
    return {**outcome, "seconds": float(seconds[1]), "right": int(good[1]), "lost": count - int(good[1])}


def _run_program(command: list[str], count: int, output: int) -> Outcome:
    began = time.perf_counter()
    process = subprocess.Popen(command, stdout=output)
    with _watch(process.pid) as seen:
        _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)  # not 0 when names were lost; those are counted
    return {
        "seconds": time.perf_counter() - began,
        "cpu": (usage.ru_utime + usage.ru_stime) / count * 1e6,
        "memory": seen.memory,
        "sockets": seen.sockets,
    }


_PROGRAMS = {"bulk": _run_bulk, "dnsperf": _run_dnsperf}


# ---- from outside


class _Seen:
    """The most sockets opened since the first glance, and the most memory."""

    def __init__(self) -> None:
        self.sockets = 0
        self.memory = 0.0


@contextlib.contextmanager
def _watch(process: int) -> Iterator[_Seen]:
    seen, over, at_first = _Seen(), threading.Event(), _sockets(process)

    def look() -> None:
        while not over.wait(GLANCE):
            seen.sockets = max(seen.sockets, _sockets(process) - at_first)
            seen.memory = max(seen.memory, peak_memory(process))

    watcher = threading.Thread(target=look)
    watcher.start()
    try:
        yield seen
    finally:
        over.set()
        watcher.join()


def _sockets(process: int) -> int:
    count = 0
    with contextlib.suppress(OSError):
        for entry in Path(f"/proc/{process}/fd").iterdir():
            with contextlib.suppress(OSError):
                count += str(entry.readlink()).startswith("socket:")
    return count


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("who", choices=CONTESTANTS)
    parser.add_argument("names", type=int)
    parser.add_argument("server", type=Nameserver.parse)
    parser.add_argument("loop", nargs="?", default="asyncio", choices=["asyncio", "uvloop"])
    options = parser.parse_args()
    _compete(options.who, options.names, options.server, options.loop)


if __name__ == "__main__":
    main()
