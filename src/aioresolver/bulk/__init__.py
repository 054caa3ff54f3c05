"""Bulk: a list of names in, a table of rows out, none lost."""

from __future__ import annotations

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
