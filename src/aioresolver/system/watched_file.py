"""A file that is read again when it has changed, which a stat tells. No thread, no inotify, no clock of its own."""

from __future__ import annotations

import os

__all__ = ["WatchedFile"]

# Time of last change, inode, size: a file replaced by rename or bind mount has another inode.
_State = tuple[int, int, int, int]


class WatchedFile:
    """The text of a file, and whether it is another one than at the last look.

    A file that is missing or may not be read is an empty one: programs run without it, and it may appear later.
    """

    __slots__ = ("_seen", "_text", "path")

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path: str = os.fspath(path)
        self._seen: _State | None = None
        self._text: str | None = None

    def read(self) -> tuple[str, bool]:
        """The text, and whether it was read anew. Costs one stat when nothing has changed."""
        state = self._stat()
        if self._text is not None and state == self._seen:
            return self._text, False
        self._seen = state  # from before reading: a change in between is seen the next time
        try:
            # Its bytes are another program's business; one that is no UTF-8 must not hide the rest.
            with open(self.path, encoding="utf-8", errors="replace") as file:  # noqa: PTH123 - pathlib costs a start more
                self._text = file.read()
        except OSError:
            self._text = ""
        return self._text, True

    def _stat(self) -> _State | None:
        try:
            status = os.stat(self.path)  # noqa: PTH116 - for every lookup: no Path in between
        except OSError:
            return None
        return status.st_mtime_ns, status.st_ctime_ns, status.st_ino, status.st_size
