"""Where a bulk run's rows go: a file with a journal beside it, or a stream whose reader may take its time."""

from __future__ import annotations

import asyncio
import os
import stat
import sys
from collections import Counter, deque
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import Any, Protocol

from aioresolver.bulk.disk import DISK, Disk
from aioresolver.bulk.inputs import ArrivingInputs, Inputs
from aioresolver.bulk.journal import Journal
from aioresolver.bulk.rows import Row
from aioresolver.bulk.sources import read_inputs
from aioresolver.bulk.writers import Writer, open_writer

__all__ = ["FileSink", "RowsUnwritten", "Sink", "StreamSink"]

# Rows wait no longer than this for others to be written with.
FLUSH_EVERY = 0.1
# So many bytes wait for a slow reader before the run waits too.
ROOM = 1 << 18


class RowsUnwritten(Exception):
    """The rows cannot be written; its cause is the OSError. BrokenPipeError: nobody reads them."""


class Sink(Protocol):
    """Takes the rows of a run. Raises RowsUnwritten when they cannot be written."""

    def left(self, inputs: Inputs | ArrivingInputs) -> Inputs | ArrivingInputs:
        """The inputs that are still to be asked."""

    async def write(self, rows: Sequence[Row]) -> None:
        """Take rows, as soon as there is room for them."""

    async def close(self, settings: Mapping[str, Any]) -> None:
        """All rows are there."""

    async def abort(self) -> None:
        """No more rows come; those that came stay, whole. Raises nothing."""


class FileSink:
    """A file, and the journal from which the run is taken up again."""

    def __init__(self, journal: Journal) -> None:
        self.journal = journal
        self.earlier: Counter[str] = Counter(journal.statuses)
        self._saving: asyncio.Future[None] | None = None

    def left(self, inputs: Inputs | ArrivingInputs) -> Inputs | ArrivingInputs:
        """What an earlier run has not done."""
        if isinstance(inputs, ArrivingInputs):
            return read_inputs(self.journal.left(inputs), types=inputs.types)
        return Inputs(
            self.journal.left(inputs), types=inputs.types, done=lambda: inputs.done or 0.0, close=inputs.close
        )

    async def write(self, rows: Sequence[Row]) -> None:
        """Take rows; twice a second a thread waits for the disk, while we go on."""
        loop = asyncio.get_running_loop()
        try:
            if self._saving is not None and self._saving.done():
                saving, self._saving = self._saving, None
                saving.result()
            self.journal.write(rows)
            save = self.journal.checkpoint(loop.time())
        except OSError as error:
            raise RowsUnwritten from error
        if save is not None:
            if self._saving is not None:
                await self._saved()
            self._saving = loop.run_in_executor(None, save)

    async def close(self, settings: Mapping[str, Any]) -> None:
        """Give the file its name."""
        await self._saved()
        try:
            self.journal.close(settings)
        except OSError as error:
            raise RowsUnwritten from error

    async def abort(self) -> None:
        """Leave it to be taken up again."""
        with suppress(RowsUnwritten):
            await self._saved()
        self.journal.abort()

    async def _saved(self) -> None:
        saving, self._saving = self._saving, None
        if saving is not None:
            try:
                await saving
            except OSError as error:
                raise RowsUnwritten from error


class StreamSink:
    """Standard output, a pipe or a device."""

    def __init__(self, path: str, format: str | None) -> None:
        self._pipe = None if _is_quick(path) else _PatientDisk()
        self._writer: Writer = open_writer(path, format, disk=self._pipe or DISK)
        self._timer: asyncio.TimerHandle | None = None
        self._error: OSError | None = None

    def left(self, inputs: Inputs | ArrivingInputs) -> Inputs | ArrivingInputs:
        """All of them."""
        return inputs

    async def write(self, rows: Sequence[Row]) -> None:
        """Take rows; wait while the reader has enough of them."""
        try:
            if self._error is not None:
                raise self._error
            self._writer.write(rows)
            if self._timer is None:
                self._timer = asyncio.get_running_loop().call_later(FLUSH_EVERY, self._flush)
            if self._pipe is not None and self._pipe.waiting > ROOM:
                await self._pipe.wait(ROOM)
        except OSError as error:
            raise RowsUnwritten from error

    async def close(self, settings: Mapping[str, Any]) -> None:
        """Wait until all was read."""
        try:
            await self._drain()
            self._writer.close()
        except OSError as error:
            raise RowsUnwritten from error

    async def abort(self) -> None:
        """Give the reader what came so far."""
        with suppress(OSError):
            await self._drain()
        self._writer.abort()

    def _flush(self) -> None:
        self._timer = None
        try:
            self._writer.flush()
        except OSError as error:  # told by the next write
            self._error = error

    async def _drain(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._writer.flush()
        if self._pipe is not None:
            await self._pipe.wait(0)


class _PatientDisk(Disk):
    """Writes in a thread, one block after the other: a reader that takes its time holds up no lookup."""

    def __init__(self) -> None:
        self.waiting = 0
        self._blocks: deque[tuple[int, bytes]] = deque()
        self._writing: asyncio.Future[None] | None = None
        self._error: BaseException | None = None

    def write(self, descriptor: int, data: bytes) -> None:
        """Have it written; an error is raised by a later call."""
        if isinstance(self._error, OSError):
            raise self._error
        self._blocks.append((descriptor, data))
        self.waiting += len(data)
        if self._writing is None:
            self._next()

    async def wait(self, room: int) -> None:
        """Until no more than so many bytes wait to be written."""
        while self.waiting > room and self._writing is not None:
            await asyncio.wait([self._writing])
        if isinstance(self._error, OSError):
            raise self._error

    def _next(self) -> None:
        descriptor, data = self._blocks[0]
        write = partial(super().write, descriptor, data)
        self._writing = asyncio.get_running_loop().run_in_executor(None, write)
        self._writing.add_done_callback(self._written)

    def _written(self, writing: asyncio.Future[None]) -> None:
        self._writing = None
        self._error = None if writing.cancelled() else writing.exception()
        _, data = self._blocks.popleft()
        self.waiting -= len(data)
        if self._error is None and self._blocks:
            self._next()


def _is_quick(path: str) -> bool:
    """Whether writing there takes no time, as to a file that standard output is redirected to."""
    if path != "-":
        return False
    try:
        return stat.S_ISREG(os.fstat(sys.stdout.fileno()).st_mode)
    except (AttributeError, OSError, ValueError):  # there is none, or it has no descriptor
        return True
