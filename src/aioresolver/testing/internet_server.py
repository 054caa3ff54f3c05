"""One nameserver of the test internet, at one address; and the log that all of them write."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import NamedTuple

from aioresolver.errors import MessageFormatError
from aioresolver.testing.authority import Authority
from aioresolver.testing.faults import Fault
from aioresolver.testing.internet_map import Place
from aioresolver.testing.query_log import Client, QueryLog, ReceivedQuery
from aioresolver.testing.replies import Replies
from aioresolver.testing.service import Service
from aioresolver.testing.zone import Zone
from aioresolver.wire.codes import RRType
from aioresolver.wire.message import Message
from aioresolver.wire.names import Name

__all__ = ["InternetLog", "InternetQuery", "InternetServer"]


class InternetQuery(NamedTuple):
    """A query that a nameserver of the internet received.

    `server` is the nameserver's name, `address` the one it was asked at, `name` and `type` what was asked, `tcp`
    whether it came over TCP, `when` the time of the loop, `wire` the bytes.
    """

    server: Name
    address: str
    name: Name
    type: RRType
    tcp: bool
    when: float
    wire: bytes

    def __str__(self) -> str:
        return f"{self.server} {self.name} {self.type}{' (tcp)' if self.tcp else ''}"


class InternetLog:
    """What came to all nameservers, in order; the latest `keep` of it, or all for None."""

    def __init__(self, keep: int | None) -> None:
        self.count: int = 0
        self._raw: deque[tuple[Place, bytes, str, float]] = deque(maxlen=keep)

    def note(self, place: Place, query: bytes, transport: str, when: float) -> None:
        """Note a query to the nameserver at this place."""
        self._raw.append((place, query, transport, when))
        self.count += 1

    def queries(self) -> list[InternetQuery]:
        """The queries, without those that could not be read."""
        return [query for raw in self._raw if (query := _read(*raw)) is not None]

    def clear(self) -> None:
        """Forget everything, and count from 0 again."""
        self._raw.clear()
        self.count = 0


class InternetServer:
    """A nameserver of an Internet, at one address; a name with several addresses has several of these.

    `name` and `address` are those of the text, `zones` what it serves, which is nothing if it is lame.
    """

    def __init__(
        self, place: Place, log: InternetLog, *, lasting: Iterable[Fault], seed: int, udp_payload: int
    ) -> None:
        self.name: Name = place.name
        self.address: str = place.address
        self.zones: tuple[Zone, ...] = place.zones
        self._log = _ServerLog(place, log)
        self._lasting = list(lasting)
        replies = Replies(Authority(place.zones, across=False), udp_payload=udp_payload, recursion_available=False)
        self.service: Service = Service(replies, self._log, faults=self._lasting, seed=seed)

    def __repr__(self) -> str:
        return f"<InternetServer {self.name} at {self.address}>"

    @property
    def faults(self) -> list[Fault]:
        """A copy of the rules by which it misbehaves; set it as you like, at any time."""
        return self.service.faults[len(self._lasting) :]

    @faults.setter
    def faults(self, faults: Iterable[Fault]) -> None:
        self.service.faults = [*self._lasting, *faults]

    @property
    def queries(self) -> list[ReceivedQuery]:
        """The queries that it received, the oldest first; without those that could not be read."""
        return self._log.queries

    @property
    def count(self) -> int:
        """How many packets and frames it received."""
        return self._log.count

    def clear(self) -> None:
        """Forget the queries received."""
        self._log.clear()


class _ServerLog(QueryLog):
    """What came to one, noted for all too."""

    def __init__(self, place: Place, log: InternetLog) -> None:
        super().__init__(1000)
        self._place = place
        self._all = log

    def append(self, query: bytes, client: Client, transport: str, when: float) -> None:
        super().append(query, client, transport, when)
        self._all.note(self._place, query, transport, when)


def _read(place: Place, query: bytes, transport: str, when: float) -> InternetQuery | None:
    try:
        message = Message.parse(query)
    except MessageFormatError:
        return None
    if len(message.question) != 1:
        return None
    name, type_, _ = message.question[0]
    return InternetQuery(place.name, place.address, name, type_, transport == "tcp", when, query)
