"""A made-up internet for real servers, as the text of an Internet, and questions about it. All by a seed.

The third number of an address is the program that serves there (see `real_servers.py`): 127.1.4.1 is the fifth.
"""

from __future__ import annotations

from random import Random
from typing import Any

SKELETON = """
$TTL 3600
$ORIGIN .
@        NS    a.root.
@        NS    b.root.
a.root.  A     127.1.0.1
b.root.  A     127.1.0.2

$ORIGIN alpha.
@        NS    ns1
@        NS    ns2
ns1      A     127.1.1.1
ns2      A     127.1.2.1
moved    DNAME shop
gone     DNAME nowhere.beta.
; Two zones that lead to each other, and one whose server nobody knows.
left     NS    ns.right.beta.
blank    NS    ns.blank

$ORIGIN beta.
@        NS    ns1
@        NS    ns2
ns1      A     127.1.1.1
ns2      A     127.1.2.1
right    NS    ns.left.alpha.
; One server is lame, and the good one has an address that leads nowhere.
half     NS    good.half
half     NS    lame.half
good.half A    127.1.4.1
good.half AAAA 2001:db8::1
lame.half A    127.1.3.1
; The broken zone: one server is lame, to the other no way leads.
broken   NS    lame.broken
broken   NS    dead.broken
lame.broken A  127.1.3.1
dead.broken A  192.0.2.66

$ORIGIN shop.alpha.
@        NS    ns1
@        NS    ns2
ns1      A     127.1.3.1
ns2      A     127.1.4.1
; A child whose server knows nothing of it.
lame     NS    ns1.hoster.beta.

$ORIGIN hoster.beta.
@        NS    ns1
ns1      A     127.1.5.1
ns2      A     127.1.4.1

$ORIGIN bank.alpha.
@        NS    ns1.hoster.beta.
@        NS    ns2.hoster.beta.

$ORIGIN deep.shop.alpha.
@        NS    ns
ns       A     127.1.5.1

$ORIGIN half.beta.
@        NS    good
good     A     127.1.4.1
         AAAA  2001:db8::1

$ORIGIN kid.half.beta.
@        NS    ns1.shop.alpha.
"""
LEAVES = ("shop.alpha.", "bank.alpha.", "hoster.beta.", "deep.shop.alpha.", "half.beta.", "kid.half.beta.")
BEYOND = ("broken.beta.", "left.alpha.", "right.beta.", "blank.alpha.", "lame.shop.alpha.", "gone.alpha.")
TYPES = ("A", "A", "A", "AAAA", "TXT", "MX", "CNAME", "NS", "SOA", "DNAME")
NAMES_IN_ZONE = 90


def internet_text(seed: int) -> str:
    """The skeleton, and in each leaf hosts, aliases, wildcards, substitutions and names that are only on the way."""
    random = Random(seed)
    return SKELETON + "\n".join(_leaf(random, origin) for origin in LEAVES)


def questions(seed: int, zones: dict[Any, Any], count: int) -> list[tuple[str, str]]:
    """So many different questions: about names that are there, below them, beside them, and in what is broken."""
    random = Random(seed + 1)
    known = [str(record.name) for zone in zones.values() for record in zone.records]
    found: dict[tuple[str, str], None] = {}
    while len(found) < count:
        name = random.choice(known).replace("*", random.choice(("any", "*", "of.any")))
        chance = random.random()
        if chance < 0.08:
            name = f"{random.choice(('x', 'www', 'a.b', '_x._tcp'))}.{random.choice(LEAVES + BEYOND)}"
        elif chance < 0.16:
            name = f"{random.choice(('x', 'www', 'a.b.c', 'h1'))}.{name}".replace("..", ".")
        elif chance < 0.26:
            name = name.partition(".")[2] or "."
        elif chance < 0.34:
            name = f"{random.choice(('h', 'a', 'w', 'd'))}{random.randrange(300)}.{random.choice(LEAVES)}"
        elif chance < 0.42:
            name = f"{random.choice(('h', 'a', 'x.w', 'x.d', 'y.x.d'))}{random.randrange(NAMES_IN_ZONE)}.moved.alpha."
        found[name, random.choice(TYPES)] = None
    return list(found)


def _leaf(random: Random, origin: str) -> str:
    lines = [f"$ORIGIN {origin}"]
    for number in range(NAMES_IN_ZONE):
        kind = random.choice(KINDS)
        lines += [f"{left} {right}" for left, right in kind(random, number)]
    return "\n".join(lines) + "\n"


def _host(random: Random, number: int) -> list[tuple[str, str]]:
    lines = [(f"h{number}", f"A 198.51.100.{random.randrange(256)}") for _ in range(random.randint(1, 3))]
    if random.random() < 0.4:
        lines.append((f"h{number}", f"AAAA 2001:db8::{random.randrange(1, 9999):x}"))
    if random.random() < 0.3:
        lines.append((f"h{number}", f'TXT "{"text " * random.randint(1, 40)}" "two"'))
    if random.random() < 0.3:
        lines.append((f"h{number}", f"MX {random.randrange(3)}0 {_anywhere(random)}"))
    return lines


def _alias(random: Random, number: int) -> list[tuple[str, str]]:
    return [(f"a{number}", f"CNAME {_anywhere(random)}")]


def _loop(random: Random, number: int) -> list[tuple[str, str]]:
    return [(f"l{number}", f"CNAME k{number}"), (f"k{number}", f"CNAME l{number}")]


def _wildcard(random: Random, number: int) -> list[tuple[str, str]]:
    what = random.choice(("A 203.0.113.9", 'TXT "wild"', f"CNAME {_anywhere(random)}", "MX 5 h1"))
    lines = [(f"*.w{number}", what)]
    if random.random() < 0.5:
        lines.append((f"h{random.randrange(5)}.w{number}", "A 203.0.113.10"))
    if random.random() < 0.3:
        lines.append((f"deeper.any.w{number}", "A 203.0.113.11"))  # so that any.w is there, and nothing in it
    return lines


def _empty(random: Random, number: int) -> list[tuple[str, str]]:
    return [(f"a.b.c.e{number}", "A 203.0.113.12"), (f"_sip._tcp.e{number}", "SRV 0 0 1 h1")]


def _substitution(random: Random, number: int) -> list[tuple[str, str]]:
    lines = [(f"d{number}", f"DNAME {random.choice((*LEAVES, *BEYOND, f'w{number}', 'moved.alpha.'))}")]
    if random.random() < 0.3:
        lines.append((f"d{number}", "A 203.0.113.13"))
    return lines


def _anywhere(random: Random) -> str:
    """A name to point at: here or in another zone, there or not, by whatever way."""
    label = random.choice(("h", "h", "h", "a", "x.w", "x.d", "b.c.e", "e", "none", "l"))
    zone = random.choice(("", "", *(f".{leaf}" for leaf in LEAVES), ".moved.alpha.", ".broken.beta.", ".left.alpha."))
    return f"{label}{random.randrange(NAMES_IN_ZONE)}{zone}"


KINDS = (_host, _host, _host, _host, _alias, _alias, _alias, _loop, _wildcard, _wildcard, _empty, _substitution)
