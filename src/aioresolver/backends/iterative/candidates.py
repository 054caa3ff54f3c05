"""Candidates: the servers of a zone that an inquiry may ask, as far as their addresses are known or can be found."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from aioresolver.backends.iterative.delegations import FOREVER, Delegation, Trust
from aioresolver.backends.iterative.servers import Server
from aioresolver.backends.iterative.setting import Errand, WalkError
from aioresolver.wire.codes import RRType
from aioresolver.wire.names import Name

__all__ = ["Candidates"]

ADDRESS_TYPES = (RRType.A, RRType.AAAA)


class Candidates:
    """The servers of a delegation.

    `look_up(name, type, zone)` finds the addresses of a nameserver of the zone that has none yet. `why`: what came of the
    last one for which none was found.
    """

    __slots__ = ("_cut", "_errand", "_look_up", "_looked_up", "_memory", "why")

    def __init__(
        self,
        errand: Errand,
        cut: Delegation,
        look_up: Callable[[Name, RRType, Name], Awaitable[tuple[str, ...]]],
    ) -> None:
        self._errand = errand
        self._cut = cut
        self._look_up = look_up
        self._memory = errand.setting.memory
        self._looked_up: dict[Name, tuple[str, ...]] = {}
        self.why: str = ""

    def known(self, now: float) -> list[tuple[Server, Name]]:
        """The addresses known of the zone's nameservers: those that were looked up, else those that the parent gave."""
        cut = self._cut
        if cut.candidates is not None and now < cut.candidates_until and not self._looked_up:
            return cut.candidates
        servers = self._memory.servers
        candidates: dict[Server, Name] = {}
        until, complete = FOREVER, True
        for name in cut.names[: self._errand.budget.limits.nameservers_used]:
            addresses: tuple[str, ...] = self._looked_up.get(name, ())
            if not addresses and cut.trust is not Trust.CONFIGURED:
                for type_ in ADDRESS_TYPES:
                    host = self._memory.hosts.find(name, type_, now)
                    if host is not None:
                        until = min(until, host.expires)
                        addresses += host.addresses
            # What another inquiry looks up meanwhile is to be seen by the next.
            complete = complete and bool(addresses or name in cut.glue)
            for address in addresses or cut.glue.get(name, ()):
                candidates.setdefault(servers.of(address), name)
        found = list(candidates.items())
        if complete and not self._looked_up:
            cut.candidates, cut.candidates_until = found, until
        return found

    async def find_more(self) -> bool:
        """Look up one nameserver that has no address; whether one is known now that was not."""
        budget, clock = self._errand.budget, self._errand.setting.clock
        before = len(self.known(clock()))
        while budget.may_look_up(self._cut.zone):
            now = clock()
            missing = self._missing(now)
            if not missing:
                break
            name = missing[int(self._errand.setting.chance.random() * len(missing))]
            budget.spend_look_up(self._cut.zone)
            self._looked_up[name] = await self._addresses_of(name, now)
            if self._looked_up[name]:
                return True
        return len(self.known(clock())) > before  # what was looked up for others meanwhile is as good

    def _missing(self, now: float) -> list[Name]:
        """The nameservers of which nothing is known yet."""
        cut, hosts = self._cut, self._memory.hosts
        if cut.trust is Trust.CONFIGURED:
            return []
        return [
            name
            for name in cut.names[: self._errand.budget.limits.nameservers_used]
            if name not in cut.glue and name not in self._looked_up
            and not all(hosts.find(name, type_, now) for type_ in ADDRESS_TYPES)
            and not any(host.addresses for t in ADDRESS_TYPES if (host := hosts.find(name, t, now)))
        ]  # fmt: skip

    async def _addresses_of(self, name: Name, now: float) -> tuple[str, ...]:
        """Its IPv4 addresses, or its IPv6 ones when there are none or IPv4 is left for the moment."""
        families = ADDRESS_TYPES if self._memory.servers.may_use(4, now) else ADDRESS_TYPES[::-1]
        for type_ in families:
            try:
                addresses = await self._look_up(name, type_, self._cut.zone)
            except WalkError as error:
                self.why = f"{name}: {error.reason}"
                return ()
            if addresses:
                return addresses
        self.why = self.why or f"{name} has no address"
        return ()
