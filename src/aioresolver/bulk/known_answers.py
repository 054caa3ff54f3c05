"""Known answers: questions whose answers are known beforehand, and who has got them wrong. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import NamedTuple

from aioresolver.bulk.rows import Row

__all__ = ["ANCHORS", "DOMAINS", "KnownAnswers", "KnownItem"]

DOMAINS = (".", "com.", "org.", "iana.org.")
"""Names below which nothing exists by chance: a random one there must be NXDOMAIN, whoever is asked."""
ANCHORS: Mapping[str, Collection[str]] = {
    "a.root-servers.net.": ("198.41.0.4",),
    "m.root-servers.net.": ("202.12.27.33",),
    "dns.google.": ("8.8.8.8", "8.8.4.4"),
    "one.one.one.one.": ("1.1.1.1", "1.0.0.1"),
}
"""Names whose addresses have been the same for many years, wherever one asks."""
MISTAKES_TO_LIE = 2


class KnownItem(NamedTuple):
    """Something known: the addresses of a name, or, with None, that no random name below it exists."""

    name: str
    addresses: frozenset[str] | None

    def question(self, label: str, *, www: bool) -> str:
        """The name to ask for. Some boxes make up only what looks like a web site, hence `www`."""
        if self.addresses is not None:
            return self.name
        return f"{'www.' if www else ''}{label}.{'' if self.name == '.' else self.name}"

    def is_right(self, row: Row) -> bool | None:
        """Whether the answer is right; None when it says nothing about that."""
        if self.addresses is None:
            return {"nxdomain": True, "ok": False}.get(row.status)
        if row.status == "ok":
            return not self.addresses.isdisjoint(row.data)
        return False if row.status in ("nxdomain", "no-data") else None


class KnownAnswers:
    """What is known, and what each nameserver said of it.

    One mistake proves nothing, and is asked again; two at the same question are a lie, unless every nameserver makes
    them that otherwise knows better: then it is our knowledge that is wrong (`doubtful`).
    """

    def __init__(self, domains: Collection[str], anchors: Mapping[str, Collection[str]]) -> None:
        self.canaries: list[KnownItem] = [KnownItem(_absolute(domain), None) for domain in domains]
        self.anchors: list[KnownItem] = [
            KnownItem(_absolute(name), frozenset(found)) for name, found in anchors.items()
        ]
        self._turn = 0
        self._right: dict[str, set[KnownItem]] = {}
        self._mistakes: dict[tuple[str, KnownItem], int] = {}

    def everything(self) -> list[KnownItem]:
        """What a nameserver is asked at first."""
        return [*self.canaries, *self.anchors]

    def a_few(self) -> list[KnownItem]:
        """What it is asked from time to time: in turn, one of each kind."""
        self._turn += 1
        return [items[self._turn % len(items)] for items in (self.canaries, self.anchors) if items]

    def note(self, server: str, item: KnownItem, *, right: bool) -> bool:
        """Note an answer; says whether to ask once more."""
        if right:
            self._right.setdefault(server, set()).add(item)
            return False
        mistakes = self._mistakes[server, item] = self._mistakes.get((server, item), 0) + 1
        return mistakes < MISTAKES_TO_LIE

    def lie(self, server: str) -> str | None:
        """What it lied about, in words."""
        for item in (*self.canaries, *self.anchors):
            if self._mistakes.get((server, item), 0) >= MISTAKES_TO_LIE and not self._is_doubtful(item):
                if item.addresses is None:
                    return f"it has addresses for names below {item.name} that do not exist"
                return f"it has other addresses for {item.name}, or none"
        return None

    def has_erred(self, server: str) -> bool:
        """Whether it made a mistake at all: then it is no witness against others."""
        items = (*self.canaries, *self.anchors)
        return any((server, item) in self._mistakes and not self._is_doubtful(item) for item in items)

    @property
    def doubtful(self) -> list[str]:
        """The names of which we seem to have known the wrong thing."""
        items = {item for (_, item), mistakes in self._mistakes.items() if mistakes >= MISTAKES_TO_LIE}
        return sorted(item.name for item in items if self._is_doubtful(item))

    def _is_doubtful(self, item: KnownItem) -> bool:
        """Whether all get it wrong, though one of them gets nothing else wrong."""
        if any(item in known for known in self._right.values()):
            return False
        wrong = {server for (server, other) in self._mistakes if other == item}
        return any(
            self._right.get(server) and not any(s == server and other != item for (s, other) in self._mistakes)
            for server in wrong
        )


def _absolute(name: str) -> str:
    return name if name.endswith(".") else f"{name}."
