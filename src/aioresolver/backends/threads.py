"""Threads: a small pool for calls that may never come back. Knows no DNS and no event loop.

The executors of the standard library are joined when the interpreter exits, and a call that hangs keeps its place
for ever. Here the threads are daemons, and a call that nobody waits for any more lends its place to another.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

__all__ = ["Threads", "Work"]


class Threads:
    """At most `limit` threads at work, made when needed, gone after `idle` seconds without work.

    A thread whose call was abandoned no longer counts; but there are never more than twice `limit` threads, so that
    when that many calls hang, the rest waits. `initializer` runs first in each thread; what it raises is what each
    call of that thread gives.
    """

    def __init__(
        self, limit: int, *, name: str, initializer: Callable[[], object] | None = None, idle: float = 10.0
    ) -> None:
        self._limit = limit
        self._name = name
        self._initializer = initializer
        self._idle_seconds = idle
        self._changed = threading.Condition()
        self._waiting: OrderedDict[Work, None] = OrderedDict()
        self._threads: set[threading.Thread] = set()
        self._idle = 0
        self._stuck = 0
        self._closed = False
        self._emptied: Callable[[], None] | None = None

    def submit(self, call: Callable[[], Any], deliver: Callable[[Any, Exception | None], None]) -> Work:
        """Run `call` in a thread, and there `deliver(result, None)` or `deliver(None, error)`, which must not raise.

        Raises RuntimeError when the pool is closed or the system gives no thread.
        """
        work = Work(call, deliver)
        with self._changed:
            if self._closed:
                raise RuntimeError("the threads are closed")
            self._waiting[work] = None
            try:
                self._staff()
            except RuntimeError:
                if not self._threads:
                    del self._waiting[work]
                    raise
        return work

    def abandon(self, work: Work) -> None:
        """Nobody waits for this work any more: it is skipped when it has not begun, else its place is given away."""
        with self._changed:
            if self._waiting.pop(work, work) is None or work.state is not RUNNING:
                return
            work.state = ABANDONED
            self._stuck += 1
            self._staff()
            self._tell_if_empty()

    def close(self, emptied: Callable[[], None]) -> list[threading.Thread]:
        """Take no more work and drop what waits; return the threads that are alive.

        `emptied` is called once, here or in a thread, when no thread is left but those of abandoned calls.
        """
        with self._changed:
            self._closed = True
            self._emptied = emptied
            self._waiting.clear()
            self._changed.notify_all()
            self._tell_if_empty()
            return list(self._threads)

    def holds(self, thread: threading.Thread) -> bool:
        """Whether this thread is still one of the pool's."""
        return thread in self._threads

    def __len__(self) -> int:
        return len(self._threads)

    def _staff(self) -> None:
        """Wake or make a thread for what waits, if there is room for one."""
        if not self._waiting:
            return
        if len(self._waiting) <= self._idle:
            self._changed.notify()
        elif len(self._threads) - self._stuck < self._limit and len(self._threads) < 2 * self._limit:
            thread = threading.Thread(target=self._work, name=self._name, daemon=True)
            self._threads.add(thread)
            try:
                thread.start()
            except RuntimeError:
                self._threads.discard(thread)
                raise

    def _work(self) -> None:
        broken: Exception | None = None
        if self._initializer is not None:
            try:
                self._initializer()
            except Exception as reason:  # noqa: BLE001 - whatever a user's function raises is told to who waits
                broken = reason
        while (work := self._next()) is not None:
            result, error = work.run(broken)
            self._finished(work)
            work.deliver(result, error)
            del work, result, error  # an idle thread keeps nothing alive

    def _next(self) -> Work | None:
        """The next work of this thread; None when it must go."""
        with self._changed:
            while True:
                surplus = len(self._threads) - self._stuck > self._limit
                if self._waiting and not surplus:
                    work, _ = self._waiting.popitem(last=False)
                    work.state = RUNNING
                    return work
                if self._closed or surplus or not self._wait():
                    self._threads.discard(threading.current_thread())
                    self._tell_if_empty()
                    return None

    def _wait(self) -> bool:
        """Wait for work; false after too long without any."""
        self._idle += 1
        try:
            return self._changed.wait(self._idle_seconds) or bool(self._waiting) or self._closed
        finally:
            self._idle -= 1

    def _finished(self, work: Work) -> None:
        with self._changed:
            if work.state is ABANDONED:
                self._stuck -= 1
            work.state = DONE

    def _tell_if_empty(self) -> None:
        if self._closed and self._emptied is not None and len(self._threads) == self._stuck:
            emptied, self._emptied = self._emptied, None
            emptied()


QUEUED, RUNNING, ABANDONED, DONE = "queued", "running", "abandoned", "done"


class Work:
    """One call and where its result goes."""

    __slots__ = ("call", "deliver", "state")

    def __init__(self, call: Callable[[], Any], deliver: Callable[[Any, Exception | None], None]) -> None:
        self.call: Callable[[], Any] = call
        self.deliver: Callable[[Any, Exception | None], None] = deliver
        self.state: str = QUEUED

    @property
    def begun(self) -> bool:
        """Whether a thread has taken it."""
        return self.state is not QUEUED

    def run(self, broken: Exception | None) -> tuple[Any, Exception | None]:
        """Call it, unless its thread is broken; the result, or what was raised."""
        if broken is not None:
            return None, broken
        try:
            return self.call(), None
        except Exception as error:  # noqa: BLE001 - told to who waits
            return None, error
