"""What importing costs, in milliseconds, in a new process each time.

python benchmarks/import_time.py [--rounds 9]
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time
from importlib.util import find_spec

import results

MODULES = ("asyncio", "aioresolver", "aiodns", "dns.asyncresolver", "blastdns", "presolv", "aiodnsresolver")


def measure(rounds: int) -> dict[str, float]:
    """The medians, without the start of the interpreter."""
    programs = {module: f"import {module}" for module in MODULES if find_spec(module.partition(".")[0])}
    times: dict[str, list[float]] = {each: [] for each in ("", *programs)}
    for _ in range(rounds + 1):
        for module, took in times.items():
            began = time.perf_counter()
            subprocess.run([sys.executable, "-c", programs.get(module, "pass")], check=True)
            took.append(time.perf_counter() - began)
    # The first round compiled what had not been compiled.
    medians = {module: statistics.median(took[1:]) * 1e3 for module, took in times.items()}
    return {module: medians[module] - medians[""] for module in programs}


def table(section: dict[str, float]) -> str:
    """The rows as Markdown."""
    return "\n".join(["| import | ms |\n|---|---:|", *(f"| `{module}` | {ms:.0f} |" for module, ms in section.items())])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    results.add_option(parser)
    options = parser.parse_args()
    section = measure(options.rounds)
    results.save(options.save, "import-time", section)
    print(table(section))


if __name__ == "__main__":
    main()
