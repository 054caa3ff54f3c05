"""aiodns' error and its codes, which are those of c-ares; and which of them an error of ours is."""

from __future__ import annotations

import socket

from aioresolver.errors import (
    AddressBlocked,
    LookupTimeout,
    MessageFormatError,
    NameNotFound,
    NameSyntaxError,
    NoRecords,
    ResolutionError,
    ServerFailure,
)

__all__ = [
    "ARES_EADDRGETNETWORKPARAMS",
    "ARES_EBADFAMILY",
    "ARES_EBADFLAGS",
    "ARES_EBADHINTS",
    "ARES_EBADNAME",
    "ARES_EBADQUERY",
    "ARES_EBADRESP",
    "ARES_EBADSTR",
    "ARES_ECANCELLED",
    "ARES_ECONNREFUSED",
    "ARES_EDESTRUCTION",
    "ARES_EFILE",
    "ARES_EFORMERR",
    "ARES_ELOADIPHLPAPI",
    "ARES_ENODATA",
    "ARES_ENOMEM",
    "ARES_ENONAME",
    "ARES_ENOTFOUND",
    "ARES_ENOTIMP",
    "ARES_ENOTINITIALIZED",
    "ARES_EOF",
    "ARES_EREFUSED",
    "ARES_ESERVFAIL",
    "ARES_ESERVICE",
    "ARES_ETIMEOUT",
    "ARES_SUCCESS",
    "DNSError",
    "translated",
]

ARES_SUCCESS = 0
ARES_ENODATA = 1
ARES_EFORMERR = 2
ARES_ESERVFAIL = 3
ARES_ENOTFOUND = 4
ARES_ENOTIMP = 5
ARES_EREFUSED = 6
ARES_EBADQUERY = 7
ARES_EBADNAME = 8
ARES_EBADFAMILY = 9
ARES_EBADRESP = 10
ARES_ECONNREFUSED = 11
ARES_ETIMEOUT = 12
ARES_EOF = 13
ARES_EFILE = 14
ARES_ENOMEM = 15
ARES_EDESTRUCTION = 16
ARES_EBADSTR = 17
ARES_EBADFLAGS = 18
ARES_ENONAME = 19
ARES_EBADHINTS = 20
ARES_ENOTINITIALIZED = 21
ARES_ELOADIPHLPAPI = 22
ARES_EADDRGETNETWORKPARAMS = 23
ARES_ECANCELLED = 24
ARES_ESERVICE = 25

# What an attempt came to, by its first word; what is not here broke on the way.
OUTCOMES = {
    "FORMERR": ARES_EFORMERR,
    "SERVFAIL": ARES_ESERVFAIL,
    "NOTIMP": ARES_ENOTIMP,
    "REFUSED": ARES_EREFUSED,
    "malformed": ARES_EBADRESP,
    "no": ARES_ETIMEOUT,  # no reply
    "a": ARES_ESERVFAIL,  # a referral
    "truncated": ARES_EBADRESP,
}
GETADDRINFO_CODES: dict[int, int] = {
    socket.EAI_SERVICE: ARES_ESERVICE,
    socket.EAI_SOCKTYPE: ARES_ESERVICE,
    socket.EAI_BADFLAGS: ARES_EBADFLAGS,
    socket.EAI_FAMILY: ARES_ENOTIMP,  # as c-ares has it
    getattr(socket, "EAI_ADDRFAMILY", socket.EAI_FAMILY): ARES_ENODATA,
}


class DNSError(Exception):
    """A lookup that failed: `args` are one of the ARES_ codes and a text; `__cause__` is our own error, if any."""


def translated(error: Exception) -> DNSError | Exception:
    """The DNSError for an error of a lookup; any other error is left as it is."""
    code = _code(error)
    if code is None:
        return error
    text = error.strerror if isinstance(error, ResolutionError) else str(error)
    made = DNSError(code, text or type(error).__name__)
    made.__cause__ = error
    return made


def _code(error: Exception) -> int | None:
    if isinstance(error, NameSyntaxError):
        return ARES_EBADNAME
    if isinstance(error, MessageFormatError):
        return ARES_EBADRESP
    if isinstance(error, NoRecords):
        return ARES_ENODATA
    if isinstance(error, NameNotFound):
        return ARES_ENOTFOUND
    if isinstance(error, AddressBlocked):
        return ARES_EREFUSED
    if isinstance(error, (ServerFailure, LookupTimeout)):
        return _code_of_failure(error)
    if isinstance(error, ResolutionError):
        return GETADDRINFO_CODES.get(error.errno or 0, ARES_ESERVFAIL)
    return None


def _code_of_failure(error: ServerFailure | LookupTimeout) -> int:
    """What the last try came to."""
    if not error.attempts:
        return ARES_ETIMEOUT if isinstance(error, LookupTimeout) else ARES_ESERVFAIL
    word, _, _ = error.attempts[-1].outcome.partition(" ")
    if word.isupper():  # an rcode
        return OUTCOMES.get(word, ARES_ESERVFAIL)
    return OUTCOMES.get(word.rstrip(":"), ARES_ECONNREFUSED)
