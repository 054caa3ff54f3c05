"""StreamLane: the first try of every question at one upstream that is asked over connections, by callback.

As in the FastLane nothing remembers tries: a question is its exchange, and replies are read a turn of the loop at a time.
What does not end well at once goes to a Lookup, which has time for it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Sequence
from typing import Any, NamedTuple

from aioresolver.answer import Answer
from aioresolver.backends.batches import Landed
from aioresolver.backends.fast_lane import LEAST_TIME, read_carefully
from aioresolver.backends.lookup import STREAM_PATIENCE, Lookup
from aioresolver.backends.upstream import Upstream
from aioresolver.errors import MessageFormatError
from aioresolver.wire.edns import Edns
from aioresolver.wire.message import Message, Question

__all__ = ["StreamLane"]

# The option edns-tcp-keepalive as a server writes it, less the time.
KEPT_ALIVE = b"\0\x0b\0\2"


class _Batch(NamedTuple):
    """What questions that were posted together have in common: times of the loop, and the EDNS."""

    sent: float
    due: float
    deadline: float
    edns: Edns | None


class StreamLane:
    """Posts questions to one upstream over TCP, TLS, HTTPS or QUIC, and reads the replies.

    `landed` takes the answers, those of a turn of the loop at a time. `careful(question, deadline)` makes the Lookup for
    a question that was not answered in time, or not well. `waiting` counts those on their way.
    """

    def __init__(
        self,
        upstream: Upstream,
        *,
        landed: Landed,
        careful: Callable[[Question, float], Lookup],
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        self.upstream = upstream
        self._landed = landed
        self._careful = careful
        self._loop = loop
        self._asked: dict[asyncio.Future[bytes], tuple[Question, _Batch]] = {}
        self._over: list[asyncio.Future[bytes]] = []

    @property
    def waiting(self) -> int:
        """How many questions are on their way."""
        return len(self._asked)

    def suits(self, now: float, deadline: float) -> bool:
        """Whether questions may go this way: without haste, and without a second nameserver soon."""
        return deadline - now >= LEAST_TIME and self.upstream.health.hedge_after is None

    def post(self, questions: Sequence[Question], now: float, deadline: float) -> None:
        """Send these."""
        upstream, asked, ended = self.upstream, self._asked, self._ended
        edns, scheme = upstream.edns(now), upstream.scheme
        patience = max(upstream.health.patience(0, deadline - now), STREAM_PATIENCE)
        batch = _Batch(now, min(now + patience, deadline), deadline, edns)
        for question in questions:
            exchange = upstream.exchange(question, deadline, scheme=scheme, edns=edns)
            asked[exchange] = question, batch
            exchange.add_done_callback(ended)

    def end_patience(self, now: float) -> None:
        """Have those who waited long enough asked again; a late reply still counts."""
        self._take_out(now)

    def empty(self) -> None:
        """Have a Lookup for each from now on."""
        self._take_out(float("inf"), silent=False)

    def withdraw(self, questions: Collection[Question]) -> int:
        """Forget these; how many is returned."""
        gone = [exchange for exchange, (question, _) in self._asked.items() if question in questions]
        for exchange in gone:
            del self._asked[exchange]
            exchange.cancel()
        self.upstream.window.used -= len(gone)
        return len(gone)

    def _ended(self, exchange: asyncio.Future[bytes]) -> None:
        if not self._over:
            self._loop.call_soon(self._take)
        self._over.append(exchange)

    def _take(self) -> None:
        """Read what came in this turn of the loop."""
        over, self._over = self._over, []
        now, server, of_plain = self._loop.time(), self.upstream.text, Answer.of_plain
        landed: list[tuple[Question, Answer[Any] | BaseException]] = []
        doubtful: list[tuple[Question, _Batch, bytes]] = []
        asked_at, kept_alive, edns = now, b"", None
        for exchange in over:
            asked = self._asked.get(exchange)
            error = None if exchange.cancelled() else exchange.exception()
            if asked is None:  # withdrawn, or a Lookup has it
                continue
            question, batch = asked
            if error is not None or exchange.cancelled():
                self._hand_over(exchange, silent=False)
                continue
            del self._asked[exchange]
            reply = exchange.result()
            asked_at = min(asked_at, batch.sent)
            sent = batch.sent if type(reply) is bytes else batch.sent - getattr(reply, "age", 0.0)
            answer: Answer[Any] | None = of_plain(question, reply, sent, server, now - batch.sent)
            if answer is None:
                answer = read_carefully(question, reply, sent, server, now - batch.sent)
            if answer is None:
                doubtful.append((question, batch, reply))
                continue
            landed.append((question, answer))
            good, edns = reply, batch.edns
            if KEPT_ALIVE in reply:
                kept_alive = reply
        if count := len(landed) + len(doubtful):
            self.upstream.heard(count, now - asked_at, now)
        if landed:
            self._learn(kept_alive or good, edns, now)
            self.upstream.served(edns=edns, now=now)
            self._landed(landed)
        for question, batch, reply in doubtful:
            lookup = self._careful(question, batch.deadline)
            lookup.take_reply(self.upstream, reply, asked_at=batch.sent, edns=batch.edns)

    def _learn(self, reply: bytes, edns: Edns | None, now: float) -> None:
        """What the EDNS of one of the replies says about the connection, and its cookie."""
        upstream = self.upstream
        if KEPT_ALIVE not in reply and upstream.dialect.cookies is None:
            return
        try:
            upstream.believes(Message.parse(reply), edns=edns, scheme=upstream.scheme, now=now)
        except MessageFormatError:  # it is in what nobody had to read
            return

    def _take_out(self, now: float, *, silent: bool = True) -> None:
        late = [exchange for exchange, (_, batch) in self._asked.items() if batch.due <= now and not exchange.done()]
        for exchange in late:
            self._hand_over(exchange, silent=silent)

    def _hand_over(self, exchange: asyncio.Future[bytes], *, silent: bool) -> None:
        """Have a Lookup go on from here."""
        question, batch = self._asked.pop(exchange)
        exchange.remove_done_callback(self._ended)
        lookup = self._careful(question, batch.deadline)
        lookup.take_exchange(self.upstream, exchange, asked_at=batch.sent, edns=batch.edns, silent=silent)
