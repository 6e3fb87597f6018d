"""`surehand run`: one command from a folder to a page, gone on with where it stopped, and nothing sent anywhere."""

import json
import os
import shutil
import socket

import jsonschema
import pytest
from PIL import Image

from surehand.errors import DataError
from surehand.report import SCHEMA_FILE

from .conftest import surehand, write_folder


def test_the_answer_is_one_json_object_with_the_record_of_the_run(finished):
    answer = finished.answer.json
    assert set(answer) == {"schema", "status", "result", "warnings", "artifacts"}
    assert (answer["schema"], answer["status"]) == (1, "ok")
    assert answer["result"]["status"] == "complete"
    record = json.loads((finished.folder / "run.json").read_text())
    assert {**record, "folder": str(finished.folder)} == answer["result"]


def test_run_json_follows_its_schema(finished):
    record = json.loads((finished.folder / "run.json").read_text())
    jsonschema.validate(record, json.loads(SCHEMA_FILE.read_text()))
    model = record["models"]["cnn"]
    assert set(model["accuracy"]) == {"random", "grouped", "external"}
    assert set(model["accuracy"]["external"]) == {"elsewhere"}
    assert len(model["fgsm"]["epsilons"]) == len(model["fgsm"]["accuracy"]) == 20
    assert model["fgsm"]["backward_passes"] == 1
    assert model["fgsm"]["forward_passes"] == 20
    assert set(model["calibration"]["external"]) == {"elsewhere"}
    assert model["lime"]["perturbations"] == 150


def test_the_folder_holds_everything_the_page_is_made_of(finished):
    names = {"run.json", "config.toml", "manifest.csv", "metrics.jsonl", "report.html", "MODEL_CARD.md"}
    assert names <= {p.name for p in finished.folder.iterdir()}
    for artifact in finished.answer.json["artifacts"]:
        assert (finished.folder.parent / artifact).exists(), artifact
    assert not list(finished.folder.rglob(".*"))
    assert not (finished.folder / "training").exists()


def test_metrics_hold_one_line_an_epoch(finished):
    lines = [json.loads(line) for line in (finished.folder / "metrics.jsonl").open()]
    assert [(line["model"], line["epoch"]) for line in lines] == [("cnn", 1), ("cnn", 2), ("cnn", 3)]


def test_the_same_command_again_repeats_no_stage(finished, monkeypatch):
    def forbidden(*args, **kwargs):
        raise AssertionError("a finished stage was done again")

    for name in ("train", "evaluate", "sweep", "explain"):
        monkeypatch.setattr(f"surehand.audit._model_stages.{name}", forbidden)
    before = (finished.folder / "run.json").read_text()
    answer = surehand(*finished.arguments, "--json")
    assert answer.code == 0, answer.err
    assert answer.json["result"]["models"] == json.loads(before)["models"]


def test_other_attack_images_repeat_the_attack_alone(finished, monkeypatch, tmp_path):
    done = []
    import surehand.audit._model_stages as stages

    for name in ("train", "sweep", "explain"):
        original = getattr(stages, name)
        monkeypatch.setattr(stages, name, lambda *a, _n=name, _o=original, **k: done.append(_n) or _o(*a, **k))
    arguments = list(finished.arguments)
    arguments[arguments.index("--attack-images") + 1] = 8
    assert surehand(*arguments).code == 0
    assert done == ["sweep"]
    assert surehand(*finished.arguments).code == 0


def test_the_configuration_file_repeats_the_run(finished, tmp_path):
    out = tmp_path / "again"
    answer = surehand(
        "run", "--config", finished.folder / "config.toml", "--out", out, "--cache", finished.cache, "--json"
    )
    assert answer.code == 0, answer.err
    ours, theirs = answer.json["result"]["models"]["cnn"], finished.answer.json["result"]["models"]["cnn"]
    assert ours["accuracy"] == theirs["accuracy"]
    assert ours["fgsm"]["accuracy"] == theirs["fgsm"]["accuracy"]
    assert (out / "model" / "cnn.safetensors").read_bytes() == finished.model.read_bytes()


def test_a_wrong_key_in_the_configuration_is_named_with_the_nearest_right_one(tmp_path):
    (tmp_path / "c.toml").write_text("[training]\nepoch = 3\n")
    answer = surehand("run", "--config", tmp_path / "c.toml")
    assert answer.code == 3
    assert "training.epoch" in answer.err
    assert "Did you mean training.epochs?" in answer.err


def test_a_gate_that_is_not_met_exits_with_5_and_still_answers(finished, monkeypatch):
    assert surehand(*finished.arguments, "--fail-under", "elsewhere=0").code == 0
    record = json.loads((finished.folder / "run.json").read_text())
    record["models"]["cnn"]["accuracy"]["grouped"]["value"] = 0.75
    monkeypatch.setattr("surehand.audit.audit", lambda *args, **kwargs: record)
    answer = surehand(*finished.arguments, "--json", "--fail-under", "grouped=0.8")
    assert answer.code == 5
    assert answer.json["status"] == "failed"
    assert "cnn reaches 0.750 on grouped, below 0.8" in answer.err


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        (["--models", "resnet"], 2, "There is no model resnet; choose from cnn"),
        (["--external", "world"], 2, "NAME=DIR"),
        (["--external", "random=x"], 2, "cannot be called 'random'"),
        (["--fail-under", "groped=0.5"], 2, "--fail-under takes one of random, grouped"),
        (["--schedule", "linear"], 2, "schedule must be one of constant"),
        (["--size", "4"], 2, "size must lie in"),
        (["--size", "16", "--models", "cnn,convnext"], 2, "need at least 32 pixels; got 16"),
        (["--epochs", "0"], 2, "epochs must be at least 1"),
        (["--stay", "3"], 2, "stay is of fresh letters, and cnn is trained on none"),
        (["--scenes", "near"], 2, "scenes is of fresh letters"),
        (["--learning-rate", "inf"], 2, "learning_rate must be above 0, and finite"),
        (["--no-such-option"], 2, "No such option"),
    ],
)
def test_wrong_options_are_refused_before_anything_is_done(pictures, tmp_path, options, code, message):
    answer = surehand("run", pictures, "--out", tmp_path / "run", *options)
    assert answer.code == code
    assert message in " ".join(answer.err.split())
    assert not (tmp_path / "run").exists()


def test_no_network_is_touched(pictures, tmp_path, monkeypatch):
    def forbidden(*args, **kwargs):
        raise AssertionError("a socket was opened")

    monkeypatch.setattr(socket, "socket", forbidden)
    monkeypatch.setattr(socket, "create_connection", forbidden)
    out = tmp_path / "run"
    answer = surehand(
        "run", pictures, "--size", 24, "--epochs", 1, "--out", out, "--cache", tmp_path, "--attack-images", 4
    )
    assert answer.code == 0, answer.err
    assert surehand("speak", "HELLO", "--out", tmp_path / "hello.wav").code == 0


def test_ctrl_c_exits_with_130_and_the_same_command_goes_on(pictures, tmp_path, monkeypatch):
    arguments = ["run", pictures, "--size", 24, "--epochs", 2, "--batch", 16, "--out", tmp_path / "run"]
    arguments += ["--cache", tmp_path / "cache", "--attack-images", 4, "--precision", "float32"]
    import surehand.audit._model_stages as stages

    original = stages.evaluate

    def interrupted(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr(stages, "evaluate", interrupted)
    answer = surehand(*arguments, "--json")
    assert answer.code == 130
    assert answer.json["status"] == "interrupted"
    assert "To go on: surehand" in answer.err
    assert json.loads((tmp_path / "run" / "run.json").read_text())["status"] == "interrupted"
    monkeypatch.setattr(stages, "evaluate", original)
    monkeypatch.setattr(stages, "train", interrupted)
    assert surehand(*arguments).code == 0


def test_a_folder_too_small_to_hold_anything_back_is_refused_before_training(tmp_path):
    source = write_folder(tmp_path / "few", 1)
    answer = surehand("run", source, "--out", tmp_path / "run", "--cache", tmp_path / "cache", "--json")
    assert answer.code == 4
    assert "Add images" in answer.json["error"]["message"]


@pytest.mark.parametrize(("per_class", "codes"), [(2, {0, 4}), (3, {0, 4}), (10, {0})])
def test_a_folder_that_is_hardly_enough_is_audited_and_warned_about(per_class, codes, tmp_path):
    source = write_folder(tmp_path / "few", per_class)
    arguments = ["run", source, "--size", 24, "--epochs", 1, "--out", tmp_path / "run", "--cache", tmp_path / "cache"]
    answer = surehand(*arguments, "--json")
    assert answer.code in codes, answer.err
    words = answer.json["warnings"] if answer.code == 0 else [answer.json["error"]["message"]]
    assert any("Fewer than 30 test images" in word or "Add images" in word for word in words)


def test_training_that_diverges_says_so_and_what_to_do(pictures, tmp_path):
    arguments = ["run", pictures, "--size", 24, "--epochs", 3, "--learning-rate", 1e30, "--precision", "float32"]
    answer = surehand(*arguments, "--out", tmp_path / "run", "--cache", tmp_path / "cache", "--json")
    assert answer.code == 3
    assert "--learning-rate" in answer.json["error"]["message"]


def test_a_file_name_that_is_not_utf_8_survives_the_whole_run(pictures, tmp_path):
    source = tmp_path / "colours"
    shutil.copytree(pictures, source)
    odd = os.fsdecode(b"odd-\xff.png")
    first = next((source / "red").iterdir())
    try:
        first.rename(source / "red" / odd)
    except OSError:
        pytest.skip("this file system takes only UTF-8 names")
    arguments = ["run", source, "--size", 24, "--epochs", 1, "--attack-images", 4]
    answer = surehand(*arguments, "--out", tmp_path / "run", "--cache", tmp_path / "cache")
    assert answer.code == 0, answer.err


def test_ctrl_c_without_out_names_the_folder_to_go_on_with(pictures, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def interrupted(*args, **kwargs):
        raise KeyboardInterrupt

    for verb, stage in (("run", "audit"), ("train", "train_model")):
        monkeypatch.setattr(f"surehand.audit.{stage}", interrupted)
        answer = surehand(verb, pictures)
        assert answer.code == 130
        assert "--out runs/" in answer.err


def test_new_runs_never_share_a_folder(tmp_path, monkeypatch):
    from surehand.cli._options import new_run_folder

    monkeypatch.chdir(tmp_path)
    first, second = (new_run_folder("photos/train") for _ in range(2))  # within a second
    assert first != second
    assert first.is_dir()
    assert second.is_dir()
    assert "photos-train" in first.name


@pytest.mark.parametrize("verb", ["train", "run"])
def test_a_new_folder_is_gone_when_nothing_was_written(verb, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert surehand(verb, "nowhere").code == 4
    assert list((tmp_path / "runs").iterdir()) == []


@pytest.mark.parametrize("mistyped", [["nowhere"], ["--external", "world=nowhere"]])
def test_a_name_mistyped_leaves_an_earlier_run_as_it_was(finished, mistyped):
    def held():
        return {p: p.read_bytes() for p in finished.folder.rglob("*") if p.is_file()}

    before = held()
    source, others = (mistyped[0], []) if len(mistyped) == 1 else (finished.arguments[1], mistyped)
    answer = surehand("run", source, *finished.arguments[2:], *others)
    assert answer.code == 4
    assert "nowhere" in answer.err
    assert held() == before


def test_an_external_set_may_have_any_name(finished, tmp_path):
    arguments = [str(a).replace("elsewhere=", "files=") for a in finished.arguments]
    arguments[arguments.index("--out") + 1] = tmp_path / "run"
    shutil.copytree(finished.folder, tmp_path / "run")
    answer = surehand(*arguments, "--fail-under", "files=0", "--json")
    assert answer.code == 0, answer.err
    model = answer.json["result"]["models"]["cnn"]
    assert set(model["accuracy"]["external"]) == set(model["calibration"]["external"]) == {"files"}
    assert "files" in model["confused"]
    assert "external" in {reason["check"] for reason in answer.json["result"]["verdict"]["reasons"]}
    # What the folder held of the other set is there still, and no artifact of this run.
    assert list((tmp_path / "run").glob("tables/*-elsewhere.csv"))
    assert not [artifact for artifact in answer.json["artifacts"] if "elsewhere" in artifact]
    assert [artifact for artifact in answer.json["artifacts"] if artifact.endswith("-files.csv")]


def test_frames_of_the_training_source_are_not_external(pictures, finished, tmp_path):
    known = tmp_path / "known"
    shutil.copytree(pictures / "red", known / "red")
    for path in (known / "red").iterdir():
        if int(path.stem.split("-")[1]) >= 2:  # two copies, the others with other bytes
            picture = Image.open(path)
            picture.putpixel((0, 0), (0, 0, 0))
            picture.save(path)
    arguments = ["run", pictures, "--size", 24, "--epochs", 1, "--attack-images", 4, "--cache", finished.cache]
    answer = surehand(*arguments, "--external", f"known={known}", "--out", tmp_path / "run", "--json")
    assert answer.code == 0, answer.err
    found = answer.json["result"]["external"]["known"]
    assert (found["images"], found["known_images"], found["near_images"]) == (40, 2, 38)
    reasons = {reason["check"]: reason["level"] for reason in answer.json["result"]["verdict"]["reasons"]}
    assert (reasons["external-known"], reasons["external-near"]) == ("do not trust", "caution")


def test_nothing_is_promised_where_kaggle_is_asked(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def enough(*args, **kwargs):
        raise DataError("enough")

    monkeypatch.setattr("surehand.audit.audit", enough)
    assert "Nothing is sent off this machine" in surehand("run", "letters:2").err
    for asking in (["kaggle:a/b"], ["letters:2", "--external", "x=kaggle:a/b"]):
        assert "Nothing is sent" not in surehand("run", *asking).err


def test_classes_that_the_model_does_not_know_are_refused(finished, tmp_path):
    other = write_folder(tmp_path / "other", 3, {"red": 0, "violet": 0})
    answer = surehand("evaluate", finished.model, other, "--json")
    assert answer.code == 4
    assert "violet" in answer.json["error"]["message"]
