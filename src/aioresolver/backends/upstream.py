"""Upstream: one nameserver as we have come to know it. The only file where wire meets transports."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from aioresolver.backends.ranking import Health
from aioresolver.backends.window import Window
from aioresolver.events import Observer, UpstreamBack, UpstreamBenched
from aioresolver.transports.base import Transport
from aioresolver.transports.nameserver import Nameserver
from aioresolver.wire.message import Question, query_wire

__all__ = ["Upstream"]

EDNS_RETRY = 900.0
SILENCES_TO_DOUBT_EDNS = 2
PROBE_TIMEOUT = 2.0
SECONDS_OVER_TCP = 60.0
USEFUL_RCODES = (0, 3)
MOST_UNDER_WAY = 1000


class Upstream:
    """One nameserver, its transports, and what was learnt of it.

    `scheme` is how it is asked at present: a nameserver over UDP is asked over TCP for a minute when it is silent
    while datagrams come that match no query, which a forger sends, or a forwarder that strips the question.
    `asked`, `answered` and `lost` count the queries sent, those with a reply, and those without one in patience.
    `served_at` is when it last gave a useful reply, in loop time. `edns_refused_at` is when it was found to choke on
    EDNS; after a quarter of an hour it is tried again. `observer` is told when it is benched, and when it is back.
    """

    __slots__ = ("_datagrams_at", "_edns_answered", "_edns_refused_at", "_near_misses", "_open", "_probes", "_room",
                 "_told_benched", "_transports", "answered", "asked", "edns_doubted", "health", "lost", "nameserver",
                 "observer", "scheme", "served_at", "text", "window")  # fmt: skip

    def __init__(
        self,
        nameserver: Nameserver,
        open_transport: Callable[[Nameserver], Transport],
        *,
        room: Callable[[], object],
        most: int = MOST_UNDER_WAY,
        rate: float | None = None,
    ) -> None:
        self.nameserver: Nameserver = nameserver
        self.scheme: str = nameserver.scheme
        self.text: str = str(nameserver)
        self.health: Health = Health()
        self.window: Window = Window(most, rate=rate)
        self.asked: int = 0
        self.answered: int = 0
        self.lost: int = 0
        self.observer: Observer | None = None
        self._told_benched = False
        self.edns_doubted: bool = False
        self._edns_answered = False
        self._edns_refused_at: float | None = None
        self.served_at: float = float("-inf")
        self._near_misses = 0
        self._datagrams_at = float("-inf")
        self._open = open_transport
        self._room = room
        self._probes: set[asyncio.Future[bytes]] = set()
        self._transports = {nameserver.scheme: open_transport(nameserver)}

    def exchange(
        self, question: Question, deadline: float, *, scheme: str, edns: bool, again: bool = False
    ) -> asyncio.Future[bytes]:
        """Send the question, or send it `again`; the future has the reply that matches it, or an OSError."""
        transport = self.transport(scheme)
        self.sent(1, asyncio.get_running_loop().time(), again=again)
        reply = transport.exchange(query_wire(question, edns=edns), deadline)
        return reply if isinstance(reply, asyncio.Future) else asyncio.ensure_future(reply)

    def transport(self, scheme: str) -> Transport:
        """The transport that speaks so, opened at its first use."""
        transport = self._transports.get(scheme)
        if transport is None:
            transport = self._transports[scheme] = self._open(self.nameserver.with_scheme(scheme))
        return transport

    def sent(self, count: int, now: float, *, again: bool = False) -> None:
        """So many queries go out now, for questions that are new or asked `again`."""
        self.asked += count
        self.window.sent(count, now, again=again)

    def heard(self, count: int, elapsed: float, now: float) -> None:
        """So many replies came to queries of the fast lane, the last of them after so many seconds."""
        self.answered += count
        self.window.answered(count, elapsed, now)
        self.window.used -= count
        self.health.heard(elapsed, now)
        if self.observer is not None:
            self._tell()

    def replied(self, elapsed: float, now: float, *, again: bool = False) -> None:
        """A reply came to a query of a lookup, after so many seconds, whatever it says."""
        self.answered += 1
        if not again:
            self.window.answered(1, elapsed, now)
        self.health.heard(elapsed, now)
        if self.observer is not None:
            self._tell()

    def failed(self, now: float) -> None:
        """It could not be reached, or its reply was of no use."""
        self.health.failed(now)
        if self.observer is not None:
            self._tell()

    @property
    def dropped(self) -> int:
        """How many datagrams the kernel dropped, for the receive buffers of our sockets were full."""
        return sum(getattr(transport, "dropped", 0) for transport in self._transports.values())

    def release(self) -> None:
        """One exchange no longer counts as under way."""
        self.window.used -= 1
        self._room()

    def probe(self, question: Question, now: float) -> None:
        """Ask only to see how it is."""
        deadline, edns = now + PROBE_TIMEOUT, self.speaks_edns(now)
        sent = self.exchange(question, deadline, scheme=self.nameserver.scheme, edns=edns, again=True)
        loop = sent.get_loop()

        def ended(reply: asyncio.Future[bytes]) -> None:
            self._probes.discard(reply)
            self.release()
            if not reply.cancelled() and reply.exception() is None:
                self.health.heard(loop.time() - now, loop.time())
                if reply.result()[3] & 0xF in USEFUL_RCODES:
                    self.health.served()
                if self.observer is not None:
                    self._tell()

        self._probes.add(sent)
        sent.add_done_callback(ended)

    def served(self, *, edns: bool, now: float) -> None:
        """It gave a useful reply to a question with or without EDNS."""
        self.health.served()
        if self.observer is not None:
            self._tell()
        self.served_at = now
        if self.scheme != self.nameserver.scheme and now >= self._datagrams_at:
            self.use_datagrams()
        if edns:
            self._edns_answered = True
        elif self.edns_doubted or not self._edns_answered:
            self._edns_refused_at = now
        self.edns_doubted = False

    def speaks_edns(self, now: float, *, silences: int = 0) -> bool:
        """Whether to ask with EDNS: not when that was complained about, or met twice with silence and never answered."""
        refused_at = self._edns_refused_at
        if refused_at is not None and now - refused_at < EDNS_RETRY:
            return False
        return silences < SILENCES_TO_DOUBT_EDNS or self._edns_answered

    def went_silent(self, scheme: str, now: float, *, again: bool = False) -> None:
        """It let a question wait: change the transport when that may be the reason."""
        self.lost += 1
        self.health.silent(now)
        if not again:
            self.window.lost(1, now)
        if self.observer is not None:
            self._tell()
        if scheme != self.nameserver.scheme:
            self.use_datagrams()
            return
        near_misses = getattr(self._transports[scheme], "near_misses", 0)
        if near_misses > self._near_misses:
            self._near_misses = near_misses
            self.scheme = "tcp"
            self._datagrams_at = now + SECONDS_OVER_TCP

    def use_datagrams(self) -> None:
        """Ask in the usual way again."""
        self.scheme = self.nameserver.scheme

    async def aclose(self) -> None:
        """Close the transports; what is under way fails."""
        for probe in list(self._probes):
            probe.cancel()
        for transport in self._transports.values():
            await transport.aclose()

    def _tell(self) -> None:
        """Tell the observer when it was benched or is back."""
        health, observer = self.health, self.observer
        if observer is None or health.benched is self._told_benched:
            return
        self._told_benched = health.benched
        if health.benched:
            reason = "it is silent" if health.silences else f"it failed {health.failures} times in a row"
            observer(UpstreamBenched(self.text, reason))
        else:
            observer(UpstreamBack(self.text))
