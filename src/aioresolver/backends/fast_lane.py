"""FastLane: the first try of every question at one upstream, in batches and by callback.

Nothing is made for a question but its entry in a socket's table: no Future, no timer, no object that would remember
tries. Nearly all questions need no more. What does not end well at once goes to a Lookup, which has time for it.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any

from aioresolver.answer import Answer
from aioresolver.backends.batches import Landed
from aioresolver.backends.lookup import Lookup, is_lame
from aioresolver.backends.upstream import USEFUL_RCODES, Upstream
from aioresolver.errors import MessageFormatError
from aioresolver.transports.exchange import Exchange
from aioresolver.transports.udp import UdpTransport
from aioresolver.transports.udp_socket import Posted, Sheet
from aioresolver.wire.edns import Edns
from aioresolver.wire.message import Message, Question
from aioresolver.wire.query import query_frame, question_section, randomized

__all__ = ["LEAST_TIME", "FastLane", "read_carefully"]

# A tighter deadline is for a Lookup, which measures in milliseconds.
LEAST_TIME = 0.3
TRUNCATED = 0x02


class FastLane:
    """Posts questions to one upstream over UDP, and reads the replies.

    `landed` takes the answers, a batch at a time. `careful(question, deadline)` makes the Lookup for a question that was
    not answered in time, or not well. `waiting` counts those on their way.
    """

    def __init__(
        self,
        upstream: Upstream,
        transport: UdpTransport,
        *,
        landed: Landed,
        careful: Callable[[Question, float], Lookup],
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        self.upstream = upstream
        self.waiting: int = 0
        self._transport = transport
        self._landed = landed
        self._careful = careful
        self._loop = loop
        self._turn: _Turn | None = None
        self._edns: Edns | None = None
        self._frame = query_frame(None)
        transport.taker = self

    def suits(self, now: float, deadline: float) -> bool:
        """Whether questions may go this way: in datagrams, and without haste."""
        return self.upstream.scheme == "udp" and deadline - now >= LEAST_TIME

    def post(self, questions: Sequence[Question], now: float, deadline: float) -> None:
        """Send these."""
        upstream = self.upstream
        edns = upstream.edns(now)
        if edns is not self._edns:
            self._edns, self._frame = edns, query_frame(edns)
        due = now + upstream.health.patience(0, deadline - now)
        self.waiting += len(questions)
        upstream.sent(len(questions), now)
        sheet = Sheet(*self._frame, now, due, deadline, edns, self._this_turn())
        sections: Iterable[bytes] = map(question_section, questions)
        if upstream.dialect.randomizes(now):
            sections = (randomized(section, os.urandom(len(section))) for section in sections)
        self._transport.post(list(zip(sections, questions, strict=True)), sheet)

    def took(self, replies: list[tuple[Posted, bytes]]) -> None:
        """Replies have come."""
        now = self._loop.time()
        server, of_plain, expected = self.upstream.text, Answer.of_plain, self.upstream.dialect.expected()
        landed: list[tuple[Question, Answer[Any] | BaseException]] = []
        doubtful: list[tuple[Posted, bytes]] = []
        posted = replies[-1][0]
        for posted, reply in replies:
            if expected is not None and expected not in reply:
                doubtful.append((posted, reply))
                continue
            question, sent = posted[1], posted[2].sent
            answer: Answer[Any] | None = of_plain(question, reply, sent, server, now - sent)
            if answer is None:
                answer = read_carefully(question, reply, sent, server, now - sent)
            if answer is None:
                doubtful.append((posted, reply))
            else:
                landed.append((question, answer))
                good = posted, reply
        self.waiting -= len(replies)
        # What came while the loop was busy with the turn in which it was asked says nothing about the nameserver.
        asked_at = max(posted[2].sent, posted[2].turn.ended or now)  # uvloop may read before it ends the turn
        self.upstream.heard(len(replies), now - asked_at, now)
        if landed:
            posted, reply = good
            self.upstream.dialect.learn(reply, posted[2].edns, now)
            self.upstream.served(edns=posted[2].edns, now=now)
            self._landed(landed)
        for posted, reply in doubtful:
            lookup = self._careful(posted[1], posted[2].deadline)
            lookup.take_reply(self.upstream, reply, asked_at=posted[2].sent, edns=posted[2].edns)

    def adopted(self, posted: Posted, exchange: Exchange) -> None:
        """A question could not be carried, or its reply."""
        self._take_out(posted[1], posted[2], exchange, silent=False)

    def end_patience(self, now: float) -> None:
        """Have those who waited long enough asked again; a late reply still counts."""
        for (_, question, sheet), exchange in self._transport.overdue(now + self.upstream.health.lead):
            lookup = self._take_out(question, sheet, exchange, silent=sheet.due <= now)
            if sheet.due > now:
                lookup.hedge()

    def empty(self) -> None:
        """Have a Lookup for each from now on."""
        for (_, question, sheet), exchange in self._transport.overdue(float("inf")):
            self._take_out(question, sheet, exchange, silent=False)

    def _take_out(self, question: Question, sheet: Sheet, exchange: Exchange, *, silent: bool) -> Lookup:
        self.waiting -= 1
        lookup = self._careful(question, sheet.deadline)
        lookup.take_exchange(self.upstream, exchange, asked_at=sheet.sent, edns=sheet.edns, silent=silent)
        return lookup

    def withdraw(self, questions: Collection[Question]) -> int:
        """Forget these; how many is returned."""
        count = self._transport.withdraw(questions)
        self.waiting -= count
        self.upstream.window.used -= count
        return count

    def _this_turn(self) -> _Turn:
        turn = self._turn
        if turn is None:
            turn = self._turn = _Turn()
            self._loop.call_soon(self._end_turn)
        return turn

    def _end_turn(self) -> None:
        assert self._turn is not None
        self._turn.ended = self._loop.time()
        self._turn = None


class _Turn:
    """A turn of the event loop; `ended` is the loop's time of that, or 0 before."""

    __slots__ = ("ended",)

    def __init__(self) -> None:
        self.ended = 0.0


def read_carefully(question: Question, reply: bytes, sent: float, server: str, elapsed: float) -> Answer[Any] | None:
    """The answer in a reply that is more than addresses; None when there is something about it."""
    if reply[2] & TRUNCATED:
        return None
    try:
        message = Message.parse(reply)
        if message.rcode not in USEFUL_RCODES:
            return None
        answer: Answer[Any] = Answer.of(question, message, now=sent, server=server, elapsed=elapsed)
        if answer.dangling or is_lame(answer, message, sent):
            return None
    except MessageFormatError:
        return None
    return answer
