"""Synthesis: what is made up for names that nobody has chosen, as learnt by asking for random ones. Pure."""

from __future__ import annotations

import math
from enum import Enum

from aioresolver.bulk.rows import Row
from aioresolver.bulk.testimony import network_of
from aioresolver.wire.names import rest_of

__all__ = ["Found", "Synthesis", "parent_of"]

FAILURES_TO_GIVE_UP = 2
CERTAINTY = math.log(32)
"""The answers have to make it so many times likelier that we have seen all that a wildcard answers."""
USUALLY_REAL = 0.05
"""So many of the names with records beside a wildcard are real ones, before anything is known."""
ASKED_TO_TELL = 16
MOST_ASKED = 64
"""When half of 16 answers say something new, or it still is not clear after 64, any answer counts as the wildcard's."""
FIRST_DOUBT = 4
"""After so many names with other data it is asked again whether they are not the wildcard's after all; then at twice
as many, and so on."""
CLEAR_DOUBT = 64
"""After so many names where nothing is made up it is asked again whether that is still so; then at eight times as many."""


class Found(Enum):
    """What an answer turns out to be."""

    REAL = "somebody has chosen this name"
    MADE_UP = "any name would have got such an answer"
    UNDECIDED = "it takes another question to tell"
    UNKNOWABLE = "the questions were not answered"


class Synthesis:
    """What the names `prefix` + any label + `suffix` get that nobody has chosen, for one type.

    An answer is compared by its marks: where its first alias leads, or else its records. A wildcard may change its
    answers. Their marks are collected until there is nothing new in so many answers that it would be an odd chance if
    one were missing; from then on other marks are those of a real name. Where there is something new each time
    (`volatile`), names can only be told by where their marks belong, the network of an address or the domain of an
    alias, if that is steady; else whatever has the same shape, with aliases or without, counts as made up.

    `waiting` are the rows that wait for a question here, the first of them since `since`; `open` is whether one is under
    way.
    """

    __slots__ = ("_asked", "_closed", "_doubt", "_failures", "_homes", "_homes_steady", "_marks", "_matched", "_news",
                 "_others", "_shapes", "_steady", "bucket", "confirmed", "open", "prefix", "since", "suffix", "type",
                 "volatile", "waiting", "wild")  # fmt: skip

    def __init__(self, prefix: str, suffix: str, type: str) -> None:
        self.prefix: str = prefix
        self.suffix: str = suffix
        self.type: str = type
        self.waiting: list[Row] = []
        self.since: float = 0.0
        self.open: bool = False
        self.bucket: int = -1
        self.wild: bool | None = None  # whether names are made up here; None while it is not known
        self.volatile: bool = False
        self.confirmed: bool = not prefix  # whether no ordinary wildcard explains it
        self._marks: set[str] = set()
        self._homes: set[str | bytes] = set()
        self._homes_steady = 0
        self._shapes: set[bool] = set()
        self._closed = False  # whether all the marks are known
        self._asked = 0  # since it last was not clear
        self._news = 0
        self._failures = 0
        self._steady = 0  # random names without anything new
        self._matched = 0
        self._others = 0
        self._doubt = 0

    def name(self, label: str) -> str | None:
        """The name to ask for with this label; None when it would be too long."""
        name = f"{self.prefix}{label}.{'' if self.suffix == '.' else self.suffix}"
        return name if len(name) < 255 else None

    def give_up(self) -> None:
        """It cannot be found out."""
        self._failures = FAILURES_TO_GIVE_UP

    def clear(self) -> None:
        """Nothing is made up here."""
        self.wild = False
        self._doubt = CLEAR_DOUBT

    def judge(self, row: Row, *, doubts: bool) -> Found:
        """What this row is; `doubts` is whether a question may be spent on what seems to be known."""
        if self.wild is None:
            return Found.UNKNOWABLE if self._failures >= FAILURES_TO_GIVE_UP else Found.UNDECIDED
        if self.wild:
            if marks_of(row) <= self._marks:
                self._matched += 1
                return Found.MADE_UP
            if self.volatile:
                return Found.MADE_UP if self._may_have_made(row) else Found.REAL
            if not self._closed:
                return Found.UNKNOWABLE if self._failures >= FAILURES_TO_GIVE_UP else Found.UNDECIDED
        if doubts and self._others + 1 >= self._doubt > 0:
            self._doubt *= 2 if self.wild else 8
            self._steady //= 2
            self._asked = self._news = 0
            self._closed = False
            return Found.UNDECIDED
        self._others += 1
        return Found.REAL

    def covers(self, row: Row) -> bool:
        """Whether the answer is one of those known to be made up here."""
        return self.wild is True and self.confirmed and not self.volatile and marks_of(row) <= self._marks

    def learn(self, row: Row, above: Synthesis | None = None) -> None:
        """What a random name got; `above` is the nearest wildcard above that is known."""
        if row.status == "ok":
            self._learn_marks(row, above)
        elif row.status not in ("nxdomain", "no-data"):
            self._failures += 1
            return
        elif not self.wild:
            if self.wild is None:
                self.clear()
            return
        self._asked += 1  # also where some of its servers have the wildcard, and this one has not
        self._closed = self._has_all()
        if not self._closed and self._asked >= (ASKED_TO_TELL if 2 * self._news >= self._asked else MOST_ASKED):
            self.volatile = True

    def _learn_marks(self, row: Row, above: Synthesis | None) -> None:
        marks = marks_of(row)
        if not self.wild:
            self.wild = True
            self._others = 0
            self._doubt = FIRST_DOUBT
            if above is not None and (above.volatile or marks <= above._marks):  # it is the same one
                self.volatile = above.volatile
                self._marks |= above._marks
                self._shapes |= above._shapes
                self._homes |= above._homes
                self._homes_steady = above._homes_steady
                self._steady = above._steady
        self._shapes.add(bool(row.aliases))
        homes = homes_of(row, marks)
        self._homes_steady = self._homes_steady + 1 if homes <= self._homes else 0
        self._homes |= homes
        if marks <= self._marks:
            self._steady += 1
        else:
            self._marks |= marks
            self._news += 1
            self._steady = 0

    def _may_have_made(self, row: Row) -> bool:
        """Whether a wildcard whose answers always change may have given this one."""
        if bool(row.aliases) not in self._shapes:
            return False
        homes_known = self._homes_steady * math.log1p(1 / max(1, len(self._homes))) >= CERTAINTY
        return not homes_known or not self._homes.isdisjoint(homes_of(row, marks_of(row)))

    def _has_all(self) -> bool:
        """Whether one mark more, as frequent as those seen, is all but out of the question.

        Each random name would miss it with a chance of seen / (seen + 1), and so would the names of the run, unless too
        many of those have other marks: then they say nothing.
        """
        seen = max(1, len(self._marks))
        missed = math.log1p(1 / seen)
        covered = sum(marks_of(row) <= self._marks for row in self.waiting)
        matched, others = self._matched + covered, self._others + len(self.waiting) - covered
        for_all = matched * (missed + math.log1p(-USUALLY_REAL))
        for_more = others * max(0.0, -math.log(USUALLY_REAL) - math.log(seen + 1))
        return self._steady * missed + max(0.0, for_all - for_more) >= CERTAINTY - 1e-9


def marks_of(row: Row) -> set[str]:
    """What tells this answer from another: the first alias's target unless it depends on the name, else the records."""
    aliases = row.aliases
    if len(aliases) > 1:
        target = _without(row.name, aliases[1])
        if target is not None:
            return {f"={target}"}
    if row.type in ("A", "AAAA"):
        return set(row.data)
    return {_without(row.name, text) or f"*{text[text.index('.') :]}" for text in row.data}


def homes_of(row: Row, marks: set[str]) -> set[str | bytes]:
    """Where the marks belong: the networks of addresses, the domains of aliases."""
    if any(mark.startswith("=") for mark in marks):
        return {parent_of(mark) for mark in marks}
    return set(map(network_of, marks)) if row.type in ("A", "AAAA") else set(marks)


def parent_of(name: str) -> str:
    """The name above; that of the root is the root."""
    if "\\" in name:
        return rest_of(name) or "."
    return name[name.index(".") + 1 :] or "."


def _without(name: str, target: str) -> str | None:
    """The target, unless it begins as the name does and so is another for each name (RFC 6672)."""
    head = name[: name.index(".") + 1]
    return None if target.endswith(".") and target.startswith(head) else target
