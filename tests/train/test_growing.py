"""Images that grow while a network learns."""

from itertools import pairwise

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from surehand.errors import UsageError
from surehand.models import ARCHITECTURES, build
from surehand.train import Choice, Settings, _loop, train
from surehand.train._growing import reduced, side_at

SHARE = st.floats(0.0, 1.0)


@given(first=SHARE, second=SHARE, grow=st.floats(0.0, 0.99), side=st.integers(8, 512))
def test_images_only_grow_and_are_whole_when_the_time_for_it_is_over(first, second, grow, side):
    small, large = (side_at(done, grow, side) for done in sorted((first, second)))
    assert side * 5 // 8 <= small <= large <= side
    assert side_at(grow, grow, side) == side_at(1.0, grow, side) == side


def test_the_last_moment_of_growing_is_not_rounded_beyond_it():
    assert side_at((1 + 18 / 50) / 2, 0.68, 64) == 56


def test_smaller_images_are_the_same_seen_from_farther_away():
    image = torch.linspace(0, 1, 64)[None, None, None].expand(1, 3, 64, 64)
    small = reduced(image, 40)
    assert small.shape == (1, 3, 40, 40)
    expected = torch.linspace(0.5 * 64 / 40 - 0.5, 63.5 - 0.5 * 64 / 40, 40) / 63
    torch.testing.assert_close(small[0, 0, 20, 2:-2], expected[2:-2], rtol=0, atol=1e-3)
    assert reduced(image, 64) is image


def test_training_shows_small_images_first_and_goes_on_alike_after_a_stop(images, validation, tmp_path, monkeypatch):
    usual, seen = ARCHITECTURES["small_reader"], []

    def watched(classes, size):
        model = usual(classes, size)
        model.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].shape[3]) if model.training else None)
        return model

    monkeypatch.setitem(ARCHITECTURES, "small_reader", watched)
    # Two runs must not be laid out as each of them finds faster: the last bits depend on it.
    monkeypatch.setattr(_loop, "probe", lambda *_: Choice("float32", "channels_last", {}))
    settings = Settings(epochs=4, batch=32, precision="float32", grow=0.75)
    sides: list[int] = []  # of each step; statistics of normalisation are settled on whole images between epochs
    result = train("small_reader", images, validation, settings, on_step=lambda _: sides.append(seen[-1]))
    whole, side = result.model.state_dict(), images.pixels.shape[1]
    assert set(sides) == {side * eighths // 8 for eighths in (5, 6, 7, 8)}
    assert all(before <= after for before, after in pairwise(sides))
    assert sides.count(side) == len(sides) / 4

    def stop(step):
        if step.epoch == 2:
            raise RuntimeError("stopped")

    with pytest.raises(RuntimeError, match="stopped"):
        train("small_reader", images, validation, settings, folder=tmp_path, save_every=0.0, on_step=stop)
    resumed = train("small_reader", images, validation, settings, folder=tmp_path).model.state_dict()
    assert all(torch.equal(resumed[name], value) for name, value in whole.items())


def test_a_network_of_one_size_is_refused(images, validation):
    with pytest.raises(UsageError, match="this cnn cannot read 10 pixels"):
        train("cnn", images, validation, Settings(grow=0.5))
    with pytest.raises(UsageError, match="this vit cannot read 10 pixels"):
        train("vit", images, validation, Settings(grow=0.5))


@pytest.mark.parametrize("name", ["small_reader", "reader", "resnet18", "darknet53", "convnext"])
def test_networks_of_convolutions_read_smaller_images(name):
    assert build(name, 3, 64).eval()(torch.rand(1, 3, 40, 40)).shape == (1, 3)
