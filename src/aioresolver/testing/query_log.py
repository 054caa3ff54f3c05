"""The queries that a test server received: cheap to write, decoded when read."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from typing import NamedTuple

from aioresolver.errors import MessageFormatError
from aioresolver.wire.codes import Flag, RRType
from aioresolver.wire.edns import Edns
from aioresolver.wire.message import Message
from aioresolver.wire.names import Name

__all__ = ["Client", "QueryLog", "ReceivedQuery"]

Client = tuple[str, int]
"""Address and port."""


class ReceivedQuery(NamedTuple):
    """A query that came.

    `name` and `type` are what was asked, `transport` is udp, tcp, tls, https or quic, `edns` the OPT record of the
    query, `client` the address and port that it came from, `when` the time of the server's loop, `wire` the bytes.
    """

    name: Name
    type: RRType
    transport: str
    id: int
    recursion_desired: bool
    edns: Edns | None
    client: Client
    when: float
    wire: bytes


class QueryLog:
    """What came, in order; the latest `keep` of it, or all for None.

    May be read from another thread than the one that writes. `count` goes on where `keep` ends.
    """

    def __init__(self, keep: int | None) -> None:
        self.count: int = 0
        self._raw: deque[tuple[bytes, Client, str, float]] = deque(maxlen=keep)
        self._queries: deque[ReceivedQuery] = deque(maxlen=keep)
        self._reading = threading.Lock()
        self._waiting: list[tuple[int, asyncio.Future[None]]] = []

    def append(self, query: bytes, client: Client, transport: str, when: float) -> None:
        """Note a query."""
        self._raw.append((query, client, transport, when))
        self.count += 1
        if self._waiting:
            self._wake()

    @property
    def queries(self) -> list[ReceivedQuery]:
        """The queries, without those that could not be read."""
        with self._reading:
            while self._raw:
                query = _read(*self._raw.popleft())
                if query is not None:
                    self._queries.append(query)
            return list(self._queries)

    def clear(self) -> None:
        """Forget everything, and count from 0 again."""
        with self._reading:
            self._raw.clear()
            self._queries.clear()
            self.count = 0

    async def reach(self, count: int) -> None:
        """Return when so many queries have been counted."""
        if self.count >= count:
            return
        entry = count, asyncio.get_running_loop().create_future()
        self._waiting.append(entry)
        try:
            await entry[1]
        finally:
            self._waiting.remove(entry)

    def _wake(self) -> None:
        for count, future in self._waiting:
            if self.count >= count and not future.done():
                future.set_result(None)


def _read(query: bytes, client: Client, transport: str, when: float) -> ReceivedQuery | None:
    try:
        message = Message.parse(query)
    except MessageFormatError:
        return None
    if len(message.question) != 1:
        return None
    name, type_, _ = message.question[0]
    desired = bool(message.flags & Flag.RD)
    return ReceivedQuery(name, type_, transport, message.id, desired, message.edns, client[:2], when, query)
