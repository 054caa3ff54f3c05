"""aioresolver: DNS resolution for asyncio. A Question goes down, an Answer comes back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aioresolver.answer import Answer
from aioresolver.backends.base import Backend
from aioresolver.backends.routes import Fallback, Routes
from aioresolver.backends.stub import StubBackend
from aioresolver.backends.system import SystemBackend
from aioresolver.cache import Cache
from aioresolver.errors import (
    AddressBlocked,
    Attempt,
    ConfigurationError,
    DNSError,
    LookupTimeout,
    MessageFormatError,
    NameNotFound,
    NameSyntaxError,
    NoRecords,
    NullMX,
    RdataSyntaxError,
    ResolutionError,
    ServerFailure,
    TransportError,
    UsageError,
)
from aioresolver.flow.limiter import Limiter
from aioresolver.policy import AddressPolicy
from aioresolver.resolver import Resolver
from aioresolver.transports.nameserver import Nameserver
from aioresolver.wire.codes import Rcode, RRClass, RRType
from aioresolver.wire.message import Message, Question, Record
from aioresolver.wire.names import Name

if TYPE_CHECKING:
    from aioresolver.backends.cares import CaresBackend
    from aioresolver.backends.iterative.backend import IterativeBackend

__version__ = "0.1.0"

__all__ = [
    "AddressBlocked",
    "AddressPolicy",
    "Answer",
    "Attempt",
    "Backend",
    "Cache",
    "CaresBackend",
    "ConfigurationError",
    "DNSError",
    "Fallback",
    "IterativeBackend",
    "Limiter",
    "LookupTimeout",
    "Message",
    "MessageFormatError",
    "Name",
    "NameNotFound",
    "NameSyntaxError",
    "Nameserver",
    "NoRecords",
    "NullMX",
    "Question",
    "RRClass",
    "RRType",
    "Rcode",
    "RdataSyntaxError",
    "Record",
    "ResolutionError",
    "Resolver",
    "Routes",
    "ServerFailure",
    "StubBackend",
    "SystemBackend",
    "TransportError",
    "UsageError",
]


def __getattr__(name: str) -> Any:
    """CaresBackend is loaded when it is asked for, since it brings aiodns and pycares along; IterativeBackend too."""
    if name == "CaresBackend":
        from aioresolver.backends.cares import CaresBackend

        return CaresBackend
    if name == "IterativeBackend":
        from aioresolver.backends.iterative.backend import IterativeBackend

        return IterativeBackend
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
