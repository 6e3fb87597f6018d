"""Manifest, views of the splits, external sets."""

import hashlib

import numpy as np
import pytest
import torch

from surehand.data import SPLITS, load, load_external, read_manifest, write_manifest
from surehand.errors import DataError, UsageError


def test_samples_are_the_files(two_classes, picture):
    dataset = load(two_classes, 24)
    samples = dataset.all()
    assert len(samples) == 24
    for position in (0, 5, 23):
        path = two_classes / samples.paths[position]
        number = int(path.stem) + 100 * (path.parent.name == "B")
        expected = np.asarray(picture(number))
        np.testing.assert_array_equal(samples.pixels_of(np.array([position]))[0], expected)
        assert samples.classes[samples.labels[position]] == path.parent.name
        digest = hashlib.sha256(path.read_bytes()).digest()
        assert int(samples.ids[position]) == int.from_bytes(digest[:8], "big")


def test_images_are_pixels_over_255(two_classes):
    samples = load(two_classes, 16).all()
    positions = np.array([3, 1, 3])
    images = samples.images(positions)
    assert torch.equal(images, torch.from_numpy(samples.pixels_of(positions)).permute(0, 3, 1, 2) / 255)
    assert images.is_contiguous(memory_format=torch.channels_last)


def test_take_keeps_rows_together(two_classes):
    samples = load(two_classes, 16).all()
    taken = samples.take(np.array([7, 2])).take(np.array([1]))
    assert taken.paths == (samples.paths[2],)
    assert taken.ids.tolist() == [samples.ids[2]]
    np.testing.assert_array_equal(taken.pixels_of(np.array([0])), samples.pixels_of(np.array([2])))


def test_the_splits_are_all_images_once(two_classes):
    dataset = load(two_classes, 16)
    parts = [dataset.samples(name) for name in SPLITS]
    assert sorted(path for part in parts for path in part.paths) == list(dataset.manifest.paths)
    assert {"train", "validation", "grouped"} <= set(dataset.manifest.splits)


def test_an_unknown_split_is_refused(two_classes):
    with pytest.raises(UsageError, match=r"train, validation.*got test"):
        load(two_classes, 16).samples("test")


def test_the_split_does_not_depend_on_the_size(two_classes):
    assert load(two_classes, 16).manifest.digest == load(two_classes, 24).manifest.digest


def test_a_manifest_comes_back_from_csv_as_it_was(tmp_path, fill, picture):
    root = fill(
        tmp_path / "set", {'A/a,"b".png': 1, "A/ü 2.png": 2, "NA/1.png": 3, "NA/None.png": b"", "None/1.png": 4}
    )
    picture(5, 20, 30).save(root / "NA" / "wide.png")
    manifest = load(root, 16).manifest
    write_manifest(manifest, tmp_path / "manifest.csv")
    again = read_manifest(tmp_path / "manifest.csv")
    for name, value in vars(manifest).items():
        if isinstance(value, np.ndarray):
            np.testing.assert_array_equal(getattr(again, name), value)
            assert getattr(again, name).dtype == value.dtype
        else:
            assert getattr(again, name) == value, name
    assert again.digest == manifest.digest


def test_names_that_are_no_text_survive(tmp_path, fill):
    root = fill(tmp_path / "set", {"A/1.png": 1, "B/1.png": 2})
    (root / "A" / "1.png").rename((root / "A").joinpath(b"bad\xff.png".decode("utf-8", "surrogateescape")))
    manifest = load(root, 16).manifest
    write_manifest(manifest, tmp_path / "manifest.csv")
    assert read_manifest(tmp_path / "manifest.csv").paths == manifest.paths
    assert load(root, 16).manifest.paths == manifest.paths


@pytest.mark.parametrize("content", [None, "", "# {}\nother,columns\n", "path,class\n", "[]\npath,class\n"])
def test_what_is_no_manifest_is_refused(tmp_path, content):
    path = tmp_path / "manifest.csv"
    if content is not None:
        path.write_text(content)
    with pytest.raises(DataError, match="is not a manifest"):
        read_manifest(path)


def test_external_classes_are_matched_by_name(tmp_path, fill):
    root = fill(tmp_path / "set", {"del/1.png": 1, "a/1.png": 2, "C/1.png": 3})
    dataset = load_external(root, 16, ("C", "Z", "Del", "A"))
    samples = dataset.samples("external")
    assert dict(zip(samples.paths, samples.labels.tolist(), strict=True)) == {
        "C/1.png": 0,
        "a/1.png": 3,
        "del/1.png": 2,
    }
    assert samples.classes == ("C", "Z", "Del", "A")
    assert set(dataset.manifest.splits) == {"external"}


def test_external_classes_the_model_does_not_know_are_refused_with_the_list(tmp_path, fill):
    root = fill(tmp_path / "set", {"A/1.png": 1, "Q/1.png": 2, "X/1.png": 3})
    with pytest.raises(DataError, match="does not know: Q, X"):
        load_external(root, 16, ("A", "B"))


def test_given_splits_keep_their_files(tmp_path, fill):
    files = {
        f"{part}/{c}/{w}.png": 40 * k + i + 20 * (c == "B")
        for k, part in enumerate(("train", "valid", "test"))
        for c in "AB"
        for i, w in enumerate("abcdefgh")
    }
    dataset = load(fill(tmp_path / "set", files), 16)
    for part, split in (("valid", "validation"), ("test", "grouped")):
        assert all(path.startswith(part) for path in dataset.samples(split).paths)
        assert len(dataset.samples(split)) == 16


def test_not_one_readable_image_is_a_sentence(tmp_path, fill):
    root = fill(tmp_path / "set", {"A/1.png": b"", "B/1.png": b"x"})
    with pytest.raises(DataError, match=r"None of the 2 image files .* A/1\.png: empty file"):
        load(root, 16)


def test_tiny_sizes_are_refused(two_classes):
    with pytest.raises(UsageError, match="at least 8; got 4"):
        load(two_classes, 4)


def test_a_manifest_that_cannot_be_written_is_a_sentence(two_classes, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="Could not write"):
        write_manifest(load(two_classes, 16).manifest, tmp_path / "file" / "manifest.csv")
