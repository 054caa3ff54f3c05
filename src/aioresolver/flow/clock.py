"""The time of an event loop, for those who may be asked outside of one, too."""

from __future__ import annotations

import asyncio
import time

__all__ = ["loop_time"]


def loop_time() -> float:
    """The running loop's time; where none runs, that of a loop as asyncio makes them."""
    try:
        return asyncio.get_running_loop().time()
    except RuntimeError:
        return time.monotonic()
