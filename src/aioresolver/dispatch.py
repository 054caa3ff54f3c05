"""Dispatch: the way of a question that leaves this machine: cache, single flight, limiter, backend, and back."""

from __future__ import annotations

import asyncio
from typing import Any

from aioresolver.answer import Answer
from aioresolver.backends.base import Backend
from aioresolver.cache import Cache
from aioresolver.errors import LookupTimeout, ResolutionError, UsageError
from aioresolver.events import (
    AnswerFromCache,
    Event,
    LookupAnswered,
    LookupFailed,
    LookupStarted,
    Observer,
    StaleServed,
)
from aioresolver.flow.deadline_ring import DeadlineRing
from aioresolver.flow.limiter import Limiter
from aioresolver.flow.single_flight import SingleFlight
from aioresolver.wire.message import Question

__all__ = ["Dispatch", "Stats"]

# A backend ends at the deadline by itself and says what it tried; whoever does not is ended this much later.
GRACE = 0.05
# How long a client waits for a fresh answer when a stale one is at hand (RFC 8767, 5).
STALE_PATIENCE = 1.8

Found = Answer[Any] | ResolutionError


class Stats:
    """Plain counters of what was asked of the backend.

    `lookups` were sent to the backend; `answered` and `failed` are how they ended (`timed_out` of the failed);
    `under_way` is how many have not ended yet; `joined` asked for what was already on its way.
    """

    __slots__ = ("answered", "failed", "joined", "lookups", "timed_out", "under_way")

    def __init__(self) -> None:
        self.lookups: int = 0
        self.answered: int = 0
        self.failed: int = 0
        self.timed_out: int = 0
        self.joined: int = 0
        self.under_way: int = 0

    def as_dict(self) -> dict[str, int]:
        """The counters by name."""
        return {name: getattr(self, name) for name in self.__slots__}

    def __repr__(self) -> str:
        return f"Stats({', '.join(f'{name}={value}' for name, value in self.as_dict().items())})"


class Dispatch:
    """Answers a question from the cache, or sends one lookup to the backend for all who ask the same.

    The time that a lookup has, `timeout` seconds, begins when the limiter lets it go. The wait for that counts only when
    nothing at all was answered meanwhile.
    """

    def __init__(
        self, backend: Backend, cache: Cache, limiter: Limiter, *, timeout: float, observer: Observer | None
    ) -> None:
        self.backend = backend
        self.cache = cache
        self.limiter = limiter
        self.timeout = timeout
        self.observer = observer
        self.stats: Stats = Stats()
        self.loop: asyncio.AbstractEventLoop | None = None
        self.alarms: DeadlineRing | None = None
        self.answered_at: float = float("-inf")
        self._flights: SingleFlight[Question, Answer[Any]] = SingleFlight()
        self._closed = False

    def bind(self) -> asyncio.AbstractEventLoop:
        """Belong to the running loop; raises UsageError when closed or when it is another one."""
        loop = asyncio.get_running_loop()
        if loop is self.loop and not self._closed:
            return loop
        if self._closed:
            raise UsageError("the resolver is closed")
        if self.loop is not None:
            raise UsageError("the resolver belongs to another event loop: make one for each loop")
        self.loop = loop
        self.alarms = DeadlineRing(loop)
        return loop

    def known(self, question: Question, now: float) -> Found | None:
        """What the cache holds, without suspending."""
        cache = self.cache
        found = cache.get(question, now)
        if found is None:
            return None
        if cache.prefetch and cache.wants_refresh(question, now):
            self._refresh(question)
        if self.observer is not None:
            self._tell(AnswerFromCache(question, found))
        return found

    def fly(self, question: Question) -> asyncio.Future[Answer[Any]]:
        """A future for this asker alone: cancelling it harms no other."""
        if question in self._flights:
            self.stats.joined += 1
        return self._flights.join(question, self._depart)

    def submit(self, question: Question) -> asyncio.Future[Answer[Any]]:
        """`fetch` without a coroutine, unless stale answers may serve."""
        if not self.cache.stale:
            return self.fly(question)
        loop = self.bind()
        return loop.create_task(self.fetch(question, loop.time()))

    async def fetch(self, question: Question, now: float) -> Answer[Any]:
        """The backend's answer; a stale one when that does not come in time and the cache keeps such."""
        flight = self.fly(question)
        if not self.cache.stale:
            return await flight
        try:
            await asyncio.wait([flight], timeout=min(STALE_PATIENCE, self.timeout))
        except asyncio.CancelledError:
            flight.cancel()
            raise
        if flight.done() and not flight.cancelled() and flight.exception() is None:
            return flight.result()
        stale = self.cache.stale_answer(question, now)
        if stale is None:
            return await flight
        if self.observer is not None:
            self._tell(StaleServed(question, stale))
        return stale

    async def aclose(self) -> None:
        """End everything under way, then the backend."""
        self._closed = True
        self._flights.close(UsageError("the resolver was closed while this lookup was under way"))
        await self.backend.aclose()
        if self.alarms is not None:
            self.alarms.close()

    def _refresh(self, question: Question) -> None:
        self.fly(question)

    def _depart(self, question: Question) -> asyncio.Future[Answer[Any]]:
        return _Trip(self, question)

    def _send(self, question: Question, deadline: float) -> asyncio.Future[Answer[Any]]:
        backend = self.backend
        submit = getattr(backend, "submit", None)
        if submit is not None:
            sent: asyncio.Future[Answer[Any]] = submit(question, deadline)
            return sent
        return asyncio.ensure_future(backend.query(question, deadline))

    def _tell(self, event: Event) -> None:
        if self.observer is None:
            return
        try:
            self.observer(event)
        except Exception as error:  # noqa: BLE001 - an observer's fault must not become a lookup's
            asyncio.get_running_loop().call_exception_handler(
                {"message": "an aioresolver observer raised", "exception": error}
            )


# A subclass with its own cancel() costs a fraction of a plain Future with a callback that watches for it.
class _Trip(asyncio.Future[Answer[Any]]):
    """One lookup, from the limiter's queue to the backend and back; the future of its answer."""

    __slots__ = ("_alarm", "_dispatch", "_due", "_question", "_queued_at", "_sent", "_ticket")

    def __init__(self, dispatch: Dispatch, question: Question) -> None:
        loop = dispatch.bind()
        super().__init__(loop=loop)
        self._dispatch = dispatch
        self._question = question
        self._sent: asyncio.Future[Answer[Any]] | None = None
        self._alarm: Any = None
        self._ticket: Any = None
        if dispatch.limiter.try_acquire():
            self._start()
        else:
            self._queued_at = loop.time()
            self._set_alarm(self._queued_at + dispatch.timeout, self._stalled)
            self._ticket = dispatch.limiter.enqueue(self._start)

    def cancel(self, msg: Any | None = None) -> bool:
        """Nobody wants the answer any more."""
        if self.done():
            return False
        self._settle()
        return super().cancel(msg)

    def _start(self) -> None:
        dispatch = self._dispatch
        assert dispatch.loop is not None
        began = dispatch.loop.time()
        if self._ticket is not None:
            self._ticket = None
            if dispatch.answered_at < self._queued_at:  # nothing was answered meanwhile: the wait counts
                began = max(self._queued_at, began - dispatch.timeout)
        deadline = began + dispatch.timeout
        self._due = deadline + GRACE
        self._set_alarm(self._due, self._overdue)
        dispatch.stats.lookups += 1
        dispatch.stats.under_way += 1
        if dispatch.observer is not None:
            dispatch._tell(LookupStarted(self._question))
        try:
            self._sent = dispatch._send(self._question, deadline)
        except Exception as error:  # noqa: BLE001 - whatever the backend says goes to those who wait
            dispatch.stats.under_way -= 1
            dispatch.limiter.release()
            self._failed(error, deadline - dispatch.timeout)
            return
        self._sent.add_done_callback(self._landed)

    def _landed(self, sent: asyncio.Future[Answer[Any]]) -> None:
        dispatch, question = self._dispatch, self._question
        assert dispatch.loop is not None
        now = dispatch.loop.time()
        error = None if sent.cancelled() else sent.exception()
        if error is None and not sent.cancelled():
            dispatch.answered_at = now  # before the next one starts, which asks for it
        dispatch.stats.under_way -= 1
        dispatch.limiter.release()
        if sent.cancelled():
            self.cancel()
            return
        if error is None and not isinstance(sent.result(), Answer):  # or nobody would ever be told
            error = TypeError(f"the backend's answer is no Answer but {sent.result()!r:.200}")
        if error is None:
            answer = dispatch.cache.put(sent.result(), now)
            dispatch.stats.answered += 1
            if dispatch.observer is not None:
                dispatch._tell(LookupAnswered(question, answer))
            if not self.done():
                self._settle()
                self.set_result(answer)
        else:
            self._failed(error, now)

    def _failed(self, error: BaseException, now: float) -> None:
        dispatch, question = self._dispatch, self._question
        if self.done():  # given up before
            return
        dispatch.stats.failed += 1
        if isinstance(error, ResolutionError):
            dispatch.stats.timed_out += isinstance(error, LookupTimeout)
            dispatch.cache.put_failure(question, error, now)
            if dispatch.observer is not None:
                dispatch._tell(LookupFailed(question, error))
        self._fail(error)

    def _overdue(self) -> None:
        """The backend let the deadline pass, unless it is the loop that was held up: then it gets its grace anew."""
        self._alarm = None
        if self._sent is not None and self._sent.done():  # its news is on the way
            return
        assert self._dispatch.loop is not None
        now = self._dispatch.loop.time()
        if now > self._due + GRACE / 2:
            self._due = now + GRACE
            self._set_alarm(self._due, self._overdue)
        else:
            self._failed(self._timeout("the backend kept no deadline"), now)

    def _stalled(self) -> None:
        """It waited for a whole timeout in the limiter's queue."""
        dispatch = self._dispatch
        assert dispatch.loop is not None
        self._alarm = None
        now, due = dispatch.loop.time(), max(self._queued_at, dispatch.answered_at) + dispatch.timeout
        if now < due:
            self._set_alarm(due, self._stalled)
        elif now > due + GRACE / 2:  # the loop was held up: what came meanwhile is still to be heard
            self._queued_at = now + GRACE - dispatch.timeout
            self._set_alarm(now + GRACE, self._stalled)
        else:
            dispatch.stats.failed += 1
            dispatch.stats.timed_out += 1
            self._fail(self._timeout("nothing was answered while it waited for its turn"))

    def _timeout(self, reason: str) -> LookupTimeout:
        name, type_ = str(self._question.name), str(self._question.type)
        return LookupTimeout(name, type_, f"no answer within {self._dispatch.timeout:g} s: {reason}")

    def _fail(self, error: BaseException) -> None:
        if not self.done():
            self._settle()
            self.set_exception(error)

    def _settle(self) -> None:
        """The trip is over, one way or another: nothing of it stays behind."""
        if self._alarm is not None and self._dispatch.alarms is not None:
            self._dispatch.alarms.discard(self._alarm)
            self._alarm = None
        if self._ticket is not None:
            self._dispatch.limiter.withdraw(self._ticket)
            self._ticket = None
        if self._sent is not None and not self._sent.done():
            self._sent.cancel()

    def _set_alarm(self, when: float, callback: Any) -> None:
        alarms = self._dispatch.alarms
        assert alarms is not None
        if self._alarm is not None:
            alarms.discard(self._alarm)
        self._alarm = alarms.add(when, callback)
