"""The closed set of words for how one question ended."""

from __future__ import annotations

from typing import Any

from aioresolver.answer import Answer
from aioresolver.errors import (
    AddressBlocked,
    Attempt,
    LookupTimeout,
    NameNotFound,
    NameSyntaxError,
    NoRecords,
    ResolutionError,
    TransportError,
)

__all__ = ["ANSWERED", "STATUSES", "status_of"]

STATUSES = (
    "ok",
    "no-data",
    "nxdomain",
    "servfail",
    "refused",
    "notimp",
    "formerr",
    "timeout",
    "network",
    "blocked",
    "wildcard",
    "bad-name",
    "bad-type",
    "error",
)
"""Every status, the good ones first; a row has exactly one of them.

ok: there are records. no-data, nxdomain: a server says that there are none (RFC 2308). servfail, refused, notimp,
formerr: what the servers said instead. timeout: nobody answered in time. network: nobody could be reached. blocked: the
address policy forbids an address. wildcard: the records are those of a wildcard, and such were to be dropped. bad-name,
bad-type: it could not be asked. error: anything else, told in the row's `error`.
"""

ANSWERED = frozenset({"ok", "no-data", "nxdomain", "wildcard"})
"""The statuses of questions that a server has answered, though it may be with nothing."""

_STATUS_OF_ERROR: list[tuple[type[Exception], str]] = [
    (NameSyntaxError, "bad-name"),
    (NameNotFound, "nxdomain"),
    (NoRecords, "no-data"),
    (LookupTimeout, "timeout"),
    (AddressBlocked, "blocked"),
    (TransportError, "network"),
]
_REFUSALS = {"SERVFAIL": "servfail", "REFUSED": "refused", "NOTIMP": "notimp", "FORMERR": "formerr"}
# How attempts are told that reached a server; every other word for one is about the way there.
_REACHED = ("malformed", "a referral", "truncated", "no reply")


def status_of(outcome: Answer[Any] | Exception) -> str:
    """The status for how a question ended."""
    if isinstance(outcome, Answer):
        if outcome:
            return "ok"
        return "nxdomain" if outcome.rcode else "no-data"
    for kind, status in _STATUS_OF_ERROR:
        if isinstance(outcome, kind):
            return status
    return _failure(outcome) if isinstance(outcome, ResolutionError) else "error"


def _failure(error: ResolutionError) -> str:
    """What most of the servers' refusals have in common; SERVFAIL, which may be ours to blame, before the others."""
    said = [_first_word(attempt) for attempt in error.attempts]
    for word, status in _REFUSALS.items():
        if word in said or word == error.rcode:
            return status
    reached = any(attempt.outcome.startswith(_REACHED) or _is_rcode(attempt) for attempt in error.attempts)
    return "network" if said and not reached else "error"


def _first_word(attempt: Attempt) -> str:
    return attempt.outcome.partition(" ")[0]


def _is_rcode(attempt: Attempt) -> bool:
    """Whether it is told by the name of an rcode, which is in capitals, as no word for the network is."""
    word = _first_word(attempt)
    return word.isupper() and len(word) > 3
