"""dnspython: an Answer as a `dns.message.Message` or a `dns.rrset.RRset`, and the way back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aioresolver.answer import Answer
from aioresolver.wire import dnspython  # which says what is missing, when dnspython is
from aioresolver.wire.codes import RRType

if TYPE_CHECKING:
    import dns.message
    import dns.rrset

__all__ = ["from_message", "from_rrset", "to_message", "to_rrset"]


def to_message(answer: Answer[Any]) -> dns.message.Message:
    """The whole message of an answer, as it came: `answer.to_dnspython()`."""
    return answer.to_dnspython()


def to_rrset(answer: Answer[Any]) -> dns.rrset.RRset | None:
    """The records of an answer at the name that its aliases lead to; None when it has none.

    They are in the answer's order, and the TTL is what is left of it. Raises ValueError for an answer to ANY, whose
    records are of several types, and what `to_message` raises.
    """
    if answer.question.type == RRType.ANY:
        raise ValueError("an answer to ANY has records of several types: use to_message()")
    return dnspython.to_rrset(answer.records, answer.ttl) if answer else None


def from_message(message: dns.message.Message, *, server: str | None = None) -> Answer[Any]:
    """The answer that a reply holds, for its one question; `dns.resolver.Answer` has it as its `response`.

    Its TTL counts from now. Raises ServerFailure when the reply's rcode is neither NOERROR nor NXDOMAIN,
    MessageFormatError when it is no reply to one question.
    """
    return Answer.from_dnspython(message, server=server)


def from_rrset(rrset: dns.rrset.RRset, *, server: str | None = None) -> Answer[Any]:
    """The answer that has these records, to the question for their name and type. Its TTL counts from now."""
    return Answer.from_dnspython(rrset, server=server)
