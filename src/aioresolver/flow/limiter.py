"""Limiter: so many at once, so many a second, first come first served. Knows no DNS."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from math import inf, isfinite

__all__ = ["Limiter"]

Start = Callable[[], object]
# What stands in the queue: its start, or nothing once it was started or withdrawn.
Ticket = list[Start]

# Timers finer than this only make the loop spin (epoll and uvloop count milliseconds).
TICK = 0.001
# Seconds of the rate that may pass at once after a pause, unless `burst` says otherwise.
PAUSE = 0.05
# Starts in one go before the loop has its turn, should each end as soon as it starts.
BATCH = 1000
# What no limit comes to.
PLENTY = 1 << 30


class Limiter:
    """Lets at most `concurrency` through at once, and `rate` a second on average; None means no limit.

    `burst` is how many may pass at once after a pause; by default 50 ms of the rate, at least one. One limiter may
    be shared by everything that runs on one event loop. Use it as `async with limiter:`, or without a suspension:

        if limiter.try_acquire():
            start()
        else:
            ticket = limiter.enqueue(start)

    and `release()` once for each start. A timer runs only while somebody waits for the rate, so there is nothing
    to close. Raises ValueError for a limit that lets nothing through.

    - `in_use`: how many hold a slot now.
    - `waiting`: how many stand in the queue.
    """

    __slots__ = (
        "_admitting",
        "_free_at",
        "_interval",
        "_loop",
        "_queue",
        "_slack",
        "_slots",
        "_timer",
        "burst",
        "concurrency",
        "in_use",
        "rate",
        "waiting",
    )

    def __init__(
        self, concurrency: int | None = None, rate: float | None = None, *, burst: float | None = None
    ) -> None:
        if concurrency is not None and not concurrency >= 1:
            raise ValueError(f"concurrency is how many may be under way at once, 1 or more, not {concurrency!r}")
        if rate is not None and not (rate > 0 and isfinite(rate)):
            raise ValueError(f"rate is how many may start in a second, a number above 0, not {rate!r}")
        if burst is not None and not (burst >= 1 and isfinite(burst)):
            raise ValueError(f"burst is how many may start at once after a pause, 1 or more, not {burst!r}")
        if burst is not None and rate is None:
            raise ValueError("burst says how far a rate may be exceeded for a moment: give a rate too")
        self.concurrency: int | None = concurrency
        self.rate: float | None = rate
        self.burst: float | None = burst if burst is not None or rate is None else max(1.0, rate * PAUSE)
        self.in_use: int = 0
        self.waiting: int = 0
        self._slots = inf if concurrency is None else concurrency
        self._queue: deque[Ticket] = deque()
        self._admitting = False
        # The rate is kept as the time at which the next start is due if all kept their distance exactly; a start
        # may come earlier than that by the slack. No fraction of a token is ever lost to rounding.
        self._interval = 0.0 if rate is None else 1 / rate
        self._slack = 0.0 if self.burst is None else (self.burst - 1) * self._interval
        self._free_at = -inf
        self._loop: asyncio.AbstractEventLoop | None = None
        self._timer: asyncio.TimerHandle | None = None

    def __repr__(self) -> str:
        return f"Limiter({self.concurrency}, {self.rate}): {self.in_use} in use, {self.waiting} waiting"

    def try_acquire(self) -> bool:
        """Take a slot if one is free and nobody waits for it."""
        if self.waiting or self.in_use >= self._slots:
            return False
        if self.rate is not None and not self._in_step():
            return False
        self.in_use += 1
        return True

    def room(self) -> int:
        """How many slots would be given now; none while somebody waits."""
        if self.waiting:
            return 0
        free = max(0, self._slots - self.in_use)
        if self.rate is not None and free:
            now = self._bound_loop().time()
            early = self._slack + 1e-9 - max(0.0, self._free_at - now)
            free = min(free, int(early / self._interval) + 1 if early >= 0 else 0)
        return int(min(free, PLENTY))

    def take(self, count: int) -> None:
        """Take so many slots, for which there is room."""
        self.in_use += count
        if self.rate is not None:
            self._free_at = max(self._free_at, self._bound_loop().time()) + count * self._interval

    def enqueue(self, start: Start) -> Ticket:
        """Have `start()` called once, with a slot taken for it, when its turn has come; never during this call.

        The ticket is for `withdraw`. What `start` raises is reported to the loop, and its slot is given back.
        """
        self._bound_loop()
        ticket = [start]
        self._queue.append(ticket)
        self.waiting += 1
        if self.in_use < self._slots and self._timer is None and not self._admitting:
            self._wake()
        return ticket

    def withdraw(self, ticket: Ticket) -> bool:
        """Leave the queue; false when `start` was called, or the ticket withdrawn, before."""
        if not ticket:
            return False
        ticket.clear()
        self.waiting -= 1
        if not self.waiting:
            self._queue.clear()
            self._rest()
        elif len(self._queue) > 2 * self.waiting + 64:
            self._queue = deque(left for left in self._queue if left)
        return True

    def release(self, count: int = 1) -> None:
        """Give slots back; whose turn it is starts before this returns."""
        if self.in_use < count:
            raise RuntimeError(f"release({count}) gives back slots, and {self.in_use or 'none'} is taken")
        self.in_use -= count
        if self.waiting and not self._admitting:
            self._admit()

    async def __aenter__(self) -> None:
        if self.try_acquire():
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def start() -> None:
            if turn.done():  # cancelled, and not yet told: the slot goes on
                self.release()
            else:
                turn.set_result(None)

        ticket = self.enqueue(start)
        try:
            await turn
        except BaseException:
            if not self.withdraw(ticket) and not turn.cancelled():
                self.release()
            raise

    async def __aexit__(self, *_: object) -> None:
        self.release()

    def _admit(self) -> None:
        self._admitting = True
        try:
            for _ in range(BATCH):
                if not self.waiting or self.in_use >= self._slots:
                    self._rest()
                    return
                while not self._queue[0]:  # withdrawn
                    self._queue.popleft()
                if self.rate is not None and not self._in_step():
                    break
                self._start(self._queue.popleft().pop())
            if self._timer is None:
                self._wake()
        finally:
            self._admitting = False

    def _start(self, start: Start) -> None:
        self.waiting -= 1
        self.in_use += 1
        try:
            start()
        except Exception as error:  # noqa: BLE001 - reported to the loop; whoever gave the slot back is not to blame
            self.in_use -= 1
            context = {"message": f"Exception in {start!r}, started by a Limiter", "exception": error}
            asyncio.get_running_loop().call_exception_handler(context)

    def _in_step(self) -> bool:
        """Start now if the rate allows it."""
        now = self._bound_loop().time()
        if self._free_at - self._slack - now > 1e-9:
            return False
        self._free_at = max(self._free_at, now) + self._interval
        return True

    def _wake(self) -> None:
        loop = self._bound_loop()
        delay = 0.0 if self.rate is None else max(TICK, self._free_at - self._slack - loop.time())
        self._timer = loop.call_later(delay, self._ring)

    def _ring(self) -> None:
        self._timer = None
        self._admit()

    def _rest(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _bound_loop(self) -> asyncio.AbstractEventLoop:
        loop = asyncio.get_running_loop()
        if loop is not self._loop:
            if self._loop is not None:
                self._leave(self._loop)
            self._loop = loop
        return loop

    def _leave(self, loop: asyncio.AbstractEventLoop) -> None:
        if loop.is_closed():  # who waited there waits no more, and who held a slot cannot give it back
            self._queue.clear()
            self.waiting = self.in_use = 0
            self._timer = None
        elif self.in_use or self.waiting:
            raise RuntimeError("this Limiter is in use on another event loop; give each loop its own")
        self._free_at = -inf  # another loop may count time from another moment
