"""`aioresolver bulk` as a program that is killed in the middle."""

from __future__ import annotations

import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path


def command(server, *words):
    return [sys.executable, "-m", "aioresolver", "bulk", f"@{server.nameserver}", "--quiet", *words]


@contextmanager
def begun(words, out):
    """A run that has begun to write there, or has ended; it is killed in the end."""
    journal = Path(f"{out}.journal")
    before = changed(journal)
    with subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
        while process.poll() is None and changed(journal) == before:
            time.sleep(0.001)
        try:
            yield process
        finally:
            process.kill()


def changed(path):
    try:
        return path.stat().st_mtime_ns
    except FileNotFoundError:
        return None
