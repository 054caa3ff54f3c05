"""One row for each lookup, the same in `--json` and in bulk, and the same told to people."""

from __future__ import annotations

from typing import Any, TypedDict

from aioresolver.answer import Answer
from aioresolver.errors import (
    AddressBlocked,
    Attempt,
    LookupTimeout,
    NameNotFound,
    NameSyntaxError,
    NoRecords,
    ResolutionError,
)

__all__ = ["Row", "describe", "row_of", "status_of"]


class Row(TypedDict):
    """How one lookup went.

    `status` is ok, no-data, nxdomain, servfail, refused, formerr, timeout, blocked, bad-name or error. `data` has the
    records' presentation texts, `aliases` the names that led there, `ttl` seconds or null, `server` who answered.
    `attempts` counts the tries, `elapsed` is in seconds. `error` is there only when there is something to say.
    """

    name: str
    type: str
    status: str
    data: list[str]
    aliases: list[str]
    ttl: int | None
    server: str | None
    attempts: int
    elapsed: float


STATUS_OF_ERROR: list[tuple[type[Exception], str]] = [
    (NameSyntaxError, "bad-name"),
    (NameNotFound, "nxdomain"),
    (NoRecords, "no-data"),
    (LookupTimeout, "timeout"),
    (AddressBlocked, "blocked"),
]
FAILURES = ("SERVFAIL", "REFUSED", "FORMERR")


def status_of(outcome: Answer[Any] | Exception) -> str:
    """The status word for how a lookup ended."""
    if isinstance(outcome, Answer):
        if outcome:
            return "ok"
        return "nxdomain" if outcome.rcode else "no-data"
    for kind, status in STATUS_OF_ERROR:
        if isinstance(outcome, kind):
            return status
    for failure in FAILURES:
        if any(attempt.outcome.startswith(failure) for attempt in _attempts(outcome)):
            return failure.lower()
    return "error"


def row_of(name: str, type: str, outcome: Answer[Any] | Exception) -> dict[str, Any]:
    """The row for one lookup: a Row, with an `error` in words when it failed."""
    attempts = _attempts(outcome)
    if isinstance(outcome, Answer):
        return dict(
            Row(
                name=name,
                type=type,
                status=status_of(outcome),
                data=[str(data) for data in outcome],
                aliases=[str(alias) for alias in outcome.aliases],
                ttl=outcome.ttl,
                server=outcome.server,
                attempts=len(attempts) + (outcome.elapsed > 0),
                elapsed=round(outcome.elapsed, 6),
            )
        )
    row = Row(
        name=name,
        type=type,
        status=status_of(outcome),
        data=[],
        aliases=[],
        ttl=None,
        server=attempts[-1].server if attempts else None,
        attempts=len(attempts),
        elapsed=round(max((attempt.elapsed for attempt in attempts), default=0.0), 6),
    )
    return {**row, "error": str(outcome)}


def describe(name: str, type: str, outcome: Answer[Any] | Exception) -> str:
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


def _attempts(outcome: Answer[Any] | Exception) -> tuple[Attempt, ...]:
    return outcome.attempts if isinstance(outcome, (Answer, ResolutionError)) else ()
