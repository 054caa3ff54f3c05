"""Failures that are remembered, so that what is broken is not asked again at once (RFC 9520)."""

from __future__ import annotations

import copy
from collections import OrderedDict
from typing import NamedTuple

from aioresolver.errors import ResolutionError
from aioresolver.wire.message import Question

__all__ = ["MAX_FAILURE_TTL", "MIN_FAILURE_TTL", "RememberedFailure", "RememberedFailures"]

MIN_FAILURE_TTL = 1.0
"""A failure that is remembered is so for at least so many seconds (RFC 9520, 3.2)."""

MAX_FAILURE_TTL = 300.0
"""And for no longer."""


class RememberedFailure(NamedTuple):
    """A failure until `expires`; `life` is how many seconds that was to be."""

    error: ResolutionError
    expires: float
    life: float

    def again(self) -> ResolutionError:
        """The same as a new error, free to be raised: one that was raised holds the frames that it passed through."""
        return copy.copy(self.error)


class RememberedFailures(OrderedDict[Question, RememberedFailure]):
    """The failures by question, the oldest first."""

    __slots__ = ()

    def known(self, question: Question, now: float) -> RememberedFailure | None:
        """The failure that is not over yet."""
        failure = self.get(question)
        return failure if failure is not None and failure.expires > now else None

    def life(self, question: Question, first: float, now: float) -> float:
        """For how long it is to be remembered now: at `first` so long, twice as long each time it soon comes again."""
        before = self.get(question)
        if before is None or now >= before.expires + before.life:
            return first
        return min(2 * before.life, MAX_FAILURE_TTL)

    def add(self, question: Question, error: ResolutionError, life: float, now: float) -> None:
        """Remember it as the latest; the error itself may be raised by who has it."""
        self[question] = RememberedFailure(copy.copy(error), now + life, life)
        self.move_to_end(question)
