import numpy as np
import pytest
import torch
from torch import nn


@pytest.fixture(scope="session")
def scene():
    """Draw a hand-like image of any size: a lit backdrop, five soft bars on a disc, camera noise; uint8 (h, w, 3)."""

    def draw(height, width, seed=0):
        rng = np.random.default_rng(seed)
        y, x = np.mgrid[:height, :width] / max(height, width)
        backdrop = np.stack([0.3 + 0.4 * x, 0.5 - 0.2 * y, 0.4 + 0.2 * x * y], axis=2)
        skin = np.array([0.85, 0.62, 0.5]) * (0.75 + 0.3 * y[..., None])
        palm = (x - 0.5) ** 2 + (y - 0.65) ** 2 < 0.05
        fingers = (abs((x - 0.25) % 0.11 - 0.05) < 0.03) & (abs(x - 0.5) < 0.27) & (y > 0.15) & (y < 0.6)
        image = np.where((palm | fingers)[..., None], skin, backdrop) + rng.normal(scale=0.02, size=(height, width, 3))
        return np.rint(image.clip(0, 1) * 255).astype(np.uint8)

    return draw


@pytest.fixture
def as_images():
    """uint8 (h, w, 3) to float32 (1, 3, h, w) in [0, 1]."""
    return lambda image: torch.from_numpy(image).permute(2, 0, 1)[None].float() / 255


@pytest.fixture
def net():
    """A small network with everything a call could disturb: batch statistics, dropout, frozen layers."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        model = nn.Sequential(
            nn.Conv2d(3, 8, 5, stride=3),
            nn.BatchNorm2d(8),
            nn.ReLU(),
            nn.Conv2d(8, 8, 3, stride=2),
            nn.ReLU(),
            nn.AdaptiveAvgPool2d(4),
            nn.Flatten(),
            nn.Dropout(0.5),
            nn.Linear(128, 7),
        )
        # Far enough from uniform that hiding pixels moves the probabilities.
        nn.init.normal_(model[-1].weight, std=1.5)
    return model
