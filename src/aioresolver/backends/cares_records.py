"""pycares' records as ours. What pycares leaves out or mends (unknown types, TXT strings) cannot be had back here."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from socket import AF_INET, AF_INET6, inet_pton
from typing import Any

import pycares

from aioresolver.wire.codes import RRClass, RRType
from aioresolver.wire.message import Question, Record
from aioresolver.wire.names import Name
from aioresolver.wire.rdata import (
    AAAA,
    CNAME,
    MX,
    NAPTR,
    NS,
    PTR,
    SOA,
    SRV,
    TLSA,
    TXT,
    URI,
    A,
    read_rdata,
)

__all__ = ["read_addresses", "read_records"]

FAMILIES = {RRType.A: AF_INET, RRType.AAAA: AF_INET6}


def read_records(section: Iterable[pycares.DNSRecord]) -> list[Record]:
    """The records of one section of a pycares result.

    Raises ValueError for data that cannot be of its type.
    """
    records = []
    for entry in section:
        read = READERS.get(entry.type)
        if read is not None:
            # RFC 2181, 8: the top bit means zero.
            ttl = entry.ttl if entry.ttl < 0x80000000 else 0
            name, type_, class_ = _name(entry.name), RRType(entry.type), RRClass(entry.record_class)
            records.append(Record(name, type_, class_, ttl, read(entry.data)))
    return records


def read_addresses(section: Sequence[pycares.DNSRecord], question: Question) -> list[tuple[bytes, int]] | None:
    """The packed addresses and their TTLs, when these are all there is, and the question's own; else None."""
    family = FAMILIES.get(question.type)
    if family is None or not section:
        return None
    found = []
    for entry in section:
        if entry.type != question.type or entry.record_class != 1 or f"{entry.name.lower()}." != question.name:
            return None
        data: Any = entry.data
        found.append((inet_pton(family, data.addr), entry.ttl if entry.ttl < 0x80000000 else 0))
    return found


def _name(text: str) -> Name:
    """A name as c-ares writes it: escaped, and without the last dot."""
    return Name.parse(text or ".")


def _octets(text: str | bytes) -> bytes:
    """pycares gives text where all is ASCII, else bytes."""
    return text if isinstance(text, bytes) else text.encode()


def _txt(data: pycares.TXTRecordData) -> TXT:
    """The strings come joined: cut again where a server would have had to."""
    text = data.data
    return TXT(tuple(text[start : start + 255] for start in range(0, len(text), 255)) or (b"",))


def _soa(data: pycares.SOARecordData) -> SOA:
    times = data.serial, data.refresh, data.retry, data.expire, data.minimum
    return SOA(_name(data.mname), _name(data.rname), *times)


def _naptr(data: pycares.NAPTRRecordData) -> NAPTR:
    texts = _octets(data.flags), _octets(data.service), _octets(data.regexp)
    return NAPTR(data.order, data.preference, *texts, _name(data.replacement))


def _caa(data: pycares.CAARecordData) -> Any:
    tag = _octets(data.tag)
    wire = bytes((data.critical, len(tag))) + tag + _octets(data.value)
    return read_rdata(RRType.CAA, wire, 0, len(wire))


def _https(data: pycares.HTTPSRecordData) -> Any:
    """The parameters come as keys and bytes, as on the wire: read as there."""
    wire = data.priority.to_bytes(2, "big") + _name(data.target).to_wire()
    for key, value in data.params:
        wire += key.to_bytes(2, "big") + len(value).to_bytes(2, "big") + value
    return read_rdata(RRType.HTTPS, wire, 0, len(wire))


READERS: dict[int, Callable[[Any], Any]] = {
    RRType.A: lambda data: A(data.addr),
    RRType.AAAA: lambda data: AAAA(data.addr),
    RRType.CAA: _caa,
    RRType.CNAME: lambda data: CNAME(_name(data.cname)),
    RRType.HTTPS: _https,
    RRType.MX: lambda data: MX(data.priority, _name(data.exchange)),
    RRType.NAPTR: _naptr,
    RRType.NS: lambda data: NS(_name(data.nsdname)),
    RRType.PTR: lambda data: PTR(_name(data.dname)),
    RRType.SOA: _soa,
    RRType.SRV: lambda data: SRV(data.priority, data.weight, data.port, _name(data.target)),
    RRType.TLSA: lambda data: TLSA(data.cert_usage, data.selector, data.matching_type, data.cert_association_data),
    RRType.TXT: _txt,
    RRType.URI: lambda data: URI(data.priority, data.weight, _octets(data.target)),
}
