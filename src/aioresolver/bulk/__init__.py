"""Bulk: a list of names in, a table of rows out, none lost."""

from __future__ import annotations

from aioresolver.bulk.inputs import ArrivingInputs, BadInput, Input, Inputs
from aioresolver.bulk.lines import UnreadableInput
from aioresolver.bulk.rows import Row
from aioresolver.bulk.samples import RunRecorder, Sample
from aioresolver.bulk.statuses import STATUSES

__all__ = [
    "STATUSES",
    "ArrivingInputs",
    "BadInput",
    "Input",
    "Inputs",
    "Row",
    "RunRecorder",
    "Sample",
    "UnreadableInput",
]
