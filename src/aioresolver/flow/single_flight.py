"""SingleFlight: who waits for what; one trip for all who ask the same. Knows no DNS."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import Any, Generic, Protocol, TypeVar

__all__ = ["Receiver", "SingleFlight"]

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Receiver(Protocol):
    """Who takes many results, each with the tag that it gave to its question."""

    def arrived(self, tag: Any, outcome: Any) -> None:
        """A result came, or the exception in its place."""


class SingleFlight(Generic[K, V]):
    """Lets those who wait for the same key at the same time share what comes for it.

    What came is given to all by `land` or `fail`. When the last one who waited has left, `abandoned(key)` is called. Makes no Task;
    `len(flights)` is the number of keys that somebody waits for; `joined` counts those who found another one waiting.
    """

    __slots__ = ("_abandoned", "_waiting", "joined")

    def __init__(self, abandoned: Callable[[K], object]) -> None:
        self.joined: int = 0
        self._abandoned = abandoned
        # Nearly always one waits, so there is no list for it.
        self._waiting: dict[K, Any] = {}

    def __len__(self) -> int:
        return len(self._waiting)

    def __contains__(self, key: object) -> bool:
        """Whether somebody waits for the key."""
        return key in self._waiting

    def count(self, key: K) -> int:
        """How many wait for the key."""
        waiting = self._waiting.get(key)
        return waiting.present if type(waiting) is _Crowd else int(waiting is not None)

    def join(self, key: K, depart: Callable[[K], object], *, loop: asyncio.AbstractEventLoop) -> asyncio.Future[V]:
        """A future of this asker's own for what will come; cancelling it harms no other.

        `depart(key)` is called when nobody waited for the key until now.
        """
        asker: _Asker[V] = _Asker(loop=loop)
        asker.key, asker.flights = key, self
        if key in self._waiting:
            self._wait(key, asker)
        else:
            self._waiting[key] = asker
            depart(key)
        return asker

    def attach(self, key: K, receiver: Receiver, tag: Any) -> bool:
        """Have `receiver.arrived(tag, outcome)` called with what will come; whether it is the first to wait for it."""
        first = key not in self._waiting
        if first:
            self._waiting[key] = receiver, tag
        else:
            self._wait(key, (receiver, tag))
        return first

    def detach(self, receiver: Receiver) -> None:
        """Have a receiver wait for nothing any more."""
        for key, waiting in list(self._waiting.items()):
            for waiter in list(waiting) if type(waiting) is _Crowd else (waiting,):
                if type(waiter) is tuple and waiter[0] is receiver:
                    self.leave(key, waiter)

    def land(self, key: K, result: V) -> None:
        """Give the result to all who wait for the key."""
        waiting = self._waiting.pop(key, None)
        if type(waiting) is _Asker:
            if not waiting.done():
                waiting.set_result(result)
        elif type(waiting) is tuple:
            waiting[0].arrived(waiting[1], result)
        elif waiting is not None:
            for waiter in waiting:
                if type(waiter) is tuple:
                    waiter[0].arrived(waiter[1], result)
                elif not waiter.done():
                    waiter.set_result(result)

    def fail(self, key: K, error: BaseException) -> None:
        """Give the error to all who wait for the key: the original to the first, copies to the others.

        It goes unreported if nobody reads it: its asker has gone.
        """
        for waiter in self._take(key):
            if type(waiter) is tuple:
                waiter[0].arrived(waiter[1], error)
            elif not waiter.done():
                waiter.set_exception(error)
                waiter.exception()
            error = _duplicate(error)

    def cancel(self, key: K) -> None:
        """Cancel all who wait for the key."""
        for waiter in self._take(key):
            if type(waiter) is tuple:
                waiter[0].arrived(waiter[1], asyncio.CancelledError())
            else:
                asyncio.Future.cancel(waiter)

    def close(self, error: BaseException) -> None:
        """Give everybody who waits a copy of the error."""
        for key in list(self._waiting):
            self.fail(key, _duplicate(error))

    def _take(self, key: K) -> Sequence[Any]:
        waiting = self._waiting.pop(key, ())
        return waiting if type(waiting) is _Crowd or waiting == () else (waiting,)

    def _wait(self, key: K, waiter: _Waiter) -> None:
        """One more who waits for what others wait for."""
        self.joined += 1
        waiting = self._waiting[key]
        if type(waiting) is _Crowd:
            waiting.append(waiter)
            waiting.present += 1
        else:
            self._waiting[key] = _Crowd((waiting, waiter))

    def leave(self, key: K, waiter: _Waiter) -> None:
        """One who waited for the key does so no more."""
        waiting = self._waiting.get(key)
        if type(waiting) is _Crowd:
            if waiting.loses(waiter):
                return
        elif waiting is not waiter:  # it was given its outcome before
            return
        del self._waiting[key]
        self._abandoned(key)


# A subclass with its own cancel() is the cheapest way to notice a leaving asker: a done callback costs each asker
# that stays another turn of the loop, or its removal (measured with asyncio's C Future, 3.10 to 3.13, and uvloop).
class _Asker(asyncio.Future[V]):
    """The future of one asker."""

    __slots__ = ("flights", "key")

    flights: SingleFlight[Any, V]
    key: Any

    def cancel(self, msg: Any | None = None) -> bool:
        """This asker leaves."""
        if not super().cancel(msg):
            return False
        self.flights.leave(self.key, self)
        return True


_Waiter = Any
"""An _Asker, or the tuple of a Receiver and its tag."""


class _Crowd(list[Any]):
    """Several who wait for one key; `present` of them have not left."""

    def __init__(self, waiters: Iterable[_Waiter]) -> None:
        super().__init__(waiters)
        self.present = len(self)

    def loses(self, waiter: _Waiter) -> bool:
        """One leaves; whether anybody is still there."""
        self.present -= 1
        if type(waiter) is tuple:
            self.remove(waiter)
        elif len(self) > 2 * self.present + 8:
            self[:] = [other for other in self if type(other) is tuple or not other.done()]
        return self.present > 0


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
