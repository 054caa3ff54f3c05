"""The record types about certificates and keys of other protocols: CAA, TLSA, SMIMEA, SSHFP, OPENPGPKEY, CERT."""

from __future__ import annotations

from typing import NamedTuple

from aioresolver.errors import MessageFormatError, RdataSyntaxError
from aioresolver.wire.codes import RRType
from aioresolver.wire.compression import NameMemo
from aioresolver.wire.rdata.dnssec import ALGORITHM
from aioresolver.wire.rdata.fields import BASE64, HEX, QUOTED, STRING, U8, U16, Field, Mnemonic
from aioresolver.wire.rdata.registry import rdata
from aioresolver.wire.rdata.tokens import Tokens

__all__ = ["CAA", "CERT", "OPENPGPKEY", "SMIMEA", "SSHFP", "TLSA"]


class _Tag(Field[str]):
    """Up to 255 ASCII letters and digits with their length before them (RFC 8659, 4.1)."""

    expected = "a property such as issue, in letters and digits"

    def read(self, wire: bytes, offset: int, end: int, memo: NameMemo | None) -> tuple[str, int]:
        value, after = STRING.read(wire, offset, end, memo)
        if not value.isalnum():
            raise MessageFormatError(f"the tag at {offset} is not made of letters and digits")
        return value.decode("ascii"), after

    def write(self, buffer: bytearray, value: str, offsets: dict[str, int] | None) -> None:
        STRING.write(buffer, self._checked(value).encode("ascii"), offsets)

    def to_text(self, value: str) -> str:
        return value

    def parse(self, tokens: Tokens) -> str:
        return self._checked(tokens.string(self.expected).decode("utf-8", "replace"))

    def _checked(self, text: str) -> str:
        if not (text.isascii() and text.isalnum() and len(text) <= 255):
            raise RdataSyntaxError(f"expected {self.expected}, found {text}")
        return text


_TAG = _Tag()
_CERTIFICATE_TYPE = Mnemonic(
    2,
    {
        "PKIX": 1,
        "SPKI": 2,
        "PGP": 3,
        "IPKIX": 4,
        "ISPKI": 5,
        "IPGP": 6,
        "ACPKIX": 7,
        "IACPKIX": 8,
        "URI": 253,
        "OID": 254,
    },
    shown=True,
)


@rdata(RRType.CAA, U8, _TAG, QUOTED)
class CAA(NamedTuple):
    """Which authorities may issue certificates for the name; flag 128: the tag must be understood (RFC 8659)."""

    flags: int
    tag: str
    value: bytes

    @property
    def text(self) -> str:
        r"""The value as text; bytes that are not UTF-8 are shown as `\xNN`."""
        return self.value.decode("utf-8", "backslashreplace")


@rdata(RRType.TLSA, U8, U8, U8, HEX)
class TLSA(NamedTuple):
    """The certificate, or key, or a digest of it, that a TLS server of this name presents (RFC 6698)."""

    usage: int
    selector: int
    matching_type: int
    data: bytes


@rdata(RRType.SMIMEA, U8, U8, U8, HEX)
class SMIMEA(TLSA):
    """The certificate of a mail user, in the form of TLSA (RFC 8162)."""

    __slots__ = ()


@rdata(RRType.SSHFP, U8, U8, HEX)
class SSHFP(NamedTuple):
    """The fingerprint of an SSH server's key (RFC 4255)."""

    algorithm: int
    fingerprint_type: int
    fingerprint: bytes


@rdata(RRType.OPENPGPKEY, BASE64)
class OPENPGPKEY(NamedTuple):
    """The OpenPGP key of a mail user (RFC 7929)."""

    key: bytes


@rdata(RRType.CERT, _CERTIFICATE_TYPE, U16, ALGORITHM, BASE64)
class CERT(NamedTuple):
    """A certificate or a list of revoked ones (RFC 4398)."""

    certificate_type: int
    key_tag: int
    algorithm: int
    certificate: bytes
