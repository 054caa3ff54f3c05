"""What an observer is told: what becomes of lookups, of the tries made for them, and of the nameservers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from aioresolver.answer import Answer
from aioresolver.errors import AddressBlocked, Attempt, ResolutionError
from aioresolver.wire.message import Question

__all__ = [
    "AnswerBlocked",
    "AnswerFromCache",
    "AttemptFailed",
    "Event",
    "LookupAbandoned",
    "LookupAnswered",
    "LookupFailed",
    "LookupStarted",
    "Observer",
    "StaleServed",
    "UpstreamBack",
    "UpstreamBenched",
    "each_of",
]


class LookupStarted(NamedTuple):
    """Nobody here knows the answer: the backend is asked. Each start is followed by one of the three ends."""

    question: Question


class LookupAnswered(NamedTuple):
    """The backend found the answer, after so many seconds; `answer.attempts` says what failed before."""

    question: Question
    answer: Answer[Any]
    elapsed: float = 0.0


class LookupFailed(NamedTuple):
    """The backend found none, after so many seconds.

    The error is a ResolutionError, whose `attempts` say what each nameserver did, unless the backend could not even ask.
    A lookup that never got its turn fails without having started.
    """

    question: Question
    error: Exception
    elapsed: float = 0.0


class LookupAbandoned(NamedTuple):
    """Nobody waits for it any more: all who asked were cancelled, or the resolver was closed."""

    question: Question
    elapsed: float = 0.0


class AttemptFailed(NamedTuple):
    """One try at one nameserver came to nothing, or its time is over, though a late reply to it still counts.

    Not told of the tries that the end of the lookup cuts short.
    """

    question: Question
    attempt: Attempt


class UpstreamBenched(NamedTuple):
    """From now on other nameservers are asked before this one, by its URL; `reason` is in words."""

    server: str
    reason: str


class UpstreamBack(NamedTuple):
    """A nameserver that was benched is as good as the others again."""

    server: str


class AnswerFromCache(NamedTuple):
    """The cache knew it: a fresh Answer, or the failure of a moment ago."""

    question: Question
    found: Answer[Any] | ResolutionError


class StaleServed(NamedTuple):
    """An expired answer was served, because no fresh one came in time, or would come now (RFC 8767).

    Told once of all who waited for it together.
    """

    question: Question
    answer: Answer[Any]


class AnswerBlocked(NamedTuple):
    """The address policy forbids what was found; `error` says the name, the address and the rule."""

    error: AddressBlocked


Event = (
    LookupStarted
    | LookupAnswered
    | LookupFailed
    | LookupAbandoned
    | AttemptFailed
    | UpstreamBenched
    | UpstreamBack
    | AnswerFromCache
    | StaleServed
    | AnswerBlocked
)
Observer = Callable[[Event], None]
"""Is called with each event, in the middle of things: it has to be quick. What it raises goes to the loop's handler."""


def each_of(*observers: Observer | None) -> Observer | None:
    """Several observers as one; None among them is left out. One that raises keeps nothing from the others."""
    present = [observer for observer in observers if observer is not None]
    if len(present) < 2:
        return present[0] if present else None

    def tell(event: Event) -> None:
        fault: Exception | None = None
        for observer in present:
            try:
                observer(event)
            except Exception as error:  # noqa: BLE001 - raised below, when everybody was told
                fault = fault or error
        if fault is not None:
            raise fault

    return tell
