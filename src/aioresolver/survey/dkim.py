"""DKIM: the keys that sign a domain's mail (RFC 6376). Pure."""

from __future__ import annotations

import binascii
from base64 import b64decode
from typing import NamedTuple

from aioresolver.survey.tags import TagList, cited

__all__ = ["KNOWN_SELECTORS", "DkimKey", "is_dkim", "parse_dkim", "rsa_bits"]

KNOWN_SELECTORS = (
    "default", "dkim", "mail", "email", "smtp", "key1", "key2", "google", "selector1", "selector2", "s1", "s2",
    "k1", "k2", "k3", "mandrill", "mxvault", "fm1", "fm2", "fm3", "protonmail", "protonmail2", "protonmail3",
    "zoho", "zmail", "sig1", "pic", "mailo", "pm", "hs1", "hs2", "ctct1", "ctct2", "zendesk1", "zendesk2", "sm",
)  # fmt: skip
"""Selectors that mail services and guides have made common; the DNS has no way to list those of a domain."""

RULE = "RFC 6376, 3.6.1"
ED25519_BYTES = 32
INTEGER, SEQUENCE = 0x02, 0x30


class DkimKey(NamedTuple):
    """A public key under a selector.

    - `key`: the key's bytes, none when it was revoked; `bits`: how long an RSA key is, when that can be told.
    - `hashes`: those that may be used; empty is any. `services`: whose key it is; `*` is everything.
    - `testing`: mail is to be treated as if it were not signed (t=y).
    - `strict`: it does not sign for names below the domain (t=s).
    """

    text: str
    key_type: str
    key: bytes
    bits: int | None
    hashes: tuple[str, ...] = ()
    services: tuple[str, ...] = ("*",)
    testing: bool = False
    strict: bool = False
    problems: tuple[str, ...] = ()

    @property
    def revoked(self) -> bool:
        """Whether it is there to say that signatures under this selector are no longer good."""
        return not self.key

    def __str__(self) -> str:
        if self.revoked:
            return "revoked"
        bits = f" of {self.bits} bits" if self.bits else ""
        return f"a key for {self.key_type}{bits}{', testing' if self.testing else ''}"


def parse_dkim(text: str) -> DkimKey:
    """The key of this text; whatever cannot be understood is among its problems."""
    tags = TagList(text, RULE)
    if "v" in tags:
        tags.version("DKIM1")
    key_type = tags.get("k", "rsa").lower()
    key = _key(tags)
    bits = rsa_bits(key) if key_type == "rsa" else None
    hashes = _words(tags.get("h", ""))
    _check_strength(tags, key_type, key, bits)
    if hashes and "sha256" not in hashes:
        tags.complain("its signatures may not use sha256, and sha1 is not believed", "RFC 8301, 3.1")
    flags = _words(tags.get("t", ""))
    return DkimKey(
        text,
        key_type,
        key,
        bits,
        hashes=hashes,
        services=_words(tags.get("s", "*")),
        testing="y" in flags,
        strict="s" in flags,
        problems=tuple(tags.problems),
    )


def is_dkim(text: str) -> bool:
    """Whether the text means to be a key; its version may be left out."""
    tags = TagList(text, RULE)
    return tags["v"].upper() == "DKIM1" if "v" in tags else "p" in tags


def _key(tags: TagList) -> bytes:
    if "p" not in tags:
        tags.complain("there is no p, the key")
    text = "".join(tags.get("p", "").split())
    try:
        return b64decode(text, validate=True)
    except (binascii.Error, ValueError):  # ValueError: it is not even ASCII
        tags.complain("the key is not base64")
        return b""


def _check_strength(tags: TagList, key_type: str, key: bytes, bits: int | None) -> None:
    if key_type not in ("rsa", "ed25519"):
        tags.complain(f"the key type {cited(key_type)} is not known", "RFC 8463, 4")
    elif not key:
        return
    elif key_type == "ed25519":
        if len(key) != ED25519_BYTES:
            tags.complain(f"an Ed25519 key has {ED25519_BYTES} bytes, not {len(key)}", "RFC 8463, 4.2")
    elif bits is None:
        tags.complain("the key is no RSA public key")
    elif bits < 1024:
        tags.complain(f"a key of {bits} bits is not believed: 1024 are the least, 2048 are good", "RFC 8301, 3.2")
    elif bits < 2048:
        tags.complain(f"the key has {bits} bits, and should have 2048", "RFC 8301, 3.2")


def rsa_bits(key: bytes) -> int | None:
    """How long the modulus of an RSA key is (RFC 8017, A.1.1), in a SubjectPublicKeyInfo or without; None for no key."""
    try:
        tag, start, end = _element(key, 0)
        if tag != SEQUENCE:
            return None
        tag, start, end = _element(key, start)
        if tag == SEQUENCE:  # of a SubjectPublicKeyInfo: the algorithm, then the key as a string of bits
            _, start, _ = _element(key, end)
            _, start, _ = _element(key, start + 1)
            tag, start, end = _element(key, start)
    except IndexError:
        return None
    return int.from_bytes(key[start:end], "big").bit_length() if tag == INTEGER else None


def _element(der: bytes, offset: int) -> tuple[int, int, int]:
    """The tag of the DER element at the offset, and where its content starts and ends (X.690). IndexError: cut off."""
    tag, length, start = der[offset], der[offset + 1], offset + 2
    if length & 0x80:
        start += length & 0x7F
        length = int.from_bytes(der[offset + 2 : start], "big")
    if start + length > len(der):
        raise IndexError(offset)
    return tag, start, start + length


def _words(text: str) -> tuple[str, ...]:
    return tuple(word for piece in text.split(":") if (word := piece.strip().lower()))
