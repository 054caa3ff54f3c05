"""Bulk: a list of names in, a table of rows out, none lost. Each file is loaded when something of it is asked for."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from aioresolver.bulk.asker import filtering
    from aioresolver.bulk.counts import Counts, RowsLost
    from aioresolver.bulk.inputs import ArrivingInputs, BadInput, Input, Inputs
    from aioresolver.bulk.journal import Journal
    from aioresolver.bulk.lines import UnreadableInput
    from aioresolver.bulk.manifest import input_identity
    from aioresolver.bulk.rows import Row
    from aioresolver.bulk.run import BulkRun
    from aioresolver.bulk.samples import RunRecorder, Sample
    from aioresolver.bulk.sources import read_inputs
    from aioresolver.bulk.statuses import STATUSES
    from aioresolver.bulk.trust import Trust
    from aioresolver.bulk.wildcards import Wildcards
    from aioresolver.bulk.writers import Writer, open_writer

__all__ = [
    "STATUSES",
    "ArrivingInputs",
    "BadInput",
    "BulkRun",
    "Counts",
    "Input",
    "Inputs",
    "Journal",
    "Row",
    "RowsLost",
    "RunRecorder",
    "Sample",
    "Trust",
    "UnreadableInput",
    "Wildcards",
    "Writer",
    "filtering",
    "input_identity",
    "open_writer",
    "read_inputs",
]

_FILES = {
    "asker": ("filtering",),
    "counts": ("Counts", "RowsLost"),
    "inputs": ("ArrivingInputs", "BadInput", "Input", "Inputs"),
    "journal": ("Journal",),
    "lines": ("UnreadableInput",),
    "manifest": ("input_identity",),
    "rows": ("Row",),
    "run": ("BulkRun",),
    "samples": ("RunRecorder", "Sample"),
    "sources": ("read_inputs",),
    "statuses": ("STATUSES",),
    "trust": ("Trust",),
    "wildcards": ("Wildcards",),
    "writers": ("Writer", "open_writer"),
}
_FILE_OF = {name: file for file, names in _FILES.items() for name in names}


def __getattr__(name: str) -> Any:
    """A lookup on the command line needs a row and its status, and not all of this."""
    if name not in _FILE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(f"{__name__}.{_FILE_OF[name]}"), name)
    return value
