"""Every source becomes a folder; what archives should not hold is refused."""

import os
import re
import shutil
import subprocess
import sys
import time
import types
import zipfile

import numpy as np
import pytest

from surehand.data import SOURCES, load
from surehand.errors import DataError, MissingPartError, UsageError
from surehand.render import CLASSES, _letters, render, write_letters


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


def test_letters_are_rendered_at_the_size_at_which_they_are_seen(cache):
    for size in (20, 33):
        dataset = load("letters:2", size, seed=5)
        assert dataset.manifest.source == "letters:2"
        assert dataset.manifest.sizes.tolist() == [[size, size]] * 58
        for path, pixels in zip(dataset.manifest.paths, dataset.pixels, strict=True):
            name, index = path.split("/")[0], int(path[-9:-4]) - 1
            rendered = render(name, seed=5, index=index, size=size, fixed={"scenes": "studio"}).image
            # JPEG files of quality 95 stand between.
            assert np.abs(pixels.astype(int) - rendered).mean() < 4
    assert len(list((cache / "letters").iterdir())) == 2


def test_letters_without_a_number_are_150_of_each_class_before_walls(monkeypatch):
    asked = []

    def stored_letters(home, per_class, size, seed, *, scenes, progress):
        asked.append((per_class, size, seed, scenes))
        raise DataError("enough")

    monkeypatch.setattr("surehand.data._sources.stored_letters", stored_letters)
    for source in ("letters", "letters:150", "letters:0500", "letters:9:any"):
        with pytest.raises(DataError, match="enough"):
            load(source, 96, seed=2)
    assert asked == [(150, 96, 2, "studio"), (150, 96, 2, "studio"), (500, 96, 2, "studio"), (9, 96, 2, "any")]


def test_scenes_that_do_not_exist_are_refused():
    with pytest.raises(DataError, match="any, shown, near, studio, as in letters:500:any; got letters:5:moon"):
        load("letters:5:moon", 16)


def test_letters_are_rendered_once(monkeypatch):
    first = load("letters:1", 16)
    monkeypatch.setattr(_letters, "in_parallel", lambda *_: pytest.fail("rendered again"))
    np.testing.assert_array_equal(load("letters:1", 16).pixels, first.pixels)


@pytest.mark.parametrize("number", ["", "0", "-3", "+3", "2.5", "1e3", " 5", "5 ", "any", ":any", "٣", "9999999999999"])
def test_a_number_of_letters_is_a_whole_number_from_1_on(number, cache):
    with pytest.raises(
        DataError, match=r"a whole number from 1 on, as in letters:500 or letters:500:any; got letters:"
    ):
        load(f"letters:{number}", 16)
    assert not (cache / "letters").exists()


@pytest.mark.parametrize("size", [8, 15, 2049])
def test_letters_have_a_smallest_and_a_largest_size(size):
    with pytest.raises(UsageError, match=f"size must lie in 16 to 2048 pixels; got {size}"):
        load("letters:1", size)


def test_more_letters_than_the_disk_holds_are_refused_at_once(cache):
    with pytest.raises(DataError, match=r"MB left and 2,900,000,000 pictures may need .* MB: free some space"):
        load("letters:100000000", 2048)
    assert list((cache / "letters").iterdir()) == []


@pytest.mark.parametrize("name", ["letters", "letters:2"])
def test_a_folder_called_letters_comes_first(name, fill, tmp_path, monkeypatch):
    fill(tmp_path / "here" / name, {f"{c}/{i}.png": 100 * (c == "B") + i for c in "AB" for i in range(12)})
    monkeypatch.chdir(tmp_path / "here")
    assert load(name, 16).manifest.classes == ("A", "B")


def test_masks_beside_letters_are_no_class(tmp_path):
    folder = write_letters(tmp_path / "set", 1, 16, 0, masks=True)
    assert set(load(folder, 16).manifest.classes) == set(CLASSES)


def test_masks_in_a_zip_file_are_no_class(tmp_path):
    folder = write_letters(tmp_path / "set", 1, 16, 0, masks=True)
    assert set(load(zipped(folder, tmp_path / "set.zip"), 16).manifest.classes) == set(CLASSES)


def test_a_nomedia_folder_in_a_zip_file_is_passed_over_as_it_is_in_a_folder(two_classes, fill, tmp_path, cache):
    # Not the folder that is asked for, nor one whose name only begins alike.
    passed_over = {
        ".nomedia": b"",
        "C/.nomedia": b"",
        "C/deep/1.png": 201,
        "B/drafts/.nomedia": b"",
        "B/drafts/1.png": 202,
    }
    fill(two_classes, passed_over | {"B/drafts-of-mine/1.png": 203})
    folder, archive = load(two_classes, 16), load(zipped(two_classes, tmp_path / "set.zip"), 16)
    assert archive.manifest.paths == folder.manifest.paths
    assert len(archive.manifest) == 25
    assert not list((cache / "zip").rglob("drafts/*.png"))


# Renders slowly, so that there is time to kill it; with a limit, no file may grow beyond it.
JOB = """
import resource, sys, time
from pathlib import Path
from surehand.data import load
from surehand.errors import DataError
if limit := int(sys.argv[2]):
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
try:
    load("letters:4", 24, cache=Path(sys.argv[1]), progress=lambda *_: time.sleep(0.01))
except DataError as error:
    sys.exit(str(error))
"""


def rendering_process(cache, limit=0):
    return subprocess.Popen([sys.executable, "-c", JOB, str(cache), str(limit)], stderr=subprocess.PIPE, text=True)


@pytest.fixture(scope="module")
def clean(tmp_path_factory):
    """Digests and pixels of letters that nothing interrupted."""
    dataset = load("letters:4", 24, cache=tmp_path_factory.mktemp("clean"))
    return dataset.manifest.paths, dataset.manifest.sha256, dataset.pixels


def is_clean(dataset, clean):
    np.testing.assert_array_equal(dataset.pixels, clean[2])
    return (dataset.manifest.paths, dataset.manifest.sha256) == clean[:2]


def test_after_a_kill_midway_letters_are_rendered_from_the_start(cache, clean):
    process = rendering_process(cache)
    while len(pictures := list((cache / "letters").rglob("*.jpg"))) < 20:
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.005)
    process.kill()
    process.wait()
    process.stderr.close()
    assert len(pictures) < len(clean[0])
    (left,) = (cache / "letters").iterdir()
    assert "unfinished" in left.name
    assert is_clean(load("letters:4", 24), clean)
    # An hour later the next rendering of this folder takes the ruins away.
    for path in [*left.rglob("*"), left]:
        os.utime(path, (0, 0))
    (folder,) = (path for path in (cache / "letters").iterdir() if path != left)
    shutil.rmtree(folder)
    assert is_clean(load("letters:4", 24), clean)
    assert [path.name for path in (cache / "letters").iterdir()] == [folder.name]


@pytest.mark.skipif(sys.platform == "win32", reason="limits of file sizes are POSIX")
def test_a_disk_that_takes_only_half_a_file_leaves_no_letters(cache, clean):
    process = rendering_process(cache, limit=900)
    told = process.communicate()[1]
    assert process.returncode == 1
    assert re.search(r"^Could not write letters into .*: File too large\. .* free some space", told), told
    assert list((cache / "letters").iterdir()) == []
    assert is_clean(load("letters:4", 24), clean)


def test_letters_from_which_an_image_was_lost_are_whole_again(cache, clean):
    folder = load("letters:4", 24).manifest.root
    (folder / clean[0][17]).write_bytes(b"")
    assert is_clean(load("letters:4", 24), clean)
