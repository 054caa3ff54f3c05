"""Hosts: the addresses of nameservers that were looked up, absences and failures included. Time is an argument."""

from __future__ import annotations

from collections import OrderedDict
from typing import NamedTuple

from aioresolver.wire.codes import RRType
from aioresolver.wire.names import Name

__all__ = ["HostAddresses", "Hosts"]


class HostAddresses(NamedTuple):
    """The addresses of one family; none when there are none, or when they could not be found."""

    addresses: tuple[str, ...]
    expires: float
    failure: str = ""


class Hosts:
    """What was found when nameservers' names were looked up; the least recently used goes first."""

    __slots__ = ("_known", "most")

    def __init__(self, *, most: int = 50_000) -> None:
        self.most: int = most
        self._known: OrderedDict[tuple[Name, RRType], HostAddresses] = OrderedDict()

    def __len__(self) -> int:
        return len(self._known)

    def find(self, name: Name, type: RRType, now: float) -> HostAddresses | None:
        """What is known; None when it has to be looked up."""
        found = self._known.get((name, type))
        if found is None or found.expires <= now:
            return None
        self._known.move_to_end((name, type))
        return found

    def learn(self, name: Name, type: RRType, found: HostAddresses) -> None:
        """Remember what a lookup of ours found."""
        self._known[name, type] = found
        self._known.move_to_end((name, type))
        if len(self._known) > self.most:
            self._known.popitem(last=False)
