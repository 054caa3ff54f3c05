"""How a lookup went: as people read it, and as the row that bulk runs make of it too."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from aioresolver.answer import Answer
from aioresolver.bulk.json_lines import json_lines
from aioresolver.bulk.rows import row_of
from aioresolver.bulk.statuses import status_of
from aioresolver.cli.colours import Paint
from aioresolver.cli.words import Asked
from aioresolver.wire.edns import explain_errors
from aioresolver.wire.message import Record

__all__ = ["describe", "json_line", "short_lines"]

PLAIN = Paint(coloured=False)


def json_line(asked: Asked, outcome: Answer[Any] | Exception, *, now: float) -> str:
    """The row of a lookup as a JSON object (see `aioresolver.bulk.Row`); `now` is the event loop's time."""
    return json_lines([row_of(asked.number, asked.name, asked.type, outcome, now=now)]).decode().rstrip("\n")


def short_lines(answer: Answer[Any], paint: Paint = PLAIN, *, timed: bool = False) -> Iterator[str]:
    """The data alone; `timed` has who said so, and in what time, behind each."""
    tail = paint(f"  ; {_origin(answer)}", "comment") if timed else ""
    for data in answer:
        yield paint(data, "data") + tail


def describe(asked: Asked, outcome: Answer[Any] | Exception, paint: Paint = PLAIN) -> str:
    """What people read: the records as zone lines, or why there are none."""
    if not isinstance(outcome, Answer):
        return paint(f"; {status_of(outcome)}: {outcome}".replace("\n", "\n; "), "bad")
    status = paint(status_of(outcome), "good" if outcome else "bad")
    lines = [f"{paint(f'; {asked.name} {asked.type}:', 'comment')} {status}"]
    lines += [_zone_line(record, paint) for record in outcome.message.answer]
    if not outcome:
        lines += [paint(f"; {record}", "comment") for record in outcome.authority]
    lines += [paint(f"; they say: {explain_errors([each])}", "bad") for each in outcome.extended_errors]
    lines += [paint(f"; before that: {attempt}", "comment") for attempt in outcome.attempts]
    lines.append(paint(f"; {_origin(outcome)}, good for {outcome.ttl} s", "comment"))
    return "\n".join(lines)


def _origin(answer: Answer[Any]) -> str:
    known = ", stale" if answer.stale else ", authenticated" if answer.authenticated else ""
    return f"from {answer.server} in {answer.elapsed * 1000:.1f} ms{known}"


def _zone_line(record: Record, paint: Paint) -> str:
    """The record with its type and its data set off."""
    if not paint.coloured:
        return str(record)
    name, ttl, class_, type_, *data = str(record).split(" ", 4)
    return " ".join([name, ttl, class_, paint(type_, "type"), *(paint(each, "data") for each in data)])
