"""Where the reader looks, and what it sees there."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from surehand.models._gaze import Window, look, whole, window_of


def random_images(height, width):
    return torch.rand(2, 3, height, width, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("size", [40, 64, 80])
def test_all_of_an_image_is_seen_as_pillow_reduces_it(size):
    image = np.random.default_rng(0).random((160, 120)).astype(np.float32)
    by_pillow = np.asarray(Image.fromarray(image).resize((size, size), Image.Resampling.BILINEAR))
    images = torch.from_numpy(image).expand(1, 3, -1, -1)
    seen = look(images, whole(images), size)
    np.testing.assert_allclose(seen[0, 0], by_pillow, atol=1e-5)


def test_at_its_own_size_an_image_is_seen_as_it_is():
    images = random_images(96, 96)
    torch.testing.assert_close(look(images, whole(images), 96), images)


@given(x=st.floats(0, 1), y=st.floats(0, 1), side=st.floats(0.3, 1.0))
def test_a_window_moves_into_the_image(x, y, side):
    """Coordinates as colours: what is seen tells where it was, and lies in the window that was moved."""
    ramp = (torch.arange(160) + 0.5) / 160
    images = torch.stack([ramp.expand(160, 160), ramp[:, None].expand(160, 160), torch.zeros(160, 160)])[None]
    seen = look(images, Window(*(torch.tensor([value]) for value in (x, y, side))), 80)
    for channel, wanted in enumerate((x, y)):
        middle = min(max(wanted, side / 2), 1 - side / 2)
        assert seen[0, channel].mean() == pytest.approx(middle, abs=0.01)
        assert seen[0, channel].max() - seen[0, channel].min() == pytest.approx(side * 79 / 80, abs=0.02)


@pytest.mark.parametrize(("row", "column"), [(0, 0), (2, 1), (4, 4)])
def test_the_window_is_where_features_are_long(row, column):
    maps = torch.full((1, 8, 5, 5), 0.1)
    maps[0, :, row, column] = 20.0
    window = window_of(maps)
    assert (float(window.x), float(window.y)) == pytest.approx(((column + 0.5) / 5, (row + 0.5) / 5), abs=1e-3)
    assert float(window.side) == pytest.approx(0.3)


def test_the_side_grows_with_the_share_of_places_where_features_are_long():
    maps = torch.zeros(1, 8, 5, 5)
    maps[0, 0, 0, :5] = 3.0  # a fifth of all places
    assert float(window_of(maps).side) == pytest.approx(1.4 * math.exp(5.0 * 0.2 - 2.0))


def test_half_precision_does_not_blur_a_window():
    images = random_images(160, 160)
    narrow = torch.zeros(2, 8, 5, 5, dtype=torch.bfloat16)
    narrow[:, :, 2, 2] = 20.0
    window = window_of(narrow)
    assert window.side.dtype == torch.float32
    with torch.autocast("cpu", torch.bfloat16):
        seen = look(images, window, 80)
    torch.testing.assert_close(seen.float(), look(images, window, 80), atol=0.02, rtol=0.0)


def test_where_features_are_alike_everything_is_looked_at():
    window = window_of(torch.ones(3, 8, 5, 5))
    torch.testing.assert_close(torch.stack(window), torch.tensor([[0.5], [0.5], [1.0]]).expand(3, 3))


def test_nothing_at_all_is_no_division_by_zero():
    maps = torch.zeros(1, 8, 5, 5, requires_grad=True)
    window = torch.stack(window_of(maps))
    assert window.isfinite().all()
    (gradient,) = torch.autograd.grad(window.sum(), maps)
    assert gradient.isfinite().all()
