"""`aioresolver bulk` loses no name and repeats none, whatever the server, the disk, the reader or the user does."""

from __future__ import annotations

import gzip
import json
import os
import random
import signal
import subprocess
import time
from collections import Counter
from pathlib import Path

import pytest
from tests.bulk_program import begun, command

from aioresolver.cli.main import main
from aioresolver.testing import DNSServer, Fault

ZONE = """
$ORIGIN bulk.test.
@     60 SOA ns hostmaster 1 7200 3600 1209600 30
*.w   60 A 192.0.2.1
alias 60 CNAME a.w
"""
ODD = [b"", b"caf\xe9.bulk.test", b"x" * 300 + b".test", b"bad..name", b"  ", b"\xff\x00\xfe", b"alias.bulk.test", b""]
LINES = [b"n%d.w.bulk.test" % (number % 25) for number in range(40)] + ODD + [b"gone%d.bulk.test" % n for n in range(5)]
EXPECTED = sorted((index, type_) for index, line in enumerate(LINES) if line.strip() for type_ in ("A", "AAAA"))

FAULTS = {
    "loss of every third": lambda: Fault.drop(0.3),
    "silence": lambda: Fault.silence(),
    "silence for one": lambda: Fault.silence(name="n3.w.bulk.test."),
    "delay": lambda: Fault.delay(0.05, jitter=0.05),
    "replies after the timeout": lambda: Fault.delay(1.0),
    "duplicates": lambda: Fault.duplicate(3),
    "another order": lambda: Fault.reorder(at_most=0.05),
    "closed connections": lambda: [Fault.truncate(), Fault.close(1, transport="tcp")],
    "SERVFAIL": lambda: Fault.servfail(probability=0.5),
    "REFUSED": lambda: Fault.refused(),
    "NOTIMP": lambda: Fault.rcode("NOTIMP"),
    "no EDNS": lambda: Fault.formerr_on_edns(),
    "a TTL of nothing": lambda: Fault.ttl(0),
    "truncation": lambda: Fault.truncate(),
    "garbage": lambda: Fault.garble(),
    "garbage at times": lambda: Fault.garble(probability=0.3),
    "wrong ids": lambda: Fault.wrong_id(),
    "wrong ids only": lambda: Fault.wrong_id(then_right=False),
    "wrong questions": lambda: Fault.wrong_question(),
    "wrong addresses": lambda: Fault.wrong_address(),
    "queries sent back": lambda: Fault.no_response_bit(),
}
ANSWERED = {"ok", "no-data", "nxdomain", "bad-name"}
# After these some get no answer, and are told so.
FATAL = {"silence", "silence for one", "replies after the timeout", "closed connections", "SERVFAIL", "REFUSED"}
FATAL |= {"NOTIMP", "garbage", "garbage at times", "wrong ids only", "loss of every third"}


@pytest.fixture
def server():
    with DNSServer.in_thread(ZONE) as running:
        yield running


def rows_of(path):
    return [json.loads(line) for line in path.read_bytes().splitlines()]


def keys_of(rows):
    return sorted((row["index"], row["type"]) for row in rows)


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_of_the_server(server, tmp_path, fault):
    made = FAULTS[fault]()
    server.faults.extend(made if isinstance(made, list) else [made])
    (tmp_path / "names").write_bytes(b"\n".join(LINES))
    out = tmp_path / "out.jsonl"

    options = ["--type", "A,AAAA", "--timeout", "0.3" if fault in FATAL else "4", "--quiet"]
    status = main(["bulk", str(tmp_path / "names"), f"@{server.nameserver}", "--output", str(out), *options])

    rows = rows_of(out)
    assert keys_of(rows) == EXPECTED
    statuses = {row["status"] for row in rows}
    assert status == (0 if statuses <= ANSWERED else 3)
    if fault not in FATAL:
        assert statuses == ANSWERED
    assert json.loads(Path(f"{out}.manifest.json").read_text())["complete"]


def write_names(folder, count):
    path = folder / "names"
    path.write_text("".join(f"n{number}.w.bulk.test\n" for number in range(count)))
    return str(path)


def test_killed_at_random_instants_and_taken_up_again(server, tmp_path):
    rate, count, kills = 2000, 800, 0
    names, out, chance = write_names(tmp_path, count), tmp_path / "out.jsonl", random.Random(3)
    words = command(server, names, "--output", str(out), "--resume", "--rate", str(rate))
    while not out.exists():
        with begun(words, out) as process:
            try:
                process.wait(chance.uniform(0.0, 0.6))
            except subprocess.TimeoutExpired:
                process.kill()
            assert process.stderr.read() == b""
            kills += process.wait() == -signal.SIGKILL

    assert kills
    assert keys_of(rows_of(out)) == [(index, "A") for index in range(count)]
    asked = Counter(str(query.name) for query in server.queries)
    assert len(asked) == count
    assert sum(asked.values()) - count <= kills * rate  # a second's work for each kill


@pytest.mark.skipif(os.name == "nt", reason="another Ctrl-C")
def test_interrupted_and_taken_up_again(server, tmp_path):
    names, out = write_names(tmp_path, 3000), tmp_path / "out.csv.gz"
    words = command(server, names, "--output", str(out), "--rate", "3000")
    with begun(words, out) as process:
        while process.poll() is None and server.count < 500:
            time.sleep(0.001)
        process.send_signal(signal.SIGINT)
        assert process.stderr.read() == b""
        assert process.wait() == 130
    assert not out.exists()

    done = subprocess.run([*words, "--resume"], capture_output=True, timeout=50, check=False)

    assert (done.returncode, done.stderr) == (0, b"")
    lines = gzip.decompress(out.read_bytes()).decode().splitlines()[1:]
    assert sorted(int(line.split(",")[0]) for line in lines) == list(range(3000))
    assert server.count < 3000 + 2000  # what was under way is asked again, nothing else


@pytest.mark.skipif(os.name == "nt", reason="no limit for files")
@pytest.mark.parametrize("name", ["out.jsonl", "out.csv", "out.jsonl.gz", "out.parquet"])
def test_no_room_for_the_rows(server, tmp_path, name):
    """A limit of the process stands in for a disk that is full; /dev/full is another."""
    if name.endswith("parquet"):
        pytest.importorskip("pyarrow", reason="pyarrow is an extra")
    names, out = write_names(tmp_path, 2000), tmp_path / name
    words = command(server, names, "--output", str(out))
    limited = ["sh", "-c", 'ulimit -f 16; exec "$@"', "sh", *words]

    full = subprocess.run(limited, capture_output=True, timeout=50, check=False)

    assert full.returncode == 11
    assert full.stderr.decode() == (
        f"aioresolver bulk: cannot write {out}: File too large; "
        "the rows so far are kept: make room, then go on with --resume\n"
    )
    assert not out.exists()

    done = subprocess.run([*words, "--resume"], capture_output=True, timeout=50, check=False)

    assert (done.returncode, done.stderr) == (0, b"")
    assert sorted(os.listdir(tmp_path)) == sorted(["names", name, f"{name}.manifest.json"])
    assert json.loads(Path(f"{out}.manifest.json").read_text())["rows"] == 2000


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no such device")
def test_a_device_that_is_full(server, tmp_path):
    done = subprocess.run(
        [*command(server, write_names(tmp_path, 50)), "--output", "/dev/full"],
        capture_output=True, timeout=50, check=False,
    )  # fmt: skip

    assert done.returncode == 11
    assert done.stderr == b"aioresolver bulk: cannot write /dev/full: No space left on device\n"


@pytest.mark.skipif(os.name == "nt", reason="no such pipes")
def test_a_closed_pipe(server, tmp_path):
    words = command(server, write_names(tmp_path, 5000))
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        row = json.loads(process.stdout.readline())
        process.stdout.close()

        assert process.wait(30) == 141
        assert process.stderr.read() == b""
    assert row["status"] == "ok"
