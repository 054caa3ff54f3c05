"""Stats: what was asked of the backend, counted."""

from __future__ import annotations

__all__ = ["Stats"]


class Stats:
    """Plain counters of what was asked of the backend.

    `lookups` were sent to the backend; `answered` and `failed` are how they ended (`timed_out` of the failed);
    `under_way` is how many have not ended yet; `joined` asked for what was already on its way.
    """

    __slots__ = ("answered", "failed", "joined", "lookups", "timed_out", "under_way")

    def __init__(self) -> None:
        self.lookups: int = 0
        self.answered: int = 0
        self.failed: int = 0
        self.timed_out: int = 0
        self.joined: int = 0
        self.under_way: int = 0

    def as_dict(self) -> dict[str, int]:
        """The counters by name."""
        return {name: getattr(self, name) for name in self.__slots__}

    def __repr__(self) -> str:
        return f"Stats({', '.join(f'{name}={value}' for name, value in self.as_dict().items())})"
