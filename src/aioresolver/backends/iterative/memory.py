"""Memory: all that an iterative backend has learnt of the DNS's own works. Only walks write it. Time is an argument."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import Generic, TypeVar

from aioresolver.backends.iterative.delegations import Delegation, Delegations
from aioresolver.backends.iterative.hosts import Hosts
from aioresolver.backends.iterative.servers import Chance, Servers
from aioresolver.wire.message import Record
from aioresolver.wire.names import Name, rest_of

__all__ = ["Expiring", "Memory"]

V = TypeVar("V")


class Expiring(Generic[V]):
    """Something known of names for a time; the least recently used goes first."""

    __slots__ = ("_known", "most")

    def __init__(self, *, most: int = 50_000) -> None:
        self.most: int = most
        self._known: OrderedDict[str, tuple[V, float]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._known)

    def find(self, name: str, now: float) -> tuple[V, float] | None:
        """What is known and until when; None for nothing."""
        found = self._known.get(name)
        if found is None:
            return None
        if found[1] <= now:
            del self._known[name]
            return None
        self._known.move_to_end(name)
        return found

    def learn(self, name: Name, value: V, expires: float) -> None:
        """Remember it until then."""
        self._known[name] = value, expires
        self._known.move_to_end(name)
        if len(self._known) > self.most:
            self._known.popitem(last=False)


class Memory:
    """What is learnt on walks: zone cuts, hosts, servers; where no cut is; and which names do not exist.

    `absent` has the SOA of names that do not exist with all that is below them (RFC 8020). One gets in there when a
    server said so of a part of a name, and again of the whole: some say it of a part that only has no records of its own.
    """

    __slots__ = ("absent", "delegations", "hosts", "servers", "uncut")

    def __init__(self, configured: Sequence[Delegation], chance: Chance) -> None:
        self.delegations: Delegations = Delegations(configured)
        self.hosts: Hosts = Hosts()
        self.servers: Servers = Servers(chance)
        self.uncut: Expiring[bool] = Expiring()
        self.absent: Expiring[tuple[Record, ...]] = Expiring()

    def absence(self, name: Name, zone: Name, now: float) -> tuple[tuple[Record, ...], float] | None:
        """The SOA that denies the name, or one above it below the zone cut, and until when."""
        if not len(self.absent):
            return None
        text: str = name
        while text and text != zone:
            found = self.absent.find(text, now)
            if found is not None:
                return found
            text = rest_of(text)
        return None
