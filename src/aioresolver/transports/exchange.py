"""Exchange: one query on its way, and the future of its reply. Here is the rule of which reply belongs to it."""

from __future__ import annotations

import asyncio
import errno
import os
import struct
import sys
from typing import Any, Protocol

from aioresolver.errors import TransportError
from aioresolver.flow.deadline_ring import DeadlineRing

__all__ = [
    "MOST_PENDING",
    "Carrier",
    "Exchange",
    "Numbers",
    "carriage_error",
    "deadline_error",
    "make_exchange",
    "mangled_error",
]

# Half the ids: beyond, finding a free one takes long, and guessing one in use does not.
MOST_PENDING = 32768
HEADER = 12
RANDOM_PAIRS = struct.Struct("=2sH")
RANDOM_BLOCK = 4096

# What says that this machine, not the nameserver, is the reason.
LOCAL_ERRORS = frozenset(
    {
        errno.EACCES,
        errno.EADDRINUSE,
        errno.EADDRNOTAVAIL,
        errno.EAFNOSUPPORT,
        errno.EINVAL,
        errno.EMFILE,
        errno.EMSGSIZE,
        errno.ENETDOWN,
        errno.ENETUNREACH,
        errno.ENFILE,
        errno.ENOBUFS,
        errno.ENODEV,
        errno.ENOMEM,
        errno.ENXIO,
        errno.EPERM,
        errno.EPROTONOSUPPORT,
    }
)


class Carrier(Protocol):
    """What holds an exchange until its reply comes."""

    def forget(self, exchange: Exchange) -> None:
        """Free the id and the timer of an exchange that ends without a reply."""

    def expired(self, exchange: Exchange) -> None:
        """The deadline of an exchange has passed: forget it and fail it."""


# A subclass, because a future that frees its id when it is cancelled needs no callback: half the cost of a plain
# Future with one, and no reference cycle for the garbage collector to find. No __init__, because it would cost as
# much again.
class Exchange(asyncio.Future[bytes]):
    """One query on its way; the future of its reply. Cancelling it frees its id at once."""

    __slots__ = ("carrier", "heard", "id", "query", "question", "sends", "token")

    # `id` is the two bytes in place of those of `query`; `question` is its whole question section.
    # `sends` and `heard` are for connections: how often it was sent, and how much was heard before the last time.
    carrier: Carrier
    heard: int
    id: bytes
    query: bytes
    question: bytes
    sends: int
    token: Any

    @property
    def wire(self) -> bytes:
        """The bytes to send."""
        return self.id + self.query[2:]

    def matches(self, reply: bytes) -> bool:
        """Whether a message with this id is the reply: QR set, the same opcode, the same question byte for byte."""
        query = self.query
        return (
            len(reply) >= HEADER
            and (reply[2] ^ query[2]) & 0xF8 == 0x80
            and reply.startswith(self.question, HEADER)
            and reply[4:6] == query[4:6]
        )

    def matches_without_question(self, reply: bytes) -> bool:
        """Whether a message with this id is a reply that repeats no question, as errors of simple servers do."""
        return len(reply) >= HEADER and (reply[2] ^ self.query[2]) & 0xF8 == 0x80 and reply[4:6] == b"\0\0"

    def finish(self, reply: bytes, ring: DeadlineRing) -> None:
        """Give the reply to whoever waits."""
        self.stop_timer(ring)
        self.set_result(reply)

    def fail(self, error: TransportError) -> None:
        """Give the error to whoever waits; the carrier has forgotten the exchange before."""
        if not self.done():
            self.set_exception(error)

    def cancel(self, msg: Any | None = None) -> bool:
        """Give up: the id is free at once, and a late reply is ignored."""
        if self.done():
            return False
        self.carrier.forget(self)
        return super().cancel(msg)

    def expire(self) -> None:
        """The deadline has passed."""
        self.token = None
        self.carrier.expired(self)

    def start_timer(self, ring: DeadlineRing, deadline: float) -> None:
        """Have `expire` called at the deadline."""
        self.token = ring.add(deadline, self.expire)

    def stop_timer(self, ring: DeadlineRing) -> None:
        """No `expire` any more."""
        if self.token is not None:
            ring.discard(self.token)
            self.token = None


def make_exchange(query: bytes, *, loop: asyncio.AbstractEventLoop) -> Exchange:
    """An exchange that no carrier has yet.

    Raises ValueError when `query` is not a DNS message with a whole question section.
    """
    exchange = Exchange(loop=loop)
    exchange.query = query
    exchange.question = _question_section(query)
    exchange.token = None
    return exchange


class Numbers:
    """Unpredictable numbers in pairs, from the operating system, many a read; none is given twice."""

    __slots__ = ("_pairs",)

    def __init__(self) -> None:
        self._pairs: list[tuple[bytes, int]] = []

    def draw(self) -> tuple[bytes, int]:
        """Two random bytes for an id, and a random number below 65536 for a choice."""
        if not self._pairs:
            self._read()
        return self._pairs.pop()

    def draw_many(self, count: int) -> list[tuple[bytes, int]]:
        """So many of them."""
        pairs = self._pairs
        while len(pairs) < count:
            self._read()
        drawn = pairs[-count:] if count else []
        del pairs[len(pairs) - count :]
        return drawn

    def _read(self) -> None:
        self._pairs.extend(RANDOM_PAIRS.iter_unpack(os.urandom(RANDOM_BLOCK)))


def deadline_error() -> TransportError:
    """The error of an exchange whose time is up."""
    return TransportError("no reply before the deadline", code=errno.ETIMEDOUT)


def mangled_error() -> TransportError:
    """The error of an exchange whose question was echoed in letters of another case."""
    return TransportError("the question came back in other letters", code=errno.EBADMSG)


def carriage_error(action: str, error: OSError, *, local: bool | None = None) -> TransportError:
    """What the operating system said, as a TransportError; `local` is read from its code unless it is given."""
    code = error.errno or (errno.ECONNRESET if isinstance(error, ConnectionError) else errno.EIO)
    # asyncio raises some without a number, and some with a text of its own; Windows has its texts elsewhere.
    text = error.strerror if sys.platform == "win32" else os.strerror(code)
    return TransportError(f"{action}: {text}", code=code, local=code in LOCAL_ERRORS if local is None else local)


def _question_section(query: bytes) -> bytes:
    """The bytes of all questions: for each a name as labels, then type and class."""
    end = HEADER
    try:
        for _ in range(query[4] << 8 | query[5]):
            while length := query[end]:
                end += length + 1
            end += 5
    except IndexError:
        raise ValueError("the query is not a whole DNS message") from None
    if end > len(query) or len(query) < HEADER:
        raise ValueError("the query is not a whole DNS message")
    return query[HEADER:end]
