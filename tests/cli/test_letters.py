"""`surehand data letters`: each option changes the result, and each wrong one is a sentence."""

import csv
import io
import json
from pathlib import Path

import pytest
from PIL import Image

import surehand.render
from surehand.render import CLASSES, FACTOR_GROUPS, _letters

from .conftest import surehand as run


def rendered(folder, *options, per_class=2, size=24):
    """The files of `surehand data letters` by name, JSON numbers and CSV texts included."""
    answer = run("data", "letters", folder, "--per-class", per_class, "--size", size, *options, "--json")
    assert answer.code == 0, answer.err
    assert answer.json["result"] == {"folder": str(folder), "images": 29 * per_class}
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def images_of(files):
    return {name: content for name, content in files.items() if name.endswith((".jpg", ".png"))}


def factors_of(files):
    return list(csv.DictReader(io.StringIO(files["factors.csv"].decode())))


@pytest.fixture(scope="module")
def plain_letters(tmp_path_factory):
    return rendered(tmp_path_factory.mktemp("plain") / "letters")


def test_data_letters_makes_class_folders(plain_letters):
    assert len(images_of(plain_letters)) == 58
    assert {name.split("/")[0] for name in images_of(plain_letters)} == set(CLASSES)


@pytest.mark.parametrize(
    ("options", "added"),
    [
        (["--masks"], {"masks/.nomedia"}),
        (["--boxes"], {"boxes.json"}),
        (["--joints"], {"joints.csv"}),
    ],
)
def test_truth_is_written_beside_the_same_images_when_asked_for(options, added, plain_letters, tmp_path):
    files = rendered(tmp_path / "letters", *options)
    if "--masks" in options:
        added = added | {f"masks/{name.removesuffix('.jpg')}.png" for name in images_of(plain_letters)}
    assert set(files) - set(plain_letters) == added
    assert images_of(plain_letters).items() <= files.items()


def own_shapes(tmp_path, change):
    content = json.loads(Path(surehand.render.__file__).with_name("handshapes.json").read_text())
    change(content["classes"])
    (tmp_path / "shapes.json").write_text(json.dumps(content))
    return tmp_path / "shapes.json"


@pytest.mark.parametrize(
    "options", [["--seed", "1"], ["--vary", "light"], ["--fix", "tone=8"], ["--fix", "hand=left"]], ids=" ".join
)
def test_options_of_letters_change_the_images(options, plain_letters, tmp_path):
    changed = set(images_of(rendered(tmp_path / "letters", *options)).values()) - set(plain_letters.values())
    # A fixed tone leaves images without a hand as they were, and a series begins with the same image.
    assert len(changed) >= 29


def test_a_series_of_letters_varies_one_group(plain_letters, tmp_path):
    rows = factors_of(rendered(tmp_path / "letters", "--vary", "light", per_class=3, size=16))
    for name in CLASSES:
        series = [row for row in rows if row["path"].startswith(f"{name}/")]
        changing = {factor for factor in series[0] if len({row[factor] for row in series}) > 1} - {"path"}
        assert {"light_azimuth", "exposure"} <= changing <= set(FACTOR_GROUPS["light"])
    assert len({row["yaw"] for row in factors_of(plain_letters)}) == 58


def test_fixed_factors_of_letters_are_the_same_in_every_image(tmp_path):
    fixes = ["tone=8", "hand=left", "person=12", "back_light=true", "forearm_bend=0,0.1,-0.2"]
    options = [word for fix in fixes for word in ("--fix", fix)]
    told = {"tone": "8.0", "hand": "left", "person": "12", "back_light": "True", "forearm_bend": "(0.0, 0.1, -0.2)"}
    rows = factors_of(rendered(tmp_path / "letters", *options, per_class=1, size=16))
    assert all(told.items() <= row.items() for row in rows)


def test_shapes_of_ones_own_change_the_letter_that_they_change(plain_letters, tmp_path):
    file = own_shapes(tmp_path, lambda c: [variant.update(index=[0, 0, 0, 0]) for variant in c["S"]["variants"]])
    files = images_of(rendered(tmp_path / "letters", "--shapes", file))
    assert {name.split("/")[0] for name in files if files[name] != plain_letters[name]} == {"S"}


def test_letters_are_png_files_when_asked_for(plain_letters, tmp_path):
    files = images_of(rendered(tmp_path / "letters", "--format", "png"))
    assert set(files) == {name.replace(".jpg", ".png") for name in images_of(plain_letters)}
    assert Image.open(io.BytesIO(next(iter(files.values())))).format == "PNG"


def test_workers_change_who_renders_and_nothing_else(plain_letters, tmp_path, monkeypatch):
    asked = []
    usual = _letters.in_parallel
    monkeypatch.setattr(_letters, "in_parallel", lambda tasks, workers: asked.append(workers) or usual(tasks, workers))
    assert rendered(tmp_path / "letters", "--workers", 3) == plain_letters
    assert asked == [3]


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        (["--per-class", "0"], 2, ["per_class must be at least 1", "0"]),
        (["--size", "15"], 2, ["16 to 2048", "15"]),
        (["--size", "2049"], 2, ["16 to 2048", "2049"]),
        (["--workers", "0"], 2, ["workers must be at least 1", "0"]),
        (["--format", "gif"], 2, ["the format must be one of jpg, png", "gif"]),
        (["--vary", "weather"], 2, ["weather", "light"]),
        (["--vary", "tone", "--fix", "tone=3"], 2, ["tone cannot vary while it is fixed"]),
        (["--vary", "hand", "--fix", "person=3"], 2, ["hand cannot vary while the person is fixed"]),
        (["--fix", "variant=1"], 2, ["variant", "class I", "1"]),
        (["--fix", "tone"], 2, ["FACTOR=VALUE", "'tone'"]),
        (["--fix", "tone="], 2, ["FACTOR=VALUE", "'tone='"]),
        (["--fix", "tonne=8"], 2, ["'tonne'", "Did you mean tone?"]),
        (["--fix", "weather=8"], 2, ["'weather'", "light_azimuth"]),
        (["--fix", "tone=dark"], 2, ["tone takes a number", "'dark'"]),
        (["--fix", "tone=nan"], 2, ["tone must lie in 1 to 10", "nan"]),
        (["--fix", "tone=11"], 2, ["tone must lie in 1 to 10", "11"]),
        (["--fix", "person=1.5"], 2, ["person takes a whole number", "'1.5'"]),
        (["--fix", "back_light=maybe"], 2, ["back_light takes true or false", "'maybe'"]),
        (["--fix", "hand=both"], 2, ["right, left", "'both'"]),
        (["--fix", "forearm_bend=1,x,2"], 2, ["forearm_bend takes numbers separated by commas", "'1,x,2'"]),
        (["--fix", "forearm_bend=1,2"], 2, ["forearm_bend needs 3 numbers"]),
        (["--fix", "tone=8", "--fix", "tone=3"], 2, ["tone twice"]),
        (["--shapes", "nowhere.json"], 4, ["cannot read the hand shapes", "nowhere.json"]),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)  # fmt: skip
def test_wrong_options_of_letters_are_one_sentence_and_leave_nothing(options, code, words, tmp_path):
    answer = run("data", "letters", tmp_path / "letters", "--per-class", 1, "--size", 16, *options)
    assert answer.code == code, answer.err
    assert answer.err.startswith("Error: ")
    assert answer.err.count("\n") == 1
    assert all(word in answer.err for word in words), answer.err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda c: c["A"]["variants"][0]["index"].__setitem__(1, 130), ["class A", "pip_flexion", "130 degrees"]),
        (lambda c: c.update(AA=c["A"]), ["unknown class AA", "the classes are A, B"]),
    ],
)
def test_shapes_that_no_hand_has_are_refused(change, words, tmp_path):
    file = own_shapes(tmp_path, change)
    answer = run("data", "letters", tmp_path / "letters", "--shapes", file)
    assert answer.code == 4
    assert all(word in answer.err for word in [str(file), *words]), answer.err
    assert not (tmp_path / "letters").exists()


def test_rendered_letters_are_data_at_any_number_and_size(tmp_path):
    """The same spelling wherever DATA is given."""
    result = run("data", "check", "letters:2", "--cache", tmp_path, "--json").json["result"]
    assert result["images"] == 58
    options = ["--out", tmp_path / "s", "--cache", tmp_path]
    assert run("data", "sheet", "letters:3", "--size", 24, *options).code == 0
    made = {path.name.split("-", 1)[1] for path in (tmp_path / "letters").iterdir()}
    assert made == {"studio-2x64px-seed0", "studio-3x24px-seed0"}
    answer = run("data", "check", "letters:none", "--cache", tmp_path)
    assert answer.code == 4
    assert "letters:500" in answer.err
