"""What a bulk run is told on the command line, and which of it cannot go together."""

from __future__ import annotations

import argparse
import importlib
import math
from pathlib import Path
from typing import NamedTuple

from aioresolver.bulk.inputs import parse_types
from aioresolver.bulk.writers import FORMATS, format_of
from aioresolver.cli.options import Way, add_resolver_options
from aioresolver.cli.words import split_nameservers
from aioresolver.wire.codes import RRType

__all__ = ["Plan", "add_bulk_options", "read_plan"]

# Each of them has a task where the backend has no streaming form, made at the start.
MOST_AT_ONCE = 100_000
DRAWINGS = (".svg", ".png")


class Plan(NamedTuple):
    """A bulk run as the command line wants it; `path` and `output` are `-` for the standard streams."""

    path: str
    nameservers: tuple[str, ...]
    types: tuple[RRType, ...]
    column: str | int | None
    header: bool | None
    delimiter: str | None
    output: str
    format: str | None
    resume: bool
    rate: float | None
    rate_per_server: float | None
    concurrency: int | None
    timeout: float
    backend: str
    way: Way
    cache: bool
    check_servers: bool
    check_domains: tuple[str, ...]
    wildcards: str | None
    stats: str | None
    plot: str | None
    progress: bool
    summary: bool


def add_bulk_options(parser: argparse.ArgumentParser) -> None:
    """The command line of a bulk run."""
    parser.add_argument(
        "words",
        nargs="*",
        metavar="FILE|- @nameserver",
        help="the names, one a line (- or nothing: standard input; .gz and .zst are unpacked); whom to ask",
    )
    what = parser.add_argument_group("what is asked")
    what.add_argument(
        "-t", "--type", action="append", metavar="TYPE,…", help="record types, for example A,AAAA,MX (default A)"
    )
    what.add_argument("--column", metavar="NAME|N", help="the input is CSV: the column that has the names")
    what.add_argument("--header", action="store_true", default=None, help="it has a header, though N is a number")
    what.add_argument("--delimiter", metavar="C", help="between its columns (default a comma; a tab for .tsv)")
    what.add_argument("--wildcards", choices=("mark", "drop"), help="find out which answers are a wildcard's")
    how = parser.add_argument_group("how it is asked")
    add_resolver_options(how)
    how.add_argument("--rate", type=_rate, metavar="N", help="lookups a second, in total (default: what is borne)")
    how.add_argument("--rate-per-server", type=_rate, metavar="N", help="packets a second to each nameserver")
    how.add_argument("--concurrency", type=_count, metavar="N", help="lookups under way at once")
    how.add_argument("--no-cache", dest="cache", action="store_false", help="remember nothing: for names all different")
    how.add_argument("--check-servers", action="store_true", help="test the nameservers, and expel those that lie")
    how.add_argument(
        "--check-domain",
        action="append",
        metavar="NAME,…",
        help="domains below which random names do not exist, to test with instead of well-known ones",
    )
    rows = parser.add_argument_group("where the rows go")
    rows.add_argument("--output", default="-", metavar="FILE", help="instead of standard output; .gz and .zst pack it")
    rows.add_argument(
        "--format", choices=FORMATS, help="of the rows (default: by the output's suffix, else json: an object a line)"
    )
    rows.add_argument("--resume", action="store_true", help="go on where a run into the same output was stopped")
    told = parser.add_argument_group("what is told")
    told.add_argument("--stats", metavar="FILE|-", help="the figures of the run as JSON")
    told.add_argument("--plot", metavar="FILE", help="a drawing of the run, .svg or .png")
    told.add_argument("--no-progress", dest="progress", action="store_false", help="no progress bar")
    told.add_argument("--quiet", action="store_true", help="no progress bar and no summary")


def read_plan(options: argparse.Namespace) -> Plan:
    """The plan; ValueError says in one sentence what is wrong with it."""
    nameservers, files = split_nameservers(options.words)
    if len(files) > 1:
        raise ValueError(f"one names file at the most, not {' '.join(files)!r}")
    plan = Plan(
        path=files[0] if files else "-",
        nameservers=(*nameservers, *options.server),
        types=parse_types(",".join(options.type or ["A"])),
        column=int(options.column) if (options.column or "").isdecimal() else options.column,
        header=options.header,
        delimiter=options.delimiter,
        output=options.output,
        format=options.format,
        resume=options.resume,
        rate=options.rate,
        rate_per_server=options.rate_per_server,
        concurrency=options.concurrency,
        timeout=options.timeout,
        backend=options.backend,
        way=Way.read(options),
        cache=options.cache,
        check_servers=options.check_servers,
        check_domains=tuple(word for text in options.check_domain or () for word in text.split(",")),
        wildcards=options.wildcards,
        stats=options.stats,
        plot=options.plot,
        progress=options.progress and not options.quiet,
        summary=not options.quiet,
    )
    _check_outputs(plan)
    _check_asking(plan)
    return plan


def _check_outputs(plan: Plan) -> None:
    """What is written must have places of its own."""
    if plan.resume and plan.output == "-":
        raise ValueError("--resume needs --output FILE: what standard output was given cannot be seen")
    if format_of(plan.output, plan.format) == "parquet" and plan.output == "-":
        raise ValueError("parquet cannot be written to standard output: give --output FILE")
    if plan.stats == "-" and plan.output == "-":
        raise ValueError("rows and --stats would both go to standard output: give one of them a file")
    written = [Path(path).absolute() for path in (plan.output, plan.stats, plan.plot) if path not in (None, "-")]
    read = [Path(plan.path).absolute()] if plan.path != "-" else []
    places = [*written, *read]
    for place in written:
        if places.count(place) > 1:
            raise ValueError(f"{place.name} cannot be two files at once: give each its own name")
    if plan.plot is not None:
        if Path(plan.plot).suffix.lower() not in DRAWINGS:
            raise ValueError(f"--plot draws {' or '.join(DRAWINGS)}, not {plan.plot!r}")
        _require_plot()


def _check_asking(plan: Plan) -> None:
    """Some things only a CSV file has, some only our own client can do."""
    if plan.column is None and (plan.header or plan.delimiter is not None):
        raise ValueError("--header and --delimiter are about CSV: say with --column which one has the names")
    if plan.check_domains and not plan.check_servers:
        raise ValueError("--check-domain says what to test nameservers with: give --check-servers too")
    for option, wanted in (("--rate-per-server", plan.rate_per_server), ("--check-servers", plan.check_servers)):
        if wanted and plan.backend != "stub":
            raise ValueError(f"{option} needs the stub backend: leave out --backend {plan.backend}")


def _require_plot() -> None:
    """Better now than at the end of the run."""
    try:
        importlib.import_module("aioresolver.bulk.plot")
    except ImportError as error:
        raise ValueError(str(error)) from None


def _rate(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not (value > 0 and math.isfinite(value)):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number above 0")
    return value


def _count(text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 9 or not 1 <= int(text) <= MOST_AT_ONCE:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number above 0, and at most {MOST_AT_ONCE:,}")
    return int(text)
