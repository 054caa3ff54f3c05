"""A file that changes under our eyes."""

from __future__ import annotations

import os

from aioresolver.system.watched_file import WatchedFile


def test_it_is_read_once_until_it_changes(tmp_path):
    path = tmp_path / "hosts"
    path.write_text("one")
    file = WatchedFile(path)

    assert file.read() == ("one", True)
    assert file.read() == ("one", False)
    path.write_text("three")
    assert file.read() == ("three", True)
    assert file.read() == ("three", False)


def test_a_file_put_in_its_place_with_the_same_size_and_time_is_another(tmp_path):
    path, other = tmp_path / "hosts", tmp_path / "new"
    path.write_text("one")
    other.write_text("two")
    os.utime(other, ns=(path.stat().st_atime_ns, path.stat().st_mtime_ns))
    file = WatchedFile(path)
    file.read()

    other.replace(path)

    assert file.read() == ("two", True)


def test_a_missing_file_is_an_empty_one_until_it_appears(tmp_path):
    path = tmp_path / "resolv.conf"
    file = WatchedFile(path)

    assert file.read() == ("", True)
    assert file.read() == ("", False)
    path.write_text("x")
    assert file.read() == ("x", True)
    path.unlink()
    assert file.read() == ("", True)


def test_a_folder_or_bytes_that_are_no_text_hurt_nobody(tmp_path):
    (tmp_path / "file").write_bytes(b"a\xff\n")

    assert WatchedFile(tmp_path).read() == ("", True)
    assert WatchedFile(tmp_path / "file").read() == ("a\ufffd\n", True)
