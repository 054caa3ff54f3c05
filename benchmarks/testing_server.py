"""How many questions a second the test server answers: dnsperf asks, or a few lines of Python where it is missing."""

from __future__ import annotations

import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from aioresolver.wire.message import Question
from aioresolver.wire.query import query_wire

ZONE = "$ORIGIN bench.test.\n$GENERATE 0-9999 h$ 60 AAAA 2001:db8::${0,0,x}\n* 60 A 192.0.2.1\n"
SECONDS = 4
WINDOW = 100


@contextmanager
def serve(*options: str) -> Iterator[int]:
    """The server in a process of its own; gives its port."""
    with tempfile.TemporaryDirectory() as folder:
        zone = Path(folder, "bench.zone")
        zone.write_text(ZONE)
        command = [sys.executable, "-m", "aioresolver.testing", str(zone), *options]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            port = urlsplit(process.stdout.readline().strip()).port
            assert port is not None
            try:
                yield port
            finally:
                process.terminate()


def dnsperf(port: int, questions: list[str], mode: str) -> float:
    """Questions a second, as dnsperf counts them."""
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
        file.write("\n".join(f"{name} {rrtype}" for name, rrtype in map(str.split, questions)))
        file.flush()
        command = ["dnsperf", "-s", "127.0.0.1", "-p", str(port), "-d", file.name, "-m", mode]
        command += ["-l", str(SECONDS), "-c", "4", "-q", str(WINDOW), "-t", "1"]
        output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    match = re.search(r"Queries per second:\s+([\d.]+)", output)
    assert match is not None, output
    return float(match[1])


def ask(port: int, questions: list[str]) -> float:
    """Questions a second over UDP, some always in flight; slower than the server, so the least it can do."""
    queries = [query_wire(Question.parse(*question.split()), edns=False) for question in questions]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.connect(("127.0.0.1", port))
        sock.settimeout(1)
        began = time.perf_counter()
        for number in range(WINDOW):
            sock.send(queries[number % len(queries)])
        asked = WINDOW
        while time.perf_counter() - began < SECONDS:
            sock.recv(4096)
            sock.send(queries[asked % len(queries)])
            asked += 1
        return asked / (time.perf_counter() - began)


def main() -> None:
    """Print one line for each way of asking."""
    known = [f"h{number}.bench.test AAAA" for number in range(10_000)]
    new = [f"w{number}.bench.test A" for number in range(400_000)]
    has_dnsperf = shutil.which("dnsperf") is not None
    runs: list[tuple[str, list[str], str, list[str]]] = [
        ("10,000 names, again and again", known, "udp", []),
        ("10,000 names, over TCP", known, "tcp", []),
        ("every name new (wildcard)", new, "udp", []),
        ("10,000 names, each reply delayed 1 ms", known, "udp", ["--delay", "0.001"]),
    ]
    print(f"{'':45}questions/s")
    for label, questions, mode, options in runs:
        if mode == "tcp" and not has_dnsperf:
            continue
        with serve(*options) as port:
            rate = dnsperf(port, questions, mode) if has_dnsperf else ask(port, questions)
        print(f"{label:45}{rate:11,.0f}")


if __name__ == "__main__":
    main()
