"""Batches: how a resolver asks a backend, many questions at once and by callback; and any Backend asked so."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Sequence
from functools import partial
from typing import Any, Protocol, runtime_checkable

from aioresolver.answer import Answer
from aioresolver.backends.base import Backend
from aioresolver.errors import LookupTimeout
from aioresolver.flow.deadline_ring import DeadlineRing
from aioresolver.wire.message import Question

__all__ = ["BatchBackend", "Batched", "Landed", "in_batches"]

Landed = Callable[[Sequence["tuple[Question, Answer[Any] | BaseException]"]], None]
"""Takes questions with their outcomes: an Answer, or the error in its place."""

# A backend ends at the deadline by itself and says what it tried; whoever does not is ended this much later.
GRACE = 0.05
PLENTY = 1 << 30


@runtime_checkable
class BatchBackend(Protocol):
    """A backend that takes questions in batches, and gives answers in batches: no Future, no Task for each.

    A question is posted once until it has landed. `serve` is called before the first `post`, on the loop that is to be
    the backend's; `landed` is then called with outcomes as they come, exactly once for each question that was not
    withdrawn, no later than its deadline, and `roomy` when there is room again where there was none.
    """

    def serve(self, landed: Landed, roomy: Callable[[], object]) -> None:
        """Give outcomes to `landed` from now on."""
        ...

    def room(self, now: float) -> int:
        """How many questions it would send at once now, not counting those it has."""
        ...

    def post(self, questions: Sequence[Question], deadline: float) -> None:
        """Ask all of these; never calls `landed` before it returns. It may raise if it has taken none of them."""

    def withdraw(self, questions: Collection[Question]) -> int:
        """Forget these: nothing more is sent for them, and nothing of them lands. How many it had is returned."""
        ...

    async def aclose(self) -> None:
        """Let go of everything."""


def in_batches(backend: Backend | BatchBackend) -> BatchBackend:
    """The backend itself if it takes batches, else one that hands it every question by itself."""
    return backend if isinstance(backend, BatchBackend) else Batched(backend)


class Batched:
    """Any Backend, as one that takes batches. Holds every lookup to its deadline, whatever the backend does.

    A backend may have `submit(question, deadline)`, which returns a Future and saves the Task for each question.
    """

    def __init__(self, backend: Backend) -> None:
        self._submit: Callable[[Question, float], asyncio.Future[Answer[Any]]] | None
        self._submit = getattr(backend, "submit", None)
        self._backend = backend
        self._lookups: dict[Question, _Lookup] = {}
        self._landed: Landed
        self._loop: asyncio.AbstractEventLoop
        self._alarms: DeadlineRing

    def serve(self, landed: Landed, roomy: Callable[[], object]) -> None:
        """Give outcomes to `landed` from now on."""
        self._landed = landed
        self._loop = asyncio.get_running_loop()
        self._alarms = DeadlineRing(self._loop)

    def room(self, now: float) -> int:
        """The limiter alone says how many a backend of another kind is given."""
        return PLENTY

    def post(self, questions: Sequence[Question], deadline: float) -> None:
        """Ask the backend for each."""
        for question in questions:
            try:
                future = self._ask(question, deadline)
            except Exception as error:  # noqa: BLE001 - whatever the backend says goes to those who wait
                future = self._loop.create_future()
                future.set_exception(error)
            self._lookups[question] = _Lookup(future, self._alarms, deadline, partial(self._overdue, question))
            future.add_done_callback(partial(self._ended, question))

    def withdraw(self, questions: Collection[Question]) -> int:
        """Cancel these."""
        lookups = [self._lookups.pop(question) for question in questions if question in self._lookups]
        for lookup in lookups:
            lookup.end()
        return len(lookups)

    async def aclose(self) -> None:
        """End every lookup, and close the backend."""
        lookups, self._lookups = self._lookups, {}
        for lookup in lookups.values():
            lookup.end()
        if lookups:  # so that no task is left; but nobody has to wait for one that will not end
            await asyncio.wait([lookup.future for lookup in lookups.values()], timeout=GRACE)
        await self._backend.aclose()

    def _ask(self, question: Question, deadline: float) -> asyncio.Future[Answer[Any]]:
        if self._submit is not None:
            asked: Awaitable[Answer[Any]] = self._submit(question, deadline)
        else:
            asked = self._backend.query(question, deadline)
        return asyncio.ensure_future(asked)

    def _ended(self, question: Question, future: asyncio.Future[Answer[Any]]) -> None:
        lookup = self._lookups.get(question)
        if lookup is None or lookup.future is not future:
            if not future.cancelled():
                future.exception()
            return
        del self._lookups[question]
        lookup.end()
        self._landed([(question, _outcome(future))])

    def _overdue(self, question: Question) -> None:
        """The backend let the deadline pass, unless it is the loop that was held up: then it gets its grace anew."""
        lookup = self._lookups[question]
        lookup.token = None
        if lookup.future.done():  # its news is on the way
            return
        now = self._loop.time()
        if now > lookup.due + GRACE / 2:
            lookup.set_alarm(now + GRACE)
            return
        del self._lookups[question]
        lookup.end()
        error = LookupTimeout(str(question.name), str(question.type), "no answer in time: the backend kept no deadline")
        self._landed([(question, error)])


class _Lookup:
    """One question that a backend was asked, and the alarm for when it keeps no deadline."""

    __slots__ = ("_alarms", "_overdue", "due", "future", "token")

    def __init__(
        self,
        future: asyncio.Future[Answer[Any]],
        alarms: DeadlineRing,
        deadline: float,
        overdue: Callable[[], None],
    ) -> None:
        self.future = future
        self._alarms = alarms
        self._overdue = overdue
        self.set_alarm(deadline + GRACE)

    def set_alarm(self, due: float) -> None:
        self.due = due
        self.token: Any = self._alarms.add(due, self._overdue)

    def end(self) -> None:
        if self.token is not None:
            self._alarms.discard(self.token)
            self.token = None
        if not self.future.done():
            self.future.cancel()


def _outcome(future: asyncio.Future[Answer[Any]]) -> Answer[Any] | BaseException:
    if future.cancelled():
        return asyncio.CancelledError()
    error = future.exception()
    if error is not None:
        return error
    answer = future.result()
    return answer if isinstance(answer, Answer) else TypeError(f"the backend's answer is no Answer but {answer!r:.200}")
