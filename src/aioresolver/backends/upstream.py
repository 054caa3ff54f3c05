"""Upstream: one nameserver as we have come to know it. The only file where wire meets transports."""

from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import Callable

from aioresolver.backends.budgets import RetryBudget
from aioresolver.backends.dialect import Dialect
from aioresolver.backends.ranking import Health
from aioresolver.backends.window import Window
from aioresolver.errors import MessageFormatError
from aioresolver.events import Observer, UpstreamBack, UpstreamBenched
from aioresolver.transports.base import Transport
from aioresolver.transports.nameserver import Nameserver
from aioresolver.wire.codes import EdnsOption
from aioresolver.wire.edns import Edns
from aioresolver.wire.message import Message, Question
from aioresolver.wire.query import QueryForm, question_section, randomized

__all__ = ["Upstream"]

PROBE_TIMEOUT = 2.0
SECONDS_OVER_TCP = 60.0
USEFUL_RCODES = (0, 3)
MOST_UNDER_WAY = 1000
MOST_OVER_A_CONNECTION = 500
# Docker's proxy inside of a container drops what is more than a hundred at once.
BEARS_LITTLE = {"127.0.0.11": 90}
# RFC 8467, 4.1, recommends it for queries.
PADDING_BLOCK = 128
# Over these, a server says for how long it keeps an idle connection (RFC 7828).
KEPT_ALIVE = frozenset({"tcp", "tls"})
LONGEST_NAME = 255


class Upstream:
    """One nameserver, its transports, and what was learnt of it.

    `scheme` is how it is asked at present: a nameserver over UDP is asked over TCP for a minute when it is silent
    while datagrams come that match no query, which a forger sends, or a forwarder that strips the question.
    `asked`, `answered` and `lost` count the queries sent, those with a reply, and those without one in patience.
    `served_at` is when it last gave a useful reply, in loop time. `observer` is told when it is benched, and when it is
    back. `most` is how many questions it bears at once, those asked again included; fewer are sent until it has shown what it bears.
    """

    __slots__ = ("_budget", "_datagrams_at", "_forms", "_near_misses", "_open", "_probes", "_room", "_told_benched",
                 "_transports", "answered", "asked", "dialect", "health", "lost", "most", "nameserver", "observer",
                 "scheme", "served_at", "text", "window")  # fmt: skip

    def __init__(
        self,
        nameserver: Nameserver,
        open_transport: Callable[[Nameserver], Transport],
        *,
        room: Callable[[], object],
        dialect: Dialect | None = None,
        budget: RetryBudget | None = None,
        most: int | None = None,
        rate: float | None = None,
        percentile: float | None = None,
    ) -> None:
        self.nameserver: Nameserver = nameserver
        self.scheme: str = nameserver.scheme
        self.text: str = str(nameserver)
        self.dialect: Dialect = dialect or Dialect(Edns(), cookies=not nameserver.encrypted)
        self.health: Health = Health(percentile)
        self.most: int | None = most or BEARS_LITTLE.get(nameserver.address)
        datagrams = nameserver.scheme == "udp"
        most = self.most or (MOST_UNDER_WAY if datagrams else MOST_OVER_A_CONNECTION)
        self.window: Window = Window(most, rate=rate, searching=datagrams)
        self.asked: int = 0
        self.answered: int = 0
        self.lost: int = 0
        self.observer: Observer | None = None
        self._told_benched = False
        self.served_at: float = float("-inf")
        self._near_misses = 0
        self._datagrams_at = float("-inf")
        self._budget = budget or RetryBudget()
        self._open = open_transport
        self._room = room
        self._probes: set[asyncio.Future[bytes]] = set()
        self._forms: dict[str, tuple[Edns | None, QueryForm]] = {}
        self._transports = {nameserver.scheme: open_transport(nameserver)}

    def exchange(
        self, question: Question, deadline: float, *, scheme: str, edns: Edns | None, again: bool = False
    ) -> asyncio.Future[bytes]:
        """Send the question, or send it `again`; the future has the reply that matches it, or an OSError."""
        transport = self.transport(scheme)
        now = asyncio.get_running_loop().time()
        reply = transport.exchange(self._query(question, scheme, edns, now), deadline)
        self.sent(1, now, again=again)
        return reply if isinstance(reply, asyncio.Future) else asyncio.ensure_future(reply)

    def _query(self, question: Question, scheme: str, edns: Edns | None, now: float) -> bytes:
        known, form = self._forms.get(scheme, (None, None))
        if form is None or known is not edns:
            form = self._form(scheme, edns)
            self._forms[scheme] = edns, form
        wire = form.wire(question)
        if scheme != "udp" or not self.dialect.randomizes(now):
            return wire
        section = question_section(question)
        return b"".join((wire[:12], randomized(section, os.urandom(LONGEST_NAME)), wire[12 + len(section) :]))

    def _form(self, scheme: str, edns: Edns | None) -> QueryForm:
        if edns is not None and scheme in KEPT_ALIVE:
            edns = edns.with_option(EdnsOption.TCP_KEEPALIVE, b"")
        return QueryForm(edns, padding=PADDING_BLOCK if self.nameserver.encrypted else 0)

    def edns(self, now: float, *, silences: int = 0) -> Edns | None:
        """The EDNS to ask with now, after so many silences to the same question; None is without."""
        local = getattr(self._transports[self.nameserver.scheme], "local_address", None)
        return self.dialect.edns(now, silences=silences, local=local)

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
        if again and self.most is None:
            self.window.retries += count

    def heard(self, count: int, elapsed: float, now: float) -> None:
        """So many replies came to queries of the fast lane, the last of them after so many seconds."""
        self._answered(count, elapsed, now)
        self.window.answered(count, elapsed, now)
        self.window.used -= count

    def replied(self, elapsed: float, now: float, *, again: bool = False) -> None:
        """A reply came to a query of a lookup, after so many seconds, whatever it says."""
        if not again:
            self.window.answered(1, elapsed, now)
        self._answered(1, elapsed, now)

    def _answered(self, count: int, elapsed: float, now: float) -> None:
        self.answered += count
        self._budget.answered(count)
        self.health.heard(elapsed, now)
        if self.observer is not None:
            self._tell()

    def may_retry(self, now: float, tries: int) -> bool:
        """Whether a question that was asked so many times already may be asked here: retries have to be paid for."""
        return self._budget.take(now, tries)

    def believes(self, message: Message, *, edns: Edns | None, scheme: str, now: float) -> bool:
        """Learn from the EDNS of a reply to a query with `edns`; whether the reply may be believed."""
        if scheme in KEPT_ALIVE and message.edns is not None:
            self._keep_alive(scheme, message.edns)
        return self.dialect.believes(message, edns, now, trusted=scheme != "udp")

    def _keep_alive(self, scheme: str, edns: Edns) -> None:
        keep_alive = getattr(self._transports[scheme], "keep_alive", None)
        try:
            seconds = edns.keepalive
        except MessageFormatError:  # the rest of the reply is none the worse
            return
        if keep_alive is not None and seconds is not None:
            keep_alive(seconds)

    def mangled(self, error: OSError, now: float) -> bool:
        """Whether the question came back in letters of another case; then they are left alone from now on."""
        if error.errno != errno.EBADMSG:
            return False
        self.dialect.mangled(now)
        return True

    def failed(self, now: float, *, reached: bool = True) -> None:
        """It could not be `reached`, or its reply was of no use.

        What did not reach it is no burden to it: it may be sent again.
        """
        if not reached:
            self._budget.refund()
        self.health.failed(now, reached=reached)
        if not reached:
            self.window.unreached()
        if self.observer is not None:
            self._tell()

    @property
    def dropped(self) -> int:
        """How many datagrams the kernel dropped, for the receive buffers of our sockets were full."""
        return sum(getattr(transport, "dropped", 0) for transport in self._transports.values())

    def release(self, *, again: bool) -> None:
        """One exchange, for a question that was new or asked `again`, no longer counts as under way."""
        self.window.used -= 1
        if again and self.most is None:
            self.window.retries -= 1
        self._room()

    def probe(self, question: Question, now: float) -> None:
        """Ask only to see how it is."""
        deadline, edns = now + PROBE_TIMEOUT, self.edns(now)
        sent = self.exchange(question, deadline, scheme=self.nameserver.scheme, edns=edns, again=True)
        loop = sent.get_loop()

        def ended(reply: asyncio.Future[bytes]) -> None:
            self._probes.discard(reply)
            self.release(again=True)
            if not reply.cancelled() and reply.exception() is None:
                self.health.heard(loop.time() - now, loop.time())
                if reply.result()[3] & 0xF in USEFUL_RCODES:
                    self.health.served()
                if self.observer is not None:
                    self._tell()

        self._probes.add(sent)
        sent.add_done_callback(ended)

    def served(self, *, edns: Edns | None, now: float) -> None:
        """It gave a useful reply to a question with or without EDNS."""
        self.health.served()
        if self.observer is not None:
            self._tell()
        self.served_at = now
        if self.scheme != self.nameserver.scheme and now >= self._datagrams_at:
            self.use_datagrams()
        self.dialect.served(edns, now)

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
