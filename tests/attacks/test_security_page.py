"""The page on security says what is so: its figures are the code's, its arithmetic adds up, and the tests it names exist."""

from __future__ import annotations

import inspect
import math
import re
from importlib import import_module
from pathlib import Path

import pytest

from aioresolver import Cache, Resolver, StubBackend
from aioresolver.backends import cookies, stub, upstream
from aioresolver.transports.udp import UdpTransport
from aioresolver.transports.udp_socket import FIRST_PORT, UNUSABLE_PORTS
from aioresolver.wire.edns import Edns

ROOT = Path(__file__).parent.parent.parent
PAGE = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
TESTS = {path: path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("test_*.py")}
BOUNDS = re.findall(r"^\| (.+?) \| ([\d,]+) \| `([\w.]+)` \|$", PAGE, flags=re.MULTILINE)
TIMES = re.findall(r"^\| (.+?) \| ([\d.]+) \| (.+?) \| (.+?) \|$", PAGE, flags=re.MULTILINE)
PORTS = 65536 - FIRST_PORT - len(UNUSABLE_PORTS)
UNITS = {"s": 1.0, "min": 60.0, "h": 3600.0, "days": 86_400.0, "years": 365.25 * 86_400}


def test_all_tables_are_looked_at() -> None:
    assert len(BOUNDS) > 30
    assert len(TIMES) == 4


@pytest.mark.parametrize(("what", "figure", "name"), BOUNDS)
def test_a_bound_is_the_codes(what: str, figure: str, name: str) -> None:
    module, _, constant = name.rpartition(".")
    assert int(figure.replace(",", "")) == getattr(import_module(f"aioresolver.{module}"), constant), what


def possibilities(bits: str) -> float:
    """Of what has about so many bits, how many there are, the ports being not quite as many."""
    return 65536.0 if bits == "16.0" else 65536.0 * PORTS * 2.0 ** (round(float(bits)) - 32)


@pytest.mark.parametrize(("what", "bits", "slow", "quick"), TIMES)
def test_the_arithmetic_adds_up(what: str, bits: str, slow: str, quick: str) -> None:
    assert math.log2(possibilities(bits)) == pytest.approx(float(bits), abs=0.05), what
    for rate, told in ((100_000, slow), (1_000_000, quick)):
        number, unit = told.split()
        seconds = math.log(2) * possibilities(bits) / rate
        assert float(number) == pytest.approx(seconds / UNITS[unit], rel=0.03), told


def test_the_other_figures_are_the_codes() -> None:
    sockets = inspect.signature(UdpTransport).parameters
    cache = inspect.signature(Cache).parameters
    for figure, value in {
        "64,510": PORTS,
        "2,000 queries": sockets["renew_queries"].default,
        "10 seconds": sockets["renew_seconds"].default,
        "1,232 bytes": Edns().payload,
        "86,400 seconds": cookies.LIFETIME,
        "8 random bytes": cookies.CLIENT_SIZE,
        "900 seconds": cache["negative_max_ttl"].default,
        "multiple of 128": upstream.PADDING_BLOCK,
    }.items():
        assert figure in PAGE
        assert int(re.sub(r"\D", "", figure)) == value
    assert f"one\nlookup in {round(65536 * PORTS / 20_000, -3):,.0f}" in PAGE
    assert cache["max_ttl"].default == 86_400
    assert cache["stale"].default == 0
    assert inspect.signature(StubBackend).parameters["randomize_case"].default is False
    assert inspect.signature(Resolver).parameters["policy"].default is None
    assert stub.USUAL_EDNS.payload == Edns().payload


def test_the_tests_that_are_named_exist() -> None:
    paths = re.findall(r"`(tests/[\w/.]+)`", PAGE)
    assert [path for path in paths if not (ROOT / path).exists()] == []
    names = re.findall(r"`(test_\w+)`", PAGE)
    everything = "\n".join(TESTS.values())
    assert [name for name in names if f"def {name}(" not in everything] == []
    assert len(names) > 5


def test_every_attack_is_named() -> None:
    files = {path.relative_to(ROOT).as_posix() for path in TESTS if path.parent.name == "attacks"}
    assert {path for path in files if f"`{path}`" not in PAGE} == set()
