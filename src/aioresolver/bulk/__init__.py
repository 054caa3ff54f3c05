"""Bulk: a list of names in, a table of rows out, none lost."""

from __future__ import annotations

from aioresolver.bulk.counts import Counts, RowsLost
from aioresolver.bulk.inputs import ArrivingInputs, BadInput, Input, Inputs
from aioresolver.bulk.lines import UnreadableInput
from aioresolver.bulk.rows import Row
from aioresolver.bulk.run import BulkRun
from aioresolver.bulk.samples import RunRecorder, Sample
from aioresolver.bulk.sources import read_inputs
from aioresolver.bulk.statuses import STATUSES

__all__ = [
    "STATUSES",
    "ArrivingInputs",
    "BadInput",
    "BulkRun",
    "Counts",
    "Input",
    "Inputs",
    "Row",
    "RowsLost",
    "RunRecorder",
    "Sample",
    "UnreadableInput",
    "read_inputs",
]
