"""Priming: the root servers are asked who the root servers are (RFC 8109). Pure."""

from __future__ import annotations

from aioresolver.backends.iterative.delegations import Delegation, Trust
from aioresolver.backends.iterative.scrub import is_askable
from aioresolver.wire.codes import RRClass, RRType
from aioresolver.wire.message import Message, Question
from aioresolver.wire.names import Name

__all__ = ["PRIMING", "read_priming"]

PRIMING = Question(Name("."), RRType.NS)
"""What is asked."""


def read_priming(message: Message, now: float, *, kept: int) -> Delegation | None:
    """The root servers that a reply names, with the addresses that came along; None when it names none.

    An address that did not come, for want of room, is looked up when it is needed (RFC 8109, 4.2).
    """
    answer, additional = (
        [r for r in section if r.class_ == RRClass.IN] for section in (message.answer, message.additional)
    )
    servers = [record for record in answer if record.type == RRType.NS and record.name == "."]
    names = list(dict.fromkeys(record.data.target for record in servers))[:kept]
    glue: dict[Name, list[str]] = {}
    for record in additional:
        if record.type in (RRType.A, RRType.AAAA) and record.name in names and is_askable(record.data.address):
            glue.setdefault(record.name, []).append(record.data.address)
    if not glue:
        return None
    expires = now + min(record.ttl for record in servers)
    return Delegation(Name("."), names, glue, expires=expires, trust=Trust.PRIMED)
