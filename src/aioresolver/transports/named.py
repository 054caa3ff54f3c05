"""NamedTransport: queries to a nameserver that is known by its name. Others find its addresses; knows no DNS."""

from __future__ import annotations

import asyncio
import errno
import math
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from aioresolver.errors import ConfigurationError, DNSError, TransportError
from aioresolver.transports.base import Transport
from aioresolver.transports.exchange import deadline_error
from aioresolver.transports.nameserver import Nameserver

__all__ = ["NamedTransport", "Resolve"]

Resolve = Callable[[str, float], Awaitable[Sequence[str]]]
"""Finds the addresses of a host name until a deadline in loop time; raises OSError or DNSError when it cannot."""

FINDING_TAKES = 5.0
FIND_AGAIN_AFTER = 300.0
# Where no address works, or none was found: so long until they are looked for again.
BREATHER = 1.0
# An address that has never replied is not waited for longer than this, before the next one is asked as well.
STAGGER = 0.5


class NamedTransport:
    """Queries to one nameserver whose addresses are found with `resolve`, at the first query, and again by and by.

    Queries that come before are kept, until their deadlines. Of several addresses one is asked, the next one when no
    connection is made to it or while it has never replied, and from then on the one that replied. `open_transport`
    makes the transport to the nameserver at one address; one that it refuses with ConfigurationError is not used.
    Connections to addresses that the name has no more are closed when nothing waits on them.

    The certificate is checked by each transport, against the name: whoever answers `resolve` can keep us from the
    nameserver, but cannot pass for it.
    """

    def __init__(
        self, nameserver: Nameserver, open_transport: Callable[[Nameserver], Transport], resolve: Resolve
    ) -> None:
        if nameserver.hostname is None:
            raise ConfigurationError(f"nameserver {nameserver} has no name whose addresses could be found")
        self.nameserver = nameserver
        self._hostname = nameserver.hostname
        self._open = open_transport
        self._resolve = resolve
        self._places: list[_Place] = []
        self._leaving: set[_Place] = set()
        self._waiting: dict[_Errand, None] = {}
        self._finding: asyncio.Task[None] | None = None
        self._find_at = -math.inf
        self._found_at = -math.inf
        self._reason: TransportError | None = None
        self._closers: set[asyncio.Task[None]] = set()
        self._idle_timeout: float | None = None
        self._past_handshakes = self._past_resumed = self._past_ignored = 0
        self._loop: asyncio.AbstractEventLoop | None = None
        self.closed: bool = False

    def exchange(self, query: bytes, deadline: float) -> asyncio.Future[bytes]:
        """Send a whole DNS message, and give the reply that matches it; see `Transport.exchange`."""
        loop = asyncio.get_running_loop()
        if self._loop is not loop:
            if self._loop is not None:
                raise RuntimeError("the transport belongs to another event loop")
            self._loop = loop
        errand = _Errand(self, query, deadline, loop)
        now = loop.time()
        if self.closed:
            errand.set_exception(TransportError("the transport is closed", code=errno.ECONNABORTED, local=True))
        elif deadline <= now:
            errand.set_exception(deadline_error())
        else:
            if now >= self._find_at and self._finding is None:
                self._finding = loop.create_task(self._find(loop))
            if self._places:  # that may be old, but hardly all
                errand.start(self._places)
            elif self._finding is not None:
                self._waiting[errand] = None
                errand.timer = loop.call_at(deadline, self._expired, errand)
            else:
                errand.set_exception(self._failure())
        return errand

    async def aclose(self) -> None:
        """Close the connections to all addresses; exchanges that still wait fail with TransportError."""
        self.closed = True
        if self._finding is not None:
            self._finding.cancel()
        self._fail_waiting(TransportError("the transport is closed", code=errno.ECONNABORTED, local=True))
        for place in (*self._places, *self._leaving):
            await place.transport.aclose()
        self._places.clear()
        self._leaving.clear()
        while tasks := [*self._closers, *([self._finding] if self._finding is not None else [])]:
            await asyncio.wait(tasks)

    def keep_alive(self, seconds: float) -> None:
        """The nameserver said for how long an idle connection may stay open (RFC 7828)."""
        for place in self._places:
            keep_alive = getattr(place.transport, "keep_alive", None)
            if place.proven and keep_alive is not None:
                keep_alive(seconds)

    @property
    def addresses(self) -> tuple[str, ...]:
        """The addresses as they are known by now, in the order to ask them."""
        return tuple(place.address for place in self._places)

    @property
    def handshakes(self) -> int:
        """How many connections were made."""
        return self._total("handshakes")

    @property
    def resumed(self) -> int:
        """How many of them resumed the session of an earlier one."""
        return self._total("resumed")

    @property
    def ignored(self) -> int:
        """How many messages matched no query."""
        return self._total("ignored")

    # ---- what errands say

    def replied(self, place: _Place) -> None:
        """A reply came from this address: it is the first one to ask."""
        place.proven = True
        place.replies += 1
        if place in self._places and self._places[0] is not place:
            self._places.remove(place)
            self._places.insert(0, place)

    def failed(self, place: _Place) -> None:
        """It could not be reached, or did not reply: it is the last one to ask."""
        place.proven = False
        if place in self._places:
            self._places.remove(place)
            self._places.append(place)

    def all_failed(self) -> None:
        """No address was of use: perhaps the name has others by now."""
        self._find_at = min(self._find_at, self._found_at + BREATHER)

    def left(self, place: _Place) -> None:
        """An errand waits no more for this address."""
        place.under_way -= 1
        if not place.under_way and place in self._leaving:
            self._close(place)

    def forget(self, errand: _Errand) -> None:
        """An errand is over."""
        self._waiting.pop(errand, None)

    # ---- finding addresses

    async def _find(self, loop: asyncio.AbstractEventLoop) -> None:
        addresses: Sequence[str] = ()
        reason = ""
        try:
            addresses = await self._resolve(self._hostname, loop.time() + FINDING_TAKES)
        except (OSError, DNSError) as error:
            reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
        finally:
            self._finding = None
        if self.closed:
            return
        self._found_at = loop.time()
        found = self._take(addresses)
        self._find_at = self._found_at + (FIND_AGAIN_AFTER if found else BREATHER)
        if not found:
            reason = reason or (f"{', '.join(addresses)} cannot be used" if addresses else "it has none")
            self._reason = TransportError(f"no address of {self._hostname}: {reason}", code=errno.EHOSTUNREACH)
        if not self._places:
            self._fail_waiting(self._failure())
            return
        for errand in list(self._waiting):
            errand.stop_timer()
            errand.start(self._places)
        self._waiting.clear()

    def _take(self, addresses: Sequence[str]) -> bool:
        """Change to these addresses; whether there is one that can be used. Without one the old ones stay."""
        known = {place.address: place for place in self._places}
        places = []
        for address in dict.fromkeys(addresses):
            try:
                places.append(known.get(address) or _Place(address, self._open(self.nameserver.at(address))))
            except ConfigurationError:  # of the wrong family for the source, for example; the others still count
                continue
        if not places:
            return False
        for place in self._places:
            if place not in places:
                self._leaving.add(place)
                if not place.under_way:
                    self._close(place)
        self._places = sorted(places, key=lambda place: not place.proven)
        return True

    def _close(self, place: _Place) -> None:
        assert self._loop is not None
        self._leaving.discard(place)
        self._past_handshakes += getattr(place.transport, "handshakes", 0)
        self._past_resumed += getattr(place.transport, "resumed", 0)
        self._past_ignored += getattr(place.transport, "ignored", 0)
        task = self._loop.create_task(place.transport.aclose())
        self._closers.add(task)
        task.add_done_callback(self._closers.discard)

    def _expired(self, errand: _Errand) -> None:
        """Its time is over before an address was found."""
        del self._waiting[errand]
        errand.set_exception(
            TransportError(f"no address of {self._hostname} before the deadline", code=errno.ETIMEDOUT)
        )

    def _fail_waiting(self, error: TransportError) -> None:
        for errand in list(self._waiting):
            errand.stop_timer()
            errand.set_exception(error)
        self._waiting.clear()

    def _failure(self) -> TransportError:
        """Why there is no address."""
        return self._reason or TransportError(f"no address of {self._hostname}", code=errno.EHOSTUNREACH)

    def _total(self, counter: str) -> int:
        places = (*self._places, *self._leaving)
        past: int = getattr(self, f"_past_{counter}")
        return past + sum(getattr(place.transport, counter, 0) for place in places)


class _Place:
    """One address of the nameserver, and whether it has replied since it last failed."""

    __slots__ = ("address", "proven", "replies", "transport", "under_way")

    def __init__(self, address: str, transport: Transport) -> None:
        self.address: str = address
        self.transport: Transport = transport
        self.proven: bool = False
        self.replies: int = 0
        self.under_way: int = 0


NOWHERE: tuple[_Place | None, int] = (None, 0)


class _Errand(asyncio.Future[bytes]):
    """One query, at one address after the other; the future of its reply."""

    __slots__ = ("carrier", "deadline", "left", "query", "sent", "timer")

    def __init__(self, carrier: NamedTransport, query: bytes, deadline: float, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(loop=loop)
        self.carrier: NamedTransport = carrier
        self.query: bytes = query
        self.deadline: float = deadline
        self.timer: asyncio.TimerHandle | None = None
        self.left: list[_Place] = []
        self.sent: dict[asyncio.Future[bytes], tuple[_Place, int]] = {}

    def start(self, places: Sequence[_Place]) -> None:
        """Ask the first of these."""
        self.left = list(places)
        self._ask_next()

    def cancel(self, msg: Any | None = None) -> bool:
        """Give up, everywhere."""
        if self.done():
            return False
        self._stop()
        self.carrier.forget(self)
        return super().cancel(msg)

    def stop_timer(self) -> None:
        """Nothing more by the clock."""
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None

    def _ask_next(self) -> None:
        place = self.left.pop(0)
        try:
            reply = asyncio.ensure_future(place.transport.exchange(self.query, self.deadline))
        except (ValueError, RuntimeError) as error:  # it is no query, or no transport of this loop
            self._stop()
            self.set_exception(error)
            return
        self.sent[reply] = place, place.replies
        place.under_way += 1
        reply.add_done_callback(self._ended)
        if self.left and not place.proven:
            loop = self.get_loop()
            patience_ends = loop.time() + STAGGER
            if patience_ends < self.deadline:
                self.timer = loop.call_at(patience_ends, self._lose_patience)

    def _lose_patience(self) -> None:
        self.timer = None
        self._ask_next()

    def _ended(self, reply: asyncio.Future[bytes]) -> None:
        place, replies = self.sent.pop(reply, NOWHERE)
        if place is None:  # dropped: whatever came of it, nobody waits
            if not reply.cancelled():
                reply.exception()
            return
        self.carrier.left(place)
        if reply.cancelled():
            self.cancel()
            return
        error = reply.exception()
        if error is None:
            self._stop()
            self.carrier.replied(place)
            self.set_result(reply.result())
        elif not isinstance(error, OSError):
            self._stop()
            self.set_exception(error)
        else:
            # Who replied to others in the meantime has nothing to say to this one.
            if error.errno != errno.ETIMEDOUT or place.replies == replies:
                self.carrier.failed(place)
            self._go_on(error)

    def _go_on(self, error: OSError) -> None:
        """Nothing came of it at an address."""
        if self.left and self.get_loop().time() < self.deadline and not self.carrier.closed:
            self.stop_timer()
            self._ask_next()
        elif not self.sent:
            self.stop_timer()
            self.carrier.all_failed()
            self.set_exception(error)

    def _stop(self) -> None:
        self.stop_timer()
        sent, self.sent = self.sent, {}
        for reply, (place, _) in sent.items():
            reply.cancel()
            self.carrier.left(place)
