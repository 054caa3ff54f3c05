"""Where rows go: files that can be taken up again, and readers that take their time or go away."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import json
import os
from pathlib import Path
from typing import Any

import pytest

from aioresolver.bulk.disk import Disk
from aioresolver.bulk.journal import Journal
from aioresolver.bulk.rows import Row
from aioresolver.bulk.sources import read_inputs
from aioresolver.cli.sink import ROOM, FileSink, RowsUnwritten, StreamSink

pytestmark = pytest.mark.skipif(os.name == "nt", reason="no such pipes")
BATCH = [Row(index, f"h{index}.example", f"h{index}.example.", "A", "ok", ("192.0.2.1",)) for index in range(100)]


@pytest.fixture
def pipe(tmp_path: Path) -> Any:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    yield str(path), reader
    with contextlib.suppress(OSError):
        os.close(reader)


async def read_all(reader: int) -> bytes:
    """What the writers of the pipe write until all have gone."""
    os.set_blocking(reader, True)

    def read() -> bytes:
        data = b""
        while piece := os.read(reader, 1 << 16):
            data += piece
        return data

    return await asyncio.get_running_loop().run_in_executor(None, read)


async def test_a_slow_reader_holds_up_the_rows_and_nothing_else(pipe: Any) -> None:
    path, reader = pipe
    sink = StreamSink(path, None)
    written = 0

    async def write() -> None:
        nonlocal written
        while written < 100:
            await sink.write(BATCH)
            written += 1
        await sink.close({})

    writing = asyncio.create_task(write())
    while sink._pipe.waiting <= ROOM:
        await asyncio.sleep(0)
    stopped = written
    for _ in range(100):  # the loop is free, and no more rows are taken
        await asyncio.sleep(0)
    assert written == stopped < 100
    data = await read_all(reader)
    await writing
    assert [json.loads(line)["index"] for line in data.splitlines()] == list(range(100)) * 100


async def test_rows_do_not_wait_for_others(pipe: Any) -> None:
    path, reader = pipe
    sink = StreamSink(path, None)
    await sink.write(BATCH[:1])
    arrived = asyncio.Event()
    asyncio.get_running_loop().add_reader(reader, arrived.set)
    await asyncio.wait_for(arrived.wait(), 10)
    asyncio.get_running_loop().remove_reader(reader)
    assert json.loads(os.read(reader, 65536))["input"] == "h0.example"
    await sink.abort()


@pytest.mark.parametrize("rows", [1, 100])
async def test_nobody_reads(pipe: Any, rows: int) -> None:
    path, reader = pipe
    sink = StreamSink(path, None)
    os.close(reader)

    async def write() -> None:
        while True:
            await sink.write(BATCH[:rows])
            await asyncio.sleep(0)

    with pytest.raises(RowsUnwritten) as failure:
        await write()
    assert isinstance(failure.value.__cause__, BrokenPipeError)
    await sink.abort()


async def test_what_came_is_given_to_the_reader_at_an_early_end(pipe: Any) -> None:
    path, reader = pipe
    sink = StreamSink(path, "csv")
    await sink.write(BATCH)
    await sink.abort()
    assert (await read_all(reader)).count(b"\r\n") == 101


class FullDisk(Disk):
    """Its room ends at the first sync."""

    def sync(self, descriptor: int) -> None:
        if os.fstat(descriptor).st_size > 5000:
            raise OSError(errno.ENOSPC, "No space left on device")


def journal(tmp_path: Path, **options: Any) -> Journal:
    return Journal.open(str(tmp_path / "out.jsonl"), {}, interval=0.0, **options)


async def test_a_disk_that_is_full_when_a_thread_waits_for_it(tmp_path: Path) -> None:
    sink = FileSink(journal(tmp_path, disk=FullDisk()))
    left = sink.left(read_inputs([row.input for row in BATCH * 50]))
    rows = [Row(found.index, found.text, str(found.name), "A", "ok") for found in left]

    async def write() -> None:
        for start in range(0, len(rows), 100):
            await sink.write(rows[start : start + 100])
            await asyncio.sleep(0)
        await sink.close({})

    with pytest.raises(RowsUnwritten) as failure:
        await write()
    assert failure.value.__cause__.errno == errno.ENOSPC
    await sink.abort()
    assert (tmp_path / "out.jsonl.journal").exists()


async def test_a_file_and_what_is_left_of_it(tmp_path: Path) -> None:
    for half in (50, 100):
        sink = FileSink(journal(tmp_path))
        inputs = sink.left(read_inputs([row.input for row in BATCH]))
        found = [each for each in inputs if each.index < half]
        assert [each.index for each in found] == list(range(half - 50, half))
        await sink.write([BATCH[each.index] for each in found])
        if half == 50:
            await sink.abort()
        else:
            await sink.close({"rate": 5})
    assert (tmp_path / "out.jsonl").read_bytes().count(b"\n") == 100
    assert sink.earlier["ok"] == 50


async def test_inputs_that_arrive_are_left_too(tmp_path: Path) -> None:
    async def arriving() -> Any:
        for row in BATCH[:3]:
            yield row.input

    sink = FileSink(journal(tmp_path))
    found = [each async for each in sink.left(read_inputs(arriving()))]
    assert [each.index for each in found] == [0, 1, 2]
    await sink.write(BATCH[:3])
    await sink.close({})
