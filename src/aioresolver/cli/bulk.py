"""`aioresolver bulk [FILE|-]`: a name a line in, a JSON object a line out."""

from __future__ import annotations

import argparse
import asyncio
import errno
import json
import os
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Iterator
from pathlib import Path
from typing import IO

from aioresolver.cli.options import add_resolver_options, make_resolver, split_nameservers
from aioresolver.cli.output import row_of
from aioresolver.resolver import Resolver
from aioresolver.wire.codes import RRType

__all__ = ["DESCRIPTION", "add_options", "run"]

DESCRIPTION = "Resolve a file of names, one a line, to JSON lines: one row for each line that is not blank."

DONE = 0
NO_NAMES_FILE = 8
INTERRUPTED = 130
PIPE_CLOSED = 141
CHUNK = 65536
PROGRESS_EVERY = 0.2
# Each of them has a task, made at the start.
MOST_AT_ONCE = 100_000


def add_options(parser: argparse.ArgumentParser) -> None:
    """The command line of a bulk run."""
    parser.add_argument(
        "words",
        nargs="*",
        metavar="FILE|- @nameserver",
        help="the names file (- or nothing: standard input); whom to ask",
    )
    parser.add_argument("--type", default="A", metavar="TYPE", help="the record type (default A)")
    parser.add_argument("--concurrency", type=_count, metavar="N", help="lookups under way at once")
    add_resolver_options(parser)


def run(options: argparse.Namespace) -> int:
    """Resolve every line; returns the exit status."""
    nameservers, files = split_nameservers(options.words)
    if len(files) > 1:
        raise ValueError(f"one names file at the most, not {' '.join(files)!r}")
    type_ = RRType.parse(options.type)
    resolver = make_resolver(
        nameservers, backend=options.backend, timeout=options.timeout, search=False, concurrency=options.concurrency
    )
    path = files[0] if files else "-"
    if sys.stdout is None:  # closed before we began, as by >&-
        raise OSError(errno.EBADF, "standard output is closed")
    if path == "-" and sys.stdin is None:
        print("aioresolver bulk: cannot read standard input: it is closed", file=sys.stderr)
        return NO_NAMES_FILE
    try:
        source = sys.stdin.buffer if path == "-" else Path(path).open("rb")  # noqa: SIM115 - closed below, unless stdin
    except OSError as error:
        print(f"aioresolver bulk: cannot read {path}: {error.strerror}", file=sys.stderr)
        return NO_NAMES_FILE
    try:
        return _run(resolver, source, type_)
    finally:
        if path != "-":
            source.close()


def _run(resolver: Resolver, source: IO[bytes], type_: RRType) -> int:
    progress = Progress()
    try:
        asyncio.run(_resolve_lines(resolver, source, type_, progress))
        sys.stdout.flush()
    except KeyboardInterrupt:
        sys.stdout.flush()
        progress.end("interrupted")
        return INTERRUPTED
    except BrokenPipeError:
        # Python flushes standard output once more at exit; give it somewhere to go.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        progress.end("standard output was closed")
        return PIPE_CLOSED
    progress.end("done")
    return DONE


async def _resolve_lines(resolver: Resolver, source: IO[bytes], type_: RRType, progress: Progress) -> None:
    names = _lines(source) if source.seekable() or os.name == "nt" else _lines_as_they_come(source)
    async with resolver:
        rows = resolver.query_many(names, type_)
        try:
            async for name, outcome in rows:
                row = row_of(name, type_.name, outcome)
                sys.stdout.write(json.dumps(row) + "\n")
                progress.count(row["status"])
        finally:
            await rows.aclose()


def _lines(source: Iterable[bytes]) -> Iterator[str]:
    """The names of the lines; what is not UTF-8 is kept as it is, to be told as a bad name."""
    for line in source:
        name = line.decode("utf-8", "surrogateescape").strip()
        if name:
            yield name


async def _lines_as_they_come(source: IO[bytes]) -> AsyncIterator[str]:
    """The same from a pipe or a terminal, which may keep us waiting: the lookups go on meanwhile."""
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    transport, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), source)
    rest = b""
    try:
        while chunk := await reader.read(CHUNK):
            *lines, rest = (rest + chunk).split(b"\n")
            for name in _lines(lines):
                yield name
        for name in _lines([rest]):
            yield name
    finally:
        transport.close()


class Progress:
    """How far the run is, on standard error when that is a terminal."""

    def __init__(self) -> None:
        self.statuses: Counter[str] = Counter()
        self._began = self._shown = time.monotonic()
        self._visible = sys.stderr.isatty()

    def count(self, status: str) -> None:
        """One more row."""
        self.statuses[status] += 1
        if self._visible and time.monotonic() - self._shown > PROGRESS_EVERY:
            self._shown = time.monotonic()
            print(f"\r{self._summary()}\x1b[K", end="", file=sys.stderr, flush=True)

    def end(self, how: str) -> None:
        """The last word."""
        if self._visible:
            print(f"\r{how}: {self._summary()}\x1b[K", file=sys.stderr)

    def _summary(self) -> str:
        total, elapsed = self.statuses.total(), time.monotonic() - self._began
        statuses = ", ".join(f"{count} {status}" for status, count in self.statuses.most_common())
        return f"{total} names, {total / max(elapsed, 1e-9):.0f}/s: {statuses or 'none yet'}"


def _count(text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 9 or not 1 <= int(text) <= MOST_AT_ONCE:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number above 0, and at most {MOST_AT_ONCE:,}")
    return int(text)
