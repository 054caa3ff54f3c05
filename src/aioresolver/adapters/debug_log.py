"""DebugLog: an observer that tells the story of every lookup to the standard library's logging, a short line an event."""

from __future__ import annotations

import logging
from typing import Any

from aioresolver.answer import Answer
from aioresolver.errors import ResolutionError
from aioresolver.events import (
    AnswerBlocked,
    AnswerFromCache,
    AttemptFailed,
    Event,
    LookupAbandoned,
    LookupAnswered,
    LookupFailed,
    LookupStarted,
    StaleServed,
    UpstreamBack,
    UpstreamBenched,
)

__all__ = ["DebugLog"]

MOST_DATA = 4


class DebugLog:
    """`Resolver(observer=DebugLog())`: everything goes to the logger `aioresolver`, or the one that is given.

    Lookups are told at DEBUG, since names may be nobody's business; nameservers that are benched or back at INFO. While
    the level lets nothing through, an event costs a fraction of a microsecond.
    """

    def __init__(self, logger: logging.Logger | None = None) -> None:
        self._logger = logging.getLogger("aioresolver") if logger is None else logger

    def __call__(self, event: Event) -> None:
        """Write the line of an event."""
        level = logging.INFO if isinstance(event, (UpstreamBenched, UpstreamBack)) else logging.DEBUG
        if self._logger.isEnabledFor(level):
            self._logger.log(level, *_line(event))


def _line(event: Event) -> tuple[Any, ...]:
    """The format of the line and its arguments."""
    if isinstance(event, LookupStarted):
        return "%s: asking", event.question
    if isinstance(event, AttemptFailed):
        server, transport, outcome, elapsed, _ = event.attempt
        return "%s: %s: %s (%s, %s)", event.question, server, outcome, transport, _duration(elapsed)
    if isinstance(event, LookupAnswered):
        words = _words(event.answer)
        return "%s: %s, from %s in %s", event.question, words, event.answer.server, _duration(event.elapsed)
    if isinstance(event, LookupFailed):
        return "%s: failed after %s: %s", event.question, _duration(event.elapsed), _reason(event.error)
    if isinstance(event, LookupAbandoned):
        return "%s: given up after %s: nobody waits for it", event.question, _duration(event.elapsed)
    if isinstance(event, AnswerFromCache):
        found = event.found
        known = _words(found) if isinstance(found, Answer) else f"failed a moment ago: {_reason(found)}"
        return "%s: known: %s", event.question, known
    if isinstance(event, StaleServed):
        return "%s: stale: %s", event.question, _words(event.answer)
    if isinstance(event, AnswerBlocked):
        return "%s %s: blocked: %s", event.error.name, event.error.type, event.error.reason
    if isinstance(event, UpstreamBenched):
        return "%s: benched: %s", event.server, event.reason
    return "%s: back", event.server


def _words(answer: Answer[Any]) -> str:
    """What an answer says, and for how long."""
    data = answer.data
    more = f" and {len(data) - MOST_DATA} more" if len(data) > MOST_DATA else ""
    said = ", ".join(map(str, data[:MOST_DATA])) or ("no such name" if answer.rcode else "no data")
    return f"{said}{more}, for {answer.ttl} s"


def _reason(error: Exception) -> str:
    return error.reason if isinstance(error, ResolutionError) else f"{type(error).__name__}: {error}"


def _duration(seconds: float) -> str:
    return f"{seconds * 1000:.1f} ms" if seconds < 1 else f"{seconds:.2f} s"
