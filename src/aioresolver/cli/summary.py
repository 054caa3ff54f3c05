"""The figures of a bulk run: JSON for programs (`--stats`), and a few lines for people."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypedDict

from aioresolver import __version__
from aioresolver.bulk.run import BulkRun
from aioresolver.bulk.statuses import ANSWERED, STATUSES
from aioresolver.cli.progress import clock, shown_statuses

__all__ = ["Figures", "Server", "figures_of", "headline", "subtitle", "summary_lines", "tell"]

MOST_SERVERS = 5


class Server(TypedDict):
    """One nameserver: how many queries it was `asked`, `answered` and `lost`; its `round_trip` in seconds, or null.

    `benched`: it was avoided at the end, for silence, failures or lies.
    """

    server: str
    asked: int
    answered: int
    lost: int
    round_trip: float | None
    benched: bool


class Figures(TypedDict):
    """How a run went; times are in seconds.

    `ended`: done, interrupted, terminated, closed pipe or failed. `inputs` were read by this run, `blank` lines passed
    over. `rows` there are, of which `statuses` tells how many have which, and `earlier` were made by an earlier run.
    `unfinished`: rows that were due when the run was ended early, else 0. `asked` and `lost` are queries,
    retransmissions included; `loss` is the share that was lost, null when nothing was asked. `kernel_drops`: replies that this machine
    threw away because its buffers were full, null when it does not tell. `notes` are sentences. `latency`: within what time half, 90 % and
    99 % of the answers came. `history`: samples of the run, objects as `aioresolver.bulk.Sample` has fields.
    """

    version: str
    ended: str
    inputs: int
    blank: int
    rows: int
    unfinished: int
    earlier: int
    statuses: dict[str, int]
    elapsed: float
    rate: float
    asked: int
    lost: int
    loss: float | None
    kernel_drops: int | None
    latency: dict[str, float | None]
    servers: list[Server]
    notes: list[str]
    history: list[dict[str, Any]]


def figures_of(
    run: BulkRun,
    *,
    ended: str,
    elapsed: float,
    earlier: Mapping[str, int],
    upstreams: Iterable[Any],
    kernel_drops: int | None,
    notes: Sequence[str],
) -> Figures:
    """The figures of a run that has ended; `earlier` are the rows that an earlier one had made, by status."""
    counts, recorder = run.counts, run.recorder
    assert recorder is not None
    counted = Counter(earlier)
    counted.update(counts.statuses)
    statuses = {status: counted[status] for status in STATUSES if counted[status]}
    servers = list(map(_server, upstreams))
    asked, lost = (sum(server[key] for server in servers) for key in ("asked", "lost"))
    latencies = recorder.latencies
    return Figures(
        version=__version__,
        ended=ended,
        inputs=counts.inputs,
        blank=counts.blank,
        rows=sum(statuses.values()),
        unfinished=counts.unfinished,
        earlier=sum(earlier.values()),
        statuses=statuses,
        elapsed=round(elapsed, 3),
        rate=round(counts.rows / elapsed, 1) if elapsed > 0 else 0.0,
        asked=asked,
        lost=lost,
        loss=round(lost / asked, 6) if asked else None,
        kernel_drops=kernel_drops,
        latency={"p50": latencies.percentile(0.5), "p90": latencies.percentile(0.9), "p99": latencies.percentile(0.99)},
        servers=servers,
        notes=list(notes),
        history=[sample._asdict() for sample in recorder.samples],
    )


def _server(upstream: Any) -> Server:
    return Server(
        server=upstream.text,
        asked=upstream.asked,
        answered=upstream.answered,
        lost=upstream.lost,
        round_trip=upstream.health.round_trip,
        benched=upstream.health.benched,
    )


def headline(figures: Figures) -> str:
    """`1,000 rows in 0:12`."""
    elapsed = figures["elapsed"]
    return f"{figures['rows']:,} rows in {clock(elapsed) if elapsed >= 10 else f'{elapsed:.2f} s'}"


def tell(*lines: str) -> None:
    """Lines for people, on standard error if there is one: never among the rows."""
    if sys.stderr is not None:
        print(*lines, sep="\n", file=sys.stderr)


def subtitle(figures: Figures) -> str:
    """What stands below the headline of a drawing."""
    rows = figures["rows"]
    answered = sum(count for status, count in figures["statuses"].items() if status in ANSWERED)
    parts = [f"{figures['rate']:,.0f} a second"]
    if rows:
        parts.append(f"{100 * answered / rows:.4g} % answered")
    if figures["loss"] is not None:
        parts.append(f"{100 * figures['loss']:.2g} % of the queries lost")
    if figures["servers"]:
        count = len(figures["servers"])
        parts.append(f"{count} nameserver{'' if count == 1 else 's'}")
    return "   ·   ".join(parts)


def summary_lines(figures: Figures) -> list[str]:
    """What people want to know at the end: counts, speed, loss, and what they can do about it."""
    queries = f", {figures['asked']:,} queries" if figures["asked"] else ""
    loss = f", {100 * figures['loss']:.2g} % lost" if figures["loss"] else ""
    earlier = f", {figures['earlier']:,} of them by an earlier run" if figures["earlier"] else ""
    speed = f"({figures['rate']:,.0f} a second){queries}{loss}"
    statuses = shown_statuses(figures["statuses"], len(figures["statuses"]))
    lines = [f"{figures['ended']}: {figures['inputs']:,} inputs, {headline(figures)}{earlier} {speed}"]
    if statuses:
        lines.append(f"statuses: {statuses}")
    return [*lines, *_server_lines(figures["servers"]), *figures["notes"]]


def _server_lines(servers: Sequence[Server]) -> list[str]:
    """Those that are out of favour; the good ones are in `--stats`."""
    benched = [server for server in servers if server["benched"]]
    lines = [
        f"benched: {server['server']} ({server['answered']:,} of {server['asked']:,} answered)"
        for server in benched[:MOST_SERVERS]
    ]
    if len(benched) > MOST_SERVERS:
        lines.append(f"benched: {len(benched) - MOST_SERVERS:,} more")
    return lines
