"""`aioresolver NAME [TYPE] [@nameserver]`."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from aioresolver.cli.main import main
from aioresolver.testing import Fault


@pytest.fixture
def call(
    server: Any, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., tuple[int, str, str]]:
    """Exit status, output and error output of the command line, in this process."""
    monkeypatch.setenv("AIORESOLVER_NAMESERVERS", server.nameserver)
    monkeypatch.setenv("LOCALDOMAIN", "")

    def call(*words: str) -> tuple[int, str, str]:
        try:
            status = main(words)
        except SystemExit as end:
            status = int(end.code or 0)
        captured = capsys.readouterr()
        return status, captured.out, captured.err

    return call


def test_short(call: Any) -> None:
    assert call("www.cli.test", "--short")[:2] == (0, "192.0.2.1\n192.0.2.2\n")
    assert call("--short", "www.cli.test", "AAAA")[:2] == (0, "2001:db8::1\n")
    assert call("mx", "cli.test", "--short")[:2] == (0, "10 mail.cli.test.\n")
    assert call("192.0.2.1", "--short")[:2] == (0, "www.cli.test.\n")


def test_at_nameserver(call: Any, server: Any) -> None:
    for url in (server.nameserver, server.nameserver.replace("udp", "tcp"), f"127.0.0.1:{server.port}"):
        assert call(f"@{url}", "www.cli.test", "A", "--short")[:2] == (0, "192.0.2.1\n192.0.2.2\n")


@pytest.mark.parametrize("backend", ["stub", "cares"])
def test_backends(call: Any, server: Any, backend: str) -> None:
    assert call("alias.cli.test", f"@{server.nameserver}", "--backend", backend, "--short")[0] == 0


def test_json(call: Any, server: Any) -> None:
    status, out, _ = call("alias.cli.test", "--json")
    row = json.loads(out)
    assert status == 0
    assert {key: value for key, value in row.items() if key != "elapsed"} == {
        "index": 0,
        "input": "alias.cli.test",
        "name": "alias.cli.test.",
        "type": "A",
        "status": "ok",
        "data": ["192.0.2.1", "192.0.2.2"],
        "aliases": ["alias.cli.test."],
        "ttl": 60,
        "server": server.nameserver,
        "attempts": 1,
        "wildcard": None,
        "error": None,
    }
    assert 0 < row["elapsed"] < 5


def test_readable(call: Any) -> None:
    status, out, _ = call("alias.cli.test")
    assert status == 0
    assert "alias.cli.test. 60 IN CNAME www.cli.test." in out
    assert "www.cli.test. 60 IN A 192.0.2.1" in out


@pytest.mark.parametrize(
    ("name", "type_", "status"), [("no.cli.test", "A", "nxdomain"), ("www.cli.test", "MX", "no-data")]
)
def test_absence_is_a_reply(call: Any, name: str, type_: str, status: str) -> None:
    code, out, _ = call(name, type_, "--json")
    assert (code, json.loads(out)["status"]) == (0, status)
    assert "SOA" in call(name, type_)[1]


def test_servfail_is_a_reply_too(call: Any, server: Any) -> None:
    server.faults.append(Fault.servfail())
    code, out, _ = call("www.cli.test", "--json")
    assert (code, json.loads(out)["status"]) == (0, "servfail")


def test_no_reply(call: Any, server: Any) -> None:
    server.faults.append(Fault.silence())
    code, out, _ = call("www.cli.test", "--timeout", "0.3", "--json")
    row = json.loads(out)
    assert (code, row["status"]) == (9, "timeout")
    assert server.nameserver in row["error"]


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        ((), "arguments are required"),
        (("@1.1.1.1",), "a name is missing"),
        (("a..b",), "a..b"),
        (("www.cli.test", "NONSENSE"), "NONSENSE"),
        (("www.cli.test", "A", "MX"), "one name and one type"),
        (("www.cli.test", "@ftp://1.1.1.1"), "ftp"),
        (("www.cli.test", "@nonsense"), "nonsense"),
        (("www.cli.test", "--timeout", "0"), "seconds"),
        (("www.cli.test", "--short", "--json"), "not allowed"),
        (("www.cli.test", "--backend", "other"), "invalid choice"),
        (("www.cli.test", "@127.0.0.1", "--backend", "system"), "system"),
    ],
)
def test_wrong_use_is_one_clear_line(call: Any, words: tuple[str, ...], complaint: str) -> None:
    status, out, err = call(*words)
    assert (status, out) == (1, "")
    assert complaint in err
    assert len(err.splitlines()) == 1


def test_version_and_help(call: Any) -> None:
    assert call("--version")[:2] == (0, "aioresolver 0.1.0\n")
    assert "@nameserver" in call("--help")[1]
