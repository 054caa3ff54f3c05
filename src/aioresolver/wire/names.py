"""Domain names as values: what people write, and what stands in zone files. Knows no message."""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv6Address, ip_address

from aioresolver.errors import NameSyntaxError

__all__ = ["BYTES_SHOWN", "LENGTHS", "MAX_NAME", "Name", "rest_of", "split_labels"]

MAX_NAME = 255
"""How many bytes the wire form of a name may have (RFC 1035, 2.3.4)."""

_MAX_LABEL = 63
_MAX_TEXT = 4 * MAX_NAME  # every byte written \DDD

_match_plain = re.compile(r"[A-Za-z0-9_-]{1,63}(?:\.[A-Za-z0-9_-]{1,63})*\.?").fullmatch
_match_token = re.compile(r"\\([0-9]{3})|\\([ -/:-~])|([!-\-/-\[\]-~]+)|(\.)").match
_skip_label = re.compile(r"(?:[^.\\]|\\.)+\.").match

BYTES_SHOWN = [
    f"\\{byte:03d}" if not 0x20 < byte < 0x7F else f"\\{chr(byte)}" if chr(byte) in '.;()"\\@$' else chr(byte)
    for byte in range(256)
]
"""How each byte of a label is written (RFC 1035, 5.1)."""

LENGTHS = [bytes((length,)) for length in range(_MAX_LABEL + 1)]
"""The byte before a label that says how long it is."""


class Name(str):
    r"""A domain name: absolute, lower-case, ASCII presentation text with its trailing dot (RFC 1035, 5.1).

    Bytes that are not printable are written `\DDD`, special characters `\X`; the root is `.`. Being canonical,
    two names are the same exactly when their texts are. `Name.parse` makes one from what people write; calling
    `Name` itself is for text that is canonical already.
    """

    __slots__ = ()

    @classmethod
    def parse(cls, text: str, origin: Name | None = None) -> Name:
        """The name of this text; text without a trailing dot is completed with `origin`, or with the root.

        ASCII is only folded to lower case, so that `_dmarc.example.org` and `*.example.org` are names; anything
        else goes through UTS 46 and IDNA 2008. White space and control characters have to be escaped.
        Raises NameSyntaxError, for labels over 63 and names over 255 bytes too.
        """
        if type(text) is Name:
            return text
        if _match_plain(text) is None or len(text) > MAX_NAME - 2 or origin is not None:
            return _parse_any(text, origin)
        return Name(text.lower()) if text[-1] == "." else Name(text.lower() + ".")

    @classmethod
    def reverse(cls, address: str | IPv4Address | IPv6Address) -> Name:
        """The name under `in-addr.arpa` or `ip6.arpa` where the PTR records of this address are.

        A scope id is dropped. Raises NameSyntaxError when the text is not an IP address.
        """
        try:
            parsed = ip_address(address)
        except ValueError as error:
            raise NameSyntaxError(f"{address!r} is not an IP address") from error
        packed = parsed.packed
        if parsed.version == 4:
            return cls(".".join(map(str, reversed(packed))) + ".in-addr.arpa.")
        return cls(".".join(reversed(packed.hex())) + ".ip6.arpa.")

    @property
    def parent(self) -> Name:
        """The name without its first label; the root is its own parent."""
        return Name(rest_of(self) or ".")

    @property
    def labels(self) -> tuple[bytes, ...]:
        """The labels from left to right, as bytes, without the root's empty one."""
        if self == ".":
            return ()
        if "\\" not in self:
            return tuple(self[:-1].encode().split(b"."))
        return tuple(split_labels(self)[:-1])

    def is_under(self, zone: Name) -> bool:
        """Whether this name is `zone` or below it."""
        if zone == ".":
            return True
        if not self.endswith(zone):
            return False
        head = self[: len(self) - len(zone)]
        if not head:
            return True
        # The dot between may be part of a label: then an odd number of backslashes stands before it.
        return head[-1] == "." and (len(head) - 1 - len(head[:-1].rstrip("\\"))) % 2 == 0

    def to_unicode(self) -> str:
        """The text for people: A-labels are shown as the Unicode they stand for, where they are valid ones."""
        if "xn--" not in self:
            return str(self)
        # An escaped dot cuts a label in two here; its halves are joined by the same dot again.
        return ".".join(map(_unicode_label, self.split(".")))

    def to_address(self) -> IPv4Address | IPv6Address | None:
        """The address that this is the reverse name of; None when it is not one."""
        labels = self[:-1].split(".")
        if self.endswith(".in-addr.arpa.") and len(labels) == 6:
            text = ".".join(labels[3::-1])
        elif self.endswith(".ip6.arpa.") and len(labels) == 34 and all(len(nibble) == 1 for nibble in labels[:32]):
            digits = "".join(labels[31::-1])
            text = ":".join(digits[start : start + 4] for start in range(0, 32, 4))
        else:
            return None
        try:
            return ip_address(text)
        except ValueError:
            return None

    def to_wire(self) -> bytes:
        """The uncompressed wire form."""
        labels = self.encode().split(b".") if "\\" not in self and self != "." else split_labels(self)
        return b"".join([LENGTHS[len(label)] + label for label in labels])


_ROOT = Name(".")


def _parse_any(text: str, origin: Name | None) -> Name:
    """Name.parse for what is not plain, or has an origin."""
    if len(text) > _MAX_TEXT:
        raise _refusal(text, f"it is longer than {MAX_NAME} bytes")
    labels = split_labels(text if text.isascii() else _to_ascii(text))
    if labels[-1]:
        labels += split_labels(origin or _ROOT)
    if sum(map(len, labels)) + len(labels) > MAX_NAME:
        raise _refusal(text, f"it is longer than {MAX_NAME} bytes")
    shown = ["".join([BYTES_SHOWN[byte] for byte in label.lower()]) for label in labels]
    return Name(".".join(shown)) if len(labels) > 1 else _ROOT


def split_labels(text: str) -> list[bytes]:
    """The labels of presentation text, unescaped; an empty one ends the list when the text is absolute."""
    if text == ".":
        return [b""]
    labels = [bytearray()]
    position = 0
    while position < len(text):
        match = _match_token(text, position)
        if match is None:
            raise _refusal(text, _complaint(text, position))
        decimal, escaped, plain, dot = match.groups()
        if dot:
            if not labels[-1]:
                raise _refusal(text, "a label is empty")
            labels.append(bytearray())
        elif not decimal:
            labels[-1] += (escaped or plain).encode()
        elif int(decimal) < 256:
            labels[-1].append(int(decimal))
        else:
            raise _refusal(text, f"\\{decimal} is no byte")
        if len(labels[-1]) > _MAX_LABEL:
            raise _refusal(text, f"a label is longer than {_MAX_LABEL} bytes")
        position = match.end()
    if labels == [b""]:
        raise _refusal(text, "it is empty")
    return list(map(bytes, labels))


def rest_of(text: str) -> str:
    """What follows the first dot that is not escaped; nothing follows a name's last."""
    if "\\" not in text:
        return text[text.index(".") + 1 :]
    match = _skip_label(text)
    return text[match.end() :] if match else ""


def _complaint(text: str, position: int) -> str:
    if text[position] == "\\":
        return "a backslash is followed by a character or by three digits"
    return f"white space and control characters have to be escaped, as \\{ord(text[position]):03d}"


def _refusal(text: str, reason: str) -> NameSyntaxError:
    shown = repr(text) if len(text) <= 2 * MAX_NAME else f"{text[:_MAX_LABEL]!r}..."
    return NameSyntaxError(f"{shown} is not a domain name: {reason}")


def _to_ascii(text: str) -> str:
    from aioresolver.wire.idn import to_ascii  # noqa: PLC0415 - few programs ever meet such a name

    try:
        return to_ascii(text)
    except UnicodeError as error:
        raise _refusal(text, str(error)) from error


def _unicode_label(label: str) -> str:
    from aioresolver.wire.idn import to_unicode  # noqa: PLC0415 - likewise

    return to_unicode(label)
