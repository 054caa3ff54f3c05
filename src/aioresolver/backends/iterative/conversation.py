"""A conversation: one question to one server, until it has said something: EDNS, letters, truncation and all that."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from aioresolver.backends.iterative.budget import Budget, Spent
from aioresolver.backends.iterative.exchange import Exchange, NearMiss, is_silence
from aioresolver.backends.iterative.servers import Chance, Server, Servers
from aioresolver.errors import LookupTimeout, TransportError
from aioresolver.wire.codes import Rcode
from aioresolver.wire.edns import Edns
from aioresolver.wire.message import Question, question_section

__all__ = ["Conversations", "NoReply", "Said"]

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
_LETTER_CASE = bytes(0x20 if chr(byte).isalpha() and byte < 0x80 else 0 for byte in range(256))


class NoReply(Exception):
    """Nothing of use came: in words, and whether it was plain silence, or this machine's own fault."""

    def __init__(self, outcome: str, transport: str, *, silent: bool = False, local: bool = False) -> None:
        super().__init__(outcome)
        self.outcome = outcome
        self.transport = transport
        self.silent = silent
        self.local = local


class Said(NamedTuple):
    """A reply that matches, with how and when it came: the transport, when it was asked for, and seconds."""

    reply: bytes
    transport: str
    asked_at: float
    elapsed: float


class Conversations:
    """Asks servers. Ids and letters are drawn anew for each query."""

    __slots__ = ("_chance", "_clock", "_exchange", "_servers")

    def __init__(self, exchange: Exchange, servers: Servers, *, chance: Chance, clock: Callable[[], float]) -> None:
        self._exchange = exchange
        self._servers = servers
        self._chance = chance
        self._clock = clock

    async def ask(
        self,
        server: Server,
        question: Question,
        budget: Budget,
        *,
        spent: Spent,
        tries: int = 0,
        recursion: bool = False,
    ) -> Said:
        """What the server says, which was asked `tries` times before for the same. Raises NoReply, and BudgetExceeded."""
        began = self._clock()
        tcp = server.connected_until > began
        edns = server.speaks_edns(began)
        section = question_section(question)
        while True:
            now = self._clock()
            patience = STREAM_PATIENCE if tcp else server.patience(tries)
            budget.spend_query(spent)
            query = self._query(section, recursion=recursion, edns=edns, spell=server.spells and not tcp)
            try:
                reply = await self._exchange(server.address, query, tcp, min(now + patience, budget.deadline))
            except (TransportError, LookupTimeout) as error:
                if isinstance(error, NearMiss) and not tcp:
                    server.prefer_connections(self._clock())
                    tcp = True
                    continue
                if tcp and server.connected_until > now:  # with no connection to be had, datagrams must do
                    server.allow_datagrams()
                    tcp = False
                    continue
                self._no_reply(server, error)
                transport = "tcp" if tcp else "udp"
                local = isinstance(error, TransportError) and error.local
                outcome = "no reply" if is_silence(error) else error.strerror or str(error)
                raise NoReply(outcome, transport, silent=is_silence(error), local=local) from None
            ended = self._clock()
            self._servers.heard(server, ended - now, ended)
            budget.spend_bytes(len(reply))
            if not _matches(reply, query, section):
                # Other letters, or another question: what was not asked for may be anybody's.
                if tcp:
                    raise NoReply("a reply that does not match the question", "tcp")
                server.prefer_connections(ended)
                tcp = True
            elif reply[2] & TRUNCATED and not tcp:
                tcp = True
            elif edns and _complains_of_edns(reply):
                edns = False
            else:
                if not edns and server.speaks_edns(ended):
                    server.refused_edns(ended)
                return Said(reply, "tcp" if tcp else "udp", now, ended - began)

    def _query(self, section: bytes, *, recursion: bool, edns: bool, spell: bool) -> bytes:
        id = self._chance.getrandbits(16).to_bytes(2, "big")
        if spell:
            section = self._spelled(section)
        return b"".join((id, _HEADS[recursion, edns], section, _OPT if edns else b""))

    def _spelled(self, section: bytes) -> bytes:
        """The question with random letters in capitals, which the reply has to repeat (0x20)."""
        length = len(section)
        # Behind the name are type and class, which may look like letters.
        letters = int.from_bytes(section[:-4].translate(_LETTER_CASE), "big") << 32
        mask = self._chance.getrandbits(8 * length) & letters
        return (int.from_bytes(section, "big") ^ mask).to_bytes(length, "big")

    def _no_reply(self, server: Server, error: Exception) -> None:
        now = self._clock()
        if isinstance(error, TransportError) and error.local:
            self._servers.unreachable(server.family, now)
        elif is_silence(error):
            self._servers.silent(server, now)
        else:
            server.health.failed(now)


def _matches(reply: bytes, query: bytes, section: bytes) -> bool:
    """Whether it is a reply to this query: id, opcode, and the question letter for letter."""
    end = HEADER + len(section)
    if len(reply) < HEADER or reply[:2] != query[:2] or (reply[2] ^ query[2]) & 0xF8 != 0x80:
        return False
    if reply[4:6] == b"\0\1":
        return reply[HEADER:end] == query[HEADER:end]
    # Servers that refuse a query without having read it repeat nothing of it.
    return reply[4:6] == b"\0\0" and reply[3] & 0xF in EDNS_COMPLAINTS


def _complains_of_edns(reply: bytes) -> bool:
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
