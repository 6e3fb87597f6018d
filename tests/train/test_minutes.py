"""Training that ends by the clock, here one that goes on by a second whenever it is read."""

import os
import signal
from dataclasses import replace
from itertools import count

import numpy as np
import pytest
import torch

from surehand.alphabet import CLASSES
from surehand.data import Augmentation, Samples
from surehand.errors import UsageError
from surehand.randomness import generator
from surehand.train import Choice, Settings, _loop, train


@pytest.fixture
def settings(monkeypatch) -> Settings:
    ticks = count(0.0)
    monkeypatch.setattr("surehand.train._loop.monotonic", lambda: next(ticks))
    # Runs are compared: what a probe finds fastest may differ between them.
    monkeypatch.setattr("surehand.train._loop.probe", lambda *_: Choice("float32", "channels_last", {}))
    return Settings(epochs=50, minutes=1.0, batch=6, patience=50, augmentation=Augmentation.none())


def test_it_ends_within_an_epoch_and_the_schedule_with_it(images, validation, settings):
    steps = []
    result = train("cnn", images, validation, settings, on_step=steps.append)
    assert result.stopped_because.startswith(f"the time, 1 min, was over in epoch {len(result.history)};")
    assert 0 < steps[-1].done < steps[-1].total
    assert steps[-1].seconds_left == 0
    assert 60 <= sum(epoch.seconds for epoch in result.history) < 65
    rates = [epoch.learning_rate for epoch in result.history]
    assert rates == sorted(rates, reverse=True)
    assert rates[-1] < 0.01 * settings.learning_rate
    # A mean over what was seen of the epoch, not over what was left out.
    assert result.history[-1].train_loss > 0.5 * result.history[-2].train_loss


def test_epochs_that_are_done_sooner_end_it_as_without_minutes(images, validation, settings):
    settings = replace(settings, epochs=2, batch=32)
    usual, timed = (train("cnn", images, validation, replace(settings, minutes=m)) for m in (0.0, 60.0))
    assert timed.stopped_because == usual.stopped_because
    pairs = zip(usual.model.parameters(), timed.model.parameters(), strict=True)
    assert all(torch.equal(a, b) for a, b in pairs)


def test_a_resumed_run_has_what_was_left(images, validation, settings, tmp_path):
    whole, taken = [], []
    train("cnn", images, validation, settings, on_step=whole.append)

    def press(step):
        taken.append(step)
        if len(taken) == 20:
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        train("cnn", images, validation, settings, folder=tmp_path, on_step=press)
    train("cnn", images, validation, settings, folder=tmp_path, on_step=taken.append)
    assert abs(len(taken) - len(whole)) < 5


def letters(n: int) -> Samples:
    pixels = generator(0, "noise").integers(0, 255, (n, 32, 32, 3), dtype=np.uint8)
    names = tuple(map(str, range(n)))
    return Samples(pixels, np.arange(n), np.arange(n) % 29, np.arange(n, dtype=np.uint64), names, CLASSES)


def test_rendering_counts_but_the_first_step_still_has_a_small_rate(settings, monkeypatch, tmp_path):
    some = letters(29)
    # Four letters an epoch, each of which takes five seconds.
    monkeypatch.setattr("surehand.data._stream.render_many", slow(5))
    settings = replace(settings, batch=30, fresh=4, schedule="one-cycle")
    result = train("cnn", some, some, settings, cache=tmp_path)
    # 20 s of letters and some of steps an epoch; the third epoch's letters would take what is left, and more.
    assert len(result.history) == 2
    assert result.stopped_because.startswith("the time, 1 min, was over in epoch 2;")
    # The first epoch begins with the schedule, at 1/25 of the rate, and not where a third of the minute would have it.
    assert result.history[0].learning_rate < settings.learning_rate / 10


def test_letters_that_take_all_of_the_time_are_told(settings, monkeypatch, tmp_path):
    monkeypatch.setattr("surehand.data._stream.render_many", slow(5))
    with pytest.raises(UsageError, match=r"1 minutes are over before the first step: the first letters took 6\d s"):
        train("cnn", letters(29), letters(29), replace(settings, fresh=12), cache=tmp_path)


def test_a_resumed_run_knows_how_long_letters_take(settings, monkeypatch, tmp_path):
    # After the first epoch, of 24 s, there is time for 20 s of letters and two more.
    some, settings = letters(29), replace(settings, minutes=46 / 60, batch=30, fresh=4)
    monkeypatch.setattr("surehand.data._stream.render_many", slow(5))

    def stop(step):
        if step.epoch == 2:
            raise RuntimeError

    with pytest.raises(RuntimeError):
        train("cnn", some, some, settings, folder=tmp_path, cache=tmp_path, on_step=stop)
    # The second epoch's letters are in the cache now, and a third's would outlast the time.
    resumed = train("cnn", some, some, settings, folder=tmp_path, cache=tmp_path)
    assert len(resumed.history) == 2


def slow(seconds: int):
    """Letters of noise, for each of which the clock is read so often."""

    def render_many(numbers, **_):
        for _ in range(seconds * len(numbers)):
            _loop.monotonic()
        pixels = letters(29).pixels[np.array(numbers) % 29]
        return pixels, np.array(numbers) % 29

    return render_many


def test_several_devices_end_by_one_clock(images, validation):
    settings = Settings(epochs=10_000, minutes=0.05, patience=10_000, batch=32, devices=2)
    result = train("cnn", images, validation, settings)
    assert result.stopped_because.startswith("the time, 0.05 min, was over")
