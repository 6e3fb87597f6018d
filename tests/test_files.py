"""A file appears whole or not at all, and what was there before stays until then."""

import os

import pytest

from surehand.errors import DataError
from surehand.files import replacing, write_whole


def test_the_new_file_takes_the_place_of_the_old(tmp_path):
    path = write_whole(tmp_path / "a", b"old")
    assert write_whole(path, b"new") == path
    assert path.read_bytes() == b"new"
    assert os.listdir(tmp_path) == ["a"]


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_failing_disk_leaves_the_old_file_and_nothing_else(step, tmp_path, monkeypatch):
    path = write_whole(tmp_path / "a", b"old")

    def full(*arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, step, full)
    with pytest.raises(DataError, match=r"Could not write .*/a: No space left on device"):
        write_whole(path, b"new")
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["a"]


def test_an_error_while_writing_is_passed_on_and_leaves_the_old_file(tmp_path):
    path = write_whole(tmp_path / "a", b"old")

    def half() -> None:
        with replacing(path) as temporary:
            temporary.write_bytes(b"half")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        half()
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["a"]


def test_a_missing_folder_is_made(tmp_path):
    assert write_whole(tmp_path / "new" / "a", b"x").read_bytes() == b"x"


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    path = write_whole(tmp_path / "occupied", b"a file where a folder is needed")
    with pytest.raises(DataError, match="occupied"):
        write_whole(path / "a", b"")
