"""aiodns' older result types, which its deprecated `query` and `gethostbyname` give."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from aioresolver.adapters.aiodns.error import ARES_ENODATA, DNSError
from aioresolver.adapters.aiodns.results import DNSRecord, DNSResult
from aioresolver.wire.codes import RRType

__all__ = [
    "AresHostResult",
    "AresQueryAAAAResult",
    "AresQueryAResult",
    "AresQueryCAAResult",
    "AresQueryCNAMEResult",
    "AresQueryMXResult",
    "AresQueryNAPTRResult",
    "AresQueryNSResult",
    "AresQueryPTRResult",
    "AresQuerySOAResult",
    "AresQuerySRVResult",
    "AresQueryTXTResult",
    "convert_result",
]


@dataclass(frozen=True, slots=True)
class AresQueryAResult:
    """An A record."""

    host: str
    ttl: int


@dataclass(frozen=True, slots=True)
class AresQueryAAAAResult:
    """An AAAA record."""

    host: str
    ttl: int


@dataclass(frozen=True, slots=True)
class AresQueryCNAMEResult:
    """A CNAME record."""

    cname: str
    ttl: int


@dataclass(frozen=True, slots=True)
class AresQueryMXResult:
    """An MX record."""

    host: str
    priority: int
    ttl: int


@dataclass(frozen=True, slots=True)
class AresQueryNSResult:
    """An NS record."""

    host: str
    ttl: int


@dataclass(frozen=True, slots=True)
class AresQueryTXTResult:
    """A TXT record, its strings joined; text that is not ASCII is bytes."""

    text: str | bytes
    ttl: int


@dataclass(frozen=True, slots=True)
class AresQuerySOAResult:
    """An SOA record."""

    nsname: str
    hostmaster: str
    serial: int
    refresh: int
    retry: int
    expires: int
    minttl: int
    ttl: int


@dataclass(frozen=True, slots=True)
class AresQuerySRVResult:
    """An SRV record."""

    host: str
    port: int
    priority: int
    weight: int
    ttl: int


@dataclass(frozen=True, slots=True)
class AresQueryNAPTRResult:
    """A NAPTR record."""

    order: int
    preference: int
    flags: str | bytes
    service: str | bytes
    regex: str | bytes
    replacement: str
    ttl: int


@dataclass(frozen=True, slots=True)
class AresQueryCAAResult:
    """A CAA record."""

    critical: int
    property: str
    value: str | bytes
    ttl: int


@dataclass(frozen=True, slots=True)
class AresQueryPTRResult:
    """A PTR record."""

    name: str
    ttl: int
    aliases: list[str]


@dataclass(frozen=True, slots=True)
class AresHostResult:
    """What `gethostbyname` gives."""

    name: str
    aliases: list[str]
    addresses: list[str]


def convert_result(dns_result: DNSResult, qtype: int) -> Any:
    """The older form of a result: a list of the records of the type asked, or for CNAME, SOA and PTR the first one.

    ANY gives all records. Raises DNSError (ARES_ENODATA) when there is none of the type.
    """
    if qtype == RRType.ANY:
        return [_converted(record) for record in dns_result.answer]
    found = [_converted(record) for record in dns_result.answer if record.type == qtype]
    if not found:
        raise DNSError(ARES_ENODATA, "the reply has no records of this type")
    return found[0] if qtype in SINGLE else found


def _converted(record: DNSRecord) -> Any:
    """The older form of one record; one that never had such a form stays as it is."""
    convert = CONVERTERS.get(record.type)
    return record if convert is None else convert(record.data, record.ttl)


def _text(data: Any, ttl: int) -> AresQueryTXTResult:
    return AresQueryTXTResult(data.data.decode("ascii") if data.data.isascii() else data.data, ttl)


def _soa(data: Any, ttl: int) -> AresQuerySOAResult:
    times = data.serial, data.refresh, data.retry, data.expire, data.minimum
    return AresQuerySOAResult(data.mname, data.rname, *times, ttl)


def _naptr(data: Any, ttl: int) -> AresQueryNAPTRResult:
    texts = data.flags, data.service, data.regexp, data.replacement
    return AresQueryNAPTRResult(data.order, data.preference, *texts, ttl)


SINGLE = (RRType.CNAME, RRType.SOA, RRType.PTR)
CONVERTERS: dict[int, Callable[[Any, int], Any]] = {
    RRType.A: lambda data, ttl: AresQueryAResult(data.addr, ttl),
    RRType.AAAA: lambda data, ttl: AresQueryAAAAResult(data.addr, ttl),
    RRType.CAA: lambda data, ttl: AresQueryCAAResult(data.critical, data.tag, data.value, ttl),
    RRType.CNAME: lambda data, ttl: AresQueryCNAMEResult(data.cname, ttl),
    RRType.MX: lambda data, ttl: AresQueryMXResult(data.exchange, data.priority, ttl),
    RRType.NAPTR: _naptr,
    RRType.NS: lambda data, ttl: AresQueryNSResult(data.nsdname, ttl),
    RRType.PTR: lambda data, ttl: AresQueryPTRResult(data.dname, ttl, []),
    RRType.SOA: _soa,
    RRType.SRV: lambda data, ttl: AresQuerySRVResult(data.target, data.port, data.priority, data.weight, ttl),
    RRType.TXT: _text,
}
