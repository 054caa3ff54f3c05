"""Every measure with this interpreter, one after the other, then the report: what `nox -s benchmarks` runs.

python benchmarks/run_all.py [--quick] [--save FILE]

The page is written from benchmarks/results; results that are saved elsewhere are only shown.
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

FOLDER = Path(__file__).resolve().parent
RESULTS = FOLDER / "results"
ZONE, QUICK_ZONE = 1_000_000, 20_000
QUICK_LOSS = ["--names", "2000", "--loss", "none,10 %", "--only", "query_many,aiodns"]
OTHER_LOOP = ["--loss", "none,10 %", "--only", "query_many,submit,aiodns"]


def measures(server: str, loop: str, *, quick: bool) -> list[list[str]]:
    """What is run on this loop. The slow ones first: the machine is then as warm for all that follow."""
    whom, on = ["--server", server], ["--loop", loop]
    league = ["--names", "4000", "--rounds", "1"] if quick else ["--names", "200000", "--rounds", "3"]
    runs = [
        ["league.py", *league, *whom, *on],
        ["scale.py", *(["--names", "10000"] if quick else []), *whom, *on],
        ["loss.py", *(QUICK_LOSS if quick else OTHER_LOOP if loop != "asyncio" else []), *on],
        ["latency.py", *(["--seconds", "0.5", "--rates", "1000,5000"] if quick else []), *whom, *on],
        ["cache_hit.py", *(["--repeat", "3000"] if quick else []), *whom, *on],
        ["transports.py", *(["--quick"] if quick else []), *on],
        ["iterative.py", *(["--names", "2000", "--rounds", "1"] if quick else []), *on],
    ]
    if loop == "asyncio":
        runs.append(["cached_answer.py", *(["--names", "10000"] if quick else []), *whom])
        runs.append(["bombs.py", "--repeat", "2" if quick else "5"])
        runs.append(["import_time.py", *(["--rounds", "3"] if quick else [])])
    return runs


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    parser.add_argument("--save", type=Path, default=RESULTS / f"cpython-{version}.json")
    parser.add_argument("--quick", action="store_true", help="small, in a minute: whether everything runs")
    parser.add_argument("--loops", default="asyncio,uvloop")
    options = parser.parse_args()
    began, failed = time.monotonic(), []
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
                if subprocess.run(command, check=False).returncode:
                    failed.append(f"{script} ({loop})")
    print(f"\n## {options.save}, {time.monotonic() - began:.0f} s\n", flush=True)
    arguments = [] if options.save.resolve().parent == RESULTS else ["--show", str(options.save)]
    subprocess.run([sys.executable, str(FOLDER / "report.py"), *arguments], check=True)
    if failed:
        sys.exit(f"not measured: {', '.join(failed)}")


if __name__ == "__main__":
    main()
