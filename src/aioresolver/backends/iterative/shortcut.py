"""Shortcut: the first try of questions whose zone is known, in batches and by callback.

Nearly all questions of a backend that has been about for a while are one packet to a server of a zone that it knows, and
one reply that answers it. For these nothing is made but an entry in a socket's table. All else is for a Walk.
"""

from __future__ import annotations

import asyncio
import errno
from collections import deque
from collections.abc import Callable, Collection, Sequence
from typing import Any

from aioresolver.answer import Answer
from aioresolver.backends.batches import Landed
from aioresolver.backends.iterative.conversation import Said, complains_of_edns, learn_cookie
from aioresolver.backends.iterative.delegations import Delegation, Trust
from aioresolver.backends.iterative.exchange import NetworkExchange, has_no_way
from aioresolver.backends.iterative.inquiry import bare
from aioresolver.backends.iterative.local_zones import LOCAL_ENDS
from aioresolver.backends.iterative.scrub import read_reply
from aioresolver.backends.iterative.servers import MOST_AT_ONCE, Server
from aioresolver.backends.iterative.setting import Given, Setting
from aioresolver.errors import MessageFormatError, TransportError
from aioresolver.transports.exchange import Exchange
from aioresolver.transports.udp import UdpTransport
from aioresolver.transports.udp_socket import Posted, Sheet
from aioresolver.wire.codes import Rcode, RRClass, RRType
from aioresolver.wire.message import Message, Question
from aioresolver.wire.names import Name, rest_of
from aioresolver.wire.query import question_section, randomized

__all__ = ["Shortcut"]

TICK = 0.05
# A tighter deadline is for a walk, which measures in milliseconds.
LEAST_TIME = 0.5
TRUNCATED = 0x02
# The four lowest bits of BADCOOKIE.
COOKIE_COMPLAINT = Rcode.BADCOOKIE & 0xF
ABSENT = (Rcode.NOERROR, Rcode.NXDOMAIN)
ADDRESSES = (RRType.A, RRType.AAAA)
# What the zone above has, what is no record, and what a server may answer as it likes.
NOT_FOR_ZONES = frozenset({RRType.DS, RRType.OPT, RRType.ANY, RRType.AXFR, RRType.IXFR})
_HEAD = bytes((0, 0, 0, 1, 0, 0, 0, 0, 0, 1))

Entry = tuple[bytes, Question]
"""A question as it goes out, and as it is."""

Way = tuple[Delegation, Server, Name, float]
"""The delegation by which a question was sent, to whom, under which name, and the deadline."""


class Shortcut:
    """Posts questions straight to servers that are known and well, and reads plain replies.

    `landed` takes the answers, a batch at a time. `walk(question, deadline, given)` is for what did not end well at once,
    with what the server said, if it did.
    """

    def __init__(
        self,
        setting: Setting,
        network: NetworkExchange,
        *,
        landed: Landed,
        walk: Callable[[Question, float, Given | None], None],
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        self._setting = setting
        self._network = network
        self._landed = landed
        self._walk = walk
        self._loop = loop
        self._ways: dict[Question, Way] = {}
        self._lanes: dict[str, _Lane] = {}
        self._ticking: asyncio.TimerHandle | None = None

    def post(self, questions: Sequence[Question], deadline: float) -> list[Question]:
        """Send those of them for which one packet may be enough; the others are returned."""
        now = self._loop.time()
        if deadline - now < LEAST_TIME:
            return list(questions)
        others: list[Question] = []
        batches: dict[Server, list[Entry]] = {}
        getrandbits = self._setting.chance.getrandbits
        for question in questions:
            way = self._way(question, now)
            if way is None:
                others.append(question)
                continue
            cut, server, host = way
            self._ways[question] = cut, server, host, deadline
            section = question_section(question)
            size = len(section)
            entry = randomized(section, getrandbits(8 * size).to_bytes(size, "big")), question
            batches.setdefault(server, []).append(entry)
        for server, entries in batches.items():
            self._lane(server).send(entries, now, deadline)
        if self._ways and self._ticking is None:
            self._ticking = self._loop.call_later(TICK, self._tick)
        return others

    def took(self, server: Server, replies: list[tuple[Posted, bytes]]) -> None:
        """Replies have come from a server."""
        now = self._loop.time()
        landed: list[tuple[Question, Answer[Any] | BaseException]] = []
        self._setting.memory.servers.heard(server, now - replies[-1][0][2].sent, now)
        others: list[tuple[Question, float, Given | None]] = []
        expected, good = server.cookies.expected, None
        for posted, reply in replies:
            question, sent, cookie = posted[1], posted[2].sent, posted[2].edns
            way = self._ways.pop(question, None)
            if way is None:
                continue
            cut, _, host, deadline = way
            if expected is not None and cookie is not None and expected not in reply:
                others.append((question, deadline, Given(cut, server, host, connect=True)))
                continue
            said = Said(reply, "udp", sent, now - sent)
            answer = self._read(question, said, server, cut)
            if answer is None:
                truncated = bool(reply[2] & TRUNCATED)
                doubtful = complains_of_edns(reply) or not learn_cookie(server, reply, cookie, now, trusted=False)
                known = not doubtful and reply[3] & 0xF != COOKIE_COMPLAINT
                given = Given(cut, server, host, None if truncated else said, connect=truncated) if known else None
                others.append((question, deadline, given))
                continue
            good = posted, reply
            answer.expires = min(answer.expires, cut.expires)
            cut.served()
            landed.append((question, answer))
        server.end_turn(len(replies))
        if good is not None:
            learn_cookie(server, good[1], good[0][2].edns, now, trusted=False)
            server.knows_edns = True
            server.health.served()
            self._landed(landed)
        for question, deadline, given in others:
            self._walk(question, deadline, given)

    def now(self) -> float:
        """The loop's time."""
        return self._loop.time()

    def adopted(self, server: Server, question: Question, exchange: Exchange) -> None:
        """A question could not be carried, or its reply."""
        now, error = self._loop.time(), exchange.exception() if exchange.done() else None
        exchange.cancel()
        server.end_turn()
        way = self._ways.pop(question, None)
        if way is None:
            return
        if isinstance(error, TransportError):
            if error.errno == errno.EBADMSG:  # the question came back in other letters
                server.prefer_connections(now)
            elif has_no_way(error):
                self._setting.memory.servers.unreachable(server.family, now)
            elif not error.local:
                server.health.failed(now)
        self._walk(question, way[3], None)

    def withdraw(self, questions: Collection[Question]) -> int:
        """Forget these; how many is returned."""
        mine = {question: self._ways.pop(question)[1] for question in questions if question in self._ways}
        for server in set(mine.values()):
            self._lane(server).withdraw(mine)
        return len(mine)

    def close(self) -> None:
        """Forget all."""
        self._ways.clear()
        if self._ticking is not None:
            self._ticking.cancel()
            self._ticking = None

    def _way(self, question: Question, now: float) -> tuple[Delegation, Server, Name] | None:
        """Whom to ask for it at once; None when there is more to be done than that."""
        name, type_, class_ = question
        setting = self._setting
        if type_ in NOT_FOR_ZONES or class_ != RRClass.IN or name.endswith(LOCAL_ENDS) or setting.forwards:
            return None
        memory = setting.memory
        cut = memory.delegations.closest(name, now)
        if cut.trust is Trust.HINT or cut.paused_until > now or cut.candidates is None or cut.candidates_until <= now:
            return None
        if setting.minimise and rest_of(name) != cut.zone and name != cut.zone:
            return None
        if len(memory.absent) and memory.absence(name, cut.zone, now) is not None:
            return None
        candidates = cut.candidates
        if not candidates:
            return None
        server = memory.servers.choose([server for server, _ in candidates], now)
        if server.connected_until > now or not server.speaks_edns(now) or not server.spells(now):
            return None
        if server.is_lame(cut.zone, now):
            return None
        return cut, server, candidates[0][1]

    def _read(self, question: Question, said: Said, server: Server, cut: Delegation) -> Answer[Any] | None:
        """The answer if the reply has it as it stands; None for aliases, referrals, errors and truncation."""
        reply, asked_at, elapsed = said.reply, said.asked_at, said.elapsed
        if reply[2] & TRUNCATED or reply[3] & 0xF not in ABSENT:
            return None
        if reply[6:8] != b"\0\0" and question.type in ADDRESSES:
            plain: Answer[Any] | None
            plain = Answer.of_plain(question, bare(reply, question), asked_at, server.text, elapsed)
            if plain is not None:
                return plain
        try:
            message = Message.parse(reply)
            rcode = message.rcode
            reading = read_reply(message, question, cut.zone)
        except MessageFormatError:
            return None
        if reading.name != question.name or rcode not in ABSENT or not (reading.records or reading.soa):
            return None
        return Answer.from_records(
            question,
            reading.records,
            rcode=rcode,
            authority=reading.soa,
            now=asked_at,
            server=server.text,
            elapsed=elapsed,
        )

    def _lane(self, server: Server) -> _Lane:
        """What takes the replies of a server; made anew when its transport was closed for want of use."""
        transport = self._network.transport(server.address, tcp=False)
        lane = self._lanes.get(server.address)
        if lane is None or lane.transport is not transport:
            assert isinstance(transport, UdpTransport)
            waiting: deque[tuple[Entry, float]] = deque() if lane is None else lane.waiting
            lane = self._lanes[server.address] = _Lane(self, server, transport, waiting)
            if len(self._lanes) > 2 * self._network.most_open:
                lanes = self._lanes.items()
                self._lanes = {to: each for to, each in lanes if each.transport.in_flight or each.waiting}
                self._lanes[server.address] = lane
        return lane

    def _tick(self) -> None:
        """Have those who waited long enough walk."""
        self._ticking = None
        now = self._loop.time()
        for lane in {way[1].address: self._lane(way[1]) for way in self._ways.values()}.values():
            lane.end_patience(now)
        if self._ways and self._ticking is None:
            self._ticking = self._loop.call_later(TICK, self._tick)

    def gave_up(self, server: Server, question: Question, exchange: Exchange, now: float, *, forged: bool) -> None:
        """No reply came in time; it may still come."""
        server.end_turn()
        way = self._ways.pop(question, None)
        if way is None or forged:
            exchange.cancel()
        if way is None:
            return
        if forged:
            server.prefer_connections(now)
        self._setting.memory.servers.silent(server, now)
        cut, _, host, deadline = way
        self._walk(question, deadline, None if forged else Given(cut, server, host, earlier=exchange))

    def choose_again(self, waiting: Sequence[tuple[Entry, float]]) -> None:
        """The server for which these wait is silent: another may be better."""
        for (_, question), deadline in waiting:
            if self._ways.pop(question, None) is not None:
                for other in self.post([question], deadline):
                    self._walk(other, deadline, None)


class _Lane:
    """The taker of one server's transport. `waiting` has what is sent when there is less under way, with its deadlines."""

    __slots__ = ("_server", "_shortcut", "transport", "waiting")

    def __init__(
        self, shortcut: Shortcut, server: Server, transport: UdpTransport, waiting: deque[tuple[Entry, float]]
    ) -> None:
        self.transport = transport
        self.waiting = waiting
        self._shortcut = shortcut
        self._server = server
        transport.taker = self

    def send(self, entries: list[Entry], now: float, deadline: float) -> None:
        """Send these, as many as there is room for."""
        server = self._server
        room = 0 if self.waiting else max(MOST_AT_ONCE - server.in_flight, 0)
        if len(entries) > room:
            self.waiting.extend((entry, deadline) for entry in entries[room:])
            entries = entries[:room]
        if entries:
            server.in_flight += len(entries)
            cookie, opt = server.opt(now)
            transport = self.transport
            sheet = Sheet(_HEAD, opt, now, now + server.patience(0), deadline, cookie, transport.near_misses)
            transport.post(entries, sheet)

    def send_waiting(self, now: float) -> None:
        """Send some of those that wait, if there is room now."""
        waiting = self.waiting
        while waiting and self._server.in_flight < MOST_AT_ONCE:
            deadline = waiting[0][1]
            entries: list[Entry] = []
            while waiting and waiting[0][1] == deadline and len(entries) < MOST_AT_ONCE - self._server.in_flight:
                entries.append(waiting.popleft()[0])
            self.waiting = deque()
            self.send(entries, now, deadline)
            self.waiting = waiting

    def withdraw(self, questions: Collection[Question]) -> None:
        """Forget these."""
        self._server.end_turn(self.transport.withdraw(questions))
        if self.waiting:
            self.waiting = deque(each for each in self.waiting if each[0][1] not in questions)
            self.send_waiting(self._shortcut.now())

    def took(self, replies: list[tuple[Posted, bytes]]) -> None:
        """Replies that match have come."""
        self._shortcut.took(self._server, replies)
        if self.waiting:
            self.send_waiting(self._shortcut.now())

    def adopted(self, posted: Posted, exchange: Exchange) -> None:
        """One could not be sent, or not be answered."""
        self._shortcut.adopted(self._server, posted[1], exchange)

    def end_patience(self, now: float) -> None:
        """Give up those that waited long enough."""
        late = self.transport.overdue(now)
        for (_, question, sheet), exchange in late:
            forged = self.transport.near_misses > sheet.turn  # as many as there were then
            self._shortcut.gave_up(self._server, question, exchange, now, forged=forged)
        if self.waiting:
            waiting, self.waiting = self.waiting, deque()
            if late:
                self._shortcut.choose_again(waiting)
            else:
                self.waiting = waiting
                self.send_waiting(now)
