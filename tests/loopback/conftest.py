"""The backends on real sockets, the server that they ask, and what may not be left behind."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from aioresolver import CaresBackend, Resolver, StubBackend, SystemBackend
from aioresolver.testing.libc import point_getaddrinfo_at

HERE = Path(__file__).parent


def why_no_system() -> str | None:
    """Why the real getaddrinfo cannot be used here without asking anybody else; None when it can."""
    told: list[bool] = []
    thread = threading.Thread(target=lambda: told.append(point_getaddrinfo_at("127.0.0.1", 9)))
    thread.start()
    thread.join()
    if told != [True]:
        return "only glibc's getaddrinfo can be pointed at a port"
    path = Path("/etc/nsswitch.conf")
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    sources = {word for line in lines if line.startswith("hosts:") for word in line[6:].split()}
    return None if sources <= {"files", "dns"} else f"nsswitch.conf names other sources: {sorted(sources)}"


WHY_NO_SYSTEM = why_no_system()
needs_system = pytest.mark.skipif(WHY_NO_SYSTEM is not None, reason=WHY_NO_SYSTEM or "")


class Place(NamedTuple):
    """Where a server is."""

    address: str
    port: int


class Kind(NamedTuple):
    """A backend by its name; `server` is anything with an address and a port."""

    name: str
    make: Callable[[Any], Any]

    def resolver(self, server: Any, **options: Any) -> Resolver:
        return Resolver(self.make(server), **options)


def kinds(tries: int = 1) -> dict[str, Kind]:
    makers: dict[str, Callable[[Any], Any]] = {
        "stub": lambda server: StubBackend(f"udp://{server.address}:{server.port}"),
        "stub over tcp": lambda server: StubBackend(f"tcp://{server.address}:{server.port}"),
        "cares": lambda server: CaresBackend(f"udp://{server.address}:{server.port}"),
        "cares over tcp": lambda server: CaresBackend(f"tcp://{server.address}:{server.port}"),
        "system": lambda server: SystemBackend(
            initializer=partial(point_getaddrinfo_at, server.address, server.port, tries=tries)
        ),
    }
    return {name: Kind(name, make) for name, make in makers.items()}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """`kind` is each of the backends that the marker `backends` names, by default one of each sort."""
    if "kind" not in metafunc.fixturenames:
        return
    marker = metafunc.definition.get_closest_marker("backends")
    names = marker.args if marker is not None else ("stub", "cares", "system")
    params = [pytest.param(name, marks=[needs_system] if name == "system" else []) for name in names]
    metafunc.parametrize("kind", params, indirect=True)


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "backends(*names): the backends that `kind` is")


@pytest.fixture
def kind(request: pytest.FixtureRequest) -> Kind:
    return kinds()[request.param]


class Distant:
    """The server in a process of its own."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.address = "127.0.0.1"
        self.port = int(self._read(process))
        self._process = process
        self.manner = ""

    def behave(self, manner: str) -> int:
        """Change its manners; how many packets have come since the last time."""
        self.manner = manner
        assert self._process.stdin is not None
        self._process.stdin.write(f"{manner}\n")
        self._process.stdin.flush()
        return int(self._read(self._process))

    @staticmethod
    def _read(process: subprocess.Popen[str]) -> str:
        assert process.stdout is not None
        return process.stdout.readline()


@pytest.fixture(scope="session")
def distant_process() -> Iterator[Distant]:
    command = [sys.executable, str(HERE / "distant.py")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield Distant(process)
        assert process.stdin is not None
        process.stdin.close()


@pytest.fixture
def distant(distant_process: Distant) -> Distant:
    """The server of another process, well-behaved; `*.mute.example` never gets a reply."""
    if distant_process.manner != "good":
        distant_process.behave("good")
    return distant_process


class Lag:
    """How late the loop is, in seconds: the longest that a wake-up came after its time. `async with Lag() as lag`."""

    STEP = 0.002

    def __init__(self) -> None:
        self.longest = 0.0

    async def __aenter__(self) -> Lag:
        self._beating = asyncio.create_task(self._beat())
        await asyncio.sleep(0)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._beating.cancel()
        await asyncio.wait([self._beating])

    async def _beat(self) -> None:
        time = asyncio.get_running_loop().time
        before = time()
        while True:
            await asyncio.sleep(self.STEP)
            now = time()
            self.longest = max(self.longest, now - before - self.STEP)
            before = now


@pytest.fixture
def lag_of_the_loop() -> type[Lag]:
    return Lag


class Belongings(NamedTuple):
    """What a program has that must be given back."""

    tasks: frozenset[Any]
    threads: frozenset[threading.Thread]
    descriptors: frozenset[tuple[int, str]]
    timers: frozenset[str]

    @classmethod
    def now(cls) -> Belongings:
        loop = asyncio.get_running_loop()
        timers = {repr(timer) for timer in getattr(loop, "_scheduled", ()) if not timer.cancelled()}
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        return cls(frozenset(tasks), frozenset(threading.enumerate()), frozenset(_descriptors()), frozenset(timers))

    def since(self, before: Belongings) -> dict[str, Any]:
        """What there is more than before."""
        return {field: more for field in self._fields if (more := getattr(self, field) - getattr(before, field))}


def _descriptors() -> Iterator[tuple[int, str]]:
    for fd in os.listdir("/dev/fd"):
        path = f"/dev/fd/{fd}"
        try:
            status = os.stat(path)
        except OSError:  # that of the listing itself
            continue
        yield int(fd), f"{status.st_mode:o} {status.st_dev} {status.st_ino}"


@pytest.fixture
def belongings() -> type[Belongings]:
    return Belongings
