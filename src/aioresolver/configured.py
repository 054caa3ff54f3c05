"""Which backend a Resolver gets: the one that was named, or one that follows this machine's configuration."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Sequence
from typing import Any

from aioresolver.answer import Answer
from aioresolver.backends.base import Backend
from aioresolver.backends.batches import PLENTY, Batched, Landed
from aioresolver.backends.stub import StubBackend
from aioresolver.backends.system import SystemBackend
from aioresolver.backends.upstream import Upstream
from aioresolver.errors import ConfigurationError, UsageError
from aioresolver.events import Observer
from aioresolver.os_fallback import OsFallback
from aioresolver.system.config import SystemConfig, SystemConfigFiles
from aioresolver.transports.nameserver import Nameserver
from aioresolver.wire.message import Question

__all__ = ["ConfiguredBackend", "choose_backend"]

WATCH_INTERVAL = 2.0


def choose_backend(backend: Backend | str | Sequence[str] | None, *, os_fallback: bool = True) -> Backend:
    """The backend that is meant; raises ConfigurationError with the choices when nothing is."""
    if backend is None:
        return ConfiguredBackend(os_fallback=os_fallback)
    if isinstance(backend, str):
        return _named_backend(backend)
    if isinstance(backend, Backend):
        return backend
    if isinstance(backend, Sequence) and all(isinstance(nameserver, (str, Nameserver)) for nameserver in backend):
        return StubBackend(Nameserver.parse_all(backend))
    raise ConfigurationError(
        f"{backend!r} is not a backend: give 'cares', 'system', 'iterative', a nameserver such as '1.1.1.1', "
        "a list of nameservers, or an object with query() and aclose()"
    )


def _named_backend(name: str) -> Backend:
    if name == "cares":
        from aioresolver.backends.cares import CaresBackend  # noqa: PLC0415 - only who asks for it pays for it

        return CaresBackend()
    if name == "system":
        return SystemBackend()
    if name == "iterative":
        from aioresolver.backends.iterative.backend import IterativeBackend  # noqa: PLC0415 - likewise

        return IterativeBackend()
    try:
        return StubBackend(Nameserver.parse_all(name))
    except ConfigurationError as error:
        raise ConfigurationError(
            f"{name!r} is neither 'cares' nor 'system' nor 'iterative' nor a nameserver: {error}"
        ) from error


class ConfiguredBackend:
    """A StubBackend for the nameservers that this machine is configured with, made anew when that changes.

    The configuration is looked at again at most every few seconds, when a question comes and while one is under way.
    Lookups under way go on at the old nameservers, and where these are silent, at the new ones.

    With `os_fallback` the operating system is asked for hosts and addresses that DNS cannot answer for: see
    OsFallback. `system` makes the backend that asks it, when it is needed first. `stub` makes the one for nameservers,
    from these and `rotate=`: `partial(StubBackend, encryption="required")`, for example.

    `changed` is called when there are other nameservers: what was learnt of the old ones no longer holds. `observer`
    is that of each StubBackend, from the next one on.
    """

    concurrency: int = StubBackend.concurrency

    def __init__(
        self,
        files: SystemConfigFiles | None = None,
        *,
        os_fallback: bool = True,
        system: Callable[[], Backend] = SystemBackend,
        stub: Callable[..., StubBackend] = StubBackend,
    ) -> None:
        self.files: SystemConfigFiles = SystemConfigFiles() if files is None else files
        self._stub: StubBackend | None = None
        self._stub_for: tuple[tuple[Nameserver, ...], bool] = (), False
        self._make_stub = stub
        self._make_system = system
        self._system: Backend | None = None
        self._fallback = OsFallback(self.system, self._served_at) if os_fallback else None
        self._retiring: dict[StubBackend, asyncio.Task[None]] = {}
        self._watch: asyncio.TimerHandle | None = None
        self.changed: Callable[[], object] | None = None
        self._closed = False
        self._served: tuple[Landed, Callable[[], object]] | None = None
        self._one_by_one = Batched(self)
        self.observer: Observer | None = None

    def config(self) -> SystemConfig:
        """What this machine is configured with now."""
        return self.files.current(asyncio.get_running_loop().time())

    async def query(self, question: Question, deadline: float) -> Answer[Any]:
        """Ask the nameservers of the moment."""
        return await self.submit(question, deadline)

    def submit(self, question: Question, deadline: float) -> asyncio.Future[Answer[Any]]:
        """The same without a coroutine."""
        if self._closed:
            raise UsageError("the backend is closed")
        fallback = self._fallback
        if fallback is not None:
            now = asyncio.get_running_loop().time()
            if fallback.concerns(question, self.files.current(now), now):
                return fallback.submit(question, deadline, self._ask_dns)
        return self._ask_dns(question, deadline)

    def serve(self, landed: Landed, roomy: Callable[[], object]) -> None:
        """Give outcomes to `landed` from now on (see BatchBackend)."""
        self._served = landed, roomy
        self._one_by_one.serve(landed, roomy)
        if self._stub is not None:
            self._stub.serve(landed, roomy)

    def room(self, now: float) -> int:
        """How many questions the nameservers of the moment bear more than they have."""
        try:
            return self._current_stub().room(now)
        except ConfigurationError:  # which `post` tells those who ask
            return PLENTY

    def post(self, questions: Sequence[Question], deadline: float) -> None:
        """Ask all of these: the nameservers, or one by one where the operating system may come into it."""
        now, fallback = asyncio.get_running_loop().time(), self._fallback
        if fallback is not None:
            config = self.files.current(now)
            apart = {question: None for question in questions if fallback.concerns(question, config, now)}
            self._one_by_one.post(list(apart), deadline)
            questions = [question for question in questions if question not in apart] if apart else questions
        if questions:
            self._watch_files()
            self._current_stub().post(questions, deadline)

    def withdraw(self, questions: Collection[Question]) -> int:
        """Forget these; how many there were is returned."""
        stubs = [*self._retiring] if self._stub is None else [self._stub, *self._retiring]
        return self._one_by_one.withdraw(questions) + sum(stub.withdraw(questions) for stub in stubs)

    def hurry(self) -> None:
        """Nothing more is to come for now: ask again sooner."""
        if self._stub is not None:
            self._stub.hurry()

    @property
    def upstreams(self) -> tuple[Upstream, ...]:
        """The nameservers that are asked, as they are known by now; none before the first question."""
        return () if self._stub is None else self._stub.upstreams

    def expel(self, server: str) -> bool:
        """Ask a nameserver no more, unless it is the last one; until the configuration changes."""
        return self._current_stub().expel(server)

    @property
    def falls_back(self) -> bool:
        """Whether the operating system is asked where DNS cannot answer."""
        return self._fallback is not None and not self.config().from_environment

    def system(self) -> Backend:
        """The backend that asks the operating system."""
        if self._closed:
            raise UsageError("the backend is closed")
        if self._system is None:
            self._system = self._make_system()
        return self._system

    async def aclose(self) -> None:
        """Close the backends of today and of before. May be called twice."""
        self._closed = True
        if self._fallback is not None:
            self._fallback.close()
        if self._watch is not None:
            self._watch.cancel()
        retiring = list(self._retiring.values())
        for task in retiring:
            task.cancel()
        await asyncio.gather(*retiring, return_exceptions=True)
        if self._stub is not None:
            await self._stub.aclose()
        if self._system is not None:
            await self._system.aclose()

    def _ask_dns(self, question: Question, deadline: float) -> asyncio.Future[Answer[Any]]:
        """Ask the nameservers of the moment, and nobody else."""
        self._watch_files()
        return self._current_stub().submit(question, deadline)

    def _watch_files(self) -> None:
        if self._watch is None:
            self._watch = asyncio.get_running_loop().call_later(WATCH_INTERVAL, self._look)

    def follow(self) -> bool:
        """Look whether the nameservers are others than at the last lookup, and change to them if so."""
        before = self._stub
        return before is not None and not self._closed and self._current_stub() is not before

    def _current_stub(self) -> StubBackend:
        """The backend for the nameservers of the moment."""
        config = self.config()
        stub, wanted = self._stub, (config.nameservers, config.rotate)
        if stub is None or wanted != self._stub_for:
            self._stub = self._make_stub(config.nameservers, rotate=config.rotate)
            self._stub_for = wanted
            self._stub.observer = self.observer
            if self._served is not None:
                self._stub.serve(*self._served)
            if stub is not None:
                self._retire(stub, self._stub)
                if self.changed is not None:
                    self.changed()
            stub = self._stub
        return stub

    def _look(self) -> None:
        """While lookups are under way, see whether they have the right nameservers: they may wait for dead ones."""
        self._watch = None
        try:
            stub = self._current_stub()
        except ConfigurationError:  # the next question will tell its asker
            return
        if stub.busy or self._retiring:
            self._watch = asyncio.get_running_loop().call_later(WATCH_INTERVAL, self._look)

    def _served_at(self) -> float:
        """When a nameserver of the moment was last of use, in loop time."""
        return self._stub.served_at if self._stub is not None else float("-inf")

    def _retire(self, stub: StubBackend, successor: StubBackend) -> None:
        stub.hand_over(successor)
        for older in self._retiring:
            older.hand_over(successor)
        task = asyncio.get_running_loop().create_task(stub.drain())
        self._retiring[stub] = task
        task.add_done_callback(lambda _: self._retiring.pop(stub))
