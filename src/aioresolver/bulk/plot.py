"""Draws a run: rate, questions under way, latency and statuses over time, as SVG or PNG.

The same samples give the same file, byte for byte, with the same matplotlib: `pip install "aioresolver[plot]"`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple

from aioresolver.bulk.output import write_whole
from aioresolver.bulk.samples import Sample
from aioresolver.bulk.statuses import STATUSES

try:
    import matplotlib as mpl
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.ticker import FuncFormatter, MaxNLocator, NullLocator
except ImportError as _error:
    raise ImportError('a plot needs matplotlib 3.8 or later: pip install "aioresolver[plot]"') from _error

__all__ = ["draw_run"]

SIZE: tuple[float, float] = (10.0, 9.0)
DOTS_PER_INCH = 150
LEFT, RIGHT = 0.09, 0.80
TIME_STEPS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 14400, 43200, 86400)
MOST_TIME_STEPS = 10
MOST_LATENCY_STEPS = 7

INK, FAINT = "#1a1a1a", "#6b6b6b"
# The colours of Okabe and Ito, which colour-blind eyes tell apart too: answers are cool or grey, failures are warm.
BLUE, SKY, GREEN, VERMILLION = "#0072b2", "#56b4e9", "#009e73", "#d55e00"
ORANGE, YELLOW, PURPLE = "#e69f00", "#f0e442", "#cc79a7"
STATUS_COLOURS = {
    "ok": BLUE,
    "no-data": SKY,
    "nxdomain": "#bdbdbd",
    "servfail": ORANGE,
    "refused": YELLOW,
    "notimp": "#e7bcd3",
    "formerr": PURPLE,
    "timeout": VERMILLION,
    "network": "#8c3a00",
    "blocked": GREEN,
    "wildcard": "#7fcdb5",
    "bad-name": "#555555",
    "bad-type": "#808080",
}
OTHER_COLOUR = "#000000"
DASHED, DOTTED = (0, (4, 1.6)), (0, (1.2, 1.4))
STYLE: Any = {
    "axes.axisbelow": True,
    "axes.edgecolor": "#c8c8c8",
    "axes.grid": True,
    "axes.grid.axis": "y",
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlelocation": "left",
    "axes.titlepad": 8,
    "axes.titlesize": 10.5,
    "axes.titleweight": "bold",
    "axes.xmargin": 0,
    "figure.facecolor": "white",
    "font.family": "DejaVu Sans",  # it comes with matplotlib: the same letters on every machine
    "font.size": 9,
    "grid.color": "#ececec",
    "legend.borderaxespad": 0,
    "legend.frameon": False,
    "legend.handlelength": 1.8,
    "legend.labelspacing": 0.4,
    "lines.linewidth": 1.6,
    "lines.solid_capstyle": "round",
    "svg.hashsalt": "aioresolver",  # else the ids in the file would be new ones every time
    "text.color": INK,
    "xtick.color": FAINT,
    "ytick.color": FAINT,
    "ytick.major.size": 0,
}


def draw_run(path: str | os.PathLike[str], samples: Sequence[Sample], *, title: str, subtitle: str = "") -> None:
    """Draw the samples of a run into a file, which is SVG or PNG by its suffix.

    Raises ValueError for another suffix and without samples, and OSError when the file cannot be written.
    """
    suffix = Path(path).suffix.lower()
    if suffix not in (".svg", ".png"):
        raise ValueError(f"a plot is .svg or .png, not {os.fspath(path)!r}")
    spans = list(_spans(samples))
    if not spans:
        raise ValueError("there is nothing to draw: the run has no samples")
    with mpl.rc_context():  # what the user has set for drawings of his own does not count here
        mpl.rcdefaults()
        mpl.rcParams.update(STYLE)
        metadata = {"Date": None, "Creator": None} if suffix == ".svg" else {"Software": None}
        drawing = BytesIO()
        _figure(spans, title, subtitle).savefig(drawing, format=suffix[1:], dpi=DOTS_PER_INCH, metadata=metadata)
    write_whole(os.fspath(path), drawing.getvalue())


class _Span(NamedTuple):
    """The time up to one sample since the one before: how many a second, and what there was."""

    end: float
    rate: float
    asked: float
    lost: float
    in_flight: int
    latencies: tuple[float, float, float]
    statuses: Mapping[str, int]


def _spans(samples: Sequence[Sample]) -> Iterator[_Span]:
    time, asked, lost = 0.0, 0, 0
    statuses: Mapping[str, int] = {}
    for sample in samples:
        seconds = sample.time - time
        if seconds <= 0:
            continue
        latencies = [float("nan") if seconds is None else seconds for seconds in (sample.p50, sample.p90, sample.p99)]
        yield _Span(
            sample.time,
            sample.rate,
            (sample.asked - asked) / seconds,
            (sample.lost - lost) / seconds,
            sample.in_flight,
            (latencies[0], latencies[1], latencies[2]),
            {status: count - statuses.get(status, 0) for status, count in sample.statuses.items()},
        )
        time, asked, lost, statuses = sample.time, sample.asked, sample.lost, sample.statuses


def _figure(spans: list[_Span], title: str, subtitle: str) -> Figure:
    figure = Figure(figsize=SIZE)
    panels = figure.subplots(4, sharex=True, gridspec_kw={"height_ratios": (3, 2, 3, 3), "hspace": 0.34})
    figure.subplots_adjust(left=LEFT, right=RIGHT, top=0.885, bottom=0.06)
    figure.text(LEFT, 0.962, title, fontsize=15, fontweight="bold", va="center")
    figure.text(LEFT, 0.932, subtitle, fontsize=9.5, color=FAINT, va="center")
    times = [0.0, *(span.end for span in spans)]
    spans = [spans[0], *spans]  # the first span begins with the run
    for draw, panel in zip((_draw_rates, _draw_under_way, _draw_latencies, _draw_statuses), panels, strict=True):
        draw(panel, times, spans)
        handles, labels = panel.get_legend_handles_labels()
        panel.legend(handles[::-1], labels[::-1], bbox_to_anchor=(1.02, 1.0), loc="upper left")
    _mark_times(panels[-1], times[-1])
    return figure


def _draw_rates(panel: Axes, times: list[float], spans: list[_Span]) -> None:
    panel.set_title("Each second")
    rates = [span.rate for span in spans]
    panel.fill_between(times, rates, color=BLUE, alpha=0.12, linewidth=0)
    panel.plot(times, [span.lost for span in spans], color=VERMILLION, linewidth=1.2, label="queries lost")
    panel.plot(times, rates, color=BLUE, label="rows")
    panel.plot(times, [span.asked for span in spans], color=INK, linewidth=1, linestyle=DASHED, label="queries sent")
    _count_from_zero(panel)


def _draw_under_way(panel: Axes, times: list[float], spans: list[_Span]) -> None:
    panel.set_title("Under way")
    counts = [span.in_flight for span in spans]
    panel.fill_between(times, counts, color=GREEN, alpha=0.12, linewidth=0)
    panel.plot(times, counts, color=GREEN, label="questions")
    _count_from_zero(panel)


def _draw_latencies(panel: Axes, times: list[float], spans: list[_Span]) -> None:
    panel.set_title("Time to an answer")
    columns = list(zip(*(span.latencies for span in spans), strict=True))
    lines = (("half within", BLUE, "-"), ("90 % within", ORANGE, DASHED), ("99 % within", VERMILLION, DOTTED))
    for column, (label, colour, style) in zip(columns, lines, strict=True):
        panel.plot(times, column, color=colour, linestyle=style, label=label)
    known = [seconds for column in columns for seconds in column if seconds > 0]  # nan is not
    if not known:
        panel.set_yticks([])
        return
    panel.set_yscale("log")
    steps = [factor * 10.0**power for power in range(-7, 7) for factor in (1, 2, 5)]
    low = max((step for step in steps if step <= min(known) * 0.95), default=steps[0])
    high = min((step for step in steps if step >= max(known) * 1.05), default=steps[-1])
    ticks = [step for step in steps if low <= step <= high]
    if len(ticks) > MOST_LATENCY_STEPS:
        ticks = [tick for tick in ticks if f"{tick:e}".startswith("1")]
    panel.set_ylim(low, high)
    panel.set_yticks(ticks, [_duration(tick) for tick in ticks])
    panel.yaxis.set_minor_locator(NullLocator())


def _draw_statuses(panel: Axes, times: list[float], spans: list[_Span]) -> None:
    panel.set_title("Statuses")
    totals = [max(1, sum(span.statuses.values())) for span in spans]
    whole = sum(totals[1:])
    layers, colours, labels = [], [], []
    for status in STATUSES:
        counts = [span.statuses.get(status, 0) for span in spans]
        if any(counts):
            layers.append([100 * count / total for count, total in zip(counts, totals, strict=True)])
            colours.append(STATUS_COLOURS.get(status, OTHER_COLOUR))
            labels.append(f"{status}  {100 * sum(counts[1:]) / whole:.3g} %")
    if layers:
        panel.stackplot(times, layers, colors=colours, labels=labels, linewidth=0)
    panel.set_ylim(0, 100)
    panel.set_yticks((0, 25, 50, 75, 100), ("0", "25 %", "50 %", "75 %", "100 %"))


def _count_from_zero(panel: Axes) -> None:
    panel.set_ylim(0, max(1.0, panel.get_ylim()[1]))
    panel.yaxis.set_major_locator(MaxNLocator(4, integer=True, min_n_ticks=1))
    panel.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))


def _mark_times(panel: Axes, end: float) -> None:
    """Time along the bottom, in steps that people count in."""
    step = next((step for step in TIME_STEPS if end / step <= MOST_TIME_STEPS), end / MOST_TIME_STEPS)
    ticks = [step * count for count in range(int(end / step + 1e-6) + 1)]
    panel.set_xlim(0, end)
    panel.set_xticks(ticks, [_clock(tick) if end >= 60 else f"{tick:g} s" for tick in ticks])


def _clock(seconds: float) -> str:
    minutes, second = divmod(round(seconds), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02}:{second:02}" if hours else f"{minute}:{second:02}"


def _duration(seconds: float) -> str:
    if seconds < 0.000_999:
        return f"{seconds * 1e6:.3g} µs"
    return f"{seconds * 1e3:.3g} ms" if seconds < 0.999 else f"{seconds:g} s"
