"""The record types that everybody meets: addresses, names, mail, text (RFC 1035 and near it)."""

from __future__ import annotations

from typing import NamedTuple

from aioresolver.wire.codes import RRType
from aioresolver.wire.names import Name
from aioresolver.wire.rdata.fields import ADDRESS4, ADDRESS6, NAME, NAME_PLAIN, STRING, STRINGS, TTL, U16, U32
from aioresolver.wire.rdata.registry import rdata

__all__ = ["AAAA", "AFSDB", "CNAME", "DNAME", "HINFO", "MX", "NS", "PTR", "RP", "SOA", "SPF", "TXT", "A"]


@rdata(RRType.A, ADDRESS4)
class A(NamedTuple):
    """An IPv4 address of the name, as text (RFC 1035, 3.4.1)."""

    address: str


@rdata(RRType.AAAA, ADDRESS6)
class AAAA(NamedTuple):
    """An IPv6 address of the name, as text in the form of RFC 5952 (RFC 3596)."""

    address: str


@rdata(RRType.NS, NAME)
class NS(NamedTuple):
    """A nameserver that is authoritative for the zone of this name (RFC 1035, 3.3.11)."""

    target: Name


@rdata(RRType.CNAME, NAME)
class CNAME(NamedTuple):
    """The name that this name is an alias of (RFC 1035, 3.3.1)."""

    target: Name


@rdata(RRType.DNAME, NAME_PLAIN)
class DNAME(NamedTuple):
    """The name whose tree stands in for everything below this name (RFC 6672)."""

    target: Name


@rdata(RRType.PTR, NAME)
class PTR(NamedTuple):
    """The name that an address, or a service, points to (RFC 1035, 3.3.12)."""

    target: Name


@rdata(RRType.MX, U16, NAME)
class MX(NamedTuple):
    """Where mail for the name goes; lower preference first (RFC 1035, 3.3.9)."""

    preference: int
    exchange: Name


@rdata(RRType.TXT, STRINGS)
class TXT(NamedTuple):
    """Text about the name, in strings of up to 255 bytes (RFC 1035, 3.3.14)."""

    strings: tuple[bytes, ...]

    @property
    def text(self) -> str:
        r"""All strings joined without anything between them; bytes that are not UTF-8 are shown as `\xNN`."""
        return b"".join(self.strings).decode("utf-8", "backslashreplace")


@rdata(RRType.SPF, STRINGS)
class SPF(TXT):
    """The obsolete type for the text of the sender policy framework (RFC 7208, 3.1)."""

    __slots__ = ()


@rdata(RRType.SOA, NAME, NAME, U32, TTL, TTL, TTL, TTL)
class SOA(NamedTuple):
    """The start of a zone: its primary server, the mailbox of its keeper, its version and times (RFC 1035, 3.3.13).

    All times are in seconds; `minimum` bounds how long "there is no such record" may be believed (RFC 2308, 4).
    """

    mname: Name
    rname: Name
    serial: int
    refresh: int
    retry: int
    expire: int
    minimum: int


@rdata(RRType.HINFO, STRING, STRING)
class HINFO(NamedTuple):
    """What kind of machine the name is; also the short answer to ANY (RFC 1035, 3.3.2, and RFC 8482)."""

    cpu: bytes
    os: bytes


@rdata(RRType.RP, NAME_PLAIN, NAME_PLAIN)
class RP(NamedTuple):
    """Who is responsible for the name: a mailbox, and a name with TXT records about the person (RFC 1183, 2.2)."""

    mbox: Name
    txt: Name


@rdata(RRType.AFSDB, U16, NAME_PLAIN)
class AFSDB(NamedTuple):
    """A server of the AFS cell of this name (RFC 1183, 1)."""

    subtype: int
    hostname: Name
