"""The league table: us beside the peers, in one run, against one nameserver on loopback.

python benchmarks/league.py [--names 20000] [--only query_many,aiodns] [--loop uvloop] [--server udp://127.0.0.1:5301]

Without --server it starts NSD (Debian's package `nsd`), or the testing server when there is no NSD. Every contestant runs
in a process of its own, several times in turn with the others; the medians count. Ratios are to aiodns.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import sys
from typing import Any

import nameserver
import results
import trial
from contestants import CONTESTANTS
from nameserver import Nameserver

# What the rows were called before.
OTHER_NAMES = {"stub": "resolve", "stub-submit": "submit", "stub-many": "query_many"}
HEADER = """\
| who | names | names/s | to aiodns | CPU µs/name | peak MB | right | lost | sockets |
|---|---:|---:|---:|---:|---:|---:|---:|---:|"""


def compete(names: int, server: Nameserver, who: list[str], rounds: int, loop: str) -> dict[str, dict[str, Any]]:
    """The medians of each contestant's rounds; who breaks down is told, and has no row."""
    runs: dict[str, list[trial.Outcome]] = {each: [] for each in who}
    for number in range(rounds):
        for each in list(runs):
            count = max(int(names * CONTESTANTS[each].share), trial.WARMING)
            try:
                outcome = trial.run(each, count, server, loop)
            except (RuntimeError, ValueError) as error:
                print(f"{loop}, round {number + 1}: {each} breaks down: {error}", file=sys.stderr)
                del runs[each]
                continue
            runs[each].append(outcome)
            print(f"{loop}, round {number + 1}: {each} {outcome['per_second']:,.0f}/s", file=sys.stderr)
    return {each: _median(outcomes) for each, outcomes in runs.items()}


def _median(outcomes: list[trial.Outcome]) -> dict[str, Any]:
    median: dict[str, Any] = {key: statistics.median(outcome[key] for outcome in outcomes) for key in outcomes[0]}
    # Of right answers the worst round counts, and of lost ones.
    median["right"] = min(outcome["right"] for outcome in outcomes)
    median["lost"] = max(outcome["lost"] for outcome in outcomes)
    return {**median, "range": [f([outcome["per_second"] for outcome in outcomes]) for f in (min, max)]}


def table(rows: dict[str, dict[str, Any]]) -> str:
    """The rows as Markdown, the fastest first."""
    base = rows.get("aiodns", {}).get("per_second")
    lines = [HEADER]
    for who, row in sorted(rows.items(), key=lambda item: -item[1]["per_second"]):
        label = CONTESTANTS[who].label
        ratio = f"{row['per_second'] / base:.2f} ×" if base else ""
        lines.append(
            f"| {f'**{label}**' if CONTESTANTS[who].ours else label} | {row['names']:,.0f} | {row['per_second']:,.0f}"
            f" | {ratio} | {row['cpu']:.1f} | {row['memory']:.0f} | {row['right'] / row['names']:.2%}"
            f" | {row['lost']:,.0f} | {row['sockets']:.0f} |"
        )
    return "\n".join(lines)


def contestants(only: str, loop: str) -> list[str]:
    """Those who were asked for, can compete on this loop, and are installed."""
    chosen = [OTHER_NAMES.get(who, who) for who in only.split(",")]
    if unknown := set(chosen) - set(CONTESTANTS):
        raise SystemExit(f"no contestants: {', '.join(sorted(unknown))}; there are {', '.join(CONTESTANTS)}")
    if loop != "asyncio":
        chosen = [who for who in chosen if CONTESTANTS[who].loops]
    absent = [who for who in chosen if not CONTESTANTS[who].installed]
    if "dnsperf" in chosen and shutil.which("dnsperf") is None:
        absent.append("dnsperf")
    if absent:
        print(f"not installed: {', '.join(absent)}", file=sys.stderr)
    return [who for who in chosen if who not in absent]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--names", type=int, default=20_000, help="of query_many; slower ones are given a share of it")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", default=",".join(CONTESTANTS), help="some of them, with commas between")
    parser.add_argument("--loop", choices=["asyncio", "uvloop"], default="asyncio")
    nameserver.add_options(parser)
    results.add_option(parser)
    options = parser.parse_args()
    most = int(options.names * max(each.share for each in CONTESTANTS.values()))
    with nameserver.chosen(options, max(most, trial.WARMING)) as server:
        rows = compete(options.names, server, contestants(options.only, options.loop), options.rounds, options.loop)
    results.save(options.save, f"league-{options.loop}", {"rounds": options.rounds, "rows": rows})
    print(f"\n{options.loop}, CPython {sys.version.split()[0]}, median of {options.rounds} rounds\n\n{table(rows)}")


if __name__ == "__main__":
    main()
