"""What the worst messages cost: each is parsed, answered from, read and shown as a whole, beside ordinary ones.

python benchmarks/bombs.py [--repeat 15] [--only rp,nsec]

An ordinary message is the median of ORDINARY: kinds of messages as real servers fill 64 KiB, from the addresses of one
name to a piece of a signed zone. `read` is all that a resolver does with a message: parse it, make the answer with its
aliases, read every record's name and data, the questions and what EDNS says. `shown` is that, and the text of all. The
ratios are to the median of the same. `first` is the first reading in the process, when numbers that have no name are
met for the first time. A message without records was refused, as a whole or when the section that they are in was read.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import itertools
import struct
import time
from statistics import median
from typing import Any

import results
from bomb_messages import ASKED, BOMBS, ZONE, Builder, Rows, message, row

from aioresolver.answer import Answer
from aioresolver.errors import MessageFormatError
from aioresolver.wire.codes import RRType as T
from aioresolver.wire.message import Message, Record

LARGE, SMALL = 65_535, 1232
# So many of the bombs are in the table.
SHOWN = 6


# ---- ordinary messages


def of(rows: Rows) -> Builder:
    """Messages of the same rows; a row is told by its number."""
    kept = list(itertools.islice(rows, 6000))
    return lambda size: message(size, kept)


def addresses() -> Rows:
    return (row(ASKED, T.A, struct.pack(">I", 0x0A000000 + i)) for i in itertools.count())


def mixed() -> Rows:
    for i in itertools.count():
        text = b"v=spf1 include:_spf%04d.example.org -all" % i
        yield row(b"\5a%04d" % i + ZONE, T.A, struct.pack(">I", 0x0A000000 + i))
        yield row(b"\5b%04d" % i + ZONE, T.AAAA, b"\x20\1\x0d\xb8" + bytes(10) + struct.pack(">H", i))
        yield row(b"\5c%04d" % i + ZONE, T.MX, b"\0\12\6mx%04d" % i + ZONE)
        yield row(b"\5d%04d" % i + ZONE, T.TXT, bytes((len(text),)) + text)
        yield row(b"\5e%04d" % i + ZONE, T.CNAME, b"\5f%04d" % i + ZONE)


def delegations() -> Rows:
    """A zone of nothing but delegations, with glue."""
    for i in itertools.count():
        owner = b"\x09domain%03d" % (i % 1000) + ZONE
        yield row(owner, T.NS, b"\3ns1\7hosting\3net\0")
        yield row(owner, T.NS, b"\3ns2" + owner)
        yield row(b"\3ns2" + owner, T.A, struct.pack(">I", 0xC0000200 + i))


def mail() -> Rows:
    return (row(ASKED, T.MX, struct.pack(">H", i) + b"\6mx%04d" % i + ZONE) for i in itertools.count())


def texts() -> Rows:
    for i in itertools.count():
        yield row(ASKED, T.TXT, b"\x27v=spf1 include:_spf%04d.example.org -all" % i)
        yield row(ASKED, T.TXT, b"\xffv=DKIM1; k=rsa; p=" + b"A" * 237 + b"\x99" + b"B" * 153)


def signed() -> Rows:
    signature = struct.pack(">HBBIIIH", 1, 13, 3, 300, 1_800_000_000, 1_790_000_000, 12345) + b"\7example\3org\0"
    for i in itertools.count():
        owner = b"\5a%04d" % i + ZONE
        yield row(owner, T.A, struct.pack(">I", 0x0A000000 + i))
        yield row(owner, T.RRSIG, signature + bytes(range(64)))
        yield row(owner, T.NSEC, b"\5a%04d\7example\3org\0" % (i + 1) + b"\0\6\x40\0\0\0\0\3")
        yield row(owner, T.RRSIG, signature + bytes(range(64)))


def keys() -> Rows:
    return (
        row(ASKED, T.DNSKEY, b"\1\0\3\x08" + bytes(range(256)) + bytes((i & 255, i >> 8))) for i in itertools.count()
    )


def services() -> Rows:
    """Services that are browsed: spaces in names, and targets in full."""
    for i in itertools.count():
        name = b"\x14Printer in room %04d\5_http\4_tcp\7example\3org\0" % i
        yield row(b"\5_http\4_tcp" + ZONE, T.PTR, name)
        yield row(name, T.SRV, b"\0\0\0\0\x1f\x90\x08host%04d\7example\3org\0" % i)
        yield row(name, T.TXT, b"\x09txtvers=1\x08path=/ix")


def reverse() -> Rows:
    for i in itertools.count():
        octets = str(i % 256).encode(), str(i // 256).encode()
        owner = b"".join(bytes((len(octet),)) + octet for octet in octets) + b"\x012\x010\x03192"
        yield row(owner + ZONE, T.PTR, b"\x09host-%04d" % i + ZONE)


def long_names() -> Rows:
    """A piece of a zone transfer by a server that compresses nothing."""
    for i in itertools.count():
        name = b"\x10instance-%07d\x09us-east-1\7compute\x08internal\7example\3org\0" % i
        yield row(name, T.CNAME, b"\2ip" + name)


def endpoints() -> Rows:
    params = b"\0\1\0\6\2h3\2h2" + b"\0\4\0\x08" + bytes(range(8)) + b"\0\6\0\x10" + bytes(range(16))
    return (row(b"\5a%04d" % i + ZONE, T.HTTPS, b"\0\1\0" + params) for i in itertools.count())


ORDINARY: dict[str, Builder] = {
    rows.__name__.replace("_", "-"): of(rows())
    for rows in (addresses, mixed, delegations, mail, texts, signed, keys, services, reverse, long_names, endpoints)
}


# ---- measuring


def read(wire: bytes) -> list[Record]:
    """Do all that a resolver does with a message; the records that could be read."""
    records: list[Record] = []
    try:
        message = Message.parse(wire)
        question = message.question[0] if message.question else None
    except MessageFormatError:
        return records
    if (edns := message.edns) is not None:
        _ = edns.extended_errors, edns.nsid
    if question is not None:
        with contextlib.suppress(MessageFormatError):
            answer = Answer[object].of(question, message, now=0.0)
            _ = answer.data, answer.aliases, answer.total
    for section in ("answer", "authority", "additional"):
        try:
            records += getattr(message, section)
        except MessageFormatError:
            continue
    for record in records:
        try:
            _ = record.name, record.data
        except MessageFormatError:
            continue
    return records


def show(wire: bytes) -> int:
    """Read, and make text of it all; how many characters."""
    return sum(len(str(record)) for record in read(wire))


def cost(action: object, wire: bytes) -> float:
    """Milliseconds."""
    gc.collect()
    began = time.process_time()
    action(wire)
    return (time.process_time() - began) * 1e3


def measure(wires: dict[str, bytes], repeat: int) -> tuple[dict[str, float], dict[str, float], dict[str, float]]:
    """Of each message, the first reading, the best, and the best showing, in milliseconds."""
    first = {name: cost(read, wire) for name, wire in wires.items()}
    # In turns, so that what else the machine does strikes all alike.
    turns = [{name: (cost(read, wire), cost(show, wire)) for name, wire in wires.items()} for _ in range(repeat)]
    best = [{name: min(turn[name][which] for turn in turns) for name in wires} for which in (0, 1)]
    return first, best[0], best[1]


def compared(chosen: list[str], repeat: int) -> dict[str, dict[str, Any]]:
    """Each message and what it costs in milliseconds, and how many times the ordinary one; the slowest bomb first."""
    builders = ORDINARY | {name: BOMBS[name] for name in chosen}
    large, small = ({name: build(size) for name, build in builders.items()} for size in (LARGE, SMALL))
    first, best, shown = measure(large, repeat)
    _, small_best, small_shown = measure(small, repeat)
    usual, usual_shown = (median(times[name] for name in ORDINARY) for times in (best, shown))
    rows: dict[str, dict[str, Any]] = {
        name: {
            "ordinary": name in ORDINARY,
            "records": len(read(large[name])),
            "first": first[name],
            "read": best[name],
            "read_ratio": best[name] / usual,
            "shown": shown[name],
            "shown_ratio": shown[name] / usual_shown,
            "small": max(small_best[name], small_shown[name]),
        }
        for name in builders
    }
    return dict(sorted(rows.items(), key=lambda item: (not item[1]["ordinary"], -slowness(item[1]))))


def slowness(costs: dict[str, Any]) -> float:
    """How many times the ordinary message, read or shown."""
    return float(max(costs["read_ratio"], costs["shown_ratio"]))


def table(rows: dict[str, dict[str, Any]]) -> str:
    """The ordinary message, and the slowest of the bombs, as Markdown."""
    ordinary, bombs = ({n: r for n, r in rows.items() if r["ordinary"] is kind} for kind in (True, False))
    slowest = max(bombs, key=lambda name: bombs[name]["small"])
    usual = {key: median(row[key] for row in ordinary.values()) for key in ("records", "read", "shown", "small")}
    usual |= {"read_ratio": 1, "shown_ratio": 1}
    lines = [
        "| message | records | read, ms | to ordinary | shown, ms | to ordinary | 1,232 bytes, ms |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    lines += [
        f"| {name} | {costs['records']:,} | {costs['read']:.1f} | {costs['read_ratio']:.2f} × | {costs['shown']:.1f}"
        f" | {costs['shown_ratio']:.2f} × | {costs['small']:.2f} |"
        for name, costs in [(f"ordinary: the median of {len(ordinary)} kinds", usual), *bombs.items()][: SHOWN + 1]
    ]
    lines.append(
        f"\nOf {len(bombs)} kinds the {SHOWN} slowest. Of messages of 1,232 bytes the slowest is `{slowest}`:"
        f" {bombs[slowest]['small']:.2f} ms."
    )
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeat", type=int, default=15, help="how often each is read")
    parser.add_argument("--only", default="", help="some of the bombs, with commas between")
    results.add_option(parser)
    settings = parser.parse_args()
    rows = compared(settings.only.split(",") if settings.only else list(BOMBS), settings.repeat)
    results.save(settings.save, "bombs", rows)
    print(f"{'64 KiB':32} records    first     read    ratio    shown    ratio   1232 bytes")
    for name, costs in rows.items():
        print(
            f"{name:32} {costs['records']:7} {costs['first']:8.1f} {costs['read']:8.1f} {costs['read_ratio']:8.2f}"
            f" {costs['shown']:8.1f} {costs['shown_ratio']:8.2f} {costs['small']:9.2f} ms"
        )


if __name__ == "__main__":
    main()
