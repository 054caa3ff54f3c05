"""How a lookup went: as people read it, and as the row that bulk runs make of it too."""

from __future__ import annotations

from typing import Any

from aioresolver.answer import Answer
from aioresolver.bulk.json_lines import json_lines
from aioresolver.bulk.rows import row_of
from aioresolver.bulk.statuses import status_of
from aioresolver.wire.codes import RRType

__all__ = ["describe", "json_line"]


def json_line(name: str, type: RRType, outcome: Answer[Any] | Exception, *, now: float) -> str:
    """The row of a lookup as a JSON object (see `aioresolver.bulk.Row`); `now` is the event loop's time."""
    return json_lines([row_of(0, name, type, outcome, now=now)]).decode().rstrip("\n")


def describe(name: str, type: RRType, outcome: Answer[Any] | Exception) -> str:
    """What people read: the records as zone lines, or why there are none."""
    if not isinstance(outcome, Answer):
        return f"; {status_of(outcome)}: {outcome}".replace("\n", "\n; ")
    lines = [f"; {name} {type}: {status_of(outcome)}"]
    lines += [str(record) for record in outcome.message.answer]
    if not outcome:
        lines += [f"; {record}" for record in outcome.authority]
    lines += [f"; before that: {attempt}" for attempt in outcome.attempts]
    lines.append(f"; from {outcome.server} in {outcome.elapsed * 1000:.1f} ms, good for {outcome.ttl} s")
    return "\n".join(lines)
