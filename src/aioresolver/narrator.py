"""Narrator: tells an observer what becomes of lookups, in the order in which it happens, with the time that each took."""

from __future__ import annotations

import asyncio
from typing import Any

from aioresolver.answer import Answer
from aioresolver.errors import ResolutionError
from aioresolver.events import (
    AnswerFromCache,
    Event,
    LookupAbandoned,
    LookupAnswered,
    LookupFailed,
    LookupStarted,
    Observer,
    StaleServed,
)
from aioresolver.wire.message import Question

__all__ = ["Narrator"]


class Narrator:
    """Each start that is told of is followed by one of three ends. What the observer raises harms no lookup.

    Without an observer there is nothing to tell; where that is all the time, ask for `observer` first.
    """

    def __init__(self, observer: Observer | None) -> None:
        self.observer = observer
        self._began: dict[Question, float] = {}

    def tell(self, event: Event) -> None:
        """Tell it; an error goes to the loop's handler."""
        if self.observer is None:
            return
        try:
            self.observer(event)
        except Exception as error:  # noqa: BLE001 - an observer's fault must not become a lookup's
            asyncio.get_running_loop().call_exception_handler(
                {"message": "an aioresolver observer raised", "exception": error}
            )

    def found(self, question: Question, found: Answer[Any] | ResolutionError) -> None:
        """The cache knew it."""
        if isinstance(found, Answer) and found.stale:
            self.tell(StaleServed(question, found))
        else:
            self.tell(AnswerFromCache(question, found))

    def started(self, question: Question, began: float) -> None:
        """The backend is asked; its time runs since `began`."""
        self._began[question] = began
        self.tell(LookupStarted(question))

    def answered(self, question: Question, answer: Answer[Any], now: float) -> None:
        """The backend found it."""
        self.tell(LookupAnswered(question, answer, self._took(question, now)))

    def failed(self, question: Question, error: Exception, now: float) -> None:
        """The backend found nothing."""
        self.tell(LookupFailed(question, error, self._took(question, now)))

    def abandoned(self, question: Question, now: float) -> None:
        """Nobody waits for it any more; not told when it never started, or has ended."""
        if question in self._began:
            self.tell(LookupAbandoned(question, self._took(question, now)))

    def abandoned_all(self, now: float) -> None:
        """Nothing of what is under way comes to its end."""
        for question in list(self._began):
            self.abandoned(question, now)

    def _took(self, question: Question, now: float) -> float:
        return now - self._began.pop(question, now)
