"""Every measure with this interpreter, one after the other, into one file of results: `nox -s benchmarks`.

python benchmarks/run_all.py [--quick] [--save FILE]
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path

import nameserver
import private_network

FOLDER = Path(__file__).parent
ZONE, QUICK_ZONE = 1_000_000, 20_000


def measures(server: str, loop: str, *, quick: bool) -> list[list[str]]:
    """What is run on this loop. The slow ones first: the machine is then as warm for all that follow."""
    whom, on = ["--server", server], ["--loop", loop]
    league = ["--names", "4000", "--rounds", "1"] if quick else ["--names", "200000", "--rounds", _rounds(loop)]
    runs = [
        ["league.py", *league, *whom, *on],
        ["scale.py", *(["--names", "10000"] if quick else []), *whom, *on],
        ["loss.py", *(["--names", "4000"] if quick else []), *on],
        ["latency.py", *(["--seconds", "0.5", "--rates", "1000,5000"] if quick else []), *whom, *on],
        ["cache_hit.py", *(["--repeat", "3000"] if quick else []), *whom, *on],
    ]
    if loop == "asyncio":
        runs.append(["cached_answer.py", *(["--names", "10000"] if quick else []), *whom])
        runs.append(["import_time.py", *(["--rounds", "3"] if quick else [])])
    return runs


def _rounds(loop: str) -> str:
    return "5" if loop == "asyncio" else "3"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    parser.add_argument("--save", type=Path, default=FOLDER / "results" / f"cpython-{version}.json")
    parser.add_argument("--quick", action="store_true", help="small, in a minute: whether everything runs")
    parser.add_argument("--loops", default="asyncio,uvloop")
    options = parser.parse_args()
    began = time.monotonic()
    options.save.unlink(missing_ok=True)  # what stands in one file is of one run
    if not private_network.enter():
        print("the machine's own network is used: packets of others are counted too", file=sys.stderr)
    with nameserver.serve(QUICK_ZONE if options.quick else ZONE) as server:
        for loop in options.loops.split(","):
            if loop == "uvloop" and find_spec("uvloop") is None:
                print("not installed: uvloop", file=sys.stderr)
                continue
            for script, *arguments in measures(str(server), loop, quick=options.quick):
                print(f"\n## {script}, {loop}, CPython {version} ({time.monotonic() - began:.0f} s)\n", flush=True)
                command = [sys.executable, str(FOLDER / script), *arguments, "--save", str(options.save)]
                subprocess.run(command, check=True)
    print(f"\n{options.save}: {time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    main()
