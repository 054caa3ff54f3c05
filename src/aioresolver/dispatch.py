"""Dispatch: the way of a question that leaves this machine: cache, single flight, limiter, backend, and back."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from functools import partial
from typing import Any, Protocol

from aioresolver.answer import Answer
from aioresolver.backends.batches import BatchBackend
from aioresolver.cache import Cache
from aioresolver.errors import LookupTimeout, ResolutionError, UsageError
from aioresolver.events import LookupFailed, Observer
from aioresolver.flow.limiter import Limiter
from aioresolver.flow.single_flight import Receiver, SingleFlight
from aioresolver.freshness import Freshness
from aioresolver.narrator import Narrator
from aioresolver.stats import Stats
from aioresolver.wire.message import Question

__all__ = ["Dispatch", "Source"]

# What is sent so soon did not wait.
AT_ONCE = 0.001
# After the loop was held up, what came meanwhile is still to be heard.
GRACE = 0.05

Found = Answer[Any] | ResolutionError


class Source(Receiver, Protocol):
    """Who has many questions, and gives them as there is room for them."""

    @property
    def hungry(self) -> bool:
        """Whether it has a question for which there is no room yet, or might have one."""
        ...

    def pull(self, count: int) -> list[Question]:
        """At most so many questions that nobody waited for until now, each attached to the flights.

        With 0 it looks ahead, and settles what needs no question.
        """
        ...

    def end(self, error: BaseException) -> None:
        """Nothing comes any more, because of this."""


class Dispatch:
    """Answers a question from the cache, or sends one lookup to the backend for all who ask the same.

    Questions go out, and outcomes come back, in batches; each takes a place of the limiter. The time that a lookup has,
    `timeout` seconds, begins when it goes out. The wait for that counts only when nothing at all was answered meanwhile.
    """

    def __init__(
        self, backend: BatchBackend, cache: Cache, limiter: Limiter, *, timeout: float, observer: Observer | None
    ) -> None:
        self.cache = cache
        self.limiter = limiter
        self.timeout = timeout
        self.narrator: Narrator = Narrator(observer)
        self._stats = Stats()
        self.flights: SingleFlight[Question, Answer[Any]] = SingleFlight(self._abandoned)
        self._freshness = Freshness(
            cache, self.flights, patience=min(cache.stale_after, timeout), tell=self.narrator.tell
        )
        self.sources: list[Source] = []
        self._loop: asyncio.AbstractEventLoop | None = None
        self._backend = backend
        # Those who wait for their turn, and since when; two, for the garbage collector has to look at a pair.
        self._queue: deque[Question] = deque()
        self._queued_at: deque[float] = deque()
        self._withdrawn: set[Question] = set()
        self._answered_at = float("-inf")
        self._places = 0  # of the limiter, that are ours and not used yet
        self._ticket: Any = None
        self._stall_alarm: asyncio.TimerHandle | None = None
        self._turn = 1  # whose it is to get the odd place, the queue's or the sources'
        self._pumping = False
        self._closed = False

    @property
    def stats(self) -> Stats:
        """The counters, which go on counting."""
        self._stats.joined = self.flights.joined
        return self._stats

    def bind(self) -> asyncio.AbstractEventLoop:
        """Belong to the running loop; raises UsageError when closed or when it is another one."""
        loop = asyncio.get_running_loop()
        if loop is self._loop and not self._closed:
            return loop
        if self._closed:
            raise UsageError("the resolver is closed")
        if self._loop is not None:
            raise UsageError("the resolver belongs to another event loop: make one for each loop")
        self._backend.serve(self._landed, self.pump)
        self._loop = loop
        return loop

    def found(self, question: Question, found: Found, now: float, *, refresh: bool) -> None:
        """The cache knew it: refresh it if that is worth it, and tell the observer.

        A refresh takes no place that somebody waits for.
        """
        if refresh and self.cache.prefetch and self.cache.wants_refresh(question, now) and self._has_spare_place(now):
            self.cache.begin_refresh(question)
            self._freshness.expects(question)
            if self.ask(question, self._freshness, question):
                self._enqueue(question)
        if self.narrator.observer is not None:
            self.narrator.found(question, found)

    def submit(self, question: Question) -> asyncio.Future[Answer[Any]]:
        """The answer; a stale one when none comes in time and the cache keeps such. `bind` comes before."""
        future = self.fly(question)
        if self.cache.stale and self._loop is not None:
            self._freshness.watch(question, self._loop)
        return future

    def fly(self, question: Question) -> asyncio.Future[Answer[Any]]:
        """A future for this asker alone: cancelling it harms no other. `bind` comes before."""
        loop = self._loop
        assert loop is not None
        if self._withdrawn and self._is_still_queued(question):
            return self.flights.join(question, _nothing, loop=loop)
        return self.flights.join(question, self._enqueue, loop=loop)

    def _enqueue(self, question: Question) -> None:
        assert self._loop is not None
        queue = self._queue
        queue.append(question)
        self._queued_at.append(self._loop.time())
        if len(queue) == 1 or self._places:  # else there is no room, and when there is, `pump` will be called
            self.pump()

    def ask(self, question: Question, source: Receiver, tag: Any) -> bool:
        """Have a source told what becomes of a question; whether it is now for the source to have it sent."""
        is_queued = self._withdrawn and self._is_still_queued(question)
        first = self.flights.attach(question, source, tag)
        if self.cache.stale and self._loop is not None:
            self._freshness.watch(question, self._loop)
        return first and not is_queued

    def pump(self) -> None:
        """Send what waits, as far as there is room."""
        loop = self._loop
        if self._pumping or self._closed or loop is None:
            return
        self._pumping = True
        now = loop.time()  # once: at a pace, one more would be due at each look
        try:
            while (self._queue or self.sources) and self._send_some(self._backend.room(now), now):
                pass
        finally:
            self._pumping = False
        places, self._places = self._places, 0
        if places:
            self.limiter.release(places)
        if self._queue and self._stall_alarm is None:
            self._stall_alarm = loop.call_at(self._stalls_at(), self._look_for_stalled)

    def hurry(self) -> None:
        """A source has no more questions: if nothing else waits either, the backend need not be patient."""
        hurry = getattr(self._backend, "hurry", None)
        if hurry is not None and not self._queue and not any(source.hungry for source in self.sources):
            hurry()

    async def aclose(self) -> None:
        """End everything under way, then the backend."""
        if not self._closed:
            self._closed = True
            self._queue.clear()
            self._queued_at.clear()
            if self._stall_alarm is not None:
                self._stall_alarm.cancel()
            self._freshness.close()
            if self._ticket is not None:
                self.limiter.withdraw(self._ticket)
            self.narrator.abandoned_all(asyncio.get_running_loop().time())
            closed = UsageError("the resolver was closed while this lookup was under way")
            self.flights.close(closed)
            for source in self.sources:
                source.end(closed)
            self.limiter.release(self._stats.under_way)
            self._stats.under_way = 0
        await self._backend.aclose()

    # ---- out

    def _send_some(self, room: int, now: float) -> bool:
        """Send at most so many, if the limiter has places; whether that was any."""
        sources = [source for source in self.sources if source.hungry] if self.sources else ()
        sent = 0
        if room > 0 and self._queue:
            places = min(room, self._free_places())
            if sources and places:
                places = (places + self._turn) // 2
                self._turn ^= 1
                sent = self._send_queued(places, now) if places else 0
            else:
                sent = self._send_queued(places, now)
        for source in sources:
            count = min(room - sent, self._free_places())
            questions = source.pull(max(0, count))
            if questions:
                self._take_places(len(questions))
                self._send(questions, now)
                sent += len(questions)
            if not count and sent < room and source.hungry:
                self._wait_for_turn()
        left = min(room - sent, self._free_places()) if sources and self._queue else 0
        if left > 0:  # the sources have no question for it
            sent += self._send_queued(left, now)
        if len(sources) > 1:
            self.sources.append(self.sources.pop(0))
        return sent > 0

    def _send_queued(self, places: int, now: float) -> int:
        queue, flights = self._queue, self.flights
        questions: list[Question] = []
        alone: list[tuple[Question, float]] = []
        while queue and places > len(questions) + len(alone):
            question, queued_at = queue.popleft(), self._queued_at.popleft()
            if question not in flights:
                self._withdrawn.discard(question)
                continue
            if queued_at <= self._answered_at or now - queued_at < AT_ONCE:
                questions.append(question)
            else:  # nothing was answered while it waited: that counts
                alone.append((question, queued_at))
        if not places:
            self._wait_for_turn()
        self._take_places(len(questions) + len(alone))
        for question, queued_at in alone:
            self._send([question], queued_at)
        if questions:
            self._send(questions, now)
        return len(questions) + len(alone)

    def _free_places(self) -> int:
        """How many places of the limiter are to be had, those that are ours first."""
        return self._places or self.limiter.room()

    def _has_spare_place(self, now: float) -> bool:
        """Whether a lookup could go now, and nobody else wants its place."""
        is_wanted = self._queue or any(source.hungry for source in self.sources)
        return not is_wanted and self._free_places() > 0 and self._backend.room(now) > 0

    def _take_places(self, count: int) -> None:
        if self._places:
            self._places -= count
        else:
            self.limiter.take(count)

    def _wait_for_turn(self) -> None:
        if self._ticket is None:
            self._ticket = self.limiter.enqueue(self._admitted)

    def _admitted(self) -> None:
        """The limiter has a place for us."""
        self._ticket = None
        self._places += 1
        self.pump()

    def _send(self, questions: list[Question], began: float) -> None:
        self._stats.lookups += len(questions)
        self._stats.under_way += len(questions)
        if self.narrator.observer is not None:
            for question in questions:
                self.narrator.started(question, began)
        try:
            self._backend.post(questions, began + self.timeout)
        except Exception as error:  # noqa: BLE001 - whatever the backend says goes to those who wait
            self._landed([(question, error) for question in questions])

    # ---- and back

    def _landed(self, outcomes: Sequence[tuple[Question, Answer[Any] | BaseException]]) -> None:
        """The backend has outcomes."""
        if self._closed or self._loop is None:
            return
        now = self._loop.time()
        put, land, observer = self.cache.put, self.flights.land, self.narrator.observer
        answered = 0
        for question, outcome in outcomes:
            try:
                if isinstance(outcome, Answer):
                    answered += 1
                    answer = put(outcome, now)
                    if observer is not None:
                        self.narrator.answered(question, answer, now)
                    land(question, answer)
                else:
                    self._failed(question, outcome, now)
            except Exception as error:  # noqa: BLE001 - of a cache's, or for want of memory: it is no fault of the others
                self.flights.fail(question, error)
        if self.cache.stale:
            self._freshness.landed(question for question, _ in outcomes)
        if answered:
            self._stats.answered += answered
            self._answered_at = now
        if self._withdrawn:
            self._withdrawn.difference_update(question for question, _ in outcomes)
        self._leave(len(outcomes))
        self.pump()

    def _failed(self, question: Question, error: BaseException, now: float) -> None:
        if question not in self.flights:  # given up before
            self.narrator.abandoned(question, now)
            return
        if isinstance(error, asyncio.CancelledError):
            self.flights.cancel(question)
            self.narrator.abandoned(question, now)
            return
        self._stats.failed += 1
        if isinstance(error, ResolutionError):
            self._stats.timed_out += isinstance(error, LookupTimeout)
            self.cache.put_failure(question, error, now)
        if isinstance(error, Exception):
            self.narrator.failed(question, error, now)
        if not self._freshness.serve(question, now):
            self.flights.fail(question, error)

    def _leave(self, count: int) -> None:
        """So many lookups are over: their places go to our next ones, unless others wait for them."""
        self._stats.under_way -= count
        if self.limiter.rate is None and self.limiter.waiting == (self._ticket is not None):
            self._places += count
        else:
            self.limiter.release(count)

    def _abandoned(self, question: Question) -> None:
        """Nobody waits for it any more; all of which that is so now are withdrawn together."""
        if self._loop is not None and not self._closed:
            self._freshness.landed((question,))
            if not self._withdrawn:
                self._loop.call_soon(self._withdraw)
            self._withdrawn.add(question)

    def _withdraw(self) -> None:
        withdrawn, self._withdrawn = self._withdrawn, set()
        if self._closed or self._loop is None or not withdrawn:
            return
        if self.narrator.observer is not None:
            for question in withdrawn:
                self.narrator.abandoned(question, self._loop.time())
        pumping, self._pumping = self._pumping, True  # the room that this makes is for afterwards
        left = [pair for pair in zip(self._queue, self._queued_at, strict=True) if pair[0] not in withdrawn]
        self._queue, self._queued_at = deque(pair[0] for pair in left), deque(pair[1] for pair in left)
        count = self._backend.withdraw(withdrawn)
        self._pumping = pumping
        self._leave(count)
        self.pump()

    def _is_still_queued(self, question: Question) -> bool:
        """Whether all left it a moment ago, and it waits for its turn; if it is under way, that ends here."""
        if question not in self._withdrawn:
            return False
        self._withdrawn.discard(question)
        pumping, self._pumping = self._pumping, True
        count = self._backend.withdraw((question,))
        self._pumping = pumping
        if count and self._loop is not None:
            self.narrator.abandoned(question, self._loop.time())
        self._leave(count)
        return not count

    def _look_for_stalled(self, *, in_grace: bool = False) -> None:
        """End those who waited for a whole timeout in which nothing was answered."""
        loop, queue = self._loop, self._queue
        self._stall_alarm = None
        if not queue or loop is None:
            return
        now = loop.time()
        due = self._stalls_at()
        if due > now:
            self._stall_alarm = loop.call_at(due, self._look_for_stalled)
        elif now > due + GRACE / 2 and not in_grace:
            self._stall_alarm = loop.call_later(GRACE, partial(self._look_for_stalled, in_grace=True))
        else:
            while queue and self._queued_at[0] + self.timeout <= now:
                self._queued_at.popleft()
                self._stalled(queue.popleft(), now)
            self.pump()

    def _stalls_at(self) -> float:
        """When the first in the queue will have waited too long, should nothing be answered until then."""
        return max(self._queued_at[0], self._answered_at) + self.timeout

    def _stalled(self, question: Question, now: float) -> None:
        if question not in self.flights:
            self._withdrawn.discard(question)
        else:
            self._stats.failed += 1
            self._stats.timed_out += 1
            reason = f"no answer within {self.timeout:g} s: nothing was answered while it waited for its turn"
            error = LookupTimeout(str(question.name), str(question.type), reason)
            self.narrator.tell(LookupFailed(question, error, self.timeout))
            if not self._freshness.serve(question, now):
                self.flights.fail(question, error)


def _nothing(_: object) -> None:
    """There is nothing to be done."""
