"""What a drawing shows, and that it is the same every time."""

from __future__ import annotations

import itertools
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from aioresolver.bulk.samples import Sample
from aioresolver.bulk.statuses import STATUSES

pytest.importorskip("matplotlib")

from aioresolver.bulk import plot
from aioresolver.bulk.plot import draw_run


def sample(time: float, **fields: Any) -> Sample:
    known = Sample(time, int(900 * time), 900.0, 50, int(1000 * time), 7, 0.007, 0.01, 0.04, 0.2, None, {})
    return known._replace(statuses={"ok": int(800 * time), "timeout": int(100 * time)})._replace(**fields)


def texts(path: Path) -> list[str]:
    """What is written in the drawing: matplotlib says it in a comment beside the letters' outlines."""
    return [text.strip() for text in re.findall(r"<!-- (.*?) -->", path.read_text(encoding="utf-8"), re.DOTALL)]


def test_it_says_what_it_shows(tmp_path: Path) -> None:
    draw_run(tmp_path / "run.svg", [sample(t) for t in range(1, 91)], title="Ninety seconds", subtitle="and a line")
    shown = texts(tmp_path / "run.svg")
    assert {"Ninety seconds", "and a line", "Each second", "Under way", "Time to an answer", "Statuses"} <= {*shown}
    assert {"rows", "queries sent", "queries lost", "questions"} <= {*shown}
    assert {"half within", "90 % within", "99 % within", "10 ms", "200 ms"} <= {*shown}
    assert {"ok  88.9 %", "timeout  11.1 %"} <= {*shown}
    assert {"0:00", "0:10", "1:30"} <= {*shown}


@pytest.mark.parametrize("suffix", [".svg", ".png", ".SVG"])
def test_the_same_samples_give_the_same_bytes(tmp_path: Path, suffix: str) -> None:
    for name in ("one", "two"):
        draw_run(tmp_path / f"{name}{suffix}", [sample(t) for t in range(1, 9)], title="A run")
    first = (tmp_path / f"one{suffix}").read_bytes()
    assert first == (tmp_path / f"two{suffix}").read_bytes()
    assert first.startswith(b"\x89PNG" if suffix == ".png" else b"<?xml")


def test_what_the_user_has_set_for_other_drawings_stays_apart(tmp_path: Path) -> None:
    import matplotlib as mpl

    draw_run(tmp_path / "one.svg", [sample(1), sample(2)], title="A run")
    with mpl.rc_context({"lines.linewidth": 9.0, "font.size": 20}):
        draw_run(tmp_path / "two.svg", [sample(1), sample(2)], title="A run")
        assert mpl.rcParams["font.size"] == 20
    assert (tmp_path / "one.svg").read_bytes() == (tmp_path / "two.svg").read_bytes()


@pytest.mark.parametrize(
    "samples",
    [
        [sample(0.3)],
        [sample(0.001, rows=0, rate=0.0, in_flight=0, asked=0, lost=0, statuses={})],
        [sample(1, p50=None, p90=None, p99=None), sample(2)],
        [sample(1, p50=None, p90=None, p99=None)],
        [sample(1, p50=1e-9, p90=1.0, p99=1e9)],
        [sample(1), sample(1), sample(2)],
        [sample(t) for t in (1e-3, 1e5, 1e9)],
        [sample(1, statuses=dict.fromkeys(STATUSES, 3))],
    ],
)
def test_a_run_may_be_short_empty_or_odd(tmp_path: Path, samples: list[Sample]) -> None:
    draw_run(tmp_path / "run.svg", samples, title="A run")
    assert "Statuses" in texts(tmp_path / "run.svg")


def test_every_status_has_a_colour_of_its_own() -> None:
    colours = [plot.STATUS_COLOURS.get(status, plot.OTHER_COLOUR) for status in STATUSES]
    assert len(set(colours)) == len(STATUSES)


def test_neighbours_differ_in_lightness_or_hue_for_every_eye() -> None:
    """Statuses that stand on each other are told apart, also without red and green."""

    def seen(colour: str) -> tuple[float, float]:
        red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
        return 0.21 * red + 0.72 * green + 0.07 * blue, (red + green) / 2 - blue

    colours = [plot.STATUS_COLOURS.get(status, plot.OTHER_COLOUR) for status in STATUSES]
    for one, other in itertools.pairwise(colours):
        assert sum(abs(x - y) for x, y in zip(seen(one), seen(other), strict=True)) > 30, (one, other)


def test_what_cannot_be_drawn(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"\.svg or \.png"):
        draw_run(tmp_path / "run.pdf", [sample(1)], title="A run")
    with pytest.raises(ValueError, match="no samples"):
        draw_run(tmp_path / "run.svg", [], title="A run")
    with pytest.raises(FileNotFoundError):
        draw_run(tmp_path / "missing" / "run.svg", [sample(1)], title="A run")


def test_without_matplotlib_one_sentence_says_what_to_install() -> None:
    program = "import sys; sys.modules['matplotlib'] = None; import aioresolver.bulk.plot"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert 'ImportError: a plot needs matplotlib 3.8 or later: pip install "aioresolver[plot]"' in done.stderr
