"""`aioresolver trace NAME [TYPE]`: over the demo's internet, and from hints of one's own."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from aioresolver.testing import DNSServer, Fault

ROOT = """
$ORIGIN .
@               60 SOA a.root. hostmaster. 1 7200 3600 1209600 30
www.cli.example 60 A 192.0.2.1
"""


@pytest.fixture
def root() -> Iterator[Any]:
    """A root server that has everything itself; it names no root servers, whose port would be 53."""
    with DNSServer.in_thread(ROOT) as running:
        yield running


@pytest.fixture
def hints(root: Any, tmp_path: Path) -> str:
    file = tmp_path / "named.root"
    file.write_text(f"; of the test\n. 60 NS a.root.\na.root. 60 A 127.0.0.1:{root.port}\n")
    return str(file)


def test_the_demo(call: Any) -> None:
    done = call("trace", "--demo")
    lines = done.stdout.splitlines()
    assert (done.returncode, done.stderr) == (0, "")
    assert lines[0] == "www.guest.example A, from the root"
    assert "├─ ns.hoster.test. A is looked up  → 192.0.2.7  " in done.stdout
    assert lines[-2] == "→ www.guest.example. 3600 IN A 198.51.100.10"


def test_the_demo_by_name_and_type(call: Any) -> None:
    done = call("trace", "--demo", "MX", "host2.old.hoster.test", "-4")
    assert done.returncode == 0
    assert "→ alias to host2.shop.example." in done.stdout
    assert "→ no records of this type (NOERROR)" in done.stdout


def test_json(call: Any) -> None:
    done = call("trace", "--demo", "--json", "--no-minimisation", "www.guest.example")
    told = json.loads(done.stdout)
    assert (told["outcome"], told["data"]) == ("ok", ["198.51.100.10"])
    assert [step["question"] for step in told["steps"] if step["purpose"] == "answer"] == ["www.guest.example. A"] * 3
    assert all(step["purpose"] != "cut" for step in told["steps"])


def test_svg(call: Any, tmp_path: Path) -> None:
    done = call("trace", "--demo", "--svg", str(tmp_path / "walk.svg"))
    assert done.stdout.startswith("www.guest.example A, from the root\n")
    assert ET.parse(tmp_path / "walk.svg").getroot().tag.endswith("svg")
    alone = call("trace", "--demo", "--svg", "-")
    assert ET.fromstring(alone.stdout).tag.endswith("svg")


def test_hints_of_ones_own(call: Any, hints: str) -> None:
    done = call("trace", "www.cli.example", "--hints", hints, "--color", "always")
    assert done.returncode == 0
    assert "\033[32m→ 192.0.2.1\033[0m" in done.stdout
    plain = call("trace", "www.cli.example", "--hints", hints)
    assert "\033" not in plain.stdout
    assert call("trace", "no.cli.example", "--hints", hints).returncode == 0


@pytest.mark.parametrize(("fault", "status"), [(Fault.drop(), 9), (Fault.servfail(), 0), (Fault.refused(), 0)])
def test_failures_end_as_those_of_a_lookup(call: Any, root: Any, hints: str, fault: Fault, status: int) -> None:
    root.faults = [fault]
    done = call("trace", "www.cli.example", "--hints", hints, "--timeout", "0.3")
    assert done.returncode == status
    assert "✗ www.cli.example. A: " in done.stdout


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        ([], "a name is missing"),
        (["example.org", "@1.1.1.1"], "leave out @1.1.1.1"),
        (["example.org", "example.net"], "one name and one type at the most"),
        (["--demo", "--hints", "x"], "--demo has root servers of its own"),
        (["example.org", "--hints", "not-there"], "cannot read the root hints"),
        (["example.org", "--hints", "broken"], "hints line 1: "),
        (["example.org", "--hints", "four", "-6"], "hints need at least one root server with an address of IPv6"),
        (["a..b", "--demo"], "a label is empty"),
    ],
)
def test_wrong_use(call: Any, tmp_path: Path, words: list[str], complaint: str) -> None:
    (tmp_path / "broken").write_text("nonsense\n")
    (tmp_path / "four").write_text(". NS a.\na. A 192.0.2.1\n")
    done = call("trace", *words)
    assert (done.returncode, done.stdout) == (1, "")
    assert complaint in done.stderr


def test_an_encoding_without_lines_and_arrows(call: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    sys.stdout.reconfigure(encoding="ascii")  # type: ignore[union-attr]
    try:
        done = call("trace", "--demo")
    finally:
        sys.stdout.reconfigure(encoding="utf-8")  # type: ignore[union-attr]
    assert "\n> www.guest.example. 3600 IN A 198.51.100.10\n" in done.stdout
    assert "`- " in done.stdout


def test_help(call: Any) -> None:
    done = call("trace", "--help")
    assert done.returncode == 0
    assert "named.root" in done.stdout
    assert "@nameserver" not in done.stdout
