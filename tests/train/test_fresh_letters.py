"""Training with letters rendered for each epoch, and from the weights of another classifier."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from surehand.alphabet import CLASSES
from surehand.data import Samples
from surehand.errors import ConfigurationError, UsageError
from surehand.models import Classifier, build, load, save
from surehand.render import render_many
from surehand.train import Choice, Settings, train


@pytest.fixture(scope="module")
def letters() -> Samples:
    pixels, labels = render_many(58, seed=0, size=32)
    return Samples(pixels, np.arange(58), labels, np.arange(58, dtype=np.uint64), tuple(map(str, range(58))), CLASSES)


@pytest.fixture
def settings(monkeypatch) -> Settings:
    # Two runs are compared: what a probe finds fastest may differ between them.
    monkeypatch.setattr("surehand.train._loop.probe", lambda *_: Choice("float32", "channels_last", {}))
    return Settings(epochs=2, batch=29, fresh=40, stay=2)


def weights(result) -> dict[str, torch.Tensor]:
    return result.model.state_dict()


def equal(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> bool:
    return all(torch.equal(a[name], b[name]) for name in a)


def test_fresh_letters_join_the_images_of_every_epoch(letters, settings, tmp_path):
    seen = []
    train(
        "reader", letters, letters, settings, cache=tmp_path, on_step=lambda step: seen.append((step.epoch, step.total))
    )
    assert set(seen) == {(1, 98), (2, 138)}


def test_interrupted_and_resumed_with_an_empty_cache_it_ends_with_the_same_weights(letters, settings, tmp_path):
    whole = train("reader", letters, letters, settings, cache=tmp_path / "a")

    def interrupt(step) -> None:
        if step.epoch == 2 and step.done > 50:
            raise RuntimeError

    folder = tmp_path / "run"
    with pytest.raises(RuntimeError):
        train(
            "reader", letters, letters, settings, folder=folder, cache=tmp_path / "b", save_every=0, on_step=interrupt
        )
    resumed = train("reader", letters, letters, settings, folder=folder, cache=tmp_path / "c")
    assert equal(weights(whole), weights(resumed))


def test_it_starts_from_the_weights_of_a_classifier_matched_by_class_name(letters, settings, tmp_path):
    first = build("reader", 29, 32, seed=5).eval()
    file = tmp_path / "first.safetensors"
    save(Classifier(first, "reader", tuple(reversed(CLASSES)), 32), file)
    # A rate this small leaves the weights where they start.
    still = Settings(epochs=1, batch=58, precision="float32", start=str(file), learning_rate=1e-12)
    found = train("reader", letters, letters, still).model
    assert torch.allclose(found.output.weight.flip(0), first.output.weight, atol=1e-6)
    assert torch.allclose(found.residual.stem.convolution.weight, first.residual.stem.convolution.weight, atol=1e-6)


def test_what_it_keeps_of_the_start_lies_on_the_line_between_start_and_end(letters, settings, tmp_path):
    first = build("reader", 29, 32, seed=5).eval()
    file = tmp_path / "first.safetensors"
    save(Classifier(first, "reader", tuple(reversed(CLASSES)), 32), file)
    plain = replace(settings, epochs=1, fresh=0, start=str(file))
    end = weights(train("reader", letters, letters, plain))
    found = weights(train("reader", letters, letters, replace(plain, keep=0.25)))
    start = weights(load(file)) | {
        name: tensor.flip(0) for name, tensor in weights(load(file)).items() if name.startswith("output.")
    }
    floating = [name for name, tensor in end.items() if tensor.is_floating_point()]
    assert any(not torch.equal(start[name], end[name]) for name in floating)
    for name in floating:
        assert torch.allclose(found[name], 0.25 * start[name] + 0.75 * end[name], atol=1e-6), name


def test_nothing_can_be_kept_without_a_start():
    with pytest.raises(UsageError, match="needs a start"):
        Settings(keep=0.5)


@pytest.mark.parametrize("keep", [-0.1, 1.0])
def test_not_all_and_not_less_than_nothing_is_kept(keep):
    with pytest.raises(UsageError, match="keep must be in"):
        Settings(start="reader", keep=keep)


def test_a_start_of_another_kind_is_refused_in_a_sentence(letters, tmp_path):
    file = tmp_path / "other.safetensors"
    save(Classifier(build("cnn", 29, 32), "cnn", CLASSES, 32), file)
    with pytest.raises(ConfigurationError, match="is a cnn; it cannot be the start of a reader"):
        train("reader", letters, letters, Settings(start=str(file)))
    save(Classifier(build("reader", 2, 32), "reader", ("cat", "dog"), 32), file)
    with pytest.raises(ConfigurationError, match="reads other classes"):
        train("reader", letters, letters, Settings(start=str(file)))
    with pytest.raises(ConfigurationError, match="There is no model file"):
        train("reader", letters, letters, Settings(start="nobody"))
