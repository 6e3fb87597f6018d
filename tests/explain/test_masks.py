import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from surehand.errors import UsageError
from surehand.explain import grid_segments, masked_probabilities


class Recorder(nn.Module):
    """Keeps the images it was given."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def forward(self, images):
        self.seen.append(images.clone(memory_format=torch.preserve_format))
        return images.mean(dim=(2, 3))


@pytest.fixture
def game():
    """An image, what hides it, 12 segments and 20 masks."""
    rng = np.random.default_rng(1)
    image, hidden = torch.from_numpy(rng.random((2, 3, 30, 40), np.float32))
    return image, hidden, grid_segments(30, 40, 3, 4), rng.random((20, 12)) < 0.5


def literal(image, hidden, segments, masks):
    return torch.stack([torch.where(torch.from_numpy(mask[segments]), image, hidden) for mask in masks])


def test_without_resizing_masked_images_are_copied_pixels_bit_for_bit(game):
    model = Recorder()
    masked_probabilities(model, *game)
    assert torch.equal(torch.cat(model.seen), literal(*game))


def test_precision_is_not_the_callers(game):
    model = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    plain = masked_probabilities(model, *game)
    with torch.autocast("cpu", torch.bfloat16):
        assert np.array_equal(masked_probabilities(model, *game), plain)


def test_resizing_the_parts_is_resizing_the_masked_image(game):
    model = Recorder()
    masked_probabilities(model, *game, model_size=17)
    expected = F.interpolate(literal(*game), (17, 17), mode="bilinear", antialias=True)
    torch.testing.assert_close(torch.cat(model.seen), expected, atol=1e-6, rtol=0)


def test_batches_come_in_channels_last_and_in_the_size_asked_for(game):
    model = Recorder()
    masked_probabilities(model, *game, batch_size=6)
    assert [len(images) for images in model.seen] == [6, 6, 6, 2]
    assert all(images.is_contiguous(memory_format=torch.channels_last) for images in model.seen)


@pytest.mark.parametrize("batch_size", [1, 7, 100])
def test_the_batch_size_does_not_change_the_answer(game, net, batch_size):
    whole = masked_probabilities(net, *game)
    np.testing.assert_allclose(masked_probabilities(net, *game, batch_size=batch_size), whole, atol=1e-6)
    assert whole.shape == (20, 7)
    np.testing.assert_allclose(whole.sum(axis=1), 1, atol=1e-6)


def test_progress_ends_at_the_number_of_masks(game):
    told = []
    masked_probabilities(
        Recorder(), *game, batch_size=8, progress=lambda done, total, text="": told.append((done, total))
    )
    assert told == [(8, 20), (16, 20), (20, 20)]


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (lambda images: images.mean(dim=(1, 2, 3)), "must return logits"),
        (lambda images: images.mean(dim=(2, 3))[:1], "must return logits"),
        (lambda images: images.mean(dim=(2, 3)) / 0, "not finite"),
    ],
)
def test_answers_that_are_no_logits_are_refused(game, answer, words):
    class Model(nn.Module):
        def forward(self, images):
            return answer(images)

    with pytest.raises(UsageError, match=words):
        masked_probabilities(Model(), *game)
