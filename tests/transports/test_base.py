"""AgedReply: the bytes of a reply, and how old they are."""

from __future__ import annotations

from aioresolver.transports.base import AgedReply


def test_is_the_bytes_of_the_reply():
    reply = AgedReply(b"reply", age=2.5)

    assert reply == b"reply"
    assert isinstance(reply, bytes)
    assert reply.age == 2.5
