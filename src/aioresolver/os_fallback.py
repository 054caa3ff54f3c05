"""OsFallback: what DNS cannot answer is asked of the operating system once, which may know it from elsewhere."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Callable
from typing import Any, NamedTuple

from aioresolver.answer import Answer
from aioresolver.backends.base import Backend
from aioresolver.backends.system import SystemBackend
from aioresolver.errors import Attempt, NameSyntaxError, ResolutionError
from aioresolver.flow.deadline_ring import DeadlineRing
from aioresolver.system.config import SystemConfig
from aioresolver.wire.codes import Rcode, RRClass, RRType
from aioresolver.wire.message import Question
from aioresolver.wire.names import Name

__all__ = ["OsFallback", "Turf"]

ADDRESS_TYPES = (RRType.A, RRType.AAAA)
ASKABLE_TYPES = (RRType.A, RRType.AAAA, RRType.PTR)
# When so much of a lookup's time went by in silence, the operating system gets the rest; DNS may still answer in it.
DNS_SHARE = 0.6
# Kept out of the public DNS for private use, so that its NXDOMAIN says nothing: by RFC 6762 (local; the six of its
# appendix G that networks use), RFC 8375 (home.arpa), RFC 6761 (test) and ICANN (internal; corp and home are never
# delegated). Others that are merely in use, such as docker, may be anybody's one day.
PRIVATE_ENDINGS = tuple(
    f".{ending}." for ending in ("local", "home.arpa", "internal", "intranet", "private", "corp", "home", "lan", "test")
)
# Sources of nsswitch.conf that know names without a dot, those under .local or this machine's own, and no others.
NARROW_SOURCES = frozenset(
    {"mdns", "mdns4", "mdns6", "mdns_minimal", "mdns4_minimal", "mdns6_minimal", "myhostname", "mymachines", "wins"}
)
# The search list is DNS's own business, but .local is multicast DNS's, and the root is no suffix.
NO_SUFFIX = ("local.", ".")

# A nameserver that was of use so few seconds ago is alive: what goes wrong with a public name is that name's fault.
ALIVE = 10.0

AskDNS = Callable[[Question, float], "asyncio.Future[Answer[Any]]"]


class Turf(NamedTuple):
    """What the operating system is asked for, as the configuration has it.

    - `asked`: whether it is asked at all. Not when the environment has replaced this machine's nameservers.
    - `alone`: whether DNS is not asked, because nsswitch.conf does not name it.
    - `everything`: whether it has sources that may know any name: NIS, LDAP, a VPN's.
    - `suffixes`: below these, DNS has the last word: they are what the search list makes of a short name, and
      the operating system would walk the list again for each of them.
    """

    asked: bool
    alone: bool
    everything: bool
    suffixes: tuple[Name, ...]

    @classmethod
    def of(cls, config: SystemConfig) -> Turf:
        """The turf that goes with a configuration."""
        others = {source for source in config.lookup_order if source not in ("files", "dns")}
        narrow = bool(others) and others <= NARROW_SOURCES
        return cls(
            asked=not config.from_environment,
            alone=not config.asks_dns,
            everything=config.needs_os_fallback and not narrow,
            suffixes=tuple(suffix for suffix in config.search if suffix not in NO_SUFFIX),
        )

    def has(self, question: Question) -> bool:
        """Whether NXDOMAIN or SERVFAIL from DNS is not the last word on this name."""
        name = question.name
        if not is_askable(question):
            return False
        if self.everything:
            return True
        if question.type == RRType.PTR:
            address = name.to_address()
            return address is not None and not address.is_global
        if name.count(".") == 1:
            return True
        return name.endswith(PRIVATE_ENDINGS) and not any(name.is_under(suffix) for suffix in self.suffixes)


def is_askable(question: Question) -> bool:
    """Whether the operating system can be asked: about hosts and addresses, with names that it can read."""
    if question.type == RRType.PTR:
        return question.name.to_address() is not None
    return question.name != "." and "\\" not in question.name


class OsFallback:
    """Asks DNS, and the operating system when DNS cannot answer: A, AAAA and PTR only.

    That is: when no nameserver replied, or all refused, and none was of use to anybody meanwhile; and for a name that
    is not DNS's alone (`Turf.has`) also when DNS says NXDOMAIN or fails in any way. When `DNS_SHARE` of the time is
    over, both are waited for, and the first that has records is believed. No data is an answer.

    `system` gives the backend that asks the operating system; it is called when that is needed first. `served_at`
    tells when, in loop time, a nameserver was last of use.
    """

    def __init__(self, system: Callable[[], Backend], served_at: Callable[[], float]) -> None:
        self.closed: bool = False
        self.served_at: Callable[[], float] = served_at
        self.config: SystemConfig = SystemConfig()
        self.turf: Turf = Turf.of(self.config)
        self._system = system
        self._alarms: DeadlineRing | None = None

    def concerns(self, question: Question, config: SystemConfig, now: float) -> bool:
        """Whether the operating system may come into it; if not, DNS is asked as if this were not here.

        Nearly no lookup of a busy program does, which spares it a future.
        """
        if config is not self.config:
            self.config = config
            self.turf = Turf.of(config)
        turf = self.turf
        if not turf.asked or question.type not in ASKABLE_TYPES or question.class_ != RRClass.IN:
            return False
        return turf.alone or self.served_at() + ALIVE < now or turf.has(question)

    def submit(self, question: Question, deadline: float, ask_dns: AskDNS) -> asyncio.Future[Answer[Any]]:
        """The answer for a question that it concerns; raises and ends as a backend's `query` does."""
        if self.turf.alone and is_askable(question):
            return self.ask_system(question, deadline)
        loop = asyncio.get_running_loop()
        if self._alarms is None:
            self._alarms = DeadlineRing(loop)
        return _Lookup(self, question, deadline, ask_dns=ask_dns, alarms=self._alarms, loop=loop)

    def ask_system(self, question: Question, deadline: float) -> asyncio.Future[Answer[Any]]:
        """Ask the operating system."""
        system = self._system()
        submit = getattr(system, "submit", None)
        if submit is None:
            return asyncio.ensure_future(system.query(question, deadline))
        sent: asyncio.Future[Answer[Any]] = submit(question, deadline)
        return sent

    def close(self) -> None:
        """Ask the operating system no more. The backend that `system` gave is not closed."""
        self.closed = True
        if self._alarms is not None:
            self._alarms.close()


class _Lookup(asyncio.Future[Answer[Any]]):
    """One question, asked of DNS and perhaps of the operating system; cancelling it ends both."""

    __slots__ = ("_alarm", "_alarms", "_ask_dns", "_began", "_check", "_deadline", "_dns", "_fallback", "_question",
                 "_system", "_time")  # fmt: skip

    def __init__(
        self,
        fallback: OsFallback,
        question: Question,
        deadline: float,
        *,
        ask_dns: AskDNS,
        alarms: DeadlineRing,
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        super().__init__(loop=loop)
        self._fallback = fallback
        self._question = question
        self._deadline = deadline
        self._ask_dns = ask_dns
        self._alarms = alarms
        self._time = loop.time
        self._began = now = loop.time()
        self._system: asyncio.Future[Answer[Any]] | None = None
        self._check: asyncio.Future[Any] | None = None
        self._dns = ask_dns(question, deadline)
        self._dns.add_done_callback(self._dns_ended)
        self._alarm = alarms.add(now + DNS_SHARE * (deadline - now), self._impatient)

    def cancel(self, msg: Any | None = None) -> bool:
        """Nobody wants the answer any more."""
        if self.done():
            return False
        self._settle()
        return super().cancel(msg)

    # ---- what happens

    def _dns_ended(self, dns: asyncio.Future[Answer[Any]]) -> None:
        if self.done():
            _forget(dns)
            return
        self._alarms.discard(self._alarm)
        if dns.cancelled():
            self.cancel()
            return
        error = dns.exception()
        if error is None:
            answer = dns.result()
            if answer.rcode != Rcode.NXDOMAIN or not self._fallback.turf.has(self._question):
                self._finish(answer)
                return
        elif not isinstance(error, ResolutionError) or not (self._system or self._may_ask(error)):
            self._fail(error)
            return
        if self._system is not None and self._system.done():
            self._conclude()
        else:
            self._ask_system()

    def _impatient(self) -> None:
        """DNS is silent, and the operating system needs time too."""
        if not self.done() and not self._dns.done() and self._may_ask(None):
            self._ask_system()

    def _system_ended(self, system: asyncio.Future[Answer[Any]]) -> None:
        if self.done():
            _forget(system)
            return
        if system.cancelled():
            self.cancel()
            return
        error = system.exception()
        if error is not None and not isinstance(error, ResolutionError):
            self._fail(error)
        elif error is None and system.result():
            self._take_or_check(system.result())
        elif self._dns.done():
            self._conclude()

    def _checked(self, check: asyncio.Future[list[Any]]) -> None:
        """DNS has said whether it knows the name with a suffix of the search list behind it."""
        if self.done() or check.cancelled():
            return
        if any(isinstance(end, Answer) and end for end in check.result()):
            self._conclude()
        else:
            self._take(self._system.result())  # type: ignore[union-attr] # it has ended before

    # ---- what is done about it

    def _may_ask(self, error: ResolutionError | None) -> bool:
        """Whether the operating system may do better than this failure, or than silence so far."""
        fallback = self._fallback
        if fallback.closed or not is_askable(self._question):
            return False
        if fallback.turf.has(self._question):
            return True
        broken_zone = error is not None and any(each.outcome.startswith("SERVFAIL") for each in error.attempts)
        return not broken_zone and fallback.served_at() < self._began

    def _ask_system(self) -> None:
        if self._system is None:
            self._system = self._fallback.ask_system(self._question, self._deadline)
            self._system.add_done_callback(self._system_ended)

    def _take_or_check(self, answer: Answer[Any]) -> None:
        """Take the operating system's answer, unless it found it by walking the search list behind our back.

        We have walked that list, or were not to: the answer to `web.` is not the one to `web.corp.example.`.
        """
        dns_denies = self._dns.done() and self._dns.exception() is None
        longer = self._longer_names() if dns_denies and answer.aliases else []
        if longer:
            lookups = [self._ask_dns(self._question._replace(name=name), self._deadline) for name in longer]
            self._check = asyncio.gather(*lookups, return_exceptions=True)
            self._check.add_done_callback(self._checked)
        else:
            self._take(answer)

    def _longer_names(self) -> list[Name]:
        """What the search list makes of the name."""
        name = self._question.name
        names = []
        for suffix in self._fallback.config.search if self._question.type in ADDRESS_TYPES else ():
            try:
                names.append(Name.parse(name + suffix.removeprefix(".")))
            except NameSyntaxError:  # too long, for the operating system too
                continue
        return [longer for longer in names if longer != name]

    def _take(self, answer: Answer[Any]) -> None:
        """The operating system is believed."""
        self._finish(_telling(answer, self._dns_attempts() + answer.attempts))

    def _conclude(self) -> None:
        """Both have ended, and the operating system has no records."""
        assert self._system is not None
        error, other = self._dns.exception(), self._system.exception()
        heard = None if other is not None else self._system.result()
        # It knows the name: no data. But perhaps it knows only what its search list made of it.
        denied = error is None and bool(self._longer_names())
        if heard is not None and heard.rcode == Rcode.NOERROR and not heard and not denied:
            self._take(heard)
            return
        attempts = self._dns_attempts() + _attempts(heard, other)
        if isinstance(error, ResolutionError):
            kind = type(error)
            code = error.errno
            self._fail(kind(error.name, error.type, error.reason, rcode=error.rcode, attempts=attempts, code=code))
            return
        # Without its SOA: it must not stand for the other types of the name, which the operating system may know.
        answer: Answer[Any] = Answer.from_records(
            self._question,
            rcode=Rcode.NXDOMAIN,
            ttl=SystemBackend.negative_ttl,
            now=self._time(),
            server=self._dns.result().server,
            attempts=attempts,
            elapsed=self._dns.result().elapsed,
        )
        self._finish(answer)

    def _dns_attempts(self) -> tuple[Attempt, ...]:
        """What DNS did so far."""
        if not self._dns.done():
            elapsed = self._time() - self._began
            nameservers = self._fallback.config.nameservers
            return tuple(Attempt(str(each), each.scheme, "no reply", elapsed) for each in nameservers)
        error = self._dns.exception()
        if error is not None:
            return error.attempts if isinstance(error, ResolutionError) else ()
        answer = self._dns.result()
        server = answer.server or "dns"
        return (*answer.attempts, Attempt(server, server.partition(":")[0], answer.rcode.name, answer.elapsed))

    def _finish(self, answer: Answer[Any]) -> None:
        self._settle()
        if not self.done():
            self.set_result(answer)

    def _fail(self, error: BaseException) -> None:
        self._settle()
        if not self.done():
            self.set_exception(error)

    def _settle(self) -> None:
        self._alarms.discard(self._alarm)
        for lookup in (self._dns, self._system, self._check):
            if lookup is not None and not lookup.done():
                lookup.cancel()


def _forget(lookup: asyncio.Future[Answer[Any]]) -> None:
    """It ended together with what has made it needless."""
    if not lookup.cancelled():
        lookup.exception()


def _attempts(heard: Answer[Any] | None, error: BaseException | None) -> tuple[Attempt, ...]:
    """What the operating system did."""
    if heard is None:
        return error.attempts if isinstance(error, ResolutionError) else ()
    return (Attempt(heard.server or "system", "system", heard.rcode.name, heard.elapsed),)


def _telling(answer: Answer[Any], attempts: tuple[Attempt, ...]) -> Answer[Any]:
    """The answer, which now tells of all attempts."""
    other = copy.copy(answer)
    other.attempts = attempts
    return other
