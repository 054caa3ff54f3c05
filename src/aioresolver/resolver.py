"""The Resolver: a name goes in, an Answer comes back."""

from __future__ import annotations

import asyncio
import itertools
import socket
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from types import TracebackType
from typing import Any, Union

from aioresolver.answer import Answer
from aioresolver.backends.base import Backend
from aioresolver.cache import Cache
from aioresolver.configured import ConfiguredBackend, choose_backend
from aioresolver.dispatch import Dispatch, Stats
from aioresolver.errors import (
    AddressBlocked,
    DNSError,
    LookupTimeout,
    NameNotFound,
    NoRecords,
    ResolutionError,
    ServerFailure,
)
from aioresolver.events import Observer
from aioresolver.flow.fan_out import fan_out
from aioresolver.flow.limiter import Limiter
from aioresolver.policy import AddressPolicy
from aioresolver.system.addrinfo import AddrinfoRequest
from aioresolver.system.address_order import AddressOrder
from aioresolver.system.local import LocalNames
from aioresolver.system.search import candidates, parse_literal
from aioresolver.wire.codes import RRType
from aioresolver.wire.message import Question
from aioresolver.wire.names import Name

__all__ = ["Resolver"]

TypeLike = Union[str, int]

DEFAULT_CONCURRENCY = 100
FAMILY_GRACE = 1.0
REMEMBERED_QUESTIONS = 4096
FAMILY_TYPES = {socket.AF_UNSPEC: (RRType.A, RRType.AAAA), socket.AF_INET: (RRType.A,), socket.AF_INET6: (RRType.AAAA,)}


class Resolver:
    """Resolves names from asyncio, each distinct question once, and remembers the answers while their TTLs last.

    `backend` finds what is not known here: None is this machine's configuration, `"cares"`, `"system"`, a nameserver
    (`"1.1.1.1"`, `"tls://9.9.9.9#dns.quad9.net"`), several of them, or a Backend. The resolver owns it and closes it.

    - `cache`, `limiter`: give the same one to several resolvers to share it.
    - `timeout`: seconds that a lookup may take once the limiter has let it go.
    - `hosts`: names and their addresses, which win over everything else.
    - `policy`: which addresses may be handed out.
    - `rotate`: hand out the records of an answer in turn, round-robin.
    - `search`, `ndots`: the search list for short names; None is this machine's when `backend` is None, else empty.
    - `address_order`: `rfc6724`, `as-is`, `ipv4-first`, `interleave` or `rotate`, for `addresses` and `getaddrinfo`.
    - `observer`: is called with each event (see `aioresolver.events`).

    Making one does no I/O. It belongs to the event loop that runs at its first lookup; using it from another one, or
    after `aclose()`, raises UsageError.
    """

    def __init__(
        self,
        backend: Backend | str | Sequence[str] | None = None,
        *,
        cache: Cache | None = None,
        limiter: Limiter | None = None,
        timeout: float = 5.0,
        hosts: Mapping[str, str | Sequence[str]] | None = None,
        policy: AddressPolicy | None = None,
        rotate: bool = False,
        search: Sequence[str] | None = None,
        ndots: int | None = None,
        address_order: str = "rfc6724",
        observer: Observer | None = None,
    ) -> None:
        if not timeout > 0:
            raise ValueError(f"timeout is a number of seconds above 0, not {timeout!r}")
        self.backend = choose_backend(backend)
        if limiter is None:
            limiter = Limiter(getattr(self.backend, "concurrency", DEFAULT_CONCURRENCY))
        self.cache = Cache() if cache is None else cache
        self.limiter = limiter
        self._dispatch = Dispatch(self.backend, self.cache, limiter, timeout=timeout, observer=observer)
        self._local = LocalNames(hosts)
        self._policy = policy
        self._rotation = itertools.count() if rotate else None
        self._search = None if search is None else tuple(map(Name.parse, search))
        self._ndots = ndots
        self._order = AddressOrder(address_order)
        self._question = lru_cache(REMEMBERED_QUESTIONS)(_question)

    @property
    def stats(self) -> Stats:
        """Plain counters of the lookups sent; those of the cache are in `cache.stats`."""
        return self._dispatch.stats

    async def query(self, name: str, type: TypeLike = "A") -> Answer[Any]:
        """Ask for one name as it is written, without a search list.

        NXDOMAIN and no data are an empty Answer. Raises NameSyntaxError or ValueError for an impossible name or type,
        ServerFailure, LookupTimeout, and AddressBlocked.
        """
        return await self._query(self._question(name, type))

    async def resolve(self, name: str, type: TypeLike = "A") -> Answer[Any]:
        """Ask for a name as this machine would, search list included; the Answer has at least one record.

        Raises NameNotFound or NoRecords when there is none, and what `query` raises.
        """
        answer: Answer[Any] | None = None
        failure: ServerFailure | None = None
        for question in self._candidates(name, type):
            try:
                found = await self._query(question)
            except ServerFailure as error:
                failure = failure or error
                continue
            if found:
                return found
            if answer is None or (answer.rcode and not found.rcode):
                answer = found
        if failure is not None and (answer is None or answer.rcode):
            raise failure
        assert answer is not None
        raise _absence(answer)

    def submit(self, name: str, type: TypeLike = "A") -> asyncio.Future[Answer[Any]]:
        """`query` without a coroutine: `await asyncio.gather(*map(resolver.submit, hosts))` makes no Task.

        An impossible name is the future's exception. Cancelling the future harms no other asker.
        """
        dispatch = self._dispatch
        loop = dispatch.bind()
        try:
            question = self._question(name, type)
            found = self._known(question)
        except (DNSError, ValueError) as error:
            found = error
        if found is None and self._policy is None and self._rotation is None and not self.cache.stale:
            return dispatch.fly(question)
        if found is None:
            return loop.create_task(self._fetch(question))
        future = loop.create_future()
        if isinstance(found, Exception):
            future.set_exception(found)
        else:
            future.set_result(found)
        return future

    async def query_many(
        self, names: Iterable[str] | AsyncIterable[str], type: TypeLike = "A", *, concurrency: int | None = None
    ) -> AsyncIterator[tuple[str, Answer[Any] | DNSError]]:
        """Query a stream of names, in flat memory: each name comes once, as soon as it is known, with its outcome.

        The outcome is an Answer, also an empty one, or the error: no name is lost and none stops the others. Names are
        pulled as there is room for them. Leaving the loop ends what is under way.
        """
        limit = concurrency or self.limiter.concurrency or DEFAULT_CONCURRENCY
        RRType.parse(str(type))
        async for name, outcome in fan_out(
            names, lambda name: self.submit(name, type), concurrency=limit, catch=DNSError
        ):
            yield name, outcome

    async def addresses(self, host: str, family: int = socket.AF_UNSPEC) -> list[str]:
        """The addresses of a host, IPv4 and IPv6 asked at once, the best to connect to first (RFC 6724).

        Raises what `resolve` raises.
        """
        found, _ = await self._host(host, family)
        return self._order.sorted(found)

    async def reverse(self, address: str) -> list[Name]:
        """The names of an address (PTR). Raises NameSyntaxError when it is not an address, and what `resolve` raises."""
        answer = await self.resolve(Name.reverse(address), RRType.PTR)
        return [data.target for data in answer]

    async def getaddrinfo(
        self,
        host: str | bytes | None,
        port: str | bytes | int | None,
        *,
        family: int = 0,
        type: int = 0,
        proto: int = 0,
        flags: int = 0,
    ) -> list[tuple[Any, ...]]:
        """What `socket.getaddrinfo` returns, in the same order; its errors are `socket.gaierror` too."""
        request = AddrinfoRequest(host, port, family=family, type=type, proto=proto, flags=flags)
        if request.literal is not None:
            return request.build(request.literal)
        found, canonical_name = await self._host(request.host, request.family)
        return request.build(self._order.sorted(found), canonical_name)

    def peek(self, name: str, type: TypeLike = "A") -> Answer[Any] | None:
        """What is known already, from the hosts file or the cache, without asking anybody; None when nothing is."""
        self._dispatch.bind()
        found = self._known(self._question(name, type))
        return found if isinstance(found, Answer) else None

    async def aclose(self) -> None:
        """Close the backend; lookups under way fail. May be called twice."""
        await self._dispatch.aclose()

    async def __aenter__(self) -> Resolver:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    # ---- the way of one question

    async def _query(self, question: Question) -> Answer[Any]:
        self._dispatch.bind()
        found = self._known(question)
        if found is None:
            return await self._fetch(question)
        if isinstance(found, Exception):
            raise found.with_traceback(None)
        return found

    def _known(self, question: Question) -> Answer[Any] | ResolutionError | None:
        """From the hosts file, the special names or the cache, without suspending."""
        dispatch = self._dispatch
        assert dispatch.loop is not None
        now = dispatch.loop.time()
        found: Answer[Any] | ResolutionError | None = self._local.answer(question, now)
        if found is None:
            found = dispatch.known(question, now)
        return found if found is None or isinstance(found, Exception) else self._handed_out(found)

    async def _fetch(self, question: Question) -> Answer[Any]:
        dispatch = self._dispatch
        assert dispatch.loop is not None
        return self._handed_out(await dispatch.fetch(question, dispatch.loop.time()))

    def _handed_out(self, answer: Answer[Any]) -> Answer[Any]:
        if self._policy is not None:
            answer = self._policy.apply(answer)
        if self._rotation is not None:
            answer = answer.rotated(next(self._rotation))
        return answer

    # ---- short names, and both families of a host

    def _candidates(self, name: str, type: TypeLike) -> Iterator[Question]:
        """The questions to try for a name, in the order of the search list."""
        if RRType.parse(str(type)) == RRType.PTR or parse_literal(name) is not None:
            return iter([self._question(name, type)])
        search, ndots = self._search_list()
        return (self._question(candidate, type) for candidate in candidates(name, search, ndots))

    def _search_list(self) -> tuple[tuple[Name, ...], int]:
        search, ndots = self._search, self._ndots
        if isinstance(self.backend, ConfiguredBackend):
            config = self.backend.config()
            search = config.search if search is None else search
            ndots = config.ndots if ndots is None else ndots
        return search or (), 1 if ndots is None else ndots

    async def _host(self, host: str, family: int) -> tuple[list[str], Name]:
        """The addresses of a host and the name that has them, over the search list."""
        types = FAMILY_TYPES.get(family)
        if types is None:
            raise ValueError(f"family is AF_UNSPEC, AF_INET or AF_INET6, not {family!r}")
        absent: Answer[Any] | None = None
        failure: ResolutionError | None = None
        for question in self._candidates(host, types[0]):
            outcomes = await self._families(question.name, types)
            answers = [outcome for outcome in outcomes if isinstance(outcome, Answer)]
            found = [data.address for answer in answers for data in answer]
            if found:
                return found, next(answer.name for answer in answers if answer)
            for outcome in outcomes:
                if isinstance(outcome, (LookupTimeout, AddressBlocked)):
                    raise outcome
                if isinstance(outcome, ResolutionError):
                    failure = failure or outcome
                elif absent is None or (absent.rcode and not outcome.rcode):
                    absent = outcome
        if failure is not None and (absent is None or absent.rcode):
            raise failure
        assert absent is not None
        raise _absence(absent)

    async def _families(self, name: Name, types: Sequence[RRType]) -> list[Answer[Any] | ResolutionError]:
        """One outcome for each type, asked at once; what is slow is left when another type has addresses."""
        lookups = [self.submit(name, type) for type in types]
        try:
            done, pending = await asyncio.wait(lookups, return_when=asyncio.FIRST_COMPLETED)
            if pending:
                have = any(lookup.exception() is None and lookup.result() for lookup in done)
                await asyncio.wait(pending, timeout=FAMILY_GRACE if have else None)
        finally:
            for lookup in lookups:
                if not lookup.done():
                    lookup.cancel()
        return [_outcome(lookup) for lookup in lookups if not lookup.cancelled()]


def _question(name: str, type: TypeLike) -> Question:
    """The question for a name as people write it; an address stands for its reverse name when PTR is asked."""
    question = Question.parse(name, type)
    if question.type == RRType.PTR and parse_literal(name) is not None:
        return question._replace(name=Name.reverse(name))
    return question


def _outcome(lookup: asyncio.Future[Answer[Any]]) -> Answer[Any] | ResolutionError:
    error = lookup.exception()
    if error is None:
        return lookup.result()
    if isinstance(error, ResolutionError):
        return error
    raise error


def _absence(answer: Answer[Any]) -> ResolutionError:
    question = answer.question
    kind, reason = (NameNotFound, "no such name") if answer.rcode else (NoRecords, "no such records")
    return kind(question.name, str(question.type), reason, rcode=answer.rcode.name, attempts=answer.attempts)
