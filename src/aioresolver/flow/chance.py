"""Chance that nobody can foresee."""

from __future__ import annotations

import os

__all__ = ["random_below"]


def random_below(limit: int) -> int:
    """A number from 0 up to, and without, `limit`, which is at most 2^32; as even as makes no difference.

    `secrets` has one, and loads half of the standard library's cryptography with it.
    """
    return int.from_bytes(os.urandom(8), "big") % limit
