"""Transport (Protocol): carries a DNS message to one nameserver and the reply back."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Protocol

__all__ = ["AgedReply", "Transport"]


class Transport(Protocol):
    """Carries bytes to one nameserver and back. Knows no DNS but the id and the echoed question.

    Construction does no I/O. A transport belongs to the event loop it is first used on.
    """

    def exchange(self, query: bytes, deadline: float) -> Awaitable[bytes]:
        """Send a whole DNS message and give the reply that matches it.

        The id of `query` is replaced by an unpredictable one, and the reply carries that. `deadline` is loop time.
        Raises TransportError when no bytes can come; `local` is set when this machine is the reason.
        """
        ...

    async def aclose(self) -> None:
        """Close every socket; exchanges that still wait fail with TransportError. Twice is fine."""
        ...


class AgedReply(bytes):
    """A reply that an HTTP cache has kept: its TTLs have run for `age` seconds already (RFC 8484, 5.1)."""

    age: float

    def __new__(cls, reply: bytes, *, age: float) -> AgedReply:
        """The bytes of the reply, and its age in seconds."""
        aged = super().__new__(cls, reply)
        aged.age = age
        return aged
