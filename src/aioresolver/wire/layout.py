"""Where everything is in a message: one walk over its bytes that checks all bounds and decodes no data."""

from __future__ import annotations

import struct

from aioresolver.errors import MessageFormatError
from aioresolver.wire.codes import RRType
from aioresolver.wire.edns import read_options
from aioresolver.wire.names import Name, NameMemo, read_name

__all__ = ["TTL_LIMIT", "OptLayout", "Owners", "RecordLayout", "Sections", "read_layout"]

TTL_LIMIT = 0x80000000
"""A TTL is below this; on the wire, one that is not counts as 0 (RFC 2181, 8)."""

RecordLayout = tuple[int, int, int, int, int, int]
"""Where a record is in its message: offset of the owner, type, class, TTL in seconds, start and end of the data."""

Sections = tuple[list[RecordLayout], list[RecordLayout], list[RecordLayout]]
"""The records of the answer, authority and additional section, without OPT."""

OptLayout = tuple[int, int, "tuple[tuple[int, bytes], ...]"]
"""What OPT has for class and TTL, and its options."""

Owners = dict[int, Name]
"""The owners by offset, but for those that are the root or a pointer to the first question's name."""

_OPT = int(RRType.OPT)
_header = struct.Struct(">HHHHHH")
_fixed_part = struct.Struct(">HHIH")
_fixed_part_after_pointer = struct.Struct(">HHHIH")


def read_layout(wire: bytes) -> tuple[int, int, Sections, OptLayout | None, Owners, NameMemo]:
    """The id, the word of flags, where the records are, what OPT says, and the names that were met on the way.

    All names of questions and owners are checked, and all records are within the bytes, of which none is left over.
    Raises MessageFormatError.
    """
    size = len(wire)
    if size < 12:
        raise MessageFormatError(f"a message has at least 12 bytes, not {size}")
    id_, word, questions, answer, authority, additional = _header.unpack_from(wire)
    if 12 + 5 * questions + 11 * (answer + authority + additional) > size:
        raise MessageFormatError(f"{size} bytes cannot hold as many questions and records as the header says")
    memo: NameMemo = {}
    try:
        position = _skip_questions(wire, questions, memo)
        sections, opt, position, owners = _walk(wire, position, (answer, authority, additional), memo)
    except (IndexError, struct.error):
        raise MessageFormatError("the message ends in the middle of a question or record") from None
    if position != size:
        raise MessageFormatError(f"the message ends at {position}, but has {size} bytes")
    return id_, word, sections, opt, owners, memo


def _skip_questions(wire: bytes, count: int, memo: NameMemo) -> int:
    """The offset behind the questions."""
    position = 12
    if count == 1:
        while 0 < (length := wire[position]) < 0x40:
            position += 1 + length
        if not length and position < 12 + 255:
            return position + 5
        position = 12
    for _ in range(count):
        position = read_name(wire, position, memo)[1] + 4
    return position


def _walk(
    wire: bytes, position: int, counts: tuple[int, int, int], memo: NameMemo
) -> tuple[Sections, OptLayout | None, int, Owners]:
    """Where the records are, what OPT says, the offset behind all, and the owners."""
    size = len(wire)
    # A pointer to the first question's name is by far the commonest owner, and that name has been checked.
    checked = 0xC00C if position > 12 else 0
    sections: Sections = [], [], []
    opt: OptLayout | None = None
    owners: Owners = {}
    for section, count in zip(sections, counts, strict=True):
        for _ in range(count):
            owner = position
            if wire[position] >= 0xC0:
                pointer, rrtype, rrclass, ttl, length = _fixed_part_after_pointer.unpack_from(wire, position)
                position += 12
                if pointer != checked:
                    owners[owner] = read_name(wire, owner, memo)[0]
            else:
                if wire[position]:
                    owners[owner], position = read_name(wire, position, memo)
                else:
                    position += 1
                rrtype, rrclass, ttl, length = _fixed_part.unpack_from(wire, position)
                position += 10
            end = position + length
            if end > size:
                raise MessageFormatError(f"the data of the record at {owner} ends at {end}, the message at {size}")
            if rrtype != _OPT:
                section.append((owner, rrtype, rrclass, ttl if ttl < TTL_LIMIT else 0, position, end))
            elif opt is not None or section is not sections[2] or wire[owner]:
                raise MessageFormatError("OPT is there twice, or is not the root's in the additional section")
            else:
                opt = rrclass, ttl, read_options(wire, position, end) if length else ()
            position = end
    return sections, opt, position, owners
