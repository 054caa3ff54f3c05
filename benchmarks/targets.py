"""The figures we mean to reach, each from the rows of one run, and whether they are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

Results = dict[str, Any]


class Target(NamedTuple):
    """`measured` gives the figure, and KeyError or StopIteration when a row is missing; `least` is what it must be.

    Where less is better, `least` is the most it may be. Without a further aim, `aim` is the same.
    """

    label: str
    least: float
    aim: float
    unit: str
    measured: Callable[[Results, str], float]
    less: bool = False

    def judged(self, figure: float) -> str:
        """In a word."""
        if self.least == self.aim:
            return "met" if figure == self.aim or (figure < self.aim) == self.less else "missed"
        if self.less:
            return "**aim**" if figure <= self.aim else "met" if figure < self.least else "missed"
        return "**aim**" if figure >= self.aim else "met" if figure >= self.least else "missed"


def _ratio(ours: str, theirs: str) -> Callable[[Results, str], float]:
    def measured(results: Results, loop: str) -> float:
        rows = results[f"league-{loop}"]["rows"]
        return float(rows[ours]["per_second"] / rows[theirs]["per_second"])

    return measured


def _hit(results: Results, loop: str) -> float:
    return float(results[f"cache-hit-{loop}"]["query"]) / 1000


def _peak(results: Results, loop: str) -> float:
    return float(next(r["memory"] for r in results[f"scale-{loop}"]["query_many"] if r["names"] == 1_000_000))


def _growth(results: Results, loop: str) -> float:
    rows = results[f"scale-{loop}"]["query_many"]
    return _peak(results, loop) - float(next(row["memory"] for row in rows if row["names"] == 100_000))


def _flatness(results: Results, loop: str) -> float:
    rows = {row["names"]: row["cpu"] for row in results[f"scale-{loop}"]["query_many"]}
    return float(rows[1_000_000] / rows[10_000])


def _cached(results: Results, _loop: str) -> float:
    return float(results["cached-answer"]["traced"])


def _row_at_loss(results: Results, loop: str) -> dict[str, Any]:
    row: dict[str, Any] = results[f"loss-{loop}"]["10 %"]["query_many"]
    return row


def _right_at_loss(results: Results, loop: str) -> float:
    row = _row_at_loss(results, loop)
    return float(row["right"] / row["names"] * 100)


def _packets_at_loss(results: Results, loop: str) -> float:
    return float(_row_at_loss(results, loop)["packets"])


def _queries(walk: int) -> Callable[[Results, str], float]:
    return lambda results, loop: float(results[f"iterative-{loop}"]["ours"][walk]["packets"])


def _to_dnspython(scheme: str) -> Callable[[Results, str], float]:
    def measured(results: Results, loop: str) -> float:
        rows = results[f"transports-{loop}"][scheme]
        return float(rows["ours"]["per_second"] / rows["dnspython"]["per_second"])

    return measured


def _handshakes(results: Results, loop: str) -> float:
    section = results[f"transports-{loop}"]
    return max(float(section[scheme]["ours"]["handshakes"]) for scheme in ("tls", "https", "quic"))


def _bombs(key: str) -> Callable[[Results, str], float]:
    def measured(results: Results, _loop: str) -> float:
        rows = [row for row in results["bombs"].values() if not row["ordinary"]]
        return float(max(row[key] for row in rows))

    return measured


def _to_unbound(results: Results, loop: str) -> float:
    ours, theirs = (results[f"iterative-{loop}"][who][0]["per_second"] for who in ("ours", "unbound"))
    return float(ours / theirs)


TARGETS = (
    Target("`query_many`, answers checked, to aiodns", 6, 9, "×", _ratio("query_many", "aiodns")),
    Target("the same, to blastdns `resolve_batch`", 2.5, 4, "×", _ratio("query_many", "blastdns-batch")),
    Target("the same, to dnsperf", 0.5, 1, "×", _ratio("query_many", "dnsperf")),
    Target("gather of `submit`, to aiodns", 5, 6, "×", _ratio("submit", "aiodns")),
    Target("gather of `resolve`, to aiodns", 2.5, 3, "×", _ratio("resolve", "aiodns")),
    Target("the c-ares backend behind our cache and limiter, to bare aiodns", 0.9, 1, "×", _ratio("cares", "aiodns")),
    Target("`aioresolver bulk`, file in, JSON lines out, to `query_many`", 0.5, 0.5, "×", _ratio("bulk", "query_many")),
    Target("`await resolver.query(…)` on a hit", 1, 0.5, "µs", _hit, less=True),
    Target("`query_many` of 1,000,000 names, cache off: peak RSS", 80, 50, "MB", _peak, less=True),
    Target("the same, more than for 100,000 names", 5, 5, "MB", _growth, less=True),
    Target("the same, CPU for each name, to 10,000 names", 1.2, 1.2, "×", _flatness, less=True),
    Target("each cached A answer, key included", 800, 400, "bytes", _cached, less=True),
    Target("at 10 % packet loss: right answers", 100, 100, "%", _right_at_loss),
    Target("the same: queries for each name", 1.3, 1.3, "×", _packets_at_loss, less=True),
    Target("from the root, 10,000 names of 100 zones: queries for each name", 1.3, 1.3, "×", _queries(0), less=True),
    Target("the same, other names once the zones are known", 1.001, 1.001, "×", _queries(1), less=True),
    Target("the same, cold, names/s to Unbound's", 0.5, 1, "×", _to_unbound),
    Target("names/s over TLS, to dnspython", 5, 10, "×", _to_dnspython("tls")),
    Target("names/s over HTTPS, to dnspython", 5, 10, "×", _to_dnspython("https")),
    Target("the slowest message of 64 KiB to read, to an ordinary one", 2, 1.5, "×", _bombs("read_ratio"), less=True),
    Target("the same, with all of it shown", 2, 1.5, "×", _bombs("shown_ratio"), less=True),
    Target("the slowest message of 1,232 bytes", 5, 2, "ms", _bombs("small"), less=True),
    Target("handshakes for all names over TLS, HTTPS or QUIC", 1, 1, "", _handshakes, less=True),
)
LOOPS = ("asyncio", "uvloop")


def table(runs: list[Results]) -> str:
    """The targets beside what was measured, as Markdown; what was not measured is left empty."""
    columns = [(run, loop) for run in runs for loop in LOOPS if f"league-{loop}" in run]
    heads = [f"{run['machine']['python'].removeprefix('CPython ')}, {loop}" for run, loop in columns]
    lines = ["| what | at least | aim |" + "".join(f" {head} |" for head in heads)]
    lines.append("|---|---:|---:|" + "---:|" * len(heads))
    for target in TARGETS:
        sign = "< " if target.less else ""
        cells = [_cell(target, run, loop) for run, loop in columns]
        lines.append(f"| {target.label} | {sign}{target.least:g} {target.unit} | {target.aim:g} {target.unit} |".replace("  ", " ")
                     + "".join(f" {cell} |" for cell in cells))  # fmt: skip
    return "\n".join(lines)


def _cell(target: Target, run: Results, loop: str) -> str:
    try:
        figure = target.measured(run, loop)
    except (KeyError, StopIteration):
        return ""
    return f"{figure:.3g} {target.unit} {target.judged(figure)}".replace("  ", " ")
