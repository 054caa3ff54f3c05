"""Row: how one question of a bulk run ended, as plain data; the schema of every output."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from aioresolver.answer import Answer
from aioresolver.bulk.statuses import status_of
from aioresolver.errors import MessageFormatError, ResolutionError
from aioresolver.wire.codes import RRType
from aioresolver.wire.edns import explain_errors

__all__ = ["Row", "row_of", "unasked_row"]


class Row(NamedTuple):
    """How one question ended. There is exactly one row for each input and type.

    - `index`: which input it was, counted from 0; `input`: its text as given.
    - `name`: the name that was asked, in canonical form (lower case, final dot), or the text that is no name.
    - `type`: the record type that was asked, in words.
    - `status`: one of `aioresolver.bulk.statuses.STATUSES`.
    - `data`: the records' presentation texts (`192.0.2.1`, `10 mail.example.org.`).
    - `aliases`: the names that led there (CNAME and DNAME), the asked one first.
    - `ttl`: seconds that the answer was still good for, None when there is no answer.
    - `server`: who answered, or failed last; None when nobody was asked.
    - `attempts`: the queries that were needed. 0 when the answer was known: it came from the hosts file, or the name
      had turned out not to exist when it was asked for another type.
    - `elapsed`: seconds from the first query to the answer.
    - `wildcard`: whether the records are those of a wildcard; None when that was not examined.
    - `error`: what went wrong, in one line; None when nothing did.
    - `extended_errors`: the reasons that the servers gave (RFC 8914): `BLOCKED: by law`, `STALE_ANSWER`.
    """

    index: int  # type: ignore[assignment]  # what tuple.index does is of no use here
    input: str
    name: str
    type: str
    status: str
    data: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    ttl: int | None = None
    server: str | None = None
    attempts: int = 0
    elapsed: float = 0.0
    wildcard: bool | None = None
    error: str | None = None
    extended_errors: tuple[str, ...] = ()


_ADDRESSES = (RRType.A, RRType.AAAA)
# The text of each type, which costs more to ask it for, and whether its data are addresses.
_KNOWN: dict[int, tuple[str, bool]] = {int(type_): (str(type_), type_ in _ADDRESSES) for type_ in RRType}
_make_row = tuple.__new__


def row_of(
    index: int, text: str, type: RRType, outcome: Answer[Any] | Exception, *, now: float, name: str | None = None
) -> Row:
    """The row for how a question ended.

    `now` is the event loop's time, from which the TTL counts; `name` is what was asked, which an Answer knows itself.
    """
    shown, is_address = _KNOWN.get(type) or (str(type), False)
    if not isinstance(outcome, Answer):
        asked = outcome.name if isinstance(outcome, ResolutionError) else text
        return _failed_row(index, text, name or asked, shown, outcome)
    try:
        found, aliases = outcome.data, outcome.aliases
    except MessageFormatError as error:
        return _failed_row(index, text, outcome.question.name, shown, error)
    data: tuple[str, ...] = ()
    if not found:
        status = "nxdomain" if outcome.rcode else "no-data"
    else:
        status = "ok"
        if not is_address:
            data = tuple(map(str, found))
        elif len(found) == 1:
            data = (found[0][0],)
        else:
            data = tuple([address for (address,) in found])
    said = outcome.extended_errors
    left, elapsed = int(outcome.expires - now + 0.5), outcome.elapsed
    left = max(left, 0)
    return _make_row(
        Row,
        (
            index,
            text,
            outcome.question.name,
            shown,
            status,
            data,
            aliases,
            left,
            outcome.server,
            len(outcome.attempts) + (elapsed > 0),
            int(elapsed * 1e6 + 0.5) / 1e6,  # microseconds; round() costs more
            None,
            None,
            _words(said) if said else (),
        ),
    )


def unasked_row(index: int, text: str, type: RRType, absence: Answer[Any], *, now: float) -> Row:
    """The row for a type that was not asked: the name's absence was known already (RFC 2308, 5)."""
    row = row_of(index, text, type, absence, now=now)
    return row._replace(attempts=0, elapsed=0.0)


def _failed_row(index: int, text: str, name: str, type: str, error: Exception) -> Row:
    status, reason = status_of(error), str(error)
    if not isinstance(error, ResolutionError):
        return Row(index, text, name, type, status, error=_one_line(reason))
    attempts = error.attempts
    return Row(
        index,
        text,
        name,
        type,
        status,
        server=attempts[-1].server if attempts else None,
        attempts=len(attempts),
        elapsed=round(max((attempt.elapsed for attempt in attempts), default=0.0), 6),
        error=_one_line("; ".join([error.reason, *map(str, attempts)])),
        extended_errors=_words(error.extended_errors),
    )


def _words(errors: Iterable[tuple[int, str]]) -> tuple[str, ...]:
    return tuple(explain_errors([each]) for each in errors)


def _one_line(text: str) -> str:
    return " ".join(text.split())
