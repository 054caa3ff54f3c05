"""Discovery of designated resolvers (RFC 9462): the encrypted nameservers that a plain one names, once they have proved it."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from ipaddress import ip_address, ip_network
from itertools import groupby
from typing import Any, NamedTuple

from aioresolver.answer import Answer
from aioresolver.backends.base import Backend
from aioresolver.errors import ConfigurationError, DNSError, ServerFailure
from aioresolver.flow.closing import Closing
from aioresolver.transports.nameserver import Nameserver
from aioresolver.wire.codes import Rcode, RRType
from aioresolver.wire.message import Question
from aioresolver.wire.names import Name
from aioresolver.wire.rdata import SVCB
from aioresolver.wire.rdata.service_values import ServiceKey

__all__ = ["Designation", "Discovery", "candidates", "designation_question", "discover", "usable_endpoints"]

RESOLVER_ARPA = "resolver.arpa"
# What an endpoint speaks, in the order that we try it; with DNS over HTTPS only over HTTP/2.
SCHEMES = {"dot": "tls", "h2": "https", "doq": "quic"}
UNDERSTOOD = {
    ServiceKey.ALPN,
    ServiceKey.NO_DEFAULT_ALPN,
    ServiceKey.PORT,
    ServiceKey.IPV4HINT,
    ServiceKey.IPV6HINT,
    ServiceKey.DOHPATH,
}
DOH_VARIABLES = ("{?dns}", "{&dns}")
# Who cannot have a certificate for their address (RFC 9462, 4.3), and loopback, which is nearer still.
LOCAL_NETWORKS = tuple(
    map(ip_network, ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16", "127.0.0.0/8",
                     "fc00::/7", "fe80::/10", "::1/128"))
)  # fmt: skip

MOST_ENDPOINTS = 8
MOST_ADDRESSES = 4
LOOK_TAKES = 5.0
PROOF_TAKES = 5.0
LEAST_KEPT = 60.0
MOST_KEPT = 86_400.0
NOTHING_KEPT = 3600.0
LOOK_AGAIN_AFTER_FAILURE = 60.0

MakeBackend = Callable[[Nameserver], Backend]


class Designation(NamedTuple):
    """The encrypted nameservers that a plain one names and that have proved it, and until when, in loop time, that holds."""

    nameservers: tuple[Nameserver, ...]
    expires: float


class Discovery(Closing):
    """Looks for the encrypted nameservers of plain ones, when it is told that time goes by, and again when a TTL ends.

    `make_backend` makes what asks one nameserver, plain or encrypted; it is closed after use. `found` is called with a
    plain nameserver and the encrypted ones in its place whenever these change, with none when they are gone. They are
    kept when the plain one does not reply: silence is no reason to say names aloud again. `over` is called when all looks
    that were under way are over.

    `opportunistic` takes one at the plain nameserver's own address without proof, when that address is private (RFC
    9462, 4.3).
    """

    def __init__(
        self,
        nameservers: Iterable[Nameserver],
        make_backend: MakeBackend,
        found: Callable[[Nameserver, tuple[Nameserver, ...]], object],
        *,
        over: Callable[[], object],
        opportunistic: bool = False,
    ) -> None:
        self._due = {nameserver: -math.inf for nameserver in nameservers if not nameserver.encrypted}
        self._make_backend = make_backend
        self._found = found
        self._over = over
        self._opportunistic = opportunistic
        self._known: dict[Nameserver, tuple[Nameserver, ...]] = {}
        self._looks: set[asyncio.Task[None]] = set()
        self._closed = False
        self.next_look: float = -math.inf if self._due else math.inf

    def follow(self, now: float) -> None:
        """Look where it is time to, in the background; `next_look` says when that is next, in loop time."""
        if now < self.next_look or self._closed:
            return
        loop = asyncio.get_running_loop()
        for nameserver, due in self._due.items():
            if now >= due:
                self._due[nameserver] = math.inf
                look = loop.create_task(self._look(nameserver, loop))
                self._looks.add(look)
                look.add_done_callback(self._ended)
        self.next_look = min(self._due.values())

    @property
    def in_vain(self) -> bool:
        """Whether it has looked and knows nobody, and will not look again for a while."""
        return self.next_look > -math.inf and not self._looks and not any(self._known.values())

    async def looked(self) -> None:
        """Wait until the looks under way are over, some seconds at most."""
        while self._looks:
            await asyncio.wait(self._looks)

    async def aclose(self) -> None:
        """Look no more. May be called twice."""
        self._closed = True
        for look in self._looks:
            look.cancel()
        await self.looked()

    async def _look(self, nameserver: Nameserver, loop: asyncio.AbstractEventLoop) -> None:
        again = loop.time() + LOOK_AGAIN_AFTER_FAILURE
        try:
            designation = await discover(nameserver, self._make_backend, opportunistic=self._opportunistic)
            again = designation.expires
            if designation.nameservers != self._known.get(nameserver, ()):
                self._known[nameserver] = designation.nameservers
                self._found(nameserver, designation.nameservers)
        except (OSError, DNSError):  # the plain nameserver does not reply: what is known of it stays
            pass
        finally:
            self._due[nameserver] = again
            self.next_look = min(self._due.values())

    def _ended(self, look: asyncio.Task[None]) -> None:
        self._looks.discard(look)
        if not self._looks and not self._closed:
            self._over()


async def discover(
    nameserver: Nameserver, make_backend: MakeBackend, *, name: str = RESOLVER_ARPA, opportunistic: bool = False
) -> Designation:
    """Ask a nameserver for designated ones, and see which of them prove that they are.

    By default these are its own, and prove it with a certificate for its address. With the `name` of an encrypted
    resolver they are that one's, whoever is asked, and their certificates must carry the name (RFC 9462, 5).
    Raises OSError or DNSError when the nameserver gives no answer.
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + LOOK_TAKES
    question = designation_question(name)
    identity = nameserver.identity if name == RESOLVER_ARPA else name
    backend = make_backend(nameserver)
    try:
        answer: Answer[Any] = await backend.query(question, deadline)
        endpoints = usable_endpoints(answer)
        answered = loop.time()
        ttl = answer.expires - answered if endpoints else NOTHING_KEPT
        found: list[tuple[SVCB, Sequence[str]]] = [
            (endpoint, await _addresses(endpoint, backend, deadline)) for endpoint in endpoints
        ]
    finally:
        await backend.aclose()
    proven: list[Nameserver] = []
    own = nameserver.identity
    lenient = opportunistic and name == RESOLVER_ARPA and is_local(own)
    for _, equals in groupby(found, key=lambda pair: pair[0].priority):
        chains = [
            # Its own address may have a scope, which no record can say.
            candidates(endpoint, nameserver.address, identity, opportunistic=lenient)
            if address == own
            else candidates(endpoint, address, identity)
            for endpoint, addresses in equals
            for address in addresses
        ]
        proofs = await asyncio.gather(*(_first_proven(chain, make_backend, question) for chain in chains))
        proven = [proof for proof in proofs if proof is not None]
        if proven:
            break
    return Designation(tuple(dict.fromkeys(proven)), answered + min(max(ttl, LEAST_KEPT), MOST_KEPT))


def designation_question(name: str = RESOLVER_ARPA) -> Question:
    """What a resolver is asked for the encrypted nameservers in its place, or in that of the resolver of this name."""
    return Question(Name.parse(f"_dns.{name}"), RRType.SVCB)


def usable_endpoints(records: Iterable[SVCB]) -> list[SVCB]:
    """Those that we can speak to, the best first.

    Left out are aliases, targets of `.` (RFC 9462, 4), what needs more than we understand, and protocols that we do
    not speak.
    """
    usable = [
        record
        for record in records
        if record.priority > 0 and record.target != "." and UNDERSTOOD.issuperset(record.mandatory) and _schemes(record)
    ]
    return sorted(usable, key=lambda record: record.priority)[:MOST_ENDPOINTS]


def candidates(endpoint: SVCB, address: str, identity: str, *, opportunistic: bool = False) -> Iterator[Nameserver]:
    """The ways to speak to an endpoint at one of its addresses, the best first, with the identity that it must prove.

    With `opportunistic` the same without proof come last.
    """
    found = []
    for scheme in _schemes(endpoint):
        path = _path(endpoint.dohpath) if scheme == "https" else ""
        try:
            found.append(Nameserver(scheme, address, endpoint.port or 0, identity, path or ""))
        except ConfigurationError:  # nonsense in the record: the others still count
            continue
    yield from found
    if opportunistic:
        yield from (replace(nameserver, opportunistic=True) for nameserver in found)


def is_local(address: str) -> bool:
    """Whether nobody can have a certificate for the address that others would believe."""
    parsed = ip_address(address.partition("%")[0])
    return any(parsed in network for network in LOCAL_NETWORKS)


def _schemes(endpoint: SVCB) -> list[str]:
    """What can be spoken to it, each on the port of its own unless the record names one."""
    spoken = [scheme for alpn, scheme in SCHEMES.items() if alpn in endpoint.alpn]
    if endpoint.port == 0:
        return []
    return [scheme for scheme in spoken if scheme != "https" or _path(endpoint.dohpath)]


def _path(template: str | None) -> str | None:
    """The path of DNS over HTTPS in a template (RFC 9461, 5); None when there is none that we understand."""
    for variable in DOH_VARIABLES:
        if template is not None and template.endswith(variable):
            path = template.removesuffix(variable)
            return path if path.startswith("/") and "{" not in path else None
    return None


async def _addresses(endpoint: SVCB, backend: Backend, deadline: float) -> Sequence[str]:
    """Where the endpoint is: the record's hints, or else the addresses of its target."""
    hints = (*endpoint.ipv4hint[: MOST_ADDRESSES // 2], *endpoint.ipv6hint[: MOST_ADDRESSES // 2])
    if hints:
        return hints
    questions = [Question(endpoint.target, type_) for type_ in (RRType.A, RRType.AAAA)]
    answers = await asyncio.gather(
        *(backend.query(question, deadline) for question in questions), return_exceptions=True
    )
    found: list[str] = []
    for answer in answers:
        if isinstance(answer, Answer):
            found += [str(data) for data in answer][: MOST_ADDRESSES // 2]
        elif not isinstance(answer, (OSError, DNSError)):
            raise answer
    return found


async def _first_proven(
    chain: Iterator[Nameserver], make_backend: MakeBackend, question: Question
) -> Nameserver | None:
    """The first nameserver that replies, which it cannot when its certificate is wrong; what it says proves nothing more."""
    for nameserver in chain:
        if await _proven(nameserver, make_backend, question):
            return nameserver
    return None


async def _proven(nameserver: Nameserver, make_backend: MakeBackend, question: Question) -> bool:
    deadline = asyncio.get_running_loop().time() + PROOF_TAKES
    try:
        backend = make_backend(nameserver)
    except ConfigurationError:  # h2 or aioquic is not installed
        return False
    try:
        await backend.query(question, deadline)
    except ServerFailure as error:  # SERVFAIL and REFUSED are replies too
        return any(attempt.outcome.partition(" ")[0] in Rcode.__members__ for attempt in error.attempts)
    except (OSError, DNSError):
        return False
    finally:
        await backend.aclose()
    return True
