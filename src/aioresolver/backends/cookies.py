"""CookieJar: the DNS cookies of one nameserver (RFC 7873, 9018). Pure: the time is an argument, chance may be."""

from __future__ import annotations

import os
from collections.abc import Callable

from aioresolver.errors import MessageFormatError
from aioresolver.wire.edns import Cookie
from aioresolver.wire.message import Message

__all__ = ["CookieJar", "cookie_in"]

CLIENT_SIZE = 8
# A client's cookie is renewed so often, so that it does not become a name for the client (RFC 7873, 5.3).
LIFETIME = 86_400.0
# A nameserver that gave none is not asked for one again for so long.
WITHOUT = 300.0


class CookieJar:
    """What was sent to one nameserver for a cookie, and what it made of that.

    Who has once sent a cookie of its own is expected to do so again: then `expected` is what every reply over UDP must
    carry, and one without it is to be asked for again over TCP. That is the whole remedy: a forger who guesses id and
    port gains nothing, and a forwarder with nameservers of both kinds behind it loses nothing, for over TCP its reply
    counts whatever it carries. When that has no cookie either, none is expected for some minutes.
    """

    __slots__ = ("_cookie", "_local", "_random", "_renew_at", "_without_until", "expected")

    def __init__(self, random: Callable[[int], bytes] = os.urandom) -> None:
        self.expected: bytes | None = None
        self._random = random
        self._cookie: Cookie | None = None
        self._local: object = None
        self._renew_at = float("-inf")
        self._without_until = float("-inf")

    def offer(self, now: float, local: object = None) -> Cookie | None:
        """The cookie to send; None while the nameserver is known to have no use for one.

        `local` is the address that we send from, if it is known: with another one comes another cookie (RFC 9018, 3).
        """
        if now < self._without_until:
            return None
        moved = local is not None and self._local is not None and local != self._local
        self._local = local or self._local
        if now >= self._renew_at or moved:
            self._cookie = Cookie(self._random(CLIENT_SIZE))
            self._renew_at, self.expected = now + LIFETIME, None
        return self._cookie

    def is_known(self, reply: bytes) -> bool:
        """Whether the reply carries the cookie, ours and the nameserver's, as it is known already."""
        cookie = self._cookie
        return cookie is not None and cookie.server != b"" and cookie.client + cookie.server in reply

    def take(self, sent: Cookie | None, received: Cookie | None, now: float, *, trusted: bool) -> bool:
        """Learn from a reply; whether it may be believed.

        `sent` is the cookie that the query had, `trusted` is a reply that nobody else can have sent, as over TCP.
        """
        if sent is None:
            return True
        if received is not None and received.client != sent.client:
            if trusted:  # its cookies are of no use
                self.go_without(now)
            return trusted
        if received is None or not received.server:
            if self.expected is None or trusted:
                self.go_without(now)
                return True
            return False
        if self._cookie is not None and self._cookie.client == sent.client:
            self._cookie, self.expected = received, sent.client
        return True

    def go_without(self, now: float) -> None:
        """Neither send nor expect a cookie for some minutes."""
        self._without_until = now + WITHOUT
        self._renew_at = float("-inf")
        self.expected = None


def cookie_in(message: Message) -> Cookie | None:
    """The cookie that a reply carries; what is malformed is none."""
    edns = message.edns
    try:
        return None if edns is None else edns.cookie
    except MessageFormatError:
        return None
