"""Backends made of backends. Routes: one for each part of the name space; Fallback: the next when one fails."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from aioresolver.answer import Answer
from aioresolver.backends.base import Backend
from aioresolver.errors import (
    Attempt,
    ConfigurationError,
    LookupTimeout,
    ResolutionError,
    ServerFailure,
    TransportError,
    UsageError,
)
from aioresolver.flow.closing import Closing
from aioresolver.wire.message import Question
from aioresolver.wire.names import Name

__all__ = ["Fallback", "Routes"]

CONCURRENCY = 100


class _Composite(Closing):
    """What backends made of backends have in common: they own the others and close them."""

    def __init__(self, backends: Iterable[Backend]) -> None:
        # By identity: a backend may be named twice and is closed once.
        self.backends: tuple[Backend, ...] = tuple({id(backend): backend for backend in backends}.values())
        self._closed = False

    async def aclose(self) -> None:
        """Close every backend in it, each once; the first error is raised when all are closed."""
        if self._closed:
            return
        self._closed = True
        outcomes = await asyncio.gather(*(backend.aclose() for backend in self.backends), return_exceptions=True)
        for outcome in outcomes:
            if isinstance(outcome, BaseException):
                raise outcome

    def _check_open(self) -> None:
        if self._closed:
            raise UsageError("the backend is closed")


class Routes(_Composite):
    """Each question goes to the backend of the longest suffix that its name is under, else to `default`.

    `Routes({"corp.example": StubBackend("10.0.0.1"), "10.in-addr.arpa": …}, default=SystemBackend())`. A suffix
    covers its own name too; `.` is as good as a default. The routed backends then belong to the routes, which close
    them. Without a default, a name that no suffix covers raises ConfigurationError.

    Aliases are followed by the backend that met them: a route sees the question's name only.
    Raises NameSyntaxError for a suffix that is no name, ConfigurationError for two that are the same.
    """

    def __init__(self, routes: Mapping[str, Backend], *, default: Backend | None = None) -> None:
        self.routes: dict[Name, Backend] = {}
        for text, backend in routes.items():
            suffix = Name.parse(text)
            if suffix in self.routes:
                raise ConfigurationError(f"two routes for {suffix}")
            self.routes[suffix] = backend
        self.default = default
        backends = [*self.routes.values(), *([default] if default is not None else [])]
        if not backends:
            raise ConfigurationError("routes need at least one backend")
        super().__init__(backends)
        self.concurrency: int = sum(map(_concurrency, self.backends))

    async def query(self, question: Question, deadline: float) -> Answer[Any]:
        """Ask the backend whose turf it is."""
        return await self.backend_for(question.name).query(question, deadline)

    def backend_for(self, name: Name) -> Backend:
        """The backend that is asked for this name. Raises ConfigurationError when there is none."""
        self._check_open()
        suffix = name
        while True:
            backend = self.routes.get(suffix)
            if backend is not None:
                return backend
            if suffix == ".":
                break
            suffix = suffix.parent
        if self.default is None:
            raise ConfigurationError(f"no route for {name}, and no default")
        return self.default

    def __repr__(self) -> str:
        return f"Routes({self.routes}, default={self.default})"


class Fallback(_Composite):
    """Asks the first backend, and the next one when it fails: ServerFailure, LookupTimeout or TransportError.

    An answer that the name does not exist is an answer. `when` decides otherwise: called with the error or the
    Answer, it says whether the next backend shall be asked; the last answer is then the final one, and an error is
    only when there was none. A backend that cannot ask such a question at all (ConfigurationError) is passed over.

    So that a silent backend leaves time for the next, each gets an equal share of the time that remains: of 6 s,
    the first of three may take 2 s, and when it took but 1 s, the second 2.5 s. The last may take all of it.

    What failed before is kept: as `attempts` in the final error, or in the answer.
    """

    def __init__(self, *backends: Backend, when: Callable[[Answer[Any] | Exception], bool] | None = None) -> None:
        if not backends:
            raise ConfigurationError("a fallback needs at least one backend")
        self._order = backends
        self._when = when if when is not None else _failed
        super().__init__(backends)
        self.concurrency: int = min(map(_concurrency, self.backends))

    async def query(self, question: Question, deadline: float) -> Answer[Any]:
        """Ask one after the other, until an answer or the deadline."""
        self._check_open()
        loop = asyncio.get_running_loop()
        attempts: tuple[Attempt, ...] = ()
        unable: ConfigurationError | None = None
        failure: ResolutionError | TransportError | None = None
        answer: Answer[Any] | None = None
        for left in range(len(self._order), 0, -1):
            backend, now = self._order[-left], loop.time()
            said: Answer[Any] | Exception
            try:
                said = answer = await backend.query(question, now + (deadline - now) / left if left > 1 else deadline)
                attempts += answer.attempts
            except ConfigurationError as error:
                unable = unable or error
                continue
            except (ResolutionError, TransportError) as error:
                said = failure = error
                attempts += _attempts(error, backend, loop.time() - now)
            if not self._when(said) or loop.time() >= deadline:
                break
        if answer is not None:
            return _with_attempts(answer, attempts)
        if failure is not None:
            raise _telling(failure, question, attempts)
        assert unable is not None
        raise unable

    def __repr__(self) -> str:
        return f"Fallback({', '.join(map(repr, self._order))})"


def _failed(outcome: Answer[Any] | Exception) -> bool:
    return isinstance(outcome, (ServerFailure, LookupTimeout, TransportError))


def _concurrency(backend: Backend) -> int:
    return int(getattr(backend, "concurrency", CONCURRENCY))


def _attempts(error: ResolutionError | TransportError, backend: Backend, elapsed: float) -> tuple[Attempt, ...]:
    if isinstance(error, ResolutionError) and error.attempts:
        return error.attempts
    return (Attempt(type(backend).__name__, "backend", error.strerror or str(error), elapsed),)


def _with_attempts(answer: Answer[Any], attempts: tuple[Attempt, ...]) -> Answer[Any]:
    if attempts == answer.attempts:
        return answer
    other = copy.copy(answer)
    other.attempts = attempts
    return other


def _telling(
    error: ResolutionError | TransportError, question: Question, attempts: tuple[Attempt, ...]
) -> ResolutionError:
    """The last error, which now tells of all attempts."""
    if not isinstance(error, ResolutionError):
        return ServerFailure(str(question.name), str(question.type), error.strerror or str(error), attempts=attempts)
    kind = type(error)
    return kind(error.name, error.type, error.reason, rcode=error.rcode, attempts=attempts, code=error.errno)
