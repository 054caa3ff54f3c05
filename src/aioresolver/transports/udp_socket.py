"""UdpSocket: one connected UDP socket and the exchanges that wait on it."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import sys
from collections import deque
from collections.abc import Callable, Collection
from typing import Any, NamedTuple, Protocol

from aioresolver.errors import TransportError
from aioresolver.flow.deadline_ring import DeadlineRing
from aioresolver.transports.datagram_endpoint import DatagramEndpoint
from aioresolver.transports.exchange import (
    HEADER,
    Exchange,
    carriage_error,
    deadline_error,
    make_exchange,
    mangled_error,
)
from aioresolver.transports.nameserver import Nameserver

__all__ = ["Posted", "Sheet", "Taker", "UdpSocket", "measure_receive_buffer", "open_connected"]

# Datagrams read in one turn of the loop: enough to spread the cost of the turn, few enough to starve nobody.
DRAIN = 128
# So many times as many are read before a deadline counts as missed: about what the receive buffer holds.
SWEEP = 64
RECEIVE_BUFFER = 4 * 1024 * 1024
# Linux only, and not in the socket module; it may exceed net.core.rmem_max, which takes CAP_NET_ADMIN.
SO_RCVBUFFORCE = 33
# Linux only, too: nine counters, of which the last is of drops.
SO_MEMINFO = 55
MEMINFO_COUNTERS = 9
LARGEST_DATAGRAM = 65535
PORT_TRIES = 8
FIRST_PORT = 1024
# Datagrams to these are swallowed on the way: RDMA over Ethernet takes the first, filters against memcached the second.
UNUSABLE_PORTS = frozenset({4791, 11211})
# How many questions a reply has, as it stands in its header.
ONE = b"\0\1"
REFUSED = (ConnectionRefusedError, ConnectionResetError)


class Sheet(NamedTuple):
    """What the queries of one batch have in common.

    `head` and `tail` stand before and behind the question of each, `head` without the id. `sent`, `due` and `deadline`
    are in loop time: when they went out, when patience with them ends, and when it is all over. `edns` and `turn` are
    the taker's own.
    """

    head: bytes
    tail: bytes
    sent: float
    due: float
    deadline: float
    edns: Any
    turn: Any


# A tuple, since one is made for every name: the question section, the tag for the taker, and the sheet of its batch.
Posted = tuple[bytes, Any, Sheet]


class Taker(Protocol):
    """Who posted queries, and takes what becomes of them."""

    def took(self, replies: list[tuple[Posted, bytes]]) -> None:
        """Replies that match these have come."""

    def adopted(self, posted: Posted, exchange: Exchange) -> None:
        """This one did not go the usual way: it could not be sent, or not be answered. Its exchange tells."""


class Owner(Protocol):
    """The transport whose socket this is."""

    taker: Taker
    ring: DeadlineRing
    buffer: bytearray
    ignored: int
    near_misses: int
    endpoints: set[asyncio.Task[None]]

    def unfit(self, sock: UdpSocket) -> None:
        """The socket should not be used for another query."""

    def closed(self, sock: UdpSocket) -> None:
        """The socket is about to be closed."""


class UdpSocket:
    """One connected UDP socket, and the exchanges and posted queries that wait on it. Reads for as long as it is open.

    `used` are the ids that it has seen: none is given twice, so no late reply meets another exchange.
    """

    __slots__ = (
        "_blocked", "_connected", "_endpoint", "_loop", "_open", "_owner", "_swept", "_view",
        "age_token", "pending", "retired", "send", "used", "worn_at",
    )  # fmt: skip

    def __init__(self, connected: socket.socket, owner: Owner, *, loop: asyncio.AbstractEventLoop) -> None:
        self._connected = connected
        self._owner = owner
        self._loop = loop
        self._view = memoryview(owner.buffer)
        self._blocked: deque[Exchange] = deque()
        self._endpoint: DatagramEndpoint | None = None
        self._open = True
        self._swept = False
        self.pending: dict[bytes, Exchange | Posted] = {}
        self.used: set[bytes] = set()
        self.worn_at: int = 0
        self.age_token: Any = None
        self.retired: bool = False
        self.send: Callable[[bytes], int] = connected.send
        try:
            loop.add_reader(connected.fileno(), self._drain)
        except NotImplementedError:  # the Proactor of Windows
            self._endpoint = DatagramEndpoint(self, connected)
            self.send = self._endpoint.send
            task = loop.create_task(self._endpoint.run(loop))
            owner.endpoints.add(task)
            task.add_done_callback(owner.endpoints.discard)

    def begin(self, exchange: Exchange, id: bytes, deadline: float) -> None:
        """Send the query under this id, which must not be among `used`, and wait for the reply."""
        exchange.carrier = self
        exchange.id = id
        self.used.add(id)
        self.pending[id] = exchange
        exchange.start_timer(self._owner.ring, deadline)
        try:
            self.send(id + exchange.query[2:])
        except OSError as error:
            self._not_sent(exchange, error)

    def post(self, id: bytes, posted: Posted) -> None:
        """Send a query under this id, which must not be among `used`; the reply goes to the taker."""
        section, _, sheet = posted
        self.used.add(id)
        self.pending[id] = posted
        try:
            self.send(b"".join((id, sheet[0], section, sheet[1])))
        except OSError as error:
            exchange = self.adopt(id, posted)
            self._not_sent(exchange, error)
            self._owner.taker.adopted(posted, exchange)

    def adopt(self, id: bytes, posted: Posted) -> Exchange:
        """Make an exchange of a posted query, which the taker then does not hear of any more."""
        section, _, sheet = posted
        exchange = make_exchange(b"".join((b"\0\0", sheet.head, section, sheet.tail)), loop=self._loop)
        exchange.carrier = self
        exchange.id = id
        self.pending[id] = exchange
        exchange.start_timer(self._owner.ring, sheet.deadline)
        return exchange

    def overdue(self, now: float) -> list[tuple[Posted, Exchange]]:
        """The posted queries with which patience is at an end, as exchanges; all that has come is read before."""
        if any(type(waiting) is tuple and waiting[2].due <= now for waiting in self.pending.values()):
            self._sweep()
        late = [(id, each) for id, each in self.pending.items() if type(each) is tuple and each[2].due <= now]
        return [(posted, self.adopt(id, posted)) for id, posted in late]

    def withdraw(self, tags: Collection[Any]) -> int:
        """Forget the posted queries with these tags; how many is returned."""
        ids = [id for id, waiting in self.pending.items() if type(waiting) is tuple and waiting[1] in tags]
        for id in ids:
            del self.pending[id]
        self._close_if_spent()
        return len(ids)

    def take(self, reply: bytes) -> None:
        """Give a datagram to whom it belongs to; count what belongs to none."""
        waiting = self.pending.get(reply[:2])
        if isinstance(waiting, tuple) and _matches(waiting, reply):
            del self.pending[reply[:2]]
            self._owner.taker.took([(waiting, reply)])
        else:
            self._take_otherwise(reply, waiting)
        self._close_if_spent()

    def _take_otherwise(self, reply: bytes, waiting: Exchange | Posted | None) -> None:
        """As `take`, when it is no reply to a posted query."""
        if waiting is not None and not isinstance(waiting, tuple) and waiting.matches(reply):
            del self.pending[waiting.id]
            waiting.finish(reply, self._owner.ring)
        elif waiting is not None and _came_back_in_other_letters(waiting, reply):
            self._fail(reply[:2], waiting, mangled_error())
        else:
            self._ignore(reply, expected=waiting is not None)

    def forget(self, exchange: Exchange) -> None:
        """Free the id and the timer of an exchange that ends without a reply."""
        self.pending.pop(exchange.id, None)
        exchange.stop_timer(self._owner.ring)
        self._close_if_spent()

    def expired(self, exchange: Exchange) -> None:
        """The deadline of an exchange has passed; a reply that has come already still counts."""
        self._sweep()
        if not exchange.done():
            self.forget(exchange)
            exchange.fail(deadline_error())

    def retire(self) -> None:
        """Take no more queries; close once nothing waits."""
        self.retired = True
        self._close_if_spent()

    def broken(self, error: OSError, *, usable: bool = False) -> None:
        """The socket reports an error, such as an ICMP message: it concerns the nameserver, so all who wait fail."""
        self._fail_pending(lambda: _unreachable(error, local=False))
        if usable:
            self._read_on()
            self._close_if_spent()
        else:
            self._owner.unfit(self)
            self.close()

    def close(self, reason: str = "the socket is closed") -> None:
        """Close at once; whoever waits fails with TransportError."""
        self.retired = True
        if not self._open:
            return
        self._open = False
        self._owner.closed(self)
        if self._endpoint is not None:
            self._endpoint.close()
        else:
            self._loop.remove_reader(self._connected.fileno())
            self._loop.remove_writer(self._connected.fileno())
            self._connected.close()
        self._fail_pending(lambda: TransportError(reason, code=errno.ECONNABORTED, local=True))
        self._blocked.clear()

    def dropped(self) -> int:
        """How many datagrams the kernel dropped, for the receive buffer was full; 0 where it does not tell."""
        if sys.platform != "linux":
            return 0
        try:
            counters = self._connected.getsockopt(socket.SOL_SOCKET, SO_MEMINFO, 4 * MEMINFO_COUNTERS)
        except OSError:
            return 0
        return int.from_bytes(counters[-4:], sys.byteorder) if len(counters) == 4 * MEMINFO_COUNTERS else 0

    def flush(self) -> None:
        """Send what the socket would not take before."""
        while self._blocked:
            exchange = self._blocked.popleft()
            if exchange.done():
                continue
            try:
                self.send(exchange.wire)
            except OSError as error:
                self._not_sent(exchange, error)
                if self._blocked and self._blocked[-1] is exchange:
                    return
        if self._endpoint is None and self._open:
            self._loop.remove_writer(self._connected.fileno())

    def _sweep(self) -> None:
        """After the loop was held up, read all that came meanwhile; once in a turn."""
        if self._swept or not self._open or self._endpoint is not None:
            return
        self._swept = True
        self._loop.call_soon(self._end_turn)
        for _ in range(SWEEP):
            if not self._drain():
                return

    def _end_turn(self) -> None:
        self._swept = False

    def _drain(self) -> bool:
        """Read what has come; true when there may be more."""
        taken: list[tuple[Posted, bytes]] = []
        try:
            return self._read(taken)
        finally:
            if taken:
                self._owner.taker.took(taken)

    def _read(self, taken: list[tuple[Posted, bytes]]) -> bool:
        receive, buffer, view, pending = self._connected.recv_into, self._owner.buffer, self._view, self.pending
        for _ in range(DRAIN):
            try:
                size = receive(buffer)
            except (BlockingIOError, InterruptedError):
                return False
            except OSError as error:
                self.broken(error, usable=isinstance(error, REFUSED))
                return False
            reply = bytes(view[:size])
            waiting = pending.get(id := reply[:2])
            if (  # as _matches, without the call
                type(waiting) is tuple
                and reply.startswith(waiting[0], HEADER)
                and reply[2] & 0xF8 == 0x80
                and reply[4:6] == ONE
            ):
                del pending[id]
                taken.append((waiting, reply))
            else:
                self._take_otherwise(reply, waiting)
            if not pending:  # nothing more is due, so no system call to find out
                self._close_if_spent()
                return False
        return True

    def _read_on(self) -> None:
        # libuv, and with it uvloop, stops watching a descriptor that had an error.
        if self._endpoint is None and self._open:
            self._loop.remove_reader(self._connected.fileno())
            self._loop.add_reader(self._connected.fileno(), self._drain)

    def _ignore(self, reply: bytes, *, expected: bool) -> None:
        self._owner.ignored += 1
        # A late reply has an id that was used here; what has another one, or the wrong question, may be forged.
        if self.pending and (expected or reply[:2] not in self.used):
            self._owner.near_misses += 1

    def _close_if_spent(self) -> None:
        if self.retired and not self.pending:
            self.close()

    def _fail_pending(self, make_error: Callable[[], TransportError], *, but: Exchange | None = None) -> None:
        for id, waiting in list(self.pending.items()):
            if waiting is but:
                continue
            self._fail(id, waiting, make_error())

    def _fail(self, id: bytes, waiting: Exchange | Posted, error: TransportError) -> None:
        exchange = self.adopt(id, waiting) if isinstance(waiting, tuple) else waiting
        del self.pending[id]
        exchange.stop_timer(self._owner.ring)
        exchange.fail(error)
        if isinstance(waiting, tuple):
            self._owner.taker.adopted(waiting, exchange)

    def _not_sent(self, exchange: Exchange, error: OSError) -> None:
        if isinstance(error, REFUSED):
            # It answers an earlier query, and this one was not sent.
            self._fail_pending(lambda: _unreachable(error, local=False), but=exchange)
            self._read_on()
            try:
                self.send(exchange.wire)
                return
            except OSError as again:
                error = again
        if isinstance(error, (BlockingIOError, InterruptedError)) or error.errno == errno.ENOBUFS:
            self._wait_to_send(exchange)
            return
        self.pending.pop(exchange.id, None)
        exchange.stop_timer(self._owner.ring)
        exchange.fail(_unreachable(error, local=False if isinstance(error, REFUSED) else None))
        # The machine may have moved to another network, where only a new socket has the right source address.
        self._owner.unfit(self)

    def _wait_to_send(self, exchange: Exchange) -> None:
        if len(self._blocked) > 64 + 2 * len(self.pending):
            self._blocked = deque(waiting for waiting in self._blocked if not waiting.done())
        self._blocked.append(exchange)
        if self._endpoint is None:
            self._loop.add_writer(self._connected.fileno(), self.flush)


def _came_back_in_other_letters(waiting: Exchange | Posted, reply: bytes) -> bool:
    """Whether it is the reply but for the case of letters, which was made hard to guess: some servers change it."""
    section = waiting[0] if isinstance(waiting, tuple) else waiting.question
    echoed = reply[HEADER : HEADER + len(section)]
    return (
        section[:-4] != section[:-4].lower()  # type and class are not letters
        and echoed[-4:] == section[-4:]
        and echoed.lower() == section.lower()
        and reply[2] & 0xF8 == 0x80
        and reply[4:6] == ONE
    )


def _matches(posted: Posted, reply: bytes) -> bool:
    """As Exchange.matches: QR set, a standard query, the same question byte for byte."""
    return reply.startswith(posted[0], HEADER) and reply[2] & 0xF8 == 0x80 and reply[5] == 1 and not reply[4]


def open_connected(nameserver: Nameserver, *, source: str | None = None) -> socket.socket:
    """A non-blocking UDP socket, connected to the nameserver, from an unpredictable port. Raises OSError."""
    connected = socket.socket(nameserver.family, socket.SOCK_DGRAM)
    try:
        connected.setblocking(False)
        _bind_to_random_port(connected, source)
        connected.connect(nameserver.sockaddr)
    except BaseException:
        connected.close()
        raise
    return connected


def measure_receive_buffer(sock: socket.socket) -> int:
    """Raise the socket's receive buffer and say how large it really is, in bytes."""
    options = [(socket.SO_RCVBUF, RECEIVE_BUFFER), (socket.SO_RCVBUF, RECEIVE_BUFFER // 8)]
    if sys.platform == "linux":
        options.insert(0, (SO_RCVBUFFORCE, RECEIVE_BUFFER))
    for option, size in options:
        try:
            sock.setsockopt(socket.SOL_SOCKET, option, size)
            break
        except OSError:
            continue
    return sock.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF)


def _bind_to_random_port(sock: socket.socket, source: str | None) -> None:
    address = source or ("::" if sock.family == socket.AF_INET6 else "")
    for _ in range(PORT_TRIES):
        port = FIRST_PORT + _random_below(65536 - FIRST_PORT)
        if port in UNUSABLE_PORTS:
            continue
        try:
            sock.bind((address, port))
            return
        except OSError:  # taken, or forbidden: ranges of ports are, on some machines
            continue
    if source is not None:
        sock.bind((source, 0))


def _random_below(limit: int) -> int:
    # As secrets.randbelow, which would load half of the standard library's cryptography when we are imported.
    return int.from_bytes(os.urandom(8), "big") % limit


def _unreachable(error: OSError, *, local: bool | None) -> TransportError:
    return carriage_error("the nameserver cannot be reached", error, local=local)
