"""An inquiry: one question to the servers of one zone, one after the other, until one of them has said something of use."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

from aioresolver.answer import Answer
from aioresolver.backends.iterative.budget import BudgetExceeded
from aioresolver.backends.iterative.candidates import Candidates
from aioresolver.backends.iterative.conversation import NoReply, Said, Wait
from aioresolver.backends.iterative.delegations import Delegation, Trust
from aioresolver.backends.iterative.scrub import EndlessAliases, Kind, Reading, read_reply
from aioresolver.backends.iterative.servers import Server
from aioresolver.backends.iterative.setting import Deadline, Errand, WalkError
from aioresolver.backends.iterative.steps import Dropped, Step
from aioresolver.backends.iterative.telling import believed_of, in_words
from aioresolver.errors import Attempt, MessageFormatError
from aioresolver.wire.codes import Rcode, RRType
from aioresolver.wire.edns import explain_errors
from aioresolver.wire.message import Message, Question
from aioresolver.wire.names import Name

__all__ = ["Found", "Inquiry", "bare"]

# Three over UDP and one over TCP (RFC 9520, 3.1: no more than three over each).
MOST_TRIES = 4
# Of servers that may hide behind a part of a name, so many are asked for it.
MOST_CUT_TRIES = 3
READABLE = frozenset({Rcode.NOERROR, Rcode.NXDOMAIN, Rcode.YXDOMAIN})
NOT_ITS_ZONE = frozenset({Rcode.REFUSED, Rcode.NOTAUTH, Rcode.NOTIMP})


class Found(NamedTuple):
    """What a server said. `plain` is the whole answer when it is of the simplest kind; else it is in `reading`."""

    kind: Kind
    said: Said
    server: Server
    plain: Answer[Any] | None
    reading: Reading
    message: Message | None


class _Try(NamedTuple):
    """A server that is asked, under which name, and since when."""

    server: Server
    host: Name
    wait: Wait
    began: float


class Inquiry:
    """Asks the servers of a delegation, on an errand. Who was silent is still listened to while others are asked.

    `purpose`: see Step. `look_up(name, type, zone)` finds the addresses of a nameserver of the zone that has none yet.
    """

    __slots__ = ("_answered", "_candidates", "_clock", "_cut", "_endless", "_errand", "_first", "_heard", "_most", "_open", "_purpose", "_question",
                 "_rcode", "_tries", "_useless", "_why")  # fmt: skip

    def __init__(
        self,
        errand: Errand,
        cut: Delegation,
        question: Question,
        purpose: str,
        look_up: Callable[[Name, RRType, Name], Awaitable[tuple[str, ...]]],
    ) -> None:
        self._errand = errand
        self._first = len(errand.attempts)
        self._cut = cut
        self._question = question
        self._purpose = purpose
        self._candidates = Candidates(errand, cut, look_up)
        self._clock = errand.setting.clock
        self._tries: dict[Server, int] = {}
        self._useless: set[Server] = set()
        self._open: dict[asyncio.Task[Said], _Try] = {}
        self._answered = self._heard = False
        self._most = 1 if purpose == "cut" else MOST_TRIES
        self._why: str = ""
        self._endless: str = ""
        self._rcode: str | None = None

    async def ask(self) -> Found:
        """What the first server says that says something. Raises WalkError, Deadline, BudgetExceeded."""
        cut = self._cut
        now = self._clock()
        if cut.paused_until > now:
            self._record(None, "", "", "failure", f"no nameserver was of use a moment ago ({cut.why})", began=now)
            raise WalkError(f"no nameserver of {cut.zone} was of use a moment ago ({cut.why})")
        if self._errand.setting.eager:
            while await self._candidates.find_more():
                pass
        try:
            found = await self._take_given() if self._errand.given is not None else None
            while found is None:
                if self._clock() >= self._errand.budget.deadline:
                    raise Deadline
                if self._most == 1 and len(self._tries) >= MOST_CUT_TRIES:
                    raise self._failure()
                server = await self._next()
                found = self._catch_up()
                if found is None:
                    if server is None:
                        raise self._failure()
                    found = await self._ask(*server)
        finally:
            if self._open:
                self._let_go()
        cut.served()
        return found

    async def _take_given(self) -> Found | None:
        """Begin with what a server has said already, if it was asked by this delegation."""
        given = self._errand.given
        if given is None or given.cut is not self._cut:
            return None
        self._errand.given = None
        server, host, said = given.server, given.host, given.said
        if given.connect:
            return await self._ask(server, host, connect=True)
        self._tries[server] = 1
        if said is not None:
            return self._take(server, host, said, said.asked_at)
        now = self._clock()
        self._note(server, "udp", "no reply", now)
        if given.earlier is not None:
            self._begin(server, host, Wait(now), tries=0, earlier=given.earlier).over = True
        return None

    # ---- whom

    async def _next(self) -> tuple[Server, Name] | None:
        """The server to ask next: the best of those that were asked least; addresses are looked up when they run out."""
        while True:
            now = self._clock()
            usable = [each for each in self._candidates.known(now) if self._is_usable(each[0], now)]
            fresh = [each for each in usable if each[0] not in self._tries]
            if not fresh and await self._candidates.find_more():
                continue
            if not usable:
                return None
            if not fresh:
                least = min(self._tries[server] for server, _ in usable)
                fresh = [each for each in usable if self._tries[each[0]] == least]
            if len(fresh) == 1:
                return fresh[0]
            chosen = self._errand.setting.memory.servers.choose([server for server, _ in fresh], now)
            return next(each for each in fresh if each[0] is chosen)

    def _is_usable(self, server: Server, now: float) -> bool:
        return (
            server not in self._useless
            and self._tries.get(server, 0) < self._most
            and not server.is_lame(self._cut.zone, now)
        )

    # ---- what it says

    async def _ask(self, server: Server, host: Name, *, connect: bool = False) -> Found | None:
        """Ask one of them, and listen to all that were asked; None when nothing of use is said before it is overdue."""
        tries = self._tries.get(server, 0)
        self._tries[server] = tries + 1
        budget = self._errand.budget
        wait = self._begin(server, host, Wait(self._clock() + server.patience(0)), tries=tries, connect=connect)
        newest = next(reversed(self._open))
        while newest in self._open:
            until = min(wait.until, budget.deadline)
            done, _ = await asyncio.wait(
                self._open, timeout=max(until - self._clock(), 0), return_when=asyncio.FIRST_COMPLETED
            )
            for task in done:
                found = self._hear(task, self._open.pop(task))
                if found is not None:
                    return found
            if not done and until == min(wait.until, budget.deadline):
                return await self._overdue(server, host, wait, self._open[newest].began)
        return None

    def _begin(
        self,
        server: Server,
        host: Name,
        wait: Wait,
        *,
        tries: int,
        connect: bool = False,
        earlier: Awaitable[bytes] | None = None,
    ) -> Wait:
        """Begin to ask."""
        errand = self._errand
        asking = errand.setting.conversations.ask(
            server,
            self._question,
            errand.budget,
            spent=errand.spent,
            tries=tries,
            recursion=self._purpose == "forward",
            connect=connect,
            wait=wait,
            earlier=earlier,
        )
        task = asyncio.get_running_loop().create_task(asking)
        self._open[task] = _Try(server, host, wait, self._clock())
        return wait

    def _catch_up(self) -> Found | None:
        """What was said while addresses were looked up."""
        for task in [task for task in self._open if task.done()]:
            found = self._hear(task, self._open.pop(task))
            if found is not None:
                return found
        return None

    def _hear(self, task: asyncio.Task[Said], tried: _Try) -> Found | None:
        """What one of them says; None when that is of no use. Raises BudgetExceeded."""
        server, host, wait, began = tried
        try:
            said = task.result()
        except NoReply as error:
            if not error.silent:
                self._useless.add(server)
                self._answered = self._answered or error.local
            if not wait.over:
                kind = "silence" if error.silent else "failure"
                self._note(server, error.transport, error.outcome, began)
                self._record(server, host, error.transport, kind, error.outcome, began=began, before=error.before)
            return None
        except BudgetExceeded as error:
            self._record(server, host, "", "failure", f"over budget: {error.reason}", began=began)
            raise
        return self._take(server, host, said, began)

    async def _overdue(self, server: Server, host: Name, wait: Wait, began: float) -> Found | None:
        """It has not answered in time; where that may be for forged replies, it is asked over TCP at once."""
        forged = self._errand.setting.conversations.overdue(server, wait)
        self._note(server, wait.transport, "no reply", began)
        self._record(server, host, wait.transport, "silence", "no reply", began=began)
        return await self._ask(server, host, connect=True) if forged else None

    def _let_go(self) -> None:
        """Listen to nobody any more."""
        for task, (server, host, wait, began) in self._open.items():
            if not wait.over:
                self._record(server, host, wait.transport, "silence", "given up", began=began)
            self._errand.setting.conversations.end(task)
        self._open.clear()

    def _take(self, server: Server, host: Name, said: Said, began: float) -> Found | None:
        """What it says; None when that is of no use."""
        self._heard = True
        found = self._read(server, said)
        reading = found.reading
        if found.kind is Kind.LAME:
            self._useless.add(server)
            notes = _extended_errors(found.message)
            why = f"{reading.why} ({explain_errors(notes)})" if notes else reading.why
            self._note(server, said.transport, why, began, notes)
            self._record(server, host, said.transport, "lame", why, began=began, found=found)
            return None
        server.served(self._cut.zone)
        if self._errand.recorder is not None:
            self._record(server, host, said.transport, found.kind.value, in_words(reading), began=began, found=found)
        return found

    def _read(self, server: Server, said: Said) -> Found:
        reply, question, zone = said.reply, self._question, self._cut.zone
        if self._errand.recorder is None and not reply[3] & 0xF and reply[6:8] != b"\0\0":
            plain: Answer[Any] | None
            plain = Answer.of_plain(question, bare(reply, question), said.asked_at, server.text, said.elapsed)
            if plain is not None:
                return Found(Kind.ANSWER, said, server, plain, _NOTHING, None)
        reading = Reading(Kind.LAME, question.name)
        message = None
        try:
            message = Message.parse(reply)
            rcode = message.rcode
            if rcode in READABLE:
                reading = read_reply(message, question, zone, kept=self._errand.budget.limits.nameservers_kept)
                if reading.kind is Kind.REFERRAL and self._purpose == "forward":
                    reading.kind, reading.why = Kind.LAME, "a referral: it does not resolve for others"
                if reading.kind is Kind.LAME and rcode == Rcode.NOERROR:
                    server.went_lame(zone, self._clock())
            else:
                reading.why = str(rcode)
                if rcode in NOT_ITS_ZONE:
                    server.went_lame(zone, self._clock())
            if rcode not in NOT_ITS_ZONE and reading.kind is Kind.LAME and rcode != Rcode.NOERROR:
                self._answered, self._rcode = True, str(rcode)
        except EndlessAliases as error:
            reading = Reading(Kind.LAME, question.name)
            reading.why = self._endless = str(error)
            self._answered = True
        except MessageFormatError as error:
            reading = Reading(Kind.LAME, question.name)
            reading.why = f"malformed reply: {error}"
            server.health.failed(self._clock())
            self._answered = True
        return Found(reading.kind, said, server, None, reading, message)

    def _failure(self) -> WalkError:
        """None was of use. When none can serve the zone, it is left alone for a while."""
        cut, now = self._cut, self._clock()
        if not self._tries:
            lame = any(server.is_lame(cut.zone, now) for server, _ in self._candidates.known(now))
            why = "none of them serves it" if lame else self._candidates.why or "none has an address"
            return WalkError(f"no nameserver of {cut.zone} can be asked: {why}", fleeting=not lame)
        why = self._why or "no reply"
        if not self._answered and self._purpose != "cut":
            cut.failed(why, now, silent=not self._heard)
        if self._endless:
            return WalkError(self._endless)
        if self._heard:
            return WalkError(f"no nameserver of {cut.zone} was of use ({why})", rcode=self._rcode)
        if cut.zone == "." and cut.trust is not Trust.CONFIGURED:
            # Without a network IPv4 and IPv6 have different words for that.
            whys = dict.fromkeys(attempt.outcome for attempt in self._errand.attempts[self._first :])
            return WalkError(f"no root server could be reached ({', '.join(whys)})", unheard=True)
        return WalkError(f"no nameserver of {cut.zone} was of use ({why})", unheard=True)

    # ---- telling

    def _note(
        self, server: Server, transport: str, outcome: str, began: float, notes: tuple[tuple[int, str], ...] = ()
    ) -> None:
        self._why = outcome
        text = server.text.replace("udp", transport)
        self._errand.attempts.append(Attempt(text, transport, outcome, self._clock() - began, notes))

    def _record(
        self,
        server: Server | None,
        host: str,
        transport: str,
        kind: str,
        outcome: str,
        *,
        began: float,
        found: Found | None = None,
        before: tuple[str, ...] = (),
    ) -> None:
        errand = self._errand
        if errand.recorder is None:
            return
        step = Step(
            depth=errand.depth,
            purpose="failed before" if server is None else self._purpose,
            client=errand.question,
            question=self._question,
            zone=self._cut.zone,
            server="" if server is None else server.address,
            host=str(host),
            transport=transport,
            kind=kind,
            outcome=outcome,
            believed=() if found is None else believed_of(found.reading, found.message),
            dropped=() if found is None else tuple(Dropped(str(what), why) for what, why in found.reading.dropped),
            began=began,
            elapsed=self._clock() - began,
            rcode="" if found is None or found.message is None else str(found.message.rcode),
            referral=None if found is None else found.reading.cut,
            before=before if found is None else found.said.before,
            queries=errand.budget.queries,
            bytes=errand.budget.bytes,
        )
        errand.recorder.step(step)


_NOTHING = Reading(Kind.ANSWER, Name("."))


def bare(reply: bytes, question: Question) -> bytes:
    """The reply without authority and additional section, if it has nothing but addresses in its answer section."""
    if reply[8:12] == b"\0\0\0\0":
        return reply
    size = {RRType.A: 16, RRType.AAAA: 28}.get(question.type)
    if size is None:
        return reply
    end = len(question.name) + 17 + size * (reply[6] << 8 | reply[7])
    return b"".join((reply[:8], b"\0\0\0\0", reply[12:end]))


def _extended_errors(message: Message | None) -> tuple[tuple[int, str], ...]:
    """The reasons that a server gave (RFC 8914)."""
    return message.edns.extended_errors if message is not None and message.edns is not None else ()
