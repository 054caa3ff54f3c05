"""Filters: what rows pass on their way out, where they may be held back while questions are asked. Pure but for `sift`.

A bulk run makes batches of rows. With filters it hands them to `sift`, which is all that a host has to know:

    rows = sift(batches, [trust, wildcards], asker.ask)      # batches of rows in, batches of rows out

Each row that goes in comes out exactly once, though later, in another order, and perhaps changed. What a filter does
with a row, and what it asks, is decided without I/O: `Sieve` is a chain of them, and `sift` is its only contact with
the event loop. Resolving goes on while questions are under way, and stops only when a filter has no room for more.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from typing import Any, NamedTuple, Protocol

from aioresolver.answer import Answer
from aioresolver.bulk.rows import Row, row_of
from aioresolver.errors import DNSError
from aioresolver.wire.codes import RRType

__all__ = ["Ask", "Filter", "Sieve", "sift"]

MOST_UNDER_WAY = 200
"""So many questions of the filters are under way at once."""


class Ask(NamedTuple):
    """A question of a filter's own.

    `server` is whom to ask, a nameserver's URL as in `Row.server`; None is whom the run itself asks. `tag` is for the
    filter that asks.
    """

    name: str
    type: str
    server: str | None = None
    tag: Any = None


class Filter(Protocol):
    """Something that rows pass. `now` is the event loop's time; it only ever grows."""

    @property
    def held(self) -> int:
        """How many rows are held back; above 0 too while there is something to ask that the run should not end without."""
        ...

    @property
    def room(self) -> int:
        """How many rows more may be fed; with 0 or less the run waits, which it may while there is something to ask."""
        ...

    def feed(self, rows: Sequence[Row], now: float) -> list[Row]:
        """Take these rows; returns those that may go on, these or others."""
        ...

    def asks(self, most: int, now: float) -> list[Ask]:
        """What to ask now, no more than `most` of it: each is asked once, and how it ended comes to `heard`."""
        ...

    def heard(self, ask: Ask, row: Row, now: float) -> list[Row]:
        """How a question ended, as a row without an input; returns rows that may go on."""
        ...

    def wake_at(self) -> float | None:
        """When `wake` or `asks` may have something although nothing was fed or heard."""
        ...

    def wake(self, now: float) -> list[Row]:
        """Rows that need not wait any longer."""
        ...

    def end(self, now: float) -> list[Row]:
        """The run has no rows more of its own; returns rows that may go on.

        From here on nothing is held for the sake of rows still to come: as long as rows are held there is something to
        ask, or under way. Rows may still be fed, those of other filters' questions.
        """
        ...


class Sieve:
    """Filters in a row, as one. The answers to a filter's questions pass the filters before it, as rows do."""

    def __init__(self, filters: Sequence[Filter]) -> None:
        self.filters: tuple[Filter, ...] = tuple(filters)
        self._asked = 0
        # The filter to be told next that there are no rows more, once there are none.
        self._ending: int | None = None
        # Questions by the index of their row, which is negative, with the place of the filter that asked.
        self._open: dict[int, tuple[int, Ask]] = {}

    @property
    def held(self) -> int:
        """How many rows are held back, and questions are open."""
        return sum(filter_.held for filter_ in self.filters) + len(self._open)

    @property
    def room(self) -> int:
        """How many rows more may be fed."""
        return min((filter_.room for filter_ in self.filters), default=1)

    def feed(self, rows: Sequence[Row], now: float) -> list[Row]:
        """Take rows; returns those that are through."""
        return self._pass(list(rows), 0, now)

    def asks(self, most: int, now: float) -> list[tuple[int, Ask]]:
        """What to ask now, at most so much, each with the number under which `heard` wants to be told of it."""
        numbered: list[tuple[int, Ask]] = []
        for place, filter_ in enumerate(self.filters):
            if len(numbered) >= most:
                break
            for ask in filter_.asks(most - len(numbered), now):
                self._asked += 1
                self._open[-self._asked] = place, ask
                numbered.append((-self._asked, ask))
        return numbered

    def heard(self, row: Row, now: float) -> list[Row]:
        """How a question ended; `row.index` is its number. Returns the rows that are through."""
        through = self._pass([row], 0, now)
        return through + self._end(now) if self._ending is not None else through

    def wake(self, now: float) -> list[Row]:
        """Rows that are through although nothing was fed or heard."""
        through: list[Row] = []
        for place, filter_ in enumerate(self.filters):
            through += self._pass(filter_.wake(now), place + 1, now)
        return through + self._end(now) if self._ending is not None else through

    def wake_at(self) -> float | None:
        """When to call `wake` and `asks` although nothing happened."""
        times = [time for filter_ in self.filters if (time := filter_.wake_at()) is not None]
        return min(times, default=None)

    def end(self, now: float) -> list[Row]:
        """The run has no rows more; returns those that are through."""
        self._ending = 0
        return self._end(now)

    def _end(self, now: float) -> list[Row]:
        """Tell a filter of the end as soon as those before it hold nothing back."""
        through: list[Row] = []
        while self._ending is not None and self._ending < len(self.filters):
            place = self._ending
            if place and self.filters[place - 1].held:
                break
            self._ending += 1
            through += self._pass(self.filters[place].end(now), place + 1, now)
        return through

    def _pass(self, rows: list[Row], place: int, now: float) -> list[Row]:
        """Through the filters from this place on."""
        for here in range(place, len(self.filters)):
            filter_ = self.filters[here]
            answers: list[Row] = []
            if self._open:
                answers = [row for row in rows if row.index < 0 and self._open[row.index][0] == here]
                if answers:
                    rows = [row for row in rows if row.index >= 0 or self._open[row.index][0] != here]
            through = filter_.feed(rows, now) if rows else []
            for row in answers:
                _, ask = self._open.pop(row.index)
                through += filter_.heard(ask, row, now)
            rows = through
            if not rows:
                break
        return rows


async def sift(
    batches: AsyncIterator[Sequence[Row]],
    filters: Sequence[Filter],
    ask: Callable[[Ask], asyncio.Future[Answer[Any]]],
    *,
    most: int = MOST_UNDER_WAY,
) -> AsyncGenerator[list[Row], None]:
    """Pass batches of rows through filters, and ask what they want to know, `most` questions at once.

    `ask` asks a question; its future ends with an Answer or a DNSError. Leaving early ends what is under way, the
    batches included. What the batches raise is raised here at once.
    """
    sifting = _Sifting(Sieve(filters), batches, ask, most)
    try:
        while not sifting.over:
            rows = await sifting.step()
            if rows:
                yield rows
    finally:
        await sifting.aclose()


class _Sifting:
    """The sieve between the batches and the questions under way."""

    def __init__(
        self,
        sieve: Sieve,
        batches: AsyncIterator[Sequence[Row]],
        ask: Callable[[Ask], asyncio.Future[Answer[Any]]],
        most: int,
    ) -> None:
        self._sieve = sieve
        self._batches = batches
        self._ask = ask
        self._most = most
        self._loop = asyncio.get_running_loop()
        self._under_way: dict[asyncio.Future[Answer[Any]], tuple[int, Ask]] = {}
        self._ended: list[asyncio.Future[Answer[Any]]] = []
        self._coming: asyncio.Task[Sequence[Row]] | None = None
        self._wake: asyncio.Future[None] | None = None
        self._no_more = False

    @property
    def over(self) -> bool:
        """Whether every row has come out."""
        return self._no_more and not self._sieve.held

    async def step(self) -> list[Row]:
        """Wait until something happens; returns the rows that are through."""
        self._send()
        if self._coming is None and not self._no_more and self._sieve.room > 0:
            self._coming = self._loop.create_task(self._next())
            self._coming.add_done_callback(self._wake_up)
        if not self._ended and not (self._coming is not None and self._coming.done()):
            await self._sleep()
        return [*self._take_answers(), *self._take_batch(), *self._sieve.wake(self._loop.time())]

    async def aclose(self) -> None:
        """End what is under way."""
        pending: list[asyncio.Future[Any]] = [*self._under_way]
        if self._coming is not None:
            pending.append(self._coming)
        for future in pending:
            future.cancel()
        if pending:
            await asyncio.wait(pending)
        for future in pending:
            if not future.cancelled():
                future.exception()  # nobody is left to hear it
        aclose = getattr(self._batches, "aclose", None)
        if aclose is not None:
            await aclose()

    def _send(self) -> None:
        for number, ask in self._sieve.asks(self._most - len(self._under_way), self._loop.time()):
            reply = self._ask(ask)
            self._under_way[reply] = number, ask
            reply.add_done_callback(self._answered)

    async def _next(self) -> Sequence[Row]:
        """The next batch; an empty one is the end."""
        async for batch in self._batches:
            if batch:
                return batch
        return ()

    async def _sleep(self) -> None:
        """Until an answer, a batch, or the time that a filter waits for."""
        wake_at = self._sieve.wake_at()
        if not self._under_way and self._coming is None and wake_at is None:
            raise RuntimeError(f"a filter holds rows back and asks nothing: {self._sieve.filters}")
        self._wake = self._loop.create_future()
        timer = None if wake_at is None else self._loop.call_at(wake_at, self._wake_up)
        try:
            await self._wake
        finally:
            if timer is not None:
                timer.cancel()

    def _answered(self, reply: asyncio.Future[Answer[Any]]) -> None:
        self._ended.append(reply)
        self._wake_up()

    def _wake_up(self, _: object = None) -> None:
        if self._wake is not None and not self._wake.done():
            self._wake.set_result(None)

    def _take_answers(self) -> list[Row]:
        through: list[Row] = []
        ended, self._ended = self._ended, []
        now = self._loop.time()
        for reply in ended:
            number, ask = self._under_way.pop(reply)
            through += self._sieve.heard(_row_for(number, ask, reply, now), now)
        return through

    def _take_batch(self) -> list[Row]:
        coming = self._coming
        if coming is None or not coming.done():
            return []
        self._coming = None
        batch = coming.result()
        now = self._loop.time()
        if batch:
            return self._sieve.feed(batch, now)
        self._no_more = True
        return self._sieve.end(now)


def _row_for(number: int, ask: Ask, reply: asyncio.Future[Answer[Any]], now: float) -> Row:
    error = reply.exception()
    if error is None:
        return row_of(number, ask.name, RRType.parse(ask.type), reply.result(), now=now, name=ask.name)
    if not isinstance(error, (DNSError, ValueError)):
        raise error
    return row_of(number, ask.name, RRType.parse(ask.type), error, now=now, name=ask.name)
