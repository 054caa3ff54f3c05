"""Nameservers as functions: honest ones, and liars of every sort."""

from __future__ import annotations

import zlib
from random import Random
from typing import Any

from tests.bulk.synthetic_zones import World, row

from aioresolver.bulk.filters import Ask
from aioresolver.bulk.rows import Row

DOMAINS = ("known.test", "com")
ANCHORS = {"anchor.known.test": ["192.0.2.53"]}
PAGE = "203.0.113.66"


def honest(ask: Ask, *, view: str = "") -> Row:
    """Names that begin with n do not exist, e have no records; those with c have other addresses in another view."""
    name, first = ask.name, ask.name[0]
    if name == "anchor.known.test.":
        return row(name, "192.0.2.53")
    if (
        name.endswith(("known.test.", "com."))
        or name.count(".") < 2
        or first == "n"
        or not name.startswith(tuple("ech"))
    ):
        return row(name)
    if first == "e":
        return row(name, status="no-data")
    number = zlib.crc32(f"{view if first == 'c' else ''}{name}".encode())
    return row(name, f"{number % 200 + 10}.{number >> 8 & 255}.{number >> 16 & 255}.{number >> 24}")


def elsewhere(ask: Ask) -> Row:
    """Honest, and somewhere else: content networks give it other addresses."""
    return honest(ask, view="elsewhere")


def hijack(ask: Ask) -> Row:
    found = honest(ask)
    return row(ask.name, PAGE) if found.status == "nxdomain" else found


def wrong(ask: Ask) -> Row:
    return row(ask.name, PAGE)


def empty(ask: Ask) -> Row:
    return row(ask.name, status="no-data")


def deny(ask: Ask) -> Row:
    return row(ask.name)


def dead(ask: Ask) -> Row:
    return row(ask.name, status="timeout")


def random_answers() -> World:
    random = Random(4)
    return lambda ask: row(ask.name, ".".join(str(random.randrange(1, 224)) for _ in range(4)))


def only_for(word: str, lie: World) -> World:
    """Lies about the names with this word in them."""
    return lambda ask: lie(ask) if word in ask.name else honest(ask)


def refusing_checks(lie: World) -> World:
    return lambda ask: row(ask.name, status="refused") if "known" in ask.name or "com." in ask.name else lie(ask)


class Crowd:
    """The nameservers of a run, one of which answers each question; those that are expelled no more."""

    def __init__(self, seed: int = 1, **servers: World) -> None:
        self.servers = {f"udp://{name}": world for name, world in servers.items()}
        self.expelled: list[str] = []
        self.random = Random(seed)

    def expel(self, server: str) -> None:
        assert server not in self.expelled
        self.expelled.append(server)
        assert len(self.expelled) < len(self.servers)

    def __call__(self, ask: Ask) -> Row:
        server = ask.server or self.random.choice([name for name in self.servers if name not in self.expelled])
        return self.servers[server](ask)._replace(server=server, type=ask.type)


def truth(name: str) -> set[Any]:
    """The records that an honest nameserver may give."""
    return {honest(Ask(name, "A")).data, elsewhere(Ask(name, "A")).data}
