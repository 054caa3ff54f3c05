"""CaresBackend: c-ares, through pycares and aiodns. Importing this file imports both."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Any

import pycares

from aioresolver.answer import Answer
from aioresolver.backends.batches import PLENTY, Landed
from aioresolver.backends.cares_channel import Channel, open_channel
from aioresolver.backends.cares_records import read_addresses, read_records
from aioresolver.errors import (
    Attempt,
    ConfigurationError,
    LookupTimeout,
    ServerFailure,
    UsageError,
)
from aioresolver.flow.closing import Closing
from aioresolver.flow.deadline_ring import DeadlineRing
from aioresolver.transports.nameserver import Nameserver
from aioresolver.wire.codes import Rcode
from aioresolver.wire.message import Question

__all__ = ["CaresBackend"]

TRIES = 4
CHECK_SECONDS = 5.0
RECEIVE_BUFFER = 4 << 20
# c-ares calls it a timeout, too, when it cannot even connect; but where it waited, it did so for 0.25 s at least.
LEAST_WAIT = 0.1
RESOLV_CONF = "/etc/resolv.conf"


class CaresBackend(Closing):
    """Asks nameservers through c-ares, the C library of curl and Node.js.

    `nameservers` are addresses or URLs, all udp (`9.9.9.9`, `udp://127.0.0.1:5353`) or all tcp; None takes those
    of the system, as c-ares finds them, and follows when resolv.conf changes. `patience` is the time in seconds after
    which a silent nameserver is asked again until c-ares has measured it; it doubles from try to try. `rotate`
    spreads the questions over the nameservers. `flags` are c-ares' own: none of them by default, so that there is no
    EDNS and with it no DNS cookie, on which many a home router chokes.

    The deadline is ours. c-ares stops waiting when it thinks fit, often well before; it is then asked again.

    What c-ares and pycares cannot do, a StubBackend can:

    - types other than A AAAA ANY CAA CNAME HTTPS MX NAPTR NS PTR SOA SRV TLSA TXT URI cannot be asked for, and
      records of other types are missing from answers; TXT strings come joined (and are cut again at 255 bytes), CAA
      values end at their first NUL;
    - names with other characters than letters, digits and `-_*/` cannot be asked for;
    - no SOA, no alias and no code comes with "no such name" or "no such records": such an answer is good for
      `negative_ttl` seconds whatever its zone says;
    - c-ares keeps a cache that cannot be turned off. It counts TTLs down rightly, but keeps "no such records" for an
      hour; so it is emptied before `negative_ttl` seconds have passed since such an answer;
    - one question cannot be withdrawn: cancelled, it is still sent again until c-ares gives up;
    - late replies, those to an earlier try, are thrown away; under steady load a nameserver's port stays the same;
    - an attempt names all nameservers, since c-ares does not say which one failed.

    `threaded` hands the driving to aiodns, which uses a thread and four descriptors and knows only the types of
    its own list; it is the default on Windows' Proactor loop alone. Otherwise the event loop does it: no thread but
    the one that pycares keeps for the process, and after `aclose()` no descriptor; aiodns' go a moment after it.
    """

    concurrency = 200
    negative_ttl = 30

    def __init__(
        self,
        nameservers: Sequence[Nameserver | str] | Nameserver | str | None = None,
        *,
        patience: float = 0.5,
        rotate: bool = False,
        flags: int = 0,
        threaded: bool | None = None,
    ) -> None:
        if isinstance(nameservers, (str, Nameserver)):
            nameservers = [nameservers]
        parsed = [n if isinstance(n, Nameserver) else Nameserver.parse(n) for n in nameservers or ()]
        if nameservers is not None and not parsed:
            raise ConfigurationError("a c-ares backend needs at least one nameserver, or None for the system's")
        if not patience > 0:
            raise ConfigurationError(f"patience is a number of seconds above 0, not {patience}")
        self.nameservers: tuple[Nameserver, ...] = tuple(dict.fromkeys(parsed))
        self._scheme = _common_scheme(self.nameservers)
        self._server = ", ".join(map(str, self.nameservers)) or "c-ares"
        self._options: dict[str, Any] = {
            "flags": flags | (pycares.ARES_FLAG_USEVC if self._scheme == "tcp" else 0),
            "timeout": patience,
            "tries": TRIES,
            "rotate": rotate,
            "socket_receive_buffer_size": RECEIVE_BUFFER,
        }
        if self.nameservers:
            self._options["servers"] = [_server_text(nameserver) for nameserver in self.nameservers]
        self._watched = None if self.nameservers else RESOLV_CONF
        self._threaded = threaded
        self._under_way: set[_Lookup] = set()
        self._posted: dict[Question, _Lookup] = {}
        self._outcomes: list[tuple[Question, Answer[Any] | BaseException]] = []
        self._landed: Landed | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._channel: Channel | None = None
        self._alarms: DeadlineRing | None = None
        self._closed = False
        self._forgetting: asyncio.TimerHandle | None = None
        self._check_at = 0.0
        self._seen: tuple[int, ...] = ()

    async def query(self, question: Question, deadline: float) -> Answer[Any]:
        """Ask until an answer comes; raises ServerFailure, LookupTimeout, or ConfigurationError for other types."""
        return await self.submit(question, deadline)

    def submit(self, question: Question, deadline: float) -> asyncio.Future[Answer[Any]]:
        """The same without a coroutine; cancelling the future ends the wait at once."""
        loop, channel = self._ready()
        if not channel.knows(question):
            raise _unable(question)
        future: asyncio.Future[Answer[Any]] = loop.create_future()

        def done(_: Question, outcome: Answer[Any] | BaseException) -> None:
            if isinstance(outcome, Answer):
                future.set_result(outcome)
            else:
                future.set_exception(outcome)

        lookup = _Lookup(self, question, deadline, done)
        future.add_done_callback(lambda _: lookup.end())
        lookup.start(channel)
        return future

    # ---- the same in batches (see BatchBackend)

    def serve(self, landed: Landed, roomy: Callable[[], object]) -> None:
        """Give outcomes to `landed` from now on."""
        self._landed = landed

    def room(self, now: float) -> int:
        """The limiter alone says how many c-ares is given."""
        return PLENTY

    def post(self, questions: Sequence[Question], deadline: float) -> None:
        """Ask all of these."""
        _, channel = self._ready()
        for question in questions:
            if channel.knows(question):
                lookup = self._posted[question] = _Lookup(self, question, deadline, self._land)
                lookup.start(channel)
            else:
                self._land(question, _unable(question))

    def withdraw(self, questions: Collection[Question]) -> int:
        """Forget these; c-ares cannot withdraw a question, but nobody hears of it any more."""
        lookups = [self._posted.pop(question) for question in questions if question in self._posted]
        for lookup in lookups:
            lookup.end()
        before = len(self._outcomes)
        self._outcomes = [each for each in self._outcomes if each[0] not in questions]
        return len(lookups) + before - len(self._outcomes)

    def _land(self, question: Question, outcome: Answer[Any] | BaseException) -> None:
        """c-ares may say so while it is asked: those who posted hear of it at the next turn."""
        self._posted.pop(question, None)
        self._outcomes.append((question, outcome))
        if len(self._outcomes) == 1:
            asyncio.get_running_loop().call_soon(self._hand_over)

    def _hand_over(self) -> None:
        outcomes, self._outcomes = self._outcomes, []
        if self._landed is not None and outcomes:
            self._landed(outcomes)

    async def aclose(self) -> None:
        """Close every socket; lookups under way fail. May be called twice."""
        self._closed = True
        channel, self._channel = self._channel, None
        if channel is None:
            return
        assert self._alarms is not None
        for lookup in list(self._under_way):
            lookup.fail("the backend was closed")
        self._alarms.close()
        if self._forgetting is not None:
            self._forgetting.cancel()
        await channel.aclose()

    def __repr__(self) -> str:
        return f"CaresBackend({[str(nameserver) for nameserver in self.nameservers] or None})"

    def _ready(self) -> tuple[asyncio.AbstractEventLoop, Channel]:
        loop, channel = self._loop, self._channel
        if loop is None or channel is None or self._closed or loop is not asyncio.get_running_loop():
            loop, channel = self._bind()
        now = loop.time()
        if now >= self._check_at:
            self._check_configuration(channel, now)
        return loop, channel

    def _bind(self) -> tuple[asyncio.AbstractEventLoop, Channel]:
        """Belong to the running loop from the first query on."""
        loop = asyncio.get_running_loop()
        if self._closed:
            raise UsageError("the backend is closed")
        if self._loop is not None:
            raise UsageError("the backend belongs to another event loop: make one for each loop")
        try:
            self._channel = open_channel(loop, self._options, threaded=self._threaded)
        except pycares.AresError as error:
            raise ConfigurationError(f"c-ares does not start: {error.args[-1]}") from error
        self._loop = loop
        self._alarms = DeadlineRing(loop)
        self._check_at = float("inf") if self._watched is None else loop.time() + CHECK_SECONDS
        self._seen = _signature(self._watched)
        return loop, self._channel

    def _check_configuration(self, channel: Channel, now: float) -> None:
        """Have c-ares read it again when it may have changed; what is under way moves to the new nameservers."""
        self._check_at = now + CHECK_SECONDS
        seen, self._seen = self._seen, _signature(self._watched)
        # Without such a file (macOS, Windows) only c-ares knows whether something has changed.
        if seen != self._seen or not seen:
            channel.refresh()

    def _forget_later(self) -> None:
        """Empty c-ares' cache before ours asks again for what does not exist today."""
        if self._forgetting is None and self._loop is not None:
            self._forgetting = self._loop.call_later(max(0, self.negative_ttl - 1), self._forget)

    def _forget(self) -> None:
        self._forgetting = None
        if self._channel is not None:
            self._channel.refresh()


class _Lookup:
    """One question on its way through c-ares."""

    __slots__ = ("_alarm", "_asked", "_attempts", "_backend", "_began", "_deadline", "_done", "_over", "_question")

    def __init__(
        self,
        backend: CaresBackend,
        question: Question,
        deadline: float,
        done: Callable[[Question, Answer[Any] | BaseException], object],
    ) -> None:
        self._backend = backend
        self._question = question
        self._deadline = deadline
        self._done = done
        self._over = False
        self._attempts: tuple[Attempt, ...] = ()
        self._alarm: Any = None

    def start(self, channel: Channel) -> None:
        """Ask, until the deadline."""
        backend = self._backend
        assert backend._alarms is not None
        self._began = self._asked = self._now()
        if self._deadline <= self._began:
            self.expired()
            return
        backend._under_way.add(self)
        self._alarm = backend._alarms.add(self._deadline, self.expired)
        channel.ask(self._question, self.heard)

    def heard(self, result: pycares.DNSResult | None, error: int | None) -> None:
        """c-ares has an answer or has given up; what is raised here would vanish in C."""
        if self._over:
            return
        try:
            if result is not None:
                self._answered(result)
            elif error == ARES.ARES_ETIMEOUT and self._now() - self._asked > LEAST_WAIT:
                self._attempts += (self._attempt("no reply"),)
                asyncio.get_running_loop().call_soon(self._ask_again)
            elif error == ARES.ARES_EBADNAME:
                self._settle(_unable(self._question))
            elif error in RCODES:
                self._absent(RCODES[error])
            else:
                self._failed(error)
        except ValueError as bad:
            self._attempts += (self._attempt(f"malformed reply: {bad}"),)
            self.fail(f"no usable answer (malformed reply: {bad})")
        except Exception as bug:  # noqa: BLE001 - in C it would vanish, the asker shall see it
            self._settle(bug)

    def expired(self) -> None:
        """The deadline has come."""
        now = self._now()
        attempts = (*self._attempts, self._attempt("no reply" if now > self._asked else "no time left"))
        name, type_ = str(self._question.name), str(self._question.type)
        reason = f"no answer within {now - self._began:.3g} s"
        self._settle(LookupTimeout(name, type_, reason, attempts=attempts))

    def fail(self, reason: str, *, rcode: str | None = None) -> None:
        """End without an answer."""
        name, type_ = str(self._question.name), str(self._question.type)
        self._settle(ServerFailure(name, type_, reason, rcode=rcode, attempts=self._attempts))

    def end(self) -> None:
        """There is an answer, an error, or nobody who wants either."""
        backend = self._backend
        self._over = True
        backend._under_way.discard(self)
        if backend._alarms is not None and self._alarm is not None:
            backend._alarms.discard(self._alarm)

    def _settle(self, outcome: Answer[Any] | BaseException) -> None:
        if not self._over:
            self.end()
            self._done(self._question, outcome)

    def _answered(self, result: pycares.DNSResult) -> None:
        now = self._now()
        plain = read_addresses(result.answer, self._question)
        if plain is not None:
            answer: Answer[Any] = Answer.from_addresses(self._question, plain, now=self._asked, **self._marks(now))
        else:
            records, authority = read_records(result.answer), read_records(result.authority)
            marks = self._marks(now)
            answer = Answer.from_records(self._question, records, now=self._asked, authority=authority, **marks)
        self._settle(answer)

    def _absent(self, rcode: Rcode) -> None:
        backend = self._backend
        now = self._now()
        if rcode == Rcode.NOERROR:
            backend._forget_later()
        answer: Answer[Any] = Answer.from_records(
            self._question, now=now, rcode=rcode, ttl=backend.negative_ttl, **self._marks(now)
        )
        self._settle(answer)

    def _failed(self, error: int | None) -> None:
        outcome, rcode = FAILURES.get(error or 0, (None, None))
        if outcome is None:
            text = ARES.strerror(error or 0)
            outcome = text if isinstance(text, str) else text.decode(errors="replace")
        self._attempts += (self._attempt(outcome),)
        self.fail(f"no nameserver could answer ({outcome})", rcode=rcode)

    def _ask_again(self) -> None:
        channel = self._backend._channel
        if channel is not None and not self._over:
            self._asked = self._now()
            channel.ask(self._question, self.heard)

    def _attempt(self, outcome: str) -> Attempt:
        return Attempt(self._backend._server, self._backend._scheme, outcome, self._now() - self._asked)

    def _now(self) -> float:
        loop = self._backend._loop
        assert loop is not None
        return loop.time()

    def _marks(self, now: float) -> dict[str, Any]:
        return {"server": self._backend._server, "attempts": self._attempts, "elapsed": now - self._began}


ARES = pycares.errno
RCODES = {ARES.ARES_ENOTFOUND: Rcode.NXDOMAIN, ARES.ARES_ENODATA: Rcode.NOERROR}
FAILURES: dict[int, tuple[str | None, str | None]] = {
    ARES.ARES_ESERVFAIL: ("SERVFAIL", "SERVFAIL"),
    ARES.ARES_EREFUSED: ("REFUSED", "REFUSED"),
    ARES.ARES_EFORMERR: ("FORMERR", "FORMERR"),
    ARES.ARES_ENOTIMP: ("NOTIMP", "NOTIMP"),
    ARES.ARES_ECONNREFUSED: ("connection refused", None),
    ARES.ARES_ETIMEOUT: ("no connection", None),
    ARES.ARES_EBADRESP: ("malformed reply", None),
    ARES.ARES_ECANCELLED: ("cancelled by c-ares", None),
}


def _unable(question: Question) -> ConfigurationError:
    return ConfigurationError(f"the c-ares backend cannot ask for {question}: use a StubBackend")


def _common_scheme(nameservers: Sequence[Nameserver]) -> str:
    schemes = {nameserver.scheme for nameserver in nameservers} or {"udp"}
    if schemes not in ({"udp"}, {"tcp"}):
        raise ConfigurationError(
            f"the c-ares backend speaks udp, or tcp with all nameservers, not {', '.join(sorted(schemes))}: "
            "use a StubBackend"
        )
    return schemes.pop()


def _server_text(nameserver: Nameserver) -> str:
    address = nameserver.address
    return f"[{address}]:{nameserver.port}" if ":" in address else f"{address}:{nameserver.port}"


def _signature(path: str | None) -> tuple[int, ...]:
    """What changes when the file does; empty when there is none."""
    if path is None:
        return ()
    try:
        status = Path(path).stat()
    except OSError:
        return ()
    return status.st_mtime_ns, status.st_ino, status.st_size
