"""What an observer is told."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from aioresolver.answer import Answer
from aioresolver.errors import ResolutionError
from aioresolver.wire.message import Question

__all__ = ["AnswerFromCache", "Event", "LookupAnswered", "LookupFailed", "LookupStarted", "Observer", "StaleServed"]


class LookupStarted(NamedTuple):
    """Nobody here knows the answer: the backend is asked."""

    question: Question


class LookupAnswered(NamedTuple):
    """The backend found the answer; `answer.attempts` and `answer.elapsed` say how hard it was."""

    question: Question
    answer: Answer[Any]


class LookupFailed(NamedTuple):
    """The backend found none; `error.attempts` says what each nameserver did."""

    question: Question
    error: ResolutionError


class AnswerFromCache(NamedTuple):
    """The cache knew it: an Answer, or the failure of a moment ago."""

    question: Question
    found: Answer[Any] | ResolutionError


class StaleServed(NamedTuple):
    """An expired answer was served, because no fresh one came in time (RFC 8767)."""

    question: Question
    answer: Answer[Any]


Event = LookupStarted | LookupAnswered | LookupFailed | AnswerFromCache | StaleServed
Observer = Callable[[Event], None]
