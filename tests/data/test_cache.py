"""Decode once: reused when nothing changed, rebuilt when anything did, never half there, never beside the images."""

import errno
import json
import os
import shutil
import stat
from pathlib import Path

import numpy as np
import pytest

from surehand.data import _cache, cache_folder, load
from surehand.data import _scan as scanning
from surehand.errors import DataError


@pytest.fixture
def reads(monkeypatch):
    """The paths of the image files that were opened."""
    paths = []
    read = scanning._read
    monkeypatch.setattr(scanning, "_read", lambda path, *rest: paths.append(path) or read(path, *rest))
    return paths


def caches(cache: Path) -> list[Path]:
    return sorted((cache / "data").iterdir())


def test_the_second_load_reads_no_image(two_classes, reads):
    first = load(two_classes, 16)
    assert len(reads) == 24
    second = load(two_classes, 16)
    assert len(reads) == 24
    np.testing.assert_array_equal(first.pixels, second.pixels)
    np.testing.assert_array_equal(first.thumbnails, second.thumbnails)
    assert first.manifest.digest == second.manifest.digest
    for name in ("paths", "sha256", "flags", "splits", "quarantined", "classes", "root"):
        assert getattr(first.manifest, name) == getattr(second.manifest, name)


def test_pictures_are_a_read_only_memory_map(two_classes):
    pixels = load(two_classes, 16).pixels
    assert isinstance(pixels, np.memmap)
    assert not pixels.flags.writeable


@pytest.mark.parametrize("change", ["touch", "add", "remove", "rename"])
def test_a_changed_source_is_read_again(two_classes, reads, fill, change):
    load(two_classes, 16)
    reads.clear()
    path = two_classes / "A" / "0.png"
    if change == "touch":
        os.utime(path, ns=(1, 1))
    elif change == "add":
        fill(two_classes, {"A/new.png": 77})
    elif change == "remove":
        path.unlink()
    else:
        path.rename(path.with_name("other.png"))
    load(two_classes, 16)
    assert reads


def test_another_size_and_other_rules_have_a_cache_of_their_own(two_classes, reads, monkeypatch):
    load(two_classes, 16)
    load(two_classes, 24)
    assert len(reads) == 48
    monkeypatch.setattr(_cache, "RULES_VERSION", 99)
    load(two_classes, 16)
    assert len(reads) == 72


@pytest.mark.parametrize("name", ["pixels.npy", "thumbnails.npy", "scan.json"])
@pytest.mark.parametrize("damage", ["flip", "cut", "remove"])
def test_a_damaged_cache_is_rebuilt(two_classes, cache, reads, name, damage):
    before = np.array(load(two_classes, 16).pixels)
    path = caches(cache)[0] / name
    content = bytearray(path.read_bytes())
    content[content.find(b'"dhash": [') + 12 if name == "scan.json" else -3] ^= 1  # in JSON another digit, still JSON
    if damage == "remove":
        path.unlink()
    else:
        path.write_bytes(content if damage == "flip" else content[: len(content) // 2])
    reads.clear()
    np.testing.assert_array_equal(load(two_classes, 16).pixels, before)
    assert len(reads) == 24
    assert len(caches(cache)) == 1


def test_a_cache_that_vouches_for_another_version_is_rebuilt(two_classes, cache, reads):
    load(two_classes, 16)
    path = caches(cache)[0] / "scan.json"
    body = json.loads(path.read_text().split("\n", 1)[1])
    del body["dhash"]
    text = json.dumps(body)
    path.write_text(f"{_cache.hashlib.sha256(text.encode()).hexdigest()}\n{text}")
    reads.clear()
    load(two_classes, 16)
    assert len(reads) == 24


def test_a_full_disk_says_where_and_how_much_and_leaves_nothing(two_classes, cache, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(DataError, match=rf"{cache}.*No space left on device.*needs .* MB.*SUREHAND_CACHE"):
        load(two_classes, 16)
    assert caches(cache) == []


def test_files_are_synced_by_descriptors_that_can_write(two_classes, monkeypatch):
    """Windows refuses others."""
    fcntl = pytest.importorskip("fcntl")
    modes = []

    def fsync(descriptor):
        if stat.S_ISREG(os.fstat(descriptor).st_mode):
            modes.append(fcntl.fcntl(descriptor, fcntl.F_GETFL) & os.O_ACCMODE)

    monkeypatch.setattr(os, "fsync", fsync)
    load(two_classes, 16)
    assert modes == [os.O_RDWR] * 3


def test_an_interruption_leaves_nothing(two_classes, cache, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(_cache, "scan", interrupted)
    with pytest.raises(KeyboardInterrupt):
        load(two_classes, 16)
    assert caches(cache) == []


def test_a_cache_that_cannot_be_made_is_a_sentence(two_classes, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="could not be written"):
        load(two_classes, 16, cache=tmp_path / "file")


def test_what_a_killed_process_left_is_removed_once_it_is_old(two_classes, cache):
    old, fresh = (cache / "data" / f".{name}.unfinished-{token}" for name, token in (("a", "0" * 8), ("b", "1" * 8)))
    for folder in (old, fresh):
        folder.mkdir(parents=True)
        (folder / "pixels.npy").touch()
    for path in (old / "pixels.npy", old):
        os.utime(path, (0, 0))
    load(two_classes, 16)
    assert old not in caches(cache)
    assert fresh in caches(cache)


def test_nothing_is_written_to_the_users_folder(two_classes):
    before = {path: path.stat().st_mtime_ns for path in [two_classes, *two_classes.rglob("*")]}
    for path in before:
        path.chmod(0o555 if path.is_dir() else 0o444)
    load(two_classes, 16)
    assert {path: path.stat().st_mtime_ns for path in [two_classes, *two_classes.rglob("*")]} == before
    for path in before:
        path.chmod(0o755)


def test_quarantined_files_leave_no_gap_in_the_file(tmp_path, fill, cache):
    root = fill(tmp_path / "set", {"A/0.png": b"", "A/1.png": 1, "B/1.png": 2, "B/2.png": b"x"})
    pixels = load(root, 16).pixels
    assert pixels.shape == (2, 16, 16, 3)
    assert (caches(cache)[0] / "pixels.npy").stat().st_size == 128 + pixels.size


def test_a_removed_source_is_noticed_although_cached(two_classes):
    load(two_classes, 16)
    shutil.rmtree(two_classes)
    with pytest.raises(DataError, match="no folder"):
        load(two_classes, 16)


def test_where_caches_lie(tmp_path, monkeypatch):
    assert cache_folder(tmp_path) == tmp_path
    monkeypatch.setenv("SUREHAND_CACHE", "/somewhere")
    assert cache_folder() == Path("/somewhere")
    monkeypatch.delenv("SUREHAND_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", "/x")
    assert cache_folder() == Path("/x/surehand")
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert cache_folder() == Path.home() / ".cache" / "surehand"
