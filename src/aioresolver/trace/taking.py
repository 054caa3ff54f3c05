"""take_trace: walk to a name as the iterative backend does, and note every step. It changes no cache."""

from __future__ import annotations

import asyncio
from typing import Any

from aioresolver.answer import Answer
from aioresolver.backends.base import Backend
from aioresolver.backends.iterative.backend import IterativeBackend
from aioresolver.backends.iterative.budget import Limits
from aioresolver.backends.iterative.steps import Step
from aioresolver.backends.routes import Routes
from aioresolver.errors import LookupTimeout, ResolutionError
from aioresolver.trace.reasons import why_believed
from aioresolver.trace.story import Trace
from aioresolver.trace.values import Judged, TraceStep, Use
from aioresolver.wire.message import Question

__all__ = ["take_trace"]


async def take_trace(resolver: Any, name: str, type: str | int = "A", *, cold: bool = True) -> Trace:
    """Walk to a name, with the resolver's own backend if it walks, else with one made for this; see `Resolver.trace`.

    Raises NameSyntaxError, ValueError and UsageError, as a lookup does, and ConfigurationError for what cannot be walked
    to; every other end is part of the trace.
    """
    began = resolver._dispatch.bind().time()
    question: Question = resolver._question(name, type)
    own = _walker(resolver.backend, question)
    backend = IterativeBackend() if own is None else own
    try:
        return await _walk(backend, question, began + resolver._dispatch.timeout, name=name, cold=cold)
    finally:
        if own is None:
            await backend.aclose()


def _walker(backend: Backend, question: Question) -> IterativeBackend | None:
    """The backend itself, or the one that it would send the question to, if that walks."""
    if isinstance(backend, Routes):
        backend = backend.backend_for(question.name)
    return backend if isinstance(backend, IterativeBackend) else None


async def _walk(backend: IterativeBackend, question: Question, deadline: float, *, name: str, cold: bool) -> Trace:
    clock = asyncio.get_running_loop().time
    began = clock()
    notes = Notes(began)
    answer: Answer[Any] | None = None
    error: ResolutionError | None = None
    try:
        answer = await backend.walk(question, deadline, recorder=notes, cold=cold)
    except ResolutionError as failure:
        error = failure
    elapsed = clock() - began
    return Trace(
        name=name,
        type=question.type.name,
        cold=cold,
        outcome=_outcome(answer, error),
        rcode=error.rcode if error is not None else str(answer.rcode) if answer is not None else None,
        data=() if answer is None else tuple(map(str, answer)),
        aliases=() if answer is None else tuple(map(str, answer.aliases)),
        ttl=None if answer is None else answer.ttl,
        records=() if answer is None else tuple(map(str, answer.message.answer)),
        error=error,
        elapsed=elapsed,
        budget=_budget(backend.limits, notes, elapsed, answer),
        steps=notes.steps(),
    )


class Notes:
    """Takes the steps of a walk (see Recorder), and puts those for the address of a nameserver inside of that."""

    def __init__(self, began: float) -> None:
        self._began = began
        self._levels: dict[int, list[TraceStep]] = {}
        self.depth: int = 0
        self.aliases: int = 0
        self.queries: int = 0
        self.bytes: int = 0

    def step(self, step: Step) -> None:
        """One more."""
        told = told_step(step, self._began)
        if step.purpose == "address":
            told = told._replace(steps=tuple(self._levels.pop(step.depth + 1, ())))
        self._levels.setdefault(step.depth, []).append(told)
        self.depth = max(self.depth, step.depth)
        self.aliases += step.kind == "alias" and step.depth == 0
        self.queries, self.bytes = max(self.queries, step.queries), max(self.bytes, step.bytes)

    def steps(self) -> tuple[TraceStep, ...]:
        """The tree of them all; what came too late for what it was about stands behind it."""
        for depth in sorted(self._levels, reverse=True)[:-1]:
            late = tuple(self._levels.pop(depth))
            above = self._levels.setdefault(depth - 1, [])
            if above and above[-1].purpose == "address":
                above[-1] = above[-1]._replace(steps=above[-1].steps + late)
            else:
                above += late
        return tuple(next(iter(self._levels.values()), ()))


def told_step(step: Step, began: float) -> TraceStep:
    """The step as plain data; `began` is the loop's time when the walk began."""
    return TraceStep(
        purpose=step.purpose,
        zone=str(step.zone),
        host=step.host,
        address=step.server,
        question=_words(step.question),
        client=_words(step.client),
        transport=step.transport,
        before=step.before,
        kind=step.kind,
        outcome=step.outcome,
        rcode=step.rcode,
        referral=str(step.referral or ""),
        believed=tuple(Judged(str(record), why_believed(step, record)) for record in step.believed),
        dropped=tuple(Judged(*dropped) for dropped in step.dropped),
        began=step.began - began,
        elapsed=step.elapsed,
        queries=step.queries,
        bytes=step.bytes,
    )


def _budget(limits: Limits, notes: Notes, elapsed: float, answer: Answer[Any] | None) -> tuple[Use, ...]:
    aliases = notes.aliases if answer is None else len(answer.aliases)
    return (
        Use("queries", notes.queries, limits.queries),
        Use("bytes", notes.bytes, limits.bytes),
        Use("seconds", elapsed, limits.seconds),
        Use("depth", notes.depth, limits.depth),
        Use("aliases", aliases, limits.aliases),
    )


def _outcome(answer: Answer[Any] | None, error: ResolutionError | None) -> str:
    if answer is None:
        return "timeout" if isinstance(error, LookupTimeout) else "failed"
    return "ok" if answer else "nxdomain" if answer.rcode else "no-data"


def _words(question: Question) -> str:
    return f"{question.name} {question.type.name}"
