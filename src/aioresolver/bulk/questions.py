"""Questions: what a bulk run asks, in which order, and what follows from an answer.

A name is asked for one type first. If it does not exist, that answers all of its types (RFC 2308, 5); the others are
asked only if it may exist.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Generator
from contextlib import aclosing
from functools import lru_cache
from typing import Any

from aioresolver.answer import Answer
from aioresolver.bulk.counts import Counts
from aioresolver.bulk.inputs import ArrivingInputs, BadInput, Input, Inputs
from aioresolver.bulk.rows import Row, row_of, unasked_row
from aioresolver.stream import PAUSE
from aioresolver.wire.codes import Rcode, RRType

__all__ = ["Asked", "Questions"]

# So many inputs of a pipe wait for their turn.
WAITING_ROOM = 1000
# What the name itself has although it is an alias (RFC 2181, 10.1; RFC 4034, 2.5 and 3): no alias leads away from it.
OF_ALIASES = frozenset(
    {RRType.CNAME, RRType.SIG, RRType.KEY, RRType.NXT, RRType.RRSIG, RRType.NSEC, RRType.ANY, RRType.DS}
)
# Asked first: the hosts file knows nothing else, and may know names that do not exist in the DNS.
FIRST = (RRType.A, RRType.AAAA)


Asked = tuple[str, RRType, Input | BadInput, tuple[RRType, ...]]
"""A question as `query_many` takes it and gives it back: name, type, what it is asked for, and the types to ask when the
name turns out to exist.

What is no name is asked too, as the empty name that no resolver lets pass: so it has its turn like the others.
"""


class Questions:
    """The questions of a run, each once, and the rows that their outcomes make."""

    def __init__(self, inputs: Inputs | ArrivingInputs, counts: Counts) -> None:
        self._inputs = inputs
        self._counts = counts
        self._later: deque[Asked] = deque()
        # First questions whose outcome decides whether there are others.
        self._undecided = 0
        self._wake: asyncio.Future[None] | None = None
        self.under_way: int = 0

    def all(self) -> Generator[Asked, None, None] | AsyncGenerator[Asked, None]:
        """The questions to ask; PAUSE from a plain iterator when the next one depends on an outcome."""
        if isinstance(self._inputs, ArrivingInputs):
            return self._as_they_come(self._inputs)
        return self._at_once(self._inputs)

    def take(self, asked: Asked, outcome: Answer[Any] | Exception, now: float, rows: list[Row]) -> None:
        """Add the rows that follow from the outcome of a question; `now` is the event loop's time."""
        self.under_way -= 1
        name, type_, found, rest = asked
        if isinstance(found, BadInput):
            index, text, types, status, error = found
            rows += [Row(index, text, text, type_, status, error=error) for type_ in types]
            return
        index, text, _, _ = found
        rows.append(row_of(index, text, type_, outcome, now=now, name=name))
        if rest:
            rows += self._decided(asked, outcome, now)

    def _at_once(self, inputs: Inputs) -> Generator[Asked, None, None]:
        later, counts = self._later, self._counts
        for found in inputs:
            self.under_way += 1
            if type(found) is Input and len(found[3]) == 1:  # nearly all; the call of a function would be felt
                counts.inputs += 1
                counts.due += 1
                yield found[2], found[3][0], found, ()
            else:
                yield self._first(found)
            while later:
                self.under_way += 1
                yield later.popleft()
        while self._undecided or later:
            if later:
                self.under_way += 1
                yield later.popleft()
            else:
                yield PAUSE

    async def _as_they_come(self, inputs: ArrivingInputs) -> AsyncGenerator[Asked, None]:
        later, arrived = self._later, _Arrivals(inputs)
        try:
            while True:
                if later:
                    self.under_way += 1
                    yield later.popleft()
                elif arrived.waiting:
                    self.under_way += 1
                    yield self._first(arrived.take())
                elif arrived.at_end and not self._undecided:
                    return
                else:
                    self._wake = arrived.wake = asyncio.get_running_loop().create_future()
                    await self._wake
        finally:
            await arrived.aclose()

    def _first(self, found: Input | BadInput) -> Asked:
        """The first question of an input."""
        counts = self._counts
        counts.inputs += 1
        if isinstance(found, BadInput):
            counts.due += len(found.types)
            return "", RRType.A, found, ()
        _, _, name, types = found
        counts.due += len(types)
        if len(types) == 1:
            return name, types[0], found, ()
        self._undecided += 1
        first, *rest = _order(types)
        return name, first, found, tuple(rest)

    def _decided(self, asked: Asked, outcome: Answer[Any] | Exception, now: float) -> list[Row]:
        """The first question of a name has ended: ask the others, or know that they have no answer."""
        self._undecided -= 1
        name, _, found, rest = asked
        rows: list[Row] = []
        if isinstance(outcome, Answer) and outcome.rcode == Rcode.NXDOMAIN and not outcome:
            known = _known_absent(rest, outcome)
            rows = [unasked_row(found.index, found.text, type_, outcome, now=now) for type_ in known]
            rest = tuple(type_ for type_ in rest if type_ not in known)
        self._later += [(name, type_, found, ()) for type_ in rest]
        if self._wake is not None and not self._wake.done():
            self._wake.set_result(None)
        return rows


class _Arrivals:
    """Takes inputs as they come, a roomful ahead."""

    def __init__(self, inputs: ArrivingInputs) -> None:
        self.waiting: deque[Input | BadInput] = deque()
        self.wake: asyncio.Future[None] | None = None
        self._room: asyncio.Future[None] | None = None
        self._task = asyncio.get_running_loop().create_task(self._fetch(inputs))
        self._task.add_done_callback(self._tell)

    @property
    def at_end(self) -> bool:
        """Whether none will come any more; raises what ended them too early."""
        return self._task.done() and self._task.result() is None

    def take(self) -> Input | BadInput:
        if self._room is not None and not self._room.done():
            self._room.set_result(None)
        return self.waiting.popleft()

    async def aclose(self) -> None:
        self._task.cancel()
        await asyncio.wait([self._task])
        if not self._task.cancelled():
            self._task.exception()  # it was told, or nobody is left to hear it

    async def _fetch(self, inputs: ArrivingInputs) -> None:
        async with aclosing(aiter(inputs)) as arriving:
            async for found in arriving:
                self.waiting.append(found)
                self._tell()
                if len(self.waiting) >= WAITING_ROOM:
                    self._room = asyncio.get_running_loop().create_future()
                    await self._room

    def _tell(self, _: object = None) -> None:
        if self.wake is not None and not self.wake.done():
            self.wake.set_result(None)


def _known_absent(types: tuple[RRType, ...], absence: Answer[Any]) -> tuple[RRType, ...]:
    """The types that cannot be there either, now that another one is NXDOMAIN.

    What does not exist may be the name that an alias leads to (RFC 6604): then there is still what the alias itself
    has. An answer without an authority does not tell, for not every backend knows the aliases of what it did not find.
    """
    if OF_ALIASES.isdisjoint(types) or (not absence.aliases and absence.authority):
        return types
    return tuple(type_ for type_ in types if type_ not in OF_ALIASES)


@lru_cache(1024)
def _order(types: tuple[RRType, ...]) -> tuple[RRType, ...]:
    """The types in the order to ask them: first one that any alias leads to the end of."""
    return tuple(sorted(types, key=lambda type_: FIRST.index(type_) if type_ in FIRST else 2 + (type_ in OF_ALIASES)))
