"""Kills a journaled run with SIGKILL at random instants, takes it up again, and looks at what came out.

    python resume_program.py FOLDER SEED KILLS

Each run is a fork of this process, which has loaded everything already: so a kill costs milliseconds. Rows come out of
order, of inputs with one to three types. Prints how many kills there were, and how many runs became complete.
"""

from __future__ import annotations

import gzip
import json
import os
import random
import signal
import sys
import time
from pathlib import Path

from aioresolver.bulk.inputs import Input
from aioresolver.bulk.journal import Journal
from aioresolver.bulk.rows import Row
from aioresolver.wire.codes import RRType

TYPES = ((RRType.A,), (RRType.A, RRType.AAAA), (RRType.A, RRType.AAAA, RRType.MX))
INPUTS = 1500
EXPECTED = sorted((index, str(type_)) for index in range(INPUTS) for type_ in TYPES[index % 3])
SUFFIXES = ("jsonl", "csv", "jsonl.gz")


def run(path: str, chance: random.Random) -> None:
    """A run to its end, on from where an earlier one was killed. What it has asked goes to a log of its own."""
    journal = Journal.open(path, {"types": "various"}, interval=chance.choice([0.0, 0.001, 0.005]))
    inputs = journal.left(Input(index, f"h{index % 9}", "h.", TYPES[index % 3]) for index in range(INPUTS))
    pending: list[tuple[Input, RRType]] = []
    for entry in inputs:
        pending += [(entry, type_) for type_ in entry.types]
        if len(pending) > 200:
            answer(journal, pending, chance)
    while pending:
        answer(journal, pending, chance)
    journal.close()


def answer(journal: Journal, pending: list[tuple[Input, RRType]], chance: random.Random) -> None:
    chance.shuffle(pending)
    some = [pending.pop() for _ in range(min(len(pending), chance.randrange(1, 100)))]
    journal.write([Row(entry.index, entry.text, "h.", str(type_), "ok", ("192.0.2.1",)) for entry, type_ in some])
    journal.commit(time.monotonic())


def rows_of(path: Path) -> list[tuple[int, str]]:
    data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    if path.suffix == ".csv":
        cells = [line.split(b",") for line in data.splitlines()[1:]]
        return [(int(row[0]), row[3].decode()) for row in cells]
    return [(row["index"], row["type"]) for row in map(json.loads, data.splitlines())]


def killed(path: str, chance: random.Random) -> bool:
    """One run, killed at some instant; whether it was quicker."""
    seed, after = chance.random(), chance.uniform(0.001, 0.03)
    child = os.fork()
    if not child:
        try:
            run(path, random.Random(seed))
        except BaseException as error:  # noqa: BLE001 - told to the parent
            print(repr(error), file=sys.stderr, flush=True)
            os._exit(1)
        os._exit(0)
    time.sleep(after)
    os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    if os.WIFEXITED(status) and os.WEXITSTATUS(status):
        raise SystemExit(f"the run failed, on {path}")
    return os.WIFEXITED(status)


def main(folder: str, seed: str, kills: str) -> None:
    chance = random.Random(int(seed))
    left, complete = int(kills), 0
    while left > 0:
        path = Path(folder, f"{complete}.{SUFFIXES[complete % len(SUFFIXES)]}")
        while not killed(str(path), chance):
            left -= 1
        assert sorted(rows_of(path)) == EXPECTED, path
        assert sorted(os.listdir(folder)) == sorted([path.name, f"{path.name}.manifest.json"])
        manifest = json.loads(Path(f"{path}.manifest.json").read_text())
        assert manifest["complete"]
        assert manifest["statuses"] == {"ok": len(EXPECTED)}
        for file in Path(folder).iterdir():
            file.unlink()
        complete += 1
    print(f"{int(kills) - left} kills, {complete} runs complete")


if __name__ == "__main__":
    main(*sys.argv[1:])
