"""fan_out: many inputs through one coroutine function, results as they come, in flat memory. Knows no DNS."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Awaitable, Callable, Iterable, Iterator, Sized
from typing import Generic, TypeVar

__all__ = ["fan_out"]

T = TypeVar("T")
R = TypeVar("R")
Exceptions = type[Exception] | tuple[type[Exception], ...]


def fan_out(
    inputs: Iterable[T] | AsyncIterable[T],
    work: Callable[[T], Awaitable[R]],
    *,
    concurrency: int,
    catch: Exceptions = Exception,
) -> AsyncGenerator[tuple[T, R | Exception], None]:
    """Yield `(input, await work(input))` for every input, in the order in which they are done.

    `work` is a coroutine function, or a function that returns a Future. At most `concurrency` are under way, each
    in one of as many Tasks, made once. An input is pulled when a worker is free and fewer than `concurrency` results
    wait, so a slow consumer stops the pulling and less than twice `concurrency` results are ever held.

    An error of `work` of a type in `catch` stands beside its input in the result's place. Any other, and any error
    of the inputs, cancels what is under way and is raised after the results that were ready. Ending the iteration
    (`break`, `aclose()`, cancellation) cancels what is under way too. Raises ValueError for a concurrency below 1.
    """
    if not concurrency >= 1:
        raise ValueError(f"concurrency is how many may be under way at once, 1 or more, not {concurrency!r}")
    return _fan_out(inputs, _Crew(work, concurrency, catch))


async def _fan_out(
    inputs: Iterable[T] | AsyncIterable[T], crew: _Crew[T, R]
) -> AsyncGenerator[tuple[T, R | Exception], None]:
    try:
        crew.begin(inputs)
        while True:
            while crew.results:
                yield crew.take()
            if crew.failure is not None:
                raise crew.failure
            if not crew.at_work:
                return
            await crew.arrival()
    finally:
        await crew.end()


class _Crew(Generic[T, R]):
    """The workers of one fan_out, and the results they have brought."""

    __slots__ = (
        "_arrived",
        "_blocked",
        "_catch",
        "_exhausted",
        "_work",
        "at_work",
        "concurrency",
        "failure",
        "results",
        "tasks",
    )

    def __init__(self, work: Callable[[T], Awaitable[R]], concurrency: int, catch: Exceptions) -> None:
        self._work = work
        self._catch = catch
        self.concurrency = concurrency
        self.results: deque[tuple[T, R | Exception]] = deque()
        self.failure: BaseException | None = None
        self.at_work = 0
        self.tasks: list[asyncio.Task[None]] = []
        self._arrived: asyncio.Future[None] | None = None
        self._blocked: deque[asyncio.Future[None]] = deque()
        self._exhausted = False

    def begin(self, inputs: Iterable[T] | AsyncIterable[T]) -> None:
        """Start the workers, no more than there are inputs if that is known."""
        count = min(self.concurrency, len(inputs)) if isinstance(inputs, Sized) else self.concurrency
        if isinstance(inputs, AsyncIterable):
            stream, lock = aiter(inputs), asyncio.Lock()
            coroutines = [self._draw(stream, lock) for _ in range(count)]
        else:
            iterator = iter(inputs)
            coroutines = [self._pull(iterator) for _ in range(count)]
        self.at_work = count
        loop = asyncio.get_running_loop()
        for coroutine in coroutines:
            task = loop.create_task(coroutine)
            task.add_done_callback(self._left)
            self.tasks.append(task)

    def take(self) -> tuple[T, R | Exception]:
        """The next result; one blocked worker goes on when that makes room."""
        result = self.results.popleft()
        if self._blocked and len(self.results) < self.concurrency:
            turn = self._blocked.popleft()
            if not turn.done():
                turn.set_result(None)
        return result

    async def arrival(self) -> None:
        """Wait for a result, or for a worker to leave."""
        self._arrived = asyncio.get_running_loop().create_future()
        try:
            await self._arrived
        finally:
            self._arrived = None

    async def end(self) -> None:
        """Cancel the workers and wait until they are gone."""
        pending = [task for task in self.tasks if not task.done()]
        for task in pending:
            task.cancel()
        if pending:
            await asyncio.wait(pending)

    async def _pull(self, iterator: Iterator[T]) -> None:
        for item in iterator:
            await self._carry(item)

    async def _draw(self, iterator: AsyncIterator[T], lock: asyncio.Lock) -> None:
        while True:
            async with lock:  # an async generator cannot be asked for two at once
                if self._exhausted:
                    return
                self._exhausted = True  # unless an input comes
                try:
                    item = await anext(iterator)
                except StopAsyncIteration:
                    return
                self._exhausted = False
            await self._carry(item)

    async def _carry(self, item: T) -> None:
        result: R | Exception
        try:
            result = await self._work(item)
        except self._catch as error:
            result = error
        self.results.append((item, result))
        self._announce()
        if len(self.results) >= self.concurrency:
            turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._blocked.append(turn)
            await turn

    def _announce(self) -> None:
        arrived = self._arrived
        if arrived is not None and not arrived.done():
            arrived.set_result(None)

    def _left(self, task: asyncio.Task[None]) -> None:
        self.at_work -= 1
        failure = asyncio.CancelledError() if task.cancelled() else task.exception()
        if self.failure is None:
            self.failure = failure
        self._announce()
