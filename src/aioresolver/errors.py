"""Every error of the library, one tree. Errors hold plain data only, so they pickle."""

from __future__ import annotations

import errno
import socket
from typing import ClassVar, NamedTuple

__all__ = [
    "AddressBlocked",
    "Attempt",
    "ConfigurationError",
    "DNSError",
    "LookupTimeout",
    "MessageFormatError",
    "NameNotFound",
    "NameSyntaxError",
    "NoRecords",
    "NullMX",
    "RdataSyntaxError",
    "ResolutionError",
    "ServerFailure",
    "TransportError",
    "UsageError",
]


class DNSError(Exception):
    """Anything that aioresolver raises on purpose."""


class NameSyntaxError(DNSError, ValueError):
    """The text cannot be a domain name."""


class RdataSyntaxError(DNSError, ValueError):
    """The text is not record data of its type."""


class MessageFormatError(DNSError, ValueError):
    """The bytes are not a DNS message."""


class ConfigurationError(DNSError, ValueError):
    """A setting that cannot be used: a nameserver URL, a zone, a backend's name, a type that a backend cannot ask."""


class UsageError(DNSError, RuntimeError):
    """An object used where it cannot be: after `aclose()`, or from another event loop."""


class TransportError(DNSError, OSError):
    """Bytes could not be carried to a nameserver or back.

    `local` is true when this machine is the reason (no file descriptor, no route, no permission), so that the
    nameserver is not to blame.
    """

    def __init__(self, reason: str, *, code: int = errno.EIO, local: bool = False) -> None:
        super().__init__(code, reason)
        self.local = local

    def __reduce__(self) -> tuple[object, ...]:
        return _restore, (type(self), (self.strerror,), {"code": self.errno, "local": self.local})


class Attempt(NamedTuple):
    """One try at one nameserver.

    `transport` is udp, tcp, tls …; `outcome` says in words what came back (`NOERROR`, `SERVFAIL`,
    `no reply`, …); `elapsed` is in seconds. `extended_errors` are the reasons that the nameserver gave, code and text of
    each (RFC 8914); `outcome` tells them too.
    """

    server: str
    transport: str
    outcome: str
    elapsed: float
    extended_errors: tuple[tuple[int, str], ...] = ()

    def __str__(self) -> str:
        return f"{self.server} ({self.transport}): {self.outcome} after {self.elapsed:.3f} s"


class ResolutionError(DNSError, socket.gaierror):
    """A lookup that gave no records. `errno` is an `EAI_*` code, as from `socket.getaddrinfo`.

    `extended_errors` are the reasons that servers gave, code and text of each (RFC 8914): what came with the answer that
    there are no records, or with each attempt.
    """

    eai: ClassVar[int] = socket.EAI_FAIL

    def __init__(
        self,
        name: str,
        type: str,
        reason: str,
        *,
        rcode: str | None = None,
        attempts: tuple[Attempt, ...] = (),
        code: int | None = None,
        extended_errors: tuple[tuple[int, str], ...] = (),
    ) -> None:
        super().__init__(self.eai if code is None else code, f"{name} {type}: {reason}")
        self.name = name
        self.type = type
        self.reason = reason
        self.rcode = rcode
        self.attempts = attempts
        said = (*extended_errors, *(each for attempt in attempts for each in attempt.extended_errors))
        self.extended_errors: tuple[tuple[int, str], ...] = tuple(dict.fromkeys(said))

    def __str__(self) -> str:
        return "\n  ".join([self.strerror or "", *map(str, self.attempts)])

    def __reduce__(self) -> tuple[object, ...]:
        keywords = {
            "rcode": self.rcode,
            "attempts": self.attempts,
            "code": self.errno,
            "extended_errors": self.extended_errors,
        }
        return _restore, (type(self), (self.name, self.type, self.reason), keywords)


class NameNotFound(ResolutionError):
    """The name does not exist (NXDOMAIN)."""

    eai: ClassVar[int] = socket.EAI_NONAME


class NoRecords(ResolutionError):
    """The name exists, but has no record of this type."""

    eai: ClassVar[int] = getattr(socket, "EAI_NODATA", socket.EAI_NONAME)


class NullMX(NoRecords):
    """The domain says that it takes no mail (RFC 7505); a mail server answers so with 556 and 5.1.10."""


class ServerFailure(ResolutionError):
    """No nameserver gave a usable answer."""

    eai: ClassVar[int] = socket.EAI_AGAIN


class LookupTimeout(ResolutionError, TimeoutError):
    """The deadline passed before an answer came."""

    eai: ClassVar[int] = socket.EAI_AGAIN


class AddressBlocked(ResolutionError):
    """The address policy forbids an address of the answer."""

    eai: ClassVar[int] = socket.EAI_FAIL


def _restore(cls: type[DNSError], arguments: tuple[object, ...], keywords: dict[str, object]) -> DNSError:
    return cls(*arguments, **keywords)
