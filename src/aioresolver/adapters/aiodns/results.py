"""The result types that aiodns hands on from pycares, with the same attributes; and how an Answer becomes one."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from aioresolver.answer import Answer
from aioresolver.wire.codes import RRType
from aioresolver.wire.message import Record
from aioresolver.wire.names import Name
from aioresolver.wire.rdata import write_rdata

__all__ = [
    "AAAARecordData",
    "ARecordData",
    "AddrInfoCname",
    "AddrInfoNode",
    "AddrInfoResult",
    "CAARecordData",
    "CNAMERecordData",
    "DNSRecord",
    "DNSResult",
    "HTTPSRecordData",
    "HostResult",
    "MXRecordData",
    "NAPTRRecordData",
    "NSRecordData",
    "NameInfoResult",
    "PTRRecordData",
    "RecordData",
    "SOARecordData",
    "SRVRecordData",
    "TLSARecordData",
    "TXTRecordData",
    "URIRecordData",
    "cares_name",
    "cname_records",
    "read_answer",
]


@dataclass(slots=True)
class ARecordData:
    """Data of an A record."""

    addr: str


@dataclass(slots=True)
class AAAARecordData:
    """Data of an AAAA record."""

    addr: str


@dataclass(slots=True)
class MXRecordData:
    """Data of an MX record."""

    priority: int
    exchange: str


@dataclass(slots=True)
class TXTRecordData:
    """Data of a TXT record, its strings joined."""

    data: bytes


@dataclass(slots=True)
class CAARecordData:
    """Data of a CAA record; a value that is not ASCII is bytes."""

    critical: int
    tag: str
    value: str | bytes


@dataclass(slots=True)
class CNAMERecordData:
    """Data of a CNAME record."""

    cname: str


@dataclass(slots=True)
class NAPTRRecordData:
    """Data of a NAPTR record; texts that are not ASCII are bytes."""

    order: int
    preference: int
    flags: str | bytes
    service: str | bytes
    regexp: str | bytes
    replacement: str


@dataclass(slots=True)
class NSRecordData:
    """Data of an NS record."""

    nsdname: str


@dataclass(slots=True)
class PTRRecordData:
    """Data of a PTR record."""

    dname: str


@dataclass(slots=True)
class SOARecordData:
    """Data of an SOA record."""

    mname: str
    rname: str
    serial: int
    refresh: int
    retry: int
    expire: int
    minimum: int


@dataclass(slots=True)
class SRVRecordData:
    """Data of an SRV record."""

    priority: int
    weight: int
    port: int
    target: str


@dataclass(slots=True)
class TLSARecordData:
    """Data of a TLSA record (RFC 6698)."""

    cert_usage: int
    selector: int
    matching_type: int
    cert_association_data: bytes


@dataclass(slots=True)
class HTTPSRecordData:
    """Data of an HTTPS record (RFC 9460): `params` are pairs of key and value, as on the wire."""

    priority: int
    target: str
    params: list[tuple[int, bytes]]


@dataclass(slots=True)
class URIRecordData:
    """Data of a URI record (RFC 7553)."""

    priority: int
    weight: int
    target: str | bytes


RecordData = (
    ARecordData
    | AAAARecordData
    | MXRecordData
    | TXTRecordData
    | CAARecordData
    | CNAMERecordData
    | NAPTRRecordData
    | NSRecordData
    | PTRRecordData
    | SOARecordData
    | SRVRecordData
    | TLSARecordData
    | HTTPSRecordData
    | URIRecordData
)


@dataclass(slots=True)
class DNSRecord:
    """One record: `type` and `record_class` are IANA's numbers, `ttl` is the seconds that are left."""

    name: str
    type: int
    record_class: int
    ttl: int
    data: RecordData


@dataclass(slots=True)
class DNSResult:
    """A reply: the records of its three sections, without those of types that aiodns does not know."""

    answer: list[DNSRecord]
    authority: list[DNSRecord]
    additional: list[DNSRecord]


@dataclass(slots=True)
class HostResult:
    """What `gethostbyaddr` gives."""

    name: str
    aliases: list[str]
    addresses: list[str]


@dataclass(slots=True)
class NameInfoResult:
    """What `getnameinfo` gives."""

    node: str
    service: str | None


@dataclass(slots=True)
class AddrInfoNode:
    """One address that `getaddrinfo` gives: `addr` is a socket address whose host is bytes."""

    ttl: int
    flags: int
    family: socket.AddressFamily
    socktype: int
    protocol: int
    addr: tuple[bytes, int] | tuple[bytes, int, int, int]


@dataclass(slots=True)
class AddrInfoCname:
    """One alias on the way of `getaddrinfo`."""

    ttl: int
    alias: str
    name: str


@dataclass(slots=True)
class AddrInfoResult:
    """What `getaddrinfo` gives."""

    cnames: list[AddrInfoCname]
    nodes: list[AddrInfoNode]


def read_answer(answer: Answer[Any]) -> DNSResult:
    """The result for an answer, TTLs counted down. Raises MessageFormatError for data that is malformed."""
    message = answer.message
    age = _age(answer)
    return DNSResult(
        _read_records(message.answer, age),
        _read_records(message.authority, age),
        _read_records(message.additional, age),
    )


def cname_records(result: DNSResult) -> list[AddrInfoCname]:
    """The aliases of a result, in their order."""
    return [
        AddrInfoCname(record.ttl, record.name, record.data.cname)
        for record in result.answer
        if isinstance(record.data, CNAMERecordData)
    ]


def cares_name(name: str) -> str:
    """A name as c-ares writes it: without the last dot."""
    return name.removesuffix(".")


def _age(answer: Answer[Any]) -> int:
    """For how many seconds the answer has been kept."""
    lives = [record.ttl for record in answer.message.answer]
    if not answer:
        lives += [min(record.ttl, record.data.minimum) for record in answer.authority if record.type == RRType.SOA]
    return max(0, min(lives) - answer.ttl) if lives and answer.ttl else 0


def _read_records(records: Iterable[Record], age: int) -> list[DNSRecord]:
    found = []
    for record in records:
        read = READERS.get(record.type)
        if read is not None:
            ttl = max(0, record.ttl - age)
            found.append(
                DNSRecord(cares_name(record.name), int(record.type), int(record.class_), ttl, read(record.data))
            )
    return found


def _text(data: bytes) -> str | bytes:
    """Text where all is ASCII, else the bytes."""
    return data.decode("ascii") if data.isascii() else data


def _soa(data: Any) -> SOARecordData:
    times = data.serial, data.refresh, data.retry, data.expire, data.minimum
    return SOARecordData(cares_name(data.mname), cares_name(data.rname), *times)


def _naptr(data: Any) -> NAPTRRecordData:
    texts = _text(data.flags), _text(data.services), _text(data.regexp)
    return NAPTRRecordData(data.order, data.preference, *texts, cares_name(data.replacement))


def _https(data: Any) -> HTTPSRecordData:
    """The parameters from the wire form: behind the priority and the target, each a key, a length and a value."""
    wire = bytearray()
    write_rdata(wire, data, None)
    offset, params = 2 + len(Name(data.target).to_wire()), []
    while offset < len(wire):
        key, length = (int.from_bytes(wire[at : at + 2], "big") for at in (offset, offset + 2))
        params.append((key, bytes(wire[offset + 4 : offset + 4 + length])))
        offset += 4 + length
    return HTTPSRecordData(data.priority, cares_name(data.target), params)


READERS: dict[int, Callable[[Any], RecordData]] = {
    RRType.A: lambda data: ARecordData(data.address),
    RRType.AAAA: lambda data: AAAARecordData(data.address),
    RRType.CAA: lambda data: CAARecordData(data.flags, data.tag, _text(data.value)),
    RRType.CNAME: lambda data: CNAMERecordData(cares_name(data.target)),
    RRType.HTTPS: _https,
    RRType.MX: lambda data: MXRecordData(data.preference, cares_name(data.exchange)),
    RRType.NAPTR: _naptr,
    RRType.NS: lambda data: NSRecordData(cares_name(data.target)),
    RRType.PTR: lambda data: PTRRecordData(cares_name(data.target)),
    RRType.SOA: _soa,
    RRType.SRV: lambda data: SRVRecordData(data.priority, data.weight, data.port, cares_name(data.target)),
    RRType.TLSA: lambda data: TLSARecordData(data.usage, data.selector, data.matching_type, data.data),
    RRType.TXT: lambda data: TXTRecordData(b"".join(data.strings)),
    RRType.URI: lambda data: URIRecordData(data.priority, data.weight, _text(data.target)),
}
