"""What is shown of a run under way, and to whom."""

from __future__ import annotations

import io
import os
import sys
from typing import Any

import pytest

from aioresolver.bulk.samples import Sample
from aioresolver.cli.progress import (
    Moment,
    ProgressBar,
    ProgressLine,
    clock,
    moment_of,
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
    assert terminal.getvalue() == (
        "\r50.0 %  1,200 rows  640/s  loss 1.2 %  1:15 left  ok 1,000, nxdomain 200\x1b[K"
    )
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


def sample(time: float, rows: int, asked: int, lost: int) -> Sample:
    return Sample(time, rows, 0.0, 0, asked, lost, 0.0, None, None, None, time / 100, {"ok": rows})


def test_rate_and_loss_are_those_of_the_last_seconds() -> None:
    samples = [sample(0.2 * n, 10 * n, 20 * n, 2 * n) for n in range(1, 51)]
    samples.append(sample(12.0, 3000, 3000, 600))
    moment = moment_of(samples, 3.5)
    before = next(s for s in reversed(samples) if s.time <= 9.0)
    assert moment.rate == pytest.approx((3000 - before.rows) / (12.0 - before.time))
    assert moment.loss == pytest.approx((600 - before.lost) / (3000 - before.asked))
    assert (moment.rows, moment.done, moment.left) == (3000, 0.12, 3.5)


def test_the_first_moment() -> None:
    assert moment_of([sample(0.5, 10, 0, 0)], None) == Moment(10, {"ok": 10}, 0.005, 20.0, None, None)
    assert moment_of([sample(0.0, 0, 0, 0)], None).rate == 0.0


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
