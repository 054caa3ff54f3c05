"""SystemBackend: the operating system's getaddrinfo and getnameinfo, in threads of its own."""

from __future__ import annotations

import asyncio
import re
import socket
import sys
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from aioresolver.answer import Answer
from aioresolver.backends.threads import Threads, Work
from aioresolver.errors import (
    Attempt,
    ConfigurationError,
    LookupTimeout,
    NameSyntaxError,
    ResolutionError,
    ServerFailure,
    UsageError,
)
from aioresolver.flow.closing import Closing
from aioresolver.flow.deadline_ring import DeadlineRing
from aioresolver.wire.codes import Rcode, RRClass, RRType
from aioresolver.wire.message import Question, Record
from aioresolver.wire.names import Name
from aioresolver.wire.rdata import AAAA, CNAME, PTR, A

__all__ = ["SystemBackend"]

CLOSING_GRACE = 0.1
NO_DATA = {
    code
    for code in (
        getattr(socket, "EAI_NODATA", None),
        getattr(socket, "EAI_ADDRFAMILY", None),
        11004,  # WSANO_DATA, for which Windows has no EAI name
    )
    if code is not None
} - {socket.EAI_NONAME}

getnameinfo: Callable[..., Any] = socket.getnameinfo
if sys.version_info < (3, 11):

    def getnameinfo(sockaddr: tuple[str, int], _flags: int) -> tuple[str, str]:
        """The same with another function: there, socket.getnameinfo stops the whole program while it waits."""
        try:
            return socket.gethostbyaddr(sockaddr[0])[0], ""
        except socket.herror as error:
            codes = {1: socket.EAI_NONAME, 2: socket.EAI_AGAIN, 4: socket.EAI_NONAME}  # of <netdb.h>
            raise socket.gaierror(codes.get(error.errno or 0, socket.EAI_FAIL), error.strerror) from error


class SystemBackend(Closing):
    """Asks the operating system: hosts file, nsswitch.conf, mDNS, VPNs and all else that only it knows.

    It answers A and AAAA (getaddrinfo) and PTR of addresses (getnameinfo), and nothing else. The system tries its
    own search list, as for any host name without a trailing dot; a canonical name other than the question's appears
    as an alias. Addresses are in the system's order, a scope id is dropped. Names that getaddrinfo would take for
    addresses (`127.1`, `0x7f000001`) do not exist here.

    The system tells no TTL: every answer is good for `ttl` seconds, an empty one for `negative_ttl`. On most systems
    it cannot tell NXDOMAIN from no data either; where it can, the answer does.

    `threads` calls run at once, in daemon threads made when needed and gone after seconds of idleness;
    `initializer` runs first in each. The deadline is ours: a call that is past it is left to itself, and its thread
    no longer counts, so hung calls hinder nobody until `threads` of them hang beside `threads` others. Then
    lookups wait for a thread until their deadline. Neither `aclose()` nor the end of the program waits for a hung
    call. `getaddrinfo` and `getnameinfo` may be replaced by a test.
    """

    ttl = 60
    negative_ttl = 10

    def __init__(
        self,
        *,
        threads: int = 32,
        initializer: Callable[[], object] | None = None,
        getaddrinfo: Callable[..., Any] = socket.getaddrinfo,
        getnameinfo: Callable[..., Any] = getnameinfo,
    ) -> None:
        if threads < 1:
            raise ConfigurationError(f"a system backend needs at least one thread, not {threads}")
        self.concurrency = threads
        self._threads = Threads(threads, name="aioresolver-system", initializer=initializer)
        self._getaddrinfo = getaddrinfo
        self._getnameinfo = getnameinfo
        self._under_way: set[_Lookup] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._alarms: DeadlineRing | None = None
        self._closed = False

    async def query(self, question: Question, deadline: float) -> Answer[Any]:
        """Ask the system; raises ServerFailure, LookupTimeout, or ConfigurationError for other types than its own."""
        return await self.submit(question, deadline)

    def submit(self, question: Question, deadline: float) -> asyncio.Future[Answer[Any]]:
        """The same without a coroutine; cancelling the future ends the lookup at once."""
        loop = self._loop
        if loop is None or self._closed or loop is not asyncio.get_running_loop():
            loop = self._bind()
        assert self._alarms is not None
        call, read = self._task(question)
        lookup = _Lookup(question, read, loop)
        if call is None:
            lookup.finish(_absent(question, Rcode.NXDOMAIN, loop.time()))
        elif deadline <= lookup.began:
            lookup.expired()
        else:
            self._under_way.add(lookup)
            lookup.future.add_done_callback(lambda _: self._ended(lookup))
            lookup.alarm = self._alarms.add(deadline, lookup.expired)
            try:
                lookup.work = self._threads.submit(call, partial(_deliver, loop, lookup))
            except RuntimeError as error:
                lookup.heard(None, error)
        return lookup.future

    async def aclose(self) -> None:
        """End the threads, but for those inside a call that hangs; lookups under way fail. May be called twice."""
        self._closed = True
        loop = asyncio.get_running_loop()
        for lookup in list(self._under_way):
            if lookup.loop is loop:
                lookup.fail(ServerFailure(*lookup.words, "the backend was closed"))
        if self._alarms is not None:
            self._alarms.close()
        ended = loop.create_future()
        alive = self._threads.close(partial(_tell, loop, ended))
        timer = loop.call_later(CLOSING_GRACE, _settle, ended)
        try:
            await ended
        finally:
            timer.cancel()
        for thread in alive:
            if not self._threads.holds(thread):
                thread.join()  # it has left the pool: nothing is left for it to do

    def __repr__(self) -> str:
        return f"SystemBackend(threads={self.concurrency})"

    def _bind(self) -> asyncio.AbstractEventLoop:
        """Belong to the running loop from the first query on."""
        loop = asyncio.get_running_loop()
        if self._closed:
            raise UsageError("the backend is closed")
        if self._loop is not None:
            raise UsageError("the backend belongs to another event loop: make one for each loop")
        self._loop = loop
        self._alarms = DeadlineRing(loop)
        return loop

    def _task(self, question: Question) -> tuple[Callable[[], Any] | None, _Reader]:
        """The call that finds the answer, None when there is nothing to ask, and how to read its result."""
        name, type_, class_ = question
        if class_ != RRClass.IN:
            raise ConfigurationError(f"the system backend cannot ask for class {class_}")
        if type_ in FAMILIES:
            if _is_literal(name):
                return None, _read_addresses
            host = name if name == "." else name[:-1]
            arguments = (host.encode(), None, FAMILIES[type_], socket.SOCK_STREAM, 0, socket.AI_CANONNAME)
            return partial(self._getaddrinfo, *arguments), _read_addresses
        address = name.to_address() if type_ == RRType.PTR else None
        if address is None:
            what = f"PTR of {name}, which is no address's name" if type_ == RRType.PTR else f"{type_} records"
            raise ConfigurationError(
                f"the system backend cannot look up {what}: it knows A, AAAA and PTR of addresses; use a StubBackend"
            )
        return partial(self._getnameinfo, (str(address), 0), socket.NI_NAMEREQD), _read_host

    def _ended(self, lookup: _Lookup) -> None:
        self._under_way.discard(lookup)
        if self._alarms is not None and lookup.alarm is not None:
            self._alarms.discard(lookup.alarm)
        if lookup.work is not None and not lookup.delivered and not self._closed:
            self._threads.abandon(lookup.work)


FAMILIES: dict[int, socket.AddressFamily] = {RRType.A: socket.AF_INET, RRType.AAAA: socket.AF_INET6}
_Reader = Callable[[Question, Any], Iterable[Record]]


class _Lookup:
    """One question on its way through the system."""

    __slots__ = ("alarm", "began", "delivered", "future", "loop", "question", "read", "work")

    def __init__(self, question: Question, read: _Reader, loop: asyncio.AbstractEventLoop) -> None:
        self.question = question
        self.read = read
        self.loop = loop
        self.future: asyncio.Future[Answer[Any]] = loop.create_future()
        self.began = loop.time()
        self.alarm: Any = None
        self.work: Work | None = None
        self.delivered = False

    @property
    def words(self) -> tuple[str, str]:
        return str(self.question.name), str(self.question.type)

    def heard(self, result: Any, error: Exception | None) -> None:
        """The system has spoken."""
        self.delivered = True
        if self.future.done():
            return
        now = self.loop.time()
        try:
            if error is not None:
                raise error
            records = tuple(self.read(self.question, result))
        except (OSError, ValueError, RuntimeError) as failure:
            self._failed(failure, now)
        except Exception as bug:  # noqa: BLE001 - of a function that was handed in: its caller's to see
            self.future.set_exception(bug)
        else:
            ttl = SystemBackend.ttl if records else SystemBackend.negative_ttl
            self.finish(Answer.from_records(self.question, records, now=now, ttl=ttl, **self._marks(now)))

    def expired(self) -> None:
        """The deadline has come."""
        begun = self.work is not None and self.work.begun
        now = self.loop.time()
        outcome = "no reply" if begun else "all threads are busy" if self.work else "no time left"
        attempt = self._attempt(outcome, now)
        reason = f"no answer within {now - self.began:.3g} s"
        self.fail(LookupTimeout(*self.words, reason, attempts=(attempt,)))

    def finish(self, answer: Answer[Any]) -> None:
        if not self.future.done():
            self.future.set_result(answer)

    def fail(self, error: ResolutionError) -> None:
        if not self.future.done():
            self.future.set_exception(error)

    def _failed(self, error: Exception, now: float) -> None:
        code = error.errno if isinstance(error, socket.gaierror) else None
        if code == socket.EAI_NONAME or code in NO_DATA:
            rcode = Rcode.NXDOMAIN if code == socket.EAI_NONAME else Rcode.NOERROR
            self.finish(_absent(self.question, rcode, now, **self._marks(now)))
            return
        outcome = getattr(error, "strerror", None) or str(error) or type(error).__name__
        attempt = self._attempt(outcome, now)
        self.fail(ServerFailure(*self.words, f"the system: {outcome}", attempts=(attempt,), code=code))

    def _attempt(self, outcome: str, now: float) -> Attempt:
        return Attempt(self._function, "system", outcome, now - self.began)

    def _marks(self, now: float) -> dict[str, Any]:
        return {"server": self._function, "elapsed": now - self.began}

    @property
    def _function(self) -> str:
        return "getnameinfo" if self.question.type == RRType.PTR else "getaddrinfo"


def _absent(question: Question, rcode: Rcode, now: float, **marks: Any) -> Answer[Any]:
    return Answer.from_records(question, now=now, rcode=rcode, ttl=SystemBackend.negative_ttl, **marks)


def _read_addresses(question: Question, rows: list[tuple[Any, ...]]) -> Iterable[Record]:
    """getaddrinfo's rows as records, the canonical name as an alias."""
    family = FAMILIES[question.type]
    rows = [row for row in rows if row[0] == family]
    addresses = dict.fromkeys(row[4][0].partition("%")[0] for row in rows)
    name = question.name
    canonical = next((row[3] for row in rows if row[3]), name)
    try:
        canonical = Name.parse(canonical)
    except NameSyntaxError:  # a hosts file may hold anything
        canonical = name
    if canonical != name:
        yield Record(name, RRType.CNAME, RRClass.IN, SystemBackend.ttl, CNAME(canonical))
    for address in addresses:
        data = A(address) if question.type == RRType.A else AAAA(address)
        yield Record(canonical, question.type, RRClass.IN, SystemBackend.ttl, data)


def _read_host(question: Question, result: tuple[str, str]) -> Iterable[Record]:
    yield Record(question.name, RRType.PTR, RRClass.IN, SystemBackend.ttl, PTR(Name.parse(result[0])))


_ends_in_number = re.compile(r"(?:.*\.)?(?:[0-9]+|0x[0-9a-f]*)\.", re.DOTALL).fullmatch


def _is_literal(name: Name) -> bool:
    """Whether getaddrinfo might read this as an address, in one of inet_aton's many forms or as IPv6."""
    return _ends_in_number(name) is not None or ":" in name or "%" in name


def _deliver(loop: asyncio.AbstractEventLoop, lookup: _Lookup, result: Any, error: Exception | None) -> None:
    """In the thread: hand the result over, if there still is somebody."""
    _call_in(loop, lookup.heard, result, error)


def _tell(loop: asyncio.AbstractEventLoop, future: asyncio.Future[None]) -> None:
    _call_in(loop, _settle, future)


def _call_in(loop: asyncio.AbstractEventLoop, callback: Callable[..., object], *arguments: Any) -> None:
    try:
        loop.call_soon_threadsafe(callback, *arguments)
    except RuntimeError:
        if not loop.is_closed():
            raise


def _settle(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
