"""What is said about a set, counted by hand; contact sheets; the nearest neighbour."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sklearn.neighbors import NearestNeighbors

from surehand.data import Augmentation, check, external_warnings, known_from, load, load_external, sheet
from surehand.data import _neighbour as neighbour
from surehand.data._neighbour import nearest
from surehand.errors import DataError, UsageError


def test_numbers_are_those_counted_by_hand(tmp_path, fill):
    files = {f"A/{w}.png": i for i, w in enumerate("abcdefghij")}
    files |= {f"B/{w}.png": 50 + i for i, w in enumerate("abc")}
    files |= {"A/copy.png": 0, "B/broken.png": b"x", "B/both.png": 99, "A/both.png": 99}
    found = check(load(fill(tmp_path / "set", files), 16))
    assert found.images == 14
    assert dict(zip(found.classes, found.counts, strict=True)) == {"A": 11, "B": 3}
    assert (found.exact_duplicates, found.near_duplicates, found.conflicts) == (1, 2, 2)
    assert {q.path for q in found.quarantined} == {"B/broken.png", "B/both.png", "A/both.png"}
    assert found.imbalance == pytest.approx(11 / 3)
    assert sum(found.splits.values()) == 14
    assert found.leak_grouped.value == 0
    assert any("Unbalanced: A has 4 times the images of B" in w for w in found.warnings)
    assert any("3 files are left out" in w for w in found.warnings)


@pytest.fixture
def film(tmp_path) -> Path:
    """Two classes of 320 frames; ten scenes a class in which almost nothing moves."""
    for label in "AB":
        (tmp_path / "film" / label).mkdir(parents=True)
        for n in range(320):
            scene = np.random.default_rng([n // 32, label == "B"]).integers(0, 256, (6, 6, 3))
            frame = np.clip(scene + np.random.default_rng(n).integers(-4, 5, (6, 6, 3)), 0, 255).astype(np.uint8)
            image = Image.fromarray(frame).resize((24, 24), Image.Resampling.BICUBIC)
            image.save(tmp_path / "film" / label / f"{label}{n}.png")
    return tmp_path / "film"


def test_a_film_is_seen_through(film):
    found = check(load(film, 16))
    assert found.leak_random.value > 0.5
    assert found.leak_grouped.value == 0
    assert found.nearest_random.value > 0.95
    assert found.nearest_grouped.value < 0.8
    assert any("a random split of this set measures memory" in w for w in found.warnings)


def test_a_leak_in_a_given_split_is_reported(tmp_path, fill):
    files = {
        f"{part}/{c}/{w}.png": i + 30 * (c == "B")
        for part in ("train", "test")
        for c in "AB"
        for i, w in enumerate("abcdefghijkl")
    }
    found = check(load(fill(tmp_path / "set", files), 16))
    assert found.leak_grouped.value > 0.5
    assert any("have a near twin in training, as the source splits them" in w for w in found.warnings)


def test_a_validation_set_that_leaks_is_no_test_that_leaks(tmp_path, fill):
    files = {f"train/{c}/{w}.png": i + 30 * (c == "B") for c in "AB" for i, w in enumerate("abcdefghijkl")}
    files |= {name.replace("train", "val"): picture for name, picture in files.items()}
    files |= {f"test/{c}/{w}.png": 100 + i + 30 * (c == "B") for c in "AB" for i, w in enumerate("abcdefghijkl")}
    found = check(load(fill(tmp_path / "set", files), 16))
    assert found.splits["validation"] == found.splits["grouped"] == 24
    assert (found.leak_grouped.value, found.leak_grouped.n) == (0, 24)


def test_a_class_of_one_image_and_a_small_test_are_told(tmp_path, fill):
    files = {f"A/{w}.png": i for i, w in enumerate("abcdefghij")} | {"nothing/only.png": 77}
    found = check(load(fill(tmp_path / "set", files), 16))
    assert any("Classes with one image: nothing" in w for w in found.warnings)
    assert any("Fewer than 30 test images in A" in w for w in found.warnings)


def test_a_class_without_a_usable_image_is_told_and_left_out_of_the_balance(tmp_path, fill):
    files = {f"A/{i}.png": i for i in range(24)} | {f"C/{i}.png": 100 + i for i in range(4)} | {"B/1.png": b"no image"}
    found = check(load(fill(tmp_path / "set", files), 16))
    assert any("No usable image of B" in w for w in found.warnings)
    assert any("A has 6 times the images of C" in w for w in found.warnings)


def test_it_is_ready_for_json_and_for_reading(two_classes):
    found = check(load(two_classes, 16))
    again = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert again["images"] == 24
    assert again["splits"]["margin"] == 0
    assert again["nearest_neighbour"]["grouped"] == found.nearest_grouped.value
    assert "24 in 2 classes" in str(found)


def test_what_could_not_be_measured_is_none_and_said(two_classes):
    for label in "AB":
        for path in sorted((two_classes / label).iterdir())[1:]:
            path.unlink()
    found = check(load(two_classes, 16))
    assert found.to_dict()["nearest_neighbour"] == {"random": None, "grouped": None}
    assert "random split not measured" in str(found)
    assert "nan" not in str(found)


def test_external_sets_are_compared_with_training(tmp_path, fill, two_classes):
    training = load(two_classes, 16)
    root = fill(tmp_path / "external", {"A/1.png": 0, "A/2.png": 500, "A/3.png": b""})
    fill(root, {"B/1.png": b""})
    external = load_external(root, 16, training.manifest.classes)
    warnings = external_warnings(external, known_from(external, training))
    assert len(warnings) == 3
    assert "no images of B" in warnings[0]
    assert "1 of the images" in warnings[1]
    assert "2 files" in warnings[2]


def test_the_nearest_neighbour_is_scikit_learns(monkeypatch):
    rng = np.random.default_rng(0)
    keys, queries = (rng.integers(0, 256, (n, 16, 16, 3), np.uint8) for n in (300, 70))
    monkeypatch.setattr(neighbour, "_KEYS", 64)
    monkeypatch.setattr(neighbour, "_QUERIES", 32)
    oracle = NearestNeighbors(n_neighbors=1, algorithm="brute").fit(keys.reshape(300, -1).astype(float))
    expected = oracle.kneighbors(queries.reshape(70, -1).astype(float), return_distance=False)[:, 0]
    np.testing.assert_array_equal(nearest(queries, keys), expected)
    np.testing.assert_array_equal(nearest(keys, keys), np.arange(300))


def test_of_equally_near_keys_the_first_is_found(monkeypatch):
    monkeypatch.setattr(neighbour, "_KEYS", 2)
    keys = np.zeros((5, 16, 16, 3), np.uint8)
    assert nearest(keys[:2], keys).tolist() == [0, 0]


@pytest.mark.parametrize("augmentation", [None, Augmentation()])
def test_a_sheet_shows_each_class_in_its_row(two_classes, tmp_path, augmentation):
    samples = load(two_classes, 32).all()
    sheet(samples, tmp_path / "new" / "sheet.png", columns=5, augmentation=augmentation)
    with Image.open(tmp_path / "new" / "sheet.png") as image:
        grid = np.asarray(image)
    assert grid.shape[0] == 2 + 2 * (64 + 2)  # 32 px are shown at twice their size
    first = grid[2:66:2, -66 * 5 :: 2][:, :32]
    same = np.array_equal(first, samples.pixels_of(np.array([0]))[0])
    assert same == (augmentation is None)


def test_a_sheet_needs_images_columns_and_a_place(two_classes, tmp_path):
    dataset = load(two_classes, 16)
    with pytest.raises(DataError, match="no images to show"):
        sheet(dataset.samples("external"), tmp_path / "sheet.png")
    with pytest.raises(UsageError, match="columns must be at least 1; got 0"):
        sheet(dataset.all(), tmp_path / "sheet.png", columns=0)
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="Could not write"):
        sheet(dataset.all(), tmp_path / "file" / "sheet.png")
