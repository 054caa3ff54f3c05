"""Lines: bytes as they come, cut into lines, in flat memory whatever the bytes are. Knows no names."""

from __future__ import annotations

import asyncio
import errno
import os
import threading
import zlib
from collections.abc import AsyncGenerator, Callable, Iterator
from functools import partial
from importlib import import_module
from typing import IO, Any

from aioresolver.errors import ConfigurationError, DNSError

__all__ = [
    "LONGEST_LINE",
    "LineCutter",
    "UnreadableInput",
    "UnreadableLine",
    "chunks_of_file",
    "chunks_of_pipe",
    "unreadable",
]

CHUNK = 65536
LONGEST_LINE = 65536
# What is left of a line that is longer.
REMAINDER = 1024
# So little of a compressed file is unpacked at once, since it may hold thirty thousand times as much.
MORSEL = 1024
BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class UnreadableInput(DNSError, OSError):
    """The inputs cannot be read to their end: a compressed file is damaged or cut off, a device fails.

    `filename` says which inputs, `strerror` what is the matter.
    """

    def __str__(self) -> str:
        return f"cannot read {self.filename or 'the inputs'} to the end: {self.strerror}"


class UnreadableLine(str):
    """A line that is no text: what can be shown of it, and the reason why."""

    __slots__ = ("reason",)

    reason: str


class LineCutter:
    """Takes chunks of bytes and gives the lines in them, without their ends.

    A line that is not UTF-8, or longer than 64 KiB, is an UnreadableLine; the rest of a longer one is passed over as it
    comes. A byte order mark at the beginning is dropped.
    """

    __slots__ = ("_begun", "_rest", "_skipping")

    def __init__(self) -> None:
        self._begun = False
        self._rest = b""
        self._skipping = False

    def feed(self, chunk: bytes) -> list[str]:
        """The lines that end in this chunk."""
        if self._skipping:
            end = chunk.find(b"\n")
            if end < 0:
                return []
            return [self._end_of_overlong(), *self.feed(chunk[end + 1 :])]
        block = self._rest + chunk
        if not self._begun and block:
            if len(block) < len(BYTE_ORDER_MARK) and BYTE_ORDER_MARK.startswith(block):
                self._rest = block
                return []
            self._begun = True
            block = block.removeprefix(BYTE_ORDER_MARK)
        end = block.rfind(b"\n")
        self._rest = block[end + 1 :]
        if len(self._rest) > LONGEST_LINE:
            self._rest, self._skipping = self._rest[:REMAINDER], True
        return _lines_of(block[:end]) if end >= 0 else []

    def end(self) -> list[str]:
        """The last line, if it has no end."""
        if self._skipping:
            return [self._end_of_overlong()]
        rest, self._rest = self._rest, b""
        return _lines_of(rest) if rest else []

    def _end_of_overlong(self) -> str:
        head, self._rest, self._skipping = self._rest, b"", False
        return _overlong(head.decode("utf-8", "backslashreplace"))


def chunks_of_file(file: IO[bytes], suffix: str) -> Iterator[bytes]:
    """The bytes of a file, unpacked when the suffix is `.gz` or `.zst`.

    Raises UnreadableInput when they are damaged or end too early, ConfigurationError when zstandard is missing.
    """
    if suffix == ".gz":
        return _unpacked(file, _new_gzip, zlib.error)
    if suffix == ".zst":
        return _unpacked(file, *_zstd())
    return iter(lambda: file.read(CHUNK), b"")


async def chunks_of_pipe(descriptor: int) -> AsyncGenerator[bytes, None]:
    """The bytes of a pipe, a socket or a terminal as they come; the event loop goes on meanwhile.

    The descriptor keeps its mode: others, such as the terminal's shell, may share it.
    """
    while chunk := await _next_chunk(descriptor):
        yield chunk


async def _next_chunk(descriptor: int) -> bytes:
    loop = asyncio.get_running_loop()
    while True:
        ready: asyncio.Future[bytes | None] = loop.create_future()
        try:
            loop.add_reader(descriptor, _settle, ready, None)
        except PermissionError:  # /dev/null and its like: they never keep anyone waiting
            return os.read(descriptor, CHUNK)
        except NotImplementedError:  # Windows
            threading.Thread(target=_read_aside, args=(descriptor, loop, ready), daemon=True).start()
            return await ready or b""
        try:
            await ready
        finally:
            loop.remove_reader(descriptor)
        try:
            return os.read(descriptor, CHUNK)
        except BlockingIOError:  # another reader was faster
            continue


def _read_aside(descriptor: int, loop: asyncio.AbstractEventLoop, ready: asyncio.Future[bytes | None]) -> None:
    """Read in a thread, which is left alone when nobody waits for it any more."""
    try:
        chunk = os.read(descriptor, CHUNK)
    except OSError as error:
        settle = partial(_fail, ready, error)
    else:
        settle = partial(_settle, ready, chunk)
    if not loop.is_closed():
        loop.call_soon_threadsafe(settle)


def _fail(ready: asyncio.Future[bytes | None], error: OSError) -> None:
    if not ready.done():
        ready.set_exception(error)


def _settle(ready: asyncio.Future[bytes | None], chunk: bytes | None) -> None:
    if not ready.done():
        ready.set_result(chunk)


def _lines_of(block: bytes) -> list[str]:
    try:
        lines = block.decode().split("\n")
    except UnicodeDecodeError:
        lines = [_decoded(line) for line in block.split(b"\n")]
    if max(map(len, lines)) > LONGEST_LINE:
        lines = [line if len(line) <= LONGEST_LINE else _overlong(line) for line in lines]
    return lines


def _decoded(line: bytes) -> str:
    try:
        return line.decode()
    except UnicodeDecodeError:
        return unreadable(line.decode("utf-8", "backslashreplace"), "it is not UTF-8")


def _overlong(head: str) -> UnreadableLine:
    return unreadable(head[:REMAINDER], f"the line is longer than {LONGEST_LINE} bytes")


def unreadable(shown: str, reason: str) -> UnreadableLine:
    """The line that cannot be used, for this reason."""
    line = UnreadableLine(shown)
    line.reason = reason
    return line


def _unpacked(file: IO[bytes], new: Callable[[], Any], damage: type[Exception]) -> Iterator[bytes]:
    """The bytes in a file of one or more compressed members, each behind the other."""
    decoder = None
    try:
        while morsel := file.read(MORSEL):
            while morsel:
                if decoder is None:
                    morsel = morsel.lstrip(b"\0")  # padding between members
                    if not morsel:
                        break
                    decoder = new()
                yield decoder.decompress(morsel)
                morsel = decoder.unused_data if decoder.eof else b""
                if decoder.eof:
                    decoder = None
    except damage as error:
        raise UnreadableInput(errno.EIO, f"the compressed data is damaged: {error}") from error
    if decoder is not None:
        raise UnreadableInput(errno.EIO, "the compressed data ends too early")


def _new_gzip() -> Any:
    return zlib.decompressobj(wbits=31)


def _zstd() -> tuple[Callable[[], Any], type[Exception]]:
    """What unpacks zstd: Python's own module where there is one (3.14), or zstandard."""
    for name in ("compression.zstd", "zstandard"):
        try:
            module = import_module(name)
        except ImportError:
            continue
        decompressor = module.ZstdDecompressor
        if name == "zstandard":
            decompressor = decompressor().decompressobj
        return decompressor, module.ZstdError
    raise ConfigurationError('a .zst file needs zstandard: pip install "aioresolver[zstd]"')
