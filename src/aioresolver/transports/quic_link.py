"""QuicLink: a connected UDP socket with aioquic's QUIC behind it. Knows no DNS."""

from __future__ import annotations

import asyncio
import errno
import hmac
import socket
from collections import deque
from collections.abc import Callable
from typing import Protocol

from aioquic.quic.connection import QuicConnection
from aioquic.tls import Epoch

from aioresolver.errors import TransportError
from aioresolver.transports.datagram_endpoint import DatagramEndpoint
from aioresolver.transports.exchange import carriage_error

__all__ = ["QuicLink"]

# Datagrams read in one turn of the loop.
DRAIN = 64
LARGEST_DATAGRAM = 65535
# As much as fills a datagram is sent at once: aioquic goes through all that is unsent again for each of them.
FULL = 1100
# A stateless reset looks like any packet but for its last bytes (RFC 9000, 10.3).
RESET_TOKEN = 16
SMALLEST_RESET = 21
LONG_HEADER = 0x80


class Owner(Protocol):
    """Whose link this is."""

    def proceed(self) -> None:
        """Something has come, or it is time for something: aioquic may have events."""

    def lost(self, error: TransportError) -> None:
        """The link is closed: it broke, or the other side knows nothing of it."""


class QuicLink:
    """Carries the datagrams of one QUIC connection, and has aioquic called when it wants to be.

    What is written in one turn of the loop leaves in common datagrams. `endpoints` holds the tasks of sockets on loops
    that cannot watch descriptors, until they are closed.
    """

    def __init__(
        self,
        owner: Owner,
        connected: socket.socket,
        quic: QuicConnection,
        *,
        loop: asyncio.AbstractEventLoop,
        endpoints: set[asyncio.Task[None]],
    ) -> None:
        self.over: bool = False
        self._owner = owner
        self._connected = connected
        self._quic = quic
        self._loop = loop
        self._endpoints = endpoints
        self._endpoint: DatagramEndpoint | None = None
        self._send: Callable[[bytes], object] = connected.send
        self._address = connected.getpeername()
        self._unsent: deque[bytes] = deque()
        self._flushing = False
        self._collected = 0
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = 0.0

    def start(self) -> None:
        """Begin the handshake."""
        self._attach()
        self._quic.connect(self._address, now=self._loop.time())
        self.transmit()

    def write(self, stream: int, data: bytes) -> None:
        """Send all of a stream."""
        self._quic.send_stream_data(stream, data, end_stream=True)
        self._collected += len(data)
        if self._collected >= FULL:
            self.transmit()
        else:
            self.transmit_soon()

    def ping(self, number: int) -> None:
        """Ask for a sign of life: a PingAcknowledged with this number."""
        self._quic.send_ping(number)
        self._collected += 1
        self.transmit_soon()

    def transmit_soon(self) -> None:
        """Send at the end of this turn of the loop, so that all its queries share datagrams."""
        if not self._flushing:
            self._flushing = True
            self._loop.call_soon(self._transmit_now)

    def transmit(self) -> None:
        """Send what aioquic wants sent."""
        self._flushing = False
        if not self._unsent:
            now = self._loop.time()
            if self._collected:
                self._acknowledge(now)
            self._collected = 0
            datagrams = self._quic.datagrams_to_send(now=now)
            self._unsent.extend(datagram for datagram, address in datagrams if address == self._address)
            self._send_datagrams()
        self._set_timer()

    def close(self) -> None:
        """Close the socket, stop the timer. Twice is fine."""
        if self.over:
            return
        self.over = True
        self._unsent.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._endpoint is not None:
            self._endpoint.close()
        else:
            self._loop.remove_reader(self._connected.fileno())
            self._loop.remove_writer(self._connected.fileno())
            self._connected.close()

    def take(self, reply: bytes) -> None:
        """A datagram has come."""
        self._receive(reply)
        self._owner.proceed()

    def flush(self) -> None:
        """Send what the socket would not take before."""
        if self._endpoint is None:
            self._loop.remove_writer(self._connected.fileno())
        self._send_datagrams()
        if not self._unsent:
            self.transmit()

    def broken(self, error: OSError, *, usable: bool = False) -> None:
        """The socket reports an error, such as an ICMP message."""
        self._end(carriage_error("the nameserver cannot be reached", error, local=_local(error)))

    def _attach(self) -> None:
        try:
            self._loop.add_reader(self._connected.fileno(), self._drain)
        except NotImplementedError:  # the Proactor of Windows
            self._endpoint = DatagramEndpoint(self, self._connected)
            self._send = self._endpoint.send
            task = self._loop.create_task(self._endpoint.run(self._loop))
            self._endpoints.add(task)
            task.add_done_callback(self._endpoints.discard)

    def _drain(self) -> None:
        receive = self._connected.recv
        for _ in range(DRAIN):
            try:
                datagram = receive(LARGEST_DATAGRAM)
            except (BlockingIOError, InterruptedError):
                break
            except OSError as error:
                self.broken(error)
                return
            self._receive(datagram)
        self._owner.proceed()

    def _receive(self, datagram: bytes) -> None:
        if self.over:
            return
        if self._is_reset(datagram):
            self._end(TransportError("the nameserver knows nothing of the connection", code=errno.ECONNRESET))
            return
        try:
            self._quic.receive_datagram(datagram, self._address, now=self._loop.time())
        except Exception as error:  # noqa: BLE001 - whatever aioquic stumbles over, the nameserver sent it
            reason = f"the nameserver sent what cannot be read as QUIC ({type(error).__name__})"
            self._end(TransportError(reason, code=errno.EPROTO))

    def _is_reset(self, datagram: bytes) -> bool:
        if len(datagram) < SMALLEST_RESET or datagram[0] & LONG_HEADER:
            return False
        quic = self._quic
        token = datagram[-RESET_TOKEN:]
        return any(
            hmac.compare_digest(each.stateless_reset_token, token)
            for each in (quic._peer_cid, *quic._peer_cid_available)
        )

    def _end(self, error: TransportError) -> None:
        if not self.over:
            self.close()
            self._owner.lost(error)

    def _transmit_now(self) -> None:
        if not self.over and self._flushing:
            self.transmit()

    def _acknowledge(self, now: float) -> None:
        """Let queries carry what is to be acknowledged (RFC 9000, 13.2.1); aioquic alone would wait a millisecond."""
        space = self._quic._spaces[Epoch.ONE_RTT]
        if space.ack_at is not None and space.ack_at > now:
            space.ack_at = now

    def _send_datagrams(self) -> None:
        unsent = self._unsent
        while unsent and not self.over:
            try:
                self._send(unsent[0])
            except (BlockingIOError, InterruptedError):
                if self._endpoint is None:
                    self._loop.add_writer(self._connected.fileno(), self.flush)
                return
            except OSError as error:
                unsent.clear()
                self._loop.call_soon(self.broken, error)  # whoever wants something sent is not through with it
                return
            unsent.popleft()

    def _set_timer(self) -> None:
        """Have aioquic called when it wants to be; a timer that rings too early is set again."""
        when = self._quic.get_timer()
        if when is None or self.over:
            return
        if self._timer is not None:
            if self._timer_at <= when:
                return
            self._timer.cancel()
        self._timer_at = when
        self._timer = self._loop.call_at(when, self._ring)

    def _ring(self) -> None:
        self._timer = None
        if self.over:
            return
        now, when = self._loop.time(), self._quic.get_timer()
        if when is not None and now >= when:
            self._quic.handle_timer(now=now)
            self._owner.proceed()
        else:
            self._set_timer()


def _local(error: OSError) -> bool | None:
    return False if isinstance(error, (ConnectionRefusedError, ConnectionResetError)) else None
