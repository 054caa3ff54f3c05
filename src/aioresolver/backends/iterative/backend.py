"""IterativeBackend: it needs nobody. It starts at the root servers, and remembers who serves what."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Collection, Mapping, Sequence
from ipaddress import ip_address
from typing import Any, Literal

from aioresolver.answer import Answer
from aioresolver.backends.batches import GRACE, PLENTY, Batched, Landed
from aioresolver.backends.iterative.budget import Budget, BudgetExceeded, Limits
from aioresolver.backends.iterative.conversation import Conversations
from aioresolver.backends.iterative.delegations import FOREVER, Delegation, Trust
from aioresolver.backends.iterative.exchange import Exchange, NetworkExchange
from aioresolver.backends.iterative.local_zones import LocalZones
from aioresolver.backends.iterative.memory import Memory
from aioresolver.backends.iterative.root_hints import ROOT_HINTS
from aioresolver.backends.iterative.scrub import is_askable
from aioresolver.backends.iterative.servers import Chance
from aioresolver.backends.iterative.setting import Deadline, Given, Setting, WalkError
from aioresolver.backends.iterative.shortcut import Shortcut
from aioresolver.backends.iterative.steps import Recorder
from aioresolver.backends.iterative.walk import Walk
from aioresolver.errors import ConfigurationError, LookupTimeout, ServerFailure, UsageError
from aioresolver.flow.chance import SystemChance
from aioresolver.flow.closing import Closing
from aioresolver.transports.nameserver import Nameserver
from aioresolver.wire.codes import RRClass, RRType
from aioresolver.wire.message import Question
from aioresolver.wire.names import Name

__all__ = ["IterativeBackend"]

ROOT = Name(".")
VERSIONS: dict[int, tuple[int, ...]] = {socket.AF_UNSPEC: (4, 6), socket.AF_INET: (4,), socket.AF_INET6: (6,)}
"""The versions of IP by family."""
Zones = Mapping[str, Sequence[str]]


class IterativeBackend(Closing):
    """Walks from the root servers down to whoever is in charge of a name, and asks there.

    What it learns of zones, hosts and servers it keeps to itself; answers are for the resolver's cache, none of which
    outlives the delegation that it came by.

    - `hints`: the root servers, addresses by name; those of IANA when None.
    - `stubs`: nameservers of zones that are not found from the root, addresses by zone; asked as authoritative ones.
    - `forwards`: resolvers for zones, addresses by zone; `.` is for all the rest. What they say is believed for the
      names of the zone, and nothing is learnt from it about zones and hosts.
    - `qname_minimization`: show servers no more of a name than they need (RFC 9156).
    - `prime`: ask the root servers who the root servers are, instead of believing the hints for good (RFC 8109).
    - `fetch_ns_addresses`: look up the addresses of nameservers when none is left to ask (`lazy`) or all at once (`eager`).
    - `family`: ask servers over `AF_INET` or `AF_INET6` only.
    - `budget`: what a question may cost at most; over it, it is a ServerFailure that says so.
    - `exchange`: `await exchange(address, query, tcp, deadline)` gives the reply, in place of our own transports.
    - `clock`, `random`: in place of the loop's time and the operating system's generator.

    An address is an IP address, with a port if it is not 53 (`127.0.0.1:5353`). Names that are not for the public DNS
    are answered here (RFC 6303, 6761, 7686, 8375, 9476), unless a stub or forward zone has them; `test.` is asked for
    when `hints` are given. Glue that leads to this machine itself is not followed, unless `hints` or `exchange` do.

    Raises ConfigurationError for zones and addresses that cannot be used.
    """

    concurrency = 1000

    def __init__(
        self,
        hints: Mapping[str, Sequence[str]] | None = None,
        *,
        exchange: Exchange | None = None,
        clock: Callable[[], float] | None = None,
        random: Chance | None = None,
        qname_minimization: bool = True,
        prime: bool = True,
        fetch_ns_addresses: Literal["lazy", "eager"] = "lazy",
        stubs: Zones | None = None,
        forwards: Zones | None = None,
        family: int = socket.AF_UNSPEC,
        budget: Limits | None = None,
    ) -> None:
        if fetch_ns_addresses not in ("lazy", "eager"):
            raise ConfigurationError(f"fetch_ns_addresses is 'lazy' or 'eager', not {fetch_ns_addresses!r}")
        versions = VERSIONS.get(family)
        if versions is None:
            raise ConfigurationError(f"family is AF_UNSPEC, AF_INET or AF_INET6, not {family!r}")
        if exchange is not None and not callable(exchange):
            raise ConfigurationError(f"exchange is called with an address and a query, which is not for {exchange!r}")
        if budget is not None and not isinstance(budget, Limits):
            raise ConfigurationError(f"budget is a Limits, not {budget!r}")
        root = _root(ROOT_HINTS if hints is None else hints, versions)
        stub_zones, forward_zones = _zones(stubs or {}, "stub", versions), _zones(forwards or {}, "forward", versions)
        both = stub_zones.keys() & forward_zones.keys()
        if both:
            raise ConfigurationError(f"{min(both)} is both a stub and a forward zone")
        self._loop_is_clock = clock is None
        clock = clock or _loop_time
        chance: Chance = SystemChance() if random is None else random
        covered = [*stub_zones, *forward_zones, *([Name("test.")] if hints is not None else [])]
        memory = Memory([root, *stub_zones.values()], chance)
        self._network = NetworkExchange() if exchange is None else None
        conversations = Conversations(
            exchange or self._network or NetworkExchange(), memory.servers, chance=chance, clock=clock
        )
        inside = exchange is not None or any(_is_inside(a) for addresses in root.glue.values() for a in addresses)
        self._setting = Setting(
            memory,
            conversations,
            limits=Limits() if budget is None else budget,
            local=LocalZones(covered),
            forwards=forward_zones,
            stubs=stub_zones,
            minimise=qname_minimization,
            prime=prime,
            eager=fetch_ns_addresses == "eager",
            chance=chance,
            clock=clock,
            may_ask=_of_versions(is_askable if inside else _is_outside, versions),
        )
        self._under_way: dict[Budget, Setting] = {}
        self._one_by_one = Batched(self)
        self._shortcut: Shortcut | None = None
        self._given: dict[Question, Given | None] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._closed = False

    def __repr__(self) -> str:
        return f"IterativeBackend(hints={[str(name) for name in self._setting.memory.delegations.configured[0].names]})"

    @property
    def memory(self) -> Memory:
        """What was learnt so far."""
        return self._setting.memory

    @property
    def limits(self) -> Limits:
        """What a question may cost at most."""
        return self._setting.limits

    async def query(self, question: Question, deadline: float) -> Answer[Any]:
        """Walk until an answer comes; raises ServerFailure, or LookupTimeout at the deadline."""
        return await self.walk(question, deadline)

    # ---- the same in batches (see BatchBackend)

    def serve(self, landed: Landed, roomy: Callable[[], object]) -> None:
        """Give outcomes to `landed` from now on."""
        self._bind()
        self._one_by_one.serve(landed, roomy)
        if self._network is not None and self._loop_is_clock:
            loop = asyncio.get_running_loop()
            self._shortcut = Shortcut(self._setting, self._network, landed=landed, walk=self._walk_on, loop=loop)

    def room(self, now: float) -> int:
        """The limiter alone says how many are under way."""
        return PLENTY

    def post(self, questions: Sequence[Question], deadline: float) -> None:
        """Ask all of these: where one packet may be enough, by a shortcut."""
        self._bind()
        if self._shortcut is not None:
            questions = self._shortcut.post(questions, deadline)
        if questions:
            self._one_by_one.post(questions, deadline)

    def withdraw(self, questions: Collection[Question]) -> int:
        """Forget these; how many there were is returned."""
        for question in questions:
            _let_go(self._given.pop(question, None))
        count = self._shortcut.withdraw(questions) if self._shortcut is not None else 0
        return count + self._one_by_one.withdraw(questions)

    def _walk_on(self, question: Question, deadline: float, given: Given | None) -> None:
        """Walk, from what a server has said already."""
        if self._closed:
            return
        self._given[question] = given
        self._one_by_one.post([question], deadline)

    # ---- walking

    async def walk(
        self, question: Question, deadline: float, *, recorder: Recorder | None = None, cold: bool = False
    ) -> Answer[Any]:
        """The same, and `recorder` is told each step; `cold`: without using what was learnt, or adding to it."""
        self._bind()
        if question.class_ != RRClass.IN or question.type in (RRType.AXFR, RRType.IXFR):
            raise ConfigurationError(
                f"{question}: the iterative backend asks for records of class IN, and not for transfers"
            )
        setting = self._setting.cold() if cold else self._setting
        budget = Budget(setting.limits, now=setting.clock(), deadline=deadline)
        walk = Walk(question, budget, setting, recorder=recorder)
        if recorder is None and question in self._given:
            walk.given = self._given.pop(question)
            budget.queries = 1
        name, type_ = str(question.name), str(question.type)
        self._under_way[budget] = setting
        try:
            return await walk.run()
        except WalkError as error:
            attempts = tuple(walk.attempts)
            raise ServerFailure(name, type_, error.reason, rcode=error.rcode, attempts=attempts) from None
        except BudgetExceeded as error:
            attempts = tuple(walk.attempts)
            raise ServerFailure(name, type_, f"over budget: {error.reason}", attempts=attempts) from None
        except Deadline:
            attempts = tuple(walk.attempts)
            if budget.own_deadline:
                reason = f"over budget: {budget.time_is_up().reason}"
                raise ServerFailure(name, type_, reason, attempts=attempts) from None
            if self._closed:
                raise ServerFailure(name, type_, "the backend is closed", attempts=attempts) from None
            raise LookupTimeout(name, type_, "no answer before the deadline", attempts=attempts) from None
        finally:
            _let_go(walk.given)
            del self._under_way[budget]
            if cold:
                await setting.flights.aclose()
                await setting.conversations.aclose()

    async def aclose(self) -> None:
        """Close every socket; lookups under way fail. May be called twice."""
        self._closed = True
        for budget in self._under_way:
            budget.deadline, budget.own_deadline = -FOREVER, False
        if self._shortcut is not None:
            self._shortcut.close()
        walks = [lookup.future for lookup in self._one_by_one._lookups.values()]
        self._one_by_one.withdraw(list(self._one_by_one._lookups))
        if walks:
            await asyncio.wait(walks, timeout=GRACE)
        for setting in {self._setting, *self._under_way.values()}:
            await setting.flights.aclose()
            await setting.conversations.aclose()
        if self._network is not None:
            await self._network.aclose()

    def _bind(self) -> None:
        if self._closed:
            raise UsageError("the backend is closed")
        loop = asyncio.get_running_loop()
        if self._loop is None:
            self._loop = loop
            if self._loop_is_clock:  # it is looked at many times for each question
                self._setting.clock = self._setting.conversations.clock = loop.time
        elif self._loop is not loop:
            raise UsageError("the backend belongs to another event loop")


def _let_go(given: Given | None) -> None:
    """Nobody wants to hear it any more."""
    if given is not None and given.earlier is not None:
        given.earlier.cancel()


def _loop_time() -> float:
    return asyncio.get_running_loop().time()


def _root(hints: Zones, versions: Sequence[int]) -> Delegation:
    _check_kind(hints, "hints", "a.root-servers.net.")
    glue = {
        Name.parse(name): _addresses(addresses, f"root server {name}", versions) for name, addresses in hints.items()
    }
    if not any(glue.values()):
        raise ConfigurationError(f"hints need at least one root server with an address{_of_family(versions)}")
    return Delegation(ROOT, list(glue), glue, expires=FOREVER, trust=Trust.HINT)


def _zones(given: Zones, what: str, versions: Sequence[int]) -> dict[Name, Delegation]:
    _check_kind(given, f"{what}s", "corp.example.")
    zones: dict[Name, Delegation] = {}
    for text, addresses in given.items():
        zone = Name.parse(text)
        glue = {zone: _addresses(addresses, f"{what} zone {text}", versions)}
        if not glue[zone]:
            raise ConfigurationError(f"the {what} zone {text} has no nameserver{_of_family(versions)}")
        if zone == ROOT and what == "stub":
            raise ConfigurationError("the servers of the root are given as hints")
        zones[zone] = Delegation(zone, [zone], glue, expires=FOREVER, trust=Trust.CONFIGURED)
    return zones


def _check_kind(given: Zones, what: str, example: str) -> None:
    if not isinstance(given, Mapping):
        raise ConfigurationError(f"{what} are addresses by name, such as {{{example!r}: ['192.0.2.1']}}, not {given!r}")


def _addresses(given: Sequence[str], whose: str, versions: Sequence[int]) -> tuple[str, ...]:
    kept: list[str] = []
    if isinstance(given, str):
        given = [given]
    if not isinstance(given, Collection) or not all(isinstance(address, str) for address in given):
        raise ConfigurationError(f"{whose}: {given!r} is no list of addresses")
    for address in given:
        try:
            nameserver = Nameserver.parse(address)
        except ConfigurationError as error:
            raise ConfigurationError(f"{whose}: {error}") from None
        if nameserver.scheme != "udp" or "://" in address:
            raise ConfigurationError(f"{whose}: {address!r} is not an IP address, with or without a port")
        if _version(address) in versions:
            kept.append(address)
    return tuple(kept)


def _of_family(versions: Sequence[int]) -> str:
    return f" of IPv{versions[0]}" if len(versions) == 1 else ""


def _version(address: str) -> int:
    return ip_address(Nameserver.parse(address).address.partition("%")[0]).version


def _of_versions(may_ask: Callable[[str], bool], versions: Sequence[int]) -> Callable[[str], bool]:
    """The same, for addresses of these versions of IP."""
    if len(versions) == 2:
        return may_ask
    return lambda address: ip_address(address).version in versions and may_ask(address)


def _is_inside(address: str) -> bool:
    return ip_address(Nameserver.parse(address).address.partition("%")[0]).is_loopback


def _is_outside(address: str) -> bool:
    """Whether it may be asked, and is not this machine."""
    return is_askable(address) and not ip_address(address).is_loopback
