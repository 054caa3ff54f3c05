"""Domain names: text, wire form, compression, IDNA. Every loop here is bounded by the bytes it is given."""

from __future__ import annotations

import re
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address

import idna

from aioresolver.errors import MessageFormatError, NameSyntaxError

__all__ = ["MAX_HOPS", "MAX_NAME", "Name", "NameMemo", "read_name", "skip_name", "write_name"]

MAX_HOPS = 16
"""How many compression pointers one name may take; more is an attack, not compression."""

MAX_NAME = 255
"""How many bytes the wire form of a name may have (RFC 1035, 2.3.4)."""

_MAX_LABEL = 63
_MAX_TEXT = 4 * MAX_NAME  # every byte written \DDD
_POINTER_REACH = 0x4000

_PLAIN_BYTES = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_"
_match_plain = re.compile(r"[A-Za-z0-9_-]{1,63}(?:\.[A-Za-z0-9_-]{1,63})*\.?").fullmatch
_match_token = re.compile(r"\\([0-9]{3})|\\([ -/:-~])|([!-\-/-\[\]-~]+)|(\.)").match
_skip_label = re.compile(r"(?:[^.\\]|\\.)+\.").match
_find_special = re.compile(r"[^a-zA-Z0-9_.\-\u0080-\U0010ffff]").findall

# All but the dot, which separates labels more often than it is in one.
_ESCAPES = {
    byte: f"\\{chr(byte)}" if chr(byte) in '"();\\@$' else f"\\{byte:03d}"
    for byte in range(256)
    if not 0x20 < byte < 0x7F or chr(byte) in '"();\\@$'
}
_LENGTHS = [bytes((length,)) for length in range(_MAX_LABEL + 1)]


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
        return Name(_rest(self) or ".")

    @property
    def labels(self) -> tuple[bytes, ...]:
        """The labels from left to right, as bytes, without the root's empty one."""
        if self == ".":
            return ()
        if "\\" not in self:
            return tuple(self[:-1].encode().split(b"."))
        return tuple(_split(self)[:-1])

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
        labels = self.encode().split(b".") if "\\" not in self and self != "." else _split(self)
        return b"".join([_LENGTHS[len(label)] + label for label in labels])


_ROOT = Name(".")

_Entry = tuple[Name, int, int, int, int, int]
# What is known of the name that starts at an offset: a text and where in it the name starts (behind "." for the root,
# so that more can be put before it), the name's length in bytes, its pointers, where the part ends that its first
# pointer leads to (0 without one), and where its own first part ends.

NameMemo = dict[int, "_Entry | None"]
"""What is known of the names in one message, by offset; None where no valid name starts.

Start with `{}` and hand the same one to every read of the same message: then all of them together take linear time.
"""


def read_name(wire: bytes, offset: int, memo: NameMemo | None = None, end: int | None = None) -> tuple[Name, int]:
    """The name at `offset`, and the offset behind it.

    `end` is where the field ends that holds the name (the message's end when None). Compression pointers are
    followed: backwards only, each part ending before the one that points to it, at most MAX_HOPS of them.
    Raises MessageFormatError.
    """
    memo = {} if memo is None else memo
    end = len(wire) if end is None else end
    limit = end if end < offset + MAX_NAME else offset + MAX_NAME  # noqa: FURB136 - min() takes a tenth of the time
    labels = []
    position = offset
    while position < limit:
        length = wire[position]
        position += 1
        if length <= _MAX_LABEL:
            stop = position + length
            labels.append(wire[position:stop])
            if length:
                position = stop
                continue
            name = Name(_text(labels)) if len(labels) > 1 else _ROOT
            if offset < _POINTER_REACH:
                memo[offset] = name, int(name is _ROOT), position - offset, 0, 0, position
            return name, position
        if length < 0xC0 or position == limit:
            break
        target = (length & 0x3F) << 8 | wire[position]
        entry = memo.get(target) or _read_tail(wire, target, memo)
        if entry is None:
            break
        text, at, size, hops, reach, stop = entry
        total = size + position - 1 - offset
        position += 1
        if stop > offset or hops >= MAX_HOPS or total > MAX_NAME:
            break
        if labels:
            name = Name(_text([*labels, b""]) + text[at:])
            if offset < _POINTER_REACH:
                memo[offset] = name, 0, total, hops + 1, stop, position
            return name, position
        if not at:
            return text, position
        name = Name(text[at:] or ".")
        if size > 1:
            memo[target] = name, 0, size, hops, reach, stop
        return name, position
    raise MessageFormatError(f"no valid name at offset {offset}")


def skip_name(wire: bytes, offset: int) -> int:
    """The offset behind the name at `offset`; pointers are not followed. Raises MessageFormatError."""
    limit = min(len(wire), offset + MAX_NAME)
    position = offset
    while position < limit:
        length = wire[position]
        if length <= _MAX_LABEL:
            position += 1 + length
            if not length:
                return position
        elif length >= 0xC0 and position + 1 < limit:
            return position + 2
        else:
            break
    raise MessageFormatError(f"no valid name at offset {offset}")


def write_name(buffer: bytearray, name: Name, offsets: dict[str, int] | None = None) -> None:
    """Append `name` in wire form; compressed when there are `offsets`, the names already written to this message.

    Start a message with `{}`. A key is the text of a name, its value is ours: where it starts, and above these
    14 bits how many pointers it takes, so that we never write a name that read_name would refuse.
    """
    if offsets is None:
        buffer += name.to_wire()
        return
    written: list[tuple[str, int]] = []
    rest: str = "" if name == "." else name
    hops = 0
    while rest:
        known = offsets.get(rest)
        if known is not None:
            buffer += (0xC000 | known & 0x3FFF).to_bytes(2, "big")
            hops = (known >> 14) + 1
            break
        written.append((rest, len(buffer)))
        below = _rest(rest)
        label = rest[: len(rest) - len(below) - 1]
        content = label.encode() if "\\" not in label else _split(label)[0]
        buffer.append(len(content))
        buffer += content
        rest = below
    else:
        buffer.append(0)
    if hops < MAX_HOPS:
        for text, start in written:
            if start < _POINTER_REACH:
                offsets[text] = hops << 14 | start


def _read_tail(wire: bytes, target: int, memo: NameMemo) -> _Entry | None:
    """What is known of the name at a pointer's target, after looking; all that is passed is remembered.

    Forwards over labels and pointers to something known, the root or nonsense; then backwards, to settle each place
    passed. What is settled for a place does not depend on the way there, so no place is ever passed twice.
    """
    runs: dict[int, list[tuple[int, bytes]]] = {}
    position = target
    entry: _Entry | None = None
    run: list[tuple[int, bytes]] = []
    length = 0
    try:
        while True:
            while position not in memo and 0 < (length := wire[position]) <= _MAX_LABEL:
                start = position
                position += 1 + length
                run.append((start, wire[start + 1 : position]))
            if position in memo:
                entry = memo[position]
                break
            if not length:
                entry = memo[position] = _ROOT, 1, 1, 0, 0, position + 1
                break
            if position in runs or length < 0xC0:
                break
            runs[position] = run
            run = []
            position = (length & 0x3F) << 8 | wire[position + 1]
    except IndexError:
        pass
    if run:
        entry = _through_labels(run, entry, memo)
    for start, run in reversed(runs.items()):
        if entry is not None:
            text, at, size, hops, _, end = entry
            entry = (text, at, size, hops + 1, end, start + 2) if hops < MAX_HOPS and end <= start else None
        memo[start] = entry
        if run:
            entry = _through_labels(run, entry, memo)
    return entry


def _through_labels(run: list[tuple[int, bytes]], entry: _Entry | None, memo: NameMemo) -> _Entry | None:
    """Settle the places of labels that stand before the name of `entry`; the entry of the first."""
    if entry is None:
        memo.update(dict.fromkeys([start for start, _ in run]))
        return None
    text, at, size, hops, reach, end = entry
    labels = [label for _, label in run]
    front = _text([*labels, b""])
    whole = Name(front + text[at:])
    shown: Sequence[str | bytes] = labels
    length = sum(map(len, labels)) + len(labels)
    if len(front) > length:
        shown = front.split(".") if front.count(".") == len(labels) else [_text([label]) for label in labels]
    at = 0
    size += length
    for (start, label), part in zip(run, shown, strict=False):
        memo[start] = (whole, at, size, hops, reach, end) if size <= MAX_NAME and reach <= start else None
        at += 1 + len(part)
        size -= 1 + len(label)
    return memo[run[0][0]]


def _text(labels: list[bytes]) -> str:
    """The canonical text of labels, joined with dots."""
    joined = b".".join(labels)
    if len(joined.translate(None, _PLAIN_BYTES)) < len(labels):
        return joined.lower().decode()
    if joined.count(b".") < len(labels):
        return joined.lower().decode("latin-1").translate(_ESCAPES)
    return ".".join([label.lower().decode("latin-1").translate(_ESCAPES).replace(".", "\\.") for label in labels])


def _parse_any(text: str, origin: Name | None) -> Name:
    """Name.parse for what is not plain, or has an origin."""
    if len(text) > _MAX_TEXT:
        raise _refusal(text, f"it is longer than {MAX_NAME} bytes")
    labels = _split(text if text.isascii() else _to_ascii(text))
    if labels[-1]:
        labels += _split(origin or _ROOT)
    if sum(map(len, labels)) + len(labels) > MAX_NAME:
        raise _refusal(text, f"it is longer than {MAX_NAME} bytes")
    return Name(_text(labels)) if len(labels) > 1 else _ROOT


def _split(text: str) -> list[bytes]:
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


def _rest(text: str) -> str:
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
    """UTS 46 for the whole, IDNA 2008 for each label that is still not ASCII."""
    try:
        mapped = idna.uts46_remap(text, std3_rules=False)
        # Full-width punctuation must not become an escape, a quote or a comment on the way.
        if _find_special(mapped) != _find_special(text):
            raise _refusal(text, "it has characters that stand for others")
        return ".".join([label if label.isascii() else idna.alabel(label).decode() for label in mapped.split(".")])
    except UnicodeError as error:
        raise _refusal(text, str(error)) from error


def _unicode_label(label: str) -> str:
    if not label.startswith("xn--"):
        return label
    try:
        shown = idna.ulabel(label)
        # What would not lead back here is no U-label, and could be taken for another name.
        return shown if idna.alabel(shown).decode() == label else label
    except UnicodeError:
        return label
