"""Ten thousand names at once, with default settings: all right, few sockets, no timeout."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

MOST_SOCKETS = 64
PROGRAM = Path(__file__).parent / "crowd.py"

pytestmark = pytest.mark.skipif(not Path("/dev/fd").exists(), reason="descriptors cannot be listed here")


def crowd(kind: Any, server: Any, count: int, *, descriptors: int | None = None) -> dict[str, Any]:
    """Resolve so many names in a process of its own, which may have so many descriptors."""
    command = [sys.executable, "-W", "error", str(PROGRAM), kind.name, str(server.port), str(count)]
    if descriptors is not None:
        command = ["sh", "-c", f'ulimit -n {descriptors} && exec "$@"', "sh", *command]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=50, check=False)
    assert (ended.stderr, ended.returncode) == ("", 0)
    result = json.loads(ended.stdout)
    print(kind.name, result)
    return result


def check(result: dict[str, Any], count: int) -> None:
    assert (result["errors"], result["timeouts"]) == ([], 0)
    assert result["right"] == count
    assert result["sockets"] <= MOST_SOCKETS
    counters = result["counters"]
    assert (counters["lookups"], counters["answered"]) == (count, count)


def test_ten_thousand_names(kind, distant):
    check(crowd(kind, distant, 10_000), 10_000)


@pytest.mark.backends("stub")
def test_ten_thousand_names_when_packets_are_lost(kind, distant):
    distant.behave("lossy")
    result = crowd(kind, distant, 10_000)
    packets = distant.behave("good")

    check(result, 10_000)
    assert packets > 10_300


@pytest.mark.backends("cares", "system")
def test_names_when_packets_are_lost_but_not_three_for_one_name(kind, distant):
    """c-ares and glibc ask a few times only; and glibc waits for whole seconds, so it gets fewer names here."""
    count = 1_000 if kind.name == "system" else 10_000
    distant.behave("mildly lossy")
    result = crowd(kind, distant, count)
    packets = distant.behave("good")

    check(result, count)
    assert packets > count * 1.03


@pytest.mark.skipif(sys.platform == "win32", reason="there is no ulimit")
def test_ten_thousand_names_with_few_descriptors(kind, distant):
    check(crowd(kind, distant, 10_000, descriptors=128), 10_000)
