"""A conversation: one question to one server, until it has said something: EDNS, letters, truncation and all that."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from aioresolver.backends.iterative.budget import Budget, Spent
from aioresolver.backends.iterative.exchange import Exchange, NearMiss, has_no_way, is_silence
from aioresolver.backends.iterative.servers import Chance, Server, Servers
from aioresolver.errors import LookupTimeout, TransportError
from aioresolver.wire.codes import Rcode
from aioresolver.wire.edns import Edns
from aioresolver.wire.message import Question
from aioresolver.wire.query import question_section, randomized

__all__ = ["Conversations", "NoReply", "Said", "complains_of_edns"]

HEADER = 12
EDNS_COMPLAINTS = frozenset({Rcode.FORMERR, Rcode.NOTIMP})
TRUNCATED = 0x02
STREAM_PATIENCE = 3.0
_OPT = Edns().to_wire()
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


class Conversations:
    """Asks servers. Ids and letters are drawn anew for each query."""

    __slots__ = ("_chance", "_exchange", "_servers", "clock")

    def __init__(self, exchange: Exchange, servers: Servers, *, chance: Chance, clock: Callable[[], float]) -> None:
        self._exchange = exchange
        self._servers = servers
        self._chance = chance
        self.clock = clock

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
    ) -> Said:
        """What the server says, which was asked `tries` times before for the same.

        `recursion`: it is to resolve for us. `connect`: over TCP. Raises NoReply, and BudgetExceeded.
        """
        began = now = self.clock()
        tcp = connect or server.connected_until > began
        edns = server.speaks_edns(began)
        section = question_section(question)
        ways = 1
        before: tuple[str, ...] = ()
        while True:
            patience = STREAM_PATIENCE if tcp else server.patience(tries)
            budget.spend_query(spent)
            query = self._query(section, recursion=recursion, edns=edns, spell=not tcp and server.spells(now))
            try:
                reply = await self._exchange(server.address, query, tcp, min(now + patience, budget.deadline))
            except (TransportError, LookupTimeout) as error:
                way = "tcp" if tcp else "udp"
                tcp = self._other_way(server, error, tcp=tcp, ways=ways, before=before)
                before += (f"{error.strerror} over {way}",)
                ways += 1
                now = self.clock()
                continue
            asked_at, now = now, self.clock()
            self._servers.heard(server, now - asked_at, now)
            budget.spend_bytes(len(reply))
            if not _matches(reply, query, section):
                # Other letters, or another question: what was not asked for may be anybody's.
                if tcp or ways > 1:
                    raise NoReply("a reply that does not match the question", "tcp" if tcp else "udp", before=before)
                server.prefer_connections(now)
                before += ("a reply that does not match over udp",)
                tcp = True
            elif reply[2] & TRUNCATED and not tcp:
                tcp = True
                before += ("truncated over udp",)
            elif edns and complains_of_edns(reply):
                edns = False
                before += ("EDNS refused",)
            else:
                if not edns and server.speaks_edns(now):
                    server.refused_edns(now)
                return Said(reply, "tcp" if tcp else "udp", asked_at, now - began, before)

    def _query(self, section: bytes, *, recursion: bool, edns: bool, spell: bool) -> bytes:
        length = len(section)
        drawn = self._chance.getrandbits(8 * length + 16 if spell else 16)
        id = (drawn & 0xFFFF).to_bytes(2, "big")
        if spell:
            section = randomized(section, (drawn >> 16).to_bytes(length, "big"))
        return b"".join((id, _HEADS[recursion, edns], section, _OPT if edns else b""))

    def knowing(self, servers: Servers) -> Conversations:
        """The same, with other servers to learn of."""
        return Conversations(self._exchange, servers, chance=self._chance, clock=self.clock)

    def _other_way(
        self,
        server: Server,
        error: TransportError | LookupTimeout,
        *,
        tcp: bool,
        ways: int,
        before: tuple[str, ...],
    ) -> bool:
        """Whether to go over TCP now that the question could not be carried so. Raises NoReply when that was all.

        Forged or changed datagrams make it TCP; where they did before and there is no TCP, datagrams must do.
        """
        now = self.clock()
        if not tcp and isinstance(error, NearMiss) and ways == 1:
            server.prefer_connections(now)
            return True
        if tcp and server.connected_until > now:
            server.allow_datagrams(now)
            return False
        silent, local = is_silence(error), isinstance(error, TransportError) and error.local
        if has_no_way(error):
            self._servers.unreachable(server.family, now)
        elif silent:
            self._servers.silent(server, now)
        elif not local:
            server.health.failed(now)
        outcome = "no reply" if silent else error.strerror or str(error)
        raise NoReply(outcome, "tcp" if tcp else "udp", silent=silent, local=local, before=before) from None


def _matches(reply: bytes, query: bytes, section: bytes) -> bool:
    """Whether it is a reply to this query: id, opcode, and the question letter for letter."""
    end = HEADER + len(section)
    if len(reply) < HEADER or reply[:2] != query[:2] or (reply[2] ^ query[2]) & 0xF8 != 0x80:
        return False
    if reply[4:6] == b"\0\1":
        return reply[HEADER:end] == query[HEADER:end]
    # Servers that refuse a query without having read it repeat nothing of it.
    return reply[4:6] == b"\0\0" and reply[3] & 0xF in EDNS_COMPLAINTS


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
