"""Where inputs come from: files of every kind, standard input, iterables."""

from __future__ import annotations

import asyncio
import gzip
import os
import subprocess
import sys
from contextlib import closing

import pytest

from aioresolver.bulk import UnreadableInput, read_inputs
from aioresolver.bulk.inputs import ArrivingInputs, Inputs
from aioresolver.errors import ConfigurationError


@pytest.fixture
def names(tmp_path):
    def write(data, name="names.txt"):
        path = tmp_path / name
        path.write_bytes(data)
        return path

    return write


def texts(inputs):
    return [found.text for found in inputs]


def test_a_file_of_lines(names):
    inputs = read_inputs(names(b"a.test\r\n\n b.test MX\n\xff\nc.test"), types="AAAA")

    assert [(found.index, found.text, str(found.types[0])) for found in inputs] == [
        (0, "a.test", "AAAA"),
        (2, "b.test MX", "MX"),
        (3, "\\xff", "AAAA"),
        (4, "c.test", "AAAA"),
    ]
    assert inputs.blank == 1


def test_a_path_may_be_text(names):
    assert texts(read_inputs(str(names(b"a.test\n")))) == ["a.test"]


def test_the_share_read_is_told_as_it_goes(names):
    inputs = read_inputs(names(b"".join(b"host%d.example.test\n" % number for number in range(20_000))))
    iterator = iter(inputs)
    assert inputs.done == 0
    for _ in range(10_000):
        next(iterator)
    assert inputs.done == pytest.approx(0.5, abs=0.2)
    assert sum(1 for _ in iterator) == 10_000
    assert inputs.done == 1.0
    with closing(read_inputs(names(b""))) as inputs:
        assert inputs.done == 1.0


def test_a_compressed_file_is_unpacked(names):
    assert texts(read_inputs(names(gzip.compress(b"a.test\nb.test\n"), "names.txt.gz"))) == ["a.test", "b.test"]


def test_a_file_that_breaks_off_is_told_with_its_name(names):
    path = names(gzip.compress(b"a.test\n" * 10_000)[:-20], "names.gz")

    with pytest.raises(UnreadableInput, match=r"names\.gz to the end: the compressed data ends too early"):
        texts(read_inputs(path))


def test_a_column_of_a_csv_file(names):
    table = b'rank,domain\n1,a.test\n2,"b.test"\n\n3,\n4'

    inputs = read_inputs(names(table, "names.csv"), column="domain")
    assert [(found.index, found.text) for found in inputs][:2] == [(0, "a.test"), (1, "b.test")]
    assert [found.status for found in read_inputs(names(table, "names.csv"), column="domain") if found.index > 1] == [
        "bad-name"
    ]
    assert inputs.blank == 2

    assert texts(read_inputs(names(b"1\ta.test", "names.tsv"), column=2)) == ["a.test"]
    assert texts(read_inputs(names(gzip.compress(b"1\ta.test"), "names.tsv.gz"), column=2)) == ["a.test"]
    assert texts(read_inputs(names(b"1;a.test"), column=2, delimiter=";")) == ["a.test"]


def test_a_missing_column_is_told(names):
    with pytest.raises(ConfigurationError, match="no column 'host'"):
        texts(read_inputs(names(b"rank,domain\n1,a.test\n"), column="host"))


def test_what_cannot_be_meant_is_told_at_once(names, tmp_path):
    with pytest.raises(FileNotFoundError):
        read_inputs(tmp_path / "none.txt")
    with pytest.raises(OSError, match="directory"):
        read_inputs(tmp_path)
    with pytest.raises(ConfigurationError, match="column"):
        read_inputs(["a.test"], column=1)
    with pytest.raises(ConfigurationError, match="header"):
        read_inputs(names(b"a.test"), header=True)
    with pytest.raises(ValueError, match="NOTYPE"):
        read_inputs(names(b"a.test"), types="NOTYPE")


def test_iterables_are_inputs_as_they_are():
    assert texts(read_inputs(["a.test", "b.test"])) == ["a.test", "b.test"]
    assert isinstance(read_inputs(iter([])), Inputs)


async def test_async_iterables_are_too_and_are_closed():
    closed = []

    async def names():
        try:
            yield "a.test"
            yield "b.test"
        finally:
            closed.append(True)

    inputs = read_inputs(names())
    assert isinstance(inputs, ArrivingInputs)
    async for found in (iterator := aiter(inputs)):
        assert found.text == "a.test"
        break
    await iterator.aclose()

    assert closed == [True]


async def test_an_async_iterable_need_not_be_a_generator():
    class Names:
        def __init__(self):
            self.left = ["a.test", "b.test"]

        def __aiter__(self):
            return self

        async def __anext__(self):
            if not self.left:
                raise StopAsyncIteration
            return self.left.pop(0)

    assert [found.text async for found in read_inputs(Names())] == ["a.test", "b.test"]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes here")
async def test_a_named_pipe_is_read_as_it_comes(tmp_path):
    path = tmp_path / "fifo"
    os.mkfifo(path)
    keeper = os.open(path, os.O_RDWR)
    inputs = read_inputs(path)
    os.write(keeper, b"a.test\nb.te")
    iterator = aiter(inputs)
    assert (await anext(iterator)).text == "a.test"

    coming = asyncio.ensure_future(anext(iterator))
    await asyncio.sleep(0)
    os.write(keeper, b"st\n")
    assert (await coming).text == "b.test"
    os.close(keeper)
    assert [found async for found in iterator] == []


PROGRAM = """
import asyncio, sys
from aioresolver.bulk import read_inputs
async def main():
    inputs = read_inputs("-")
    if hasattr(inputs, "__aiter__"):
        found = [one.text async for one in inputs]
    else:
        found = [one.text for one in inputs]
    print(type(inputs).__name__, *found)
asyncio.run(main())
"""


@pytest.mark.parametrize("kind", ["file", "pipe", "null"])
def test_standard_input_is_read_as_what_it_is(names, kind):
    command = [sys.executable, "-c", PROGRAM]
    if kind == "file":
        with names(b"a.test\nb.test\n").open("rb") as file:
            done = subprocess.run(command, stdin=file, capture_output=True, check=True)
    elif kind == "pipe":
        done = subprocess.run(command, input=b"a.test\nb.test\n", capture_output=True, check=True)
    else:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=True)

    assert (
        done.stdout.split()
        == {
            "file": [b"Inputs", b"a.test", b"b.test"],
            "pipe": [b"ArrivingInputs", b"a.test", b"b.test"],
            "null": [b"ArrivingInputs"],
        }[kind]
    )


def test_a_closed_standard_input_is_an_error(monkeypatch):
    monkeypatch.setattr(sys, "stdin", None)

    with pytest.raises(OSError, match="standard input is closed"):
        read_inputs("-")
