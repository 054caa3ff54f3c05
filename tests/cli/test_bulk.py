"""`aioresolver bulk`: one row for each line that is not blank, whatever happens."""

from __future__ import annotations

import csv
import gzip
import io
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

if sys.platform == "linux":
    import fcntl
    import termios

from aioresolver.bulk.rows import Row
from aioresolver.testing import DNSServer, Fault

Done = subprocess.CompletedProcess[str]

LINES = b"www.cli.test\n\nno.cli.test\n  x.wild.cli.test  \nbad..name\nwww.cli.test\r\nalias.cli.test"
KEYS = list(Row._fields)


def rows(output: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in output.splitlines()]


@pytest.mark.parametrize("source", ["file", "pipe", "dash"])
def test_one_row_for_each_line(run: Any, call: Any, tmp_path: Path, source: str) -> None:
    (tmp_path / "names.txt").write_bytes(LINES)
    done = {
        "file": lambda: call("names.txt", "--quiet"),
        "pipe": lambda: run("bulk", "--quiet", input=LINES),
        "dash": lambda: run("bulk", "-", "--quiet", input=LINES),
    }[source]()
    assert (done.returncode, done.stderr) == (0, "")
    got = sorted(rows(done.stdout), key=lambda row: row["index"])
    assert [(row["index"], row["input"], row["name"], row["status"]) for row in got] == [
        (0, "www.cli.test", "www.cli.test.", "ok"),
        (2, "no.cli.test", "no.cli.test.", "nxdomain"),
        (3, "x.wild.cli.test", "x.wild.cli.test.", "ok"),
        (4, "bad..name", "bad..name", "bad-name"),
        (5, "www.cli.test", "www.cli.test.", "ok"),
        (6, "alias.cli.test", "alias.cli.test.", "ok"),
    ]
    assert all(list(row) == KEYS for row in got)
    assert all((row["error"] is not None) == (row["status"] == "bad-name") for row in got)


@pytest.fixture
def call(call: Callable[..., Done]) -> Callable[..., Done]:
    """`aioresolver bulk` in this process."""
    return lambda *words, **options: call("bulk", *words, **options)


def test_type_and_nameserver(call: Any, server: Any) -> None:
    done = call("--type", "mx", f"@{server.nameserver}", input=b"cli.test\nwww.cli.test\n")
    assert {row["name"]: (row["type"], row["status"], row["data"]) for row in rows(done.stdout)} == {
        "cli.test.": ("MX", "ok", ["10 mail.cli.test."]),
        "www.cli.test.": ("MX", "no-data", []),
    }


def test_bytes_that_are_no_text_are_a_row(call: Any) -> None:
    done = call(input=b"caf\xe9.cli.test\n\xff\xfe\nwww.cli.test\n" + b"x" * 300 + b".test\n" + b"a\x00b\n")
    assert done.returncode == 0
    assert Counter(row["status"] for row in rows(done.stdout)) == Counter({"bad-name": 4, "ok": 1})


def test_failures_are_rows_and_a_status(call: Any, server: Any) -> None:
    server.faults.append(Fault.servfail(name="www.cli.test"))
    server.faults.append(Fault.silence(name="alias.cli.test"))
    done = call("--timeout", "0.4", input=b"www.cli.test\nalias.cli.test\nx.wild.cli.test\n")
    assert done.returncode == 3
    assert {row["input"]: row["status"] for row in rows(done.stdout)} == {
        "www.cli.test": "servfail", "alias.cli.test": "timeout", "x.wild.cli.test": "ok"
    }  # fmt: skip


def test_an_empty_file(call: Any) -> None:
    done = call(input=b"")
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr.startswith("done: 0 inputs, 0 rows in ")


@pytest.mark.parametrize("path", ["missing.txt", "."])
def test_a_names_file_that_cannot_be_read(call: Any, path: str) -> None:
    done = call(path)
    assert (done.returncode, done.stdout) == (8, "")
    assert path in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("words", "complaint"),
    [(("--type", "NONSENSE"), "NONSENSE"), (("a", "b"), "one names file"), (("@nonsense",), "nonsense"),
     (("--concurrency", "0"), "above 0"), (("--rate", "-5"), "'-5' is not a number above 0"),
     (("--timeout", "-0.5"), "above 0"), (("--type", "A,AXFR"), "AXFR"), (("-t", "OPT"), "OPT")],
)  # fmt: skip
def test_wrong_use(call: Any, words: tuple[str, ...], complaint: str) -> None:
    done = call(*words)
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
        assert json.loads(process.stdout.readline())["name"] == "www.cli.test."
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
    assert rest == b""
    assert errors.startswith(b"interrupted: 1 inputs, 1 rows in ")


@pytest.mark.skipif(sys.platform != "linux", reason="pipes as small as one likes")
def test_ctrl_c_while_nobody_reads_says_what_a_second_one_does(environment: dict[str, str], tmp_path: Path) -> None:
    names = tmp_path / "names.txt"
    names.write_text("".join(f"h{i}.wild.cli.test\n" for i in range(3000)))
    ours, theirs = os.pipe()
    size = fcntl.fcntl(theirs, fcntl.F_SETPIPE_SZ, 4096)
    command = [sys.executable, "-m", "aioresolver", "bulk", str(names), "--no-progress"]
    try:
        with subprocess.Popen(command, env=environment, stdout=theirs, stderr=subprocess.PIPE) as process:
            while int.from_bytes(fcntl.ioctl(ours, termios.FIONREAD, bytes(4)), sys.byteorder) < size:
                time.sleep(0.005)
            process.send_signal(signal.SIGINT)
            assert process.stderr is not None
            told = process.stderr.readline()
            process.send_signal(signal.SIGINT)
            assert process.wait(20) == 130
    finally:
        os.close(ours)
        os.close(theirs)
    assert told == b"aioresolver bulk: the last rows are not written yet; a second Ctrl-C ends at once, without them\n"


@pytest.mark.skipif(os.name == "nt", reason="there are no such locks")
def test_an_output_that_another_run_is_writing(environment: dict[str, str], call: Any, tmp_path: Path) -> None:
    output = str(tmp_path / "out.jsonl")
    with start(environment, "-", "--output", output, "--quiet") as process:
        while not Path(f"{output}.journal").exists():
            time.sleep(0.005)
        for words in ((), ("--resume",)):
            done = call("--output", output, *words, input=LINES)
            assert (done.returncode, done.stdout) == (1, "")
            assert done.stderr.startswith(f"aioresolver bulk: another run is writing {output} ")
        process.communicate(b"www.cli.test\n", timeout=20)
    assert process.returncode == 0


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
    assert "ok 1" in shown


@pytest.mark.parametrize("count", ["0", "-1", "many", "100001", "9" * 5000])
def test_an_impossible_concurrency_is_one_line(call: Any, count: str) -> None:
    done = call("--concurrency", count)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)


@pytest.mark.skipif(os.name == "nt", reason="a shell's redirection")
@pytest.mark.parametrize(("closed", "status"), [("<&-", 8), (">&-", 11)])
def test_a_closed_standard_stream_is_one_line(environment: dict[str, str], closed: str, status: int) -> None:
    command = f"echo www.cli.test | {{ '{sys.executable}' -m aioresolver bulk - {closed}; }}"
    done = subprocess.run(["sh", "-c", command], env=environment, capture_output=True, timeout=50, check=False)
    assert (done.returncode, done.stdout, done.stderr.count(b"\n")) == (status, b"", 1)
    assert b"is closed" in done.stderr


def test_several_types_of_which_nxdomain_answers_all(call: Any, server: Any) -> None:
    done = call("--type", "A,AAAA", "--type", "MX", "--quiet", input=b"www.cli.test\nno.cli.test\n")
    assert {(row["input"], row["type"]): row["status"] for row in rows(done.stdout)} == {
        ("www.cli.test", "A"): "ok", ("www.cli.test", "AAAA"): "ok", ("www.cli.test", "MX"): "no-data",
        ("no.cli.test", "A"): "nxdomain", ("no.cli.test", "AAAA"): "nxdomain", ("no.cli.test", "MX"): "nxdomain",
    }  # fmt: skip
    assert [str(query.name) for query in server.queries].count("no.cli.test.") == 1


def test_a_column_of_csv(call: Any, tmp_path: Path) -> None:
    (tmp_path / "sites.csv").write_text('rank,"host"\n1,www.cli.test\n2,"alias.cli.test"\n')
    for words in (("--column", "host"), ("--column", "2", "--header")):
        done = call("sites.csv", *words, "--quiet")
        assert sorted(row["input"] for row in rows(done.stdout)) == ["alias.cli.test", "www.cli.test"]
    (tmp_path / "sites.txt").write_text("1;www.cli.test\n")
    done = call("sites.txt", "--column", "2", "--delimiter", ";", "--quiet")
    assert [row["status"] for row in rows(done.stdout)] == ["ok"]
    done = call("sites.csv", "--column", "site", "--output", "out.jsonl")
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    assert "'site'" in done.stderr


@pytest.mark.parametrize("name", ["out.jsonl", "out.csv", "out.csv.gz", "out.txt"])
def test_an_output_by_its_suffix(call: Any, tmp_path: Path, name: str) -> None:
    done = call("--output", name, input=LINES)
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr.splitlines()[1] == "statuses: ok 4, nxdomain 1, bad-name 1"
    data = (tmp_path / name).read_bytes()
    text = (gzip.decompress(data) if name.endswith(".gz") else data).decode()
    got = list(csv.DictReader(io.StringIO(text))) if "csv" in name else rows(text)
    assert sorted(int(row["index"]) for row in got) == [0, 2, 3, 4, 5, 6]
    manifest = json.loads((tmp_path / f"{name}.manifest.json").read_text())
    assert (manifest["complete"], manifest["rows"], manifest["inputs"]) == (True, 6, 6)
    assert sorted(path.name for path in tmp_path.iterdir()) == [name, f"{name}.manifest.json"]


def test_a_format_against_the_suffix(call: Any, tmp_path: Path) -> None:
    call("--output", "out.txt", "--format", "csv", "--quiet", input=LINES)
    assert (tmp_path / "out.txt").read_text().startswith("index,input,name,")
    assert call("--format", "csv", "--quiet", input=LINES).stdout.startswith("index,input,name,")


def test_parquet(call: Any, tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet", reason="pyarrow is an extra")
    assert call("--output", "out.parquet", input=LINES).returncode == 0
    assert parquet.read_table(tmp_path / "out.parquet").num_rows == 6


def test_an_output_is_replaced_and_a_stopped_run_is_not(call: Any, tmp_path: Path) -> None:
    output, journal = tmp_path / "out.jsonl", tmp_path / "out.jsonl.journal"
    output.write_text("an old one")
    assert call("--output", "out.jsonl", "--quiet", input=LINES).returncode == 0
    whole = output.read_bytes()
    assert len(rows(whole.decode())) == 6
    again = call("--output", "out.jsonl", "--resume", input=LINES)  # there is nothing left to do
    assert (again.returncode, output.read_bytes()) == (0, whole)
    journal.write_text("{}")
    refused = call("--output", "out.jsonl", input=LINES)
    assert (refused.returncode, refused.stderr.count("\n")) == (1, 1)
    assert "go on with --resume" in refused.stderr


def test_taken_up_where_it_was_stopped(call: Any, server: Any, environment: dict[str, str], tmp_path: Path) -> None:
    names = tmp_path / "names.txt"
    names.write_text("".join(f"h{i}.wild.cli.test\n" for i in range(200)))
    words = [str(names), "--output", str(tmp_path / "out.jsonl"), "--rate", "400"]
    with start(environment, *words) as process:
        while process.poll() is None and server.count < 60:
            time.sleep(0.005)
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=20)
    assert process.returncode == 143
    assert errors.startswith(b"terminated: ")
    assert not (tmp_path / "out.jsonl").exists()
    other = call(*words, "--type", "MX", "--resume")
    assert (other.returncode, other.stderr.count("\n")) == (1, 1)
    assert "types was A, and is MX now" in other.stderr
    done = call(*words, "--resume")
    assert done.returncode == 0
    assert re.search(r"200 rows in .*, \d+ of them by an earlier run", done.stderr)
    got = rows((tmp_path / "out.jsonl").read_text())
    assert sorted(row["index"] for row in got) == list(range(200))


def test_stats(call: Any, server: Any, tmp_path: Path) -> None:
    call("--stats", "stats.json", "--quiet", input=LINES)
    stats = json.loads((tmp_path / "stats.json").read_text())
    assert (stats["ended"], stats["inputs"], stats["blank"], stats["rows"]) == ("done", 6, 1, 6)
    assert stats["statuses"] == {"ok": 4, "nxdomain": 1, "bad-name": 1}
    assert sum(stats["statuses"].values()) == stats["rows"]
    assert stats["asked"] == stats["servers"][0]["asked"] == server.count
    assert stats["servers"][0]["server"] == server.nameserver
    assert 0 < stats["latency"]["p50"] <= stats["latency"]["p99"] < 5
    assert stats["history"][-1]["rows"] == 6
    done = call("--stats", "-", "--output", "out.jsonl", "--quiet", input=LINES)
    assert json.loads(done.stdout)["rows"] == 6


def test_stats_and_plot_that_cannot_be_written(call: Any) -> None:
    """Which is known before anything is asked."""
    done = call("--stats", "missing/stats.json", "--quiet", input=LINES)
    told = "aioresolver bulk: cannot write missing/stats.json: No such file or directory\n"
    assert (done.returncode, done.stdout, done.stderr) == (11, "", told)


def test_plot(call: Any, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    for name in ("run.svg", "run.png"):
        assert call("--plot", name, "--quiet", input=LINES).returncode == 0
    assert b"6 rows in " in (tmp_path / "run.svg").read_bytes()
    assert (tmp_path / "run.png").read_bytes().startswith(b"\x89PNG")
    assert call("--plot", "run.svg", "--quiet", input=b"").returncode == 0


def test_wildcards(call: Any) -> None:
    names = b"".join(b"h%d.wild.cli.test\n" % i for i in range(5)) + b"www.cli.test\n"
    done = call("--wildcards", "mark", input=names)
    assert {row["input"]: row["wildcard"] for row in rows(done.stdout)} == {
        **{f"h{i}.wild.cli.test": True for i in range(5)}, "www.cli.test": False
    }  # fmt: skip
    assert "wildcards: 5 rows made up, 1 real" in done.stderr
    done = call("--wildcards", "drop", "--quiet", input=names)
    assert Counter(row["status"] for row in rows(done.stdout)) == Counter(ok=1, wildcard=5)
    assert done.returncode == 0


def test_a_nameserver_that_lies(call: Any, server: Any) -> None:
    liar_zone = "$ORIGIN .\n@ 60 SOA a b 1 2 3 4 5\n* 60 A 192.0.2.66\n"
    with DNSServer.in_thread(liar_zone) as liar:
        done = call(
            f"@{liar.nameserver}", f"@{server.nameserver}", "--check-servers", "--check-domain", "cli.test",
            input=b"www.cli.test\nalias.cli.test\nno.cli.test\n",
        )  # fmt: skip
    assert f"{liar.nameserver} lies" in done.stderr
    assert {row["input"]: row["data"] for row in rows(done.stdout)} == {
        "www.cli.test": ["192.0.2.1", "192.0.2.2"], "alias.cli.test": ["192.0.2.1", "192.0.2.2"], "no.cli.test": []
    }  # fmt: skip


@pytest.mark.parametrize(
    "words",
    [("--no-cache",), ("--rate", "1000"), ("--rate-per-server", "1000"), ("--concurrency", "2"), ("--timeout", "3"),
     ("--backend", "cares"), ("--no-progress",)],
)  # fmt: skip
def test_how_it_is_asked_changes_no_row(call: Any, server: Any, words: tuple[str, ...]) -> None:
    done = call(f"@{server.nameserver}", *words, input=LINES)
    assert done.returncode == 0
    assert Counter(row["status"] for row in rows(done.stdout)) == Counter(ok=4, nxdomain=1, **{"bad-name": 1})


def test_gzip_as_input(call: Any, tmp_path: Path) -> None:
    (tmp_path / "names.gz").write_bytes(gzip.compress(LINES))
    assert len(rows(call("names.gz", "--quiet").stdout)) == 6
    (tmp_path / "cut.gz").write_bytes(gzip.compress(LINES)[:-9])
    done = call("cut.gz", "--quiet")
    assert (done.returncode, done.stderr.count("\n")) == (8, 1)
    assert "cut.gz" in done.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no such device")
def test_standard_output_that_is_full(environment: dict[str, str]) -> None:
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [sys.executable, "-m", "aioresolver", "bulk", "--quiet"],
            env=environment, input=LINES, stdout=full, stderr=subprocess.PIPE, timeout=30, check=False,
        )  # fmt: skip
    assert done.returncode == 11
    assert done.stderr == b"aioresolver bulk: cannot write standard output: No space left on device\n"


def test_no_rows_on_a_terminal_are_spoilt_by_progress(environment: dict[str, str]) -> None:
    pty = pytest.importorskip("pty")
    ours, theirs = pty.openpty()
    try:
        subprocess.run(
            [sys.executable, "-m", "aioresolver", "bulk", "--quiet"], env=environment, input=b"www.cli.test\n",
            stdout=theirs, stderr=theirs, timeout=30, check=True,
        )  # fmt: skip
        shown = os.read(ours, 4096).decode()
    finally:
        os.close(ours)
        os.close(theirs)
    assert [row["status"] for row in rows(shown)] == ["ok"]
