"""Names in messages: compression both ways. Every loop here is bounded by the bytes it is given."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import accumulate

from aioresolver.errors import MessageFormatError
from aioresolver.wire.names import MAX_NAME, Name, join_labels, rest_of, split_labels

__all__ = ["MAX_HOPS", "NameMemo", "read_cased_name", "read_name", "write_name"]

MAX_HOPS = 16
"""How many compression pointers one name may take; more is an attack, not compression."""

_POINTER_REACH = 0x4000
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
    position, dots, after = offset, -1, limit
    known: _Entry | None = None
    try:
        while 0 < (length := wire[position]) < 0x40 and position < limit:
            position += 1 + length
            dots += 1 if length < _LONG_LABEL else MAX_NAME
        if not length:
            known, after = _END, position + 1
        elif length >= 0xC0:
            target = (length & 0x3F) << 8 | wire[position + 1]
            known, after = memo.get(target) or _read_tail(wire, target, memo), position + 2
    except IndexError:
        pass
    if known is None or after > end:
        raise MessageFormatError(f"no valid name at offset {offset}")
    text, at, size, hops, reach, stop = known
    size += position - offset
    if hops >= MAX_HOPS or size > MAX_NAME or stop > offset:
        raise MessageFormatError(f"no valid name at offset {offset}")
    if dots < 0:
        if at and text != ".":
            text = Name(text[at:])
            memo[target] = text, 0, size, hops, reach, stop
        return text, after
    head = wire[offset + 1 : position].translate(_TO_TEXT)
    if head.isascii() and head.count(b".") == dots:
        name = Name(f"{head.decode()}.{text[at:]}")
    else:
        name = Name(f"{join_labels(_labels(wire[offset:position].lower()))}.{text[at:]}")
    if offset < _POINTER_REACH:
        memo[offset] = name, 0, size, hops + 1, stop, after
    return name, after


def read_cased_name(wire: bytes, offset: int, memo: NameMemo | None = None, end: int | None = None) -> tuple[str, int]:
    """The text of the name at `offset` in the letters that it has there, and the offset behind it.

    What is compressed has small letters. Raises MessageFormatError.
    """
    name, after = read_name(wire, offset, memo, end)
    part = wire[offset:after]
    # No length is a letter.
    if part == part.lower():
        return str(name), after
    labels = _labels(part)
    return str(name) if labels[-1] else join_labels(labels), after


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
        below = rest_of(rest)
        label = rest[: len(rest) - len(below) - 1]
        content = label.encode() if "\\" not in label else split_labels(label)[0]
        buffer.append(len(content))
        buffer += content
        rest = below
    else:
        buffer.append(0)
    if hops < MAX_HOPS:
        for text, start in written:
            if start < _POINTER_REACH:
                offsets[text] = hops << 14 | start


_END: _Entry = _ROOT, 1, 1, -1, 0, 0
# How a name goes on that takes no pointer: with the root, which nothing leads to.

_PLAIN = b"abcdefghijklmnopqrstuvwxyz0123456789-_"
_LONG_LABEL = 45
# Below this, the length of a label is no plain character, so that it may be taken for the dot it becomes.
_TO_TEXT = bytes(
    ord(".") if 0 < byte < _LONG_LABEL else folded if (folded := ord(chr(byte).lower())) in _PLAIN else 0xFF
    for byte in range(256)
)
# Makes text of labels and their lengths; what is not plain, and so may need an escape, becomes what is not ASCII.


def _read_tail(wire: bytes, target: int, memo: NameMemo) -> _Entry | None:
    """What is known of the name at a pointer's target, after looking; all that is passed is remembered.

    Forwards over labels and pointers to something known, the root or nonsense; then backwards, to settle each place
    passed. What is settled for a place does not depend on the way there, so no place is ever passed twice.
    """
    runs: dict[int, list[int]] = {}
    position = target
    entry: _Entry | None = None
    run: list[int] = []
    length = 0
    try:
        while True:
            while position not in memo and 0 < (length := wire[position]) < 0x40:
                run.append(position)
                position += 1 + length
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
        entry = _through_labels(wire, run, position, entry, memo)
    for start, run in reversed(runs.items()):
        if entry is not None:
            text, at, size, hops, _, end = entry
            entry = (text, at, size, hops + 1, end, start + 2) if hops < MAX_HOPS and end <= start else None
        memo[start] = entry
        if run:
            entry = _through_labels(wire, run, start, entry, memo)
    return entry


def _through_labels(wire: bytes, run: list[int], stop: int, entry: _Entry | None, memo: NameMemo) -> _Entry | None:
    """Settle the places of labels that stand before the name of `entry`, which starts at `stop`; the first's entry."""
    if entry is None:
        memo.update(dict.fromkeys(run))
        return None
    text, at, size, hops, reach, end = entry
    first = run[0]
    size += stop - first
    head = wire[first + 1 : stop].translate(_TO_TEXT)
    if head.isascii() and head.count(b".") == len(run) - 1 and max(map(wire.__getitem__, run)) < _LONG_LABEL:
        whole = Name(f"{head.decode()}.{text[at:]}")
        places: Iterable[int] = [start - first for start in run]
    else:
        labels = _labels(wire[first:stop].lower())
        front = join_labels(labels)
        parts = front.split(".") if front.count(".") < len(run) else [join_labels([label]) for label in labels]
        whole = Name(f"{front}.{text[at:]}")
        places = accumulate([1 + len(part) for part in parts], initial=0)
    # What starts before is too long, or overlaps what its pointer leads to.
    least = max(reach, first + size - MAX_NAME)
    for start, place in zip(run, places, strict=False):
        memo[start] = (whole, place, size + first - start, hops, reach, end) if start >= least else None
    return memo[first]


def _labels(part: bytes) -> list[bytes]:
    """The labels that a part of a message is made of."""
    labels = []
    position = 0
    while position < len(part):
        after = position + 1 + part[position]
        labels.append(part[position + 1 : after])
        position = after
    return labels
