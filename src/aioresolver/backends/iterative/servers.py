"""Servers: what is known of each address that was asked, and which of several is asked next. Time is an argument."""

from __future__ import annotations

import asyncio
import os
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

from aioresolver.backends.cookies import CookieJar
from aioresolver.backends.ranking import Health, equals
from aioresolver.wire.edns import Cookie, Edns
from aioresolver.wire.names import Name

__all__ = ["MOST_AT_ONCE", "Chance", "Server", "Servers"]

MOST_AT_ONCE = 100
"""So many questions are under way to one address at once; the rest wait for their turn."""

EDNS_RETRY = 900.0
CONNECTION_ONLY = 900.0
LAME_FIRST = 5.0
LAME_LONGEST = 300.0
MOST_LAME_ZONES = 100
UNKNOWN_PATIENCE = 0.4
MOST_PATIENCE = 3.0
# How often another than the best is asked, so that what is known of it does not grow old.
EXPLORE = 0.05
# A family of which so many addresses were silent, and none ever answered since, is left for a while.
SILENT_ADDRESSES = 6
FAMILY_PAUSE = 60.0
_EDNS = Edns()
_PLAIN_OPT = _EDNS.to_wire()


class Chance(Protocol):
    """What draws: the operating system's generator, or a seeded one in a test."""

    def random(self) -> float:
        """At least 0 and below 1."""

    def getrandbits(self, bits: int, /) -> int:
        """So many random bits."""


class Server:
    """One address, as it is known. `health` ranks it; `knows_edns`: it has answered a question with EDNS.

    `connected_until`: until then only over TCP, for its datagrams do not keep the letters of a question, or forgers are about.
    `in_flight`: how many questions are under way to it. `cookies`: those that it was sent and gave.
    """

    __slots__ = ("_edns_refused_at", "_lame", "_opt", "_opt_cookie", "_turns", "_unspelled_until", "address",
                 "connected_until", "cookies", "family", "health", "in_flight", "knows_edns", "text", "tier")  # fmt: skip

    def __init__(self, address: str, draw: Callable[[int], bytes] = os.urandom) -> None:
        self.address: str = address
        self.cookies: CookieJar = CookieJar(draw)
        self.in_flight: int = 0
        self.knows_edns: bool = False
        self._opt = _PLAIN_OPT
        self._opt_cookie: Cookie | None = None
        self._turns: deque[asyncio.Future[None]] = deque()
        self.family: int = 6 if address.count(":") > 1 else 4
        self.text: str = f"udp://[{address}]" if self.family == 6 and address[0] != "[" else f"udp://{address}"
        self.health: Health = Health()
        self.connected_until: float = float("-inf")
        self._unspelled_until: float = float("-inf")
        self.tier: int = 0  # none is preferred to another but by what is known of them
        self._edns_refused_at: float = float("-inf")
        self._lame: OrderedDict[Name, tuple[float, float]] | None = None

    def speaks_edns(self, now: float) -> bool:
        """Whether to ask with EDNS: not when that was complained about within a quarter of an hour."""
        return now - self._edns_refused_at >= EDNS_RETRY

    def refused_edns(self, now: float) -> None:
        """It answered only without EDNS."""
        self._edns_refused_at = now

    def prefer_connections(self, now: float) -> None:
        """Its datagrams are not to be trusted for a while."""
        self.connected_until = now + CONNECTION_ONLY

    def allow_datagrams(self, now: float) -> None:
        """It has no connections to offer either: datagrams must do, without letters that it does not keep."""
        self.connected_until = float("-inf")
        self._unspelled_until = now + CONNECTION_ONLY

    def spells(self, now: float) -> bool:
        """Whether it can be expected to repeat a question letter for letter."""
        return self._unspelled_until <= now

    def opt(self, now: float) -> tuple[Cookie | None, bytes]:
        """The cookie to send, and the OPT record with it."""
        cookie = self.cookies.offer(now)
        if cookie is not self._opt_cookie:
            self._opt_cookie = cookie
            self._opt = _PLAIN_OPT if cookie is None else _EDNS.with_cookie(cookie).to_wire()
        return cookie, self._opt

    def take_turn(self) -> asyncio.Future[None] | None:
        """Count one more as under way; where there are too many, a future that is done when its turn has come."""
        if self.in_flight < MOST_AT_ONCE:
            self.in_flight += 1
            return None
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._turns.append(turn)
        return turn

    def end_turn(self, count: int = 1) -> None:
        """So many are under way no longer: it is the turn of others."""
        self.in_flight -= count
        while self._turns and self.in_flight < MOST_AT_ONCE:
            turn = self._turns.popleft()
            if not turn.done():
                self.in_flight += 1
                turn.set_result(None)

    def is_lame(self, zone: Name, now: float) -> bool:
        """Whether it said a while ago that it does not serve the zone."""
        return self._lame is not None and zone in self._lame and self._lame[zone][0] > now

    def went_lame(self, zone: Name, now: float) -> None:
        """It does not serve the zone; asked again after a while, longer each time (RFC 9520, 3.2)."""
        if self._lame is None:
            self._lame = OrderedDict()
        pause = min(2 * self._lame[zone][1], LAME_LONGEST) if zone in self._lame else LAME_FIRST
        self._lame[zone] = now + pause, pause
        self._lame.move_to_end(zone)
        if len(self._lame) > MOST_LAME_ZONES:
            self._lame.popitem(last=False)

    def served(self, zone: Name) -> None:
        """It gave a useful reply about the zone."""
        self.health.served()
        if self._lame:
            self._lame.pop(zone, None)

    def patience(self, tries: int) -> float:
        """Seconds to wait for its reply, when it was asked so often for the same."""
        trip = self.health.round_trip
        first = UNKNOWN_PATIENCE if trip is None else self.health.patience(0, float("inf"))
        return min(first * 2.0 ** min(tries, 4), MOST_PATIENCE)

    def __repr__(self) -> str:
        trip = self.health.round_trip
        return f"<Server {self.address} {'unmeasured' if trip is None else f'{trip * 1000:.1f} ms'}>"


class Servers:
    """All addresses that were asked, the least recently used going first; and both families, as they fare."""

    __slots__ = ("_chance", "_known", "_left_until", "_silent", "most")

    def __init__(self, chance: Chance, *, most: int = 50_000) -> None:
        self.most: int = most
        self._chance = chance
        self._known: OrderedDict[str, Server] = OrderedDict()
        self._silent: dict[int, set[str]] = {4: set(), 6: set()}
        self._left_until: dict[int, float] = {4: float("-inf"), 6: float("-inf")}

    def __len__(self) -> int:
        return len(self._known)

    def of(self, address: str) -> Server:
        """The server at this address."""
        server = self._known.get(address)
        if server is None:
            server = self._known[address] = Server(address, self._draw)
            if len(self._known) > self.most:
                self._known.popitem(last=False)
        else:
            self._known.move_to_end(address)
        return server

    def choose(self, candidates: Sequence[Server], now: float) -> Server:
        """One of those that are equally good, at random; sometimes another, to see how that is."""
        usable = [server for server in candidates if self._left_until[server.family] <= now] or candidates
        if len(usable) == 1:
            return usable[0]
        usable = [server for server in usable if server.in_flight < MOST_AT_ONCE] or usable
        drawn = self._chance.random()
        if drawn < EXPLORE:
            drawn /= EXPLORE
            usable = [
                server for server in usable if not server.health.benched or server.health.wants_probe(now)
            ] or usable
        else:
            drawn = (drawn - EXPLORE) / (1 - EXPLORE)
            usable = equals(usable)
        return usable[int(drawn * len(usable))]

    def heard(self, server: Server, elapsed: float, now: float) -> None:
        """A reply came."""
        server.health.heard(elapsed, now)
        if self._silent[server.family]:
            self._silent[server.family].clear()

    def silent(self, server: Server, now: float) -> None:
        """No reply came in time."""
        server.health.silent(now)
        silent = self._silent[server.family]
        silent.add(server.address)
        if len(silent) >= SILENT_ADDRESSES:
            self._leave(server.family, now)

    def unreachable(self, family: int, now: float) -> None:
        """This machine has no way to addresses of this family."""
        self._leave(family, now)

    def may_use(self, family: int, now: float) -> bool:
        """Whether the family is not left for the moment."""
        return self._left_until[family] <= now

    def measured(self) -> Iterable[Server]:
        """Those of which something is known."""
        return self._known.values()

    def _draw(self, size: int) -> bytes:
        return self._chance.getrandbits(8 * size).to_bytes(size, "big")

    def _leave(self, family: int, now: float) -> None:
        """Leave it, but not both at once."""
        if self._left_until[4 if family == 6 else 6] <= now:
            self._left_until[family] = now + FAMILY_PAUSE
        self._silent[family].clear()
