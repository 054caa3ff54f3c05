"""The benchmarks measure what they say: answers are compared, packets counted, and the page filled from the results."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from pathlib import Path

import pytest

from aioresolver.testing import DNSServer

FOLDER = Path(__file__).parents[2] / "benchmarks"
ZONE = "$ORIGIN bench.test.\n$TTL 60\n@ SOA ns h 1 2 3 4 5\n@ NS ns\nns A 127.0.0.1\n"

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="they read /proc")


@pytest.fixture
def load(monkeypatch):
    """Imports a script of the folder, and forgets all of them afterwards."""
    monkeypatch.syspath_prepend(str(FOLDER))
    before = set(sys.modules)
    yield importlib.import_module
    for name in set(sys.modules) - before:
        if str(FOLDER) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]


def results_of(tmp_path, zone):
    """What the league saves when the nameserver has this zone."""
    path = tmp_path / "results.json"
    with DNSServer.in_thread(zone) as server:
        command = [sys.executable, str(FOLDER / "league.py"), "--names", "300", "--rounds", "1", "--save", str(path)]
        command += ["--only", "query_many", "--server", server.nameserver]
        subprocess.run(command, check=True, timeout=50, capture_output=True)
    return json.loads(path.read_text())["league-asyncio"]["rows"]


def test_the_league_compares_every_address(tmp_path):
    right = "".join(f"h{index} A 10.0.{index >> 8}.{index & 255}\n" for index in range(298))
    rows = results_of(tmp_path, f"{ZONE}{right}h298 A 192.0.2.1\n")

    row = rows["query_many"]
    assert (row["names"], row["right"], row["lost"]) == (300, 298, 1)


def test_the_page_has_a_place_for_everything_and_is_filled_again_in_the_same_way(load):
    report = load("report")
    run = {"machine": {"python": "CPython 3.11.7", "date": "", "cores": 2, "processor": "", "system": "", "versions": {}},
           "cache-hit-asyncio": {"query": 512.4}}  # fmt: skip

    page = report.filled(report.PAGE.read_text(), [run])

    assert "| `query` | 512 |" in page
    assert report.filled(page, [run]) == page


def test_a_target_is_missed_met_or_at_its_aim(load):
    targets = load("targets")
    more = targets.Target("", 6, 9, "times", None)
    less = targets.Target("", 800, 400, "bytes", None, less=True)
    only = targets.Target("", 100, 100, "%", None)

    assert [more.judged(figure) for figure in (5.9, 6, 9)] == ["missed", "met", "**aim**"]
    assert [less.judged(figure) for figure in (800, 799, 400)] == ["missed", "met", "**aim**"]
    assert [only.judged(figure) for figure in (99.9, 100)] == ["missed", "met"]


def test_a_lossy_socket_loses_its_share_and_counts_what_it_lost(load):
    packet_loss = load("packet_loss")
    socket = load("socket")
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client,
    ):
        server.bind(("127.0.0.1", 0))
        server.setblocking(False)
        client.connect(server.getsockname())
        packet_loss.lose(server, 0.5)
        came = 0
        for _ in range(1000):
            client.send(b"x")
            try:
                came += len(server.recv(1))
            except BlockingIOError:
                continue

        assert 300 < came < 700
        assert packet_loss.dropped(server) == 1000 - came
