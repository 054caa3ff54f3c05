"""DeadlineRing: ten thousand deadlines on one loop timer. Knows no DNS."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from heapq import heappop, heappush
from math import ceil

__all__ = ["DeadlineRing"]

Callback = Callable[[], object]
Bucket = dict[int, Callback]
Token = tuple[Bucket, int]


class DeadlineRing:
    """Calls each callback once its moment has come, unless it is discarded first.

    `loop` is the loop whose `time()` the moments are on; `granularity` is in seconds: callbacks due within one
    step of it share a bucket, and a bucket's time is rounded up, so that nothing is ever called early. One
    `call_at` timer stands for all; while nothing is pending there is none.
    """

    __slots__ = (
        "_armed",
        "_buckets",
        "_due",
        "_filled",
        "_loop",
        "_numbers",
        "_per_second",
        "_resolution",
        "_serial",
        "_timer",
    )

    def __init__(self, loop: asyncio.AbstractEventLoop, granularity: float = 0.001) -> None:
        if not granularity > 0:
            raise ValueError(f"granularity is a number of seconds above 0, not {granularity!r}")
        self._loop = loop
        self._per_second = 1 / granularity
        # What a loop counts as the same moment: its timers may fire this much before their time.
        self._resolution = time.get_clock_info("monotonic").resolution
        self._serial = 0
        self._buckets: dict[int, Bucket] = {}
        self._numbers: list[int] = []  # a heap of the keys of _buckets
        self._filled = 0  # buckets that hold a callback
        self._due: deque[Token] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self._armed = 0  # the bucket the timer stands for

    def __len__(self) -> int:
        """How many callbacks are pending."""
        fired = sum(serial in bucket for bucket, serial in self._due)
        return fired + sum(map(len, self._buckets.values()))

    def add(self, when: float, callback: Callback) -> Token:
        """Have `callback()` called at loop time `when` or up to one granularity later.

        The token is for `discard`. A moment already past means the next turn of the loop.
        """
        number = ceil(when * self._per_second)
        if number / self._per_second < when:  # the product was rounded down
            number += 1
        bucket = self._buckets.get(number)
        if not bucket:
            bucket = self._open(number)
        self._serial = serial = self._serial + 1
        bucket[serial] = callback
        return bucket, serial

    def discard(self, token: Token) -> None:
        """Forget a callback; harmless when it was called or discarded before."""
        bucket, serial = token
        if bucket.pop(serial, None) is not None and not bucket:
            self._emptied(bucket)

    def close(self) -> None:
        """Forget every callback and cancel the timer."""
        for bucket in self._buckets.values():
            bucket.clear()
        for bucket, _ in self._due:
            bucket.clear()
        self._due.clear()
        self._rest()

    def _open(self, number: int) -> Bucket:
        bucket = self._buckets.get(number)
        if bucket is None:
            bucket = self._buckets[number] = {}
            heappush(self._numbers, number)
        self._filled += 1
        if self._timer is None or number < self._armed:
            self._arm(number)
        return bucket

    def _emptied(self, bucket: Bucket) -> None:
        # An emptied dict still holds its table; clear() gives that back. The bucket stays until its time,
        # so that its number stands in the heap once.
        bucket.clear()
        self._filled -= 1
        if not self._filled:
            self._rest()

    def _rest(self) -> None:
        self._filled = 0
        self._buckets.clear()
        self._numbers.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _arm(self, number: int) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._armed = number
        self._timer = self._loop.call_at(number / self._per_second, self._fire)

    def _fire(self) -> None:
        self._timer = None
        fired, now = self._armed, self._loop.time() + self._resolution
        numbers, buckets = self._numbers, self._buckets
        while numbers and (numbers[0] / self._per_second <= now or not buckets[numbers[0]]):
            bucket = buckets.pop(heappop(numbers))
            self._due.extend((bucket, serial) for serial in bucket)
        try:
            while self._due:
                self._call(self._due.popleft())
        finally:
            if self._due:  # interrupted, by Ctrl-C for one: the rest at the next turn of the loop
                self._arm(fired)
            elif numbers and (self._timer is None or numbers[0] < self._armed):
                self._arm(numbers[0])

    def _call(self, token: Token) -> None:
        callback = token[0].get(token[1])
        if callback is None:  # discarded by another callback of this round
            return
        self.discard(token)
        try:
            callback()
        except Exception as error:  # noqa: BLE001 - reported to the loop, as for any other callback
            context = {"message": f"Exception in deadline callback {callback!r}", "exception": error}
            self._loop.call_exception_handler(context)
