"""Where the bytes of an output go: in blocks, compressed by the suffix, and under the file's name only when whole."""

from __future__ import annotations

import errno
import os
import stat
import sys
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Protocol

from aioresolver.bulk.disk import DISK, Disk, naming, store
from aioresolver.errors import ConfigurationError

__all__ = ["BLOCK", "COMPRESSIONS", "Output", "is_being_written", "is_stream", "require_writable", "write_whole"]

BLOCK = 1 << 16
"""Bytes that make a block: what is written at once has at least so many, but for the last before a flush."""

COMPRESSIONS = (".gz", ".zst")
"""The suffixes that compress."""

# So much before the end is remembered, to know the file again.
TAIL = 4096


class Output:
    """A file that has its name only when it is whole, or a stream: standard output (`-`), a pipe or a device.

    A file is written beside its name, as `NAME.partial`, which one run at a time may do; `finish` makes it durable
    and renames it. A suffix `.gz` or `.zst` compresses, with a member (a frame) for each flush. All of it blocks.
    An OSError names the file, and comes again at every further use; the file ends with a whole row then.
    """

    def __init__(self, path: str, *, disk: Disk = DISK, beside: str = ".partial", at: int | None = None) -> None:
        """`at`: go on with what an earlier run wrote, from this durable offset; None begins anew."""
        self.path = path
        self.offset: int = 0
        self.tail: bytes = b""
        self._disk = disk
        self._new_member = _compression(path)
        self._member: _Member | None = None
        self._waiting: list[bytes] = []
        self._size = 0
        self._error: OSError | None = None
        self._descriptor: int | None = None
        self._is_file = not is_stream(path)
        if self._is_file:
            self._target = os.path.realpath(path)  # a link stays a link
            self._temporary = f"{self._target}{beside}"
            self._descriptor = self._open(at)
            self._send: Callable[[bytes], object] = partial(disk.write, self._descriptor)
        else:
            self._send = self._stream()

    def write(self, data: bytes) -> None:
        """Take whole rows; hand on what makes a block."""
        self._raise_again()
        self._waiting.append(data)
        self._size += len(data)
        if self._size >= BLOCK:
            self._hand_on()

    def flush(self) -> None:
        """Hand everything on, so that a reader of the file can read all of it."""
        self._raise_again()
        self._hand_on()
        if self._member is not None:
            member, self._member = self._member, None
            self._put(member.flush())

    def sync(self) -> None:
        """Return when what was flushed is durable. Another thread may do this."""
        if self._is_file:
            assert self._descriptor is not None
            with self._guard():
                self._disk.sync(self._descriptor)

    def finish(self) -> None:
        """All is written: flush it and, if it is a file, make it durable and give it its name."""
        self.flush()
        self.sync()
        if self._is_file:
            self.rename()
        self.release()

    def rename(self) -> None:
        """Give the file its name; it is flushed and durable already."""
        if sys.platform == "win32":  # where an open file cannot be renamed; elsewhere its lock is kept until then
            self.release()
        with self._guard():
            self._disk.replace(self._temporary, self._target)

    def remove(self) -> None:
        """What was written is not needed any more."""
        if sys.platform == "win32":
            self.release()
        with self._guard():
            self._disk.remove(self._temporary)

    def abort(self) -> None:
        """End here: what was written stays as `NAME.partial`, up to a whole row; an empty one goes."""
        if self._descriptor is None:
            return
        with suppress(OSError):
            self.flush()
        if self._is_file:
            with suppress(OSError):
                self._disk.truncate(self._descriptor, self.offset)
                if not self.offset:
                    self._disk.remove(self._temporary)
        self.release()

    def release(self) -> None:
        """Close the file and leave it as it is."""
        if self._descriptor is not None:
            descriptor, self._descriptor = self._descriptor, None
            if self.path != "-":
                self._disk.close(descriptor)

    def _open(self, at: int | None) -> int:
        with naming(self.path):
            descriptor = self._disk.open(self._temporary)
            try:
                if not self._disk.lock(descriptor, self._temporary):
                    raise ConfigurationError(f"another run is writing {self.path}")
                if at is not None and self._disk.size(descriptor) < at:
                    raise ConfigurationError(f"{self._temporary} is shorter than its journal says: it was changed")
                self.offset = at or 0
                self.tail = self._disk.read(descriptor, max(0, self.offset - TAIL), min(self.offset, TAIL))
                self._disk.truncate(descriptor, self.offset)
            except BaseException:
                self._disk.close(descriptor)
                raise
        return descriptor

    def _stream(self) -> Callable[[bytes], object]:
        if self.path != "-":
            with naming(self.path):
                self._descriptor = os.open(self.path, os.O_WRONLY)
            return partial(self._disk.write, self._descriptor)
        if sys.stdout is None:  # closed before we began, as by >&-
            raise OSError(errno.EBADF, "it is closed", "standard output")
        sys.stdout.flush()
        try:
            self._descriptor = sys.stdout.fileno()
        except OSError:  # not a real one: somebody in this process listens
            return sys.stdout.buffer.write
        return partial(self._disk.write, self._descriptor)

    def _hand_on(self) -> None:
        if self._waiting:
            data = b"".join(self._waiting)
            self._waiting.clear()
            self._size = 0
            if self._new_member is not None:
                self._member = self._member or self._new_member()
                data = self._member.compress(data)
            self._put(data)

    def _put(self, data: bytes) -> None:
        if data:
            with self._guard():
                self._send(data)
            self.offset += len(data)
            self.tail = (self.tail + data[-TAIL:])[-TAIL:]

    @contextmanager
    def _guard(self) -> Iterator[None]:
        self._raise_again()
        try:
            with naming("standard output" if self.path == "-" else self.path):
                yield
        except OSError as error:
            self._error = error
            raise

    def _raise_again(self) -> None:
        """Nothing is done after an error, for what is on the disk then is not known."""
        if self._error is not None:
            raise self._error


class _Member(Protocol):
    def compress(self, data: bytes, /) -> bytes: ...

    def flush(self) -> bytes: ...


def is_stream(path: str) -> bool:
    """Whether it is written as it comes: standard output, a pipe, a device; not a file that can be renamed."""
    try:
        return path == "-" or not stat.S_ISREG(Path(path).stat().st_mode)
    except FileNotFoundError:
        return False


def is_being_written(path: str, *, disk: Disk = DISK) -> bool:
    """Whether a run is writing this output at this moment. Raises OSError."""
    beside = f"{os.path.realpath(path)}.partial"
    if not disk.exists(beside):
        return False
    descriptor = disk.open(beside)
    try:
        return not disk.lock(descriptor, beside)
    finally:
        disk.close(descriptor)


def write_whole(path: str, data: bytes, *, disk: Disk = DISK) -> None:
    """Write a file that is there whole or as it was before; a stream gets the bytes. Raises OSError."""
    if not is_stream(path):
        store(disk, os.path.realpath(path), data)
        return
    output = Output(path, disk=disk)
    output.write(data)
    output.finish()


def require_writable(path: str, *, disk: Disk = DISK) -> None:
    """Raises the OSError that `write_whole` would, as far as that can be known before; what is there stays."""
    if not is_stream(path):
        beside = f"{os.path.realpath(path)}.new"
        with naming(path):
            disk.close(disk.open(beside))
            disk.remove(beside)
    elif Path(path).is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)


def _compression(path: str) -> Callable[[], _Member] | None:
    suffix = Path(path).suffix.lower()
    if suffix == ".gz":
        return partial(zlib.compressobj, wbits=31)
    if suffix == ".zst":
        return _zstd()
    return None


def _zstd() -> Callable[[], _Member]:
    try:
        zstandard = import_module("zstandard")
    except ImportError:
        raise ConfigurationError('a .zst file needs zstandard: pip install "aioresolver[zstd]"') from None
    new_member: Callable[[], _Member] = zstandard.ZstdCompressor(write_checksum=True).compressobj
    return new_member
