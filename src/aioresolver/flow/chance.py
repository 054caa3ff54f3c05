"""Chance that nobody can foresee."""

from __future__ import annotations

import os

__all__ = ["SystemChance", "random_below"]

# As many bits as the fraction of a float has.
PRECISION = 53


class SystemChance:
    """Draws from the operating system's generator, as `random.SystemRandom` does."""

    def random(self) -> float:
        """At least 0 and below 1."""
        return self.getrandbits(PRECISION) / (1 << PRECISION)

    def getrandbits(self, bits: int, /) -> int:
        """So many random bits."""
        return int.from_bytes(os.urandom((bits + 7) // 8), "big") >> -bits % 8


def random_below(limit: int) -> int:
    """A number from 0 up to, and without, `limit`, which is at most 2^32; as even as makes no difference.

    `secrets` has one, and loads half of the standard library's cryptography with it.
    """
    return int.from_bytes(os.urandom(8), "big") % limit
