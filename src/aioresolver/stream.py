"""Stream: many names in, their outcomes out, as much at once as there is room for, in flat memory."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterable, Callable, Iterable, Iterator
from typing import Any, Generic, TypeVar

from aioresolver.answer import Answer
from aioresolver.dispatch import Dispatch
from aioresolver.errors import (
    ConfigurationError,
    DNSError,
    MessageFormatError,
    NameSyntaxError,
    ResolutionError,
    TransportError,
    UsageError,
)
from aioresolver.wire.message import Question

__all__ = ["OUTCOMES", "PAUSE", "Outcome", "Stream"]

T = TypeVar("T")
Outcome = Answer[Any] | DNSError | ValueError
# A UsageError is the caller's mistake, and not the outcome of a name.
OUTCOMES = (
    Answer,
    ConfigurationError,
    MessageFormatError,
    NameSyntaxError,
    ResolutionError,
    TransportError,
    ValueError,
)

PAUSE: Any = object()
"""What an iterator gives when it has nothing to ask just now: it is asked again after the next outcomes."""

# What an iterator has no more of.
END: Any = object()
# So many outcomes in one turn of the event loop.
TURN = 500


class Stream(Generic[T]):
    """Asks for each of many items, and gives `(item, outcome)` as they come.

    `question(item)` says what to ask for an item; its DNSError or ValueError is the item's outcome. `known(question, now)`
    is what is known without asking. `finish(answer)` is what is given out of an answer; its DNSError is the outcome.

    Items are pulled while fewer than `concurrency` are under way and fewer than `concurrency` outcomes wait to be taken.
    """

    def __init__(
        self,
        dispatch: Dispatch,
        items: Iterable[T] | AsyncIterable[T],
        *,
        question: Callable[[T], Question],
        known: Callable[[Question, float], Outcome | None],
        finish: Callable[[Answer[Any]], Answer[Any]] | None,
        concurrency: int,
    ) -> None:
        self._dispatch = dispatch
        self._items = items
        self._source: Iterator[T]
        self._question = question
        self._known = known
        self._clock: Callable[[], float]
        self._finish = finish
        self._concurrency = concurrency
        self._under_way = 0
        self._taken = 0  # outcomes that the consumer has, and may not have looked at yet
        self._outcomes: list[tuple[T, Outcome]] = []
        self._held: tuple[T, Question] | None = None
        self._exhausted = False
        self._failure: BaseException | None = None
        self._arrival: asyncio.Future[None] | None = None

    async def outcomes(self) -> AsyncGenerator[tuple[T, Outcome], None]:
        """Every item with its outcome, once. Ending the iteration ends what is under way."""
        dispatch = self._dispatch
        self._clock = dispatch.bind().time
        feed = None
        if isinstance(self._items, AsyncIterable):
            self._source = feed = _Feed(self._items, self._concurrency, dispatch.pump)
        else:
            self._source = iter(self._items)
        dispatch.sources.append(self)
        turn = 0
        try:
            while True:
                dispatch.pump()
                if self._outcomes:
                    batch, self._outcomes = self._outcomes, []
                    self._taken = len(batch)
                    for outcome in batch:
                        yield outcome
                    self._taken = 0
                    turn += len(batch)
                    if turn >= TURN:  # others want to run too, when all is known already
                        turn = 0
                        await asyncio.sleep(0)
                elif self._under_way or self._held or (feed is not None and not self._exhausted):
                    turn = 0
                    if self._exhausted:
                        dispatch.hurry()
                    await self._wait()
                elif self._failure is not None:
                    raise self._failure
                elif self._exhausted:
                    return
                else:
                    raise UsageError("the iterable gives PAUSE, and nothing is under way that could change that")
        finally:
            dispatch.sources.remove(self)
            dispatch.flights.detach(self)
            if feed is not None:
                await feed.aclose()

    # ---- what the dispatch asks and tells

    @property
    def hungry(self) -> bool:
        """Whether it has a question for which there is no room yet, or might have one."""
        return self._held is not None or (not self._exhausted and self._has_room())

    def pull(self, count: int) -> list[Question]:
        """At most so many questions that nobody waited for until now, each attached to the flights.

        What is known already needs no room. The first question that there is no room for is held back.
        """
        questions: list[Question] = []
        now, question_of, known, ask = self._clock(), self._question, self._known, self._dispatch.ask
        before = len(self._outcomes)
        item: Any
        try:
            while len(questions) < count or self._held is None:
                if self._held is not None:
                    (item, question), self._held = self._held, None
                elif self._exhausted or not self._has_room() or (item := next(self._source, END)) is PAUSE:
                    break
                elif item is END:
                    self._exhausted = True
                    break
                try:
                    question = question_of(item)
                    found = known(question, now)
                except (DNSError, ValueError) as error:
                    # Its traceback would keep this frame, and all the outcomes.
                    self._outcomes.append((item, error.with_traceback(None)))
                    continue
                if found is not None:
                    self._settle(item, found)
                elif len(questions) >= count:
                    self._held = item, question
                else:
                    self._under_way += 1
                    if ask(question, self, item):
                        questions.append(question)
        except BaseException as error:  # noqa: BLE001 - of the iterable: the consumer is told after the outcomes that are there
            self.end(error)
        if len(self._outcomes) > before or self._exhausted:
            self._announce()
        return questions

    def end(self, error: BaseException) -> None:
        """Nothing comes any more, because of this."""
        self._exhausted = True
        self._held = None
        if self._failure is None:
            self._failure = error
        self._announce()

    def _has_room(self) -> bool:
        waiting = len(self._outcomes) + self._taken
        return self._under_way < self._concurrency and waiting < self._concurrency

    def arrived(self, item: T, outcome: Outcome | BaseException) -> None:
        """An outcome has come."""
        self._under_way -= 1
        if type(outcome) is Answer and self._finish is None:
            self._outcomes.append((item, outcome))
        else:
            self._settle(item, outcome)
        self._announce()

    def _settle(self, item: T, outcome: Outcome | BaseException) -> None:
        """Whatever is no outcome of one name ends the whole."""
        if isinstance(outcome, Answer) and self._finish is not None:
            try:
                outcome = self._finish(outcome)
            except Exception as error:  # noqa: BLE001 - of a policy, which anybody may write
                outcome = error.with_traceback(None)
        if isinstance(outcome, OUTCOMES):
            self._outcomes.append((item, outcome))
        else:
            self.end(outcome)

    def _announce(self) -> None:
        if self._arrival is not None and not self._arrival.done():
            self._arrival.set_result(None)

    async def _wait(self) -> None:
        self._arrival = asyncio.get_running_loop().create_future()
        try:
            await self._arrival
        finally:
            self._arrival = None


class _Feed(Generic[T]):
    """An async iterable as an iterator that gives PAUSE while it has nothing; a task reads ahead."""

    def __init__(self, items: AsyncIterable[T], ahead: int, wake: Callable[[], object]) -> None:
        self._ahead = ahead
        self._wake = wake
        self._read: deque[T] = deque()
        self._room = asyncio.Event()
        self._task = asyncio.get_running_loop().create_task(self._run(items))

    def __iter__(self) -> _Feed[T]:
        return self

    def __next__(self) -> T:
        if self._read:
            item = self._read.popleft()
            self._room.set()
            return item
        if not self._task.done():
            pause: T = PAUSE
            return pause
        if self._task.cancelled():
            raise asyncio.CancelledError
        error = self._task.exception()
        if error is not None:
            raise error
        raise StopIteration

    async def aclose(self) -> None:
        """End the task."""
        self._task.cancel()
        await asyncio.wait([self._task])

    async def _run(self, items: AsyncIterable[T]) -> None:
        self._task.add_done_callback(lambda _: self._wake())
        iterator = aiter(items)
        try:
            async for item in iterator:
                self._read.append(item)
                self._wake()
                while len(self._read) >= self._ahead:
                    self._room.clear()
                    await self._room.wait()
        finally:
            if isinstance(iterator, AsyncGenerator):
                await iterator.aclose()
