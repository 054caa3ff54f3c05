"""When there are colours."""

from __future__ import annotations

import io
import os

import pytest

from aioresolver.cli.colours import Paint, paint_for


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("choice", "stream", "environ", "coloured"),
    [
        ("auto", Terminal(), {"TERM": "xterm"}, True),
        ("auto", io.StringIO(), {"TERM": "xterm"}, False),
        ("auto", None, {}, False),
        ("auto", Terminal(), {"TERM": "dumb"}, False),
        ("auto", Terminal(), {"TERM": "xterm", "NO_COLOR": "1"}, False),
        ("auto", Terminal(), {"TERM": "xterm", "NO_COLOR": ""}, True),
        ("auto", io.StringIO(), {"FORCE_COLOR": "1"}, True),
        ("auto", io.StringIO(), {"FORCE_COLOR": ""}, False),
        ("auto", Terminal(), {"FORCE_COLOR": "1", "NO_COLOR": "1"}, False),
        ("always", io.StringIO(), {"NO_COLOR": "1"}, True),
        ("never", Terminal(), {"FORCE_COLOR": "1"}, False),
    ],
)
def test_on_a_terminal_unless_it_is_said_otherwise(choice, stream, environ, coloured) -> None:
    assert paint_for(choice, stream, environ).coloured is coloured


def test_the_old_console_of_windows_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "name", "nt")
    assert not paint_for("auto", Terminal(), {}).coloured
    assert paint_for("auto", Terminal(), {"WT_SESSION": "x"}).coloured


def test_paint() -> None:
    assert Paint(coloured=True)("x", "bad") == "\033[31mx\033[0m"
    assert Paint(coloured=False)("x", "bad") == "x"
