"""Freshness: stale answers for those who would wait too long (RFC 8767), while the fresh ones are still on their way."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from aioresolver.answer import Answer
from aioresolver.cache import Cache
from aioresolver.events import StaleServed
from aioresolver.flow.deadline_ring import DeadlineRing
from aioresolver.flow.single_flight import SingleFlight
from aioresolver.wire.message import Question

__all__ = ["Freshness"]

TICK = 0.01


class Freshness:
    """Lets nobody wait for longer than `patience` seconds for what the cache has a stale answer to.

    A lookup that is late goes on: this waits for it when nobody else does, and the cache takes what comes. Also who waits
    for a refresh that nobody asked for. `tell` is told of stale answers.
    """

    def __init__(
        self,
        cache: Cache,
        flights: SingleFlight[Question, Answer[Any]],
        *,
        patience: float,
        tell: Callable[[StaleServed], None],
    ) -> None:
        self._cache = cache
        self._flights = flights
        self._patience = patience
        self._tell = tell
        self._ring: DeadlineRing | None = None
        self._alarms: dict[Question, Any] = {}
        self._refreshed: set[Question] = set()  # those that it waits for itself

    def watch(self, question: Question, loop: asyncio.AbstractEventLoop) -> None:
        """Somebody waits for this from now on."""
        now = loop.time()
        if question in self._alarms or not self._cache.has_stale(question, now):
            return
        if self._ring is None:
            self._ring = DeadlineRing(loop, TICK)
        self._alarms[question] = self._ring.add(now + self._patience, partial(self._late, question, loop))

    def landed(self, questions: Iterable[Question]) -> None:
        """These are over, or nobody waits for them any more."""
        for question in questions:
            alarm = self._alarms.pop(question, None)
            if alarm is not None and self._ring is not None:
                self._ring.discard(alarm)

    def serve(self, question: Question, now: float, *, late: bool = False) -> bool:
        """Give the answer that the cache has left to all who wait; whether there are both."""
        if self._flights.count(question) == (question in self._refreshed):
            return False
        answer = self._cache.stale_answer(question, now, late=late)
        if answer is None:
            return False
        if answer.stale:
            self._tell(StaleServed(question, answer))
        self._flights.land(question, answer)
        return True

    def expects(self, question: Question) -> None:
        """It waits for this from now on, as a Receiver whose tag is the question."""
        self._refreshed.add(question)

    def arrived(self, question: Question, outcome: object) -> None:
        """The cache has it already."""
        self._refreshed.discard(question)

    def close(self) -> None:
        """Set no alarm any more."""
        self._alarms.clear()
        if self._ring is not None:
            self._ring.close()

    def _late(self, question: Question, loop: asyncio.AbstractEventLoop) -> None:
        """Patience is over."""
        del self._alarms[question]
        if self.serve(question, loop.time(), late=True):
            self.expects(question)
            self._flights.attach(question, self, question)
