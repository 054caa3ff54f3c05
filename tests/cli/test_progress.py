"""What is shown of a run under way, and to whom."""

from __future__ import annotations

import io
import os
import sys
from typing import Any

import pytest

from aioresolver.cli.progress import (
    Moment,
    Pace,
    ProgressBar,
    ProgressLine,
    clock,
    open_progress,
    shown_statuses,
)

HALF = Moment(1200, {"ok": 1000, "nxdomain": 200}, 0.5, 640.4, 0.012, 75.0)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "100")


@pytest.mark.parametrize("stream", [None, io.StringIO()])
def test_nothing_where_nobody_looks(stream: Any) -> None:
    assert open_progress(stream) is None


def test_a_bar_with_rich_and_a_line_without(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("rich")
    bar = open_progress(Terminal())
    assert isinstance(bar, ProgressBar)
    bar.close()
    for name in [name for name in sys.modules if name.split(".")[0] == "rich"]:
        monkeypatch.setitem(sys.modules, name, None)
    assert isinstance(open_progress(Terminal()), ProgressLine)


def test_the_line() -> None:
    terminal = Terminal()
    line = ProgressLine(terminal)
    line.show(HALF)
    assert terminal.getvalue() == ("\r50.0 %  1,200 rows  640/s  loss 1.2 %  1:15 left  ok 1,000, nxdomain 200\x1b[K")
    line.close()
    assert terminal.getvalue().endswith("\r\x1b[K")


def test_the_line_is_never_wider_than_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "20")
    terminal = Terminal()
    ProgressLine(terminal).show(HALF)
    assert terminal.getvalue() == "\r50.0 %  1,200 rows \x1b[K"


def test_what_is_not_known_is_not_shown() -> None:
    terminal = Terminal()
    ProgressLine(terminal).show(Moment(0, {}, None, 0.0, None, None))
    assert terminal.getvalue() == "\r0 rows  0/s  \x1b[K"


@pytest.mark.parametrize("done", [0.5, None])
def test_the_bar(monkeypatch: pytest.MonkeyPatch, done: float | None) -> None:
    pytest.importorskip("rich")
    monkeypatch.setenv("TERM", "xterm")
    terminal = Terminal()
    bar = ProgressBar(terminal)
    bar.show(HALF._replace(done=done))
    shown = terminal.getvalue()
    assert ("50.0 %" in shown) == (done is not None)
    assert "1,200 rows  640/s  loss 1.2 %  1:15 left" in shown
    assert "ok 1,000, nxdomain 200" in shown
    bar.close()
    assert terminal.getvalue().endswith("\x1b[1A\x1b[2K")  # wiped away


@pytest.mark.parametrize(
    ("statuses", "shown"),
    [
        ({}, ""),
        ({"timeout": 3, "ok": 1200, "nxdomain": 0}, "ok 1,200, timeout 3"),
        ({c: n for n, c in enumerate("abcdefgh", 1)}, "h 8, g 7, f 6, e 5, d 4, other 6"),
    ],
)
def test_the_commonest_statuses_first(statuses: dict[str, int], shown: str) -> None:
    assert shown_statuses(statuses) == shown


@pytest.mark.parametrize(
    ("seconds", "shown"), [(0.4, "0:00"), (7, "0:07"), (59.6, "1:00"), (760, "12:40"), (10801, "3:00:01")]
)
def test_clock(seconds: float, shown: str) -> None:
    assert clock(seconds) == shown


def test_rate_and_loss_are_those_of_the_last_seconds() -> None:
    pace = Pace(100.0)
    assert pace.at(100.0, rows=0, asked=0, lost=0) == (0.0, None)
    assert pace.at(100.5, rows=10, asked=20, lost=1) == (20.0, 0.05)
    for n in range(1, 21):
        rate, loss = pace.at(100.5 + n, rows=10 + 100 * n, asked=20 + 200 * n, lost=1 + 50 * n)
    assert (rate, loss) == (100.0, 0.25)
    assert pace.at(124.0, rows=2010, asked=4020, lost=1001) == (0.0, None)


@pytest.mark.skipif(os.name == "nt", reason="terminals are opened differently there")
def test_a_real_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("rich")
    ours, theirs = os.openpty()
    with os.fdopen(theirs, "w") as stream:
        progress = open_progress(stream)
        assert progress is not None
        progress.show(HALF)
        progress.close()
    shown = os.read(ours, 10000)
    os.close(ours)
    assert b"1,200 rows" in shown
