"""Every source becomes a folder; what archives should not hold is refused."""

import sys
import types
import zipfile

import numpy as np
import pytest

from surehand.data import SOURCES, load
from surehand.errors import DataError, MissingPartError


def zipped(root, path):
    with zipfile.ZipFile(path, "w") as archive:
        for file in sorted(root.rglob("*")):
            archive.write(file, file.relative_to(root))
    return path


def test_the_table_names_every_source():
    assert set(SOURCES) == {"folder", "zip", "kaggle", "letters"}


def test_a_zip_file_gives_the_folders_images(two_classes, tmp_path):
    folder, archive = load(two_classes, 16), load(zipped(two_classes, tmp_path / "set.zip"), 16)
    np.testing.assert_array_equal(folder.pixels, archive.pixels)
    assert folder.manifest.digest == archive.manifest.digest


def test_a_zip_file_is_extracted_once(two_classes, tmp_path, monkeypatch):
    path = zipped(two_classes, tmp_path / "set.zip")
    load(path, 16)
    monkeypatch.setattr(zipfile, "ZipFile", lambda *_: pytest.fail("opened again"))
    load(path, 16)


@pytest.mark.parametrize(
    "name", ["../outside.png", "/outside.png", "A/../../outside.png", "..\\outside.png", "C:/outside.png"]
)
def test_an_archive_that_writes_elsewhere_is_refused(tmp_path, cache, name):
    path = tmp_path / "slip.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("A/1.png", b"x")
        archive.writestr(name, b"x")
    with pytest.raises(DataError, match="wants to write outside its folder"):
        load(path, 16)
    assert not list(tmp_path.rglob("outside*"))
    assert not list(cache.rglob("*.png"))


def test_a_bomb_is_refused_before_extraction(tmp_path, cache):
    path = tmp_path / "bomb.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("A/1.png", bytes(50_000_000))
    with pytest.raises(DataError, match="grows too much"):
        load(path, 16)
    assert not list(cache.rglob("*.png"))


def test_a_link_in_an_archive_is_refused(tmp_path):
    path = tmp_path / "link.zip"
    entry = zipfile.ZipInfo("A/1.png")
    entry.external_attr = 0o120777 << 16
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(entry, "/etc/passwd")
    with pytest.raises(DataError, match="holds a link"):
        load(path, 16)


@pytest.mark.parametrize("content", [b"", b"not a zip file", b"PK\x03\x04 cut"])
def test_a_broken_archive_is_a_sentence(tmp_path, content):
    path = tmp_path / "broken.zip"
    path.write_bytes(content)
    with pytest.raises(DataError, match="not a zip file that can be read"):
        load(path, 16)


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_damaged_entry_is_a_sentence(tmp_path, cache, method):
    path = tmp_path / "damaged.zip"
    content = np.random.default_rng(0).integers(0, 50, 20_000, np.uint8).tobytes()
    with zipfile.ZipFile(path, "w", method) as archive:
        archive.writestr("A/1.png", content)
    whole = path.read_bytes()
    for damaged in (whole[:60] + bytes(2000) + whole[2060:], whole[:60] + b"\xff" * 2000 + whole[2060:]):
        path.write_bytes(damaged)
        with pytest.raises(DataError, match=r"damaged\.zip (is not a zip file|could not be extracted)"):
            load(path, 16)
    assert not list(cache.rglob("*.png"))


@pytest.mark.parametrize("source", ["nowhere", "nowhere/else", "nowhere.zip"])
def test_a_missing_source_is_named(source):
    with pytest.raises(DataError, match=f"no (folder|file) {source}"):
        load(source, 16)


def test_kaggle_goes_through_kagglehub(two_classes, monkeypatch):
    stand_in = types.SimpleNamespace(dataset_download=lambda name: {"owner/name": str(two_classes)}[name])
    monkeypatch.setitem(sys.modules, "kagglehub", stand_in)
    dataset = load("kaggle:owner/name", 16)
    assert dataset.manifest.source == "kaggle:owner/name"
    assert len(dataset.manifest) == 24


def test_a_failed_download_says_what_to_do(monkeypatch):
    def offline(name):
        raise ConnectionError("no network")

    monkeypatch.setitem(sys.modules, "kagglehub", types.SimpleNamespace(dataset_download=offline))
    with pytest.raises(DataError, match=r"owner/name could not be downloaded: no network.*by hand"):
        load("kaggle:owner/name", 16)


def test_without_kagglehub_the_command_to_install_it_is_told(monkeypatch):
    monkeypatch.setitem(sys.modules, "kagglehub", None)
    with pytest.raises(MissingPartError, match=r"pip install 'surehand\[kaggle\]'"):
        load("kaggle:owner/name", 16)


@pytest.mark.parametrize("name", ["kaggle:", "kaggle:alone", "kaggle:a/b/c"])
def test_a_kaggle_name_has_an_owner(name):
    with pytest.raises(DataError, match="kaggle:owner/name"):
        load(name, 16)


def test_letters_are_rendered_once_for_each_seed(fill, monkeypatch):
    calls = []

    def write_letters(folder, per_class, size, seed, *, progress):
        calls.append((per_class, size, seed))
        return fill(folder, {f"{c}/{i}.png": 10 * seed + i + 100 * (c == "B") for c in "AB" for i in range(3)})

    renderer = types.SimpleNamespace(write_letters=write_letters, RENDERER=1)
    monkeypatch.setitem(sys.modules, "surehand.render", renderer)
    load("letters", 16, seed=0)
    load("letters", 24, seed=0)
    load("letters", 16, seed=1)
    assert calls == [(300, 64, 0), (300, 64, 1)]
    renderer.RENDERER = 2
    load("letters", 16, seed=1)
    assert calls == [(300, 64, 0), (300, 64, 1), (300, 64, 1)]
