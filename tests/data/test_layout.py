"""Class folders in every usual shape, and sentences for those that cannot be used."""

import os

import pytest

from surehand.data._layout import find_layout
from surehand.data._names import matched, normalised
from surehand.errors import DataError


def labelled(layout):
    """path -> (class, given split)."""
    rows = zip(layout.paths, layout.labels, layout.given, strict=True)
    return {path: (layout.classes[label], given) for path, label, given in rows}


def test_class_folders(tmp_path, fill):
    root = fill(tmp_path, {"B/1.png": 1, "A/1.png": 2, "A/deeper/2.JPG": 3})
    layout = find_layout(root)
    assert layout.classes == ("A", "B")
    assert labelled(layout) == {"A/1.png": ("A", ""), "A/deeper/2.JPG": ("A", ""), "B/1.png": ("B", "")}


@pytest.mark.parametrize(
    ("folder", "given"),
    [
        ("val", "validation"),
        ("valid", "validation"),
        ("Validation", "validation"),
        ("test", "grouped"),
        ("testing", "grouped"),
    ],
)
@pytest.mark.parametrize("train", ["train", "Training"])
def test_given_splits_are_respected(tmp_path, fill, folder, given, train):
    root = fill(tmp_path, {f"{part}/{c}/1.png": 1 for part in (train, folder) for c in "AB"})
    assert labelled(find_layout(root)) == {
        f"{train}/A/1.png": ("A", ""),
        f"{train}/B/1.png": ("B", ""),
        f"{folder}/A/1.png": ("A", given),
        f"{folder}/B/1.png": ("B", given),
    }


def test_the_doubled_folders_of_the_asl_alphabet_set_with_its_flat_test_files(tmp_path, fill):
    root = fill(
        tmp_path,
        {
            "asl_alphabet_train/asl_alphabet_train/A/A1.jpg": 1,
            "asl_alphabet_train/asl_alphabet_train/nothing/nothing1.jpg": 2,
            "asl_alphabet_test/asl_alphabet_test/A_test.jpg": 3,
            "asl_alphabet_test/asl_alphabet_test/nothing_test.jpg": 4,
        },
    )
    layout = find_layout(root)
    assert layout.classes == ("A", "nothing")
    assert set(labelled(layout).values()) == {("A", ""), ("nothing", ""), ("A", "external"), ("nothing", "external")}


def test_one_half_of_the_doubled_folder_alone(tmp_path, fill):
    root = fill(
        tmp_path,
        {"asl_alphabet_train/asl_alphabet_train/A/1.png": 1, "asl_alphabet_train/asl_alphabet_train/B/1.png": 2},
    )
    assert find_layout(root).classes == ("A", "B")
    assert find_layout(root / "asl_alphabet_train").classes == ("A", "B")


@pytest.mark.parametrize("name", ["A0001_test.jpg", "a_test.jpg", "A1.jpg", "A.jpg", "A-12.jpg"])
def test_flat_test_files_tell_their_class(tmp_path, fill, name):
    root = fill(tmp_path, {"train/A/1.png": 1, "train/B/1.png": 2, f"test/{name}": 3})
    assert labelled(find_layout(root))[f"test/{name}"] == ("A", "external")


@pytest.mark.parametrize("name", ["10.jpg", "10_test.jpg", "10_3_test.jpg", "10-3.jpg"])
def test_flat_test_files_of_classes_that_are_numbers_tell_them_whole(tmp_path, fill, name):
    root = fill(tmp_path, {"train/1/1.png": 1, "train/10/1.png": 2, f"test/{name}": 3})
    assert labelled(find_layout(root))[f"test/{name}"] == ("10", "external")


def test_classes_come_in_code_point_order_capitals_first(tmp_path, fill):
    root = fill(tmp_path, {f"{c}/1.png": 1 for c in ("space", "del", "Z", "A", "nothing", "10", "2")})
    assert find_layout(root).classes == ("10", "2", "A", "Z", "del", "nothing", "space")


@pytest.mark.parametrize(
    "name", ["NA", "None", "null", "nan", "no", "True", "two words", "1", "ü", "del", 'class,with"comma']
)
def test_odd_names_stay_what_they_are(tmp_path, fill, name):
    assert find_layout(fill(tmp_path, {f"{name}/1.png": 1, "other/1.png": 2})).classes == tuple(sorted([name, "other"]))


def test_parts_may_spell_classes_differently_and_training_names_them(tmp_path, fill):
    root = fill(tmp_path, {"test/Del/1.png": 1, "test/A/1.png": 2, "train/del/1.png": 3, "train/A/1.png": 4})
    layout = find_layout(root)
    assert layout.classes == ("A", "del")
    assert labelled(layout)["test/Del/1.png"] == ("del", "grouped")


def test_what_is_hidden_or_no_image_is_passed_over(tmp_path, fill):
    root = fill(
        tmp_path,
        {
            "A/1.png": 1,
            "B/1.png": 2,
            **{f"A/{name}": b"x" for name in (".DS_Store", "._1.png", "Thumbs.db", "labels.csv")},
            "__MACOSX/A/1.png": b"x",
            ".hidden/1.png": b"x",
        },
    )
    layout = find_layout(root)
    assert layout.paths == ("A/1.png", "B/1.png")


def test_links_in_a_circle_end(tmp_path, fill):
    root = fill(tmp_path, {"A/1.png": 1, "B/1.png": 2})
    os.symlink(root, root / "A" / "up")
    os.symlink(root / "B", root / "B" / "again")
    layout = find_layout(root)
    assert {"A/1.png", "B/1.png"} <= set(layout.paths)
    assert len(layout.paths) < 10


def test_a_link_to_itself_is_listed(tmp_path, fill):
    root = fill(tmp_path, {"A/1.png": 1, "B/1.png": 2})
    os.symlink("2.png", root / "A" / "2.png")
    assert "A/2.png" in find_layout(root).paths


def test_a_link_to_nowhere_is_listed(tmp_path, fill):
    root = fill(tmp_path, {"A/1.png": 1, "B/1.png": 2})
    os.symlink("nowhere.png", root / "A" / "2.png")
    assert "A/2.png" in find_layout(root).paths


@pytest.mark.parametrize(
    ("files", "sentence"),
    [
        ({"1.png": 1, "2.png": 2}, "holds images but no class folders"),
        ({"train/1.png": 1, "test/2.png": 2}, "holds no class folders"),
        ({"A/1.png": 1, "A/2.png": 2}, "has one class only, A"),
        ({}, "holds no images"),
        ({"A/readme.txt": b"x"}, "holds no images"),
        ({"A/1.png": 1, "a/1.png": 2}, "two folders for one class: A and a"),
        ({"train/A/1.png": 1, "train/a/1.png": 2, "test/A/1.png": 2}, "two folders for one class: A and a"),
        ({"train/A/1.png": 1, "train/B/1.png": 2, "test/holiday.png": 3}, "names tell no class: holiday.png"),
    ],
)
def test_folders_that_cannot_be_used_say_why(tmp_path, fill, files, sentence):
    (tmp_path / "set").mkdir()
    with pytest.raises(DataError, match=sentence):
        find_layout(fill(tmp_path / "set", files))


def test_parts_with_different_classes_are_refused_with_the_difference(tmp_path, fill):
    files = {"train/A/1.png": 1, "train/B/1.png": 2, "valid/B/1.png": 3, "valid/C/1.png": 4}
    with pytest.raises(DataError, match="train lacks C; valid lacks A"):
        find_layout(fill(tmp_path, files))


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(DataError, match=r"no folder .*nowhere"):
        find_layout(tmp_path / "nowhere")


@pytest.mark.parametrize("name", ["Del", "DEL", " del ", "del"])
def test_names_are_compared_without_case_and_space(name):
    assert normalised(name) == "del"


def test_composed_and_decomposed_accents_are_one_name():
    assert normalised("u\u0308ben") == normalised("\u00fcben")


def test_classes_are_matched_by_name_never_by_position():
    assert matched(["b", "A"], ["A", "B", "C"], "here") == [1, 0]
    with pytest.raises(DataError, match=r"here has classes the model does not know: D, E\. Its classes are A, B"):
        matched(["A", "E", "D"], ["A", "B"], "here")


def test_a_nomedia_folder_is_passed_over_with_all_below_it(tmp_path, fill):
    files = {"A/1.png": 1, "B/1.png": 2, "masks/A/1.png": 3, "masks/.nomedia": b"", "B/drafts/.nomedia": b""}
    root = fill(tmp_path, files | {"B/drafts/deep/2.png": 4})
    layout = find_layout(root)
    assert layout.classes == ("A", "B")
    assert layout.paths == ("A/1.png", "B/1.png")
