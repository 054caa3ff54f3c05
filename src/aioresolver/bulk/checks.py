"""Checks of nameservers under way: what they are about and who waits for them. Plain data."""

from __future__ import annotations

from typing import NamedTuple

from aioresolver.bulk.known_answers import KnownItem
from aioresolver.bulk.rows import Row
from aioresolver.bulk.testimony import Evidence

__all__ = ["Again", "Case", "Check", "CheckedServer", "KnownQuestion", "Sibling"]

MOST_VOUCHED = 256


class CheckedServer:
    """One nameserver: its rows that wait for the next check, and what is known of it."""

    __slots__ = ("accusers", "check", "cleared", "evidence", "expelled", "lie", "lies", "rows", "silences", "since", "text",
                 "vouched")  # fmt: skip

    def __init__(self, text: str) -> None:
        self.text: str = text
        self.rows: list[Row] = []
        self.since: float = 0.0
        self.check: Check | None = None
        self.cleared: bool = False
        self.silences: int = 0
        self.evidence: Evidence = Evidence()
        self.accusers: set[str] = set()
        self.lie: str | None = None
        self.lies: bool = False
        self.expelled: bool = False
        # First records that others have confirmed, the latest last.
        self.vouched: dict[str, None] = {}

    @property
    def usable(self) -> bool:
        """Whether it may be asked."""
        return not self.lies

    def vouch(self, data: str) -> None:
        """Others have confirmed this."""
        self.vouched.pop(data, None)
        self.vouched[data] = None
        if len(self.vouched) > MOST_VOUCHED:
            del self.vouched[next(iter(self.vouched))]


class Check:
    """A check of a nameserver under way, and the rows that wait for it."""

    __slots__ = ("canaries", "open", "rows", "seen", "server", "suspected")

    def __init__(self, server: CheckedServer, rows: list[Row]) -> None:
        self.server: CheckedServer = server
        self.rows: list[Row] = rows
        self.open: int = 0
        self.canaries: int = 0
        self.suspected: int = 0
        self.seen: set[tuple[str, str]] = set()


class KnownQuestion(NamedTuple):
    """A question whose answer is known."""

    check: Check
    item: KnownItem


class Sibling:
    """A random name beside one that only `server` has records for: whether it makes them up, and not the others."""

    __slots__ = ("check", "denied", "found", "server")

    def __init__(self, check: Check, server: str) -> None:
        self.check: Check = check
        self.server: str = server
        self.found: bool = False
        self.denied: bool = False

    @property
    def invented(self) -> bool:
        """Whether the one has records where the other has none."""
        return self.found and self.denied


class Case:
    """A name that several nameservers are asked for."""

    __slots__ = ("answers", "called", "check", "open", "row", "wide")

    def __init__(self, check: Check, row: Row) -> None:
        self.check: Check = check
        self.row: Row = row
        self.open: int = 0
        self.wide: bool = False
        self.called: set[str] = set()
        self.answers: dict[str, list[Row]] = {}


class Again(NamedTuple):
    """A row that a liar gave, to be asked of another; `server` is whom it was asked of now."""

    row: Row
    tried: frozenset[str] = frozenset()
    server: str = ""
