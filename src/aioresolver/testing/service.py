"""What happens to a query: it is noted, answered, and spoiled where a fault says so. Knows no sockets."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from itertools import count
from random import Random
from typing import NamedTuple, Protocol

from aioresolver.testing.exchange import Exchange, Packet
from aioresolver.testing.faults import Fault
from aioresolver.testing.query_log import Client, QueryLog
from aioresolver.testing.replies import Replies, Reply

__all__ = ["TRANSPORTS", "Channel", "Service"]

TRANSPORTS = ("udp", "tcp", "tls", "https", "quic")

MOST_PREPARED = 100_000
"""So many replies are kept ready for each transport; then all are made anew."""


class Channel(Protocol):
    """Where queries come from and replies go to: `transport` is one of TRANSPORTS."""

    @property
    def transport(self) -> str:
        """How it is called: one of TRANSPORTS."""
        ...

    def send(self, wire: bytes, client: Client, *, elsewhere: bool = False) -> None:
        """Send a message."""

    def cut(self, wires: Sequence[bytes], after: int) -> None:
        """Send the first bytes of these messages and close the connection, if there is one."""


class Service:
    """Answers queries. Ready replies are kept, so that a query asked before costs one look into a dict.

    `faults` may be changed at any time; `forget` is to be called when the zones have changed.
    """

    def __init__(self, replies: Replies, log: QueryLog, *, faults: Iterable[Fault], seed: int) -> None:
        self.faults: list[Fault] = list(faults)
        self._replies = replies
        self._log = log
        self._random = Random(seed)  # noqa: S311 - tests are to be repeatable
        self._ready: dict[str, dict[bytes, _Ready]] = {transport: {} for transport in TRANSPORTS}
        self._ready_for: list[Fault] = []
        self._timers: dict[int, asyncio.TimerHandle] = {}
        self._timer_ids = count()
        self._release: Callable[[], None] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Serve in this loop."""
        self._loop = loop
        self._now = loop.time

    def stop(self) -> None:
        """Send nothing more of what is still held or delayed."""
        self._loop = None
        self._release = None
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()

    def forget(self) -> None:
        """Forget the ready replies."""
        for ready in self._ready.values():
            ready.clear()

    def receive(self, query: bytes, client: Client, channel: Channel) -> None:
        """Take a query in."""
        self._log.append(query, client, channel.transport, self._now())
        if self.faults != self._ready_for:
            self._ready_for = list(self.faults)
            self.forget()
        ready = self._ready[channel.transport].get(query[2:]) or self._prepare(query, channel.transport)
        if ready is None:
            return
        if ready.faults or self._release is not None:
            self._misbehave(query, client, channel, ready)
        else:
            channel.send(query[:2] + ready.reply.body, client)

    def _prepare(self, query: bytes, transport: str) -> _Ready | None:
        reply = self._replies.reply(query, transport)
        if reply is None:
            return None
        faults = tuple(fault for fault in self.faults if fault.concerns(reply.question, transport))
        ready = _Ready(reply, faults)
        kept = self._ready[transport]
        if len(kept) >= MOST_PREPARED:
            kept.clear()
        kept[query[2:]] = ready
        return ready

    def _misbehave(self, query: bytes, client: Client, channel: Channel, ready: _Ready) -> None:
        now = self._now()
        reply = ready.reply
        exchange = Exchange(
            query,
            query[:2] + reply.body,
            question=reply.question,
            question_end=reply.question_end,
            edns=reply.edns,
            transport=channel.transport,
            random=self._random,
        )
        for fault in ready.faults:
            if fault.strikes(self._random, now):
                fault.action(exchange)
        if exchange.close_after is not None:
            channel.cut([packet.wire for packet in exchange.packets], exchange.close_after)
        elif exchange.hold is not None and self._release is None:
            self._keep_back(exchange.hold, exchange.packets, client, channel)
        else:
            self._deliver(exchange.packets, client, channel)

    def _deliver(self, packets: Iterable[Packet], client: Client, channel: Channel) -> None:
        for packet in packets:
            if packet.delay > 0:
                self._later(packet.delay, partial(self._send, packet, client, channel))
            else:
                self._send(packet, client, channel)

    def _send(self, packet: Packet, client: Client, channel: Channel) -> None:
        channel.send(packet.wire, client, elsewhere=packet.elsewhere)
        if self._release is not None:
            self._release()

    def _keep_back(self, at_most: float, packets: list[Packet], client: Client, channel: Channel) -> None:
        """Hold packets until another has gone."""

        def release() -> None:
            if self._release is release:
                self._release = None
                self._deliver(packets, client, channel)

        self._release = release
        self._later(at_most, release)

    def _later(self, delay: float, act: Callable[[], None]) -> None:
        key = next(self._timer_ids)

        def fire() -> None:
            del self._timers[key]
            act()

        if self._loop is not None:
            self._timers[key] = self._loop.call_later(delay, fire)


class _Ready(NamedTuple):
    """A reply and the faults that concern its query."""

    reply: Reply
    faults: tuple[Fault, ...]
