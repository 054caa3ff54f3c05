"""WildcardMap: what is known of the places where names may be made up; bounded. Pure."""

from __future__ import annotations

from itertools import islice
from typing import TypeVar

from aioresolver.bulk.rows import Row
from aioresolver.bulk.synthesis import Synthesis, parent_of

__all__ = ["Family", "WildcardMap", "middles_of"]

ABSENCES_TO_CLEAR = 2
"""Where two names do not exist there is no wildcard: their siblings need not be asked for."""
MOST_ABOVE = 8
MOST_MIDDLES = 3
FIRST_MIDDLES = 2
"""So many middle labels are tried below a name although nothing speaks for it."""

MOST_FORGOTTEN = 4

K = TypeVar("K")
V = TypeVar("V")


class Family:
    """The places right below one name, for one type: how many were looked at, are being so, and are wildcards."""

    __slots__ = ("heard", "open", "wild")

    def __init__(self) -> None:
        self.heard: int = 0
        self.open: int = 0
        self.wild: int = 0


class WildcardMap:
    """Remembers at most `most` places of each sort; what has not been met for longest is forgotten."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._known: dict[tuple[str, str, str], Synthesis] = {}
        self._families: dict[tuple[str, str], Family] = {}
        self._absent: dict[str, int] = {}
        # The label that stood between a prefix and a suffix at first; how many middles were tried below a suffix.
        self._middles: dict[tuple[str, str, str], str] = {}
        self._tried: dict[str, int] = {}
        self._odd: dict[str, None] = {}

    def at(self, prefix: str, suffix: str, type: str) -> Synthesis:
        """What is known of prefix, any label, suffix."""
        key = (prefix, suffix, type)
        synthesis = self._known.pop(key, None)
        if synthesis is None:
            synthesis = Synthesis(prefix, suffix, type)
            self._make_room()
        self._known[key] = synthesis
        return synthesis

    def known(self, prefix: str, suffix: str, type: str) -> Synthesis | None:
        """The same where something is known."""
        return self._known.get((prefix, suffix, type))

    def above(self, suffix: str, type: str) -> Synthesis | None:
        """The nearest wildcard above this name that is known."""
        for _ in range(MOST_ABOVE):
            if suffix == ".":
                break
            suffix = parent_of(suffix)
            above = self._known.get(("", suffix, type))
            if above is not None and above.wild:
                return above
        return None

    def explains(self, row: Row) -> bool:
        """Whether the row is one that a wildcard further up is known to make up, or one in the middle."""
        parent = parent_of(row.name)
        above = self.above(parent, row.type)
        if above is not None and above.covers(row):
            return True
        if self._odd:
            for prefix, _, suffix in middles_of(row.name):
                synthesis = self._known.get((prefix, suffix, row.type)) if suffix in self._odd else None
                if synthesis is not None and synthesis.covers(row):
                    return True
        return False

    def family(self, synthesis: Synthesis) -> Family | None:
        """The places right below the same name; None for what has none above, or is no ordinary place."""
        if synthesis.prefix or synthesis.suffix == ".":
            return None
        key = (parent_of(synthesis.suffix), synthesis.type)
        family = self._families.pop(key, None) or Family()
        remember(self._families, key, family, self._most)
        return family

    def has_wild_below(self, synthesis: Synthesis) -> bool:
        """Whether this place was looked at because of those right below it."""
        family = None if synthesis.prefix else self._families.get((synthesis.suffix, synthesis.type))
        return family is not None and family.wild > 0

    def note_absence(self, parent: str) -> bool:
        """A name below does not exist; says whether that settles it only now."""
        absences = self._absent.get(parent, 0) + 1
        if absences <= ABSENCES_TO_CLEAR:
            remember(self._absent, parent, absences, self._most)
        return absences == ABSENCES_TO_CLEAR

    def is_clear(self, parent: str) -> bool:
        """Whether enough names below do not exist."""
        return self._absent.get(parent, 0) >= ABSENCES_TO_CLEAR

    def middle(self, prefix: str, label: str, suffix: str, type: str, *, curious: bool) -> Synthesis | None:
        """What is known of prefix, any label, suffix, where there is reason to ask.

        That is where another label has been there before, and where such things were found. Twice below each suffix it
        is out of curiosity.
        """
        key = (prefix, suffix, type)
        first = self._middles.get(key)
        if first is None:
            remember(self._middles, key, label, self._most)
            if suffix not in self._odd:
                tried = self._tried.get(suffix, 0)
                if tried >= FIRST_MIDDLES or not curious:
                    return None
                remember(self._tried, suffix, tried + 1, self._most)
        elif first == label and key not in self._known:
            return None
        return self.at(prefix, suffix, type)

    def confirm(self, middle: Synthesis) -> None:
        """No ordinary wildcard explains what was found there: more of it is to be expected."""
        middle.confirmed = True
        remember(self._odd, middle.suffix, None, self._most)

    def _make_room(self) -> None:
        """Forget the oldest, unless they are at work."""
        for key in list(islice(self._known, max(0, min(len(self._known) - self._most + 1, MOST_FORGOTTEN)))):
            oldest = self._known.pop(key)
            if oldest.waiting or oldest.open:
                self._known[key] = oldest


def middles_of(name: str) -> list[tuple[str, str, str]]:
    """The labels from the second on, each with what stands before and behind it; none where labels are escaped."""
    if "\\" in name:
        return []
    middles: list[tuple[str, str, str]] = []
    start = name.index(".") + 1
    for _ in range(MOST_MIDDLES):
        end = name.find(".", start)
        if end < 0 or end + 1 >= len(name):
            break
        middles.append((name[:start], name[start:end], name[end + 1 :]))
        start = end + 1
    return middles


def remember(known: dict[K, V], key: K, value: V, most: int) -> None:
    """Put it last, and forget what has been there longest."""
    known.pop(key, None)
    known[key] = value
    if len(known) > most:
        del known[next(iter(known))]
