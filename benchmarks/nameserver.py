"""The nameserver that all ask: NSD on loopback with as many names as wanted, or the testing server without NSD."""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import packet_loss
import private_network

ZONE = "$ORIGIN bench.test.\n$TTL 3600\n@ SOA ns h 1 2 3 4 300\n NS ns\nns A 127.0.0.1\n"
NSD = """\
server:
  ip-address: 127.0.0.1@{port}
  username: ""
  chroot: ""
  zonesdir: "{folder}"
  database: ""
  pidfile: "{folder}/nsd.pid"
  xfrdfile: ""
  zonelistfile: "{folder}/zones"
  server-count: 1
remote-control:
  control-enable: no
zone:
  name: bench.test
  zonefile: bench.zone
"""
PROBE = b"\x12\x34\1\0\0\1\0\0\0\0\0\0\2h0\5bench\4test\0\0\1\0\1"
PATIENCE = 120


def name(index: int) -> str:
    return f"h{index}.bench.test"


def address(index: int) -> str:
    """What the name of this number has for an address."""
    return f"10.{index >> 16 & 255}.{index >> 8 & 255}.{index & 255}"


class Nameserver:
    """Where it listens, what it is, and its socket, if we may have it."""

    def __init__(self, host: str, port: int, kind: str = "", sock: socket.socket | None = None) -> None:
        self.host = host
        self.port = port
        self.kind = kind
        self.sock = sock

    @classmethod
    def parse(cls, url: str) -> Nameserver:
        """One that runs already, by its URL."""
        host, _, port = url.removeprefix("udp://").rpartition(":")
        return cls(host, int(port))

    def __str__(self) -> str:
        return f"udp://{self.host}:{self.port}"

    def queries(self) -> float | None:
        """How many queries were sent to it, the lost ones too; None where that is not known.

        Each query that came was answered, so the packets of this network are the queries, twice, but for those lost.
        """
        return None if self.sock is None else (packet_loss.sent() + packet_loss.dropped(self.sock)) / 2


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--server", metavar="URL", help="whom to ask, udp://127.0.0.1:5301; NSD is started by default")
    parser.add_argument("--zone", type=int, metavar="N", help="names in the zone; as many as are asked by default")


@contextlib.contextmanager
def chosen(options: argparse.Namespace, count: int) -> Iterator[Nameserver]:
    """The nameserver of the command line, or one of our own, in a network of our own."""
    if options.server:
        yield Nameserver.parse(options.server)
        return
    private_network.enter()
    with serve(max(count, options.zone or 0)) as server:
        yield server


@contextlib.contextmanager
def serve(count: int, *, loss: float = 0.0) -> Iterator[Nameserver]:
    """A nameserver with so many names, in a process of its own, which loses this share of the exchanges."""
    with tempfile.TemporaryDirectory(prefix="benchmarks-") as folder:
        zone = Path(folder, "bench.zone")
        write_zone(zone, count)
        with contextlib.ExitStack() as stack:
            try:
                server = stack.enter_context(_nsd(Path(folder), loss))
            except OSError as error:
                print(f"the testing server serves: {error}", file=sys.stderr)
                server = stack.enter_context(_testing_server(zone, loss))
            yield server


def find(program: str) -> str:
    """Where a nameserver's program is; raises FileNotFoundError."""
    path = shutil.which(program, path=os.pathsep.join([*os.get_exec_path(), "/usr/sbin"]))
    if path is None:
        raise FileNotFoundError(f"there is no {program} (Debian's package `{program}`)")
    return path


def write_zone(path: Path, count: int) -> None:
    """The zone with so many names."""
    with path.open("w") as file:
        file.write(ZONE)
        file.writelines(f"h{index} A {address(index)}\n" for index in range(count))


@contextlib.contextmanager
def _nsd(folder: Path, loss: float) -> Iterator[Nameserver]:
    program = find("nsd")
    port = free_port()
    configuration = folder / "nsd.conf"
    configuration.write_text(NSD.format(port=port, folder=folder))
    process = subprocess.Popen([program, "-d", "-c", str(configuration)], stderr=subprocess.DEVNULL)
    sock = None
    try:
        wait_for(port, process)
        with contextlib.suppress(OSError) if not loss else contextlib.nullcontext():
            sock = packet_loss.borrow(process.pid, port)
        if loss and sock is not None:
            packet_loss.lose(sock, loss)
        yield Nameserver("127.0.0.1", port, "NSD", sock)
    finally:
        if sock is not None:
            sock.close()
        process.terminate()
        process.wait()


@contextlib.contextmanager
def _testing_server(zone: Path, loss: float) -> Iterator[Nameserver]:
    command = [sys.executable, "-m", "aioresolver.testing", str(zone), "--drop", str(loss)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            server = Nameserver.parse(process.stdout.readline().strip())
            server.kind = "the testing server"
            yield server
        finally:
            process.terminate()


def free_port() -> int:
    """A port that nobody has at the moment."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    """Wait until a nameserver answers over UDP; raises OSError when it does not."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.connect(("127.0.0.1", port))
        sock.settimeout(0.1)
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until and process.poll() is None:
            try:
                sock.send(PROBE)
                sock.recv(512)
            except (ConnectionRefusedError, TimeoutError):
                time.sleep(0.05)
            else:
                return
    raise OSError(f"no nameserver answers on port {port}")
