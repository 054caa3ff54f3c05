"""Where everything is in a message: one walk over its bytes that checks all bounds and decodes no name and no data."""

from __future__ import annotations

import struct
from collections.abc import Sequence

from aioresolver.errors import MessageFormatError
from aioresolver.wire.codes import EdnsOption, RRType
from aioresolver.wire.compression import NameMemo, read_name
from aioresolver.wire.edns import read_options
from aioresolver.wire.names import MAX_NAME

__all__ = [
    "MAX_INVOLVED",
    "MAX_OTHERS",
    "MAX_QUESTIONS",
    "MAX_RARE",
    "MAX_RECORDS",
    "TTL_LIMIT",
    "OptLayout",
    "RecordLayout",
    "Sections",
    "check_owners",
    "read_layout",
    "read_plain_absence",
    "read_plain_addresses",
    "without_hop_options",
    "write_plain_addresses",
]

MAX_QUESTIONS = 256
"""How many questions a message may have: a query has one (RFC 9619), one of multicast DNS some more."""

MAX_RECORDS = 4096
"""How many records a message may have: 64 KiB hold so many addresses, and more of nothing that is of use."""

MAX_OTHERS = 3072
"""How many of them may be something else than addresses, which are the shortest."""

MAX_INVOLVED = 1536
"""How many of them may be of types that take some work to read: those of several fields, which are never so short."""

MAX_RARE = 512
"""How many of them may be of types of which a name has one, or hardly anybody any: SOA, RP, LOC."""

TTL_LIMIT = 0x80000000
"""A TTL is below this; on the wire, one that is not counts as 0 (RFC 2181, 8)."""

RecordLayout = tuple[int, int, int, int, int, int]
"""Where a record is in its message: offset of the owner, type, class, TTL in seconds, start and end of the data."""

Sections = tuple[list[RecordLayout], list[RecordLayout], list[RecordLayout]]
"""The records of the answer, authority and additional section, without OPT."""

OptLayout = tuple[int, int, "tuple[tuple[int, bytes], ...]"]
"""What OPT has for class and TTL, and its options."""

_OPT = int(RRType.OPT)
_OPT_OF_ROOT = b"\0" + _OPT.to_bytes(2, "big")
# What is between two hosts, and says nothing about the answer.
_HOP_OPTIONS = frozenset({EdnsOption.COOKIE, EdnsOption.TCP_KEEPALIVE, EdnsOption.PADDING})
# The owner of a record as a pointer to the question's name, the way nearly every server writes it.
_AT_QUESTION = 0xC00C
_SOA = int(RRType.SOA)
_A = int(RRType.A)
_RARE = frozenset({RRType.SOA, RRType.RP, RRType.LOC})
_PLAIN = frozenset({_A, RRType.AAAA, RRType.NS, RRType.CNAME, RRType.PTR, RRType.MX, RRType.TXT, RRType.SRV})
_TRUNCATED = 0x0200
# Truncation, and every rcode but NOERROR.
_NOT_PLAIN = _TRUNCATED | 0xF
# NOERROR and NXDOMAIN.
_ABSENT = (0, 3)
_write_header = struct.Struct(">HHHHHH").pack
_write_option = struct.Struct(">HH").pack
_read_option = struct.Struct(">HH").unpack_from
_write_fixed = struct.Struct(">HHHIH").pack
_read_header = struct.Struct(">HHHHHH").unpack_from
_read_fixed = struct.Struct(">HHIH").unpack_from
_read_pointer_and_fixed = struct.Struct(">HHHIH").unpack_from


def read_layout(wire: bytes) -> tuple[int, int, Sections, OptLayout | None]:
    """The id, the word of flags, where the records are, and what OPT says.

    All records are within the bytes, of which none is left over, and the names of the questions are sound; those of
    owners end where they seem to, and that is all that is known of them. Raises MessageFormatError.
    """
    size = len(wire)
    if size < 12:
        raise MessageFormatError(f"a message has at least 12 bytes, not {size}")
    id_, word, questions, answer, authority, additional = _read_header(wire)
    left = answer + authority + additional
    if questions > MAX_QUESTIONS or left > MAX_RECORDS:
        raise MessageFormatError(f"a message has at most {MAX_QUESTIONS} questions and {MAX_RECORDS} records")
    records: list[RecordLayout] = []
    opt: OptLayout | None = None
    try:
        position = _skip_questions(wire, questions)
        while left:
            left -= 1
            owner = position
            length = wire[position]
            while 0 < length < 0x40:
                position += 1 + length
                length = wire[position]
            if length >= 0xC0:
                _, rrtype, rrclass, ttl, length = _read_pointer_and_fixed(wire, position)
                position += 12
            elif length:
                raise MessageFormatError(f"no valid name at offset {owner}")
            else:
                rrtype, rrclass, ttl, length = _read_fixed(wire, position + 1)
                position += 11
            end = position + length
            if rrtype != _OPT:
                records.append((owner, rrtype, rrclass, ttl if ttl < TTL_LIMIT else 0, position, end))
            elif opt is not None or left >= additional or wire[owner]:
                raise MessageFormatError("OPT is there twice, or is not the root's in the additional section")
            else:
                opt = rrclass, ttl, read_options(wire, position, end) if length else ()
            position = end
    except (IndexError, struct.error):
        raise MessageFormatError("the message ends in the middle of a question or record") from None
    # Data that ran over the end has led here, or to an error above.
    if position != size:
        raise MessageFormatError(f"the message ends at {position}, but has {size} bytes")
    return id_, word, _sections(records, answer, answer + authority), opt


def _sections(records: list[RecordLayout], authority: int, additional: int) -> Sections:
    """The records cut in three where authority and additional section start; refused when too many take work to read."""
    if len(records) > MAX_RARE:
        types = [row[1] for row in records]
        addresses = types.count(_A)
        others = len(types) - addresses
        if others > MAX_INVOLVED and others - sum([rrtype in _PLAIN for rrtype in types]) + addresses > MAX_INVOLVED:
            raise MessageFormatError(f"a message has at most {MAX_INVOLVED} records of involved types")
        if sum([rrtype in _RARE for rrtype in types]) > MAX_RARE:
            raise MessageFormatError(f"a message has at most {MAX_RARE} records of rare types")
        if others > MAX_OTHERS:
            raise MessageFormatError(f"a message has at most {MAX_OTHERS} records that are no addresses")
    return records[:authority], records[authority:additional], records[additional:]


def read_plain_addresses(wire: bytes, position: int, rrtype: int, size: int) -> int | None:
    """The least TTL of an answer section, from `position` on, of nothing but addresses of the question's own name.

    Each has `size` bytes. Nearly all replies are so, and this says as much as `read_layout` and `check_owners` do in a
    fraction of their time. None when anything is different: truncation, an rcode, an alias, what is not well-formed.
    """
    least = TTL_LIMIT
    try:
        _, word, questions, answer, authority, additional = _read_header(wire)
        if word & _NOT_PLAIN or questions != 1 or not answer or answer + authority + additional > MAX_RECORDS:
            return None
        for _ in range(answer):
            owner, type_, class_, ttl, length = _read_pointer_and_fixed(wire, position)
            if owner != _AT_QUESTION or type_ != rrtype or class_ != 1 or length != size:
                return None
            if ttl < least:
                least = ttl
            elif ttl >= TTL_LIMIT:
                least = 0
            position += 12 + size
        if authority or additional:
            position = _pass_plain(wire, position, authority, additional)
    except (IndexError, struct.error):
        return None
    return least if position == len(wire) else None


def read_plain_absence(wire: bytes, position: int) -> int | None:
    """For how long there is nothing, when a reply says no more than that: no answers and one SOA, at `position`.

    It is the lesser of the SOA's TTL and its last field (RFC 2308, 5). As above, None when anything is different;
    NXDOMAIN and NOERROR are alike here.
    """
    try:
        _, word, questions, answer, authority, additional = _read_header(wire)
        if word & _TRUNCATED or word & 0xF not in _ABSENT or questions != 1 or answer or authority != 1:
            return None
        owner, type_, class_, ttl, length = _read_pointer_and_fixed(wire, position)
        server = position + 12
        end = server + length
        if owner >> 8 != 0xC0 or type_ != _SOA or class_ != 1 or not _starts_label(wire, owner & 0xFF):
            return None
        mailbox = _pass_plain_name(wire, server, server)
        # What the labels have together bounds what any of the names has.
        if position + end - server - 20 > MAX_NAME or _pass_plain_name(wire, mailbox, server) + 20 != end:
            return None
        minimum = int.from_bytes(wire[end - 4 : end], "big")
        if additional:
            end = _pass_plain(wire, end, 0, additional)
    except (IndexError, struct.error):
        return None
    if end != len(wire):
        return None
    return min(ttl if ttl < TTL_LIMIT else 0, minimum)


def _pass_plain_name(wire: bytes, position: int, first: int) -> int:
    """The offset behind a name that ends itself, or in the question's or the one at `first`; -1 for any other."""
    if position < 0:
        return -1
    start = position
    length = wire[position]
    while 0 < length < 0x40:
        position += 1 + length
        length = wire[position]
    if not length:
        return position + 1
    if length != 0xC0:
        return -1
    target = wire[position + 1]
    if _starts_label(wire, target) or (first < start and _starts_label(wire, target, first)):
        return position + 2
    return -1


def write_plain_addresses(section: bytes, rrtype: int, addresses: Sequence[tuple[bytes, int]]) -> bytes:
    """A reply of nothing but these packed addresses, each with its TTL, to the question of a question section."""
    head = _write_header(0, 0x8180, 1, len(addresses), 0, 0)
    records = [_write_fixed(_AT_QUESTION, rrtype, 1, ttl, len(packed)) + packed for packed, ttl in addresses]
    return b"".join((head, section, *records))


def _pass_plain(wire: bytes, position: int, authority: int, additional: int) -> int:
    """The offset behind records whose owners are compressed, and a last OPT; -1 when others are there."""
    for left in range(authority + additional, 0, -1):
        owner = position
        length = wire[position]
        while 0 < length < 0x40:
            position += 1 + length
            length = wire[position]
        if length == 0xC0:
            if wire[position + 3] == _OPT and not wire[position + 2]:
                return -1
            if left > additional and not (owner == position and _starts_label(wire, wire[position + 1])):
                return -1
            position += 12 + (wire[position + 10] << 8 | wire[position + 11])
        elif left == 1 and additional and wire[owner : position + 3] == _OPT_OF_ROOT:
            if wire[position + 5]:
                return -1
            options = position + 11
            length = wire[position + 9] << 8 | wire[position + 10]
            return _pass_options(wire, options, options + length) if length else options
        else:
            return -1
    return position


def _pass_options(wire: bytes, position: int, end: int) -> int:
    """`end`, if that is where these options end; else -1."""
    while position < end:
        position += 4 + (wire[position + 2] << 8 | wire[position + 3])
    return position if position == end else -1


def without_hop_options(wire: bytes, position: int) -> bytes:
    """A plain reply, whose records begin at `position`, without the options of its OPT that only two hosts care about.

    These are cookies, keepalive and padding, which may be longer than all the rest.
    """
    _, _, _, answer, authority, additional = _read_header(wire)
    for _ in range(answer + authority + additional - 1):
        length = wire[position]
        while 0 < length < 0x40:
            position += 1 + length
            length = wire[position]
        position += 12 if length else 11
        position += wire[position - 2] << 8 | wire[position - 1]
    if wire[position : position + 3] != _OPT_OF_ROOT:
        return wire
    size = len(wire)
    code, length = _read_option(wire, position + 11)
    if code in _HOP_OPTIONS and position + 15 + length == size:  # there is no other
        return wire[: position + 9] + b"\0\0"
    options = read_options(wire, position + 11, size)
    left = [_write_option(code, len(data)) + data for code, data in options if code not in _HOP_OPTIONS]
    if len(left) == len(options):
        return wire
    data = b"".join(left)
    return wire[: position + 9] + len(data).to_bytes(2, "big") + data


def _starts_label(wire: bytes, offset: int, position: int = 12) -> bool:
    """Whether a label of the name at `position` starts there, or its root; the first question's name is at 12."""
    while position < offset and 0 < (length := wire[position]) < 0x40:
        position += 1 + length
    return position == offset


def check_owners(wire: bytes, section: list[RecordLayout], memo: NameMemo) -> None:
    """Refuse owners that are no names, with a MessageFormatError.

    Those that point to the first question's name, or to a part of it, are not decoded for that: it is sound.
    """
    asked = set()
    position = 12
    length = wire[12] if wire[5] or wire[4] else 0
    while 0 < length < 0x40:
        asked.add(position)
        position += 1 + length
        length = wire[position]
    for row in section:
        owner = row[0]
        if wire[owner] != 0xC0 or wire[owner + 1] not in asked:
            read_name(wire, owner, memo)


def _skip_questions(wire: bytes, count: int) -> int:
    """The offset behind the questions."""
    position = 12
    memo = NameMemo()
    for _ in range(count):
        start = position
        length = wire[position]
        while 0 < length < 0x40:
            position += 1 + length
            length = wire[position]
        if length or position - start >= MAX_NAME:
            position = read_name(wire, start, memo)[1] - 1
        position += 5
    return position
