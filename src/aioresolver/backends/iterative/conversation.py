"""A conversation: one question to one server, until it has said something: EDNS, cookies, letters, truncation and all that."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import NamedTuple

from aioresolver.backends.batches import GRACE
from aioresolver.backends.cookies import cookie_in
from aioresolver.backends.iterative.budget import Budget, Spent
from aioresolver.backends.iterative.exchange import Exchange, NearMiss, has_no_way, is_silence
from aioresolver.backends.iterative.servers import Chance, Server, Servers
from aioresolver.errors import LookupTimeout, MessageFormatError, TransportError
from aioresolver.wire.codes import Rcode
from aioresolver.wire.edns import Cookie, Edns
from aioresolver.wire.message import Message, Question
from aioresolver.wire.query import question_section, randomized

__all__ = ["Conversations", "NoReply", "Said", "Wait", "complains_of_edns", "learn_cookie"]

HEADER = 12
EDNS_COMPLAINTS = frozenset({Rcode.FORMERR, Rcode.NOTIMP})
TRUNCATED = 0x02
STREAM_PATIENCE = 3.0
# After silence a connection is tried beside the datagrams that may still be answered.
HURRIED_PATIENCE = 1.0
SILENCES_TO_CONNECT = 2
MOST_BAD_COOKIES = 2
# For a turn among all that is asked of a server; then another is asked meanwhile.
TURN_PATIENCE = 1.0
_PLAIN_OPT = Edns().to_wire()
_HEADS = {
    (recursion, edns): bytes((recursion, 0, 0, 1, 0, 0, 0, 0, 0, edns))
    for recursion in (False, True)
    for edns in (False, True)
}


class NoReply(Exception):
    """Nothing of use came: in words, and whether it was plain silence, or this machine's own fault."""

    def __init__(
        self,
        outcome: str,
        transport: str,
        *,
        silent: bool = False,
        local: bool = False,
        before: tuple[str, ...] = (),
    ) -> None:
        super().__init__(outcome)
        self.outcome = outcome
        self.transport = transport
        self.silent = silent
        self.local = local
        self.before = before


class Said(NamedTuple):
    """A reply that matches, with how and when it came: the transport, when it was asked for, and seconds.

    `before`: what made it ask again, in words.
    """

    reply: bytes
    transport: str
    asked_at: float
    elapsed: float
    before: tuple[str, ...] = ()


class Wait:
    """How a question to a server is doing: it is worth waiting for until `until`, in loop time.

    It may be answered later, too: `over` is whether others are asked meanwhile. `forged` counts the datagrams that had
    come from the server's address and matched nothing.
    """

    __slots__ = ("forged", "holds", "over", "transport", "until")

    def __init__(self, until: float) -> None:
        self.until: float = until
        self.over: bool = False
        self.holds: bool = False
        self.transport: str = "udp"
        self.forged: int = 0


class Conversations:
    """Asks servers. Ids and letters are drawn anew for each query."""

    __slots__ = ("_chance", "_exchange", "_forged", "_servers", "clock", "ending")

    def __init__(self, exchange: Exchange, servers: Servers, *, chance: Chance, clock: Callable[[], float]) -> None:
        self._exchange = exchange
        self._servers = servers
        self._chance = chance
        self._forged: Callable[[str], int] = getattr(exchange, "near_misses", _nobody_counts)
        self.clock: Callable[[], float] = clock
        self.ending: set[asyncio.Task[Said]] = set()

    async def ask(
        self,
        server: Server,
        question: Question,
        budget: Budget,
        *,
        spent: Spent,
        tries: int = 0,
        recursion: bool = False,
        connect: bool = False,
        wait: Wait | None = None,
        earlier: Awaitable[bytes] | None = None,
    ) -> Said:
        """What the server says, which was asked `tries` times before for the same.

        `recursion`: it is to resolve for us. `connect`: over TCP. `wait` is kept true. `earlier` is a query without a
        cookie that was sent already. Raises NoReply, and BudgetExceeded.
        """
        began = now = self.clock()
        wait = Wait(began) if wait is None else wait
        manner = _Manner(server, began, tries=tries, connect=connect)
        section = question_section(question)
        while True:
            wait.transport = "tcp" if manner.tcp else "udp"
            query = None
            manner.cookie, opt = server.opt(now) if manner.edns else (None, b"")
            try:
                if earlier is not None:
                    manner.cookie, reply = None, await earlier
                else:
                    if not wait.over:
                        await self._take_turn(server, wait, budget)
                        now = self.clock()
                    limit = self._limit(server, wait, budget, manner, now)
                    budget.spend_query(spent)
                    spell = not manner.tcp and server.spells(now)
                    query = self._query(section, recursion=recursion, opt=opt, spell=spell)
                    reply = await self._exchange(server.address, query, manner.tcp, limit)
            except (TransportError, LookupTimeout) as error:
                if query is not None and isinstance(error, TransportError) and error.local:
                    budget.unspend_query(spent)
                now = self._change(server, error, wait, manner)
                continue
            finally:
                earlier = None
                self.let_go(server, wait)
            asked_at, now = now, self.clock()
            self._servers.heard(server, now - asked_at, now)
            budget.spend_bytes(len(reply))
            if query is not None and not _matches(reply, query, section):
                # Other letters, or another question: what was not asked for may be anybody's.
                if manner.tcp or manner.changed:
                    outcome = "a reply that does not match the question"
                    raise NoReply(outcome, wait.transport, before=manner.before)
                server.prefer_connections(now)
                manner.over_tcp("a reply that does not match over udp")
            elif self._is_said(server, reply, manner, now):
                return Said(reply, wait.transport, asked_at, now - began, manner.before)

    def _is_said(self, server: Server, reply: bytes, manner: _Manner, now: float) -> bool:
        """Whether that is what the server has to say, or it wants to be asked in another manner."""
        if not learn_cookie(server, reply, manner.cookie, now, trusted=manner.tcp):
            # Where nobody else can answer, it need not have the cookie.
            manner.over_tcp("a reply without the cookie over udp")
        elif reply[2] & TRUNCATED and not manner.tcp:
            manner.over_tcp("truncated over udp")
        elif manner.edns and manner.bad_cookies < MOST_BAD_COOKIES and _wants_another_cookie(reply):
            manner.bad_cookies += 1
            manner.tcp = manner.tcp or manner.bad_cookies == MOST_BAD_COOKIES
            manner.before += ("BADCOOKIE",)
        elif manner.edns and complains_of_edns(reply):
            manner.edns = False
            manner.before += ("EDNS refused",)
        else:
            if not manner.edns and server.speaks_edns(now):
                server.refused_edns(now)
            server.knows_edns = server.knows_edns or manner.edns
            return True
        return False

    def overdue(self, server: Server, wait: Wait) -> bool:
        """Nobody waits for this one alone any more; whether forgers seem to be at it, so that TCP is better."""
        now = self.clock()
        wait.over = True
        if not wait.holds:  # it is not its turn yet
            return False
        self.let_go(server, wait)
        self._servers.silent(server, now)
        if wait.transport == "udp" and self._forged(server.address) > wait.forged:
            server.prefer_connections(now)
            return True
        return False

    def let_go(self, server: Server, wait: Wait) -> None:
        """It counts no more among what is under way to the server."""
        if wait.holds:
            wait.holds = False
            server.end_turn()

    def end(self, asking: asyncio.Task[Said]) -> None:
        """Nobody waits for what comes of it."""
        if asking.cancel():
            self.ending.add(asking)
            asking.add_done_callback(self.ending.discard)
        elif not asking.cancelled():
            asking.exception()

    async def aclose(self) -> None:
        """Wait for all that was ended."""
        if self.ending:
            await asyncio.wait(self.ending, timeout=GRACE)

    async def _take_turn(self, server: Server, wait: Wait, budget: Budget) -> None:
        """Wait until so little is under way to the server that there is room for one more."""
        wait.holds = True
        turn = server.take_turn()
        if turn is not None:
            wait.holds, wait.until = False, min(self.clock() + TURN_PATIENCE, budget.deadline)
            try:
                await turn
            except BaseException:
                if not turn.cancelled():  # it was given the turn, and cancelled before it knew
                    server.end_turn()
                raise
            wait.holds = True

    def _limit(self, server: Server, wait: Wait, budget: Budget, manner: _Manner, now: float) -> float:
        """Until when the exchange may take; and `wait` says until when it is worth waiting for."""
        if manner.tcp:
            limit = min(now + STREAM_PATIENCE, budget.deadline)
            wait.until = now + HURRIED_PATIENCE if manner.hurried else limit + 0.1
            return limit
        wait.until = now + server.patience(min(manner.tries, SILENCES_TO_CONNECT))
        wait.forged = self._forged(server.address)
        return budget.deadline

    def _query(self, section: bytes, *, recursion: bool, opt: bytes, spell: bool) -> bytes:
        length = len(section)
        drawn = self._chance.getrandbits(8 * length + 16 if spell else 16)
        id = (drawn & 0xFFFF).to_bytes(2, "big")
        if spell:
            section = randomized(section, (drawn >> 16).to_bytes(length, "big"))
        return b"".join((id, _HEADS[recursion, opt != b""], section, opt))

    def knowing(self, servers: Servers) -> Conversations:
        """The same, with other servers to learn of."""
        return Conversations(self._exchange, servers, chance=self._chance, clock=self.clock)

    def _change(self, server: Server, error: TransportError | LookupTimeout, wait: Wait, manner: _Manner) -> float:
        """Change the manner now that the question could not be carried so; the time is returned.

        Forged or changed datagrams make it TCP; where they did before and there is no TCP, datagrams must do. Who was
        silent and has no TCP is no worse for that. Raises NoReply when that was all.
        """
        now = self.clock()
        what = f"{error.strerror} over {wait.transport}"
        if not manner.tcp and isinstance(error, NearMiss) and not manner.changed:
            server.prefer_connections(now)
            manner.changed = True
            manner.over_tcp(what)
            return now
        if manner.tcp and server.connected_until > now:
            server.allow_datagrams(now)
            manner.tcp, manner.changed = False, True
            manner.before += (what,)
            return now
        silent, local = is_silence(error), isinstance(error, TransportError) and error.local
        if has_no_way(error):
            self._servers.unreachable(server.family, now)
        elif silent:
            if not wait.over:
                self._servers.silent(server, now)
        elif not local and not manner.hurried:
            server.health.failed(now)
        outcome = "no reply" if silent else error.strerror or str(error)
        silent = silent or (manner.hurried and not local)
        raise NoReply(outcome, wait.transport, silent=silent, local=local, before=manner.before) from None


class _Manner:
    """How a server is asked this time, and what made it change already (`before`, in words)."""

    __slots__ = ("bad_cookies", "before", "changed", "cookie", "edns", "hurried", "tcp", "tries")

    def __init__(self, server: Server, now: float, *, tries: int, connect: bool) -> None:
        self.tries = tries
        # Twice silent over UDP: that may be the way, a limit that the server sets us, or EDNS.
        self.hurried = tries == SILENCES_TO_CONNECT and not connect
        self.tcp = connect or self.hurried or server.connected_until > now
        self.edns = server.speaks_edns(now) and (tries < SILENCES_TO_CONNECT or self.tcp or server.knows_edns)
        self.cookie: Cookie | None = None
        self.changed = False
        self.bad_cookies = 0
        self.before: tuple[str, ...] = ()

    def over_tcp(self, why: str) -> None:
        """Ask again over TCP."""
        self.tcp = True
        self.before += (why,)


def _nobody_counts(_address: str) -> int:
    return 0


def learn_cookie(server: Server, reply: bytes, sent: Cookie | None, now: float, *, trusted: bool) -> bool:
    """Learn the cookie of a reply to a query that had this one; whether the reply may be believed (RFC 7873, 5.3).

    `trusted` is a reply that nobody else can have sent, as over TCP.
    """
    if sent is None or server.cookies.is_known(reply):
        return True
    try:
        received = cookie_in(Message.parse(reply))
    except MessageFormatError:  # what is no message has no cookie
        received = None
    return server.cookies.take(sent, received, now, trusted=trusted)


def _matches(reply: bytes, query: bytes, section: bytes) -> bool:
    """Whether it is a reply to this query: id, opcode, and the question letter for letter."""
    end = HEADER + len(section)
    if len(reply) < HEADER or reply[:2] != query[:2] or (reply[2] ^ query[2]) & 0xF8 != 0x80:
        return False
    if reply[4:6] == b"\0\1":
        return reply[HEADER:end] == query[HEADER:end]
    # Servers that refuse a query without having read it repeat nothing of it.
    return reply[4:6] == b"\0\0" and reply[3] & 0xF in EDNS_COMPLAINTS


def _wants_another_cookie(reply: bytes) -> bool:
    """BADCOOKIE, of which OPT has all but the four lowest bits."""
    return reply[3] & 0xF == Rcode.BADCOOKIE & 0xF and _opt_rcode(reply) == Rcode.BADCOOKIE


def complains_of_edns(reply: bytes) -> bool:
    """FORMERR or NOTIMP, or BADVERS, of which the header has four zero bits and OPT the rest."""
    rcode = reply[3] & 0xF
    if rcode in EDNS_COMPLAINTS:
        return True
    if rcode or reply[6:10] != b"\0\0\0\0" or reply[10:12] == b"\0\0":
        return False
    return _opt_rcode(reply) == Rcode.BADVERS


def _opt_rcode(reply: bytes) -> int:
    """The rcode of a reply that has nothing but OPT."""
    opt = reply.find(b"\0\0\x29", HEADER)
    return (reply[opt + 5] << 4 | reply[3] & 0xF) if 0 < opt < len(reply) - 5 else 0
