"""The command line against a server on loopback: in this process, or as a program where the process is the subject."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from aioresolver.cli.main import main
from aioresolver.testing import DNSServer

ZONE = """
$ORIGIN cli.test.
@      60 SOA ns hostmaster 1 7200 3600 1209600 30
www    60 A 192.0.2.1
www    60 A 192.0.2.2
www    60 AAAA 2001:db8::1
alias  60 CNAME www
@      60 MX 10 mail
@      60 TXT "with \\"quotes\\" and \\001"
*.wild 60 A 192.0.2.9
"""
REVERSE = """
$ORIGIN 2.0.192.in-addr.arpa.
@ 60 SOA ns hostmaster 1 7200 3600 1209600 30
1 60 PTR www.cli.test.
"""

Done = subprocess.CompletedProcess[str]


@pytest.fixture
def server() -> Iterator[Any]:
    with DNSServer.in_thread(ZONE, REVERSE) as running:
        yield running


@pytest.fixture
def environment(server: Any) -> dict[str, str]:
    return os.environ | {"AIORESOLVER_NAMESERVERS": server.nameserver, "LOCALDOMAIN": ""}


@pytest.fixture
def call(
    server: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Callable[..., Done]:
    """Run the command line in this process; `input` is the text of a file whose name comes last."""
    monkeypatch.setenv("AIORESOLVER_NAMESERVERS", server.nameserver)
    monkeypatch.setenv("LOCALDOMAIN", "")
    monkeypatch.chdir(tmp_path)
    for variable in ("NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(variable, raising=False)

    def call(*words: str, input: bytes | None = None) -> Done:
        if input is not None:
            path = tmp_path.parent / f"{tmp_path.name}.input"
            path.write_bytes(input)
            words = (*words, str(path))
        try:
            status = main(words)
        except SystemExit as end:
            status = int(end.code or 0)
        captured = capfd.readouterr()
        return Done(words, status, captured.out, captured.err)

    return call


@pytest.fixture
def run(environment: dict[str, str], tmp_path: Path) -> Callable[..., Done]:
    """Run the program, in a process of its own: `run("www.cli.test", input=b"…")`."""

    def run(*words: str, input: bytes = b"") -> Done:
        done = subprocess.run(
            [sys.executable, "-m", "aioresolver", *words],
            env=environment, cwd=tmp_path, input=input, capture_output=True, timeout=50, check=False,
        )  # fmt: skip
        return Done(words, done.returncode, done.stdout.decode(), done.stderr.decode())

    return run
