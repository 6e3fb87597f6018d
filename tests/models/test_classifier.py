"""The one file a classifier is saved in, and what is refused instead of loaded."""

import errno
import json
import os
import pickle
import struct
from zipfile import ZipFile

import pytest
import safetensors.torch
import torch

from surehand.errors import ConfigurationError, DataError, UsageError
from surehand.models import Classifier, build, find_classifier, load, save

NAMES = ("A", "B", "nothing")


@pytest.fixture
def classifier():
    return Classifier(build("cnn", 3, 8), "cnn", NAMES, 8, temperature=1.25, metadata={"seed": 0, "licence": "CC0-1.0"})


@pytest.fixture
def file(classifier, tmp_path):
    save(classifier, tmp_path / "model.safetensors")
    return tmp_path / "model.safetensors"


def header_of(file) -> dict:
    with safetensors.safe_open(file, framework="pt") as content:
        return json.loads(content.metadata()["surehand"])


def rewrite(file, change_header=lambda header: header, change_tensors=lambda tensors: tensors) -> None:
    header, tensors = header_of(file), safetensors.torch.load_file(file)
    metadata = {"surehand": json.dumps(change_header(header))}
    safetensors.torch.save_file(change_tensors(tensors), file, metadata)


def test_header_is_json_that_says_all_but_the_tensors(file):
    assert header_of(file) == {
        "schema": 1,
        "architecture": "cnn",
        "classes": ["A", "B", "nothing"],
        "size": 8,
        "normalisation": {"mean": [0.5, 0.5, 0.5], "std": [0.25, 0.25, 0.25]},
        "temperature": 1.25,
        "metadata": {"seed": 0, "licence": "CC0-1.0"},
    }


def test_same_classifier_gives_the_same_bytes(classifier, file):
    before = file.read_bytes()
    save(classifier, file)
    assert file.read_bytes() == before


def test_half_a_file_holds_the_weights_to_eleven_bits_and_loads_as_float32(classifier, file, tmp_path):
    half = tmp_path / "half.safetensors"
    save(classifier, half, half=True)
    assert half.stat().st_size < 0.6 * file.stat().st_size
    for name, tensor in load(half).model.state_dict().items():
        exact = classifier.model.state_dict()[name]
        assert tensor.dtype == exact.dtype
        assert torch.allclose(tensor, exact, rtol=2**-11, atol=2**-24)


def test_a_name_is_a_file_or_else_a_classifier_of_the_package(file, tmp_path, monkeypatch):
    packaged = tmp_path / "trained"
    packaged.mkdir()
    (packaged / "reader.safetensors").write_bytes(file.read_bytes())
    monkeypatch.setattr("surehand.models._classifier._PACKAGED", packaged)
    assert find_classifier(file) == file
    assert find_classifier("reader") == packaged / "reader.safetensors"
    assert load("reader").classes == NAMES
    monkeypatch.chdir(tmp_path)
    (tmp_path / "reader").write_bytes(file.read_bytes())
    assert find_classifier("reader").resolve() == tmp_path / "reader"
    with pytest.raises(ConfigurationError, match=r"no model file writer\. By name there is: reader\."):
        find_classifier("writer")


def test_loading_keeps_nothing_of_the_file_open(file, classifier):
    again = load(file)
    file.write_bytes(b"\0" * file.stat().st_size)
    images = torch.rand(2, 3, 8, 8)
    assert torch.equal(again.probabilities(images), classifier.probabilities(images))


def test_probabilities_are_softmax_of_logits_over_temperature_and_leave_no_trace(classifier):
    images = torch.rand(4, 3, 8, 8)
    modes = [module.training for module in classifier.model.modules()]
    probabilities = classifier.probabilities(images)
    assert [module.training for module in classifier.model.modules()] == modes
    assert not probabilities.requires_grad
    assert torch.is_grad_enabled()
    torch.testing.assert_close(probabilities, torch.softmax(classifier.model.eval()(images) / 1.25, 1))
    torch.testing.assert_close(probabilities.sum(1), torch.ones(4))


def test_probabilities_are_float32_whatever_the_caller_has_switched_on(classifier):
    images = torch.rand(4, 3, 8, 8)
    plain = classifier.probabilities(images)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(classifier.probabilities(images), plain)


def test_images_of_another_size_are_refused(classifier):
    with pytest.raises(UsageError, match="8x8 pixels; got 9x8"):
        classifier.probabilities(torch.rand(1, 3, 9, 8))


def test_impossible_classifiers_are_refused(classifier):
    with pytest.raises(UsageError, match="differ"):
        Classifier(classifier.model, "cnn", ("A", "A", "B"), 8)
    with pytest.raises(UsageError, match="temperature"):
        Classifier(classifier.model, "cnn", NAMES, 8, temperature=0.0)


# --- saving that fails


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_full_disk_leaves_the_old_file_and_nothing_else(step, classifier, file, monkeypatch):
    def full(*arguments):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    before = file.read_bytes()
    other = Classifier(build("cnn", 3, 8, seed=1), "cnn", NAMES, 8)
    if step == "fsync":
        monkeypatch.setattr(os, "fsync", full)
    else:
        monkeypatch.setattr(os, "replace", full)
    with pytest.raises(DataError, match=r"model\.safetensors: No space left on device"):
        save(other, file)
    assert file.read_bytes() == before
    assert os.listdir(file.parent) == [file.name]


def test_a_folder_that_cannot_be_made_is_named(classifier, tmp_path):
    (tmp_path / "occupied").write_text("a file where a folder is needed")
    with pytest.raises(DataError, match="occupied"):
        save(classifier, tmp_path / "occupied" / "model.safetensors")


# --- files that are not loaded


class Trap:
    def __reduce__(self):
        return os.mkdir, (os.environ["SUREHAND_TEST_TRAP"],)


def test_pickles_are_refused_unopened(tmp_path, monkeypatch):
    monkeypatch.setenv("SUREHAND_TEST_TRAP", str(tmp_path / "sprung"))
    torch.save({"weights": Trap()}, tmp_path / "model.pt")
    (tmp_path / "model.pkl").write_bytes(pickle.dumps(Trap()))
    torch.save({"weights": Trap()}, tmp_path / "model.safetensors", _use_new_zipfile_serialization=False)
    for name in ("model.pt", "model.pkl", "model.safetensors"):
        with pytest.raises(ConfigurationError, match="pickles are never loaded"):
            load(tmp_path / name)
    assert not (tmp_path / "sprung").exists()


def test_an_archive_of_photographs_is_not_called_a_pickle(tmp_path):
    with ZipFile(tmp_path / "photos.zip", "w") as archive:
        archive.writestr("A/1.png", b"no matter")
    with pytest.raises(ConfigurationError, match="safetensors file, or is damaged"):
        load(tmp_path / "photos.zip")


def test_a_path_that_cannot_be_looked_at_is_named(tmp_path):
    with pytest.raises(ConfigurationError, match="Could not look for the model file"):
        load(tmp_path / ("x" * 300))


@pytest.mark.parametrize(
    "content",
    [b"", b"hello", b"\x89PNG\r\n\x1a\n" + bytes(100), struct.pack("<Q", 2**60), struct.pack("<Q", 2) + b"{}"[:1]],
)
def test_other_files_are_refused(content, tmp_path):
    (tmp_path / "other").write_bytes(content)
    with pytest.raises(ConfigurationError, match="safetensors file, or is damaged"):
        load(tmp_path / "other")


def test_truncated_files_are_refused(file):
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(ConfigurationError, match="damaged"):
        load(file)


def test_missing_files_and_folders_are_named(tmp_path):
    for path in (tmp_path / "nowhere", tmp_path):
        with pytest.raises(ConfigurationError, match=f"no model file {path}"):
            load(path)


def test_safetensors_of_others_are_refused(tmp_path):
    for metadata in (None, {"format": "pt"}, {"surehand": "[]"}):
        safetensors.torch.save_file({"weight": torch.zeros(2)}, tmp_path / "other.safetensors", metadata)
        with pytest.raises(ConfigurationError, match="not a classifier saved by surehand"):
            load(tmp_path / "other.safetensors")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"schema": 2}, "has schema 2, and this version of surehand reads schema 1"),
        ({"architecture": "resnet"}, "unknown architecture 'resnet'; known: cnn, darknet53"),
        ({"architecture": ["cnn"]}, "damaged: architecture is"),
        ({"classes": ["A"]}, "at least two classes"),
        ({"classes": ["A", "A", "B"]}, "differ"),
        ({"classes": 3}, "damaged"),
        ({"classes": "ABC"}, "damaged"),
        ({"size": "8"}, "damaged"),
        ({"size": 4}, "at least 8 pixels"),
        ({"size": 0, "architecture": "darknet53"}, "number of pixels; got 0"),
        ({"size": True, "architecture": "darknet53"}, "number of pixels; got True"),
        ({"size": 8, "architecture": "small_reader"}, "at least 9 pixels"),
        ({"temperature": -1}, "temperature"),
        ({"temperature": "hot"}, "damaged"),
        ({"temperature": 10**400}, "damaged"),
        ({"metadata": []}, "damaged"),
    ],
)
def test_headers_that_make_no_sense_are_refused(change, message, file):
    rewrite(file, change_header=lambda header: header | change)
    with pytest.raises(ConfigurationError, match=message):
        load(file)


def test_headers_with_a_part_missing_are_refused(file):
    rewrite(file, change_header=lambda header: {key: value for key, value in header.items() if key != "size"})
    with pytest.raises(ConfigurationError, match="damaged: size is None"):
        load(file)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda tensors: tensors | {"extra": torch.zeros(1)}, "holds the tensor 'extra'"),
        (
            lambda tensors: {key: value for key, value in tensors.items() if key != "hidden.bias"},
            "lacks .*'hidden.bias'",
        ),
        (lambda tensors: tensors | {"output.bias": torch.zeros(4)}, r"'output.bias' is torch.float32 \(4,\)"),
        (lambda tensors: tensors | {"output.bias": torch.zeros(3).double()}, r"is torch.float64 \(3,\)"),
    ],
)
def test_wrong_tensors_are_refused_by_name(change, message, file):
    rewrite(file, change_tensors=change)
    with pytest.raises(ConfigurationError, match=message):
        load(file)
