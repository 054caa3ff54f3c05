"""Where mail for a domain goes: MX by preference (RFC 5321, 5.1), implicit and null MX; and the texts of a name."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from itertools import groupby
from typing import Any, NamedTuple, Protocol

from aioresolver.answer import Answer
from aioresolver.errors import (
    AddressBlocked,
    LookupTimeout,
    NameNotFound,
    NameSyntaxError,
    NoRecords,
    NullMX,
    ResolutionError,
    ServerFailure,
)
from aioresolver.flow.chance import random_below
from aioresolver.host import absence
from aioresolver.services import Below, shuffled
from aioresolver.system.literal import parse_literal
from aioresolver.wire.names import Name
from aioresolver.wire.rdata import MX, TXT

__all__ = ["MailServer", "find_mail_hosts", "find_mail_servers", "find_texts"]

MOST_HOSTS = 32
"""How many hosts are looked up at the most: a domain must not make us ask thousands of questions."""


class _Asking(Protocol):
    async def query(self, name: str, type: str | int = "A") -> Answer[Any]: ...
    async def addresses(self, host: str) -> list[str]: ...


class MailServer(NamedTuple):
    """A host that takes mail for a domain.

    - `preference`: lower first; 0 for the implicit MX.
    - `addresses`: the best to connect to first; none when there is an `error`.
    - `aliases`: the names in between when the host is an alias, which it must not be (RFC 5321, 5.1); it works mostly.
    - `implicit`: the domain has no MX record, and mail goes to the domain itself.
    """

    preference: int
    host: Name
    addresses: tuple[str, ...] = ()
    aliases: tuple[Name, ...] = ()
    error: ResolutionError | None = None
    implicit: bool = False

    @property
    def problem(self) -> str | None:
        """What is wrong with it, in one sentence."""
        if self.error is not None:
            return f"the mail server {self.host} has no address: {self.error.reason} (RFC 5321, 5.1)"
        if self.aliases and not self.implicit:
            return f"the mail server {self.host} is an alias, which it must not be (RFC 5321, 5.1, and RFC 2181, 10.3)"
        return None

    def __str__(self) -> str:
        return " ".join((str(self.preference), self.host, *self.addresses))


async def find_mail_servers(asking: _Asking, domain: str, *, below: Below = random_below) -> list[MailServer]:
    """The hosts that have addresses, in the order to try them; see `Resolver.mail_servers`."""
    servers = await find_mail_hosts(asking, domain, below=below)
    usable = [server for server in servers if server.addresses]
    if not usable:
        raise _unusable(domain, [server.error for server in servers if server.error is not None])
    return usable


async def find_mail_hosts(asking: _Asking, domain: str, *, below: Below = random_below) -> list[MailServer]:
    """All hosts, those without addresses too, of which `error` tells. Raises NullMX and what `query` raises."""
    if parse_literal(domain) is not None:
        raise ValueError(f"{domain!r} is an address: mail for it goes there")
    answer: Answer[MX] = await asking.query(domain, "MX")
    if answer.rcode:
        raise absence(answer)
    hosts = {mx.exchange: mx.preference for mx in sorted(answer, reverse=True) if mx.exchange != "."}
    if answer and not hosts:
        raise NullMX(answer.question.name, "MX", "the domain takes no mail (RFC 7505)")
    servers = [MailServer(preference, host) for host, preference in hosts.items()]
    servers = by_preference(servers, below)[:MOST_HOSTS] or [MailServer(0, answer.name, implicit=True)]
    return list(await asyncio.gather(*(_with_addresses(asking, server) for server in servers)))


def by_preference(servers: Sequence[MailServer], below: Below = random_below) -> list[MailServer]:
    """Lower preferences first; equals at random, so that they share the load (RFC 5321, 5.1)."""
    ordered = sorted(servers, key=lambda server: server.preference)
    groups = groupby(ordered, lambda server: server.preference)
    return [server for _, group in groups for server in shuffled(list(group), below)]


async def find_texts(asking: _Asking, name: str) -> list[str]:
    """The texts of a name; see `Resolver.txt`."""
    answer: Answer[TXT] = await asking.query(name, "TXT")
    if not answer:
        raise absence(answer)
    return [txt.text for txt in answer]


async def _with_addresses(asking: _Asking, server: MailServer) -> MailServer:
    try:
        addresses = tuple(await asking.addresses(server.host))
    except NameSyntaxError as error:
        return server._replace(error=NameNotFound(server.host, "address", str(error)))
    except ResolutionError as error:
        return server._replace(error=error.with_traceback(None))
    try:
        aliases = (await asking.query(server.host)).aliases  # in the cache by now; `addresses` does not tell of them
    except ResolutionError:
        aliases = ()
    return server._replace(addresses=addresses, aliases=aliases)


def _unusable(domain: str, errors: Sequence[ResolutionError]) -> ResolutionError:
    """Why mail cannot be delivered: for now, when any lookup failed; else for good."""
    kinds: dict[type[ResolutionError], tuple[type[ResolutionError], ...]] = {
        ServerFailure: (ServerFailure, LookupTimeout),
        AddressBlocked: (AddressBlocked,),
    }
    kind = next((kind for kind, those in kinds.items() if any(isinstance(error, those) for error in errors)), NoRecords)
    reasons = "; ".join(f"{error.name} {error.reason}" for error in errors)
    attempts = tuple(attempt for error in errors for attempt in error.attempts)
    return kind(domain, "MX", f"no mail server has an address: {reasons}", attempts=attempts)
