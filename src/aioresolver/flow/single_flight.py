"""SingleFlight: one trip for all who ask the same; cancelling one asker harms no other. Knows no DNS."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Callable, Hashable
from typing import Any, Generic, TypeVar

__all__ = ["SingleFlight"]

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class SingleFlight(Generic[K, V]):
    """Lets those who ask for the same key at the same time share one trip.

    Makes no Task. `len(flights)` is the number of trips under way.
    """

    __slots__ = ("_closed", "_flights")

    def __init__(self) -> None:
        self._flights: dict[K, _Flight[V]] = {}
        self._closed: BaseException | None = None

    def __len__(self) -> int:
        return len(self._flights)

    def __contains__(self, key: object) -> bool:
        """Whether a trip for the key is under way."""
        return key in self._flights

    def join(self, key: K, depart: Callable[[K], asyncio.Future[V]]) -> asyncio.Future[V]:
        """A future of this asker's own for what the trip brings.

        `depart(key)` starts the trip, if none for the key is under way, and returns its Future or Task; what it
        raises passes to this asker alone. Cancelling the returned future leaves the flight; when the last asker
        leaves, the trip is cancelled at once. An error reaches every asker, each with a copy of its own, and goes
        unreported if nobody is there any more. A trip that somebody else cancels cancels its askers.
        """
        flight = self._flights.get(key)
        if flight is not None:
            return flight.board()
        if self._closed is not None:
            raise _duplicate(self._closed)
        trip = depart(key)
        flight = _Flight(loop=trip.get_loop())
        flight.flights, flight.key, flight.trip = self._flights, key, trip
        flight.others, flight.present = None, 1
        self._flights[key] = flight
        trip.add_done_callback(flight.land)
        return flight

    def close(self, error: BaseException) -> None:
        """Give everybody who waits `error`, cancel every trip, and answer later askers with `error` too."""
        self._closed = error
        flights = list(self._flights.values())
        self._flights.clear()
        for flight in flights:
            flight.fail(_duplicate(error))
            flight.trip.cancel()


# A subclass with its own cancel() is the cheapest way to notice a leaving asker: a done callback costs each asker
# that stays another turn of the loop, or its removal (measured with asyncio's C Future, 3.10 to 3.13, and uvloop).


class _Flight(asyncio.Future[V]):
    """A trip under way; also the first asker's own future, which saves an object for each question asked once."""

    __slots__ = ("flights", "key", "others", "present", "trip")

    flights: dict[Any, _Flight[V]]
    key: Hashable
    trip: asyncio.Future[V]
    others: list[_Asker[V]] | None
    present: int

    def board(self) -> _Asker[V]:
        """A future for one asker more."""
        asker: _Asker[V] = _Asker(loop=self.get_loop())
        asker.flight = self
        if self.others is None:
            self.others = [asker]
        else:
            self.others.append(asker)
        self.present += 1
        return asker

    def cancel(self, msg: Any | None = None) -> bool:
        """The first asker leaves."""
        if not super().cancel(msg):
            return False
        self.leave()
        return True

    def leave(self) -> None:
        """One asker less; the last one ends the trip."""
        self.present -= 1
        if not self.present:
            if self.flights.get(self.key) is self:
                del self.flights[self.key]
            self.trip.cancel()
        elif self.others is not None and len(self.others) > 2 * self.present + 8:
            self.others = [asker for asker in self.others if not asker.done()]

    def land(self, trip: asyncio.Future[V]) -> None:
        """Hand everybody what the trip brought."""
        if self.flights.get(self.key) is self:
            del self.flights[self.key]
        if trip.cancelled():
            self._disperse()
            return
        error = trip.exception()
        if error is not None:
            self.fail(error)
            return
        result = trip.result()
        if not self.done():
            self.set_result(result)
        if self.others is not None:
            for asker in self.others:
                if not asker.done():
                    asker.set_result(result)

    def fail(self, error: BaseException) -> None:
        """Hand everybody the error: the first the original, the others copies."""
        for asker in (self, *(self.others or ())):
            if not asker.done():
                asker.set_exception(error)
                asker.exception()  # one that is never read is no mistake of the program: its asker has gone
                error = _duplicate(error)

    def _disperse(self) -> None:
        for asker in (self, *(self.others or ())):
            asyncio.Future.cancel(asker)


class _Asker(asyncio.Future[V]):
    """The future of an asker who found the trip under way."""

    __slots__ = ("flight",)

    flight: _Flight[V]

    def cancel(self, msg: Any | None = None) -> bool:
        """This asker leaves."""
        if not super().cancel(msg):
            return False
        self.flight.leave()
        return True


def _duplicate(error: BaseException) -> BaseException:
    # One instance raised by many tasks would gather all their tracebacks, and they keep frames alive.
    try:
        duplicate = copy.copy(error)
    except Exception:  # noqa: BLE001 - an exception class that cannot be copied is shared
        return error
    if type(duplicate) is not type(error):
        return error
    duplicate.__cause__ = error.__cause__
    duplicate.__suppress_context__ = error.__suppress_context__
    return duplicate.with_traceback(error.__traceback__)
