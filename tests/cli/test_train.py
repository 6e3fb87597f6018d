"""`surehand train`: recipes, and weights to start from."""

import hashlib
from pathlib import Path

import pytest

from surehand.models import load
from surehand.render import RENDERER
from surehand.train import RECIPES

from .conftest import surehand


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        (["--recipe", "bread"], 2, "no recipe 'bread'; choose from letters, letters-in-ten-minutes, letters-and"),
        (["--optimizer", "bread"], 2, "optimizer must be one of adamw, muon; got 'bread'"),
        (["--scenes", "moon"], 2, "scenes must be one of any, shown, near, studio; got 'moon'"),
        (["--fresh", "-1"], 2, "fresh must be at least 0; got -1"),
        (["--start", "nowhere.safetensors"], 3, "There is no model file nowhere.safetensors"),
        (["--model", "cnn", "--recipe", "letters-and-photographs"], 3, "reader is a reader; it cannot be the start of"),
    ],
)
def test_a_recipe_or_start_that_does_not_fit_is_told_before_anything_is_done(
    options, code, message, monkeypatch, tmp_path
):
    monkeypatch.setattr("surehand.audit._audit.load", pytest.fail)
    monkeypatch.chdir(tmp_path)
    answer = surehand("train", "letters", *options)
    assert answer.code == code
    assert "Folder" not in answer.err
    assert not list(tmp_path.iterdir())
    assert message in " ".join(answer.err.split())


def test_a_model_is_trained_anew_when_its_start_has_been(pictures, tmp_path):
    size, out = ["--size", 24, "--epochs", 1, "--precision", "float32", "--cache", tmp_path / "cache"], tmp_path / "run"
    start = tmp_path / "start.safetensors"

    def first_weights(seed: int) -> None:
        trained = surehand("train", pictures, *size, "--seed", seed, "--out", tmp_path / f"first{seed}", "--json")
        start.write_bytes(Path(trained.json["result"]["file"]).read_bytes())

    def second() -> dict:
        answer = surehand("train", pictures, *size, "--start", start, "--out", out, "--json")
        assert answer.code == 0, answer.err
        return load(answer.json["result"]["file"]).metadata["training"]

    first_weights(0)
    before = second()
    assert before["start"] == hashlib.sha256(start.read_bytes()).hexdigest()
    assert before["start_metadata"]["seed"] == 0
    first_weights(1)
    assert second()["start_metadata"]["seed"] == 1


def test_letters_are_trained_by_their_recipe(tmp_path):
    options = ["--model", "small_reader", "--recipe", "letters", "--size", 16, "--epochs", 1, "--precision", "float32"]
    few = {**RECIPES["letters"], "fresh": 58}
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(RECIPES, "letters", few)
        answer = surehand("train", "letters:20", *options, "--cache", tmp_path, "--out", tmp_path / "run", "--json")
    assert answer.code == 0, answer.err
    assert answer.json["result"]["settings"]["fresh"] == 58
    metadata = load(answer.json["result"]["file"]).metadata
    assert metadata["training"]["renderer"] == RENDERER
    assert metadata["data_licence"] == "Apache-2.0"
    assert not list((tmp_path / "stream").glob("*"))
