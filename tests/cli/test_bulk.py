"""`aioresolver bulk`: one row for each line that is not blank, whatever happens."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from aioresolver.testing import Fault

LINES = b"www.cli.test\n\nno.cli.test\n  x.wild.cli.test  \nbad..name\nwww.cli.test\r\nalias.cli.test"
KEYS = {"name", "type", "status", "data", "aliases", "ttl", "server", "attempts", "elapsed"}


def rows(output: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in output.splitlines()]


@pytest.mark.parametrize("source", ["file", "pipe", "dash"])
def test_one_row_for_each_line(run: Any, tmp_path: Path, source: str) -> None:
    (tmp_path / "names.txt").write_bytes(LINES)
    done = {
        "file": lambda: run("bulk", "names.txt"),
        "pipe": lambda: run("bulk", input=LINES),
        "dash": lambda: run("bulk", "-", input=LINES),
    }[source]()
    assert (done.returncode, done.stderr) == (0, "")
    got = rows(done.stdout)
    assert Counter((row["name"], row["status"]) for row in got) == Counter(
        {
            ("www.cli.test", "ok"): 2,
            ("no.cli.test", "nxdomain"): 1,
            ("x.wild.cli.test", "ok"): 1,
            ("bad..name", "bad-name"): 1,
            ("alias.cli.test", "ok"): 1,
        }
    )
    assert all(set(row) - {"error"} == KEYS for row in got)
    assert all(("error" in row) == (row["status"] == "bad-name") for row in got)


def test_type_and_nameserver(run: Any, server: Any) -> None:
    done = run("bulk", "--type", "mx", f"@{server.nameserver}", input=b"cli.test\nwww.cli.test\n")
    assert {row["name"]: (row["type"], row["status"], row["data"]) for row in rows(done.stdout)} == {
        "cli.test": ("MX", "ok", ["10 mail.cli.test."]),
        "www.cli.test": ("MX", "no-data", []),
    }


def test_bytes_that_are_no_text_are_a_row(run: Any) -> None:
    done = run("bulk", input=b"caf\xe9.cli.test\n\xff\xfe\nwww.cli.test\n" + b"x" * 300 + b".test\n" + b"a\x00b\n")
    assert done.returncode == 0
    assert Counter(row["status"] for row in rows(done.stdout)) == Counter({"bad-name": 4, "ok": 1})


def test_failures_are_rows(run: Any, server: Any) -> None:
    server.faults.append(Fault.servfail(name="www.cli.test"))
    server.faults.append(Fault.silence(name="alias.cli.test"))
    done = run("bulk", "--timeout", "0.4", input=b"www.cli.test\nalias.cli.test\nx.wild.cli.test\n")
    assert done.returncode == 0
    assert {row["name"]: row["status"] for row in rows(done.stdout)} == {
        "www.cli.test": "servfail", "alias.cli.test": "timeout", "x.wild.cli.test": "ok"
    }  # fmt: skip


def test_an_empty_file(run: Any) -> None:
    done = run("bulk", input=b"")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize("path", ["missing.txt", "."])
def test_a_names_file_that_cannot_be_read(run: Any, path: str) -> None:
    done = run("bulk", path)
    assert (done.returncode, done.stdout) == (8, "")
    assert path in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("words", "complaint"),
    [(("--type", "NONSENSE"), "NONSENSE"), (("a", "b"), "one names file"), (("@nonsense",), "nonsense"),
     (("--concurrency", "0"), "above 0")],
)  # fmt: skip
def test_wrong_use(run: Any, words: tuple[str, ...], complaint: str) -> None:
    done = run("bulk", *words)
    assert (done.returncode, done.stdout) == (1, "")
    assert complaint in done.stderr
    assert len(done.stderr.splitlines()) == 1


def start(environment: dict[str, str], *words: str, **options: Any) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "aioresolver", "bulk", *words]
    return subprocess.Popen(
        command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options
    )


def test_rows_come_while_the_input_is_still_open(environment: dict[str, str]) -> None:
    with start(environment | {"PYTHONUNBUFFERED": "1"}) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(b"www.cli.test\n")
        process.stdin.flush()
        assert json.loads(process.stdout.readline())["name"] == "www.cli.test"
        process.stdin.close()
        assert process.wait(20) == 0


@pytest.mark.skipif(os.name == "nt", reason="Ctrl-C cannot be sent to another process there")
def test_ctrl_c_ends_the_run_cleanly(environment: dict[str, str]) -> None:
    with start(environment | {"PYTHONUNBUFFERED": "1"}) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(b"www.cli.test\n")
        process.stdin.flush()
        first = process.stdout.readline()
        process.send_signal(signal.SIGINT)
        rest, errors = process.communicate(timeout=20)
    assert process.returncode == 130
    assert json.loads(first)["status"] == "ok"
    assert (rest, errors) == (b"", b"")


@pytest.mark.skipif(os.name == "nt", reason="a closed pipe is no signal there")
def test_a_closed_pipe_ends_the_run_cleanly(environment: dict[str, str], tmp_path: Path) -> None:
    names = tmp_path / "names.txt"
    names.write_text("".join(f"h{i}.wild.cli.test\n" for i in range(20000)))
    with start(environment, str(names)) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        errors = process.stderr.read()
        assert process.wait(30) == 141
    assert errors == b""


def test_progress_is_for_terminals(environment: dict[str, str]) -> None:
    pty = pytest.importorskip("pty")
    ours, theirs = pty.openpty()
    try:
        done = subprocess.run(
            [sys.executable, "-m", "aioresolver", "bulk"], env=environment, input=b"www.cli.test\n",
            stdout=subprocess.PIPE, stderr=theirs, timeout=30, check=True,
        )  # fmt: skip
        shown = os.read(ours, 4096).decode()
    finally:
        os.close(ours)
        os.close(theirs)
    assert len(rows(done.stdout.decode())) == 1
    assert "1 ok" in shown


@pytest.mark.parametrize("count", ["0", "-1", "many", "100001", "9" * 5000])
def test_an_impossible_concurrency_is_one_line(run: Any, count: str) -> None:
    done = run("bulk", "--concurrency", count)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)


@pytest.mark.skipif(os.name == "nt", reason="a shell's redirection")
@pytest.mark.parametrize(("closed", "status"), [("<&-", 8), (">&-", 11)])
def test_a_closed_standard_stream_is_one_line(environment: dict[str, str], closed: str, status: int) -> None:
    command = f"echo www.cli.test | {{ '{sys.executable}' -m aioresolver bulk - {closed}; }}"
    done = subprocess.run(["sh", "-c", command], env=environment, capture_output=True, timeout=50, check=False)
    assert (done.returncode, done.stdout, done.stderr.count(b"\n")) == (status, b"", 1)
    assert b"is closed" in done.stderr
