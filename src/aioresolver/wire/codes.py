"""The numbers of the DNS, with their IANA names."""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum, IntFlag
from typing import Any, TypeVar

__all__ = ["EdnsOption", "ExtendedError", "Flag", "Opcode", "RRClass", "RRType", "Rcode"]

C = TypeVar("C", bound="Code")


class Code(IntEnum):
    """An open set of numbers: one that has no name yet is still a member, named by its number.

    There is one member for a number, and it stays: so many numbers at most as the field of the wire has room for.
    """

    # Enum hashes by name, in Python; these are keys on the hot path.
    __hash__ = int.__hash__

    def __str__(self) -> str:
        return self._name_

    __repr__ = __str__

    def __getattr__(self, name: str) -> Any:
        # Members without a name have nothing but their number, for they may be many.
        if name == "_name_":
            return f"{self._prefix()}{int(self)}"
        if name == "_value_":
            return int(self)
        raise AttributeError(f"{type(self).__name__} has no attribute {name!r}")

    @classmethod
    def _missing_(cls, value: object) -> Any:
        if not isinstance(value, int) or not 0 <= value <= cls._largest():
            return None
        return cls._unnamed(value)

    @classmethod
    def of(cls, number: int) -> Any:
        """The member for a number that came from the wire, which cannot be out of range; `cls(number)` costs more."""
        try:
            return cls._value2member_map_[number]
        except KeyError:
            return cls._unnamed(number)

    @classmethod
    def by_number(cls) -> Mapping[int, Any]:
        """The members that there are: those with a name, and those that were met so far."""
        return cls._value2member_map_

    @classmethod
    def _unnamed(cls, number: int) -> Any:
        number = int(number)
        return cls._value2member_map_.setdefault(number, int.__new__(cls, number))

    @classmethod
    def parse(cls: type[C], text: str) -> C:
        """The member of this name or number: `MX`, `mx`, `15` or `TYPE15`.

        Raises ValueError for anything else.
        """
        upper = text.strip().upper().replace("-", "_")
        member = cls.__members__.get(upper)
        if member is not None:
            return member
        digits = upper.removeprefix(cls._prefix())
        if digits.isascii() and digits.isdigit() and int(digits) <= cls._largest():
            return cls(int(digits))
        raise ValueError(f"{text!r} is not a {cls.__name__}: give a name such as {next(iter(cls)).name}, or a number")

    @classmethod
    def _prefix(cls) -> str:
        return cls.__name__.upper()

    @classmethod
    def _largest(cls) -> int:
        return 0xFFFF


class RRType(Code):
    """Types of records (RFC 1035 and its followers), the obsolete ones of IANA's list too."""

    A = 1
    NS = 2
    MD = 3
    MF = 4
    CNAME = 5
    SOA = 6
    MB = 7
    MG = 8
    MR = 9
    NULL = 10
    WKS = 11
    PTR = 12
    HINFO = 13
    MINFO = 14
    MX = 15
    TXT = 16
    RP = 17
    AFSDB = 18
    X25 = 19
    ISDN = 20
    RT = 21
    NSAP = 22
    NSAP_PTR = 23
    SIG = 24
    KEY = 25
    PX = 26
    GPOS = 27
    AAAA = 28
    LOC = 29
    NXT = 30
    EID = 31
    NIMLOC = 32
    SRV = 33
    ATMA = 34
    NAPTR = 35
    KX = 36
    CERT = 37
    A6 = 38
    DNAME = 39
    SINK = 40
    OPT = 41
    APL = 42
    DS = 43
    SSHFP = 44
    IPSECKEY = 45
    RRSIG = 46
    NSEC = 47
    DNSKEY = 48
    DHCID = 49
    NSEC3 = 50
    NSEC3PARAM = 51
    TLSA = 52
    SMIMEA = 53
    HIP = 55
    NINFO = 56
    RKEY = 57
    TALINK = 58
    CDS = 59
    CDNSKEY = 60
    OPENPGPKEY = 61
    CSYNC = 62
    ZONEMD = 63
    SVCB = 64
    HTTPS = 65
    DSYNC = 66
    HHIT = 67
    BRID = 68
    SPF = 99
    UINFO = 100
    UID = 101
    GID = 102
    UNSPEC = 103
    NID = 104
    L32 = 105
    L64 = 106
    LP = 107
    EUI48 = 108
    EUI64 = 109
    NXNAME = 128
    TKEY = 249
    TSIG = 250
    IXFR = 251
    AXFR = 252
    MAILB = 253
    MAILA = 254
    ANY = 255
    URI = 256
    CAA = 257
    AVC = 258
    DOA = 259
    AMTRELAY = 260
    RESINFO = 261
    WALLET = 262
    CLA = 263
    IPN = 264
    TA = 32768
    DLV = 32769

    @classmethod
    def _prefix(cls) -> str:
        return "TYPE"


# The only name that is no name in Python.
RRType.NSAP_PTR._name_ = "NSAP-PTR"


class RRClass(Code):
    """Classes of records (RFC 1035, 3.2.4)."""

    IN = 1
    CH = 3
    HS = 4
    NONE = 254
    ANY = 255

    @classmethod
    def _prefix(cls) -> str:
        return "CLASS"


class Opcode(Code):
    """What a message asks for (RFC 1035, 4.1.1)."""

    QUERY = 0
    IQUERY = 1
    STATUS = 2
    NOTIFY = 4
    UPDATE = 5

    @classmethod
    def _largest(cls) -> int:
        return 0xF


class Rcode(Code):
    """How a question went, the upper bits of EDNS included (RFC 6895, 2.3)."""

    NOERROR = 0
    FORMERR = 1
    SERVFAIL = 2
    NXDOMAIN = 3
    NOTIMP = 4
    REFUSED = 5
    YXDOMAIN = 6
    YXRRSET = 7
    NXRRSET = 8
    NOTAUTH = 9
    NOTZONE = 10
    BADVERS = 16
    BADCOOKIE = 23

    @classmethod
    def _largest(cls) -> int:
        return 0xFFF


class Flag(IntFlag):
    """The bits of the header's second word that are neither opcode nor rcode (RFC 1035, RFC 4035)."""

    QR = 0x8000
    AA = 0x0400
    TC = 0x0200
    RD = 0x0100
    RA = 0x0080
    AD = 0x0020
    CD = 0x0010


class ExtendedError(Code):
    """Why a server could not do better (RFC 8914, 4, and the registry it opened)."""

    OTHER = 0
    UNSUPPORTED_DNSKEY_ALGORITHM = 1
    UNSUPPORTED_DS_DIGEST_TYPE = 2
    STALE_ANSWER = 3
    FORGED_ANSWER = 4
    DNSSEC_INDETERMINATE = 5
    DNSSEC_BOGUS = 6
    SIGNATURE_EXPIRED = 7
    SIGNATURE_NOT_YET_VALID = 8
    DNSKEY_MISSING = 9
    RRSIGS_MISSING = 10
    NO_ZONE_KEY_BIT_SET = 11
    NSEC_MISSING = 12
    CACHED_ERROR = 13
    NOT_READY = 14
    BLOCKED = 15
    CENSORED = 16
    FILTERED = 17
    PROHIBITED = 18
    STALE_NXDOMAIN_ANSWER = 19
    NOT_AUTHORITATIVE = 20
    NOT_SUPPORTED = 21
    NO_REACHABLE_AUTHORITY = 22
    NETWORK_ERROR = 23
    INVALID_DATA = 24
    SIGNATURE_EXPIRED_BEFORE_VALID = 25
    TOO_EARLY = 26
    UNSUPPORTED_NSEC3_ITERATIONS_VALUE = 27
    UNABLE_TO_CONFORM_TO_POLICY = 28
    SYNTHESIZED = 29
    INVALID_QUERY_TYPE = 30
    RATE_LIMITED = 31
    OVER_QUOTA = 32


class EdnsOption(Code):
    """What an option of the OPT record is (RFC 6891, 6.1.2)."""

    LLQ = 1
    UPDATE_LEASE = 2
    NSID = 3
    DAU = 5
    DHU = 6
    N3U = 7
    CLIENT_SUBNET = 8
    EXPIRE = 9
    COOKIE = 10
    TCP_KEEPALIVE = 11
    PADDING = 12
    CHAIN = 13
    KEY_TAG = 14
    EXTENDED_ERROR = 15
    REPORT_CHANNEL = 18
    ZONE_VERSION = 19

    @classmethod
    def _prefix(cls) -> str:
        return "OPT"
