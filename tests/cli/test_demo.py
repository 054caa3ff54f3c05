"""`aioresolver demo`: the whole in one command, with fewer names."""

from __future__ import annotations

import argparse
import re
from typing import Any

import pytest

from aioresolver.cli import demo
from aioresolver.cli.exit_status import INTERNAL_ERROR


def test_every_answer_is_right(call: Any) -> None:
    done = call("demo", "--names", "300")
    assert done.returncode == 0, done.stderr
    rows = {re.split(r"\s{2,}", line)[0]: re.split(r"\s{2,}", line)[1:] for line in done.stdout.splitlines()[2:]}
    for backend in ("stub", "cares"):
        assert rows[backend][:2] == ["300", "300"]
        assert rows[backend][3] == "0"
        assert rows[f"{backend}, again from the cache"][:2] == ["300", "300"]
        assert rows[f"{backend}, again from the cache"][3] == "300"
    assert "aiohttp: http://www.demo.test" in done.stdout
    assert "resolving 300 names" in done.stderr


@pytest.mark.parametrize("count", ["0", "-1", "1000001", "many"])
def test_impossible_counts(call: Any, count: str) -> None:
    done = call("demo", "--names", count)
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (1, "", 1)


def test_a_wrong_answer_is_an_exit_status(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo, "_is_right", lambda answer, address: False)
    assert demo.run(argparse.Namespace(names=3, iterative=False)) == INTERNAL_ERROR
