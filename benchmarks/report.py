"""Writes the results into docs/benchmarks.md, between its markers, and draws the plots.

python benchmarks/report.py [--show] [FILE...]

Every figure of that page comes from here; what stands between `<!-- begin: x -->` and `<!-- end: x -->` is overwritten.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import bombs
import cache_hit
import cached_answer
import import_time
import iterative
import latency
import league
import loss
import results
import scale
import targets
import transports

ROOT = Path(__file__).parent.parent
RESULTS = Path(__file__).with_name("results")
PAGE = ROOT / "docs" / "benchmarks.md"
PLOTS = ROOT / "docs" / "plots"
NOTHING = "*Not measured yet.*"

Run = dict[str, Any]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("results", nargs="*", type=Path, help="JSON files; those of benchmarks/results by default")
    parser.add_argument("--show", action="store_true", help="only print which targets are met; write nothing")
    options = parser.parse_args()
    files = options.results or sorted(RESULTS.glob("*.json"), key=_version)
    runs = [results.read(path) for path in files]
    if not options.show:
        _draw(runs)
        PAGE.write_text(filled(PAGE.read_text(), runs))
    print(_targets(runs))


def filled(page: str, runs: list[Run]) -> str:
    """The page with the tables of these runs in it."""
    for section, render in SECTIONS.items():
        between = re.compile(rf"(<!-- begin: {section} -->\n).*?(<!-- end: {section} -->)", re.DOTALL)
        found = between.search(page)
        if found is None:
            raise ValueError(f"the page has no place for {section}")
        text = render(runs) or NOTHING
        page = f"{page[: found.start()]}{found[1]}{text}\n{found[2]}{page[found.end() :]}"
    return page


def _draw(runs: list[Run]) -> None:
    try:
        import plots
    except ModuleNotFoundError as error:
        print(f"no plots: {error}")
    else:
        plots.draw(runs, PLOTS)


def _version(path: Path) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", path.stem)]


def _environment(runs: list[Run]) -> str:
    lines = []
    for machine in (run["machine"] for run in runs):
        versions = ", ".join(f"{package} {number}" for package, number in machine["versions"].items())
        lines.append(
            f"- {machine['python']} on {machine['date']}: {machine['cores']} cores, {machine['processor']},"
            f" {machine['system']}; {versions}"
        )
    return "\n".join(lines)


def _targets(runs: list[Run]) -> str:
    return targets.table(runs) if runs else ""


def _plot(name: str, says: str) -> Callable[[list[Run]], str]:
    return lambda _: f"![{says}](plots/{name}.svg)" if (PLOTS / f"{name}.svg").exists() else ""


def _of(section: str, module: ModuleType) -> Callable[[list[Run]], str]:
    """For a measure that is taken once for each loop, or once."""

    def render(runs: list[Run]) -> str:
        parts = []
        for run in runs:
            for loop in ("", *targets.LOOPS):
                name = f"{section}-{loop}" if loop else section
                if name in run:
                    where = f"{run['machine']['python']}, {loop}" if loop else run["machine"]["python"]
                    rows = run[name]["rows"] if module is league else run[name]
                    parts.append(f"{where}:\n\n{module.table(rows)}")
        return "\n\n".join(parts)

    return render


SECTIONS: dict[str, Callable[[list[Run]], str]] = {
    "environment": _environment,
    "targets": _targets,
    "league-plot": _plot("league", "names a second"),
    "scale-plot": _plot("scale", "cost and memory"),
    "league": _of("league", league),
    "scale": _of("scale", scale),
    "loss": _of("loss", loss),
    "latency": _of("latency", latency),
    "cache-hit": _of("cache-hit", cache_hit),
    "cached-answer": _of("cached-answer", cached_answer),
    "transports-plot": _plot("transports", "names a second over each transport"),
    "transports": _of("transports", transports),
    "bombs": _of("bombs", bombs),
    "iterative": _of("iterative", iterative),
    "import-time": _of("import-time", import_time),
}


if __name__ == "__main__":
    main()
