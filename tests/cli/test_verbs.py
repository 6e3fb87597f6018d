"""The other verbs: what they answer, and how they refuse."""

import json
import re
import resource
import subprocess
import sys
import wave
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image

from surehand.attack import ATTACKS
from surehand.explain import EXPLAINERS
from surehand.models import MODELS, load, save

from .conftest import surehand, write_folder

VERBS = ["run", "train", "evaluate", "attack", "explain", "predict", "speak", "data", "export", "doctor"]


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_help(verb):
    answer = surehand(verb, "--help")
    assert answer.code == 0
    assert "Usage" in answer.out


@pytest.mark.parametrize(
    ("verb", "names"), [("train", (*MODELS, "zoo-NAME")), ("attack", ATTACKS), ("explain", EXPLAINERS)]
)
def test_help_names_what_there_is_to_choose(verb, names):
    words = set(re.findall(r"[\w-]+", surehand(verb, "--help").out))
    assert set(names) <= words


def processor_seconds(code: str) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert subprocess.run([sys.executable, "-c", code], stdout=subprocess.DEVNULL, check=False).returncode == 0
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


def test_help_loads_no_torch_and_takes_less_than_three_tenths_of_a_second():
    code = "import sys, surehand.cli\nsys.argv = ['surehand', '--help']\n"
    code += "try: surehand.cli.main()\nexcept SystemExit: sys.exit('torch' in sys.modules)"
    # Processor time, the smallest of five: what others do on the machine does not count.
    seconds, libraries = zip(
        *((processor_seconds(code), processor_seconds("import typer, rich.console")) for _ in range(5)), strict=True
    )
    # On a slow processor, where its two libraries alone take more than 0.085 s, so many times these.
    assert min(seconds) < max(0.3, 3.5 * min(libraries))


def test_version():
    assert surehand("--version").out.startswith("surehand 0.")


def test_evaluate_gives_accuracy_with_its_interval(finished):
    accuracy = surehand("evaluate", finished.model, finished.external, "--json").json["result"]["accuracy"]
    assert accuracy == finished.answer.json["result"]["models"]["cnn"]["accuracy"]["external"]["elsewhere"]
    assert accuracy["low"] <= accuracy["value"] <= accuracy["high"]


def test_attack_gives_the_curve(finished):
    result = surehand("attack", finished.model, finished.external, "--json").json["result"]
    robust = [p["value"] for p in result["robust"]]
    assert robust == sorted(robust, reverse=True)
    assert len(result["epsilons"]) == 20
    assert result["backward_passes_in_all"] == result["images"] == 18


def test_success_is_counted_alike_of_numbers_and_of_files(finished):
    # A change of a thousandth of a grey level turns nothing, whatever was misread before.
    result = surehand("attack", finished.model, finished.external, "--epsilon", "4e-6", "--json").json["result"]
    assert result["success_rate"]["value"] == result["success_rate_as_files"]["value"] == 0
    assert result["success_rate"]["n"] == result["success_rate_as_files"]["n"]


def test_attack_writes_images_within_the_budget(finished, tmp_path):
    answer = surehand("attack", finished.model, finished.external, "--epsilon", "8/255", "--out", tmp_path, "--json")
    assert answer.json["result"]["grey_levels"] == 8
    assert len(answer.json["artifacts"]) == 18
    for path in answer.json["artifacts"]:
        name = path.removeprefix(f"{tmp_path}/").removesuffix(".png")
        clean = np.asarray(Image.open(finished.external / name).convert("RGB")).astype(int)
        assert np.abs(np.asarray(Image.open(path)).astype(int) - clean).max() <= 8


def test_what_the_files_reach_is_told_beside_what_the_numbers_do(finished, tmp_path):
    answer = surehand("attack", finished.model, finished.external, "--epsilon", "0.003", "--out", tmp_path)
    assert "goal reached as files 0.0 %" in answer.out
    assert "(whole grey levels: 0)" in answer.out


def test_a_targeted_attack_leaves_out_images_of_the_target(finished, tmp_path):
    result = surehand("attack", finished.model, finished.external, "--target", "red", "--epsilon", "0.1", "--json").json
    assert result["result"]["images"] == 12
    only_red = write_folder(tmp_path / "set", 3, {"red": 0})
    answer = surehand("attack", finished.model, only_red, "--target", "red", "--json")
    assert answer.code == 2
    assert "All images are of class 'red'" in answer.json["error"]["message"]


def test_a_set_of_one_class_can_be_measured_on_and_what_is_left_out_is_told(finished, tmp_path):
    only_red = write_folder(tmp_path / "set", 3, {"red": 0})
    (only_red / "red" / "broken.png").write_bytes(b"no image")
    for verb in ("evaluate", "attack"):
        answer = surehand(verb, finished.model, only_red, "--json")
        assert answer.code == 0, answer.err
        assert "has no images of blue, green" in answer.err
        assert "One file is left out of" in answer.err
        assert len(answer.json["warnings"]) >= 2


def test_explain_writes_figure_and_arrays(finished, tmp_path):
    image = next((finished.external / "red").iterdir())
    answer = surehand("explain", finished.model, image, "--size", 60, "--out", tmp_path / "why", "--json")
    assert answer.code == 0, answer.err
    assert answer.json["result"]["perturbations"] == 150
    assert len(answer.json["result"]["coefficients"]) == answer.json["result"]["superpixels"]
    kinds = {path.rpartition(".")[2] for path in answer.json["artifacts"]}
    assert kinds == {"npz", "png", "svg"}


def test_explain_tells_the_confidence_that_the_classifier_states(finished, tmp_path):
    unsure = tmp_path / "unsure.safetensors"
    save(replace(load(finished.model), temperature=1000.0), unsure)
    image = next((finished.external / "red").iterdir())
    result = surehand("explain", unsure, image, "--size", 60, "--out", tmp_path / "why", "--json").json["result"]
    assert result["probability"] == pytest.approx(1 / 3, abs=0.01)


def test_explain_says_against_which_class(finished, tmp_path):
    image = next((finished.external / "red").iterdir())
    options = ("--target", "red", "--against", "blue", "--size", 60, "--out", tmp_path, "--json")
    figures = surehand("explain", finished.model, image, *options).json["artifacts"]
    (svg,) = [path for path in figures if path.endswith(".svg")]
    drawn = Path(svg).read_text()
    assert "change of the probability of red" in drawn
    assert "less that of blue" in drawn


def test_predict_lists_the_likeliest_classes(finished):
    images = sorted((finished.external / "blue").iterdir())[:2]
    result = surehand("predict", finished.model, *images, "--json").json["result"]["images"]
    assert [r["image"] for r in result] == [str(i) for i in images]
    for reading in result:
        probabilities = [t["probability"] for t in reading["top"]]
        assert probabilities == sorted(probabilities, reverse=True)
        assert len(probabilities) == 3
        assert reading["prediction"] == reading["top"][0]["class"]


def test_speak_writes_a_wav_file(tmp_path):
    answer = surehand("speak", "HELLO", "--out", tmp_path / "hello.wav", "--json")
    assert answer.code == 0, answer.err
    with wave.open(str(tmp_path / "hello.wav")) as sound:
        assert sound.getnframes() / sound.getframerate() == pytest.approx(answer.json["result"]["seconds"], abs=0.01)


@pytest.fixture
def reads_hi(monkeypatch):
    """A reader that sees an H, then an I; and which models were asked for."""
    asked = []
    sure = torch.eye(2)
    stand_in = SimpleNamespace(size=8, classes=("H", "I"), probabilities=lambda images: sure[: len(images)])
    monkeypatch.setattr("surehand.models.load", lambda name: asked.append(name) or stand_in)
    return asked


@pytest.mark.parametrize("suffix", [".png", ".JPEG", ".webp", ".bmp"])
def test_speak_reads_images_of_every_kind_by_the_reader_or_a_model(suffix, reads_hi, tmp_path):
    images = [tmp_path / f"{number}{suffix}" for number in (1, 2)]
    for image in images:
        Image.new("RGB", (8, 8)).save(image)
    for model in ([], ["--model", "mine.safetensors"]):
        answer = surehand("speak", *images, *model, "--out", tmp_path / "hi.wav", "--json")
        assert answer.json["result"]["text"] == "HI", answer.err
    assert reads_hi == ["reader", "mine.safetensors"]


def test_speak_names_a_missing_image_and_never_speaks_file_names(reads_hi, tmp_path):
    Image.new("RGB", (8, 8)).save(tmp_path / "H.png")
    for images in (["H.png", "typo.png"], ["typo.png"], ["H.png", "typo"]):
        answer = surehand("speak", *(tmp_path / name for name in images), "--out", tmp_path / "spoken.wav")
        assert answer.code == 4
        missing = f"{tmp_path / images[-1]} cannot be read: No such file or directory."
        assert answer.err == f"Error: {missing} Check the path.\n"
    assert not (tmp_path / "spoken.wav").exists()


def test_speak_takes_dots_in_a_text_for_no_image(tmp_path):
    text = "See e.g. page 1.5"
    assert surehand("speak", text, "--out", tmp_path / "s.wav", "--json").json["result"]["text"] == text


def test_export_writes_one_onnx_file(finished, tmp_path):
    answer = surehand("export", finished.model, "--onnx", "--out", tmp_path / "m.onnx", "--json")
    assert answer.code == 0, answer.err
    assert [p.name for p in tmp_path.iterdir()] == ["m.onnx"]


def test_export_refuses_darknet_weights_of_another_network(finished):
    answer = surehand("export", finished.model, "--darknet")
    assert answer.code == 2
    assert "darknet53" in answer.err


def test_data_check_prints_what_a_random_split_would_leak(pictures, tmp_path):
    result = surehand("data", "check", pictures, "--cache", tmp_path, "--json").json["result"]
    assert result["images"] == 120
    assert result["classes"] == 3
    assert set(result["nearest_neighbour"]) == {"random", "grouped"}
    assert surehand("data", "check", pictures, "--cache", tmp_path).out.count("\n") > 5


def test_data_sheet_writes_two_sheets(pictures, tmp_path):
    answer = surehand(
        "data", "sheet", pictures, "--out", tmp_path / "s", "--cache", tmp_path / "c", "--size", 24, "--json"
    )
    assert [Image.open(p).size[0] > 100 for p in answer.json["artifacts"]] == [True, True]


def test_train_saves_a_model_that_run_can_go_on_with(pictures, tmp_path):
    answer = surehand(
        "train", pictures, "--size", 24, "--epochs", 1, "--out", tmp_path / "t", "--cache", tmp_path / "c", "--json"
    )
    assert answer.code == 0, answer.err
    assert (tmp_path / "t" / "model" / "cnn.safetensors").exists()
    assert answer.json["result"]["epochs"] == 1


def test_doctor_lists_versions():
    result = surehand("doctor", "--json").json["result"]
    assert result["versions"]["torch"]
    assert result["cores"] >= 1


def empty(tmp_path):
    (tmp_path / "empty").mkdir()
    return tmp_path / "empty"


def flat(tmp_path):
    folder = tmp_path / "flat"
    folder.mkdir()
    Image.new("RGB", (20, 20)).save(folder / "a.png")
    return folder


def one_class(tmp_path):
    return write_folder(tmp_path / "one", 4, {"red": 0})


def different_splits(tmp_path):
    write_folder(tmp_path / "splits" / "train", 4, {"red": 0, "green": 0})
    write_folder(tmp_path / "splits" / "test", 4, {"red": 0, "blue": 0})
    return tmp_path / "splits"


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda t: t / "nowhere", ["nowhere"]),
        (empty, ["empty"]),
        (flat, ["class"]),
        (one_class, ["red"]),
        (different_splits, ["green", "blue"]),
    ],
)
def test_data_that_cannot_be_used_exits_with_4_and_one_sentence(make, words, tmp_path):
    source = make(tmp_path)
    answer = surehand("run", source, "--out", tmp_path / "run", "--cache", tmp_path / "cache", "--json")
    assert answer.code == 4, answer.err
    message = answer.json["error"]["message"]
    assert all(word in message for word in words), message
    assert "Traceback" not in answer.err
    assert json.loads(answer.out)["status"] == "error"


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 a pickle in a zip", b"hello"])
def test_a_model_file_that_is_not_ours_exits_with_3(content, pictures, tmp_path):
    path = tmp_path / "model.pt"
    path.write_bytes(content)
    answer = surehand("evaluate", path, pictures)
    assert answer.code == 3
    assert "Traceback" not in answer.err


def test_an_image_that_cannot_be_read_exits_with_4(finished, tmp_path):
    (tmp_path / "broken.jpg").write_bytes(b"\xff\xd8\xff broken")
    answer = surehand("predict", finished.model, tmp_path / "broken.jpg")
    assert answer.code == 4
    assert "broken.jpg" in answer.err


def test_debug_shows_the_traceback(tmp_path):
    assert "Traceback" in surehand("data", "check", tmp_path / "nowhere", "--debug").err
