"""`aioresolver explain NAME [TYPE] [@nameserver]`."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable
from typing import Any

import pytest

from aioresolver.backends.system import SystemBackend
from aioresolver.explain import explain
from aioresolver.testing import Fault


@pytest.fixture
def call(call: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[int, str, str]]:
    """Exit status, output and error output of `aioresolver explain`, with a made-up operating system."""

    def getaddrinfo(host: bytes, port: None, family: int, *others: int) -> list[Any]:
        return [(family, 1, 6, host.decode(), ("192.0.2.99", 0))]

    def explained(*words: str) -> tuple[int, str, str]:
        done = call("explain", *words)
        return done.returncode, done.stdout, done.stderr

    monkeypatch.setitem(explain.__kwdefaults__, "system", lambda: SystemBackend(getaddrinfo=getaddrinfo))
    return explained


def test_readable(call: Any, server: Any) -> None:
    status, out, _ = call("alias.cli.test")
    assert status == 0
    assert "$AIORESOLVER_NAMESERVERS: nameservers " + server.nameserver in out
    assert "1. alias.cli.test. A: 192.0.2.1, 192.0.2.2, by way of alias.cli.test., from udp://" in out
    assert f"believed: {server.nameserver}" in out
    assert "operating system\n" not in out


def test_json(call: Any, server: Any) -> None:
    status, out, _ = call("cli.test", "MX", "--json")
    told = json.loads(out)
    assert (status, told["name"], told["type"]) == (0, "cli.test", "MX")
    assert told["verdict"]["data"] == ["10 mail.cli.test."]
    assert told["system"] is None


def test_at_nameserver_and_operating_system(call: Any, server: Any) -> None:
    status, out, _ = call("www.cli.test", f"@{server.nameserver}", "--os", "--json")
    told = json.loads(out)
    assert status == 0
    assert told["system"]["data"] == ["192.0.2.99"]
    (sentence,) = told["disagreements"]
    assert sentence.startswith("the operating system says 192.0.2.99, and this resolver 192.0.2.")


def test_exit_statuses(call: Any, server: Any) -> None:
    assert call("no.cli.test")[0] == 0
    assert call("192.0.2.1")[0] == 0
    assert call("localhost")[0] == 0
    server.faults.append(Fault.servfail())
    assert call("www.cli.test")[0] == 0
    server.faults[:] = [Fault.silence()]
    assert call("www.cli.test", "--timeout", "0.2")[0] == 9
    assert call("www.cli.test", "@udp://127.0.0.1:1", "--timeout", "0.2")[0] == 9


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        ((), "a name is missing"),
        (("a..b",), "a..b"),
        (("a.example", "NONSENSE"), "one name and one type"),
        (("a.example", "A", "MX"), "not 2 questions"),
        (("a.example", "-t", "NONSENSE"), "NONSENSE"),
        (("@1.1.1.1",), "missing"),
    ],
)
def test_wrong_use_is_one_clear_line(call: Any, words: tuple[str, ...], complaint: str) -> None:
    status, out, err = call(*words)
    assert (status, out) == (1, "")
    assert complaint in err
    assert len(err.splitlines()) == 1


def test_help(call: Any) -> None:
    assert "aioresolver explain" in call("--help")[1]


def test_nothing_but_loopback(call: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """With nameservers of the environment the operating system is not asked, or it would ask those of this machine."""
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_: pytest.fail("asked"))
    assert call("nowhere")[0] == 0
