"""Lookup: one question on its way through the upstreams, until an answer or the deadline.

It is driven by what happens: a reply, a failure, or the alarm that says that patience or time is over. Whichever
reply comes first ends it, also a late one to an earlier try.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from aioresolver.alias_chain import MAX_ALIASES
from aioresolver.answer import Answer
from aioresolver.backends.budgets import MOST_BYTES, MOST_PACKETS, Allowance
from aioresolver.backends.trial import Trial
from aioresolver.backends.turns import SECOND_CHANCE, STRIKES, Turns
from aioresolver.backends.upstream import USEFUL_RCODES, Upstream
from aioresolver.errors import (
    Attempt,
    LookupTimeout,
    MessageFormatError,
    ServerFailure,
)
from aioresolver.wire.codes import Rcode, RRType
from aioresolver.wire.edns import Edns, explain_errors
from aioresolver.wire.message import Message, Question
from aioresolver.wire.names import Name

__all__ = ["Lookup", "is_lame"]

BREATHER = 0.25
# Who was of use a moment ago and now refuses to be connected is being started again.
RESTARTING = 5.0
RESTARTED = 2.5
BAD_COOKIES = 3
COOKIELESS = "a reply without our cookie"
MANGLED = "the question came back in other letters"
# A check over TCP that was silent for so long is none.
CHECK_TAKES = 0.25
ENDLESS = f"the aliases are a circle or more than {MAX_ALIASES}"
SPENT = f"following the aliases took more than {MOST_PACKETS} packets or {MOST_BYTES // 1024} KiB"
TRUNCATED = 0x02
# A connection begins with two or three round trips, and the carriage retransmits by itself.
STREAM_PATIENCE = 1.5
# Stands for whatever the upstream is known to take.
LEARNT = Edns()
EDNS_COMPLAINTS = frozenset({Rcode.FORMERR, Rcode.NOTIMP, Rcode.BADVERS})


class Alarms(Protocol):
    """What wakes a lookup up: a deadline ring."""

    def add(self, when: float, callback: Callable[[], object]) -> Any: ...

    def discard(self, token: Any) -> None: ...


# A subclass with its own cancel() costs a fraction of a plain Future with a callback that watches for it.
class Lookup(asyncio.Future[Answer[Any]]):
    """One question and the tries made for it; the future of its Answer or ResolutionError.

    Cancelling it ends retransmission and frees every id at once.
    """

    __slots__ = ("_alarm", "_alarms", "_allowance", "_endless", "_following", "_last_call", "_passed",
                 "_patience_ends", "_race", "_truncated", "_turns", "_under_way", "_upstreams", "began", "deadline", "now", "question",
                 "trials")  # fmt: skip

    def __init__(
        self,
        question: Question,
        deadline: float,
        upstreams: Sequence[Upstream],
        *,
        loop: asyncio.AbstractEventLoop,
        alarms: Alarms,
        under_way: set[Lookup],
        race: int = 1,
        passed: tuple[Name, ...] = (),
        allowance: Allowance | None = None,
    ) -> None:
        super().__init__(loop=loop)
        self.question: Question = question
        self.deadline: float = deadline
        self.trials: list[Trial] = []
        self.now: Callable[[], float] = loop.time
        self.began: float = loop.time()
        self._upstreams = upstreams
        self._alarms = alarms
        self._under_way = under_way
        self._race = race
        self._passed = passed
        self._following = False
        self._endless = ""
        self._allowance = allowance or Allowance()
        self._patience_ends = deadline
        self._turns = Turns()
        self._truncated: Answer[Any] | None = None
        self._alarm: Any = None
        self._last_call = False
        under_way.add(self)

    def wait(self) -> None:
        """Wait for a turn, at most until the deadline."""
        self._set_alarm(self.deadline)

    def start(self) -> None:
        """Ask the best upstream, or the best few; others that nobody knows about get a copy, on which nothing waits."""
        now = self.began = self.now()
        asked = self._turns.begin(self._upstreams, race=self._race)
        if not asked:  # the last of those that had to be discovered is gone
            self.wait()
            return
        self._be_patient(asked[-1], now)
        for upstream in asked:
            self._send(upstream, now)
        for upstream in self._turns.usable() if len(self._turns) > len(asked) else ():
            if upstream not in asked and upstream.health.wants_probe(now):
                upstream.probe(self.question, now)

    def take_reply(self, upstream: Upstream, reply: bytes, *, asked_at: float, edns: Edns | None) -> None:
        """Go on from a first try that this came of."""
        trial = self._take_over(upstream, asked_at, edns=edns)
        trial.replied(reply, self.get_loop())
        self.heard(trial, reply)

    def take_exchange(
        self, upstream: Upstream, exchange: asyncio.Future[bytes], *, asked_at: float, edns: Edns | None, silent: bool
    ) -> None:
        """Go on from a first try that has failed, or with which patience is at an end if it is `silent`."""
        trial = self._take_over(upstream, asked_at, edns=edns)
        trial.take(exchange)
        if silent:
            now = self.now()
            trial.went_silent(now)
            self._try_next(now)

    def _take_over(self, upstream: Upstream, asked_at: float, *, edns: Edns | None) -> Trial:
        self.began = asked_at
        self._turns.begin(self._upstreams, upstream)
        trial = Trial(self, upstream, upstream.nameserver.scheme, asked_at, edns=edns)
        self.trials.append(trial)
        self._allowance.sent()
        self._be_patient(upstream, self.now())
        return trial

    def hedge(self) -> None:
        """Ask the next upstream too, without losing patience with those that were asked."""
        self._try_next(self.now())

    def hasten(self) -> None:
        """Lose patience soon."""
        if self._turns:
            now = self.now()
            self._set_alarm(min(self._end_of_patience(self._turns.latest, now), self.deadline))

    def widen(self, upstreams: Sequence[Upstream]) -> None:
        """Ask these from now on: soon, and before the others."""
        self._upstreams = [*upstreams, *self._upstreams]
        if self._turns:
            self._turns.add(upstreams)
            self._set_alarm(min(self.now() + BREATHER, self.deadline))

    def cancel(self, msg: Any | None = None) -> bool:
        """Nobody wants the answer any more."""
        if self.done():
            return False
        self._settle()
        return super().cancel(msg)

    def fail(self, error: BaseException) -> None:
        """End without an answer."""
        if not self.done():
            self._settle()
            self.set_exception(error)

    # ---- what happens

    def heard(self, trial: Trial, reply: bytes) -> None:
        """A reply that matches the question came."""
        if self._following:  # another one was faster
            return
        now = self.now()
        upstream = trial.upstream
        self._allowance.read(len(reply))
        if reply[2] & TRUNCATED and trial.scheme == "udp":
            self._truncated = self._truncated or self._answer_of(reply, trial, now)
            upstream.dialect.truncated(trial.edns, now)
            self._ask_over_tcp(trial, "truncated", now)
            return
        try:
            message = Message.parse(reply)
            if not upstream.believes(message, edns=trial.edns, scheme=trial.scheme, now=now):
                self._ask_over_tcp(trial, COOKIELESS, now)
                return
            if message.rcode not in USEFUL_RCODES:
                self._refused(trial, message, now)
                return
            answer = self._read(message, trial, now)
            lame = is_lame(answer, message, trial.sent)
        except MessageFormatError as error:
            expected = upstream.dialect.expected()
            if trial.scheme == "udp" and expected is not None and expected not in reply:
                self._ask_over_tcp(trial, COOKIELESS, now)
            else:
                self._failed(trial, f"malformed reply: {error}", now)
            return
        if lame:
            self._failed(trial, "a referral: it does not resolve for others", now)
            return
        if reply[2] & TRUNCATED:
            self._truncated = self._truncated or answer
            self._failed(trial, f"truncated over {trial.scheme}", now)
            return
        upstream.served(edns=trial.edns, now=now)
        if answer.dangling:
            self._follow(answer)
        else:
            self._finish(answer)

    def broke(self, trial: Trial, error: OSError) -> None:
        """The question or the reply could not be carried."""
        if self._following:
            return
        now = self.now()
        upstream = trial.upstream
        if now >= self.deadline:
            self._give_up(now)
            return
        if upstream.mangled(error, now):
            self._ask_unmangled(trial, now)
            return
        trial.failed(error.strerror or str(error), now)
        if not getattr(error, "local", False):
            upstream.failed(now, reached=False)
        # A connection for what was truncated may break once; where there is none to be had, once more is enough.
        usual = trial.scheme == upstream.nameserver.scheme
        if not (usual and self._is_restarting(upstream, now)):
            self._turns.strike(upstream, 1 if usual or self._truncated is None else SECOND_CHANCE)
        if not usual:
            upstream.use_datagrams()
            self._could_not_check(upstream, now, silent=False)
        if self._untried():
            self._try_next(now)
        elif not self._turns.usable():
            self._give_up(now)
        elif not any(trial.pending for trial in self.trials):  # there is nothing left to be patient with
            self._set_alarm(min(now + BREATHER * max(1, self._turns.strikes(upstream)), self.deadline))

    def _is_restarting(self, upstream: Upstream, now: float) -> bool:
        """Whether it only seems to be gone for a moment."""
        if self._turns.strikes(upstream) != SECOND_CHANCE:
            return False
        if now - upstream.served_at < RESTARTED:  # and it served somebody meanwhile, so it is up from time to time
            return True
        return now - self.began < RESTARTED and self.began - upstream.served_at < RESTARTING

    def _alarmed(self) -> None:
        """Patience or time is over."""
        now = self.now()
        if any(trial.arrived for trial in self.trials):
            self._set_alarm(now)
        elif now < self.deadline:
            if now >= self._patience_ends:
                self._lose_patience(now)
            self._try_next(now)
        elif self._last_call or not any(trial.pending for trial in self.trials):
            self._give_up(now)
        else:  # after the loop was held up, replies may have come that nobody has read: the transports look at this turn
            self._last_call = True
            self._set_alarm(now)

    def _lose_patience(self, now: float) -> None:
        for trial in self.trials:
            instead = trial.scheme != trial.upstream.nameserver.scheme
            if instead and trial.outcome is None and not trial.silent and now - trial.sent >= CHECK_TAKES:
                self._could_not_check(trial.upstream, now, silent=True)
            trial.went_silent(now)

    def _could_not_check(self, upstream: Upstream, now: float, *, silent: bool) -> None:
        """There is no TCP to check doubtful replies over: they are what there is."""
        outcomes = {trial.outcome for trial in self.trials if trial.upstream is upstream}
        if COOKIELESS in outcomes:
            upstream.dialect.cannot_be_checked(now, silent=silent)
        if MANGLED in outcomes:
            upstream.dialect.mangled(now)

    def _refused(self, trial: Trial, message: Message, now: float) -> None:
        rcode = message.rcode
        if rcode == Rcode.BADCOOKIE and trial.edns and trial.scheme == "udp":  # it sent the one that it wants to see
            trial.failed(str(rcode), now)
            tries = sum(trial.outcome == str(rcode) for trial in self.trials)
            self._send(trial.upstream, now, scheme="tcp" if tries >= BAD_COOKIES else None)
            return
        if rcode in EDNS_COMPLAINTS and trial.edns:
            trial.failed(f"{rcode} to EDNS", now)
            trial.upstream.dialect.doubted = True
            self._send(trial.upstream, now, scheme=trial.scheme, edns=None)
            return
        notes = message.edns.extended_errors if message.edns is not None else ()
        trial.extended_errors = notes
        self._failed(trial, f"{rcode} ({explain_errors(notes)})" if notes else str(rcode), now)

    def _failed(self, trial: Trial, outcome: str, now: float) -> None:
        """The upstream cannot answer this question; the next one may, and an only one is asked once more."""
        trial.failed(outcome, now)
        trial.upstream.failed(now)
        self._turns.strike(trial.upstream, STRIKES if len(self._turns) > 1 else SECOND_CHANCE)
        waiting = [trial for trial in self.trials if trial.pending]
        if self._untried() or (self._turns.usable() and all(trial.silent for trial in waiting)):
            self._try_next(now)
        elif not waiting and not self._turns.usable():
            self._give_up(now)

    # ---- what is done about it

    def _ask_over_tcp(self, trial: Trial, outcome: str, now: float) -> None:
        """Ask the same upstream again, in a way in which its reply can be believed, and be whole."""
        trial.failed(outcome, now)
        self._patience_ends = min(now + STREAM_PATIENCE, self.deadline)
        self._set_alarm(self._patience_ends)
        self._send(trial.upstream, now, scheme="tcp", edns=None if trial.edns is None else LEARNT)

    def _ask_unmangled(self, trial: Trial, now: float) -> None:
        """Ask again so that letters need not be trusted: over TCP, or, if that did not help, in letters as they are."""
        upstream = trial.upstream
        checked = any(each.upstream is upstream and each.scheme == "tcp" for each in self.trials)
        if not checked or upstream.dialect.randomizes(now):
            self._ask_over_tcp(trial, MANGLED, now)
            return
        trial.failed(MANGLED, now)
        self._be_patient(upstream, now)
        self._send(upstream, now)

    def _untried(self) -> bool:
        tried = {trial.upstream for trial in self.trials}
        return any(upstream not in tried for upstream in self._turns.usable())

    def _try_next(self, now: float) -> None:
        """Send to the upstream whose turn it is, and be patient with it."""
        busy = [trial.upstream for trial in self.trials if self._occupies(trial)]
        turn = self._turns.next(busy)
        if turn is None or self._allowance.spent:
            # Who was asked before their patience was over may have nobody to ask yet.
            self._set_alarm(self._patience_ends if now < self._patience_ends else self.deadline)
        elif not turn.may_retry(now, len(self.trials)):
            self._set_alarm(min(now + BREATHER, self.deadline))
        else:
            self._turns.asked(turn)
            self._be_patient(turn, now)
            self._send(turn, now)

    def _occupies(self, trial: Trial) -> bool:
        """Whether there is no sense in asking its upstream again: a connection retransmits by itself."""
        if trial.scheme == "udp" or not trial.pending:
            return False
        # One that was tried instead of datagrams may be the wrong way.
        instead = trial.upstream.nameserver.scheme == "udp" and self._truncated is None
        return not (instead and trial.silent)

    def _be_patient(self, upstream: Upstream, now: float) -> None:
        """Wait for it as long as its usual time allows; a second one may be asked before."""
        self._patience_ends = ends = self._end_of_patience(upstream, now)
        hedge_after = upstream.health.hedge_after
        if hedge_after is not None and len(self._turns) > 1 and len(self.trials) <= 1:
            ends = min(ends, now + hedge_after)
        self._set_alarm(ends)

    def _end_of_patience(self, upstream: Upstream, now: float) -> float:
        patience = upstream.health.patience(len(self.trials) // len(self._turns), self.deadline - now)
        if upstream.scheme != "udp":
            patience = max(patience, STREAM_PATIENCE)
        return min(now + patience, self.deadline)

    def _send(self, upstream: Upstream, now: float, *, scheme: str | None = None, edns: Edns | None = LEARNT) -> None:
        if self._allowance.spent:  # what was sent may still be answered
            return
        if edns is LEARNT:
            edns = upstream.edns(now, silences=self._silences(upstream) if self.trials else 0)
        trial = Trial(self, upstream, scheme or upstream.scheme, now, edns=edns)
        self.trials.append(trial)
        self._allowance.sent()
        trial.send()

    def _silences(self, upstream: Upstream) -> int:
        return sum(trial.upstream is upstream and trial.edns is not None and trial.pending for trial in self.trials)

    def _follow(self, answer: Answer[Any]) -> None:
        """Ask for the name that the aliases lead to, of which the server said nothing."""
        passed = (*self._passed, *answer.aliases)
        if answer.name in passed or len(passed) > MAX_ALIASES:
            self._fail_endless(ENDLESS)
            return
        if self._allowance.spent:
            self._fail_endless(SPENT)
            return
        self._settle()
        self._following = True
        tail = Lookup(
            self.question._replace(name=answer.name),
            self.deadline,
            self._upstreams,
            loop=self.get_loop(),
            alarms=self._alarms,
            under_way=self._under_way,
            race=self._race,
            passed=passed,
            allowance=self._allowance,
        )
        self.add_done_callback(lambda _: tail.cancel())
        tail.add_done_callback(lambda _: self._join(answer, tail))
        tail.start()

    def _join(self, answer: Answer[Any], tail: Lookup) -> None:
        """What became of the name that the aliases lead to."""
        error = None if tail.cancelled() else tail.exception()
        if self.done():
            return
        if tail._endless:
            self._fail_endless(tail._endless)
            return
        if isinstance(error, LookupTimeout):  # nobody has refused to say what is there
            self._give_up(self.now())
            return
        try:
            self._finish(answer if tail.cancelled() or error else answer.continued(tail.result()))
        except MessageFormatError:  # together they are more than each
            self._fail_endless(ENDLESS)

    def _fail_endless(self, reason: str) -> None:
        self._endless = reason
        self.fail(ServerFailure(self.question.name, str(self.question.type), reason, attempts=self._attempts()))

    def _finish(self, answer: Answer[Any]) -> None:
        self._settle()
        if not self.done():
            self.set_result(answer)

    def _give_up(self, now: float) -> None:
        if self._truncated:
            self._finish(self._truncated)
            return
        name, type_ = str(self.question.name), str(self.question.type)
        attempts = self._attempts()
        if now >= self.deadline:
            self._lose_patience(now)
            reason = f"no answer within {now - self.began:.3g} s"
            if not (self.trials or self._upstreams):
                reason += ": no encrypted nameserver was discovered"
            self.fail(LookupTimeout(name, type_, reason, attempts=attempts))
        else:
            outcome = attempts[-1].outcome if attempts else "no nameserver"
            self.fail(ServerFailure(name, type_, f"no nameserver could answer ({outcome})", attempts=attempts))

    def _read(self, message: Message, trial: Trial, now: float) -> Answer[Any]:
        attempts = self._attempts(besides=trial) if len(self.trials) > 1 else ()
        server, elapsed = trial.upstream.text, now - self.began
        asked_at = trial.sent - getattr(message.wire, "age", 0.0)
        return Answer.of(self.question, message, now=asked_at, server=server, attempts=attempts, elapsed=elapsed)

    def _answer_of(self, reply: bytes, trial: Trial, now: float) -> Answer[Any] | None:
        """What there is of an answer that was cut off, if it can be read, and believed."""
        try:
            message = Message.parse(reply)
            if not trial.upstream.believes(message, edns=trial.edns, scheme=trial.scheme, now=now):
                return None
            answer = self._read(message, trial, now)
        except MessageFormatError:
            return None
        answer.expires = trial.sent  # some is missing, so nobody is to keep it (RFC 2181, 9)
        return answer

    def _settle(self) -> None:
        if self._alarm is not None:
            self._alarms.discard(self._alarm)
            self._alarm = None
        self._under_way.discard(self)
        for trial in self.trials:
            if trial.pending:
                trial.drop()

    def _set_alarm(self, when: float) -> None:
        if self._alarm is not None:
            self._alarms.discard(self._alarm)
        self._alarm = self._alarms.add(when, self._alarmed)

    def _attempts(self, besides: Trial | None = None) -> tuple[Attempt, ...]:
        now = self.now()
        return tuple(trial.as_attempt(now) for trial in self.trials if trial is not besides)


def is_lame(answer: Answer[Any], message: Message, asked_at: float) -> bool:
    """Whether it is but a referral, by a server that does not resolve for others."""
    if answer.expires > asked_at or message.answer or message.rcode != Rcode.NOERROR:
        return False
    types = {record.type for record in message.authority}
    return RRType.NS in types and RRType.SOA not in types
