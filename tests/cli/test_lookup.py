"""`aioresolver NAME [TYPE] [@nameserver]`."""

from __future__ import annotations

import io
import json
import logging
import re
import sys
from collections.abc import Callable
from typing import Any

import pytest

from aioresolver.bulk import Row
from aioresolver.cli.exit_status import status_of_failure
from aioresolver.cli.main import main
from aioresolver.errors import Attempt
from aioresolver.testing import Fault


@pytest.fixture
def call(call: Callable[..., Any]) -> Callable[..., tuple[int, str, str]]:
    """Exit status, output and error output of a lookup."""

    def looked_up(*words: str) -> tuple[int, str, str]:
        done = call(*words)
        return done.returncode, done.stdout, done.stderr

    return looked_up


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
        "extended_errors": [],
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
        ((), "a name is missing"),
        (("@1.1.1.1",), "a name is missing"),
        (("a..b",), "a..b"),
        (("www.cli.test", "a..b"), "a..b"),
        (("www.cli.test", "-t", "A,NONSENSE"), "NONSENSE"),
        (("-x", "www.cli.test"), "-x takes an address"),
        (("www.cli.test", "+short"), "--short"),
        (("www.cli.test", "-4", "-6"), "not allowed"),
        (("www.cli.test", "-6"), "no nameserver has an IPv6 address: udp://127.0.0.1"),
        (("www.cli.test", "-4", "@::1"), "no nameserver has an IPv4 address: udp://[::1]"),
        (("www.cli.test", "-4", "--backend", "system"), "leave out the -4 or -6"),
        (("www.cli.test", "--color", "green"), "invalid choice"),
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


def test_as_dig_takes_it(call: Any, server: Any) -> None:
    ns = f"@{server.nameserver}"
    for words in ((ns, "MX", "cli.test"), ("cli.test", "MX", ns), ("mx", ns, "cli.test"), ("IN", "MX", "cli.test")):
        assert call(*words, "--short")[:2] == (0, "10 mail.cli.test.\n")
    assert call("-x", "192.0.2.1", ns, "--short")[:2] == (0, "www.cli.test.\n")


def test_several_are_asked_at_once_and_shown_in_order(call: Any, server: Any) -> None:
    server.faults.append(Fault.delay(0.1, name="www.cli.test"))
    status, out, _ = call("www.cli.test", "AAAA", "no.cli.test", "MX", "-x", "192.0.2.1", "--json")
    rows = [json.loads(line) for line in out.splitlines()]
    assert status == 0
    assert [(row["index"], row["input"], row["type"], row["status"]) for row in rows] == [
        (0, "www.cli.test", "AAAA", "ok"), (0, "www.cli.test", "MX", "no-data"),
        (1, "no.cli.test", "AAAA", "nxdomain"), (1, "no.cli.test", "MX", "nxdomain"),
        (2, "192.0.2.1", "PTR", "ok"),
    ]  # fmt: skip
    first, others = server.queries[0], server.queries[1:]
    assert any(query.when - first.when < 0.1 and "www" not in str(query.name) for query in others)


def test_the_same_schema_as_bulk(call: Any) -> None:
    status, out, _ = call("www.cli.test", "cli.test", "--json")
    assert status == 0
    assert [list(json.loads(line)) for line in out.splitlines()] == [list(Row._fields)] * 2


def test_one_that_gets_no_reply_is_the_exit_status(call: Any, server: Any) -> None:
    server.faults.append(Fault.silence(name="alias.cli.test"))
    status, out, err = call("alias.cli.test", "www.cli.test", "--short", "--timeout", "0.3")
    assert (status, out) == (9, "192.0.2.1\n192.0.2.2\n")
    assert err.startswith("; timeout: alias.cli.test")


@pytest.mark.parametrize(("outcome", "status"), [("SERVFAIL", 0), ("FORMERR to EDNS", 0), ("HTTP status 404", 9)])
def test_what_is_a_reply_of_a_nameserver(outcome: str, status: int) -> None:
    attempts = [Attempt("https://192.0.2.1/dns-query", "https", outcome, 0.1)]
    assert status_of_failure(attempts, timed_out=False) == status
    assert status_of_failure(attempts, timed_out=True) == 9


def test_time(call: Any, server: Any) -> None:
    status, out, err = call("cli.test", "MX", "TXT", "--short", "--time")
    assert status == 0
    assert re.fullmatch(rf"10 mail\.cli\.test\.  ; from {server.nameserver} in [\d.]+ ms", out.splitlines()[0])
    assert re.fullmatch(r"; 2 questions in [\d.]+ ms\n", err)
    assert re.fullmatch(r"; 1 question in [\d.]+ ms\n", call("cli.test", "MX", "--time")[2])


@pytest.mark.parametrize("backend", ["stub", "cares"])
def test_over_ipv4_only(call: Any, server: Any, backend: str) -> None:
    for words in (("-4",), ("-4", f"@{server.nameserver}", "@::1")):
        assert call("cli.test", "MX", *words, "--backend", backend, "--short")[:2] == (0, "10 mail.cli.test.\n")


def test_debug_tells_the_story(call: Any, server: Any) -> None:
    server.faults.append(Fault.servfail(times=1))
    status, out, err = call("cli.test", "MX", "--short", "--debug")
    assert (status, out) == (0, "10 mail.cli.test.\n")
    asking, failed, answered = (line.split(" ", 2)[2] for line in err.splitlines())
    assert asking == "cli.test. MX: asking"
    assert "SERVFAIL" in failed
    assert answered.startswith("cli.test. MX: 10 mail.cli.test., for 60 s, from udp://")
    assert not logging.getLogger("aioresolver").handlers


def test_a_terminal_that_has_few_characters(server: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    output = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", output)
    assert main(["bücher.cli.test", f"@{server.nameserver}"]) == 0
    assert rb"; b\xfccher.cli.test A: nxdomain" in output.buffer.getvalue()


def test_colours(call: Any) -> None:
    plain, coloured = call("alias.cli.test")[1], call("alias.cli.test", "--color", "always")[1]
    assert "\033" not in plain
    assert "\033[36mCNAME\033[0m \033[1mwww.cli.test.\033[0m" in coloured
    untimed = lambda text: re.sub(r"in [\d.]+ ms", "", text)
    assert untimed(re.sub(r"\033\[\d*m", "", coloured)) == untimed(plain)
