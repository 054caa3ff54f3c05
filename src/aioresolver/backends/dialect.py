"""Dialect: how one nameserver wants to be asked, as far as that has been learnt. Pure: the time is an argument.

All of it is unlearnt after a while: nameservers are mended, and forwarders have several behind them.
"""

from __future__ import annotations

from aioresolver.backends.cookies import CookieJar, cookie_in
from aioresolver.wire.edns import Cookie, Edns
from aioresolver.wire.message import Message

__all__ = ["Dialect"]

EDNS_RETRY = 900.0
# Silence may have another reason, such as an outage: what is concluded from it is put to the test sooner at first.
EDNS_RETRY_AFTER_SILENCE = 60.0
SILENCES_TO_DOUBT = 2
# Replies of this size come through wherever anything does.
LEAST_PAYLOAD = 512
SMALL_FOR = 900.0
# A forger who has guessed id and port must not be able to end the random case, which is there to defeat his next guess:
# it takes so many mangled replies within so many seconds.
MANGLED_TO_BELIEVE = 3
MANGLED_WITHIN = 60.0
MANGLES_FOR = 3600.0
# For the same reason: two that cannot be checked within so many seconds.
UNCHECKED_WITHIN = 60.0


class Dialect:
    """What a nameserver makes of EDNS, of cookies, of random letter case and of large replies.

    `wanted` is the EDNS that questions should have; None is none at all. `randomizes` is whether their letters should
    change case. `doubted` is whether it has just complained about EDNS.
    """

    __slots__ = ("_answered", "_cookie", "_edns", "_mangled", "_mangled_since", "_mangles_until", "_randomizes", "_large_at", "_pause", "_small_until", "_unchecked_at",
                 "_without_until",
                 "cookies", "doubted", "wanted")  # fmt: skip

    def __init__(self, wanted: Edns | None, *, cookies: bool, randomizes: bool = False) -> None:
        self.wanted: Edns | None = wanted
        self.cookies: CookieJar | None = CookieJar() if cookies and wanted is not None else None
        self.doubted: bool = False
        self._randomizes = randomizes
        self._edns = wanted
        self._cookie: Cookie | None = None
        self._answered = False
        self._without_until = float("-inf")
        self._pause = EDNS_RETRY_AFTER_SILENCE
        self._large_at = float("-inf")
        self._small_until = float("-inf")
        self._mangles_until = float("-inf")
        self._mangled = 0
        self._mangled_since = float("-inf")
        self._unchecked_at = float("-inf")

    def edns(self, now: float, *, silences: int = 0, local: object = None) -> Edns | None:
        """The EDNS to ask with, after so many silences to the same question; None is without.

        It is left out when it was complained about, and when it met with silence twice and was never answered; where
        it was answered before, large replies may be what is lost, and a small one is asked for.
        """
        if now < self._without_until:
            return None
        if silences >= SILENCES_TO_DOUBT and not self._answered:
            return None
        edns = self._with_cookie(now, local)
        if edns is not None and (silences >= SILENCES_TO_DOUBT or now < self._small_until):
            return edns._replace(payload=LEAST_PAYLOAD)
        return edns

    def randomizes(self, now: float) -> bool:
        """Whether the letters of a question should change case."""
        return self._randomizes and now >= self._mangles_until

    def expected(self) -> bytes | None:
        """What every reply over UDP must contain, if anything."""
        return None if self.cookies is None else self.cookies.expected

    def believes(self, message: Message, sent: Edns | None, now: float, *, trusted: bool) -> bool:
        """Learn from the cookie in a reply to a query with this EDNS; whether the reply may be believed."""
        if not trusted and message.wire is not None:
            self._size(message.wire, now)
        if self.cookies is None or sent is None or sent.cookie is None:
            return True
        return self.cookies.take(sent.cookie, cookie_in(message), now, trusted=trusted)

    def learn(self, reply: bytes, sent: Edns | None, now: float) -> None:
        """Learn the cookie of a reply to a query with this EDNS, when there is something about it that is new."""
        self._size(reply, now)
        if self.cookies is not None and sent is not None and sent.options and not self.cookies.is_known(reply):
            self.believes(Message.parse(reply), sent, now, trusted=False)

    def served(self, edns: Edns | None, now: float) -> None:
        """It gave a useful reply to a question with this EDNS."""
        if edns is not None:
            self._answered = True
            self._without_until = float("-inf")
        elif self.wanted is not None and self.doubted:
            self._without_until = now + EDNS_RETRY
        elif self.wanted is not None and not self._answered and now >= self._without_until:
            self._without_until = now + self._pause
            self._pause = min(2 * self._pause, EDNS_RETRY)
        self.doubted = False

    def truncated(self, sent: Edns | None, now: float) -> None:
        """It cut its reply to a question with this EDNS; if only the small one arrived, large ones are lost on the way."""
        if sent is None or self.wanted is None or now < self._small_until:
            return
        if sent.payload < self.wanted.payload and now - self._large_at >= SMALL_FOR:
            self._small_until = now + SMALL_FOR

    def cannot_be_checked(self, now: float, *, silent: bool) -> None:
        """A reply without a cookie was to be checked over TCP, and there is no TCP: believe such replies for a while.

        When TCP was only `silent`, a forger may have had a hand in it: then it takes two such replies.
        """
        if self.cookies is None:
            return
        before, self._unchecked_at = self._unchecked_at, now
        if not silent or now - before < UNCHECKED_WITHIN:
            self.cookies.go_without(now)

    def mangled(self, now: float) -> None:
        """A question came back in letters of another case; where that goes on, they are left alone for a while."""
        if now - self._mangled_since >= MANGLED_WITHIN:
            self._mangled, self._mangled_since = 0, now
        self._mangled += 1
        if self._mangled >= MANGLED_TO_BELIEVE:
            self._mangles_until = now + MANGLES_FOR

    def _size(self, reply: bytes, now: float) -> None:
        if len(reply) > LEAST_PAYLOAD:
            self._large_at = now

    def _with_cookie(self, now: float, local: object) -> Edns | None:
        if self.cookies is None or self.wanted is None:
            return self.wanted
        cookie = self.cookies.offer(now, local)
        if cookie is not self._cookie:
            self._cookie = cookie
            self._edns = self.wanted if cookie is None else self.wanted.with_cookie(cookie)
        return self._edns
