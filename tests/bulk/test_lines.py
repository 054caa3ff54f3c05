"""Bytes cut into lines: the same lines however the bytes come, and nothing that fills memory."""

from __future__ import annotations

import asyncio
import gzip
import io
import os
import pickle
import tracemalloc
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aioresolver.bulk.lines import (
    LONGEST_LINE,
    LineCutter,
    UnreadableInput,
    UnreadableLine,
    chunks_of_file,
    chunks_of_pipe,
)
from aioresolver.errors import ConfigurationError


def cut(*chunks):
    cutter = LineCutter()
    return [*(line for chunk in chunks for line in cutter.feed(chunk)), *cutter.end()]


@pytest.mark.parametrize(
    ("chunks", "lines"),
    [
        ([], []),
        ([b""], []),
        ([b"a\nb\n"], ["a", "b"]),
        ([b"a\nb"], ["a", "b"]),
        ([b"a", b"b\nc", b"\n"], ["ab", "c"]),
        ([b"\n\na\n"], ["", "", "a"]),
        ([b"a\r\nb\r\n"], ["a\r", "b\r"]),
        ([b"a\x0bb\x1cc\xc2\x85d\n"], ["a\x0bb\x1cc\x85d"]),
        ([b"\xef\xbb\xbfa\n\xef\xbb\xbfb"], ["a", "\ufeffb"]),
        ([b"\xef", b"\xbb", b"\xbfa\n"], ["a"]),
        ([b"\xef\xbb"], ["\\xef\\xbb"]),
        ([b"caf\xc3", b"\xa9\n"], ["café"]),
    ],
)
def test_lines_end_with_a_newline_and_nothing_else(chunks, lines):
    assert cut(*chunks) == lines


def test_what_is_not_utf_8_is_shown_and_spoils_no_other_line():
    good, bad, other = cut(b"a\ncaf\xe9\nb")

    assert (good, bad, other) == ("a", "caf\\xe9", "b")
    assert isinstance(bad, UnreadableLine)
    assert not isinstance(good, UnreadableLine)
    assert bad.reason == "it is not UTF-8"


@pytest.mark.parametrize("size", [1000, LONGEST_LINE - 1, LONGEST_LINE, 10 * LONGEST_LINE])
def test_an_overlong_line_is_one_line(size):
    text = b"first\n" + b"x" * (3 * LONGEST_LINE) + b"\nlast\n"
    first, overlong, last = cut(*(text[start : start + size] for start in range(0, len(text), size)))

    assert (first, last) == ("first", "last")
    assert isinstance(overlong, UnreadableLine)
    assert overlong == "x" * 1024
    assert "longer than 65536" in overlong.reason


def test_a_line_without_an_end_does_not_fill_memory():
    cutter = LineCutter()
    chunk = b"x" * 65536
    tracemalloc.start()
    try:
        assert [line for _ in range(500) for line in cutter.feed(chunk)] == []
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()
    assert len(cutter.end()) == 1


@given(st.lists(st.binary(max_size=6)), st.integers(1, 7))
def test_it_does_not_matter_how_the_bytes_come(parts, size):
    text = b"\n".join(parts)
    chunks = [text[start : start + size] for start in range(0, len(text), size)]

    assert cut(*chunks) == cut(text)
    assert len(cut(text)) == len(text.removeprefix(b"\xef\xbb\xbf").removesuffix(b"\n").split(b"\n")) - (
        text in (b"", b"\xef\xbb\xbf")
    )


# ---- compressed files


def zstd(data):
    zstandard = pytest.importorskip("zstandard")
    return zstandard.ZstdCompressor().compress(data)


PACKERS = pytest.mark.parametrize(("suffix", "pack"), [(".gz", gzip.compress), (".zst", zstd)])
TEXT = b"".join(b"host%d.test\n" % number for number in range(20_000))


def unpack(data, suffix):
    return b"".join(chunks_of_file(io.BytesIO(data), suffix))


@PACKERS
def test_compressed_files_are_unpacked(suffix, pack):
    assert unpack(pack(TEXT), suffix) == TEXT
    assert unpack(b"", suffix) == b""


@PACKERS
def test_several_members_are_one_file(suffix, pack):
    assert unpack(pack(TEXT) + pack(b"") + pack(b"more\n"), suffix) == TEXT + b"more\n"


@PACKERS
@pytest.mark.parametrize("kept", [0.01, 0.5, 0.999])
def test_a_file_that_is_cut_off_is_told(suffix, pack, kept):
    packed = pack(TEXT)

    with pytest.raises(UnreadableInput, match="too early"):
        unpack(packed[: int(len(packed) * kept)], suffix)


@PACKERS
def test_a_damaged_file_is_told(suffix, pack):
    packed = pack(TEXT)

    with pytest.raises(UnreadableInput, match="damaged"):
        unpack(packed + b"something else", suffix)
    with pytest.raises(UnreadableInput, match="damaged"):
        unpack(b"plain text", suffix)


def test_padding_behind_gzip_is_nothing():
    assert unpack(gzip.compress(b"a\n") + bytes(2000), ".gz") == b"a\n"


@PACKERS
def test_a_bomb_does_not_fill_memory(suffix, pack):
    bomb = pack(bytes(1 << 27))
    tracemalloc.start()
    try:
        assert sum(map(len, chunks_of_file(io.BytesIO(bomb), suffix))) == 1 << 27
        assert tracemalloc.get_traced_memory()[1] < 1 << 26
    finally:
        tracemalloc.stop()


def test_a_missing_zstandard_is_told_with_what_to_install(monkeypatch):
    def refuse(name):
        raise ImportError(name)

    monkeypatch.setattr("aioresolver.bulk.lines.import_module", refuse)

    with pytest.raises(ConfigurationError, match=r'pip install "aioresolver\[zstd\]"'):
        chunks_of_file(io.BytesIO(b""), ".zst")


def test_the_module_of_python_itself_is_preferred(monkeypatch):
    class Module:
        ZstdError = zlib.error

        @staticmethod
        def ZstdDecompressor():
            return zlib.decompressobj(wbits=31)

    monkeypatch.setattr("aioresolver.bulk.lines.import_module", lambda name: {"compression.zstd": Module}[name])

    assert unpack(gzip.compress(b"a\n"), ".zst") == b"a\n"


def test_the_error_pickles():
    error = pickle.loads(pickle.dumps(UnreadableInput(5, "it is gone", "names.gz")))

    assert (str(error), error.filename) == ("cannot read names.gz to the end: it is gone", "names.gz")


# ---- pipes


async def test_a_pipe_is_read_as_it_comes_and_keeps_its_mode():
    reading, writing = os.pipe()
    chunks = chunks_of_pipe(reading)
    os.write(writing, b"a\nb")
    assert await anext(chunks) == b"a\nb"

    coming = asyncio.ensure_future(anext(chunks))
    for _ in range(5):
        await asyncio.sleep(0)
    assert not coming.done()
    os.write(writing, b"c\n")
    assert await coming == b"c\n"
    assert os.get_blocking(reading)

    os.close(writing)
    assert [chunk async for chunk in chunks] == []
    os.close(reading)


async def test_waiting_for_a_pipe_can_be_ended():
    reading, writing = os.pipe()
    chunks = chunks_of_pipe(reading)
    coming = asyncio.ensure_future(anext(chunks))
    await asyncio.sleep(0)
    coming.cancel()
    await asyncio.wait([coming])

    assert asyncio.get_running_loop().remove_reader(reading) is False
    os.close(reading)
    os.close(writing)


async def test_what_cannot_be_waited_for_is_read_at_once():
    null = os.open(os.devnull, os.O_RDONLY)
    assert [chunk async for chunk in chunks_of_pipe(null)] == []
    os.close(null)


async def test_a_descriptor_that_fails_is_an_error(tmp_path):
    folder = os.open(tmp_path, os.O_RDONLY)
    with pytest.raises(OSError, match="directory"):
        await anext(chunks_of_pipe(folder))
    os.close(folder)


@pytest.mark.parametrize("fails", [False, True])
async def test_a_loop_without_readers_has_a_thread_read(monkeypatch, fails):
    def no_readers(*_):
        raise NotImplementedError

    loop = asyncio.get_running_loop()
    monkeypatch.setattr(loop, "add_reader", no_readers)
    reading, writing = os.pipe()
    os.write(writing, b"a\n")
    os.close(writing)
    if fails:
        os.close(reading)
        with pytest.raises(OSError, match="descriptor"):
            await anext(chunks_of_pipe(reading))
        return
    assert [chunk async for chunk in chunks_of_pipe(reading)] == [b"a\n"]
    os.close(reading)
