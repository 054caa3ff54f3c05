"""Where a service is: SRV targets by priority and weight (RFC 2782), endpoints of a web origin (RFC 9460)."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Collection, Sequence
from itertools import accumulate, groupby
from typing import Any, NamedTuple, Protocol, TypeVar

from aioresolver.answer import Answer
from aioresolver.errors import NoRecords
from aioresolver.flow.chance import random_below
from aioresolver.system.literal import parse_literal
from aioresolver.wire.codes import RRType
from aioresolver.wire.names import Name
from aioresolver.wire.rdata import HTTPS, SRV, ServiceKey

__all__ = ["UNDERSTOOD_KEYS", "Below", "Endpoint", "by_weight", "find_https", "find_services"]

T = TypeVar("T")

Below = Callable[[int], int]
"""Gives a random number from 0 to below its argument."""

UNDERSTOOD_KEYS = frozenset(
    {ServiceKey.ALPN, ServiceKey.NO_DEFAULT_ALPN, ServiceKey.PORT, ServiceKey.IPV4HINT, ServiceKey.IPV6HINT}
)
"""What every client can do who reads an Endpoint. `ech` is not among it: the ssl module cannot encrypt a ClientHello."""

HTTPS_PORT = 443
DEFAULT_ALPN = "http/1.1"
MAX_ALIASES = 8


class _Asking(Protocol):
    async def query(self, name: str, type: str | int = "A") -> Answer[Any]: ...
    async def resolve(self, name: str, type: str | int = "A") -> Answer[Any]: ...


class Endpoint(NamedTuple):
    """A place to reach a web origin at; the certificate has to be the origin's all the same (RFC 9460, 9.3).

    - `target`, `port`: what to connect to.
    - `alpn`: the protocols spoken there, the default `http/1.1` last; empty when nothing is known.
    - `hints`: addresses to begin with before those of the target are known; the policy has seen them.
    - `record`: where it is from, for anything else (`record.ech`); None for a place that no record describes.
    """

    target: Name
    port: int
    alpn: tuple[str, ...] = ()
    hints: tuple[str, ...] = ()
    record: HTTPS | None = None


async def find_services(
    resolver: _Asking,
    name: str,
    service: str | None = None,
    *,
    proto: str = "tcp",
    below: Below = random_below,
) -> list[SRV]:
    """The servers of a service, in the order to try them; see `Resolver.services`."""
    if service is not None:
        name = f"_{service.removeprefix('_')}._{proto.removeprefix('_')}.{name}"
    answer = await resolver.resolve(name, "SRV")
    servers: list[SRV] = [server for server in answer if server.target != "."]
    if not servers:
        raise NoRecords(answer.question.name, "SRV", "the service is not offered there (RFC 2782)")
    return by_weight(servers, below)


def by_weight(servers: Sequence[SRV], below: Below = random_below) -> list[SRV]:
    """Lower priorities first; within one, at random in proportion to the weights, as RFC 2782 draws them."""
    ordered = []
    for _, group in groupby(sorted(servers, key=lambda server: server.priority), lambda server: server.priority):
        left = sorted(shuffled(list(group), below), key=lambda server: server.weight > 0)
        while left:
            sums = list(accumulate(server.weight for server in left))
            ordered.append(left.pop(bisect_left(sums, below(sums[-1] + 1))))
    return ordered


async def find_https(
    resolver: _Asking,
    name: str,
    port: int = HTTPS_PORT,
    *,
    alpn: Collection[str] | None = None,
    understood: Collection[int] = UNDERSTOOD_KEYS,
    below: Below = random_below,
) -> list[Endpoint]:
    """The places to reach a web origin at, in the order to try them; see `Resolver.https`."""
    if parse_literal(name) is not None:
        raise ValueError(f"{name!r} is an address: connect to it")
    origin = Name.parse(name)
    asked = origin if port == HTTPS_PORT else Name.parse(f"_{port}._https.{origin}")
    plain = [Endpoint(origin, port)]
    for _ in range(MAX_ALIASES):
        answer: Answer[HTTPS] = await resolver.query(asked, RRType.HTTPS)
        aliases = [record for record in answer if record.priority == 0]
        if not aliases:
            return [*_endpoints(answer, port, alpn, understood, below), *plain]
        asked = aliases[below(len(aliases))].target
        if asked == ".":
            raise NoRecords(origin, "HTTPS", "the service is not available (RFC 9460, 2.5.1)")
        plain = [Endpoint(asked, port), Endpoint(origin, port)]
    raise NoRecords(origin, "HTTPS", f"more than {MAX_ALIASES} aliases, one behind the other")


def _endpoints(
    answer: Answer[HTTPS], port: int, alpn: Collection[str] | None, understood: Collection[int], below: Below
) -> list[Endpoint]:
    """Those records that this client can use (RFC 9460, 8 and 7.1.2), by priority, equals at random."""
    usable = []
    for record in sorted(shuffled(list(answer), below), key=lambda record: record.priority):
        protocols = tuple(dict.fromkeys((*record.alpn, *(() if record.no_default_alpn else (DEFAULT_ALPN,)))))
        speaks = alpn is None or not set(alpn).isdisjoint(protocols)
        if speaks and set(record.mandatory) <= set(understood):
            target = answer.name if record.target == "." else record.target
            to_port = port if record.port is None else record.port
            usable.append(Endpoint(target, to_port, protocols, (*record.ipv6hint, *record.ipv4hint), record))
    return usable


def shuffled(items: list[T], below: Below) -> list[T]:
    """The same list in another order, each order as likely as any other."""
    for last in range(len(items) - 1, 0, -1):
        other = below(last + 1)
        items[last], items[other] = items[other], items[last]
    return items
