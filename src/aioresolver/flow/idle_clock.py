"""IdleClock: says when something has not been used for long enough. Knows no DNS."""

from __future__ import annotations

from collections.abc import Callable

from aioresolver.flow.deadline_ring import DeadlineRing, Token

__all__ = ["IdleClock"]


class IdleClock:
    """Calls `leave()` once `is_idle()` has been so for some seconds, as far as it was noted.

    However often it is noted, there is one deadline, which looks when the time comes.
    """

    __slots__ = ("_is_idle", "_leave", "_now", "_ring", "_since", "_token", "seconds")

    def __init__(self, seconds: float, *, is_idle: Callable[[], bool], leave: Callable[[], object]) -> None:
        self.seconds: float = seconds
        self._is_idle = is_idle
        self._leave = leave
        self._ring: DeadlineRing
        self._now: Callable[[], float]
        self._since = 0.0
        self._token: Token | None = None

    def bind(self, ring: DeadlineRing, now: Callable[[], float]) -> None:
        """Take the time from here; before that nothing is idle."""
        self._ring, self._now = ring, now

    def note(self) -> None:
        """If it is idle, it is so from now on."""
        if self._is_idle():
            self._since = self._now()
            if self._token is None:
                self._token = self._ring.add(self._since + self.seconds, self._look)

    def change(self, seconds: float) -> None:
        """From now on it takes so many seconds, those that are running included."""
        self.seconds = seconds
        if self._token is not None:
            self._ring.discard(self._token)
            self._token = self._ring.add(self._since + seconds, self._look)

    def _look(self) -> None:
        self._token = None
        if not self._is_idle():
            return
        due = self._since + self.seconds
        if self._now() < due:
            self._token = self._ring.add(due, self._look)
        else:
            self._leave()
