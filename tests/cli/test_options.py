"""The resolver that a command line asks for."""

from __future__ import annotations

from typing import Any

import pytest

from aioresolver.cli.options import make_resolver
from aioresolver.configured import ConfiguredBackend


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
def test_words_and_options_in_any_order(run: Any, server: Any, words: list[str]) -> None:
    done = run(*(word.format(server.nameserver) for word in words))
    assert (done.returncode, done.stdout, done.stderr) == (0, "2001:db8::1\n", "")


def test_bulk_takes_its_words_in_any_order_too(run: Any, server: Any, tmp_path: Any) -> None:
    (tmp_path / "names.txt").write_text("cli.test\n")
    done = run("bulk", "names.txt", "--type", "MX", f"@{server.nameserver}", "--quiet")
    assert (done.returncode, done.stderr) == (0, "")
    assert '"10 mail.cli.test."' in done.stdout
