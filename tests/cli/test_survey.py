"""`aioresolver survey DOMAIN [@nameserver]`."""

from __future__ import annotations

import io
import json
import sys

import pytest

from aioresolver.cli.main import main

NOBODY = "@udp://127.0.0.1:1"


def test_a_report(server, capsys):
    assert main(["survey", "cli.test", f"@{server.nameserver}"]) == 0

    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "cli.test."
    assert "MX                  10 mail.cli.test." in lines
    assert "                    ! the mail server mail.cli.test. has no address: no such name (RFC 5321, 5.1)" in lines
    assert lines[-1] == "1 problem"


def test_an_object(server, capsys):
    assert main(["survey", "--json", f"@{server.nameserver}", "www.cli.test"]) == 0

    survey = json.loads(capsys.readouterr().out)
    assert list(survey) == ["domain", "exists", "signed", "findings", "problems"]
    assert survey["domain"] == "www.cli.test."
    assert survey["exists"]
    addresses = survey["findings"][0]
    assert list(addresses) == [
        "topic", "name", "outcome", "values", "problems", "aliases", "ttl", "server", "reason",
    ]  # fmt: skip
    assert addresses["values"] == ["192.0.2.1", "192.0.2.2"]


def test_selectors_of_ones_own(server, capsys):
    assert main(["survey", "cli.test", "--selector", "mine", "--selector", "s1", f"@{server.nameserver}"]) == 0

    told = capsys.readouterr().out
    assert "DKIM mine           none\n" in told
    assert "DKIM s1             none\n" in told
    assert told.count("there is no key under this selector") == 2


def test_what_is_not_there_was_answered_all_the_same(server, capsys):
    assert main(["survey", "no.cli.test", f"@{server.nameserver}"]) == 0

    assert capsys.readouterr().out.startswith("no.cli.test. does not exist\n")


def test_nobody_replies(capsys):
    assert main(["survey", "cli.test", NOBODY, "--timeout", "0.2"]) == 9

    told = capsys.readouterr().out
    assert told.count("selectors unknown") == 1


@pytest.mark.parametrize("words", [["cli.test", "other.test"], [NOBODY], ["192.0.2.1"], ["bad..name"]])
def test_wrong_use(words, capsys):
    with pytest.raises(SystemExit) as end:
        main(["survey", *words, NOBODY])

    assert end.value.code == 1
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_a_terminal_obeys_no_record(server, capsys):
    main(["survey", "cli.test", f"@{server.nameserver}"])

    told = capsys.readouterr().out
    assert r'TXT                 with "quotes" and \x01' in told
    assert "\x01" not in told


def test_a_terminal_that_has_few_characters(server, monkeypatch):
    output = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(output, encoding="ascii"))
    server.add(r"cli.test. 60 TXT caf\195\169")

    assert main(["survey", "cli.test", f"@{server.nameserver}"]) == 0
    assert rb"caf\xe9" in output.getvalue()
