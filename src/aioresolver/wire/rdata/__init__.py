"""Typed record data: one class for each type, declared by its fields; the codecs are derived from that."""

from aioresolver.wire.rdata.basic import AAAA, AFSDB, CNAME, DNAME, HINFO, MX, NS, PTR, RP, SOA, SPF, TXT, A
from aioresolver.wire.rdata.certificates import CAA, CERT, OPENPGPKEY, SMIMEA, SSHFP, TLSA
from aioresolver.wire.rdata.dnssec import CDNSKEY, CDS, DNSKEY, DS, NSEC, NSEC3, NSEC3PARAM, RRSIG
from aioresolver.wire.rdata.registry import (
    GenericRdata,
    Shape,
    parse_rdata,
    rdata,
    read_rdata,
    shapes,
    type_of,
    write_rdata,
)
from aioresolver.wire.rdata.service_params import ServiceParam
from aioresolver.wire.rdata.service_values import ServiceKey
from aioresolver.wire.rdata.services import HTTPS, NAPTR, SRV, SVCB, URI
from aioresolver.wire.rdata.type_bitmap import TypeBitmap
from aioresolver.wire.rdata.unusual import EUI48, EUI64, LOC

__all__ = [
    "AAAA",
    "AFSDB",
    "CAA",
    "CDNSKEY",
    "CDS",
    "CERT",
    "CNAME",
    "DNAME",
    "DNSKEY",
    "DS",
    "EUI48",
    "EUI64",
    "HINFO",
    "HTTPS",
    "LOC",
    "MX",
    "NAPTR",
    "NS",
    "NSEC",
    "NSEC3",
    "NSEC3PARAM",
    "OPENPGPKEY",
    "PTR",
    "RP",
    "RRSIG",
    "SMIMEA",
    "SOA",
    "SPF",
    "SRV",
    "SSHFP",
    "SVCB",
    "TLSA",
    "TXT",
    "URI",
    "A",
    "GenericRdata",
    "ServiceKey",
    "ServiceParam",
    "Shape",
    "TypeBitmap",
    "parse_rdata",
    "rdata",
    "read_rdata",
    "shapes",
    "type_of",
    "write_rdata",
]
