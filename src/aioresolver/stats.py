"""Stats: what was asked of the backend, counted."""

from __future__ import annotations

from aioresolver.flow.counters import Counters

__all__ = ["Stats"]


class Stats(Counters):
    """Plain counters of what was asked of the backend.

    `lookups` were sent to the backend; `answered` and `failed` are how they ended (`timed_out` of the failed);
    `under_way` is how many have not ended yet; `joined` asked for what was already on its way.
    """

    __slots__ = ("answered", "failed", "joined", "lookups", "timed_out", "under_way")

    lookups: int
    answered: int
    failed: int
    timed_out: int
    joined: int
    under_way: int
