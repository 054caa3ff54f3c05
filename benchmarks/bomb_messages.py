"""Messages made to be slow to read, by kind; `bombs.py` measures them.

A builder makes a message of a size. Each takes some feature of the format to where it costs most for its bytes.
"""

from __future__ import annotations

import itertools
import struct
from collections.abc import Callable, Iterable, Iterator

from aioresolver.wire.codes import RRType as T
from aioresolver.wire.layout import MAX_INVOLVED, MAX_OTHERS, MAX_RARE, MAX_RECORDS

__all__ = ["ASKED", "BOMBS", "HEADER", "QUESTION", "ZONE", "Builder", "Rows", "message", "row"]

REACH = 0x4000
HEADER = 12
QUESTION = b"\3www\7example\3org\0\0\1\0\1"
ASKED = b"\xc0\x0c"
ZONE = b"\xc0\x10"
PRIVATE = 65280
LIGHT = (T.A, T.AAAA, T.NS, T.CNAME, T.PTR, T.MX, T.TXT, T.SRV)
PLAIN, BINARY, SHORT = b"\1a" * 125 + b"\0", b"\1\xff" * 125 + b"\0", b"\1\xff" * 40 + b"\0"

Rows = Iterator[bytes]
Builder = Callable[[int], bytes]


def pointer(target: int) -> bytes:
    return struct.pack(">H", 0xC000 | target)


def row(owner: bytes, rrtype: int, data: bytes, rrclass: int = 1) -> bytes:
    return owner + struct.pack(">HHIH", rrtype, rrclass, 300, len(data)) + data


ADDRESS = row(b"\0", T.A, b"\n\0\0\1")


def message(size: int, rows: Iterable[bytes], questions: bytes = QUESTION, count: int = 1, section: int = 0) -> bytes:
    """As many of the rows as go into `size` bytes and are not refused; what room is left then has aliases."""
    body: list[bytes] = []
    room = size - HEADER - len(questions)
    involved = others = rare = 0
    filler = row(b"\1x" + ZONE, T.CNAME, b"\1y" + ZONE)
    for record in rows:
        rare += type_of(record) in (T.SOA, T.RP, T.LOC)
        chosen = record if rare < MAX_RARE else filler
        involved += type_of(chosen) not in LIGHT
        chosen = chosen if involved < MAX_INVOLVED else filler
        others += type_of(chosen) != T.A
        chosen = chosen if others < MAX_OTHERS else ADDRESS
        if len(body) == MAX_RECORDS or (room := room - len(chosen)) < 0:
            break
        body.append(chosen)
    counts = [0, 0, 0]
    counts[section] = len(body)
    return struct.pack(">HHHHHH", 1, 0x8180, count, *counts) + questions + b"".join(body)


def type_of(record: bytes) -> int:
    """The type of a row."""
    position = 0
    while 0 < record[position] < 0x40:
        position += 1 + record[position]
    position += 2 if record[position] else 1
    return int.from_bytes(record[position : position + 2], "big")


# ---- names


def over(body: bytes, starts: Iterable[int], fill: Callable[[list[bytes]], bytes]) -> Builder:
    """A first record with `body` for data, then records that are made of pointers to `starts` in it."""

    def build(size: int) -> bytes:
        offset = HEADER + len(QUESTION) + 12
        held = body[: size // 2]
        first = row(ASKED, PRIVATE, held)
        targets = [pointer(offset + start) for start in starts if start < len(held) and offset + start < REACH]
        many = len(targets)
        others = (fill([targets[i * step % many] for step in (1, 31, 17)]) for i in itertools.count(1))
        return message(size, itertools.chain([first], others))

    return build


def inside(unit: bytes, count: int = 64) -> list[int]:
    """Where the labels of a byte are in so many copies of a name."""
    return [copy * len(unit) + place for copy in range(count) for place in range(0, len(unit) - 1, 2)]


def pointers(depth: int) -> bytes:
    """A name, and thousands of pointers, each to the one before, so many in a row."""
    body = bytearray(b"\1a\0")
    start = HEADER + len(QUESTION) + 12
    for number in range(8000):
        body += pointer(start + (len(body) - 2 if number % depth else 0))
    return bytes(body)


def links(depth: int, unit: bytes = b"\1a", most: int = REACH) -> tuple[bytes, list[int]]:
    """Labels of a byte, each before a pointer to the one before, so many in a row; and where they are."""
    body, start, starts = bytearray(b"\0"), HEADER + len(QUESTION) + 12, [0]
    while len(body) < REACH and len(starts) < most:
        previous = starts[-1] if len(starts) % depth else 0
        starts.append(len(body))
        body += unit + pointer(start + previous)
    return bytes(body), starts


# ---- floods of small things


def flood(record: bytes) -> Builder:
    return lambda size: message(size, itertools.repeat(record))


def filled(rrtype: int, head: bytes, item: bytes) -> Builder:
    """One record, or as few as go, with as many items in its data as go."""

    def build(size: int) -> bytes:
        room = size - HEADER - len(QUESTION) - 12 - len(head)
        return message(size, [row(ASKED, rrtype, head + item * (room // len(item)))])

    return build


def questions(size: int) -> bytes:
    count = (size - HEADER) // 5
    return message(size, [], b"\0\0\1\0\1" * count, count)


def a_few_questions(size: int) -> bytes:
    count = min(size // 10, 256)
    return message(size, [], b"\1a\0\0\1\0\1" + (b"\1b" + ASKED + b"\0\1\0\1") * (count - 1), count)


def unnamed_types(size: int) -> bytes:
    return message(size, (row(b"\0", 20_000 + i, b"abcde", i) for i in itertools.count()))


def options(size: int) -> bytes:
    room = (size - HEADER - len(QUESTION) - 11) // 4
    return message(size, [row(b"\0", T.OPT, b"".join(struct.pack(">HH", i, 0) for i in range(room)))], section=2)


def params(size: int) -> bytes:
    room = (size - HEADER - len(QUESTION) - 15) // 4
    return message(
        size, [row(ASKED, T.SVCB, b"\0\1\0" + b"".join(struct.pack(">HH", 100 + i, 0) for i in range(room)))]
    )


def mandatory(size: int) -> bytes:
    room = (size - HEADER - len(QUESTION) - 30) // 6 - 4
    keys = b"".join(struct.pack(">H", 1000 + i) for i in range(room))
    rest = b"".join(struct.pack(">HH", 1000 + i, 0) for i in range(room))
    return message(size, [row(ASKED, T.SVCB, b"\0\1\0" + struct.pack(">HH", 0, len(keys)) + keys + rest)])


def mandatory_alone(size: int) -> bytes:
    keys = b"".join(struct.pack(">H", 30_000 + i) for i in range((size - HEADER - len(QUESTION) - 40) // 2))
    return message(size, [row(ASKED, T.SVCB, b"\0\1\0" + struct.pack(">HH", 0, len(keys)) + keys)])


def protocols(size: int) -> bytes:
    data = b"\1h" * ((size - HEADER - len(QUESTION) - 19) // 2)
    return message(size, [row(ASKED, T.SVCB, b"\0\1\0" + struct.pack(">HH", 1, len(data)) + data)])


def errors(size: int) -> bytes:
    """Extended errors, each with a code of its own."""
    room = (size - HEADER - len(QUESTION) - 11) // 6
    return message(
        size, [row(b"\0", T.OPT, b"".join(struct.pack(">HHH", T_EDE, 2, 100 + i) for i in range(room)))], section=2
    )


def opt_records(size: int) -> bytes:
    return message(size, itertools.repeat(row(b"\0", T.OPT, b"")), section=2)


# ---- aliases


def aliases(length: int, *, last: bool, filler: bytes) -> Builder:
    """Aliases in the reverse of the order in which they are followed, before or behind as much of the filler as goes."""

    def build(size: int) -> bytes:
        owners = [b"\1w", *(b"\2%c%c" % (97 + i // 26, 97 + i % 26) for i in range(length))]
        first = QUESTION[:-4]
        chain = [
            row(first if i == 0 else owners[i] + ZONE, T.CNAME, owners[i + 1] + ZONE) for i in reversed(range(length))
        ]
        used = sum(map(len, chain))
        others = [filler] * ((size - HEADER - len(QUESTION) - used) // len(filler))
        return message(size, [*others, *chain] if last else [*chain, *others])

    return build


def shuffled_aliases(size: int) -> bytes:
    """Thousands of aliases, of which each leads to another."""
    names = [b"\3%c%c%c" % (97 + i // 676, 97 + i // 26 % 26, 97 + i % 26) + ZONE for i in range(3000)]
    steps = [row(names[i * 7 % 3000], T.CNAME, names[(i * 7 + 1) % 3000]) for i in range(3000)]
    return message(size, [row(ASKED, T.CNAME, names[0]), *steps])


def dnames(size: int) -> bytes:
    """Thousands of DNAMEs, none of which is above the name, and aliases behind them."""
    rows = [row(b"\2%c%c" % (97 + i // 26 % 26, 97 + i % 26) + ZONE, T.DNAME, b"\0") for i in range(3300)]
    chain = [row(b"\1%c" % (97 + i) + ZONE, T.CNAME, b"\1%c" % (98 + i) + ZONE) for i in reversed(range(14))]
    count = (size - HEADER - len(QUESTION) - 18 * 16) // len(rows[0])
    return message(size, [*rows[:count], *chain, row(ASKED, T.CNAME, b"\1a" + ZONE)])


def denied(size: int) -> bytes:
    """SOA records by the thousand, in the authority section."""
    return message(size, itertools.repeat(row(b"\0", T.SOA, bytes(22))), section=1)


T_EDE = 15
WINDOWS = b"".join(bytes((window, 1, 255)) for window in range(256))
ALL_TYPES = b"".join(bytes((window, 32)) + b"\xff" * 32 for window in range(256))
NAPTR_DATA = b"\0\1\0\1\0\0\0\0"
BOMBS: dict[str, Builder] = {
    "a-name-of-127-labels-everywhere": over(PLAIN * 64, inside(PLAIN), lambda p: row(p[0], T.MX, b"\0\1" + p[1])),
    "label-and-pointer": over(PLAIN * 64, inside(PLAIN), lambda p: row(b"\1x" + p[0], T.CNAME, b"\1y" + p[1])),
    "binary-names": over(BINARY * 64, inside(BINARY), lambda p: row(p[0], T.MX, b"\0\1" + p[1])),
    "binary-label-and-pointer": over(BINARY * 64, [0], lambda p: row(b"\1\1" + p[0], T.CNAME, b"\1\2" + p[1])),
    "rp-of-the-zone": flood(row(b"\1x" + ZONE, T.RP, b"\1y" + ZONE + b"\1z" + ZONE)),
    "rp": over(PLAIN * 64, inside(PLAIN), lambda p: row(b"\1x" + p[0], T.RP, b"\1y" + p[1] + b"\1z" + p[2])),
    "binary-rp": over(BINARY * 64, [0], lambda p: row(b"\1\1" + p[0], T.RP, b"\1\2" + p[1] + b"\1\3" + p[2])),
    "binary-rp-of-all-names": over(
        BINARY * 64, inside(BINARY), lambda p: row(b"\1\1" + p[0], T.RP, b"\1\2" + p[1] + b"\1\3" + p[2])
    ),
    "binary-rp-in-data": over(BINARY * 64, inside(BINARY), lambda p: row(b"\0", T.RP, b"\1\2" + p[1] + b"\1\3" + p[2])),
    "short-binary-rp": over(
        SHORT * 200, inside(SHORT, 200), lambda p: row(b"\1\1" + p[0], T.RP, b"\1\2" + p[1] + b"\1\3" + p[2])
    ),
    "binary-mx": over(SHORT * 200, inside(SHORT, 200), lambda p: row(b"\1\1" + p[0], T.MX, b"\0\1" + b"\1\2" + p[1])),
    "binary-cname": over(SHORT * 200, inside(SHORT, 200), lambda p: row(b"\1\1" + p[0], T.CNAME, b"\1\2" + p[1])),
    "long-cname": over(PLAIN * 64, [0], lambda p: row(b"\1x" + p[0], T.CNAME, b"\1y" + p[0])),
    "1000-links-cname": over(*links(15, most=1000), lambda p: row(b"\1x" + p[0], T.CNAME, b"\1y" + p[1])),
    "srv": over(PLAIN * 64, inside(PLAIN), lambda p: row(b"\1x" + p[0], T.SRV, bytes(6) + b"\1y" + p[1])),
    "signers": over(PLAIN * 64, inside(PLAIN), lambda p: row(p[0], T.RRSIG, bytes(18) + p[1] + b"x")),
    "binary-nsec": over(BINARY * 64, [0], lambda p: row(b"\0", T.NSEC, b"\1Z" + p[1])),
    "binary-srv": over(BINARY * 64, [0], lambda p: row(b"\1\1" + p[0], T.SRV, b"\0\0\0\0\0\0\1\2" + p[1])),
    "15-pointers": over(pointers(15), range(3, 16_003, 2), lambda p: row(p[0], T.MX, b"\0\1" + p[1])),
    "126-pointers": over(pointers(126), range(3, 16_003, 2), lambda p: row(b"\0", T.MX, b"\0\1" + p[1])),
    "15-links": over(*links(15), lambda p: row(b"\1x" + p[0], T.RP, b"\1y" + p[1] + b"\1z" + p[2])),
    "15-links-in-data": over(*links(15), lambda p: row(b"\0", T.RP, b"\1y" + p[1] + b"\1z" + p[2])),
    "1000-links": over(*links(15, most=1000), lambda p: row(b"\1x" + p[0], T.RP, b"\1y" + p[1] + b"\1z" + p[2])),
    "15-binary-links": over(
        *links(15, b"\x0e" + b"\xff" * 14), lambda p: row(b"\1x" + p[0], T.RP, b"\1y" + p[1] + b"\1z" + p[2])
    ),
    "126-links": over(*links(126), lambda p: row(b"\0", T.RP, p[1] + p[2])),
    "126-links-in-owners": over(*links(126), lambda p: row(p[0], T.RP, p[1] + p[2])),
    "labels-without-end": over(b"\1a" * 8100, range(0, 16_200, 2), lambda p: row(b"\0", T.CNAME, p[1])),
    "names-in-place": flood(row(b"\1a" * 127 + b"\0", T.MX, b"\0\1" + b"\1b" * 127 + b"\0")),
    "dots-in-place": flood(row(b"\1." * 127 + b"\0", T.CNAME, b"\1." * 127 + b"\0")),
    "nsec-in-capitals": flood(row(b"\0", T.NSEC, b"\1A\1\xff" * 63 + b"\0")),
    "questions": questions,
    "256-questions": a_few_questions,
    "empty": flood(row(b"\0", PRIVATE, b"")),
    "private": flood(row(b"\0", PRIVATE, b"abcde")),
    "unnamed-types": unnamed_types,
    "malformed": flood(row(b"\0", T.A, b"abcde")),
    "malformed-names": flood(row(b"\0", T.CNAME, b"\3abc\1")),
    "malformed-mx": flood(row(b"\0", T.MX, b"\0\1\2ab")),
    "malformed-svcb": flood(row(b"\0", T.SVCB, b"\0\1\0\0\1")),
    "txt": filled(T.TXT, b"", b"\0"),
    "txt-of-five": flood(row(b"\0", T.TXT, bytes(5))),
    "options": options,
    "nsec": flood(row(b"\0", T.NSEC, b"\0" + ALL_TYPES)),
    "nsec-of-many-windows": flood(row(b"\0", T.NSEC, b"\0" + WINDOWS)),
    "nsec-of-one": flood(row(b"\0", T.NSEC, b"\0\0\2\1\x40")),
    "nsec-in-few-capitals": flood(row(b"\0", T.NSEC, b"\1Z\0\0\1\x40")),
    "nsec3": flood(row(b"\0", T.NSEC3, b"\1\0\0\0\0\1x" + WINDOWS)),
    "loc": flood(row(b"\0", T.LOC, b"\0\x12\x16\x13" + b"\x80\0\0\0" * 3)),
    "soa": flood(row(b"\0", T.SOA, bytes(22))),
    "rrsig": flood(row(b"\0", T.RRSIG, bytes(19) + b"x")),
    "naptr": flood(row(b"\0", T.NAPTR, NAPTR_DATA)),
    "svcb": flood(row(b"\0", T.SVCB, b"\0\1\1a\0")),
    "svcb-no-default": flood(row(b"\0", T.SVCB, b"\0\1\0" + b"\0\1\0\2\1h" + b"\0\2\0\0")),
    "svcb-params": params,
    "svcb-mandatory": mandatory,
    "svcb-mandatory-alone": mandatory_alone,
    "svcb-alpn": protocols,
    "svcb-alpn-and-port": flood(row(b"\0", T.SVCB, b"\0\1\0" + b"\0\1\0\2\1h" + b"\0\2\0\0" + b"\0\3\0\2\0\1")),
    "extended-errors": errors,
    "many-opt": opt_records,
    "aliases-last": aliases(16, last=True, filler=row(ASKED, T.A, bytes(4))),
    "aliases-last-of-empty": aliases(16, last=True, filler=row(ZONE, PRIVATE, b"abcd")),
    "aliases-first": aliases(16, last=False, filler=row(ASKED, T.A, bytes(4))),
    "aliases-among-aliases": aliases(16, last=True, filler=row(ZONE, T.CNAME, b"\1x" + ZONE)),
    "aliases-without-end": aliases(600, last=True, filler=row(ASKED, T.A, bytes(4))),
    "shuffled-aliases": shuffled_aliases,
    "dnames": dnames,
    "denied": denied,
}
