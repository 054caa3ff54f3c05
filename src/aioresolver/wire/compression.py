"""Names in messages: compression both ways. Every loop here is bounded by the bytes it is given."""

from __future__ import annotations

from itertools import accumulate

from aioresolver.errors import MessageFormatError
from aioresolver.wire.names import BYTES_SHOWN, MAX_NAME, Name, rest_of, split_labels

__all__ = [
    "MAX_DETOURS",
    "MAX_ESCAPED",
    "MAX_HOPS",
    "MAX_LONG",
    "MAX_MALFORMED",
    "MAX_NAMES",
    "MAX_PARAMS",
    "NameMemo",
    "read_cased_name",
    "read_name",
    "write_name",
]

MAX_HOPS = 16
"""How many compression pointers one name may take; more is an attack, not compression."""

MAX_DETOURS = 1024
"""How many compressed names of one message may be known by pointers alone: the reach of pointers has no room for more
records that have one each."""

MAX_NAMES = 5000
"""How many names of one message may be made: those that are only pointed to as a whole are made once. A piece of a
reverse zone, of which each record has two short ones, comes near to that."""

MAX_LONG = 1024
"""How many names of one message may have more characters than a name has bytes, for their escapes: a message has no
room for more of them, unless they share what is escaped."""

MAX_ESCAPED = 1536
"""How many names of one message may have labels before their pointer in which something is escaped, or may be: nearly
twice as many as there are where services with spaces in their names are listed."""

MAX_MALFORMED = 256
"""How many records of one message may have malformed data before the others are not read either."""

MAX_PARAMS = 6144
"""How many parameters of services one message may have: twice as many as endpoints with addresses and protocols have."""

_POINTER_REACH = 0x4000
_ROOT = Name(".")

_Entry = tuple[Name, int, int, int, int, int]
# What is known of the names that start at one offset, or at several in a row of labels: a text that ends with the name;
# the offset that stands for the text's beginning, the name's place in it being so far behind (behind "." for the root,
# so that more can be put before it); the offset where the name would end if it had no pointers; how many it has; where
# the part ends that the first leads to (0 without one); and where the name's own first part ends.


class NameMemo(dict[int, "_Entry | None"]):
    """What is known of the names in one message, by offset; None where no valid name starts.

    Hand the same one to every read of the same message: then all of them together take linear time. It counts, too,
    what costs more than its bytes seem to.
    """

    detours: int = 0
    names: int = 0
    long: int = 0
    escaped: int = 0
    malformed: int = 0
    params: int = 0

    def has_room(self) -> bool:
        """Whether there may be one more name that is long for its escapes."""
        self.long += 1
        return self.long <= MAX_LONG

    def count_escaped(self) -> None:
        """One more name with escapes of its own. Raises MessageFormatError when there are too many."""
        self.escaped += 1
        if self.escaped > MAX_ESCAPED:
            raise MessageFormatError(f"more than {MAX_ESCAPED} names of the message have escapes")

    def count_params(self, count: int) -> None:
        """So many more parameters of services. Raises MessageFormatError when there are too many."""
        self.params += count
        if self.params > MAX_PARAMS:
            raise MessageFormatError(f"the message has more than {MAX_PARAMS} service parameters")


def read_name(wire: bytes, offset: int, memo: NameMemo | None = None, end: int | None = None) -> tuple[Name, int]:
    """The name at `offset`, and the offset behind it.

    `end` is where the field ends that holds the name (the message's end when None). Compression pointers are
    followed: backwards only, each part ending before the one that points to it, at most MAX_HOPS of them.
    Raises MessageFormatError.
    """
    memo = NameMemo() if memo is None else memo
    end = len(wire) if end is None else end
    limit = end if end < offset + MAX_NAME else offset + MAX_NAME  # noqa: FURB136 - min() takes a tenth of the time
    position, dots, target = offset, -1, 0
    known: _Entry | None = None
    try:
        while 0 < (length := wire[position]) < 0x40 and position < limit:
            position += 1 + length
            dots += 1 if length < _LONG_LABEL else MAX_NAME
        after = position + 2 if length else position + 1
        if not length:
            known = _END
        elif length >= 0xC0:
            target = (length & 0x3F) << 8 | wire[position + 1]
            known = memo.get(target) or _read_tail(wire, target, memo)
    except IndexError:
        after = limit
    if known is not None and after <= end:
        text, base, close, hops, reach, stop = known
        close += position - target
        if hops < MAX_HOPS and close - offset <= MAX_NAME and stop <= offset:
            if dots < 0:
                if target == base or text == ".":
                    return text, after
                name = Name(text[target - base :])
            else:
                head = wire[offset + 1 : position].translate(_TO_TEXT)
                if head.isascii() and head.count(_DOT) == dots:
                    name = Name(f"{head.decode()}.{text[target - base :]}")
                else:
                    memo.count_escaped()
                    name = Name(f"{_show(wire[offset:position].lower())}.{text[target - base :]}")
            memo.names = count = memo.names + 1
            if (len(name) <= MAX_NAME or memo.has_room()) and count <= MAX_NAMES:
                if dots < 0:
                    memo[target] = name, target, known[2], hops, reach, stop
                elif offset < _POINTER_REACH:
                    memo[offset] = name, offset, close, hops + 1, stop, after
                return name, after
    raise MessageFormatError(f"no valid name at offset {offset}")


def read_cased_name(wire: bytes, offset: int, memo: NameMemo | None = None, end: int | None = None) -> tuple[str, int]:
    """The text of the name at `offset` in the letters that it has there, and the offset behind it.

    What is compressed has small letters. Raises MessageFormatError.
    """
    name, after = read_name(wire, offset, memo, end)
    part = wire[offset:after]
    # No length is a letter.
    if part == part.lower():
        return str(name), after
    text = f"{part[1:-1].translate(_TO_CASED_TEXT).decode('latin-1')}."
    if text.lower() == name:
        return text, after
    shown = _shown(part)
    # What ends with a pointer does not end with the root's dot.
    return "".join(shown[1:]) if shown[-1] == "." else str(name), after


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


_END: _Entry = _ROOT, -1, 1, -1, 0, 0
# How a name goes on that takes no pointer: with the root, which nothing leads to.

_PLAIN = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_"
_DOT = ord(".")
_LONG_LABEL = 45
# Below this, the length of a label is no plain character, so that it may be taken for the dot it becomes.
_TO_CASED_TEXT = bytes(ord(".") if 0 < byte < _LONG_LABEL else byte if byte in _PLAIN else 0xFF for byte in range(256))
_TO_TEXT = _TO_CASED_TEXT.lower()
# Make text of labels and their lengths; what is not plain, and so may need an escape, becomes what is not ASCII.


def _read_tail(wire: bytes, target: int, memo: NameMemo) -> _Entry | None:
    """What is known of the name at a pointer's target, after looking; all that is passed is remembered.

    What is settled for a place does not depend on the way there, so no place is ever passed twice.
    """
    parts, entry = _follow(wire, target, memo)
    run, position = parts.pop()
    if run:
        entry = _through_labels(wire, run, position, entry, memo)
        position = run[0]
    for run, start in reversed(parts):
        if entry is not None:
            text, base, close, hops, _, end = entry
            shift = start - position
            valid = hops < MAX_HOPS and end <= start
            entry = (text, base + shift, close + shift, hops + 1, end, start + 2) if valid else None
        if run:
            entry = _through_labels(wire, run, start, entry, memo)
            position = run[0]
        else:
            memo[start] = entry
            position = start
    return entry


def _follow(wire: bytes, position: int, memo: NameMemo) -> tuple[list[tuple[list[int], int]], _Entry | None]:
    """Where the labels of each part of a name start and where they end, and what is known of the end of the last.

    Each part but the last ends with a pointer to the next; the last ends with the root, nonsense, or something known.
    """
    parts: list[tuple[list[int], int]] = []
    entry: _Entry | None = None
    run: list[int] = []
    length = 0
    try:
        while memo.detours <= MAX_DETOURS:
            while position not in memo and 0 < (length := wire[position]) < 0x40:
                run.append(position)
                position += 1 + length
            if position in memo:
                entry = memo[position]
                break
            if not length:
                entry = memo[position] = _ROOT, position - 1, position + 1, 0, 0, position + 1
                break
            if length < 0xC0:
                break
            target = (length & 0x3F) << 8 | wire[position + 1]
            memo.detours += 1
            parts.append((run, position))
            # Who comes here again goes round in a circle.
            memo[run[0] if run else position] = None
            position, run = target, []
    except IndexError:
        pass
    parts.append((run, position))
    return parts, entry


def _through_labels(wire: bytes, run: list[int], stop: int, entry: _Entry | None, memo: NameMemo) -> _Entry | None:
    """Settle the places of labels that stand before the name of `entry`, which starts at `stop`; the first's entry."""
    if entry is None:
        memo.update(dict.fromkeys(run))
        return None
    text, base, close, hops, reach, end = entry
    first, rest = run[0], text[stop - base :]
    # What starts before is too long, or overlaps what its pointer leads to.
    least = max(reach, close - MAX_NAME)
    if first < least:
        memo.update(dict.fromkeys(run))
    head = wire[first + 1 : stop].translate(_TO_TEXT)
    is_short = stop - first < _LONG_LABEL or max(map(wire.__getitem__, run)) < _LONG_LABEL
    if is_short and head.isascii() and head.count(_DOT) == len(run) - 1:
        entry = Name(f"{head.decode()}.{rest}"), first, close, hops, reach, end
        memo.update(dict.fromkeys(run if first >= least else [start for start in run if start >= least], entry))
        return memo[first]
    shown = _shown(wire[first:stop].lower())
    whole = Name(f"{''.join(shown[1:])}.{rest}")
    ends = list(accumulate(map(len, shown)))
    for start in run:
        if start >= least:
            memo[start] = whole, start - ends[start - first] + 1, close, hops, reach, end
    return memo[first]


def _show(part: bytes) -> str:
    """The text of labels."""
    if len(part) == 1 + part[0]:
        return "".join([BYTES_SHOWN[byte] for byte in part[1:]])
    return "".join(_shown(part)[1:])


def _shown(part: bytes) -> list[str]:
    """Byte for byte, the text of labels; the length of each is the dot before it."""
    shown = list(map(BYTES_SHOWN.__getitem__, part))
    position = 0
    while position < len(part):
        shown[position] = "."
        position += 1 + part[position]
    return shown
