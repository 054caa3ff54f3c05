"""Trial: one packet of a Lookup to one upstream, and what came of it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Protocol

from aioresolver.backends.upstream import Upstream
from aioresolver.errors import Attempt
from aioresolver.events import AttemptFailed
from aioresolver.wire.edns import Edns
from aioresolver.wire.message import Question

__all__ = ["Trial"]


class Asker(Protocol):
    """The lookup that a trial is made for."""

    question: Question
    deadline: float

    @property
    def trials(self) -> Sequence[Trial]:
        """Those that were made before."""
        ...

    def now(self) -> float:
        """The loop's time."""
        ...

    def done(self) -> bool:
        """Whether it is over."""
        ...

    def heard(self, trial: Trial, reply: bytes) -> None:
        """A reply that matches the question came."""

    def broke(self, trial: Trial, error: OSError) -> None:
        """The question or the reply could not be carried."""

    def fail(self, error: BaseException) -> None:
        """End without an answer."""


class Trial:
    """One packet to one upstream, and what came of it."""

    __slots__ = (
        "_counted",
        "_future",
        "_told",
        "again",
        "edns",
        "elapsed",
        "extended_errors",
        "lookup",
        "outcome",
        "scheme",
        "sent",
        "silent",
        "upstream",
    )

    def __init__(self, lookup: Asker, upstream: Upstream, scheme: str, now: float, *, edns: Edns | None) -> None:
        self.lookup: Asker = lookup
        self.again: bool = bool(lookup.trials)
        self.upstream: Upstream = upstream
        self.scheme: str = scheme
        self.edns: Edns | None = edns
        self.sent: float = now
        self.elapsed: float = 0.0
        self.outcome: str | None = None
        self.extended_errors: tuple[tuple[int, str], ...] = ()
        self.silent: bool = False
        self._told = False

    @property
    def pending(self) -> bool:
        """Whether a reply may come yet."""
        return not self._future.done()

    @property
    def arrived(self) -> bool:
        """Whether its reply is here, but the lookup has not heard of it yet."""
        return self._future.done() and not self._told

    def send(self) -> None:
        """Ask."""
        lookup = self.lookup
        try:
            self._future = self.upstream.exchange(
                lookup.question, lookup.deadline, scheme=self.scheme, edns=self.edns, again=self.again
            )
        except Exception as error:  # noqa: BLE001 - a transport that cannot be opened: whoever asked is told
            self._counted = False
            self._future = asyncio.get_running_loop().create_future()
            self._future.set_exception(error)
        else:
            self._counted = True
        self._future.add_done_callback(self._ended)

    def replied(self, reply: bytes, loop: asyncio.AbstractEventLoop) -> None:
        """A reply that was counted already."""
        self._counted, self._told = False, True
        self.elapsed = loop.time() - self.sent
        self._future = loop.create_future()
        self._future.set_result(reply)

    def take(self, exchange: asyncio.Future[bytes]) -> None:
        """Wait for an exchange that was begun already."""
        self._counted = True
        self._future = exchange
        exchange.add_done_callback(self._ended)

    def drop(self) -> None:
        """Wait no more."""
        self._release()
        self._future.cancel()

    def went_silent(self, now: float) -> None:
        """Nobody waits for it any more, though a late reply still counts."""
        if self.silent or not self.pending:
            return
        self.silent = True
        self._tell(now)
        self.upstream.went_silent(self.scheme, now, again=self.again)
        self._release()

    def failed(self, outcome: str, now: float) -> None:
        """This came of it instead of an answer."""
        self.outcome = outcome
        self._tell(now)

    def as_attempt(self, now: float) -> Attempt:
        """What people are told of it."""
        elapsed = self.elapsed or now - self.sent
        return Attempt(self.upstream.text, self.scheme, self.outcome or "no reply", elapsed, self.extended_errors)

    def _ended(self, future: asyncio.Future[bytes]) -> None:
        self._told = True
        self._release()
        if future.cancelled():
            return
        now = self.lookup.now()
        self.elapsed = now - self.sent
        error = future.exception()
        if self.lookup.done():
            return
        if error is None:
            self.upstream.replied(self.elapsed, now, again=self.again)
            self.lookup.heard(self, future.result())
        elif isinstance(error, OSError):
            self.lookup.broke(self, error)
        else:
            self.lookup.fail(error)

    def _tell(self, now: float) -> None:
        if self.upstream.observer is not None:
            self.upstream.observer(AttemptFailed(self.lookup.question, self.as_attempt(now)))

    def _release(self) -> None:
        if self._counted:
            self._counted = False
            self.upstream.release(again=self.again)
