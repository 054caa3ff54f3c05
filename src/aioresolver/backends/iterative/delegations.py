"""Delegations: which zones begin where, who serves them, and until when their parents said so. Time is an argument."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from enum import IntEnum
from typing import TYPE_CHECKING, Any

from aioresolver.wire.names import Name, rest_of

if TYPE_CHECKING:
    from aioresolver.backends.iterative.servers import Server

__all__ = ["FOREVER", "Delegation", "Delegations", "Trust"]

FOREVER = float("inf")
FIRST_PAUSE = 5.0
# Of servers that say nothing, nobody knows whether it is not the way to them that is down.
LONGEST_SILENT_PAUSE = 30.0
LONGEST_PAUSE = 300.0
# However long a delegation may be kept, the parent is asked again after a day.
LONGEST_LEASE = 86_400.0


class Trust(IntEnum):
    """Where it is known from, the more to be believed the higher (RFC 2181, 5.4.1)."""

    HINT = 0
    REFERRAL = 1
    PRIMED = 2
    CONFIGURED = 3


class Delegation:
    """A zone, the names of its servers, and those of their addresses that the parent gave (glue).

    It ends at `expires`, in loop time: when the parent's lease is over, whatever the zone itself says. So a zone that
    its parent took back is gone then (ghost domains). `paused_until`: all its servers failed; not asked before.
    """

    __slots__ = ("candidates", "candidates_until", "expires", "glue", "names", "pause", "paused_until", "trust", "why",
                 "zone")  # fmt: skip

    def __init__(
        self,
        zone: Name,
        names: Sequence[Name],
        glue: Mapping[Name, Sequence[str]],
        *,
        expires: float,
        trust: Trust,
    ) -> None:
        self.zone: Name = zone
        self.names: tuple[Name, ...] = tuple(names)
        self.glue: dict[Name, tuple[str, ...]] = {name: tuple(addresses) for name, addresses in glue.items()}
        self.expires: float = expires
        self.trust: Trust = trust
        self.paused_until: float = -FOREVER
        self.pause: float = FIRST_PAUSE
        self.why: str = ""
        # The servers to choose from, made of glue and of addresses that were looked up; good until then.
        self.candidates: list[tuple[Server, Name]] | None = None
        self.candidates_until: float = FOREVER

    def afresh(self) -> Delegation:
        """The same, with nothing known of how its servers fared."""
        return Delegation(self.zone, self.names, self.glue, expires=self.expires, trust=self.trust)

    def failed(self, why: str, now: float, *, silent: bool) -> None:
        """None of its servers was of use: leave them alone for a while, longer each time (RFC 9520, 3.2)."""
        self.why = why
        self.paused_until = now + self.pause
        longest = FIRST_PAUSE if self.zone == "." else LONGEST_SILENT_PAUSE if silent else LONGEST_PAUSE
        self.pause = min(2 * self.pause, longest)

    def served(self) -> None:
        """One of its servers was of use."""
        if self.why:
            self.why, self.paused_until, self.pause = "", -FOREVER, FIRST_PAUSE

    def __repr__(self) -> str:
        return f"<Delegation {self.zone} to {', '.join(self.names)} until {self.expires:.1f} ({self.trust.name})>"


class Delegations:
    """The zone cuts that are known, the least recently used going first; written by walks and by nobody else.

    `configured` are never forgotten and never replaced: the root hints and the stub zones.
    """

    __slots__ = ("_configured", "_known", "most")

    def __init__(self, configured: Sequence[Delegation], *, most: int = 50_000) -> None:
        self.most: int = most
        self._configured: dict[str, Delegation] = {each.zone: each for each in configured}
        self._known: OrderedDict[str, Delegation] = OrderedDict()

    def __len__(self) -> int:
        return len(self._known)

    def closest(self, name: Name, now: float) -> Delegation:
        """The deepest zone known that the name is in."""
        known, configured = self._known, self._configured
        text: str = name
        while True:
            found = known.get(text)
            if found is not None:
                if found.expires > now:
                    known.move_to_end(text)
                    return found
                del known[text]
            found = configured.get(text)
            if found is not None:
                return found
            text = rest_of(text) or "."

    @property
    def configured(self) -> tuple[Delegation, ...]:
        """Those that were given."""
        return tuple(self._configured.values())

    def find(self, zone: Name, now: float) -> Delegation | None:
        """What is known of this very zone."""
        found = self._known.get(zone)
        return found if found is not None and found.expires > now else self._configured.get(zone)

    def learn(self, delegation: Delegation, now: float) -> Delegation:
        """Remember what a parent said; what is there and more to be believed stays. Returned is what holds.

        A zone that failed stays failed: being referred to it again says nothing new of its servers, unless these are others.
        """
        fixed = self._configured.get(delegation.zone)
        if fixed is not None and fixed.trust > delegation.trust:
            return fixed
        before = self._known.get(delegation.zone)
        if before is not None:
            if before.expires > now and before.trust > delegation.trust:
                return before
            if before.names == delegation.names and before.glue == delegation.glue:
                delegation.paused_until, delegation.pause, delegation.why = (
                    before.paused_until,
                    before.pause,
                    before.why,
                )
        delegation.expires = min(delegation.expires, now + LONGEST_LEASE)
        if delegation.expires > now:
            self._known[delegation.zone] = delegation
            self._known.move_to_end(delegation.zone)
            if len(self._known) > self.most:
                self._known.popitem(last=False)
        return delegation

    def forget(self, zone: Name) -> int:
        """Drop what is known of a zone and of all below it; how many there were is returned."""
        below = [Name(text) for text in self._known if Name(text).is_under(zone)]
        for text in below:
            del self._known[text]
        return len(below)

    def as_dict(self) -> dict[str, Any]:
        """The zones known, and until when."""
        return {zone: delegation.expires for zone, delegation in self._known.items()}
