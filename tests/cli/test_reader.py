"""The reader that comes with the package: every verb that asks for a model takes it by name."""

from pathlib import Path

import pytest
from PIL import Image

from surehand.alphabet import CLASSES
from surehand.data import read_image
from surehand.models import find_classifier, load
from surehand.render import render

from .conftest import surehand

# Easy to tell, upright and large: whoever cannot read these has lost the reader's weights.
HELD = {
    "palm_width": 0.4, "pitch": 0.0, "yaw": 0.0, "roll": 0.0, "back_light": False, "background": "plain", "blur": 0.003,
    "motion_blur": 0.0, "hand": "right", "variant": 0, "tone": 4.0,
}  # fmt: skip


@pytest.fixture(scope="module")
def photographs(tmp_path_factory) -> Path:
    """Three pictures each of L, W and Y in class folders, named so that their order spells."""
    root = tmp_path_factory.mktemp("letters")
    for number, name in enumerate("LWY"):
        (root / name).mkdir()
        for index in range(3):
            picture = Image.fromarray(render(name, seed=7, index=index, size=160, fixed=HELD).image)
            picture.save(root / name / f"{number}-{index}.png")
    return root


def test_the_file_is_small_and_says_what_it_was_made_from():
    reader = load("reader")
    assert find_classifier("reader").stat().st_size <= 12_000_000
    assert sum(parameter.numel() for parameter in reader.model.parameters()) <= 3_000_000
    assert reader.classes == CLASSES
    assert "no photograph" in reader.metadata["data"]
    assert find_classifier("reader").with_suffix(".md").is_file()


def test_predict_and_evaluate_read_letters(photographs, tmp_path):
    answer = surehand("evaluate", "reader", photographs, "--cache", tmp_path, "--json")
    accuracy = answer.json["result"]["accuracy"]
    assert accuracy["n"] == 9
    assert accuracy["low"] <= accuracy["value"] <= accuracy["high"]
    assert accuracy["value"] >= 7 / 9
    images = sorted(photographs.glob("*/*.png"))
    read = surehand("predict", "reader", *images, "--json").json["result"]["images"]
    assert sum(r["prediction"] == image.parent.name for r, image in zip(read, images, strict=True)) >= 7


def test_speak_reads_images_without_being_told_by_what(photographs, tmp_path):
    images = sorted(photographs.glob("*/*-0.png"))
    answer = surehand("speak", *images, "--out", tmp_path / "spelled.wav", "--json")
    assert answer.code == 0, answer.err
    assert len(answer.json["result"]["text"]) == 3
    assert (tmp_path / "spelled.wav").stat().st_size > 1000


def test_attack_and_explain_take_it(photographs, tmp_path):
    attacked = surehand("attack", "reader", photographs, "--cache", tmp_path, "--json")
    assert attacked.json["result"]["images"] == 9
    image = next(photographs.glob("L/*.png"))
    explained = surehand("explain", "reader", image, "--perturbations", 60, "--out", tmp_path / "why", "--json")
    assert explained.code == 0, explained.err


def test_letters_that_move_are_marked(photographs, tmp_path):
    (tmp_path / "J").mkdir()
    for index in range(3):
        picture = Image.fromarray(render("J", seed=7, index=index, size=160, fixed=HELD).image)
        picture.save(tmp_path / "J" / f"{index}.png")
    moving = sorted((tmp_path / "J").iterdir())
    read = surehand("predict", "reader", *moving, *photographs.glob("L/*.png"), "--json").json
    marked = [r["image"] for r in read["result"]["images"] if r["prediction"] in "JZ"]
    assert marked
    assert read["warnings"] == [
        f"J and Z are motions; read from a still frame, these are not the real letter: {', '.join(marked)}."
    ]
    evaluated = surehand("evaluate", "reader", tmp_path, "--cache", tmp_path / "cache", "--json")
    assert any("are motions" in w and "images of J: 3" in w for w in evaluated.json["warnings"])
    explained = surehand("explain", "reader", marked[0], "--perturbations", 40, "--out", tmp_path / "why", "--json")
    assert any("are motions" in w for w in explained.json["warnings"])


def test_what_is_explained_is_what_is_read(photographs, tmp_path, monkeypatch):
    image, other = photographs / "W" / "1-0.png", photographs / "L" / "0-0.png"
    readings = surehand("predict", "reader", image, other, "--json").json["result"]["images"]
    first, second = (reading["prediction"] for reading in readings)
    assert first != second
    # As if, brought to the size at which superpixels are cut, it were another picture.
    monkeypatch.setattr(
        "surehand.data.read_image", lambda path, size: read_image(image if size == 160 else other, size)
    )
    explained = surehand("explain", "reader", image, "--size", 80, "--perturbations", 20, "--out", tmp_path, "--json")
    assert explained.json["result"]["target"] == first
    assert any(f"is read as {first}, but as {second} when" in w for w in explained.json["warnings"])


def test_accuracy_by_factor(tmp_path):
    kept = surehand("evaluate", "reader", "letters:1", "--by", "hand", "--cache", tmp_path)
    assert kept.code == 2
    assert "leave one of them out" in kept.err
    answer = surehand("evaluate", "reader", "letters:1", "--by", "hand", "--json")
    values = answer.json["result"]["by"]["hand"]["values"]
    assert [(entry["at"], entry["n"]) for entry in values] == [("right", 29), ("left", 29)]
    refused = surehand("evaluate", "reader", "photos", "--by", "hand")
    assert refused.code == 2
    assert "give letters or letters:N" in refused.err


def test_a_name_that_is_no_model_says_which_there_are(photographs):
    answer = surehand("predict", "writer", photographs / "L" / "0-0.png")
    assert answer.code == 3
    assert "There is no model file writer. By name there is: reader." in answer.err
