"""`aioresolver demo --iterative`: every question on the way is shown, and the answers are right."""

from __future__ import annotations

import argparse
import re
from typing import Any

import pytest

from aioresolver.cli import demo, demo_iterative
from aioresolver.cli.exit_status import INTERNAL_ERROR


def test_the_internet_is_walked(call: Any) -> None:
    done = call("demo", "--iterative")
    lines = done.stdout.splitlines()
    assert (done.returncode, done.stderr) == (0, "")
    assert [line.split(":")[0] for line in lines if re.match(r"\S+: .* packets?, ", line)] == list(demo_iterative.WALKS)
    way = [line.split() for line in lines[lines.index("  " + demo_iterative.WALKS["host1.shop.example"]) :][1:6]]
    assert [words[1:3] for words in way] == [
        [".", "NS"],
        ["example.", "A"],
        ["shop.example.", "A"],
        ["host1.shop.example.", "A"],
        ["host1.shop.example.", "A"],
    ]
    assert [words[0] for words in way[2:]] == ["ns.nic.example.", "ns1.shop.example.", "ns2.shop.example."]
    assert way[3][3:] == ["no", "reply"]
    assert re.match(r"1,000 names of shop\.example: [01]\.\d\d packets a name, ", lines[-1])


def test_a_wrong_way_is_an_exit_status(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo_iterative, "RIGHT", [])
    monkeypatch.setattr(demo_iterative, "WALKS", {"www.guest.example": ""})
    monkeypatch.setattr(demo_iterative, "HOSTS", 1)
    assert demo.run(argparse.Namespace(names=3, iterative=True)) == INTERNAL_ERROR
