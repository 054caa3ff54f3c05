"""How the command line ends: dig's exit statuses, and some that only bulk runs have."""

from __future__ import annotations

import errno
from collections.abc import Iterable

from aioresolver.errors import Attempt

__all__ = [
    "DONE",
    "FULL",
    "INTERNAL_ERROR",
    "INTERRUPTED",
    "NO_NAMES_FILE",
    "NO_REPLY",
    "PIPE_CLOSED",
    "ROWS_UNWRITTEN",
    "UNANSWERED",
    "USAGE_ERROR",
    "status_of_failure",
]

DONE = 0  # a reply came for everything, though it may be that there is no such name
USAGE_ERROR = 1
UNANSWERED = 3  # a bulk run got no answer for some names
NO_NAMES_FILE = 8
NO_REPLY = 9
INTERNAL_ERROR = 10
ROWS_UNWRITTEN = 11
INTERRUPTED = 130
PIPE_CLOSED = 141

FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
"""The errors that mean that there is no room, which is somebody's to make."""


def status_of_failure(attempts: Iterable[Attempt], *, timed_out: bool) -> int:
    """How a lookup ends that has no answer: whether a nameserver replied at all, if only to refuse."""
    # An rcode is in capitals, and so is what a web server said in place of a nameserver.
    said = [attempt.outcome.partition(" ")[0] for attempt in attempts]
    replied = any(word.isupper() and word != "HTTP" for word in said)
    return DONE if replied and not timed_out else NO_REPLY
