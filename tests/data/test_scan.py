"""One pass over the files: what is usable, what is not and why, and numbers that do not depend on the cache size."""

import hashlib

import numpy as np
from PIL import Image

from surehand.data import load
from surehand.data._layout import find_layout
from surehand.data._scan import scan


def scanned(root, size=16):
    layout = find_layout(root)
    pixels = np.zeros((len(layout.paths), size, size, 3), np.uint8)
    return scan(layout, pixels), pixels


def test_rows_are_the_usable_files_in_order_without_gaps(tmp_path, fill, picture):
    root = fill(tmp_path, {"A/1.png": 1, "A/2.png": b"", "A/3.png": 3, "B/1.png": b"junk", "B/2.png": 5})
    found, pixels = scanned(root, 24)
    assert found.paths == ("A/1.png", "A/3.png", "B/2.png")
    assert found.labels.tolist() == [0, 0, 1]
    for row, number in enumerate((1, 3, 5)):
        np.testing.assert_array_equal(pixels[row], np.asarray(picture(number)))
    assert [(q.path, q.reason.split(",")[0]) for q in found.quarantined] == [
        ("A/2.png", "empty file"),
        ("B/1.png", "not an image"),
    ]


def test_digests_and_sizes_are_those_of_the_files(tmp_path, fill, picture):
    root = fill(tmp_path, {"A/1.png": 1, "B/1.png": 2})
    picture(3, 20, 50).save(root / "B" / "2.png")
    found, _ = scanned(root)
    assert found.sha256[0] == hashlib.sha256((root / "A" / "1.png").read_bytes()).hexdigest()
    assert found.sizes.tolist() == [[24, 24], [24, 24], [20, 50]]
    assert found.flags == ("", "", "cropped")


def test_the_same_bytes_in_two_classes_are_used_in_neither(tmp_path, fill):
    root = fill(tmp_path, {"A/1.png": 1, "B/other.png": 1, "A/2.png": 2, "B/2.png": 3})
    found, _ = scanned(root)
    assert found.paths == ("A/2.png", "B/2.png")
    assert {q.reason for q in found.quarantined} == {"same image in classes A, B"}
    assert {q.path for q in found.quarantined} == {"A/1.png", "B/other.png"}


def test_the_difference_hash_is_the_slow_one(tmp_path, fill, picture):
    root = fill(tmp_path, {"A/1.png": 1, "B/1.png": 2})
    picture(3, 41).save(root / "B" / "2.png")
    found, _ = scanned(root)
    for number, side, dhash in zip((1, 2, 3), (24, 24, 41), found.dhash, strict=True):
        pixels = np.asarray(picture(number, side)).astype(float)
        grey = pixels @ (0.299, 0.587, 0.114)
        rows, columns = [side * i // 8 for i in range(9)], [side * j // 9 for j in range(10)]
        means = [[grey[rows[i] : rows[i + 1], columns[j] : columns[j + 1]].mean() for j in range(9)] for i in range(8)]
        bits = "".join("1" if means[i][j + 1] > means[i][j] else "0" for i in range(8) for j in range(8))
        assert f"{dhash:064b}" == bits


def test_hashes_and_thumbnails_do_not_depend_on_the_cache_size(two_classes):
    small, _ = scanned(two_classes, 8)
    large, _ = scanned(two_classes, 40)
    np.testing.assert_array_equal(small.dhash, large.dhash)
    np.testing.assert_array_equal(small.thumbnails, large.thumbnails)


def test_a_brighter_and_larger_copy_is_a_near_twin(tmp_path, fill, picture):
    root = fill(tmp_path, {"A/1.png": 1, "B/1.png": 2})
    brighter = Image.fromarray((np.asarray(picture(1)) * 0.8 + 20).astype(np.uint8)).resize((60, 60))
    brighter.save(root / "A" / "2.jpg", quality=60)
    found, _ = scanned(root)
    assert np.bitwise_count(found.dhash[0] ^ found.dhash[1]) <= 4
    assert np.bitwise_count(found.dhash[0] ^ found.dhash[2]) > 12


def test_progress_ends_at_the_number_of_files(two_classes):
    calls = []
    load(two_classes, 16, progress=lambda done, total, text="": calls.append((done, total)))
    assert calls[-1] == (24, 24)
    assert calls == sorted(calls)
