"""Training learns, follows its settings, and leaves no trace."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from surehand.data import Augmentation
from surehand.errors import DataError, UsageError
from surehand.models import build
from surehand.randomness import generator
from surehand.train import Choice, Settings, evaluate, probe, recipe, train


def test_it_learns_where_the_square_is_and_keeps_the_best_weights(images, validation, tmp_path):
    settings = Settings(epochs=12, batch=16, precision="float32", augmentation=Augmentation.none())
    result = train("cnn", images, validation, settings, folder=tmp_path)
    losses = [epoch.validation_loss for epoch in result.history]
    assert evaluate(result.model, validation).accuracy.value > 0.9
    assert result.best_epoch == int(np.argmin(losses)) + 1
    kept = evaluate(result.model, validation)
    chosen = -np.log(kept.probabilities[np.arange(len(kept.labels)), kept.labels]).mean()
    assert chosen == pytest.approx(min(losses), rel=1e-4)
    lines = [json.loads(line) for line in (tmp_path / "metrics.jsonl").open()]
    assert [line["epoch"] for line in lines] == list(range(1, len(losses) + 1))
    assert not result.model.training


def test_the_result_depends_on_the_seed_and_on_nothing_before(images, validation, monkeypatch):
    # Runs are compared: what a probe finds fastest may differ between them.
    monkeypatch.setattr("surehand.train._loop.probe", lambda *_: Choice("float32", "channels_last", {}))

    def weights(seed):
        settings = Settings(epochs=1, batch=32, precision="float32", seed=seed)
        return train("cnn", images, validation, settings).model.state_dict()["output.weight"]

    first = weights(0)
    torch.rand(7)
    generator(3).random()
    assert torch.equal(first, weights(0))
    assert not torch.equal(first, weights(1))


def test_global_generators_and_threads_are_left_alone(images, validation):
    torch_state, numpy_state, threads = torch.get_rng_state(), np.random.get_state()[1].copy(), torch.get_num_threads()  # noqa: NPY002
    train("cnn", images, validation, Settings(epochs=1, batch=32))
    assert torch.equal(torch_state, torch.get_rng_state())
    assert np.array_equal(numpy_state, np.random.get_state()[1])  # noqa: NPY002
    assert threads == torch.get_num_threads()


def test_sets_that_do_not_belong_together_are_refused(images, validation):
    settings = Settings(epochs=1, batch=32, precision="float32")
    with pytest.raises(UsageError, match="same classes, in the same order"):
        train("cnn", images, replace(validation, classes=("b", "a", "c", "d")), settings)
    nothing = replace(
        validation, rows=validation.rows[:0], labels=validation.labels[:0], ids=validation.ids[:0], paths=()
    )
    with pytest.raises(DataError, match="one of the two sets is empty"):
        train("cnn", images, nothing, settings)


def test_early_stopping_ends_training_of_what_cannot_be_learned(images, validation):
    settings = Settings(epochs=40, batch=32, precision="float32", learning_rate=0.5, schedule="constant", patience=2)
    result = train("cnn", images, validation, settings)
    assert len(result.history) < 40
    assert "no better validation loss in 2 epochs" in result.stopped_because or "became" in result.stopped_because


def test_a_step_tells_where_training_is(images, validation):
    steps = []
    train("cnn", images, validation, Settings(epochs=2, batch=40, precision="float32"), on_step=steps.append)
    assert [(s.epoch, s.done) for s in steps] == [(1, 33), (1, 65), (1, 97), (2, 33), (2, 65), (2, 97)]
    assert steps[0].accuracy is None
    assert steps[-1].accuracy is not None
    assert steps[-1].seconds_left == 0


def test_the_probe_prefers_what_it_measured_and_leaves_the_model_alone():
    model = build("cnn", 4, 16)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    choice = probe(model, 16, 8, seconds=0.5)
    fastest = max(choice.images_per_second, key=choice.images_per_second.get)
    assert fastest == f"{choice.precision} {choice.layout}"
    assert len(choice.images_per_second) == 4
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    assert probe(model, 16, 8, precision="float32", seconds=0.2).precision == "float32"
    assert isinstance(choice, Choice)


def test_the_probe_gives_up_early_what_is_hopeless(monkeypatch):
    calls = []

    def timer(model, size, batch, precision, layout):
        def time_step():
            calls.append((precision, batch))
            return batch * (1.0 if precision == "bfloat16" else 0.1)

        return time_step

    monkeypatch.setattr("surehand.train._probe._timer", timer)
    choice = probe(build("cnn", 4, 16), 16, 64, seconds=100.0)
    assert choice.precision == "float32"
    assert {batch for precision, batch in calls if precision == "bfloat16"} == {2}
    assert choice.images_per_second["bfloat16 contiguous"] == 1.0
    assert choice.images_per_second["float32 contiguous"] == 10.0


def test_recipes_are_defaults_that_can_be_overridden():
    assert recipe("darknet53").epochs < recipe("cnn").epochs
    assert recipe("darknet53", epochs=7).epochs == 7


def test_settings_survive_as_plain_values():
    settings = Settings(epochs=3, augmentation=Augmentation(zoom=(0.5, 2.0)))
    assert Settings.from_dict(json.loads(json.dumps(settings.to_dict()))) == settings


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"epochs": 0}, "epochs must be at least 1; got 0"),
        *(({"minutes": m}, "minutes must be at least 0, and finite") for m in (-1.0, float("inf"), float("nan"))),
        ({"batch": 2}, "batch must be at least 3"),
        ({"learning_rate": 0.0}, "learning_rate must be above 0"),
        ({"schedule": "linear"}, "schedule must be one of constant"),
        ({"precision": "float16"}, "precision must be one of auto"),
        ({"label_smoothing": 1.0}, "label_smoothing must be in"),
        ({"devices": 2, "batch": 3}, "too small for 2 devices"),
    ],
)
def test_impossible_settings_are_refused_in_a_sentence(values, message):
    with pytest.raises(UsageError, match=message):
        Settings(**values)
