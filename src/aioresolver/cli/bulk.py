"""`aioresolver bulk [FILE|-]`: a file of names in, a table of rows out, and how it went."""

from __future__ import annotations

import argparse
import gc
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from aioresolver.bulk.inputs import ArrivingInputs, Inputs
from aioresolver.bulk.journal import Journal
from aioresolver.bulk.manifest import input_identity
from aioresolver.bulk.output import is_being_written, is_stream, require_writable
from aioresolver.bulk.sources import read_inputs
from aioresolver.cli.bulk_options import Plan, add_bulk_options, read_plan
from aioresolver.cli.bulk_run import BulkCommand
from aioresolver.cli.exit_status import NO_NAMES_FILE, ROWS_UNWRITTEN
from aioresolver.cli.options import make_resolver
from aioresolver.cli.sink import FileSink, Sink, StreamSink
from aioresolver.cli.summary import tell
from aioresolver.errors import ConfigurationError

__all__ = ["DESCRIPTION", "EPILOG", "add_options", "run"]

DESCRIPTION = "Resolve a file of names, one a line: a row for each line that is not blank and each type."
EPILOG = (
    "Exit status: 0 every name was answered (that it does not exist is an answer), 1 wrong use, 3 some got no answer, "
    "8 the names cannot be read, 10 anything else, 11 the rows cannot be written, 130 Ctrl-C, 141 closed pipe, "
    "143 terminated. With --output, --resume goes on where a run was stopped."
)

GC_THRESHOLDS = (50_000, 20, 100)


def add_options(parser: argparse.ArgumentParser) -> None:
    """The command line of a bulk run."""
    add_bulk_options(parser)


def run(options: argparse.Namespace) -> int:
    """Resolve every line; returns the exit status."""
    plan = read_plan(options)
    resolver = make_resolver(
        plan.nameservers,
        backend=plan.backend,
        timeout=plan.timeout,
        way=plan.way,
        search=False,
        cache=plan.cache,
        concurrency=plan.concurrency,
        rate=plan.rate,
        rate_per_server=plan.rate_per_server,
        polite=True,
    )
    try:
        inputs, configuration = _open_inputs(plan)
    except OSError as error:
        what = "standard input: it is closed" if plan.path == "-" else f"{plan.path}: {error.strerror}"
        tell(f"aioresolver bulk: cannot read {what}")
        return NO_NAMES_FILE
    with closing(inputs):
        try:
            sink = _open_sink(plan, configuration)
        except OSError as error:
            tell(f"aioresolver bulk: cannot write {error.filename}: {error.strerror}")
            return ROWS_UNWRITTEN
        with _few_collections():
            return BulkCommand(plan, resolver, inputs, sink).run()


def _open_inputs(plan: Plan) -> tuple[Inputs | ArrivingInputs, dict[str, Any]]:
    """The inputs, and all that decides what the rows are."""
    if plan.path != "-" and Path(plan.path).is_dir():
        raise IsADirectoryError(None, "it is a folder", plan.path)
    asked: dict[str, Any] = {"column": plan.column, "header": plan.header, "delimiter": plan.delimiter}
    inputs = read_inputs(plan.path, types=plan.types, **asked)
    types = [str(type_) for type_ in plan.types]
    return inputs, {"types": types, **input_identity(plan.path), **asked, "wildcards": plan.wildcards}


def _open_sink(plan: Plan, configuration: Mapping[str, Any]) -> Sink:
    """Where the rows go. Raises ConfigurationError when there is something that must not be lost, and OSError.

    Where figures and drawing go is looked at too: better now than at the end of the run.
    """
    for path in filter(None, (plan.stats, plan.plot)):
        require_writable(path)
    if not plan.resume and is_stream(plan.output):
        return StreamSink(plan.output, plan.format)
    journal = Path(f"{Path(plan.output).resolve()}.journal")
    if is_being_written(plan.output):
        raise ConfigurationError(f"another run is writing {plan.output}")
    if not plan.resume and journal.exists():
        raise ConfigurationError(
            f"{plan.output} was begun by a run that was stopped: go on with --resume, or delete {journal} to begin anew"
        )
    return FileSink(Journal.open(plan.output, configuration, format=plan.format, anew=not plan.resume))


@contextmanager
def _few_collections() -> Iterator[None]:
    """The program's garbage is freed without the collector, which would look at everything under way all the time."""
    thresholds = gc.get_threshold()
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)
    try:
        yield
    finally:
        gc.set_threshold(*thresholds)
        gc.unfreeze()
