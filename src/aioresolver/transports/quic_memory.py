"""Memory: what a nameserver gave for the next QUIC connection to it; and how that connection is configured."""

from __future__ import annotations

import ssl
from collections import deque
from collections.abc import Iterable

from aioquic.quic.configuration import QuicConfiguration
from aioquic.tls import SessionTicket

from aioresolver.transports.nameserver import Nameserver
from aioresolver.transports.quic_trust import Trust

__all__ = ["Memory", "make_configuration"]

MOST_REMEMBERED = 4
# Four times the largest reply, so that none waits for permission to go on.
STREAM_WINDOW = 4 * 65535
# In seconds: no connection goes to sleep between two signs of life.
LEAST_IDLE = 5.0


class Memory:
    """What a nameserver gave for the next connection: tickets that resume a session, and tokens (RFC 9000, 8.1.3).

    Only of one whose certificate was right: whoever resumes a session shows none. Each is used once, so that nobody
    on the path can link connections by them. Where they do harm (Knot 3.4 takes its own tokens amiss, and after a
    restart says nothing to who has one), they are given up: tokens first, then tickets.
    """

    def __init__(self) -> None:
        self.tickets: deque[SessionTicket] = deque(maxlen=MOST_REMEMBERED)
        self.tokens: deque[bytes] = deque(maxlen=MOST_REMEMBERED)

    def blame(self) -> None:
        """A connection that began with what is remembered has come to nothing."""
        if self.tokens.maxlen:
            self.tokens = deque(maxlen=0)
        else:
            self.tickets = deque(maxlen=0)

    def keep(self, gifts: Iterable[SessionTicket | bytes]) -> None:
        """Remember these, without the permission to send before the handshake: such data can be replayed."""
        for gift in gifts:
            if isinstance(gift, bytes):
                self.tokens.append(gift)
            else:
                gift.max_early_data_size = None
                self.tickets.append(gift)


def make_configuration(
    nameserver: Nameserver, trust: Trust, *, idle_timeout: float, memory: Memory
) -> QuicConfiguration:
    """How to speak to the nameserver. What it gave for this occasion is taken out of the memory: once only."""
    configuration = QuicConfiguration(
        alpn_protocols=["doq"],
        idle_timeout=max(idle_timeout, LEAST_IDLE),
        is_client=True,
        max_stream_data=STREAM_WINDOW,
        server_name=nameserver.identity,
        session_ticket=memory.tickets.pop() if memory.tickets else None,
        token=memory.tokens.pop() if memory.tokens else b"",
        verify_mode=ssl.CERT_REQUIRED if trust.verify else ssl.CERT_NONE,
    )
    configuration.load_verify_locations(cafile=trust.file, capath=trust.folder, cadata=trust.authorities)
    return configuration
