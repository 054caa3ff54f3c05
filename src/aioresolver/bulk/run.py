"""BulkRun: a list of names in, a row for each name and type out, none lost."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator, AsyncIterable, Callable, Iterable
from contextlib import aclosing
from typing import Any, Protocol

from aioresolver.answer import Answer
from aioresolver.bulk.counts import Counts
from aioresolver.bulk.inputs import ArrivingInputs, Inputs
from aioresolver.bulk.questions import Questions
from aioresolver.bulk.rows import Row
from aioresolver.bulk.samples import RunRecorder
from aioresolver.bulk.sources import read_inputs
from aioresolver.errors import UsageError

__all__ = ["BulkRun", "QueryMany"]

Batches = AsyncGenerator[list[Row], None]
BATCH = 1000


class QueryMany(Protocol):
    """What asks the questions: a Resolver."""

    def query_many(
        self, items: Any, /, *, concurrency: int | None = None
    ) -> AsyncGenerator[tuple[Any, Answer[Any] | Exception], None]:
        """Each item, a tuple that begins with a name and a type, with what became of it; None is no item."""
        ...


class BulkRun:
    """Resolves a list of names, however long, in flat memory: exactly one row for each input and type.

        async for row in BulkRun(resolver, ["example.org", "example.com"], types=["A", "AAAA"]):
            print(row.name, row.type, row.status, *row.data)

    - `inputs`: what `read_inputs` returns, or what it takes: a path, or an iterable or async iterable of names,
      `("name", "type")` pairs, addresses, and Inputs, which stay as they are.
    - `types`: what to ask of each name; inputs that are read already know it themselves.
    - `concurrency`: so many questions at most are under way at once; None is as the resolver sees fit.
    - `batch`: so many rows at most wait to be taken. When they are not, asking stops.
    - `through`: rows pass it on their way out, in batches: an async generator function that takes and gives them.
    - `recorder`: is told of every row, and takes samples of the run.

    Rows come in the order in which they are known. It is iterated over once, by rows or by `batches()`. Ending the
    iteration early cancels what is under way; `counts` say how far it has come. Errors of the inputs are raised behind
    the rows of those that were read, and RowsLost if the count of rows should be wrong at the end.
    """

    def __init__(
        self,
        resolver: QueryMany,
        inputs: Inputs | ArrivingInputs | str | os.PathLike[str] | Iterable[object] | AsyncIterable[object],
        *,
        types: str | int | Iterable[str | int] = ("A",),
        concurrency: int | None = None,
        batch: int = BATCH,
        through: Callable[[Batches], Batches] | None = None,
        recorder: RunRecorder | None = None,
    ) -> None:
        if batch < 1:
            raise ValueError(f"a batch has at least one row, not {batch}")
        if not isinstance(inputs, (Inputs, ArrivingInputs)):
            inputs = read_inputs(inputs, types=types)
        self.inputs: Inputs | ArrivingInputs = inputs
        self.counts: Counts = Counts()
        self.recorder: RunRecorder | None = recorder
        self._resolver = resolver
        self._concurrency = concurrency
        self._batch = batch
        self._through = through
        self._questions = Questions(inputs, self.counts)
        self._begun = False

    @property
    def in_flight(self) -> int:
        """How many questions are under way, those included whose rows wait to be taken up."""
        return self._questions.under_way

    async def __aiter__(self) -> AsyncGenerator[Row, None]:
        async with aclosing(self.batches()) as batches:
            async for batch in batches:
                for row in batch:
                    yield row

    async def batches(self) -> Batches:
        """The rows in lists, as many as there are at once; nothing waits until a list is full."""
        if self._begun:
            raise UsageError("a bulk run is iterated over once: make another one")
        self._begun = True
        making = _Making(self._resolver, self._questions, concurrency=self._concurrency, most=self._batch)
        batches = making.batches() if self._through is None else self._through(making.batches())
        sampling = _Sampling(self) if self.recorder is not None else None
        try:
            async with aclosing(batches):
                async for batch in batches:
                    self._count(batch)
                    yield batch
            self.counts.check()
        finally:
            self.counts.blank = self.inputs.blank
            await making.aclose()
            self.inputs.close()
            if sampling is not None:
                sampling.end()

    def _count(self, batch: list[Row]) -> None:
        self.counts.add(batch)
        self.counts.blank = self.inputs.blank
        if self.recorder is not None:
            self.recorder.add(batch)


class _Making:
    """Makes rows in a task of its own, as far ahead as there is room for them.

    The task goes on as long as there are outcomes; when it has to wait, what it has made is a batch.
    """

    def __init__(self, resolver: QueryMany, questions: Questions, *, concurrency: int | None, most: int) -> None:
        self._questions = questions
        self._most = most
        self._rows: list[Row] = []
        self._made: asyncio.Future[None] | None = None
        self._room: asyncio.Future[None] | None = None
        self._loop = asyncio.get_running_loop()
        self._asking = questions.all()
        self._outcomes = resolver.query_many(self._asking, concurrency=concurrency)
        self._task = self._loop.create_task(self._make())
        self._task.add_done_callback(self._tell)

    async def batches(self) -> Batches:
        """What has been made; raises what ended the making."""
        while True:
            if self._rows:
                batch, self._rows = self._rows, []
                if self._room is not None and not self._room.done():
                    self._room.set_result(None)
                yield batch
            elif self._task.done():
                self._task.result()
                return
            else:
                self._made = self._loop.create_future()
                await self._made

    async def aclose(self) -> None:
        """End what is under way."""
        self._task.cancel()
        await asyncio.wait([self._task])
        if not self._task.cancelled():
            self._task.exception()  # it was raised, or nobody is left to hear it

    async def _make(self) -> None:
        take, clock, most = self._questions.take, self._loop.time, self._most
        try:
            async for asked, outcome in self._outcomes:
                take(asked, outcome, clock(), self._rows)
                if self._made is not None:
                    self._tell()
                if len(self._rows) >= most:
                    self._room = self._loop.create_future()
                    await self._room
        finally:
            await self._outcomes.aclose()
            if isinstance(self._asking, AsyncGenerator):
                await self._asking.aclose()
            else:
                self._asking.close()

    def _tell(self, _: object = None) -> None:
        made, self._made = self._made, None
        if made is not None and not made.done():
            made.set_result(None)


class _Sampling:
    """Has the recorder take its samples in time."""

    def __init__(self, run: BulkRun) -> None:
        self._run = run
        self._loop = asyncio.get_running_loop()
        self._before = self._packets()
        self._timer = self._loop.call_later(run.recorder.every if run.recorder else 0, self._tick)

    def end(self) -> None:
        """Take the last sample."""
        self._timer.cancel()
        self._take()

    def _tick(self) -> None:
        self._take()
        recorder = self._run.recorder
        assert recorder is not None
        self._timer = self._loop.call_later(recorder.every, self._tick)

    def _take(self) -> None:
        run = self._run
        assert run.recorder is not None
        asked, lost = self._packets()
        run.recorder.sample(
            self._loop.time(),
            in_flight=run.in_flight,
            asked=asked - self._before[0],
            lost=lost - self._before[1],
            done=run.inputs.done,
        )

    def _packets(self) -> tuple[int, int]:
        """The queries sent by now, and those lost, as far as the backend counts them."""
        upstreams = getattr(getattr(self._run._resolver, "backend", None), "upstreams", ())
        asked = sum(getattr(upstream, "asked", 0) for upstream in upstreams)
        return asked, sum(getattr(upstream, "lost", 0) for upstream in upstreams)
