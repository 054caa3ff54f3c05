"""The few things that outputs and journals ask of the file system; a test hands in a disk that fails or crashes."""

from __future__ import annotations

import os
import select
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

if sys.platform != "win32":
    import fcntl

__all__ = ["DISK", "Disk", "naming", "store"]


class Disk:
    """This machine's files. Everything blocks, and raises OSError."""

    def open(self, path: str) -> int:
        """A descriptor to read and write the file, which is made when it is not there."""
        flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
        return os.open(path, flags, 0o666)

    def lock(self, descriptor: int, path: str) -> bool:
        """Whether the file is ours alone now, until it is closed. Where there are no locks it always is."""
        if sys.platform == "win32":
            return True
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError:  # a file system that knows no locks
            return True
        # The run that held it may have renamed it meanwhile: then it is a whole output, and not ours.
        try:
            return os.path.samestat(os.fstat(descriptor), Path(path).stat())
        except FileNotFoundError:
            return False

    def size(self, descriptor: int) -> int:
        """Bytes in the file."""
        return os.fstat(descriptor).st_size

    def read(self, descriptor: int, offset: int, count: int) -> bytes:
        """So many bytes from there, fewer only at the end of the file; moves where the next write goes."""
        os.lseek(descriptor, offset, os.SEEK_SET)
        pieces = []
        while count > 0 and (piece := os.read(descriptor, count)):
            pieces.append(piece)
            count -= len(piece)
        return b"".join(pieces)

    def write(self, descriptor: int, data: bytes) -> None:
        """Write all of it, however long the reader of a pipe takes."""
        rest = memoryview(data)
        while rest:
            try:
                rest = rest[os.write(descriptor, rest) :]
            except BlockingIOError:  # a pipe that somebody made non-blocking, and that is full
                select.select([], [descriptor], [])

    def truncate(self, descriptor: int, size: int) -> None:
        """Cut the file to this size; the next write goes there."""
        os.ftruncate(descriptor, size)
        os.lseek(descriptor, size, os.SEEK_SET)

    def sync(self, descriptor: int) -> None:
        """Return when the bytes are where a power failure leaves them."""
        os.fsync(descriptor)

    def close(self, descriptor: int) -> None:
        """Give the descriptor back, and the lock."""
        os.close(descriptor)

    def load(self, path: str) -> bytes | None:
        """The whole of a small file; None when it is not there."""
        try:
            return Path(path).read_bytes()
        except FileNotFoundError:
            return None

    def exists(self, path: str) -> bool:
        """Whether there is such a file."""
        return Path(path).exists()

    def replace(self, source: str, target: str) -> None:
        """Give a file another name, durably; one that has this name is gone then."""
        os.replace(source, target)  # noqa: PTH105 - as text, as all the rest
        if sys.platform != "win32":  # where folders cannot be opened
            folder = os.open(Path(target).parent, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)

    def remove(self, path: str) -> None:
        """Remove the file if it is there."""
        with suppress(FileNotFoundError):
            Path(path).unlink()


DISK = Disk()


def store(disk: Disk, path: str, data: bytes) -> None:
    """Make the file hold this and nothing else, durably. A crash leaves it whole, as it was or as it is to be."""
    beside = f"{path}.new"
    with naming(path):
        try:
            _write(disk, beside, data)
            disk.replace(beside, path)
        except OSError:
            with suppress(OSError):
                disk.remove(beside)
            raise


def _write(disk: Disk, path: str, data: bytes) -> None:
    descriptor = disk.open(path)
    try:
        disk.truncate(descriptor, 0)
        disk.write(descriptor, data)
        disk.sync(descriptor)
    finally:
        disk.close(descriptor)


@contextmanager
def naming(path: str) -> Iterator[None]:
    """An OSError says which file it is about: this one, though it may be one beside it that could not be written."""
    try:
        yield
    except OSError as error:
        raise OSError(error.errno, error.strerror or str(error), path) from error
