"""Warmth: how often what is kept is used, and from when on it is worth fetching again. Knows no DNS."""

from __future__ import annotations

import os
from collections.abc import Hashable, Iterator

__all__ = ["REFRESH_HITS", "Warmth"]

# Worth fetching again is what was used so often, and has no more than a tenth of its life left. How much less than that
# is left to chance, so that what came together does not go together.
REFRESH_HITS = 3
REFRESH_FRACTION = 0.1
LEAST_OF_FRACTION = 64 / 256
# A shorter life is over soon after it would be refreshed.
SHORTEST_LIFE = 9.0


class Warmth:
    """Counts the uses of what is kept under a key; `len(warmth)` is how many keys it knows."""

    __slots__ = ("_chances", "_uses")

    def __init__(self) -> None:
        self._uses: dict[Hashable, _Use] = {}
        self._chances: Iterator[int] = iter(())

    def __len__(self) -> int:
        return len(self._uses)

    def begin(self, key: Hashable, now: float, expires: float) -> None:
        """A life begins, and nothing was used of it yet."""
        life = expires - now
        if life < SHORTEST_LIFE:
            self.end(key)
        else:
            self._uses[key] = _Use(expires - life * REFRESH_FRACTION * self._chance(), expires)

    def add(self, key: Hashable) -> None:
        """It was used."""
        use = self._uses.get(key)
        if use is not None:
            use.hits += 1

    def wants_refresh(self, key: Hashable, now: float) -> bool:
        """Whether it is used often, is not over, and soon will be."""
        use = self._uses.get(key)
        return use is not None and use.hits >= REFRESH_HITS and use.refresh_at <= now < use.expires

    def end(self, key: Hashable) -> None:
        """It is gone, or fetched again already."""
        self._uses.pop(key, None)

    def _chance(self) -> float:
        """A number from LEAST_OF_FRACTION to 1, each time another one."""
        byte = next(self._chances, None)
        if byte is None:
            self._chances = iter(os.urandom(256))
            byte = next(self._chances)
        return LEAST_OF_FRACTION + (1 - LEAST_OF_FRACTION) * byte / 255


class _Use:
    """How often one thing was used, from when on it is worth fetching again, and when it ends."""

    __slots__ = ("expires", "hits", "refresh_at")

    def __init__(self, refresh_at: float, expires: float) -> None:
        self.hits = 0
        self.refresh_at = refresh_at
        self.expires = expires
