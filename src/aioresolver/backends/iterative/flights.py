"""Flights: what several walks need at the same time is done once; and no two ever wait for each other. Knows no DNS."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Hashable
from typing import Any

from aioresolver.errors import UsageError

__all__ = ["Circle", "Flight", "Flights"]


class Circle(Exception):
    """To wait for it would be to wait for oneself."""


class Flight:
    """Somebody who may wait for another: a walk, or something shared that is under way."""

    __slots__ = ("askers", "task", "waits_for")

    def __init__(self) -> None:
        self.waits_for: Flight | None = None
        self.task: asyncio.Task[Any] | None = None
        self.askers: int = 0

    def depends_on(self, other: Flight) -> bool:
        """Whether it is, or waits for, the other, directly or by way of others."""
        flight: Flight | None = self
        while flight is not None:
            if flight is other:
                return True
            flight = flight.waits_for
        return False


class Flights:
    """What is under way, by key. Each waits for one other at most, so that a circle is seen before it is closed."""

    __slots__ = ("_closed", "_flights")

    def __init__(self) -> None:
        self._flights: dict[Hashable, Flight] = {}
        self._closed = False

    def __len__(self) -> int:
        return len(self._flights)

    def __contains__(self, key: object) -> bool:
        """Whether it is under way."""
        return key in self._flights

    async def share(
        self, key: Hashable, asker: Flight, begin: Callable[[Flight], Coroutine[Any, Any, Any]], seconds: float
    ) -> tuple[Any, bool]:
        """What comes of `begin`, or of the one that is under way for the same key; and whether it was begun for this asker.

        Raises Circle when that one waits for the asker, TimeoutError after so many seconds, and what `begin` raises.
        When nobody waits any more, it is cancelled.
        """
        flight = self._flights.get(key)
        begun = flight is None
        if flight is None:
            flight = self._begin(key, begin)
        elif flight.depends_on(asker):
            raise Circle
        task = flight.task
        assert task is not None
        asker.waits_for = flight
        flight.askers += 1
        try:
            await asyncio.wait((task,), timeout=max(seconds, 0))
        finally:
            asker.waits_for = None
            flight.askers -= 1
            if not flight.askers and not task.done():
                self._drop(key, flight)
                task.cancel()
        if not task.done():
            raise asyncio.TimeoutError
        if task.cancelled():
            raise UsageError("the backend is closed")
        return task.result(), begun

    async def aclose(self) -> None:
        """End all that is under way."""
        self._closed = True
        tasks = [flight.task for flight in self._flights.values() if flight.task is not None]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    def _begin(self, key: Hashable, begin: Callable[[Flight], Coroutine[Any, Any, Any]]) -> Flight:
        if self._closed:
            raise UsageError("the backend is closed")
        flight = self._flights[key] = Flight()
        task = flight.task = asyncio.get_running_loop().create_task(begin(flight))

        def ended(task: asyncio.Task[Any]) -> None:
            self._drop(key, flight)
            if not task.cancelled():
                task.exception()  # whoever waited has read it; nobody may have

        task.add_done_callback(ended)
        return flight

    def _drop(self, key: Hashable, flight: Flight) -> None:
        if self._flights.get(key) is flight:
            del self._flights[key]
