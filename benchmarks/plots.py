"""The results as pictures (matplotlib)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib as mpl
from contestants import CONTESTANTS
from matplotlib import pyplot as plt
from matplotlib.patches import Patch
from transport_contestants import CONTESTANTS as CARRIED
from transports import TITLES

OURS, PEERS = "#1f6f8b", "#b8b8b8"
COLOURS = {"ours": OURS, "dnspython": PEERS, "kdig": "#d8b365", "dnsperf": "#8c8c8c"}
SHADES = (1.0, 0.6)


def draw(runs: list[dict[str, Any]], folder: Path) -> list[Path]:
    """The pictures that these results are enough for; where they are."""
    mpl.use("Agg")
    # The same results give the same file.
    mpl.rcParams.update({"svg.hashsalt": "aioresolver", "svg.fonttype": "none", "font.family": "sans-serif"})
    folder.mkdir(parents=True, exist_ok=True)
    drawn = []
    for name, plot in (("league", _league), ("scale", _scale), ("transports", _transports)):
        section = f"{name}-asyncio"
        having = [run for run in runs if section in run]
        if having:
            path = folder / f"{name}.svg"
            figure = plot(having)
            figure.savefig(path, metadata={"Date": None, "Creator": None}, bbox_inches="tight")
            plt.close(figure)
            drawn.append(path)
    return drawn


def _league(runs: list[dict[str, Any]]) -> Any:
    tables = [run["league-asyncio"]["rows"] for run in runs]
    order = sorted(tables[-1], key=lambda who: tables[-1][who]["per_second"])
    figure, axes = plt.subplots(figsize=(9, 0.25 + 0.3 * len(order) * len(runs)))
    height = 0.8 / len(runs)
    for number, (run, rows) in enumerate(zip(runs, tables, strict=True)):
        for place, who in enumerate(order):
            if who not in rows:
                continue
            speed = rows[who]["per_second"]
            at = place + height * (len(runs) / 2 - number - 0.5)
            colour = OURS if CONTESTANTS[who].ours else PEERS
            axes.barh(at, speed, height, color=colour, alpha=SHADES[number % len(SHADES)])
            axes.text(speed, at, f" {speed:,.0f}  {run['machine']['python'].split()[1]}", va="center", fontsize=7)
    axes.set_yticks(range(len(order)), [CONTESTANTS[who].label.replace("`", "") for who in order], fontsize=8)
    axes.set_xlabel("names a second, NSD on loopback, asyncio: more is better")
    axes.xaxis.set_major_formatter("{x:,.0f}")
    axes.margins(x=0.15)
    axes.spines[["top", "right"]].set_visible(False)
    return figure


def _transports(runs: list[dict[str, Any]]) -> Any:
    """Of the newest Python."""
    section = {scheme: rows for scheme, rows in runs[-1]["transports-asyncio"].items() if rows}
    figure, axes = plt.subplots(figsize=(9, 0.6 + 0.6 * len(section)))
    height = 0.8 / len(COLOURS)
    for place, rows in enumerate(reversed(section.values())):
        for number, (who, colour) in enumerate(COLOURS.items()):
            if who in rows:
                speed = rows[who]["per_second"]
                at = place + 0.4 - height * (number + 0.5)
                axes.barh(at, speed, height, color=colour)
                axes.text(speed, at, f" {speed:,.0f}", va="center", fontsize=7)
    axes.set_yticks(range(len(section)), [TITLES[scheme] for scheme in reversed(section)], fontsize=8)
    axes.set_xlabel(f"names a second on loopback, asyncio, {runs[-1]['machine']['python']}: more is better")
    axes.xaxis.set_major_formatter("{x:,.0f}")
    axes.margins(x=0.12)
    axes.spines[["top", "right"]].set_visible(False)
    handles = [Patch(color=colour) for colour in COLOURS.values()]
    axes.legend(handles, [CARRIED[who].label.replace("`", "") for who in COLOURS], fontsize=7)
    return figure


def _scale(runs: list[dict[str, Any]]) -> Any:
    figure, (cost, memory) = plt.subplots(1, 2, figsize=(9, 3.2))
    for run, marker in zip(runs, "os^v", strict=False):
        for way, line in (("query_many", "-"), ("submit", ":")):
            rows = run["scale-asyncio"][way]
            names = [row["names"] for row in rows]
            label = f"{way}, {run['machine']['python']}"
            cost.plot(names, [row["cpu"] for row in rows], line + marker, color=OURS, label=label)
            memory.plot(names, [row["memory"] for row in rows], line + marker, color=OURS, label=label)
    for axes, title in ((cost, "CPU µs for each name"), (memory, "peak RSS, MB")):
        axes.set(xscale="log", xlabel="names", title=title)
        axes.set_ylim(bottom=0)
        axes.xaxis.set_major_formatter("{x:,.0f}")
        axes.spines[["top", "right"]].set_visible(False)
    memory.set(yscale="log", ylim=(10, None))
    memory.yaxis.set_major_formatter("{x:g}")
    memory.yaxis.set_minor_formatter("")
    cost.legend(fontsize=7)
    return figure
