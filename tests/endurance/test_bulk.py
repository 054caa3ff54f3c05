"""`aioresolver bulk` for minutes: killed a hundred times while the server misbehaves, ten million lines, a full disk.

Slow, so not among the ordinary tests: `nox -s endurance`.
"""

from __future__ import annotations

import gzip
import json
import os
import random
import shutil
import signal
import subprocess
import time
from collections import Counter
from pathlib import Path

import pytest
from tests.bulk_program import begun, command

from aioresolver.testing import DNSServer, Fault

ZONE = """
$ORIGIN bulk.test.
@   60 SOA ns hostmaster 1 7200 3600 1209600 30
*.w 86400 A 192.0.2.1
"""
KILLS = 100
LINES = 10_000_000
MOST_MEMORY = 1.2
ODD = {
    0: b"",
    1: b"caf\xe9.bulk.test",
    2: b"x" * 5000,
    3: b"\xff\xfe",
    4: b"bad..name",
    5: b"   ",
    6: b"a" * 64 + b".test",
}

pytestmark = pytest.mark.timeout(1800)


@pytest.fixture
def server():
    with DNSServer.in_thread(ZONE) as running:
        yield running


@pytest.mark.parametrize("name", ["out.jsonl", "out.csv.gz"])
def test_killed_at_random_instants_while_the_server_misbehaves(server, tmp_path, name):
    """As many names as take long enough; each kill costs a second's work at most, and no row."""
    server.faults.extend(
        [
            Fault.drop(0.05),
            Fault.delay(0.0, jitter=0.03, probability=0.3),
            Fault.reorder(probability=0.05),
            Fault.duplicate(2, probability=0.05),
            Fault.wrong_id(probability=0.05),
            Fault.truncate(probability=0.02),
            Fault.servfail(probability=0.02),
        ]
    )
    rate, count, kills, chance = 3000, 100_000, 0, random.Random(7)
    (tmp_path / "names").write_text("".join(f"n{number // 2}.w.bulk.test\n" for number in range(count)))
    out = tmp_path / name
    words = command(server, str(tmp_path / "names"), "--output", str(out), "--resume", "--rate", str(rate))
    while not out.exists():
        with begun(words, out) as process:
            try:
                process.wait(chance.uniform(0.0, 1.6) if kills < KILLS // 2 else None)
            except subprocess.TimeoutExpired:
                process.kill()
            assert process.stderr.read() == b""
            kills += process.wait() == -signal.SIGKILL

    assert kills >= KILLS // 2
    data = gzip.decompress(out.read_bytes()) if name.endswith(".gz") else out.read_bytes()
    lines = data.splitlines()
    if ".csv" in name:
        indices = [int(line.split(b",", 1)[0]) for line in lines[1:]]
    else:
        indices = [json.loads(line)["index"] for line in lines]
    assert sorted(indices) == list(range(count))
    manifest = json.loads(Path(f"{out}.manifest.json").read_text())
    assert (manifest["complete"], manifest["rows"], manifest["resumed"]) == (True, count, kills)


def write_lines(path, count):
    """Lines of every kind, many of them twice; the numbers of those that are not blank."""
    with path.open("wb") as file:
        for start in range(0, count, 10_000):
            lines = [b"n%d.w.bulk.test" % (number * 7919 % 3000) for number in range(start, start + 10_000)]
            for number, line in ODD.items():
                lines[1000 + number * 1111] = line
            file.write(b"\n".join(lines) + b"\n")
    blank = {1000 + number * 1111 for number, line in ODD.items() if not line.strip()}
    return bytearray(number % 10_000 not in blank for number in range(count))


def run_to_the_end(words, *, kill_when=None):
    """Its exit status, and its peak memory in bytes."""
    process = subprocess.Popen(words)
    if kill_when is not None:
        while process.poll() is None and not kill_when():
            time.sleep(0.01)
        process.kill()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return process.returncode, usage.ru_maxrss * 1024


def test_ten_million_lines(server, tmp_path):
    """Every one has its row, once, also with a kill in the middle; and memory does not grow with their number."""
    out = tmp_path / "out.csv.gz"
    words = command(server, str(tmp_path / "names"), "--output", str(out))
    write_lines(tmp_path / "names", LINES // 20)
    status, modest = run_to_the_end(words)
    assert status == 0
    out.unlink()
    expected = write_lines(tmp_path / "names", LINES)

    def half_way():
        size = Path(f"{out}.partial").stat().st_size if os.path.exists(f"{out}.partial") else 0
        return size > 30_000_000

    status, _ = run_to_the_end(words, kill_when=half_way)
    assert status == -signal.SIGKILL
    status, peak = run_to_the_end([*words, "--resume"])
    assert status == 0

    seen, statuses = bytearray(LINES), Counter()
    with gzip.open(out, "rb") as rows:
        next(rows)
        for row in rows:
            index, rest = row.split(b",", 1)
            seen[int(index)] += 1
            statuses[b"bad-name" if b",bad-name," in rest else b"ok"] += 1
    assert seen == expected
    assert statuses == {b"ok": LINES // 10_000 * 9993, b"bad-name": LINES // 10_000 * 5}
    assert peak < modest * MOST_MEMORY, f"{peak / 1e6:.0f} MB, with a twentieth of the lines {modest / 1e6:.0f} MB"


@pytest.fixture
def small_disk(tmp_path):
    """A file system with room for a megabyte."""
    mount = shutil.which("mount")
    if mount is None or os.geteuid() != 0:
        pytest.skip("only root mounts file systems")
    folder = tmp_path / "disk"
    folder.mkdir()
    done = subprocess.run([mount, "-t", "tmpfs", "-o", "size=1m", "none", str(folder)], check=False)
    if done.returncode:
        pytest.skip("this root may not mount")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


@pytest.mark.parametrize("name", ["out.jsonl", "out.csv", "out.jsonl.gz", "out.parquet"])
def test_a_disk_that_is_full(server, tmp_path, small_disk, name):
    out, filler = small_disk / name, small_disk / "filler"
    filler.write_bytes(bytes((1 << 20) - (24_000 if name.endswith(".gz") else 60_000)))
    (tmp_path / "names").write_text("".join(f"n{number}.w.bulk.test\n" for number in range(4000)))
    words = command(server, str(tmp_path / "names"), "--output", str(out), "--rate", "20000")
    full = subprocess.run(words, capture_output=True, check=False)
    assert full.returncode == 11
    assert f"cannot write {out}: No space left on device".encode() in full.stderr
    assert not out.exists()
    filler.unlink()
    subprocess.run(["mount", "-o", "remount,size=8m", str(small_disk)], check=True)

    done = subprocess.run([*words, "--resume"], capture_output=True, check=False)

    assert (done.returncode, done.stderr) == (0, b"")
    assert sorted(os.listdir(small_disk)) == [name, f"{name}.manifest.json"]
    assert json.loads((small_disk / f"{name}.manifest.json").read_text())["rows"] == 4000


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="needs a file system that is read-only")
def test_a_disk_that_is_read_only(server, tmp_path, small_disk):
    (tmp_path / "names").write_text("n1.w.bulk.test\n")
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    out = small_disk / "out.jsonl"

    done = subprocess.run(
        command(server, str(tmp_path / "names"), "--output", str(out)), capture_output=True, check=False
    )

    assert done.returncode == 11
    assert done.stderr == f"aioresolver bulk: cannot write {out}: Read-only file system\n".encode()
