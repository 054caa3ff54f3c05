"""The resolver that a command line asks for."""

from __future__ import annotations

import socket
from typing import Any

import pytest

from aioresolver.backends.stub import StubBackend
from aioresolver.cli.options import make_resolver
from aioresolver.configured import ConfiguredBackend
from aioresolver.system.config import SystemConfigFiles


@pytest.mark.parametrize("search", [True, False])
def test_names_as_they_are_are_asked_of_dns_alone(search: bool) -> None:
    backend = make_resolver([], backend="stub", timeout=1, search=search).backend
    assert isinstance(backend, ConfiguredBackend)
    assert (backend._fallback is not None) is search


@pytest.mark.parametrize(
    "words",
    [
        ["www.cli.test", "--timeout", "3", "@{}", "AAAA", "--short"],
        ["--short", "@{}", "--backend", "cares", "www.cli.test", "AAAA"],
        ["AAAA", "--short", "www.cli.test", "--timeout", "3", "@{}"],
    ],
)
def test_words_and_options_in_any_order(call: Any, server: Any, words: list[str]) -> None:
    done = call(*(word.format(server.nameserver) for word in words))
    assert (done.returncode, done.stdout, done.stderr) == (0, "2001:db8::1\n", "")


def test_bulk_takes_its_words_in_any_order_too(call: Any, server: Any, tmp_path: Any) -> None:
    (tmp_path / "names.txt").write_text("cli.test\n")
    done = call("bulk", "names.txt", "-t", "MX", f"@{server.nameserver}", "--quiet")
    assert (done.returncode, done.stderr) == (0, "")
    assert '"10 mail.cli.test."' in done.stdout


def test_a_family_keeps_the_rest_of_the_configuration(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIORESOLVER_NAMESERVERS", "127.0.0.1, ::1, tcp://127.0.0.2")
    backend = make_resolver([], backend="stub", timeout=1, family=socket.AF_INET).backend
    assert isinstance(backend, ConfiguredBackend)
    config = backend.files.current(0)
    assert list(map(str, config.nameservers)) == ["udp://127.0.0.1", "tcp://127.0.0.2"]
    assert backend.files.current(1000) is config
    whole = SystemConfigFiles().current(0)
    assert config == whole._replace(nameservers=config.nameservers)
    assert backend._fallback is None


def test_public_nameservers_of_a_family_are_paced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIORESOLVER_NAMESERVERS", "1.1.1.1, 2606:4700:4700::1111")
    made = make_resolver([], backend="stub", timeout=1, family=socket.AF_INET6, polite=True).backend
    assert isinstance(made, StubBackend)
    assert [upstream.text for upstream in made.upstreams] == ["udp://[2606:4700:4700::1111]"]
