"""The real file system, as far as outputs and journals rely on it."""

from __future__ import annotations

import errno
import os
import threading

import pytest

from aioresolver.bulk.disk import DISK, Disk, naming, store


def test_store_replaces_the_whole(tmp_path):
    path = str(tmp_path / "file")
    store(DISK, path, b"long and old")

    store(DISK, path, b"new")

    assert DISK.load(path) == b"new"
    assert os.listdir(tmp_path) == ["file"]


def test_a_store_that_fails_leaves_what_was_there(tmp_path):
    class Full(Disk):
        def write(self, descriptor, data):
            super().write(descriptor, data[:2])
            raise OSError(errno.ENOSPC, "No space left on device")

    path = str(tmp_path / "file")
    store(DISK, path, b"old")

    with pytest.raises(OSError, match="No space left on device") as failure:
        store(Full(), path, b"new")

    assert failure.value.filename == path
    assert DISK.load(path) == b"old"
    assert os.listdir(tmp_path) == ["file"]


def test_read_and_truncate(tmp_path):
    path = str(tmp_path / "file")
    descriptor = DISK.open(path)
    DISK.write(descriptor, b"0123456789")
    assert DISK.size(descriptor) == 10
    assert DISK.read(descriptor, 4, 3) == b"456"
    assert DISK.read(descriptor, 8, 100) == b"89"

    DISK.truncate(descriptor, 6)
    DISK.write(descriptor, b"x")
    DISK.sync(descriptor)
    DISK.close(descriptor)

    assert DISK.load(path) == b"012345x"


def test_what_is_not_there(tmp_path):
    path = str(tmp_path / "file")

    assert DISK.load(path) is None
    assert not DISK.exists(path)
    DISK.remove(path)


@pytest.mark.skipif(os.name == "nt", reason="no such locks")
def test_one_at_a_time(tmp_path):
    path = str(tmp_path / "file")
    first, second = DISK.open(path), DISK.open(path)

    assert DISK.lock(first, path)
    assert not DISK.lock(second, path)
    DISK.close(first)
    assert DISK.lock(second, path)
    DISK.close(second)


@pytest.mark.skipif(os.name == "nt", reason="no such locks")
def test_a_file_that_was_renamed_meanwhile_is_not_ours(tmp_path):
    path = str(tmp_path / "file")
    descriptor = DISK.open(path)
    DISK.replace(path, f"{path}.whole")

    assert not DISK.lock(descriptor, path)
    DISK.close(DISK.open(path))
    assert not DISK.lock(descriptor, path)
    DISK.close(descriptor)


@pytest.mark.skipif(os.name == "nt", reason="pipes do not block there")
def test_a_full_pipe_that_does_not_block_is_waited_for():
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    received = []
    thread = threading.Thread(target=lambda: received.extend(iter(lambda: os.read(reader, 65536), b"")))
    data = os.urandom(1 << 20)

    thread.start()
    DISK.write(writer, data)
    DISK.close(writer)
    thread.join()
    DISK.close(reader)

    assert b"".join(received) == data


def test_errors_name_the_file():
    with pytest.raises(BrokenPipeError) as failure, naming("out.jsonl"):
        raise BrokenPipeError(errno.EPIPE, "Broken pipe")

    assert failure.value.filename == "out.jsonl"
    assert str(failure.value) == "[Errno 32] Broken pipe: 'out.jsonl'"


def test_errors_about_a_file_beside_it_name_the_file():
    with pytest.raises(FileNotFoundError) as failure, naming("out.jsonl"):
        raise FileNotFoundError(errno.ENOENT, "No such file or directory", "out.jsonl.partial")

    assert failure.value.filename == "out.jsonl"
