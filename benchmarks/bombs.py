"""What the worst messages cost: each is parsed, and everything in it read, beside ordinary messages of its size.

python benchmarks/bombs.py [--repeat 15] [--only rp,nsec]

The ratios are to an ordinary message of 64 KiB: `mixed` has A, AAAA, MX, TXT and CNAME records, each with an owner of
its own; `addresses` has A records of one owner, the cheapest there are. `first` is the first reading in the process, when
the numbers that have no name are met for the first time. A message without records was refused, as a whole or when the
section that they are in was read.
"""

from __future__ import annotations

import argparse
import gc
import itertools
import struct
import time
from collections.abc import Callable, Iterable, Iterator

from aioresolver.errors import MessageFormatError
from aioresolver.wire.codes import RRType as T
from aioresolver.wire.message import Message

LARGE, SMALL = 65_535, 1232
REACH = 0x4000
HEADER = 12
QUESTION = b"\3www\7example\3org\0\0\1\0\1"
ASKED = b"\xc0\x0c"
ZONE = b"\xc0\x10"
PRIVATE = 65280
PLAIN, BINARY, SHORT = b"\1a" * 125 + b"\0", b"\1\xff" * 125 + b"\0", b"\1\xff" * 40 + b"\0"

Rows = Iterator[bytes]
Builder = Callable[[int], bytes]


def pointer(target: int) -> bytes:
    return struct.pack(">H", 0xC000 | target)


def row(owner: bytes, rrtype: int, data: bytes, rrclass: int = 1) -> bytes:
    return owner + struct.pack(">HHIH", rrtype, rrclass, 300, len(data)) + data


def message(size: int, rows: Iterable[bytes], questions: bytes = QUESTION, count: int = 1, section: int = 0) -> bytes:
    """As many of the rows as go into `size` bytes."""
    body: list[bytes] = []
    room = size - HEADER - len(questions)
    for record in rows:
        room -= len(record)
        if room < 0:
            break
        body.append(record)
    counts = [0, 0, 0]
    counts[section] = len(body)
    return struct.pack(">HHHHHH", 1, 0x8180, count, *counts) + questions + b"".join(body)


# ---- ordinary messages


def mixed(size: int) -> bytes:
    def rows() -> Rows:
        for i in itertools.count():
            text = b"v=spf1 include:_spf%04d.example.org -all" % i
            yield row(b"\5a%04d" % i + ZONE, T.A, struct.pack(">I", 0x0A000000 + i))
            yield row(b"\5b%04d" % i + ZONE, T.AAAA, b"\x20\1\x0d\xb8" + bytes(10) + struct.pack(">H", i))
            yield row(b"\5c%04d" % i + ZONE, T.MX, b"\0\12\6mx%04d" % i + ZONE)
            yield row(b"\5d%04d" % i + ZONE, T.TXT, bytes((len(text),)) + text)
            yield row(b"\5e%04d" % i + ZONE, T.CNAME, b"\5f%04d" % i + ZONE)

    return message(size, rows())


def addresses(size: int) -> bytes:
    return message(size, (row(ASKED, T.A, struct.pack(">I", 0x0A000000 + i)) for i in itertools.count()))


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
}


# ---- measuring


def read(wire: bytes) -> tuple[int, int]:
    """Read everything; how many records there are, and how many of them are malformed."""
    records = malformed = 0
    try:
        message = Message.parse(wire)
        _ = message.question, message.edns
    except MessageFormatError:
        return 0, 0
    for section in ("answer", "authority", "additional"):
        try:
            rows = getattr(message, section)
        except MessageFormatError:
            continue
        for record in rows:
            records += 1
            try:
                _ = record.name, record.data
            except MessageFormatError:
                malformed += 1
    return records, malformed


def cost(wire: bytes) -> float:
    """Milliseconds of one reading."""
    gc.collect()
    began = time.perf_counter()
    read(wire)
    return (time.perf_counter() - began) * 1e3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeat", type=int, default=15, help="how often each is read")
    parser.add_argument("--only", default="", help="some of the bombs, with commas between")
    settings = parser.parse_args()
    chosen = settings.only.split(",") if settings.only else list(BOMBS)

    builders = {"mixed": mixed, "addresses": addresses, **{name: BOMBS[name] for name in chosen}}
    large, small = ({name: build(size) for name, build in builders.items()} for size in (LARGE, SMALL))
    # In turns, so that what else the machine does strikes all alike.
    times = [({name: cost(large[name]) for name in builders}, {name: cost(small[name]) for name in builders})
             for _ in range(settings.repeat)]  # fmt: skip
    best, least = ({name: min(turn[which][name] for turn in times) for name in builders} for which in (0, 1))
    print(f"{'64 KiB':32} records malformed    first  best ms  x mixed    x A   1232 bytes")
    for name in builders:
        records, malformed = read(large[name])
        ratios = best[name] / best["mixed"], best[name] / best["addresses"]
        print(
            f"{name:32} {records:7} {malformed:9} {times[0][0][name]:8.1f} {best[name]:8.1f}"
            f" {ratios[0]:8.2f} {ratios[1]:6.2f} {least[name]:9.2f} ms"
        )


if __name__ == "__main__":
    main()
