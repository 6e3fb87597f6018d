"""Configuration files, stages that are not repeated, and files that are never half-written."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from surehand.audit import AuditSettings
from surehand.audit._folder import RunFolder
from surehand.data import Augmentation
from surehand.errors import ConfigurationError, DataError, UsageError

names = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"], include_characters="\x7f"), min_size=1)


@given(
    source=names,
    external=st.dictionaries(st.from_regex(r"\A[A-Za-z0-9]{3,8}_x\Z"), names),
    training=st.fixed_dictionaries(
        {},
        optional={
            "epochs": st.integers(1, 99),
            "learning_rate": st.floats(1e-6, 1),
            "schedule": st.sampled_from(["step", "cosine"]),
            "augmentation": st.builds(Augmentation, rotation=st.floats(0, 90), flip=st.booleans()),
        },
    ),
)
def test_a_configuration_file_says_what_the_settings_said(source, external, training, tmp_path_factory):
    settings = AuditSettings(source=source, external=external, training=training, models=("cnn", "darknet53"))
    path = tmp_path_factory.mktemp("configuration") / "config.toml"
    path.write_text(settings.to_toml(), encoding="utf-8")
    assert AuditSettings.from_toml(path) == settings


@pytest.mark.parametrize(
    "text",
    [
        "models = [",
        "sizes = 3",
        'size = "big"',
        "external = 'x'",
        "training = 3",
        "[training]\nepochs = '3'",
        "seed = true",
        'models = "cnn"',
        "[training]\nseed = 3",
        "[training.augmentation]\nflip = 2",
        "[training]\naugmentation = ['hue']",
        "[training.augmentation]\nrotation = 'far'",
        'source = "caf\udce9"',
    ],
)
def test_a_configuration_that_cannot_be_used_is_refused(text, tmp_path):
    (tmp_path / "c.toml").write_text(text, encoding="utf-8", errors="surrogateescape")
    with pytest.raises(ConfigurationError):
        AuditSettings.from_toml(tmp_path / "c.toml")


def test_models_are_named_once():
    with pytest.raises(UsageError, match="named once"):
        AuditSettings(models=("cnn", "cnn"))


def test_a_stage_is_repeated_when_its_inputs_change_or_its_files_are_gone(tmp_path):
    folder, calls = RunFolder(tmp_path), []

    def make():
        calls.append(1)
        folder.write_text("out.txt", "x")
        return {"files": ["out.txt"], "answer": len(calls)}

    assert folder.stage("s", {"a": 1}, make)["answer"] == 1
    assert folder.stage("s", {"a": 1}, make)["answer"] == 1
    assert folder.stage("s", {"a": 2}, make)["answer"] == 2
    (tmp_path / "out.txt").unlink()
    assert folder.stage("s", {"a": 2}, make)["answer"] == 3


def test_a_stage_that_fails_leaves_no_record(tmp_path):
    folder = RunFolder(tmp_path)
    with pytest.raises(RuntimeError):
        folder.stage("s", 0, lambda: (_ for _ in ()).throw(RuntimeError("no")))
    assert folder.stage("s", 0, lambda: {"fine": True})["fine"]


def test_a_stage_that_fails_halfway_forgets_what_it_has_written_over(tmp_path):
    def make(text, *, fails=""):
        if fails == "before":
            raise KeyboardInterrupt
        folder.write_text("out.txt", text)
        if fails:
            raise KeyboardInterrupt
        return {"files": ["out.txt"], "text": text}

    folder = RunFolder(tmp_path)
    folder.stage("s", 1, lambda: make("one"))
    with pytest.raises(KeyboardInterrupt):
        folder.stage("s", 2, lambda: make("two", fails="before"))
    assert folder.stage("s", 1, lambda: make("never"))["text"] == "one"  # nothing was written over
    with pytest.raises(KeyboardInterrupt):
        folder.stage("s", 2, lambda: make("two", fails="after"))
    assert folder.stage("s", 1, lambda: make("one"))["text"] == (tmp_path / "out.txt").read_text() == "one"


def test_files_of_a_run_are_those_it_wrote_or_kept(tmp_path):
    def make(name):
        RunFolder(tmp_path).write_text(name, "x")
        return {"files": [name]}

    for name in ("a", "b"):
        RunFolder(tmp_path).stage(name, 0, lambda name=name: make(name))
    folder = RunFolder(tmp_path)
    folder.stage("a", 0, lambda: make("never"))
    assert folder.names == {"a"}


def test_a_full_disk_leaves_the_old_file(tmp_path, monkeypatch):
    folder = RunFolder(tmp_path)
    folder.write_json("run.json", {"old": 1})

    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("surehand.files.os.fsync", full)
    with pytest.raises(DataError, match="No space left"):
        folder.write_json("run.json", {"new": 2})
    assert json.loads((tmp_path / "run.json").read_text()) == {"old": 1}
    assert [p.name for p in tmp_path.iterdir()] == ["run.json"]


def test_numbers_that_json_has_no_word_for_become_null(tmp_path):
    folder = RunFolder(tmp_path)
    assert folder.stage("s", 0, lambda: {"loss": float("nan")})["loss"] is None
    folder.write_json("run.json", {"value": float("inf")})
    assert json.loads((tmp_path / "run.json").read_text()) == {"value": None}


def test_a_run_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="--out"):
        RunFolder(tmp_path / "file" / "run")
