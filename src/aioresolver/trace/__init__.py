"""A trace: the walk from the root to an answer, every question on the way, and what was believed of the replies."""

from __future__ import annotations

from aioresolver.trace.story import Trace
from aioresolver.trace.taking import take_trace
from aioresolver.trace.values import Judged, TraceStep, Use

__all__ = ["Judged", "Trace", "TraceStep", "Use", "take_trace"]
