"""Internet: a root, its top-level domains and all below them, for a resolver that starts at the root."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from types import TracebackType
from typing import TYPE_CHECKING

from aioresolver.errors import ConfigurationError
from aioresolver.testing.authority import Authority
from aioresolver.testing.faults import Fault
from aioresolver.testing.internet_links import InProcessLinks, LoopbackLinks
from aioresolver.testing.internet_map import Place, map_internet
from aioresolver.testing.internet_server import InternetLog, InternetQuery, InternetServer
from aioresolver.testing.zone import Zone
from aioresolver.wire.names import Name

if TYPE_CHECKING:
    from typing_extensions import Self

__all__ = ["Internet"]


class Internet:
    """An internet for tests, described by one text: zone text in which each `$ORIGIN` begins a zone.

        async with Internet(TEXT) as internet:
            backend = IterativeBackend(hints=internet.hints, exchange=internet.exchange)

    The NS records of a zone say who serves it, the addresses of these names where: any addresses, for
    `exchange` leads each to a socket of its own on loopback, 127.77.0.1 and so on, all on one `port` (0: a free one).
    With `sockets=False` nothing is sent and nothing need be started: `exchange` answers within the process, under
    the running loop's time, which may be virtual.

    What the text leaves out is made: the root, a nameserver for a zone without NS records, and the delegation of each
    zone by the one above, glue included. NS records that the zone above has in the text stay as they are, so servers
    can be lame and parents can be wrong. `faults` are those of a nameserver, by its name or by one of its addresses.
    `latency` is the seconds until a reply, for all or by name or address, `loss` the share of UDP replies that are
    lost; chance comes from `seed`. `keep` is how many of the latest queries are remembered (None for all).
    Raises ConfigurationError for text that cannot be read.
    """

    def __init__(
        self,
        text: str,
        *,
        faults: Mapping[str, Iterable[Fault]] | None = None,
        sockets: bool = True,
        latency: float | Mapping[str, float] = 0.0,
        loss: float = 0.0,
        seed: int = 0,
        port: int = 0,
        udp_payload: int = 1232,
        keep: int | None = 100_000,
    ) -> None:
        plan = map_internet(text)
        self.hints: Mapping[str, tuple[str, ...]] = plan.hints
        self._log = InternetLog(keep)
        self._authority = Authority(plan.zones.values())
        self._servers: dict[str, InternetServer] = {}
        for number, place in enumerate(plan.places.values()):
            self._servers[place.address] = InternetServer(
                place,
                self._log,
                lasting=_lasting(place, latency, loss),
                seed=seed + number,
                udp_payload=udp_payload,
            )
        services = {address: server.service for address, server in self._servers.items()}
        self._links = LoopbackLinks(services, port=port) if sockets else InProcessLinks(services)
        for where, struck in (faults or {}).items():
            self.fail(where, *struck)

    async def start(self) -> None:
        """Begin to serve. Raises OSError when no port is free at all addresses."""
        await self._links.start()

    async def aclose(self) -> None:
        """Close every socket, those of `exchange` too; what was received stays. May be called again."""
        await self._links.aclose()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.aclose()

    async def exchange(self, address: str, query: bytes, tcp: bool, deadline: float) -> bytes:  # noqa: FBT001 - as agreed
        """Send a query to a nameserver of this internet and return its reply: what IterativeBackend takes.

        Raises TransportError: at `deadline` (loop time), and at once where nobody listens at the address.
        """
        return await self._links.exchange(address, query, tcp, deadline)

    def nameserver(self, where: str) -> str:
        """Where a nameserver listens in truth: `udp://127.77.0.1:53123`, for programs that ask it themselves.

        Raises ConfigurationError without sockets and before the start.
        """
        place = self._links.places.get(self.server(where).address)
        if place is None:
            raise ConfigurationError("the internet has sockets once it is started, and unless it has `sockets=False`")
        return f"udp://{place[0]}:{place[1]}"

    @property
    def servers(self) -> tuple[InternetServer, ...]:
        """The nameservers, one for each address."""
        return tuple(self._servers.values())

    def server(self, where: str) -> InternetServer:
        """The nameserver with this name, or at this address. Raises ConfigurationError if there is none."""
        return self._at(where)[0]

    def fail(self, where: str, *faults: Fault) -> None:
        """Add faults to a nameserver, by its name at all its addresses, or by one address; at any time."""
        for server in self._at(where):
            server.faults = [*server.faults, *faults]

    def heal(self, where: str | None = None) -> None:
        """Take away the faults of a nameserver, or of all."""
        for server in self.servers if where is None else self._at(where):
            server.faults = []

    @property
    def zones(self) -> tuple[Zone, ...]:
        """The zones, the root first; change them by `add` and `remove`."""
        return tuple(self._authority.zones.values())

    def add(self, text: str, zone: str | None = None) -> None:
        """Add records, given as zone text: to this zone, or else each to the one that answers for its name.

        `internet.add("shop.test. NS ns.other.test.", zone="test.")` is a delegation. Raises ConfigurationError.
        """
        (self._authority if zone is None else Authority([self._zone(zone)])).add(text)
        self._forget()

    def remove(self, name: str, type: str | int | None = None, *, zone: str | None = None) -> int:
        """Remove the records of a name, or those of one type, from this zone or from all; says how many there were."""
        removed = (self._authority if zone is None else Authority([self._zone(zone)])).remove(name, type)
        self._forget()
        return removed

    @property
    def queries(self) -> list[InternetQuery]:
        """The queries received, the oldest first; without those that could not be read."""
        return self._log.queries()

    @property
    def count(self) -> int:
        """How many packets and frames were received since the start or `clear`."""
        return self._log.count

    @property
    def counts(self) -> dict[str, int]:
        """The same by nameserver's name, without those that received none."""
        found: Counter[str] = Counter()
        for server in self.servers:
            found[server.name] += server.count
        return dict(+found)

    def clear(self) -> None:
        """Forget the queries received."""
        self._log.clear()
        for server in self.servers:
            server.clear()

    def _at(self, where: str) -> list[InternetServer]:
        if where in self._servers:
            return [self._servers[where]]
        found = [server for server in self.servers if server.name == Name.parse(where)]
        if not found:
            raise ConfigurationError(f"no nameserver of this internet is called {where}, or listens there")
        return found

    def _zone(self, origin: str) -> Zone:
        zone = self._authority.zones.get(Name.parse(origin))
        if zone is None:
            raise ConfigurationError(f"there is no zone {origin} in this internet")
        return zone

    def _forget(self) -> None:
        for server in self.servers:
            server.service.forget()


def _lasting(place: Place, latency: float | Mapping[str, float], loss: float) -> list[Fault]:
    """What is the matter with the way to a nameserver, and no fault of its own."""
    if isinstance(latency, Mapping):
        named = {str(Name.parse(where)) if ":" not in where else where: late for where, late in latency.items()}
        late = latency.get(place.address, named.get(place.name, 0.0))
    else:
        late = latency
    faults = [Fault.drop(loss, transport="udp")] if loss else []
    return [*faults, *([Fault.delay(late)] if late else [])]
