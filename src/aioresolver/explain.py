"""explain: the way that a lookup takes, step by step, and who is believed. It asks anew and leaves no trace."""

from __future__ import annotations

import asyncio
import copy
import socket
from collections.abc import Callable
from typing import Any

from aioresolver.answer import Answer
from aioresolver.backends.base import Backend
from aioresolver.backends.batches import Batched
from aioresolver.backends.iterative.steps import Step
from aioresolver.backends.system import SystemBackend
from aioresolver.cache import Cache
from aioresolver.configured import ConfiguredBackend
from aioresolver.dispatch import Dispatch
from aioresolver.errors import (
    AddressBlocked,
    DNSError,
    LookupTimeout,
    NameNotFound,
    NoRecords,
    ResolutionError,
)
from aioresolver.events import Event, LookupAnswered, LookupFailed
from aioresolver.explanation import Explanation, Held, Reply, Statement, short
from aioresolver.flow.limiter import Limiter
from aioresolver.host import literal_answer
from aioresolver.wire.codes import RRType
from aioresolver.wire.edns import explain_errors
from aioresolver.wire.message import Question
from aioresolver.wire.names import Name

__all__ = ["explain"]

FAMILIES: dict[int, socket.AddressFamily] = {RRType.A: socket.AF_INET, RRType.AAAA: socket.AF_INET6}
SYSTEM_TYPES = (RRType.A, RRType.AAAA, RRType.PTR)
SYSTEM_FUNCTIONS = ("getaddrinfo", "getnameinfo")
ASKED = "a name that has to be asked for"
NOT_ASKED = "a name that nobody is asked for"
BELIEVED = {"literal": "what is written", "overrides": "hosts=", "hosts": "the hosts file", "special": "RFC 6761"}
KINDS = {
    "literal": "an address, or what is written like one: no name is looked up",
    "overrides": "a name that is overridden (hosts=): nobody is asked",
    "hosts": "a name of the hosts file: nobody is asked",
    "special": "a name that is answered here and never asked for (RFC 6761)",
}


async def explain(
    resolver: Any,
    name: str,
    type: str | int = "A",
    *,
    os: bool | None = None,
    system: Callable[[], Backend] = SystemBackend,
) -> Explanation:
    """Look a name up as the resolver does, and tell how; see `Resolver.explain`.

    `system` makes the backend that asks the operating system, when the resolver has none of its own.
    Raises NameSyntaxError, ValueError and UsageError, as a lookup does; every other end is part of the story.
    """
    now = resolver._dispatch.bind().time()
    question: Question = resolver._question(name, type)
    candidates = _candidates(resolver, name, question)
    held = tuple(_held(resolver.cache, each, now) for each in candidates)
    asking = _ask_system(resolver, question, os=os, make=system)
    saying = None if asking is None else asyncio.ensure_future(asking)
    try:
        replies, verdict = await _look_up(resolver, name, question)
        said = None if saying is None else await saying
    finally:
        if saying is not None and not saying.done():
            saying.cancel()
    return Explanation(
        name=name,
        type=question.type.name,
        kind=ASKED if replies else KINDS.get(verdict.server or "", NOT_ASKED),
        configuration=_configuration(resolver, question),
        cache=held if replies else (),
        replies=replies,
        system=said,
        verdict=verdict,
        believed=_believed(verdict, replies),
        disagreements=_disagreements(held, replies, said, verdict),
    )


# ---- asking


async def _look_up(resolver: Any, name: str, question: Question) -> tuple[tuple[Reply, ...], Reply]:
    """Every question that a lookup asks of the backend, and its end: the resolver's own way, over an empty cache."""
    replies: list[Reply] = []
    walking = Walking(resolver.backend) if hasattr(resolver.backend, "walk") else None

    def observe(event: Event) -> None:
        if isinstance(event, LookupAnswered):
            reply = _reply(event.question, event.answer)
        elif isinstance(event, LookupFailed) and isinstance(event.error, ResolutionError):
            reply = _reply(event.question, event.error)
        else:
            return
        way = () if walking is None else tuple(walking.told.get(event.question, ()))
        replies.append(reply._replace(walk=way))

    apart = copy.copy(resolver)
    apart._rotation = None
    apart._finish = None if apart._policy is None else apart._handed_out
    apart.cache = Cache(failure_ttl=0)
    backend, timeout = Batched(walking or resolver.backend), resolver._dispatch.timeout
    apart._dispatch = dispatch = Dispatch(backend, apart.cache, Limiter(), timeout=timeout, observer=observe)
    now = dispatch.bind().time()
    end = await _end(apart, name, question)
    if isinstance(end, (Answer, ResolutionError)):
        verdict = _reply(question, end)
    else:
        verdict = Reply(_words(question), "ok", data=tuple(end))
    if not replies:
        known = apart._known(question, dispatch.bind().time())
        server = known.server if isinstance(known, Answer) else None
        return (), verdict._replace(server=server)
    giving = [reply for reply in replies if reply.outcome == "ok" and set(verdict.data) <= set(reply.data)]
    if giving and verdict.outcome == "ok":
        last = giving[-1]
        elapsed = dispatch.bind().time() - now
        verdict = last._replace(data=verdict.data, attempts=(), walk=(), elapsed=elapsed)
    elif verdict.outcome == "ok":
        verdict = verdict._replace(server="hosts")  # the file comes after DNS here
    return tuple(replies), verdict


async def _end(apart: Any, name: str, question: Question) -> Answer[Any] | list[str] | ResolutionError:
    """How the lookup ends: with addresses as `addresses` finds them, else as `resolve` does."""
    family = FAMILIES.get(question.type)
    try:
        if family is None:
            answer: Answer[Any] = await apart.resolve(name, question.type)
            return answer
        addresses: list[str] = await apart.addresses(name, family)
    except ResolutionError as error:
        return error
    return addresses


class Walking:
    """A backend that walks (see IterativeBackend), and what its walks told: lines by question."""

    def __init__(self, backend: Any) -> None:
        self.told: dict[Question, list[str]] = {}
        self._backend = backend

    async def query(self, question: Question, deadline: float) -> Answer[Any]:
        """Walk."""
        recorder = Walked(self.told.setdefault(question, []))
        answer: Answer[Any] = await self._backend.walk(question, deadline, recorder=recorder)
        return answer

    async def aclose(self) -> None:
        """There is nothing to close: the backend is another's."""


class Walked:
    """Takes the steps of a walk, and puts each into words."""

    def __init__(self, lines: list[str]) -> None:
        self._lines = lines

    def step(self, step: Step) -> None:
        """One more."""
        question = _words(step.question)
        if step.server:
            took = f"in {step.elapsed * 1000:.1f} ms"
            told = f"{step.zone} at {step.host} {step.server}: {question}: {step.outcome}, {took}"
        elif step.purpose == "start":
            told = f"{question}: begins at {step.zone} ({step.outcome})"
        elif step.purpose == "address":
            told = f"{question}, a nameserver of {step.zone}: {step.outcome}"
        else:
            told = f"{question}: {step.outcome}"
        self._lines.append("  " * step.depth + told)


def _ask_system(resolver: Any, question: Question, *, os: bool | None, make: Callable[[], Backend]) -> Any:
    """The coroutine that asks the operating system; None when it is not to be asked, or knows no such records."""
    backend = resolver.backend
    if os is None:
        os = isinstance(backend, ConfiguredBackend) and not backend.config().from_environment
    if not os or question.type not in SYSTEM_TYPES:
        return None
    is_reverse = question.type == RRType.PTR
    if (question.name.to_address() is None) if is_reverse else (literal_answer(question, 0.0) is not None):
        return None
    owned = None if isinstance(backend, ConfiguredBackend) else make()
    asked = backend.system() if owned is None else owned
    deadline = asyncio.get_running_loop().time() + resolver._dispatch.timeout

    async def ask() -> Reply:
        try:
            return _reply(question, await asked.query(question, deadline))._replace(ttl=None)
        except ResolutionError as error:
            return _reply(question, error)
        except DNSError as error:
            return Reply(_words(question), "failed", reason=str(error))
        finally:
            if owned is not None:
                await owned.aclose()

    return ask()


def _candidates(resolver: Any, name: str, question: Question) -> list[Question]:
    """The questions that the name may become, by the search list."""
    if question.type == RRType.PTR and question.name != Name.parse(name):
        return [question]
    return [question._replace(name=each) for each in resolver._search_list().names(name)]


# ---- telling


def _reply(question: Question, end: Answer[Any] | ResolutionError) -> Reply:
    if isinstance(end, Answer):
        return Reply(
            _words(question),
            _outcome(end),
            data=tuple(map(str, end)),
            aliases=tuple(map(str, end.aliases)),
            ttl=end.ttl,
            server=end.server,
            elapsed=end.elapsed,
            attempts=end.attempts,
            extended_errors=tuple(explain_errors([each]) for each in end.extended_errors),
        )
    attempts = end.attempts
    elapsed = sum(each.elapsed for each in attempts[-1:])
    return Reply(f"{end.name} {end.type}", _outcome(end), elapsed=elapsed, attempts=attempts, reason=end.reason)


def _outcome(end: Answer[Any] | ResolutionError) -> str:
    if isinstance(end, Answer):
        return "ok" if end else "nxdomain" if end.rcode else "no-data"
    kinds = (
        (NameNotFound, "nxdomain"),
        (NoRecords, "no-data"),
        (LookupTimeout, "timeout"),
        (AddressBlocked, "blocked"),
    )
    return next((word for kind, word in kinds if isinstance(end, kind)), "failed")


def _held(cache: Cache, question: Question, now: float) -> Held:
    found = cache.peek(question, now)
    if found is None:
        return Held(_words(question), "nothing", 0.0, "", ())
    end, left = found
    if isinstance(end, ResolutionError):
        return Held(_words(question), "failure", round(left, 3), _outcome(end), ())
    state = "fresh" if left > 0 else "stale"
    return Held(_words(question), state, round(left, 3), _outcome(end), tuple(map(str, end)))


def _configuration(resolver: Any, question: Question) -> tuple[Statement, ...]:
    """What the files and the makers of the resolver say."""
    statements: list[Statement] = []
    backend, local = resolver.backend, resolver._local
    search = resolver._search_list()
    suffixes = f"{' '.join(search.suffixes)}, ndots {search.ndots}" if search.suffixes else "none"
    if isinstance(backend, ConfiguredBackend):
        config = backend.config()
        nameservers = " ".join(map(str, config.nameservers))
        statements.append(Statement(config.source, f"nameservers {nameservers}"))
        statements.append(Statement("search list", suffixes))
        statements.append(Statement("nsswitch.conf", f"hosts: {' '.join(config.lookup_order)}"))
        fallback = "asked where DNS cannot answer" if backend.falls_back else "not asked"
        statements.append(Statement("operating system", fallback))
    else:
        statements.append(Statement("backend", repr(backend)))
        statements.append(Statement("search list", suffixes))
    lines = local.lines(question.name)
    statements += [Statement(f"{local.path}:{number}", line) for number, line in lines]
    if not lines:
        statements.append(Statement(str(local.path), "no line for it"))
    return tuple(statements)


def _believed(verdict: Reply, replies: tuple[Reply, ...]) -> str:
    server = verdict.server
    if server in SYSTEM_FUNCTIONS:
        return f"the operating system ({server}), where DNS could not answer"
    if server in KINDS and verdict.outcome == "ok":
        return BELIEVED[server]
    if verdict.outcome == "ok":
        return str(server)
    said = [reply.server for reply in replies if reply.outcome == verdict.outcome and reply.server]
    return said[-1] if said else "nobody gave an answer" if replies else "nobody was asked"


def _disagreements(
    held: tuple[Held, ...], replies: tuple[Reply, ...], said: Reply | None, verdict: Reply
) -> tuple[str, ...]:
    """Where they differ. The order of records does not count."""
    sentences: list[str] = []
    for reply in replies:
        sentences += [
            f"the cache holds {short(each)} of {each.question} for another {each.left:.0f} s, "
            f"and {reply.server or 'the backend'} now says {short(reply)}"
            for each in held
            if each.question == reply.question and each.state == "fresh" and _differ(each, reply)
        ]
        if reply.server in SYSTEM_FUNCTIONS and reply.attempts:
            last = reply.attempts[-1]
            sentences.append(
                f"of {reply.question} {last.server} says {last.outcome}, and the operating system {short(reply)}"
            )
    if said is not None and _differ(said, verdict):
        sentences.append(f"the operating system says {short(said)}, and this resolver {short(verdict)}")
    return tuple(sentences)


def _differ(one: Held | Reply, other: Held | Reply) -> bool:
    if one.outcome == other.outcome:
        return set(one.data) != set(other.data)
    return bool(one.data or other.data)  # no such name, no such records, or nobody knows: nothing all the same


def _words(question: Question) -> str:
    return f"{question.name} {question.type.name}"
