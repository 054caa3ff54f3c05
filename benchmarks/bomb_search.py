"""Look for messages that are slower to read than those of `bomb_messages.py`.

python benchmarks/bomb_search.py [--seconds 60] [--seed 1]

A message is a body that names can point into, and a few kinds of rows that take turns. The slowest so far are changed a
little, again and again; what is slower than they are takes their place. Printed are the slowest at the end, as the ratio
to an ordinary message of their size, and what they are made of.
"""

from __future__ import annotations

import argparse
import itertools
import random
import time
from statistics import median
from typing import NamedTuple

from bomb_messages import BINARY, HEADER, PLAIN, PRIVATE, QUESTION, REACH, SHORT, links, message, pointer, pointers, row
from bombs import LARGE, ORDINARY, cost, read, show

from aioresolver.wire.codes import RRType
from aioresolver.wire.rdata import shapes

TYPES = [*(int(shape.type) for shape in shapes()), PRIVATE]
BODIES = {
    "plain": PLAIN * 64,
    "binary": BINARY * 64,
    "short": SHORT * 200,
    "links": links(15)[0],
    "thousand": links(15, most=1000)[0],
    "pointers": pointers(15),
    "labels": b"\1a" * 8100,
    "wide": (b"\x3f" + b"\xff" * 63) * 3 + b"\0",
    "none": b"\0",
}
PIECES = [b"", b"\0", b"\1x", b"\1\xff", b"\3a.b", b"\0\1", b"\0\0\0\1", b"\1a\1b", b"\x1f" + b"z" * 31, b"\0\1\x40",
          b"\0\1\0\2\1h", b"\xff" * 8, b"\0" * 18, b"\x0cabcdefghijkl"]  # fmt: skip
POINTER = -1

Kind = tuple[tuple[int, ...], int, tuple[int, ...]]
"""A row: what the owner is made of, the type, what the data is made of; numbers of PIECES, or a pointer."""


class Recipe(NamedTuple):
    """What a message is made of; the pointers go through the body in steps."""

    body: str
    step: int
    kinds: tuple[Kind, ...]


def build(recipe: Recipe) -> bytes:
    """The message of 64 KiB."""
    offset = HEADER + len(QUESTION) + 12
    held = BODIES[recipe.body]
    targets = itertools.count(0, recipe.step)
    span = min(len(held), REACH - offset - 2)

    def made(pieces: tuple[int, ...]) -> bytes:
        return b"".join(pointer(offset + next(targets) % span) if each == POINTER else PIECES[each] for each in pieces)

    def rows():
        yield row(b"\0", PRIVATE, held[: LARGE // 2])
        for owner, rrtype, data in itertools.cycle(recipe.kinds):
            name = made(owner)
            yield row(name if owner[-1:] in ((POINTER,), (1,)) else name + b"\0", rrtype, made(data))

    return message(LARGE, rows())


def some(chance: random.Random) -> tuple[int, ...]:
    return tuple(chance.choice([POINTER, POINTER, *range(len(PIECES))]) for _ in range(chance.randrange(4)))


def kind(chance: random.Random) -> Kind:
    owner = chance.choice([(1,), (POINTER,), (2, POINTER), (3, POINTER), (4, POINTER), (7, POINTER)])
    return owner, chance.choice(TYPES), some(chance)


def fresh(chance: random.Random) -> Recipe:
    kinds = tuple(kind(chance) for _ in range(chance.choice([1, 1, 2, 3])))
    return Recipe(chance.choice(list(BODIES)), chance.choice([2, 4, 31, 62]), kinds)


def changed(recipe: Recipe, chance: random.Random) -> Recipe:
    """The recipe with one thing different."""
    what = chance.randrange(5)
    if what == 0:
        return recipe._replace(body=chance.choice(list(BODIES)))
    if what == 1:
        return recipe._replace(step=chance.choice([1, 2, 3, 4, 6, 31, 62, 254]))
    place = chance.randrange(len(recipe.kinds))
    owner, rrtype, data = recipe.kinds[place]
    new = {2: (kind(chance)[0], rrtype, data), 3: (owner, chance.choice(TYPES), data), 4: (owner, rrtype, some(chance))}
    kinds = (*recipe.kinds[:place], new[what], *recipe.kinds[place + 1 :])
    return recipe._replace(kinds=(*kinds, kind(chance)) if len(kinds) < 3 and chance.random() < 0.1 else kinds)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=1)
    settings = parser.parse_args()
    chance = random.Random(settings.seed)
    ordinary = [maker(LARGE) for maker in ORDINARY.values()]
    usual, usual_shown = (
        median(min(cost(action, wire) for _ in range(5)) for wire in ordinary) for action in (read, show)
    )

    def ratio(recipe: Recipe) -> float:
        wire = build(recipe)
        return max(
            min(cost(read, wire) for _ in range(2)) / usual, min(cost(show, wire) for _ in range(2)) / usual_shown
        )

    best = sorted(((ratio(recipe), recipe) for recipe in (fresh(chance) for _ in range(60))), reverse=True)[:12]
    tried = 60
    ends = time.monotonic() + settings.seconds
    while time.monotonic() < ends:
        recipe = fresh(chance) if chance.random() < 0.2 else changed(chance.choice(best)[1], chance)
        tried += 1
        if recipe not in [known for _, known in best]:
            best = sorted([*best, (ratio(recipe), recipe)], key=lambda each: -each[0])[:12]
    print(f"{tried} messages tried; ordinary: read in {usual:.2f} ms, shown in {usual_shown:.2f} ms")
    for _, recipe in best:
        kinds = "; ".join(f"{owner} {RRType.of(rrtype)} {data}" for owner, rrtype, data in recipe.kinds)
        print(f"{ratio(recipe):5.2f}  {recipe.body} by {recipe.step}: {kinds}")


if __name__ == "__main__":
    main()
