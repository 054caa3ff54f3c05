"""The command line against a server on loopback: in this process, or as a program."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

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


@pytest.fixture
def server() -> Iterator[Any]:
    with DNSServer.in_thread(ZONE, REVERSE) as running:
        yield running


@pytest.fixture
def environment(server: Any) -> dict[str, str]:
    return os.environ | {"AIORESOLVER_NAMESERVERS": server.nameserver, "LOCALDOMAIN": ""}


@pytest.fixture
def run(environment: dict[str, str], tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run the program: `run("www.cli.test", input="…")`."""

    def run(*words: str, input: bytes = b"") -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [sys.executable, "-m", "aioresolver", *words],
            env=environment, cwd=tmp_path, input=input, capture_output=True, timeout=50, check=False,
        )  # fmt: skip
        return subprocess.CompletedProcess(words, done.returncode, done.stdout.decode(), done.stderr.decode())

    return run
