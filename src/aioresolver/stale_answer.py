"""StaleAnswer: an answer that is handed out past its time, for want of a fresh one (RFC 8767)."""

from __future__ import annotations

from typing import Any, TypeVar

from aioresolver.answer import Answer
from aioresolver.wire.codes import ExtendedError

__all__ = ["StaleAnswer", "is_signed_still"]

D_co = TypeVar("D_co", covariant=True)


class StaleAnswer(Answer[D_co]):
    """An answer that was past its time when it was handed out."""

    __slots__ = ()

    @classmethod
    def of_fresh(cls, answer: Answer[D_co], expires: float) -> StaleAnswer[D_co]:
        """The same as a stale answer, which now says that it `expires` then (loop time)."""
        stale: StaleAnswer[D_co] = cls.__new__(cls)
        for slot in Answer.__slots__:
            setattr(stale, slot, getattr(answer, slot))
        stale.expires = expires
        return stale

    @property
    def stale(self) -> bool:
        """True."""
        return True

    @property
    def authenticated(self) -> bool:
        """False: signatures were checked for a time that is over."""
        return False

    @property
    def extended_errors(self) -> tuple[tuple[ExtendedError, str], ...]:
        """What the nameserver said, and that the answer is stale (RFC 8914, 4.4)."""
        return (*super().extended_errors, (ExtendedError.STALE_ANSWER, ""))


def is_signed_still(answer: Answer[Any], now: float) -> bool:
    """Whether no signature over the records is past its time; `now` is in seconds since 1970.

    The time of a signature goes round every 136 years (RFC 4034, 3.1.5).
    """
    return all((record.data.expiration - int(now)) & 0xFFFFFFFF < 0x80000000 for record in answer.signatures)
