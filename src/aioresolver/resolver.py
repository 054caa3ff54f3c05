"""The Resolver: a name goes in, an Answer comes back."""

from __future__ import annotations

import asyncio
import itertools
import os
import socket
from collections.abc import AsyncGenerator, AsyncIterable, Collection, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeVar

from aioresolver.answer import Answer
from aioresolver.backends.base import Backend
from aioresolver.backends.batches import in_batches
from aioresolver.cache import Cache
from aioresolver.configured import ConfiguredBackend, choose_backend
from aioresolver.connect import Connecting
from aioresolver.dispatch import Dispatch
from aioresolver.errors import (
    AddressBlocked,
    ConfigurationError,
    DNSError,
    LookupTimeout,
    NameNotFound,
    NameSyntaxError,
    NoRecords,
    ResolutionError,
    ServerFailure,
)
from aioresolver.events import AnswerBlocked, Observer
from aioresolver.explain import explain
from aioresolver.explanation import Explanation
from aioresolver.flow.closing import Closing
from aioresolver.flow.limiter import Limiter
from aioresolver.host import Host, SearchList, absence, find_host, literal_answer, may_be_literal, outcome_of
from aioresolver.mail import MailServer, find_mail_servers, find_texts
from aioresolver.policy import AddressPolicy
from aioresolver.questions import TypeLike, question_of, questions_of
from aioresolver.services import Endpoint, find_https, find_services
from aioresolver.snapshot import Snapshot, observe, take_snapshot
from aioresolver.stats import Stats
from aioresolver.stream import Outcome, Stream
from aioresolver.system.address_order import AddressOrder
from aioresolver.system.addrinfo import AddrinfoRequest
from aioresolver.system.config import SystemConfig
from aioresolver.system.hosts import Override
from aioresolver.system.interfaces import Interfaces
from aioresolver.system.literal import ends_in_number, parse_literal
from aioresolver.system.local import LocalNames, of_family, special_answer
from aioresolver.system.nameinfo import NameinfoRequest, is_host_name
from aioresolver.system.search import SearchWalk
from aioresolver.typed import asking, peeking, streaming, submitting
from aioresolver.wire.codes import RRType
from aioresolver.wire.message import Question
from aioresolver.wire.names import Name
from aioresolver.wire.rdata import SRV

if TYPE_CHECKING:
    from aioresolver.survey import Survey
    from aioresolver.trace import Trace

__all__ = ["Resolver"]

Item = TypeVar("Item", bound="str | tuple[Any, ...]")

DEFAULT_CONCURRENCY = 100
LONGEST_TIMEOUT = 1_000_000
REMEMBERED_QUESTIONS = 4096


class Resolver(Connecting, Closing):
    """Resolves names from asyncio, each distinct question once, and remembers the answers while their TTLs last.

    `backend` finds what is not known here: None is this machine's configuration, `"cares"`, `"system"`, a nameserver
    (`"1.1.1.1"`, `"tls://9.9.9.9#dns.quad9.net"`), several of them, or a Backend. The resolver owns it and closes it.

    - `cache`, `limiter`: give the same one to several resolvers to share it.
    - `timeout`: seconds that a lookup may take once the limiter has let it go.
    - `hosts`: names and their addresses, which win over everything else; `hosts_file` replaces this machine's. A name
      with a port (`{"db.test:5432": ("127.0.0.1", 15432)}`) is overridden for `endpoints` and `getaddrinfo` to it.
    - `policy`: which addresses may be handed out.
    - `rotate`: hand out the records of an answer in turn, round-robin.
    - `search`, `ndots`: the search list for short names; None is this machine's when `backend` is None, else empty.
    - `address_order`: `rfc6724`, `as-is`, `ipv4-first`, `interleave` or `rotate`, for `addresses` and `getaddrinfo`.
    - `os_fallback`: when `backend` is None, whether the operating system is asked where DNS cannot answer.
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
        hosts: Mapping[str, Override] | None = None,
        policy: AddressPolicy | None = None,
        rotate: bool = False,
        search: Sequence[str] | None = None,
        ndots: int | None = None,
        address_order: str = "rfc6724",
        hosts_file: str | os.PathLike[str] | None = None,
        os_fallback: bool = True,
        observer: Observer | None = None,
    ) -> None:
        if not 0 < timeout <= LONGEST_TIMEOUT:
            raise ValueError(f"timeout is a number of seconds above 0, at most {LONGEST_TIMEOUT}, not {timeout!r}")
        if isinstance(search, str):
            raise ConfigurationError(f"search is a list of suffixes, not one text: [{search!r}]")
        self.backend: Backend = choose_backend(backend, os_fallback=os_fallback)
        if limiter is None:
            limiter = Limiter(getattr(self.backend, "concurrency", DEFAULT_CONCURRENCY))
        self.cache: Cache = Cache() if cache is None else cache
        if isinstance(self.backend, ConfiguredBackend):
            self.backend.changed = self.cache.forget_failures
        self.limiter: Limiter = limiter
        self._dispatch = Dispatch(in_batches(self.backend), self.cache, limiter, timeout=timeout, observer=observer)
        if observer is not None:
            observe(self.backend, self._dispatch.narrator.tell)
        config = self.backend.files if isinstance(self.backend, ConfiguredBackend) else None
        self._is_watched = self.cache.prefetch or observer is not None
        self._local = LocalNames(hosts, config=config, hosts_file=hosts_file)
        self._policy = policy
        self._rotation = itertools.count() if rotate else None
        self._finish = None if policy is None and not rotate else self._handed_out
        self._search = None if search is None else tuple(map(Name.parse, search))
        self._ndots = ndots
        self._fixed_search: SearchList | None = None
        if not isinstance(self.backend, ConfiguredBackend):
            self._fixed_search = self._search_list()
        self._interfaces = Interfaces()
        self._order = AddressOrder(address_order, interfaces=self._interfaces)
        self._question = lru_cache(REMEMBERED_QUESTIONS)(question_of)

    @property
    def policy(self) -> AddressPolicy | None:
        """Which addresses may be handed out; None is all."""
        return self._policy

    @property
    def stats(self) -> Stats:
        """Plain counters of the lookups sent; those of the cache are in `cache.stats`."""
        return self._dispatch.stats

    def snapshot(self) -> Snapshot:
        """All counters, the limiter, and the nameservers as they are known, at this moment."""
        return take_snapshot(self._dispatch, self.backend)

    @asking
    async def query(self, name: str, type: TypeLike = "A") -> Answer[Any]:
        """Ask for one name as it is written, without a search list.

        NXDOMAIN and no data are an empty Answer. Raises NameSyntaxError or ValueError for an impossible name or type,
        ServerFailure, LookupTimeout, and AddressBlocked.
        """
        question = self._question(name, type)
        now = self._dispatch.bind().time()
        found: Any = self._local.answer(question, now)
        if found is None:
            found = self._held(question, now)
        if found is None:
            found = await self._dispatch.submit(question)
        elif found.__class__ is not Answer and not isinstance(found, Answer):
            raise found.with_traceback(None)
        return found if self._finish is None else self._finish(found)

    @asking
    async def resolve(self, name: str, type: TypeLike = "A") -> Answer[Any]:
        """Ask for a name as this machine would, search list included; the Answer has at least one record.

        Raises NameNotFound or NoRecords when there is none, and what `query` raises.
        """
        question = self._question(name, type)
        search = self._search_list()
        if not search.suffixes:
            found = self._find(question)
            if not isinstance(found, Answer):
                found = await found
            if found:
                return found if self._finish is None else self._finish(found)
            raise absence(found)
        return await self._resolve_in(question, name, search)

    @submitting
    def submit(self, name: str, type: TypeLike = "A") -> asyncio.Future[Answer[Any]]:
        """`query` without a coroutine: `await asyncio.gather(*map(resolver.submit, hosts))` makes no Task.

        An impossible name is the future's exception. Cancelling the future harms no other asker.
        """
        loop = self._dispatch.bind()
        try:
            question = question_of(name, type)
        except (DNSError, ValueError) as error:
            return _ended(loop, error)
        if self._finish is not None:
            return loop.create_task(self.query(name, type))
        found = self._known(question, loop.time())
        return self._dispatch.submit(question) if found is None else _ended(loop, found)

    @streaming
    def query_many(
        self,
        names: Iterable[Item] | AsyncIterable[Item],
        type: TypeLike = "A",
        *,
        concurrency: int | None = None,
    ) -> AsyncGenerator[tuple[Item, Outcome], None]:
        """Query a stream of names, in flat memory: each name comes once, as soon as it is known, with its outcome.

        The outcome is an Answer, also an empty one, or the error: no name is lost and none stops the others. Instead of
        a name there may be a tuple that begins with a name and a type, and whatever else; it comes back as it is.

        Names are pulled as there is room for them: `concurrency` are under way and as many wait for you at most. An
        iterator may give `aioresolver.stream.PAUSE` when it has nothing to ask just now: it is asked again after the next
        outcomes, of which some must be to come. What is no name at all has that for its outcome. Leave the loop early and `aclose()` ends what is under way. Raises ValueError for an
        impossible type, and UsageError as soon as the resolver is closed.
        """
        if isinstance(names, (str, bytes)):
            raise TypeError(f"names is an iterable of names, not one text: [{names!r}]")
        if concurrency is not None and not concurrency >= 1:
            raise ValueError(f"concurrency is how many may be under way at once, 1 or more, not {concurrency!r}")
        rrtype = Question.parse(".", type).type
        limit = concurrency or self.limiter.concurrency or DEFAULT_CONCURRENCY
        stream: Stream[Any] = Stream(
            self._dispatch,
            names,
            question=questions_of(rrtype),
            known=self._known,
            finish=self._finish,
            concurrency=limit,
        )
        return stream.outcomes()

    async def addresses(self, host: str, family: int = socket.AF_UNSPEC) -> list[str]:
        """The addresses of a host, IPv4 and IPv6 asked at once, the best to connect to first (RFC 6724).

        Raises what `resolve` raises.
        """
        return self._sorted((await self._host(host, family)).addresses, family)

    async def endpoints(self, host: str, port: int, *, family: int = socket.AF_UNSPEC) -> list[tuple[str, int]]:
        """Where to connect to for a port of a host: its `addresses`, each with the port.

        Overrides for that port count, and may have another port. Raises what `resolve` raises.
        """
        self._dispatch.bind()
        redirected = self._redirected(host, port, family)
        if redirected is None:
            return [(address, port) for address in await self.addresses(host, family)]
        addresses, port = redirected
        return [(address, port) for address in self._sorted(addresses, family)]

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
        now = self._dispatch.bind().time()
        configured = self._interfaces.families(now)
        request = AddrinfoRequest(host, port, family=family, type=type, proto=proto, flags=flags, configured=configured)
        if request.literal is not None:
            return request.build(self._sorted(self._allowed(request.host, request.literal), family))
        redirected = self._redirected(request.host, request.port, request.lookup_family)
        if redirected is not None:
            addresses, port = redirected
            request = AddrinfoRequest(host, port, family=family, type=type, proto=proto, flags=flags)
            return request.build(self._sorted(request.select(addresses), family))
        try:
            found = await self._host(request.host, request.lookup_family)
        except NameSyntaxError as error:
            raise NameNotFound(request.host, "address", str(error)) from None
        return request.build(self._sorted(request.select(found.addresses), family), found.canonical_name)

    async def getnameinfo(self, sockaddr: tuple[Any, ...], flags: int = 0) -> tuple[str, str]:
        """What `socket.getnameinfo` returns: the host, by the hosts file and PTR, and the service.

        Raises a `socket.gaierror` as it does, which for an address without a name is only so with NI_NAMEREQD.
        """
        now = self._dispatch.bind().time()
        request = NameinfoRequest(sockaddr, flags)
        if not request.wants_name:
            return request.build()
        domain = self._local.domain(socket.gethostname(), now) if request.wants_short_name else ""
        return request.build(await self._name_of(request.address, now), domain=domain)

    async def services(self, name: str, service: str | None = None, *, proto: str = "tcp") -> list[SRV]:
        """The servers of a service of a domain, in the order to try them (RFC 2782): `services("example.org", "imap")`.

        Without `service` the name is the whole, `_imap._tcp.example.org`. Raises what `resolve` raises, and NoRecords
        when the domain says that it has no such service.
        """
        return await find_services(self, name, service, proto=proto)

    async def https(self, name: str, port: int = 443, *, alpn: Collection[str] | None = None) -> list[Endpoint]:
        """The places to reach a web origin at, in the order to try them (RFC 9460); the last one is the origin itself.

        Aliases are followed; records that need what we do not understand are left out, and with `alpn` those that
        speak none of these protocols. Raises what `query` raises, and NoRecords for "not available".
        """
        return await find_https(self, name, port, alpn=alpn)

    async def mail_servers(self, domain: str) -> list[MailServer]:
        """The hosts that take mail for a domain, with their addresses, in the order to try them (RFC 5321, 5.1).

        Without MX records it is the domain itself. A host without addresses is left out. Raises NullMX when the domain
        takes no mail, ServerFailure or NoRecords when no host has addresses, and what `query` and `resolve` raise.
        """
        return await find_mail_servers(self, domain)

    async def txt(self, name: str) -> list[str]:
        r"""The texts of a name, the strings of each joined; bytes that are not UTF-8 are shown as `\xNN`.

        The bytes are in `query(name, "TXT")`. Raises what `resolve` raises; there is no search list.
        """
        return await find_texts(self, name)

    async def survey(self, domain: str, *, selectors: Collection[str] = ()) -> Survey:
        """What the DNS says about a domain: addresses, mail, certificates, DNSSEC; read, with what is wrong with it.

        DKIM keys are looked for under the well-known selectors, and these. A question that fails is a finding like any
        other: only NameSyntaxError, ValueError and UsageError are raised.
        """
        from aioresolver.survey import take_survey  # noqa: PLC0415 - most programs never survey

        return await take_survey(self, domain, selectors=selectors)

    @peeking
    def peek(self, name: str, type: TypeLike = "A") -> Answer[Any] | None:
        """What is known already, from the hosts file or the cache, without asking anybody; None when nothing is."""
        found = self._known(self._question(name, type), self._dispatch.bind().time(), asks=False)
        return self._handed_out(found) if isinstance(found, Answer) else None

    async def explain(self, name: str, type: TypeLike = "A", *, os: bool | None = None) -> Explanation:
        """Look a name up and tell how: which files say what, what is cached, who was asked, who is believed.

        It asks anew and leaves the cache as it is. `os` is whether to ask the operating system too, for comparison;
        None is when this resolver follows this machine's configuration. How the lookup ends is part of the story:
        only NameSyntaxError, ValueError and UsageError are raised.
        """
        return await explain(self, name, type, os=os)

    async def trace(self, name: str, type: TypeLike = "A", *, cold: bool = True) -> Trace:
        """Walk from the root servers to the answer, and tell each step: who was asked, what came back, what was believed.

        It walks as this resolver's own backend does, if that is an IterativeBackend, else as `IterativeBackend()`; from
        the root, or with `cold=False` from what that backend has learnt so far. The cache is neither used nor changed.
        How the walk ends is part of the trace: only NameSyntaxError, ValueError and UsageError are raised.
        """
        from aioresolver.trace import take_trace  # noqa: PLC0415 - most programs never trace

        return await take_trace(self, name, type, cold=cold)

    async def aclose(self) -> None:
        """Close the backend; lookups under way fail. May be called twice."""
        await self._dispatch.aclose()

    # ---- the way of one question

    def _find(self, question: Question) -> Answer[Any] | asyncio.Future[Answer[Any]]:
        """The answer when it is known here, without suspending; else the future of the backend's."""
        found = self._known(question, self._dispatch.bind().time())
        if found is None:
            return self._dispatch.submit(question)
        if isinstance(found, Exception):
            raise found.with_traceback(None)
        return found

    def _submit(self, question: Question, *, hosts: bool = True) -> asyncio.Future[Answer[Any]]:
        """Without a coroutine, and as the backend gave it: no policy, no rotation."""
        loop = self._dispatch.bind()
        found = self._known(question, loop.time(), hosts=hosts)
        return self._dispatch.submit(question) if found is None else _ended(loop, found)

    def _known(
        self, question: Question, now: float, *, hosts: bool = True, asks: bool = True
    ) -> Answer[Any] | ResolutionError | None:
        """From the hosts file, the special names or the cache, without suspending."""
        found = self._local.answer(question, now) if hosts else special_answer(question, now)
        return self._held(question, now, asks=asks) if found is None else found

    def _held(self, question: Question, now: float, *, asks: bool = True) -> Answer[Any] | ResolutionError | None:
        """From the cache; or from the name itself, if that is an address. `asks` is whether it may be asked for anew."""
        found = self.cache.get(question, now)
        if found is None:
            return literal_answer(question, now) if may_be_literal(question) else None
        if self._is_watched:
            self._dispatch.found(question, found, now, refresh=asks)
        if type(found) is not Answer and isinstance(self.backend, ConfiguredBackend) and self.backend.follow():
            return None  # it failed at nameservers that are no longer ours
        return found

    def _handed_out(self, answer: Answer[Any]) -> Answer[Any]:
        if self._policy is not None:
            try:
                answer = self._policy.apply(answer)
            except AddressBlocked as error:
                self._dispatch.narrator.tell(AnswerBlocked(error))
                raise
        if self._rotation is not None:
            answer = answer.rotated(next(self._rotation))
        return answer

    async def _resolve_in(self, asked: Question, text: str, search: SearchList) -> Answer[Any]:
        """`resolve` over the search list; what this machine knows by the name itself comes first."""
        known = self._known(asked, self._dispatch.bind().time())
        if isinstance(known, Answer) and known:
            return self._handed_out(known)
        is_address = asked.name != Name.parse(text) or ":" in text or ends_in_number(text) or bool(parse_literal(text))
        names = [asked.name] if is_address else search.names(text)
        walk: SearchWalk[Answer[Any] | ResolutionError] = SearchWalk(names, asked.name)
        for name in walk:
            try:
                found = await self._submit(asked._replace(name=name), hosts=False)
            except (ServerFailure, LookupTimeout) as error:
                walk.saw(outcome_of(error), error)
            else:
                if found:
                    return self._handed_out(found)
                walk.saw(outcome_of(found), found)
        verdict = walk.verdict
        raise absence(verdict) if isinstance(verdict, Answer) else verdict

    async def _host(self, host: str, family: int) -> Host:
        """The addresses of a host, in the order to try them, as far as the policy allows."""
        self._dispatch.bind()

        def submit(question: Question) -> asyncio.Future[Answer[Any]]:
            return self._submit(question, hosts=False)

        config = self._config()
        found = await find_host(
            host, family, local=self._local, submit=submit, search=self._search_list(), config=config or SystemConfig()
        )
        return found._replace(addresses=self._allowed(found.asked, found.addresses))

    async def _name_of(self, address: str, now: float) -> str | None:
        """The host name of an address as glibc finds it: the first one, and none when that is no host name."""
        name = self._local.name_of(address, now)
        config = self._config()
        if name is None and (config is None or config.asks_dns):
            ipv4 = address[address.rindex(":") + 1 :] if "." in address and ":" in address else address
            answer = await self._submit(Question(Name.reverse(ipv4), RRType.PTR), hosts=False)
            target = str(answer[0].target) if answer else ""
            name = target.removesuffix(".") if is_host_name(target) else None
        return name or self._local.name_of(address, now, late=True)

    def _sorted(self, addresses: list[str], family: int) -> list[str]:
        """As glibc, which keeps to the sortlist where IPv4 is wanted and nothing else."""
        now = self._dispatch.bind().time()
        config = self._config() if family == socket.AF_INET else None
        return self._order.sorted(addresses, now, sortlist=config.sortlist if config else ())

    def _redirected(self, host: str, port: int, family: int) -> tuple[list[str], int] | None:
        """The addresses and the port that the user wants for connections to this port of the host."""
        found = self._local.redirect(host, port)
        if found is None:
            return None
        addresses = of_family(found[0], family)
        if not addresses:
            type_ = "AAAA" if family == socket.AF_INET6 else "A"
            raise NoRecords(host, type_, f"it is overridden for port {port} without addresses of this family")
        return self._allowed(host, list(addresses)), found[1]

    def _config(self) -> SystemConfig | None:
        return self.backend.config() if isinstance(self.backend, ConfiguredBackend) else None

    def _allowed(self, host: str, addresses: list[str]) -> list[str]:
        try:
            return addresses if self._policy is None else self._policy.check(host, addresses)
        except AddressBlocked as error:
            self._dispatch.narrator.tell(AnswerBlocked(error))
            raise

    def _search_list(self) -> SearchList:
        if self._fixed_search is not None:
            return self._fixed_search
        return SearchList.of(self._config() or SystemConfig(), suffixes=self._search, ndots=self._ndots)


def _ended(loop: asyncio.AbstractEventLoop, how: Answer[Any] | Exception) -> asyncio.Future[Answer[Any]]:
    future: asyncio.Future[Answer[Any]] = loop.create_future()
    if isinstance(how, Exception):
        future.set_exception(how)
        future.exception()  # one that is never read is no mistake of the program, as with what comes from the network
    else:
        future.set_result(how)
    return future
