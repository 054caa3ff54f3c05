"""Names a second, right answers and packets for each name when packets are lost.

python benchmarks/loss.py [--names 100000] [--loss "10 %"] [--only query_many,aiodns]

Where the queries are lost: in the kernel, on the nameserver's socket, by a filter that draws a random number for each
(packet_loss.py; Linux). Losing the queries is the same to the asker as losing the replies. `both ways` is a network that
loses queries and replies alike, each with that share. Elsewhere the testing server loses replies.
"""

from __future__ import annotations

import argparse
import sys
from typing import Any

import nameserver
import private_network
import results
import trial
from contestants import CONTESTANTS

SHARES = {"none": 0.0, "1 %": 0.01, "5 %": 0.05, "10 %": 0.1, "10 % both ways": 1 - 0.9**2}
# So many of the names does each get; the slow ones wait seconds for each lost packet.
PARTS = {"query_many": 1.0, "submit": 1.0, "aiodns": 0.1, "blastdns-batch": 0.02, "dnspython": 0.01}
HEADER = """\
| lost | who | names | names/s | CPU µs/name | right | lost names | queries/name | at least |
|---|---|---:|---:|---:|---:|---:|---:|---:|"""


def measure(names: int, who: list[str], shares: list[str], loop: str) -> dict[str, dict[str, Any]]:
    """For each share of loss, what each makes of it."""
    section: dict[str, dict[str, Any]] = {}
    for share in shares:
        with nameserver.serve(names, loss=SHARES[share]) as server:
            section[share] = {}
            for each in who:
                count = max(int(names * PARTS[each]), trial.WARMING)
                section[share][each] = trial.run(each, count, server, loop)
                print(f"{share}: {each} {section[share][each]['per_second']:,.0f}/s", file=sys.stderr)
    return section


def table(section: dict[str, dict[str, Any]]) -> str:
    """The rows as Markdown."""
    lines = [HEADER]
    for share, rows in section.items():
        for who, row in rows.items():
            packets = f"{row['packets']:.3f}" if "packets" in row else ""
            lines.append(
                f"| {share} | {CONTESTANTS[who].label} | {row['names']:,} | {row['per_second']:,.0f} | {row['cpu']:.1f}"
                f" | {row['right'] / row['names']:.3%} | {row['lost']:,} | {packets} | {1 / (1 - SHARES[share]):.3f} |"
            )
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--names", type=int, default=100_000, help="of ours; the others are given a share of it")
    parser.add_argument("--only", default=",".join(PARTS))
    parser.add_argument("--loss", default=",".join(SHARES), help="some of them, with commas between")
    parser.add_argument("--loop", choices=["asyncio", "uvloop"], default="asyncio")
    results.add_option(parser)
    options = parser.parse_args()
    private_network.enter()
    who = [each for each in options.only.split(",") if CONTESTANTS[each].installed]
    section = measure(options.names, who, options.loss.split(","), options.loop)
    results.save(options.save, f"loss-{options.loop}", section)
    print(table(section))


if __name__ == "__main__":
    main()
