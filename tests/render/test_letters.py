"""Folders of letters: complete, or not there."""

import csv
import json
import os
import shutil
from collections import namedtuple
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from surehand.errors import DataError, UsageError
from surehand.render import CLASSES, JOINTS, RENDERER, render, write_letters
from surehand.render import _letters as letters


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_letters(
        tmp_path_factory.mktemp("letters") / "set", 2, 24, 9, masks=True, boxes=True, joints=True, image_format="png"
    )


def rows_of(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_every_class_has_its_pictures_named_by_person_and_place(folder):
    assert {path.name for path in folder.iterdir() if path.is_dir()} == {*CLASSES, "masks"}
    assert (folder / "masks" / ".nomedia").is_file()
    for name in CLASSES:
        pictures = sorted((folder / name).iterdir(), key=lambda path: path.name[-9:])
        assert [path.name.split("_")[1] for path in pictures] == [f"{name}00001.png", f"{name}00002.png"]
        for index, path in enumerate(pictures):
            truth = render(name, seed=9, index=index, size=24)
            assert path.name.startswith(f"p{truth.factors.person:04d}_")
            np.testing.assert_array_equal(np.array(Image.open(path)), truth.image)
            np.testing.assert_array_equal(np.array(Image.open(folder / "masks" / name / path.name)), truth.parts)


def test_factors_boxes_and_joints_are_those_of_the_renderings(folder):
    coco = json.loads((folder / "boxes.json").read_text())
    assert len(coco["images"]) == 58
    assert [category["name"] for category in coco["categories"]] == list(CLASSES)
    images = {image["id"]: image["file_name"] for image in coco["images"]}
    by_path = {images[a["image_id"]]: a for a in coco["annotations"]}
    joints = {row["path"]: row for row in rows_of(folder / "joints.csv")}
    factors = {row["path"]: row for row in rows_of(folder / "factors.csv")}
    assert set(joints) == set(factors) == set(images.values())
    for path in factors:
        assert (folder / path).is_file()
        name, index = path.split("/")[0], int(path[-9:-4]) - 1
        truth = render(name, seed=9, index=index, size=24)
        assert float(factors[path]["tone"]) == truth.factors.tone
        if name == "nothing":
            assert path not in by_path
            continue
        x0, y0, x1, y1 = truth.box
        assert by_path[path]["bbox"] == [x0, y0, x1 - x0, y1 - y0]
        assert by_path[path]["area"] == truth.mask.sum()
        assert CLASSES[by_path[path]["category_id"] - 1] == name
        for number, joint in enumerate(JOINTS):
            assert float(joints[path][f"{joint}_x"]) == pytest.approx(truth.joints[number, 0], abs=1e-3)
            assert int(joints[path][f"{joint}_visible"]) == truth.visible[number]


def test_a_plain_set_is_class_folders_of_jpeg_files_and_a_table(tmp_path):
    told = []
    folder = write_letters(tmp_path / "set", 1, 16, 0, progress=lambda done, total, text="": told.append((done, total)))
    assert {path.name for path in folder.iterdir()} == {*CLASSES, "factors.csv", "letters.json"}
    assert all(path.suffix == ".jpg" for name in CLASSES for path in (folder / name).iterdir())
    assert told == [(done, 29) for done in range(1, 30)]


def test_a_series_holds_everything_but_the_light(tmp_path):
    folder = write_letters(tmp_path / "set", 3, 16, 0, vary="light")
    series = [row for row in rows_of(folder / "factors.csv") if row["path"].startswith("L/")]
    assert len({row["light_azimuth"] for row in series}) == 3
    assert len({row["yaw"] for row in series}) == len({row["background_scene"] for row in series}) == 1


def test_a_series_keeps_what_is_fixed_and_the_hand_of_a_fixed_person(tmp_path):
    person = {
        row["path"]: row
        for row in rows_of(write_letters(tmp_path / "a", 1, 16, 0, fixed={"person": 7}) / "factors.csv")
    }
    folder = write_letters(tmp_path / "b", 2, 16, 0, vary="light", fixed={"person": 7, "light_azimuth": 20.0})
    for row in rows_of(folder / "factors.csv"):
        alone = next(other for path, other in person.items() if path.split("/")[0] == row["path"].split("/")[0])
        assert (row["person"], row["tone"], row["hand"]) == ("7", alone["tone"], alone["hand"])
        assert row["light_azimuth"] == "20.0"
    assert len({row["light_elevation"] for row in rows_of(folder / "factors.csv")}) == 58


def files_of(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_folder_has_the_same_bytes_for_any_number_of_workers_and_begins_with_a_smaller_one(tmp_path):
    truth = {"masks": True, "boxes": True, "joints": True}
    one, three = (files_of(write_letters(tmp_path / str(n), 3, 24, 4, workers=n, **truth)) for n in (1, 3))
    assert one == three
    smaller = files_of(write_letters(tmp_path / "smaller", 2, 24, 4, workers=2))
    pictures = {path: content for path, content in smaller.items() if path.endswith(".jpg")}
    assert len(pictures) == 58
    assert pictures.items() <= one.items()


def test_what_a_killed_process_left_is_removed_once_it_is_old(tmp_path):
    names = "set.unfinished-00000000", "set.unfinished-11111111", "other.unfinished-22222222"
    left = [tmp_path / f".{name}" for name in names]
    for folder in left:
        (folder / "A").mkdir(parents=True)
    for folder in (left[0], left[2]):
        for path in (folder / "A", folder):
            os.utime(path, (0, 0))
    write_letters(tmp_path / "set", 1, 16, 0)
    # The second may be in the making, the third is of another folder.
    assert {path.name for path in tmp_path.iterdir()} == {"set", left[1].name, left[2].name}


def test_a_record_tells_what_a_folder_was_made_from(tmp_path):
    fixed = {"person": 3, "tone": np.float64(2.5), "hand": "left", "cloth": (0.1, 0.2, 0.3, 0.4, 0.5)}
    folder = write_letters(tmp_path / "set", 1, 16, 5, vary="place", fixed=fixed)
    told = json.loads((folder / "letters.json").read_text())
    assert told.pop("files")
    plain = {"person": 3, "tone": 2.5, "hand": "left", "cloth": [0.1, 0.2, 0.3, 0.4, 0.5]}
    assert told == {"renderer": RENDERER, "per_class": 1, "size": 16, "seed": 5, "vary": "place", "fixed": plain}


def test_an_interrupted_set_leaves_nothing_behind(tmp_path):
    def interrupt(done, total, text=""):
        if done == 7:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_letters(tmp_path / "set", 1, 16, 0, progress=interrupt)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_not_empty_is_left_alone(tmp_path):
    (tmp_path / "mine.txt").write_text("kept")
    with pytest.raises(UsageError, match="not an empty folder"):
        write_letters(tmp_path, 1, 16, 0)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_the_current_folder_is_refused_before_the_work(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match="is the current folder"):
        write_letters(".", 1, 16, 0)
    assert list(tmp_path.iterdir()) == []


def test_an_empty_folder_is_filled(tmp_path):
    target = tmp_path / "empty"
    target.mkdir()
    assert len(list(write_letters(target, 1, 16, 0).iterdir())) == 31


def test_no_space_left_is_said_before_rendering(tmp_path, monkeypatch):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(letters.shutil, "disk_usage", lambda _: usage(100, 100, 1000))
    with pytest.raises(DataError, match="0 MB left and 29 pictures may need"):
        write_letters(tmp_path / "set", 1, 16, 0)
    assert not (tmp_path / "set").exists()


def test_a_disk_that_fills_up_is_said_and_cleaned(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(DataError, match=r"Could not write letters .* No space left on device.*free some space"):
        write_letters(tmp_path / "set", 1, 16, 0)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"per_class": 0}, "per_class must be at least 1; got 0"),
        ({"size": 8}, "size must lie in 16 to 2048 pixels; got 8"),
        ({"image_format": "gif"}, "the format must be one of jpg, png; got 'gif'"),
        ({"vary": "weather"}, "no factor or group 'weather'"),
        ({"fixed": {"tone": 12}}, "tone must lie in 1 to 10"),
        ({"size": 2049}, "size must lie in 16 to 2048 pixels; got 2049"),
        ({"workers": 0}, "workers must be at least 1; got 0"),
        ({"vary": "tone", "fixed": {"tone": 3}}, "tone cannot vary while it is fixed"),
        ({"vary": "tone", "fixed": {"person": 3}}, "tone cannot vary while the person is fixed"),
        ({"vary": "place", "fixed": {"place_x": 0.1, "place_y": 0.1}}, "place cannot vary while it is fixed"),
    ],
)
def test_arguments_out_of_range_are_refused(tmp_path, arguments, words):
    with pytest.raises(UsageError, match=words):
        write_letters(**({"folder": tmp_path / "set", "per_class": 1, "size": 16, "seed": 0} | arguments))
    assert list(tmp_path.iterdir()) == []


def test_disk_space_is_asked_of_the_right_place(tmp_path, monkeypatch):
    asked = []
    real = shutil.disk_usage
    monkeypatch.setattr(letters.shutil, "disk_usage", lambda path: asked.append(path) or real(path))
    write_letters(tmp_path / "deep" / "set", 1, 16, 0)
    assert asked == [tmp_path / "deep"]
