"""Two processes that share each batch do what one process does, to rounding."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from surehand.alphabet import CLASSES
from surehand.data import Samples, joined
from surehand.errors import UsageError
from surehand.models import Classifier, build, save
from surehand.render import render_many
from surehand.train import Settings, train
from surehand.train._devices import _hand_over, _take_over
from surehand.train._sync_batch_norm import SyncBatchNorm2d, synchronise


def test_two_devices_give_the_losses_and_weights_of_one(images, validation):
    steps = {1: [], 2: []}
    results = {}
    for devices in (1, 2):
        # With this seed no unit lies so close to a ReLU's kink that another order of summing moves it over.
        settings = Settings(epochs=2, batch=32, precision="float32", devices=devices, learning_rate=1e-3, seed=1)
        results[devices] = train("cnn", images, validation, settings, on_step=steps[devices].append)
    one, two = results[1], results[2]
    assert [(s.epoch, s.done, s.total) for s in steps[1]] == [(s.epoch, s.done, s.total) for s in steps[2]]
    for a, b in zip(one.history, two.history, strict=True):
        assert np.isclose(a.train_loss, b.train_loss, atol=1e-5)
        assert np.isclose(a.validation_loss, b.validation_loss, atol=1e-5)
        # Every validation image counted once: 41 of them, an odd number, on two devices.
        assert a.validation_accuracy == b.validation_accuracy
        assert np.isclose(b.validation_accuracy * 41, round(b.validation_accuracy * 41), atol=1e-9)
    for name, value in one.model.state_dict().items():
        assert torch.allclose(value.float(), two.model.state_dict()[name].float(), atol=1e-5), name


def test_devices_are_handed_what_was_joined_from_several(images, validation, tmp_path):
    both = joined([images, validation])
    _hand_over(both, tmp_path / "both")
    again = _take_over(tmp_path / "both")
    rows = np.arange(len(both))
    assert np.array_equal(again.pixels_of(rows), both.pixels_of(rows))
    assert np.array_equal(again.ids, both.ids)
    assert (again.paths, again.classes) == (both.paths, both.classes)


def test_two_devices_train_on_the_same_fresh_letters_as_one(tmp_path):
    pixels, labels = render_many(58, seed=0, size=16)
    letters = Samples(
        pixels, np.arange(58), labels, np.arange(58, dtype=np.uint64), tuple(map(str, range(58))), CLASSES
    )
    steps, losses, told = {1: [], 2: []}, {}, []
    for devices in (1, 2):
        settings = Settings(epochs=2, batch=32, precision="float32", devices=devices, fresh=31, stay=1)
        result = train(
            *("cnn", letters, letters, settings),
            cache=tmp_path / str(devices),
            on_step=steps[devices].append,
            progress=lambda *rendered: told.append(rendered),
        )
        losses[devices] = [epoch.train_loss for epoch in result.history]
    assert [(s.epoch, s.done, s.total) for s in steps[1]] == [(s.epoch, s.done, s.total) for s in steps[2]]
    assert np.allclose(losses[1], losses[2], atol=1e-4)
    assert [done for done, _, _ in told] == [*range(1, 32)] * 4


def test_two_devices_keep_as_much_of_the_start_as_one(images, validation, tmp_path):
    file, size = tmp_path / "start.safetensors", images.pixels.shape[1]
    start = build("cnn", len(images.classes), size, seed=3)
    save(Classifier(start, "cnn", images.classes, size), file)
    settings = Settings(epochs=1, batch=32, precision="float32", learning_rate=1e-3, seed=1, start=str(file), keep=0.75)
    one, two = (train("cnn", images, validation, replace(settings, devices=d)).model.state_dict() for d in (1, 2))
    for name, value in one.items():
        assert torch.allclose(value.float(), two[name].float(), atol=1e-5), name
    whole = train("cnn", images, validation, replace(settings, keep=0.0)).model.state_dict()
    name = list(whole)[-2]  # the last weights
    assert torch.allclose(two[name], 0.75 * start.state_dict()[name] + 0.25 * whole[name], atol=1e-5)


def test_what_one_device_would_refuse_several_refuse_in_the_same_words(images, validation, tmp_path, capfd):
    settings = Settings(epochs=1, batch=32, precision="float32", devices=2, fresh=31)
    with pytest.raises(UsageError, match="cannot be mixed with the classes a, b, c, d"):
        train("cnn", images, validation, settings, cache=tmp_path)
    assert "Traceback" not in capfd.readouterr().err


def test_synchronised_batch_norm_is_batch_norm_where_there_is_one_device(monkeypatch):
    monkeypatch.setattr("surehand.train._sync_batch_norm.dist.all_reduce", lambda tensor: None)
    plain = nn.BatchNorm2d(5)
    nn.init.uniform_(plain.weight)
    synced = nn.BatchNorm2d(5)
    synced.load_state_dict(plain.state_dict())
    synchronise(synced)
    assert type(synced) is SyncBatchNorm2d
    x = torch.randn(4, 5, 3, 2, requires_grad=True)
    y = x.detach().clone().requires_grad_()
    weights = torch.randn(4, 5, 3, 2)
    for module, value in ((plain, x), (synced, y)):
        (module(value) * weights).sum().backward()
    assert torch.allclose(plain(x), synced(y), atol=1e-6)
    assert torch.allclose(x.grad, y.grad, atol=1e-5)
    assert torch.allclose(plain.weight.grad, synced.weight.grad, atol=1e-5)
    assert torch.allclose(plain.running_var, synced.running_var, atol=1e-6)
    assert torch.allclose(plain.eval()(x), synced.eval()(x), atol=1e-6)
