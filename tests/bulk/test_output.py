"""Blocks, members, a name only for what is whole, and errors that stay."""

from __future__ import annotations

import errno
import gzip
import os
import sys
import zlib
from importlib.util import find_spec

import pytest

from aioresolver.bulk.disk import Disk
from aioresolver.bulk.output import BLOCK, Output, is_being_written, is_stream, require_writable, write_whole
from aioresolver.errors import ConfigurationError

LINE = b"x" * 99 + b"\n"


def fill(output):
    for _ in range(5000):
        output.write(LINE)


needs_zstandard = pytest.mark.skipif(find_spec("zstandard") is None, reason="zstandard is an extra")
posix = pytest.mark.skipif(os.name == "nt", reason="POSIX")


class Watched(Disk):
    """The real disk, which notes what is written and can be full."""

    def __init__(self, room=None):
        self.blocks, self.room = [], room
        self.syncs = 0

    def write(self, descriptor, data):
        if self.room is not None and len(data) > self.room:
            super().write(descriptor, data[: self.room])
            self.room = 0
            raise OSError(errno.ENOSPC, "No space left on device")
        if self.room is not None:
            self.room -= len(data)
        self.blocks.append(len(data))
        super().write(descriptor, data)

    def sync(self, descriptor):
        self.syncs += 1
        super().sync(descriptor)


def test_it_is_written_in_blocks(tmp_path):
    disk = Watched()
    output = Output(str(tmp_path / "out"), disk=disk)
    for _ in range(2000):
        output.write(LINE)
    output.finish()

    assert min(disk.blocks[:-1]) >= BLOCK
    assert len(disk.blocks) == 4
    assert (tmp_path / "out").read_bytes() == LINE * 2000


def test_it_has_its_name_only_when_it_is_whole_and_durable(tmp_path):
    disk = Watched()
    output = Output(str(tmp_path / "out"), disk=disk)
    output.write(LINE)
    output.flush()
    assert os.listdir(tmp_path) == ["out.partial"]
    assert (tmp_path / "out.partial").read_bytes() == LINE

    output.finish()

    assert disk.syncs == 1
    assert os.listdir(tmp_path) == ["out"]


def test_what_was_there_stays_until_then(tmp_path):
    (tmp_path / "out").write_bytes(b"old")
    output = Output(str(tmp_path / "out"))
    output.write(LINE)
    output.abort()

    assert (tmp_path / "out").read_bytes() == b"old"
    assert (tmp_path / "out.partial").read_bytes() == LINE


def test_an_aborted_output_with_nothing_in_it_goes(tmp_path):
    Output(str(tmp_path / "out")).abort()

    assert os.listdir(tmp_path) == []


@posix
def test_a_link_stays_a_link(tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "folder" / "out")
    output = Output(str(tmp_path / "link"))
    output.write(LINE)
    output.finish()

    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "folder" / "out").read_bytes() == LINE


@posix
def test_one_run_at_a_time_writes_a_file(tmp_path):
    output = Output(str(tmp_path / "out"))
    output.write(LINE)
    output.flush()

    with pytest.raises(ConfigurationError, match="another run is writing"):
        Output(str(tmp_path / "out"))
    assert is_being_written(str(tmp_path / "out"))

    output.finish()
    assert not is_being_written(str(tmp_path / "out"))
    assert (tmp_path / "out").read_bytes() == LINE


def test_an_output_that_was_left_is_not_being_written(tmp_path):
    assert not is_being_written(str(tmp_path / "out"))
    (tmp_path / "out.partial").write_bytes(LINE)

    assert not is_being_written(str(tmp_path / "out"))
    assert (tmp_path / "out.partial").read_bytes() == LINE


@pytest.mark.parametrize("room", [0, 1, BLOCK - 1, BLOCK + 50, 2 * BLOCK + 5])
def test_a_full_disk_leaves_whole_lines_and_is_told_again(tmp_path, room):
    path = str(tmp_path / "out")
    output = Output(path, disk=Watched(room))
    with pytest.raises(OSError, match="No space left on device") as failure:
        fill(output)
    assert (failure.value.errno, failure.value.filename) == (errno.ENOSPC, path)
    with pytest.raises(OSError, match="No space left on device"):
        output.flush()
    with pytest.raises(OSError, match="No space left on device"):
        output.finish()

    output.abort()

    left = (tmp_path / "out.partial").read_bytes() if (tmp_path / "out.partial").exists() else b""
    assert len(left) <= room
    assert len(left) % len(LINE) == 0
    assert not (tmp_path / "out").exists()


def test_an_error_of_fsync_is_not_forgotten(tmp_path):
    class Sick(Disk):
        def sync(self, descriptor):
            raise OSError(errno.EIO, "Input/output error")

    output = Output(str(tmp_path / "out"), disk=Sick())
    output.write(LINE)
    with pytest.raises(OSError, match="Input/output error"):
        output.finish()
    output._disk = Disk()
    with pytest.raises(OSError, match="Input/output error"):
        output.finish()
    output.abort()

    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("path", ["missing/out", "."])
def test_where_nothing_can_be_written(tmp_path, monkeypatch, path):
    monkeypatch.chdir(tmp_path)

    with pytest.raises(OSError, match=path):
        Output(path)


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_is_read_only(tmp_path):
    tmp_path.chmod(0o500)

    with pytest.raises(PermissionError, match=r"Permission denied: .*out"):
        Output(str(tmp_path / "out"))


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no such device")
def test_a_device_is_written_directly():
    output = Output("/dev/full")
    output.write(LINE)

    with pytest.raises(OSError, match="No space left on device: '/dev/full'"):
        output.finish()
    output.abort()
    assert not os.path.exists("/dev/full.partial")


@posix
def test_a_pipe_that_nobody_reads(tmp_path):
    reader, writer = os.pipe()
    output = Output(f"/dev/fd/{writer}")
    os.close(reader)
    output.write(LINE)

    with pytest.raises(BrokenPipeError):
        output.flush()
    output.abort()
    os.close(writer)


def test_standard_output(capfdbinary):
    output = Output("-")
    output.write(LINE)
    output.finish()

    assert capfdbinary.readouterr().out == LINE


def test_a_standard_output_without_a_descriptor(capsysbinary):
    output = Output("-")
    output.write(LINE)
    output.finish()

    assert capsysbinary.readouterr().out == LINE


def test_a_standard_output_that_is_closed(monkeypatch):
    monkeypatch.setattr(sys, "stdout", None)

    with pytest.raises(OSError, match="it is closed: 'standard output'"):
        Output("-")


def test_gzip_has_a_member_for_each_flush(tmp_path):
    output = Output(str(tmp_path / "out.gz"))
    ends = []
    for _ in range(3):
        output.write(LINE)
        output.flush()
        ends.append(output.offset)
    output.flush()
    assert output.offset == ends[-1]
    output.finish()

    data = (tmp_path / "out.gz").read_bytes()
    assert gzip.decompress(data) == LINE * 3
    assert zlib.decompress(data[: ends[0]], wbits=31) == LINE
    assert gzip.decompress(data[: ends[1]]) == LINE * 2


@needs_zstandard
def test_zstd_has_a_frame_for_each_flush(tmp_path):
    import zstandard

    output = Output(str(tmp_path / "out.zst"))
    for _ in range(2):
        output.write(LINE)
        output.flush()
    output.finish()

    assert zstandard.ZstdDecompressor().decompressobj().decompress((tmp_path / "out.zst").read_bytes()) == LINE
    with (tmp_path / "out.zst").open("rb") as file:
        assert zstandard.ZstdDecompressor().stream_reader(file, read_across_frames=True).read() == LINE * 2


def test_zstd_without_its_package(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "zstandard", None)

    with pytest.raises(ConfigurationError, match=r'pip install "aioresolver\[zstd\]"'):
        Output(str(tmp_path / "out.jsonl.zst"))
    assert os.listdir(tmp_path) == []


def test_it_goes_on_from_a_durable_offset(tmp_path):
    (tmp_path / "out.partial").write_bytes(LINE * 3 + b"torn")
    output = Output(str(tmp_path / "out"), at=300)
    assert output.tail == LINE * 3
    output.write(LINE)
    output.finish()

    assert (tmp_path / "out").read_bytes() == LINE * 4


def test_the_tail_is_the_end(tmp_path):
    output = Output(str(tmp_path / "out"))
    for number in range(3):
        output.write(str(number).encode() * 3000)
        output.flush()

    assert output.tail == b"1" * 1096 + b"2" * 3000
    output.abort()


def test_streams(tmp_path):
    (tmp_path / "file").touch()

    assert is_stream("-")
    assert is_stream(os.devnull)
    assert not is_stream(str(tmp_path / "file"))
    assert not is_stream(str(tmp_path / "missing"))


def test_a_whole_file_is_there_whole_or_not_at_all(tmp_path):
    class Full(Disk):
        def sync(self, descriptor):
            raise OSError(errno.ENOSPC, "No space left on device")

    path = tmp_path / "figures"
    write_whole(str(path), b"one")
    with pytest.raises(OSError, match="No space left") as caught:
        write_whole(str(path), b"another", disk=Full())

    assert caught.value.filename == str(path)
    assert [(file.name, file.read_bytes()) for file in tmp_path.iterdir()] == [("figures", b"one")]


@posix
def test_a_whole_file_behind_a_link(tmp_path):
    (tmp_path / "link").symlink_to("figures")

    write_whole(str(tmp_path / "link"), b"one")

    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "figures").read_bytes() == b"one"


def test_a_stream_gets_the_bytes(capfdbinary):
    write_whole("-", b"one\n")

    assert capfdbinary.readouterr().out == b"one\n"


def test_whether_a_file_can_be_written_is_known_before(tmp_path):
    (tmp_path / "figures").write_bytes(b"one")
    for path in ("-", str(tmp_path / "figures"), str(tmp_path / "new")):
        require_writable(path)
    assert [(file.name, file.read_bytes()) for file in tmp_path.iterdir()] == [("figures", b"one")]

    for path in (str(tmp_path / "missing" / "new"), str(tmp_path)):
        with pytest.raises(OSError) as caught:
            require_writable(path)
        assert caught.value.filename == path
