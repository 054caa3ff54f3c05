"""A host's addresses: local names first, then the search list, each name for both families at once."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from aioresolver.answer import Answer
from aioresolver.errors import NameNotFound, NoRecords, ResolutionError, ServerFailure
from aioresolver.system.config import SystemConfig
from aioresolver.system.literal import ends_in_number, parse_literal
from aioresolver.system.local import LOCAL_TTL, LocalNames
from aioresolver.system.search import Outcome, SearchWalk, candidates
from aioresolver.wire.codes import Rcode, RRType
from aioresolver.wire.edns import explain_errors
from aioresolver.wire.message import Question, Record
from aioresolver.wire.names import Name
from aioresolver.wire.rdata import AAAA, A

__all__ = ["Host", "SearchList", "absence", "find_host", "literal_answer", "outcome_of"]

# How long the other family may still take once one has addresses: a retransmission or two, not a whole timeout.
FAMILY_GRACE = 1.0
EAI_ADDRFAMILY = getattr(socket, "EAI_ADDRFAMILY", socket.EAI_NONAME)
ADDRESS_TYPES: dict[RRType, type[A | AAAA]] = {RRType.A: A, RRType.AAAA: AAAA}
FAMILY_TYPES: dict[int, tuple[RRType, ...]] = {
    socket.AF_UNSPEC: (RRType.A, RRType.AAAA),
    socket.AF_INET: (RRType.A,),
    socket.AF_INET6: (RRType.AAAA,),
}

Ended = Answer[Any] | ResolutionError
Submit = Callable[[Question], "asyncio.Future[Answer[Any]]"]


class Host(NamedTuple):
    """The addresses of a host, the name that was asked for, and the one that has them, after the aliases."""

    addresses: list[str]
    asked: str
    canonical_name: str


class SearchList(NamedTuple):
    """What is appended to short names, and when (resolv.conf(5))."""

    suffixes: Sequence[Name] = ()
    ndots: int = 1
    no_tld_query: bool = False

    @classmethod
    def of(cls, config: SystemConfig, *, suffixes: Sequence[Name] | None, ndots: int | None) -> SearchList:
        """The machine's, but for what is given."""
        suffixes = config.search if suffixes is None else suffixes
        return cls(suffixes, config.ndots if ndots is None else ndots, config.no_tld_query)

    def names(self, text: str) -> list[Name]:
        """The names to ask for in turn; raises NameSyntaxError."""
        return candidates(text, self.suffixes, self.ndots, no_tld_query=self.no_tld_query)

    def begins_as_is(self, text: str) -> bool:
        """Whether the name itself is asked for first, and not only because the root is the first suffix."""
        return not self.suffixes or text[-1:] == "." or text.count(".") >= self.ndots


async def find_host(
    host: str,
    family: int,
    *,
    local: LocalNames,
    submit: Submit,
    search: SearchList,
    config: SystemConfig = SystemConfig(),  # noqa: B008 - it is a tuple
) -> Host:
    """The addresses of a host as getaddrinfo finds them, not sorted.

    Of `config` it is nsswitch.conf's order and `no-aaaa` that count. Raises NameSyntaxError, ValueError for a family that is none, and the ResolutionError that counts.
    """
    types = FAMILY_TYPES.get(family)
    if types is None:
        raise ValueError(f"family is AF_UNSPEC, AF_INET or AF_INET6, not {family!r}")
    literal = parse_literal(host)
    if literal is not None:
        if family not in (socket.AF_UNSPEC, socket.AF_INET6 if ":" in literal else socket.AF_INET):
            raise NoRecords(host, types[0].name, "an address of the other family", code=EAI_ADDRFAMILY)
        return Host([literal], host, host)
    name = Name.parse(host)
    if ends_in_number(host) or ":" in host:
        raise NameNotFound(host, types[0].name, "this is neither a name nor how addresses are written")
    now = asyncio.get_running_loop().time()
    known = local.host(name, family, now)
    if known is not None:
        if not known.addresses:
            raise NoRecords(host, types[0].name, "this machine knows it without addresses of this family")
        return Host(list(known.addresses), name, known.canonical_name)
    if not (config.asks_dns or config.needs_os_fallback or config.from_environment):
        raise NameNotFound(host, types[0].name, "not in the hosts file, and nsswitch.conf names no DNS")
    if config.no_aaaa and family == socket.AF_INET6:
        submit = _without_aaaa(submit)
    elif config.no_aaaa:
        types = FAMILY_TYPES[socket.AF_INET]
    walk: SearchWalk[Ended] = SearchWalk(search.names(host), name, as_is_first=search.begins_as_is(host))
    try:
        return await _ask(walk, types, submit)
    except ResolutionError:
        late = local.late_host(name, family, now)
        if late is None:
            raise
        return Host(list(late.addresses), name, late.canonical_name)


async def _ask(walk: SearchWalk[Ended], types: Sequence[RRType], submit: Submit) -> Host:
    for name in walk:
        ends = await _families(name, types, submit)
        answers = [end for end in ends if isinstance(end, Answer)]
        addresses = [data.address for answer in answers for data in answer]
        if addresses:
            return Host(addresses, name, next(answer.name for answer in answers if answer).removesuffix("."))
        outcomes = [outcome_of(end) for end in ends]
        outcome = outcomes[0] if len(outcomes) == 1 else outcomes[0].beside(outcomes[1])
        walk.saw(outcome, ends[outcomes.index(outcome)])
    verdict = walk.verdict
    raise absence(verdict) if isinstance(verdict, Answer) else verdict


async def _families(name: Name, types: Sequence[RRType], submit: Submit) -> list[Ended]:
    """How each type ended, asked at once; one that is slow is left when another has addresses."""
    lookups = [submit(Question(name, type_)) for type_ in types]
    try:
        done, pending = await asyncio.wait(lookups, return_when=asyncio.FIRST_COMPLETED)
        if pending:
            have = any(lookup.exception() is None and lookup.result() for lookup in done)
            await asyncio.wait(pending, timeout=FAMILY_GRACE if have else None)
    finally:
        for lookup in lookups:
            lookup.cancel()
    return [_ended(lookup) for lookup in lookups if not lookup.cancelled()]


def _without_aaaa(submit: Submit) -> Submit:
    """Ask for A instead, to learn whether there is such a name, and give nothing of it (`no-aaaa`, resolv.conf(5))."""

    async def emptied(question: Question) -> Answer[Any]:
        answer = await submit(question._replace(type=RRType.A))
        now = asyncio.get_running_loop().time()
        return Answer.from_records(question, rcode=answer.rcode, ttl=LOCAL_TTL, now=now, server=answer.server)

    return lambda question: asyncio.ensure_future(emptied(question))


# What every address ends with, in any of its forms, unless it has a scope.
LAST_OF_LITERALS = frozenset("0123456789abcdef:")


def may_be_literal(question: Question) -> bool:
    """Whether a closer look is worth while; for nearly all names it is not."""
    name = question[0]
    return name[-2:-1] in LAST_OF_LITERALS or "%" in name


def literal_answer(question: Question, now: float) -> Answer[Any] | None:
    """The answer for a name that is an address, or would be one to inet_aton(3); None for a name."""
    if question.type not in ADDRESS_TYPES:
        return None
    text = question.name[:-1]
    literal = parse_literal(text)
    if literal is None:
        if not ends_in_number(text):
            return None
        return Answer.from_records(question, rcode=Rcode.NXDOMAIN, ttl=LOCAL_TTL, now=now, server="literal")
    make = ADDRESS_TYPES[question.type]
    same_family = (":" in literal) == (make is AAAA)
    records = [Record(question.name, question.type, question.class_, LOCAL_TTL, make(literal))] if same_family else []
    return Answer.from_records(question, records, ttl=LOCAL_TTL, now=now, server="literal")


def _ended(lookup: asyncio.Future[Answer[Any]]) -> Ended:
    error = lookup.exception()
    if error is None:
        return lookup.result()
    if isinstance(error, ResolutionError):
        return error
    raise error


def outcome_of(end: Ended) -> Outcome:
    """What an end without records means for the search list."""
    if isinstance(end, Answer):
        return Outcome.NOT_FOUND if end.rcode else Outcome.NO_DATA
    said_servfail = any(attempt.outcome.startswith("SERVFAIL") for attempt in end.attempts)
    return Outcome.SERVFAIL if isinstance(end, ServerFailure) and said_servfail else Outcome.FAILED


def absence(answer: Answer[Any]) -> ResolutionError:
    """The error for an empty answer."""
    question = answer.question
    kind, reason = (NameNotFound, "no such name") if answer.rcode else (NoRecords, "no such records")
    said = answer.extended_errors
    if said:
        reason = f"{reason} ({explain_errors(said)})"
    return kind(
        question.name,
        question.type.name,
        reason,
        rcode=answer.rcode.name,
        attempts=answer.attempts,
        extended_errors=said,
    )
