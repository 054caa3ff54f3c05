"""How c-ares is driven: its sockets watched by the event loop or, where a loop cannot do that, by aiodns."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from typing import Any, Protocol

import aiodns
import pycares

from aioresolver.wire.codes import RRClass
from aioresolver.wire.message import Question

__all__ = ["Channel", "Heard", "LoopChannel", "ThreadChannel", "open_channel"]

Heard = Callable[["pycares.DNSResult | None", "int | None"], None]
CLOSING_GRACE = 0.25
CLOSING_TURNS = 10
# aiodns names the classes as c-ares does.
CLASSES = {RRClass.IN: "IN", RRClass.CH: "CHAOS", RRClass.HS: "HS", RRClass.NONE: "NONE", RRClass.ANY: "ANY"}


class Channel(Protocol):
    """One c-ares channel, with its servers, its history of them and its cache."""

    def knows(self, question: Question) -> bool:
        """Whether questions of this type and class can be asked."""
        ...

    def ask(self, question: Question, heard: Heard) -> None:
        """Ask, and call `heard(result, None)` or `heard(None, ares_error)`, once, perhaps before this returns."""
        ...

    def refresh(self) -> None:
        """Empty c-ares' cache and read the system's configuration again; nothing under way is lost."""
        ...

    async def aclose(self) -> None:
        """End everything under way with ARES_ECANCELLED and let go of sockets and threads."""
        ...


def open_channel(loop: asyncio.AbstractEventLoop, options: dict[str, Any], *, threaded: bool | None) -> Channel:
    """A channel with these options of `pycares.Channel`; `threaded` None is for what the loop can do."""
    if threaded is None:
        threaded = sys.platform == "win32" and isinstance(loop, asyncio.ProactorEventLoop)
    return ThreadChannel(loop, options) if threaded else LoopChannel(loop, options)


class LoopChannel:
    """The loop watches the sockets: no thread, and while nothing is asked no descriptor."""

    def __init__(self, loop: asyncio.AbstractEventLoop, options: dict[str, Any]) -> None:
        self._loop = loop
        self._reading: set[int] = set()
        self._writing: set[int] = set()
        self._pending = 0
        self._timer: asyncio.TimerHandle | None = None
        self._closed = False
        self._ended: asyncio.Future[None] = loop.create_future()
        self._channel = pycares.Channel(sock_state_cb=self._watch, **options)

    def knows(self, question: Question) -> bool:
        """Whether questions of this type and class can be asked."""
        return hasattr(pycares, f"QUERY_TYPE_{question.type.name}") and question.class_ in CLASSES

    def ask(self, question: Question, heard: Heard) -> None:
        """Ask; `heard` is called once, perhaps before this returns."""
        ask = _Ask(self, heard)
        self._pending += 1
        try:
            self._channel.query(question.name, question.type, query_class=question.class_, callback=ask)
        except pycares.AresError as error:
            ask(None, error.args[0])
        if self._timer is None and self._pending:
            self._set_timer()

    def refresh(self) -> None:
        """Empty c-ares' cache and read the system's configuration again."""
        self._channel.reinit()

    async def aclose(self) -> None:
        """End everything under way and let go of all."""
        if self._closed:
            return
        self._channel.cancel()
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
        for fd in self._reading:
            self._loop.remove_reader(fd)
        for fd in self._writing:
            self._loop.remove_writer(fd)
        self._channel.close()
        if self._reading or self._writing:
            # Connections without questions are closed in pycares' own thread, which tells us of each.
            timer = self._loop.call_later(CLOSING_GRACE, self._end)
            await self._ended
            timer.cancel()

    def answered(self) -> None:
        """One question less is under way."""
        self._pending -= 1

    def _watch(self, fd: int, readable: bool, writable: bool) -> None:  # noqa: FBT001 - called by pycares
        """What c-ares wants to know of a socket has changed; nothing any more means that it is being closed."""
        if self._closed:
            self._gone(fd)
            return
        if readable and fd not in self._reading:
            self._reading.add(fd)
            self._loop.add_reader(fd, self._process, fd, pycares.ARES_SOCKET_BAD)
        elif not readable and fd in self._reading:
            self._reading.discard(fd)
            self._loop.remove_reader(fd)
        if writable and fd not in self._writing:
            self._writing.add(fd)
            self._loop.add_writer(fd, self._process, pycares.ARES_SOCKET_BAD, fd)
        elif not writable and fd in self._writing:
            self._writing.discard(fd)
            self._loop.remove_writer(fd)

    def _process(self, readable: int, writable: int) -> None:
        if not self._closed:
            self._channel.process_fd(readable, writable)

    def _set_timer(self) -> None:
        """Wake up when c-ares next has something to send again or to give up."""
        # Rounded up: a wake-up just before the moment would only cause another one.
        seconds: float = self._channel.timeout()  # type: ignore[no-untyped-call] # pycares has no types there
        self._timer = self._loop.call_later(seconds + 0.001, self._tick)

    def _tick(self) -> None:
        self._timer = None
        self._process(pycares.ARES_SOCKET_BAD, pycares.ARES_SOCKET_BAD)
        if self._pending and self._timer is None and not self._closed:
            self._set_timer()

    def _gone(self, fd: int) -> None:
        """In pycares' thread: a socket was closed after the channel was."""
        self._reading.discard(fd)
        self._writing.discard(fd)
        if self._reading or self._writing:
            return
        try:
            self._loop.call_soon_threadsafe(self._end)
        except RuntimeError:
            if not self._loop.is_closed():
                raise

    def _end(self) -> None:
        if not self._ended.done():
            self._ended.set_result(None)


class ThreadChannel:
    """aiodns drives c-ares in a thread of its own; made anew to be refreshed, the old one closed when it is idle."""

    def __init__(self, loop: asyncio.AbstractEventLoop, options: dict[str, Any]) -> None:
        self._loop = loop
        self._options = {**options, "nameservers": options.get("servers")}
        self._options.pop("servers", None)
        self._current = self._open()
        self._pending = {self._current: 0}
        self._closing: set[asyncio.Task[None]] = set()

    def knows(self, question: Question) -> bool:
        """Whether questions of this type and class can be asked."""
        return question.type.name in aiodns.query_type_map and question.class_ in CLASSES

    def ask(self, question: Question, heard: Heard) -> None:
        """Ask; `heard` is called once, perhaps before this returns."""
        resolver = self._current
        future = resolver.query_dns(question.name, question.type.name, CLASSES[question.class_])
        self._pending[resolver] += 1

        def done(future: asyncio.Future[pycares.DNSResult]) -> None:
            self._pending[resolver] -= 1
            self._retire(resolver)
            error = future.exception()
            if error is None:
                heard(future.result(), None)
            else:
                heard(None, error.args[0])

        future.add_done_callback(done)

    def refresh(self) -> None:
        """Empty c-ares' cache and read the system's configuration again."""
        old, self._current = self._current, self._open()
        self._pending[self._current] = 0
        self._retire(old)

    async def aclose(self) -> None:
        """End everything under way and let go of all."""
        for resolver in list(self._pending):
            await resolver.close()
        if self._closing:
            await asyncio.wait(self._closing)
        for _ in range(CLOSING_TURNS):  # what was cancelled arrives in the next turns of the loop
            if not any(self._pending.values()):
                break
            await asyncio.sleep(0)

    def _open(self) -> aiodns.DNSResolver:
        return aiodns.DNSResolver(loop=self._loop, **self._options)

    def _retire(self, resolver: aiodns.DNSResolver) -> None:
        if resolver is not self._current and not self._pending[resolver]:
            del self._pending[resolver]
            task = self._loop.create_task(resolver.close())
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)


class _Ask:
    """The callback of one question; whatever is called twice counts once."""

    __slots__ = ("_channel", "_heard")

    def __init__(self, channel: LoopChannel, heard: Heard) -> None:
        self._channel = channel
        self._heard: Heard | None = heard

    def __call__(self, result: pycares.DNSResult | None, error: int | None) -> None:
        heard, self._heard = self._heard, None
        if heard is not None:
            self._channel.answered()
            heard(result, error)
