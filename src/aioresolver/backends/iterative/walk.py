"""A walk: one question from the deepest zone that is known to whoever can answer it, alias after alias."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any

from aioresolver.answer import Answer
from aioresolver.backends.iterative.budget import Budget, BudgetExceeded, Spent
from aioresolver.backends.iterative.delegations import FOREVER, Delegation, Trust
from aioresolver.backends.iterative.flights import Circle, Flight
from aioresolver.backends.iterative.hosts import HostAddresses
from aioresolver.backends.iterative.inquiry import Found, Inquiry
from aioresolver.backends.iterative.minimisation import next_step
from aioresolver.backends.iterative.priming import PRIMING, read_priming
from aioresolver.backends.iterative.scrub import MOST_GLUE, Kind
from aioresolver.backends.iterative.setting import Deadline, Errand, Setting, WalkError
from aioresolver.backends.iterative.steps import Recorder
from aioresolver.backends.iterative.telling import known_in_words, tell_known
from aioresolver.errors import MessageFormatError
from aioresolver.wire.codes import Rcode, RRType
from aioresolver.wire.message import Question, Record
from aioresolver.wire.names import Name

__all__ = ["Walk"]

FAILURE_LIFE = 5.0
PRIME_AGAIN = 60.0
LEAST_UNCUT = 5.0
# What is shared ends at the deadline by itself, and can say what it was at; whatever does not is left this much later.
GRACE = 0.005
ROOT = Name(".")


class Part:
    """What there is to one name on the way: its records, or where it is an alias to; good until `lease`."""

    __slots__ = ("authority", "kind", "lease", "name", "plain", "rcode", "records", "server", "since")

    def __init__(self, kind: Kind, name: Name, *, lease: float, since: float, server: str | None = None) -> None:
        self.kind: Kind = kind
        self.name: Name = name
        self.lease: float = lease
        self.since: float = since
        self.server: str | None = server
        self.records: list[Record] = []
        self.authority: tuple[Record, ...] = ()
        self.rcode: Rcode = Rcode.NXDOMAIN if kind is Kind.NO_NAME else Rcode.NOERROR
        self.plain: Answer[Any] | None = None


class Walk(Errand):
    """One question on its way.

    `forwarded`: a forwarder had a part in the answer, which therefore says nothing about zones and hosts.
    """

    __slots__ = ("_clock", "_flight", "_memory", "forwarded")

    spent: Spent

    def __init__(
        self,
        question: Question,
        budget: Budget,
        setting: Setting,
        *,
        flight: Flight | None = None,
        depth: int = 0,
        spent: Spent | None = None,
        recorder: Recorder | None = None,
    ) -> None:
        super().__init__(question, budget, setting, depth=depth, spent=spent, recorder=recorder)
        self.forwarded: bool = False
        self._memory = setting.memory
        self._clock = setting.clock
        self._flight = Flight() if flight is None else flight

    async def run(self) -> Answer[Any]:
        """The answer. Raises WalkError, Deadline, BudgetExceeded."""
        question = self.question
        began = self._clock()
        part = await self._part(question.name)
        if part.plain is not None:
            answer = part.plain
            answer.expires = min(answer.expires, part.lease)
            answer.attempts = tuple(self.attempts)
            return answer
        parts = [part]
        passed = {question.name}
        while part.kind is Kind.ALIAS:
            if part.name in passed:
                raise WalkError(f"its aliases lead in a circle, by way of {part.name}")
            passed.add(part.name)
            self.budget.check_aliases(sum(r.type == RRType.CNAME for each in parts for r in each.records))
            self.spent = Spent()
            part = await self._part(part.name)
            parts.append(part)
        self.budget.check_aliases(self._count_aliases(parts))
        try:
            return self._join(parts, began)
        except MessageFormatError as error:
            raise WalkError(str(error)) from None

    def _count_aliases(self, parts: list[Part]) -> int:
        if self.question.type in (RRType.CNAME, RRType.ANY):
            return 0
        return sum(record.type == RRType.CNAME for part in parts for record in part.records)

    def _join(self, parts: list[Part], began: float) -> Answer[Any]:
        last, now = parts[-1], self._clock()
        records: list[Record] = []
        for part in parts:
            records += part.plain.records if part.plain is not None else part.records
        since = min(part.since for part in parts)
        answer: Answer[Any] = Answer.from_records(
            self.question,
            records,
            rcode=last.rcode,
            authority=last.authority,
            now=since,
            server=last.server,
            attempts=tuple(self.attempts),
            elapsed=now - began,
        )
        answer.expires = min(answer.expires, *(part.lease for part in parts))
        return answer

    # ---- one name on the way

    async def _part(self, name: Name) -> Part:
        setting = self.setting
        question = self.question if name is self.question.name else self.question._replace(name=name)
        local = setting.local.answer(question)
        if local is not None:
            return self._local_part(question, *local)
        forward = setting.forward_of(name)
        if forward is not None:
            self.forwarded = True
            found = await self._ask(forward, question, "forward")
            return self._part_of(found, forward)
        return await self._descend(question)

    def _local_part(self, question: Question, rcode: Rcode, records: list[Record], soa: list[Record]) -> Part:
        now = self._clock()
        kind = Kind.ANSWER if records else Kind.NO_NAME if rcode == Rcode.NXDOMAIN else Kind.NO_DATA
        part = Part(kind, question.name, lease=FOREVER, since=now, server="local")
        part.records, part.authority = records, tuple(soa)
        tell_known(
            self, question, "local", kind.value, "a special name, which is not asked for", believed=(*records, *soa)
        )
        return part

    async def _descend(self, question: Question) -> Part:
        """From zone to zone, towards the name."""
        setting, memory, name = self.setting, self._memory, question.name
        cut = await self._closest(question)
        if self.recorder is not None:
            tell_known(self, question, "start", Kind.REFERRAL.value, known_in_words(cut, self._clock()), zone=cut.zone)
        known, steps = cut.zone, 0
        denied: Name | None = None
        whole = not setting.minimise
        while True:
            now = self._clock()
            absence = memory.absence(name, cut.zone, now)
            if absence is not None:
                return self._absent_part(question, *absence, zone=cut.zone)
            step = name
            if not whole:
                step = next_step(name, known, steps)
                while step != name and memory.uncut.find(step, now) is not None:
                    known, step = step, next_step(name, step, steps)
            if step == name:
                found = await self._ask(cut, question, "answer")
                if found.kind is not Kind.REFERRAL:
                    part = self._part_of(found, cut)
                    self._conclude(denied, part)
                    return part
                below: Delegation | None = self._learn(found, cut)
            else:
                steps += 1
                kind, below = await self._show(cut, step)
                if kind is not Kind.REFERRAL:
                    known = step
                    if kind not in (Kind.ANSWER, Kind.NO_DATA):
                        # Whatever that was, the whole name is asked for now.
                        whole, denied = True, step if kind is Kind.NO_NAME else None
                    continue
            assert below is not None
            self.budget.spend_referral(self.spent)
            cut, known, whole, denied = below, below.zone, not setting.minimise, None

    def _conclude(self, denied: Name | None, part: Part) -> None:
        """After a part of the name was denied, and the whole asked for: what is to be remembered (RFC 8020)."""
        if denied is None or part.kind is Kind.ALIAS:
            return
        now = self._clock()
        if part.kind is Kind.NO_NAME and part.authority and not part.records:
            soa = part.authority[0]
            expires = min(part.since + min(soa.ttl, soa.data.minimum), part.lease)
            if expires > now:
                self._memory.absent.learn(denied, part.authority, expires)
        elif part.kind is not Kind.NO_NAME:  # it denies what only has no records of its own
            self._memory.uncut.learn(denied, True, min(now + FAILURE_LIFE * 12, part.lease))

    def _absent_part(self, question: Question, soa: tuple[Record, ...], expires: float, *, zone: Name) -> Part:
        part = Part(Kind.NO_NAME, question.name, lease=expires, since=self._clock())
        part.authority = soa
        outcome = "it, or a name above it, does not exist"
        tell_known(self, question, "known absent", Kind.NO_NAME.value, outcome, zone=zone, believed=soa)
        return part

    def _part_of(self, found: Found, cut: Delegation) -> Part:
        reading = found.reading
        name = self.question.name if found.plain is not None else reading.name
        part = Part(found.kind, name, lease=cut.expires, since=found.said.asked_at, server=found.server.text)
        part.plain, part.records, part.authority = found.plain, reading.records, reading.soa
        return part

    # ---- zones

    async def _closest(self, question: Question) -> Delegation:
        """The deepest zone known that has the answer; of DS that is the one above (RFC 4035, 3.1.4.1)."""
        name = question.name.parent if question.type == RRType.DS else question.name
        cut = self._memory.delegations.closest(name, self._clock())
        if cut.trust is Trust.HINT and self.setting.prime and question != PRIMING:
            await self._prime(cut)
            cut = self._memory.delegations.closest(name, self._clock())
        return cut

    async def _prime(self, hints: Delegation) -> None:
        """Ask the root servers for the root servers, unless that failed a moment ago.

        Raises WalkError when none of them replies; what they may reply instead does not matter.
        """
        if self._clock() < self.setting.prime_at:
            return
        try:
            await self._share(("prime",), lambda walk: walk.ask_for_root(hints), PRIMING)
        except WalkError as error:
            if not error.fleeting:
                self.setting.prime_at = self._clock() + PRIME_AGAIN
            if error.unheard:  # those are all that there are to ask
                raise

    async def ask_for_root(self, hints: Delegation) -> None:
        """Learn the root's delegation from a root server."""
        found = await self._ask(hints, PRIMING, "priming")
        root = None
        if found.message is not None:
            with contextlib.suppress(MessageFormatError):
                root = read_priming(found.message, found.said.asked_at, kept=self.budget.limits.nameservers_kept)
        if root is None:
            raise WalkError("the root servers name no root servers")
        self._memory.delegations.learn(self._allowed(root), self._clock())

    def _learn(self, found: Found, parent: Delegation) -> Delegation:
        reading = found.reading
        assert reading.cut is not None
        expires = min(found.said.asked_at + reading.ttl, parent.expires)
        cut = Delegation(reading.cut, reading.names, reading.glue, expires=expires, trust=Trust.REFERRAL)
        return self._memory.delegations.learn(self._allowed(cut), self._clock())

    def _allowed(self, cut: Delegation) -> Delegation:
        may_ask = self.setting.may_ask
        for name, addresses in list(cut.glue.items()):
            cut.glue[name] = tuple(filter(may_ask, addresses))
            if not cut.glue[name]:
                del cut.glue[name]
        return cut

    async def _show(self, cut: Delegation, step: Name) -> tuple[Kind | None, Delegation | None]:
        """Ask for a part of the name, together with all who need the same; the zone that is found so.

        None for what it is when nobody could say (RFC 9156, 3: then the whole name may go better).
        """
        try:
            kind, below = await self._share(
                ("cut", cut.zone, step), lambda walk: walk.look_for_cut(cut), Question(step, RRType.A)
            )
        except WalkError:
            return None, None
        return kind, below

    async def look_for_cut(self, cut: Delegation) -> tuple[Kind, Delegation | None]:
        """Ask for this walk's question only to see whether a zone begins at its name or above."""
        found = await self._ask(cut, self.question, "cut")
        if found.kind is Kind.REFERRAL:
            return found.kind, self._learn(found, cut)
        if found.plain is None and found.reading.name != self.question.name:
            return Kind.ALIAS, None
        if found.kind in (Kind.ANSWER, Kind.NO_DATA):
            part = self._part_of(found, cut)
            records = part.plain.records if part.plain is not None else [*part.records, *part.authority]
            ttl = min((record.ttl for record in records), default=0)
            expires = min(found.said.asked_at + max(ttl, LEAST_UNCUT), cut.expires)
            self._memory.uncut.learn(self.question.name, True, expires)
        # What is denied at the end of an alias does not deny the alias.
        denied_behind_alias = found.kind is Kind.NO_NAME and found.reading.name != self.question.name
        return Kind.ALIAS if denied_behind_alias else found.kind, None

    # ---- asking

    async def _ask(self, cut: Delegation, question: Question, purpose: str) -> Found:
        if self._clock() >= self.budget.deadline:
            raise Deadline
        return await Inquiry(self, cut, question, purpose, self._look_up).ask()

    async def _look_up(self, host: Name, type: RRType, zone: Name) -> tuple[str, ...]:
        """The addresses of a nameserver; none when it has none. Raises WalkError."""
        began = self._clock()
        known = self._memory.hosts.find(host, type, began)
        outcome = "given up"
        try:
            if known is None:
                known = await self._find(Question(host, type))
            outcome = known.failure or " ".join(known.addresses)
        except (WalkError, BudgetExceeded) as error:
            outcome = error.reason
            raise
        finally:
            if self.recorder is not None:
                good = known is not None and not known.failure
                kind = "failure" if not good else "answer" if outcome else "no-data"
                outcome = outcome or "it has none"
                tell_known(self, Question(host, type), "address", kind, outcome, zone=zone, host=host, began=began)
        if known.failure:
            raise WalkError(known.failure)
        addresses: tuple[str, ...] = known.addresses
        return addresses

    async def _find(self, question: Question) -> HostAddresses:
        """Look a nameserver's address up, together with all who need the same. Raises WalkError."""
        try:
            self.budget.check_depth(self.depth + 1)
        except BudgetExceeded as error:
            raise WalkError(error.reason, fleeting=True) from None
        key = "host", question.name, question.type
        found: HostAddresses = await self._share(key, lambda walk: walk.find_addresses(), question, deeper=True)
        return found

    async def find_addresses(self) -> HostAddresses:
        """The addresses that this walk's question is about, remembered if they may be."""
        host, type_, _ = self.question
        now = self._clock()
        try:
            answer = await self.run()
        except WalkError as error:
            found = HostAddresses((), now + FAILURE_LIFE, error.reason)
            if not error.fleeting:
                self._memory.hosts.learn(host, type_, found)
            return found
        except BudgetExceeded as error:
            if error.whole:
                raise
            return HostAddresses((), now, error.reason)
        addresses = tuple(filter(self.setting.may_ask, [data.address for data in answer][:MOST_GLUE]))
        found = HostAddresses(addresses, answer.expires)
        if not self.forwarded:
            self._memory.hosts.learn(host, type_, found)
        return found

    async def _share(
        self, key: tuple[Any, ...], begin: Callable[[Walk], Any], question: Question, *, deeper: bool = False
    ) -> Any:
        """What a walk of its own finds, together with all who need the same at this time.

        When it fails for want of what another client may spend, it is begun again for this one.
        """

        def start(flight: Flight) -> Any:
            walk = Walk(
                question,
                self.budget,
                self.setting,
                flight=flight,
                depth=self.depth + deeper,
                recorder=self.recorder,
                spent=None if deeper else self.spent,
            )
            return begin(walk)

        flights = self.setting.flights
        while True:
            joined = key in flights
            try:
                seconds = self.budget.deadline - self._clock() + (0.0 if joined else GRACE)
                found, _ = await flights.share(key, self._flight, start, seconds)
            except Circle:
                raise WalkError("it needs itself to be found", fleeting=True) from None
            except asyncio.TimeoutError:
                raise Deadline from None
            except (Deadline, BudgetExceeded):
                if not joined or self._clock() >= self.budget.deadline:
                    raise
            else:
                return found
