"""Which command is meant, and how the program ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from typing import Any

import pytest

from aioresolver import __version__
from aioresolver.cli import lookup
from aioresolver.cli.main import main
from aioresolver.testing import Fault


def test_version_and_help(call: Any) -> None:
    assert call("--version").stdout == f"aioresolver {__version__}\n"
    shown = call("--help").stdout
    assert all(word in shown for word in ("@nameserver", "explain", "survey", "bulk", "demo", "Exit status"))


def test_as_a_program(run: Any) -> None:
    done = run("www.cli.test", "--short")
    assert (done.returncode, done.stdout, done.stderr) == (0, "192.0.2.1\n192.0.2.2\n", "")
    assert run("a..b").returncode == 1


@pytest.mark.parametrize(
    ("error", "status", "told"),
    [
        (KeyboardInterrupt(), 130, ""),
        (ValueError("no such thing"), 1, "aioresolver: no such thing (see aioresolver --help)\n"),
        (OSError(24, "Too many open files"), 10, "aioresolver: [Errno 24] Too many open files\n"),
        (OSError(28, "No space left"), 10, "aioresolver: cannot write standard output: No space left\n"),
    ],
)
def test_how_it_ends(error: BaseException, status: int, told: str, call: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lookup, "run", lambda options: (_ for _ in ()).throw(error))
    done = call("www.cli.test")
    assert (done.returncode, done.stdout, done.stderr) == (status, "", told)


def test_a_mistake_of_ours_is_shown_and_is_no_wrong_use(call: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lookup, "run", lambda options: {}["x"])
    done = call("www.cli.test")
    assert done.returncode == 10
    assert done.stderr.startswith("Traceback")
    assert done.stderr.endswith("KeyError: 'x'\n")


@pytest.mark.skipif(os.name == "nt", reason="a closed pipe is no signal there")
def test_a_closed_pipe(environment: dict[str, str]) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    try:
        done = subprocess.run(
            [sys.executable, "-m", "aioresolver", "www.cli.test"],
            env=environment, stdout=writing, stderr=subprocess.PIPE, timeout=30, check=False,
        )  # fmt: skip
    finally:
        os.close(writing)
    assert (done.returncode, done.stderr) == (141, b"")


@pytest.mark.skipif(os.name == "nt", reason="Ctrl-C cannot be sent to another process there")
def test_ctrl_c_ends_lookups_cleanly(environment: dict[str, str], server: Any) -> None:
    server.faults.append(Fault.silence())
    command = [sys.executable, "-m", "aioresolver", "www.cli.test", "alias.cli.test"]
    before = signal.signal(
        signal.SIGINT, signal.SIG_DFL
    )  # a shell's background job ignores it, and so would its children
    try:
        process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    finally:
        signal.signal(signal.SIGINT, before)
    with process:
        while process.poll() is None and server.count < 2:
            time.sleep(0.005)
        process.send_signal(signal.SIGINT)
        assert process.communicate(timeout=20) == (b"", b"")
    assert process.returncode == 130


def test_a_lookup_loads_only_what_it_needs() -> None:
    program = (
        "import sys; from aioresolver.cli.main import main; main(['localhost', '--json'])\n"
        "print(*sorted(name for name in sys.modules if name.startswith('aioresolver.')))"
    )
    shown = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=30)
    row, modules = shown.stdout.splitlines()
    assert '"data":["127.0.0.1"]' in row
    loaded = set(modules.split())
    assert "aioresolver.cli.lookup" in loaded
    assert {name for name in loaded if name.startswith("aioresolver.bulk.")} == {
        "aioresolver.bulk.json_lines", "aioresolver.bulk.odd_text", "aioresolver.bulk.rows", "aioresolver.bulk.statuses"
    }  # fmt: skip
    rooms = ("adapters", "testing", "survey", "cli.bulk", "cli.demo", "backends.cares")
    assert not [name for name in loaded for room in rooms if name.startswith(f"aioresolver.{room}")]


def test_a_name_like_a_command_is_only_a_command_in_the_first_place(server: Any, call: Any) -> None:
    ns = f"@{server.nameserver}"
    assert main([ns, "demo.", "--short", "A"]) == 0
    assert main([ns, "survey", "--short", "A"]) == 0
    assert {str(query.name) for query in server.queries} >= {"demo.", "survey."}
