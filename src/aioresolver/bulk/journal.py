"""A bulk run that can be taken up again after a crash: the output so far, and a journal of what it holds.

The journal, `OUTPUT.journal`, says how long the output was when it was last made durable, and what had its rows then.
It is replaced as a whole, after the output is on the disk. So whatever happens, cutting `OUTPUT.partial` to that
length gives a file with every row of what is done, once, and the rest is asked for again.
"""

from __future__ import annotations

import json
import os
import threading
import time
import zlib
from collections import Counter
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import Any, overload

from aioresolver.bulk.disk import DISK, Disk, store
from aioresolver.bulk.ledger import Entry, Ledger
from aioresolver.bulk.manifest import fits, make_manifest, manifest_path, read_manifest, write_manifest
from aioresolver.bulk.output import Output, is_stream
from aioresolver.bulk.rows import Row
from aioresolver.bulk.writers import LinesWriter, format_of
from aioresolver.errors import ConfigurationError, UsageError

__all__ = ["Journal"]

FORMAT = "aioresolver bulk journal"
VERSION = 1
_ENTRY: Mapping[str, type | tuple[type, ...]] = {
    "configuration": dict,
    "started": (int, float),
    "resumed": int,
    "whole": bool,
    "offset": int,
    "tail": int,
    "ledger": dict,
}
_LEDGER = {"inputs": int, "expected": int, "next": int, "checksum": int, "statuses": dict, "left": list}


class Journal:
    """The output of a run that can be taken up again, and what of the run is done.

    ```python
    journal = Journal.open("out.jsonl", configuration)
    async for row in BulkRun(resolver, journal.left(inputs)):  # what an earlier run has not done
        journal.write([row])  # in larger batches, better
        save = journal.checkpoint(loop.time())  # None, but for twice a second
        if save is not None:
            await loop.run_in_executor(None, save)  # or just save(), which waits for the disk
    journal.close()  # or abort(), when it did not come so far
    ```

    `is_complete`: the earlier run had come to its end; `close()` is all there is to do. Only `save` may be run by
    another thread while this one goes on.
    """

    def __init__(
        self,
        path: str,
        configuration: Mapping[str, Any],
        entry: Mapping[str, Any],
        *,
        interval: float,
        disk: Disk,
        clock: Callable[[], float],
    ) -> None:
        """`Journal.open` makes one; `entry` is what the journal holds, nothing for a new run."""
        self.path = path
        self.configuration: dict[str, Any] = dict(configuration)
        self.is_complete: bool = entry.get("whole", False)
        self.resumed: int = entry.get("resumed", -1) + 1
        self.started: float = entry.get("started", clock())
        self._ledger = Ledger(entry.get("ledger"))
        self._interval = interval
        self._disk = disk
        self._clock = clock
        self._saving = threading.Lock()
        self._saved_at: float | None = None
        self._number = self._saved_number = 0
        self._saved_rows = self._ledger.statuses.total()
        self._all_read = self.is_complete
        # Something went wrong half-way, an interruption too: what is known of the rows is not to be saved.
        self._broken = False
        self._output: Output | None = None
        self._writer: LinesWriter | None = None
        if not self.is_complete or disk.exists(f"{path}.partial"):
            self._output = self._open_output(entry)
            self._writer = LinesWriter(self._output, "csv" if self._format == "csv" else "json")

    @classmethod
    def open(
        cls,
        path: str | os.PathLike[str],
        configuration: Mapping[str, Any],
        *,
        format: str | None = None,
        anew: bool = False,
        interval: float = 0.5,
        disk: Disk = DISK,
        clock: Callable[[], float] = time.time,
    ) -> Journal:
        """Begin a run, or take up the one that the output's journal tells of.

        `anew`: begin in any case; an output that is there stays until this run is complete, an earlier journal goes.
        `configuration` is everything that decides what the rows are, as plain data for JSON: the types, the input (see
        `input_identity`). `interval`: seconds between checkpoints; so much is asked again at most after a crash.
        `clock` gives seconds since 1970. The format is chosen as by `open_writer`; a Parquet file is made of JSON lines
        in the end, for which there must be room. Raises OSError, and ConfigurationError when the earlier run was
        another one, with what differs, or when the output is not a file.
        """
        path = os.fspath(path)
        if is_stream(path):
            raise ConfigurationError(f"{path} is not a file: a run that writes there cannot be taken up again")
        configuration = json.loads(json.dumps({**configuration, "format": format_of(path, format)}))
        if configuration["format"] == "parquet":
            _parquet()  # now, not when all is done
        path = os.path.realpath(path)
        entry = {} if anew else _read_entry(disk, path)
        if entry is None:
            entry = _finished_entry(disk, path, configuration)
        elif entry and entry["configuration"] != configuration:
            raise ConfigurationError(_refusal(path, _difference(entry["configuration"], configuration)))
        journal = cls(path, configuration, entry, interval=interval, disk=disk, clock=clock)
        if not journal.is_complete:
            journal._store(journal._entry())
        return journal

    @property
    def statuses(self) -> Counter[str]:
        """The rows by status, those of the earlier runs too."""
        return self._ledger.statuses

    @property
    def inputs(self) -> int:
        """The inputs that were taken, by the earlier runs too."""
        return self._ledger.inputs

    @property
    def expected(self) -> int:
        """The rows that are due for them."""
        return self._ledger.expected

    @overload
    def left(self, inputs: Iterable[Entry]) -> Iterator[Entry]: ...
    @overload
    def left(self, inputs: Iterable[Entry | None]) -> Iterator[Entry | None]: ...
    @overload
    def left(self, inputs: AsyncIterable[Entry]) -> AsyncIterator[Entry]: ...
    def left(self, inputs: Any) -> Any:
        """The inputs that are to be asked: all that come, but for what an earlier run has done.

        They are read from the first one again, and let through when the first new one has come. A None is passed on.
        Raises ConfigurationError when those that were read then are others now.
        """
        return self._left_async(inputs) if isinstance(inputs, AsyncIterable) else self._left(inputs)

    def write(self, rows: Sequence[Row]) -> None:
        """Take these rows, of inputs that `left` gave. Raises OSError."""
        if self._writer is None or self._broken:
            raise UsageError(f"{self.path} takes no more rows")
        try:
            self._ledger.settle(rows)
            self._writer.write(rows)
        except BaseException:
            self._broken = True
            raise

    def checkpoint(self, now: float) -> Callable[[], None] | None:
        """Twice a second, when there are new rows, what is to be run to make them durable; else None.

        `now` is in seconds of any clock. What is run blocks, maybe long, and raises OSError.
        """
        if self._saved_at is not None and now - self._saved_at < self._interval:
            return None
        if self._output is None or self._saving.locked() or self.statuses.total() == self._saved_rows:
            return None
        self._saved_at = now
        return self._prepare()

    def commit(self, now: float) -> bool:
        """Run what `checkpoint` gives, if anything; whether it did. Blocks."""
        save = self.checkpoint(now)
        if save is not None:
            save()
        return save is not None

    def close(self, settings: Mapping[str, Any] | None = None) -> None:
        """All is done: give the output its name, write the manifest with these settings, remove the journal.

        Raises OSError, and UsageError when something is missing; then it can be taken up again.
        """
        if not self._all_read or self._ledger.missing:
            raise UsageError(f"{self.path} is not complete: {self._ledger.missing} rows are missing, or inputs unread")
        if self._output is not None:
            if not self.is_complete:
                self._prepare(whole=True)()
                self.is_complete = True
            self._give_name(self._output)
        if self._disk.exists(f"{self.path}.journal"):
            write_manifest(manifest_path(self.path), self.manifest(settings), disk=self._disk)
            self._disk.remove(f"{self.path}.journal")
        self._release()

    def abort(self) -> None:
        """End here, to be taken up again: what came so far is made durable if it can be. Raises nothing."""
        if self._output is None:
            return
        with suppress(OSError, UsageError):
            if not self.is_complete:
                self._prepare()()
        self._output.abort()
        self._release()

    def manifest(self, settings: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """What `close` writes beside the output."""
        return make_manifest(
            configuration=self.configuration,
            settings=settings,
            statuses=self.statuses,
            inputs=self.inputs,
            expected=self.expected,
            started=self.started,
            finished=self._clock() if self.is_complete else None,
            resumed=self.resumed,
        )

    @property
    def _format(self) -> str:
        return str(self.configuration["format"])

    def _open_output(self, entry: Mapping[str, Any]) -> Output:
        output = Output(self.path, disk=self._disk, at=entry.get("offset"))
        if entry and zlib.crc32(output.tail) != entry["tail"]:
            output.release()
            raise ConfigurationError(_refusal(self.path, "its output was changed since"))
        return output

    def _left(self, inputs: Iterable[Entry | None]) -> Iterator[Entry | None]:
        if self.is_complete:
            return
        ledger, take = self._ledger, self._ledger.take
        for entry in inputs:
            if entry is None:
                yield None
            elif not ledger.is_rereading:
                take(entry)
                yield entry
            elif not ledger.reread(entry):
                yield from self._end_rereading()
                take(entry)
                yield entry
        yield from self._end_rereading()
        self._all_read = True

    async def _left_async(self, inputs: AsyncIterable[Entry]) -> AsyncIterator[Entry]:
        if self.is_complete:
            return
        ledger = self._ledger
        async for entry in inputs:
            if ledger.is_rereading:
                if ledger.reread(entry):
                    continue
                for left in self._end_rereading():
                    yield left
            ledger.take(entry)
            yield entry
        for left in self._end_rereading():
            yield left
        self._all_read = True

    def _end_rereading(self) -> Sequence[Entry]:
        try:
            return self._ledger.end_rereading()
        except ConfigurationError as error:
            raise ConfigurationError(_refusal(self.path, str(error))) from None

    def _prepare(self, *, whole: bool = False) -> Callable[[], None]:
        """Hand everything on to the file; what is returned makes it durable, then the journal that tells of it."""
        assert self._output is not None
        if self._broken:
            raise UsageError(f"writing {self.path} failed before")
        try:
            self._output.flush()
        except BaseException:
            self._broken = True
            raise
        self._saved_rows = self.statuses.total()
        self._number += 1
        return partial(self._save, self._output, self._number, self._entry(whole=whole))

    def _save(self, output: Output, number: int, entry: bytes) -> None:
        with self._saving:
            if number > self._saved_number:  # else a later one has overtaken it
                output.sync()
                self._store(entry)
                self._saved_number = number

    def _entry(self, *, whole: bool = False) -> bytes:
        output = self._output
        assert output is not None
        entry = {
            "format": FORMAT,
            "version": VERSION,
            "configuration": self.configuration,
            "started": self.started,
            "resumed": self.resumed,
            "whole": whole,
            "offset": output.offset,
            "tail": zlib.crc32(output.tail),
            "ledger": self._ledger.state(),
        }
        return json.dumps(entry, separators=(",", ":")).encode() + b"\n"

    def _store(self, entry: bytes) -> None:
        store(self._disk, f"{self.path}.journal", entry)

    def _give_name(self, output: Output) -> None:
        if self._format == "parquet":
            _parquet().parquet_of_json_lines(f"{self.path}.partial", self.path, disk=self._disk)
            output.remove()
        else:
            output.rename()

    def _release(self) -> None:
        if self._output is not None:
            with self._saving:
                self._saved_number = self._number
                self._output.release()
        self._output = self._writer = None


def _parquet() -> Any:
    from aioresolver.bulk import parquet  # noqa: PLC0415 - pyarrow takes long to load

    parquet.require_pyarrow()
    return parquet


def _read_entry(disk: Disk, path: str) -> dict[str, Any] | None:
    """What the journal of an output holds; None when there is none."""
    data = disk.load(f"{path}.journal")
    if data is None:
        return None
    try:
        entry = json.loads(data)
    except ValueError:
        entry = None
    if (
        not isinstance(entry, dict)
        or (entry.get("format"), entry.get("version")) != (FORMAT, VERSION)
        or not fits(entry, _ENTRY)
        or not 0 <= entry["started"] < 1e11
        or not fits(entry["ledger"], _LEDGER)
        or not all(isinstance(item, int) or (isinstance(item, list) and item) for item in entry["ledger"]["left"])
    ):
        raise ConfigurationError(f"{path}.journal is not a journal of this version: delete it to start anew")
    if entry["whole"] and not disk.exists(f"{path}.partial") and not disk.exists(path):
        raise ConfigurationError(f"{path} is gone: delete {path}.journal to start anew")
    return entry


def _finished_entry(disk: Disk, path: str, configuration: Mapping[str, Any]) -> dict[str, Any]:
    """There is no journal: nothing, for a new run, or that the same run was finished before."""
    if not disk.exists(path):
        return {}
    manifest = read_manifest(manifest_path(path), disk=disk)
    if manifest is None or not manifest["complete"]:
        raise ConfigurationError(f"{path} is there already, without a journal: delete it to start anew")
    if manifest["configuration"] != configuration:
        difference = _difference(manifest["configuration"], configuration)
        raise ConfigurationError(f"{path} is there already, of another run: {difference}; delete it to start anew")
    counts = {"inputs": manifest["inputs"], "expected": manifest["expected_rows"], "statuses": manifest["statuses"]}
    return {"whole": True, "resumed": manifest["resumed"] - 1, "ledger": counts}


def _difference(earlier: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    words = [
        f"{key} was {_shown(earlier.get(key))}, and is {_shown(now.get(key))} now"
        for key in dict.fromkeys([*earlier, *now])
        if earlier.get(key) != now.get(key)
    ]
    return ", ".join(words)


def _shown(value: Any) -> str:
    return " ".join(map(str, value)) if isinstance(value, list) else json.dumps(value, ensure_ascii=False).strip('"')


def _refusal(path: str, reason: str) -> str:
    return f"{path}.journal is of another run: {reason}; delete it and {path}.partial to start anew"
