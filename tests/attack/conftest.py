"""Small models whose adversarial examples can be worked out, or found quickly."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import SimpleNamespace

import pytest
import torch
from torch import Tensor, nn

from surehand.attack import Query


class Linear(nn.Module):
    """logits = weights . image + bias."""

    def __init__(self, weights: Tensor, bias: Tensor) -> None:
        super().__init__()
        self.weights, self.bias = nn.Parameter(weights), nn.Parameter(bias)

    def forward(self, images: Tensor) -> Tensor:
        return torch.einsum("nchw,kchw->nk", images, self.weights) + self.bias


@pytest.fixture(scope="session")
def linear() -> type[Linear]:
    return Linear


@pytest.fixture
def cnn(images: Tensor) -> nn.Module:
    """Convolution, batch normalisation and dropout, for images of any size; five classes; in mixed modes."""
    with torch.random.fork_rng():
        torch.manual_seed(3)
        model = nn.Sequential(
            nn.Conv2d(3, 8, 3, padding=1),
            nn.BatchNorm2d(8),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(8, 16, 3, padding=1),
            nn.ReLU(),
            nn.AdaptiveAvgPool2d(2),
            nn.Flatten(),
            nn.Dropout(),
            nn.Linear(64, 5),
        )
        model[1].running_mean.uniform_(-0.2, 0.2)
    model.eval()
    with torch.no_grad():
        logits = model(images)
        scale = 3 / logits.std(0)
        model[-1].weight.mul_(scale[:, None])
        model[-1].bias.sub_(logits.mean(0)).mul_(scale)  # so that images have different classes
    model.train()
    model[1].eval()
    return model


@pytest.fixture
def images() -> Tensor:
    """64 images of 12 x 10 pixels on the grid of grey levels."""
    return torch.randint(0, 256, (64, 3, 12, 10), generator=torch.Generator().manual_seed(0)).float() / 255


@pytest.fixture
def labels(cnn: nn.Module, images: Tensor) -> Tensor:
    """What the cnn predicts, so that every image is there to be fooled."""
    modes = [module.training for module in cnn.modules()]
    with torch.no_grad():
        predictions = cnn.eval()(images.contiguous(memory_format=torch.channels_last)).argmax(1)
    for module, mode in zip(cnn.modules(), modes, strict=True):
        module.training = mode
    assert len(predictions.unique()) > 2
    return predictions


@pytest.fixture(scope="session")
def counting() -> Callable:
    """A context that counts, on the model itself, passes of every distinct image that goes through it."""

    @contextmanager
    def context(model: nn.Module) -> Iterator[SimpleNamespace]:
        seen = SimpleNamespace(forward=0, backward=0, calls=0)

        def hook(module: nn.Module, inputs: tuple, output: Tensor) -> None:
            seen.calls += 1
            seen.forward += len(output)
            if output.requires_grad:
                output.register_hook(lambda gradient: setattr(seen, "backward", seen.backward + len(gradient)))

        handle = model.register_forward_hook(hook)
        try:
            yield seen
        finally:
            handle.remove()

    return context


@dataclass(frozen=True)
class Identity:
    """A broken attack: it returns the clean images."""

    loss: str = "margin"
    gradient_first: bool = False
    until_reached: bool = True
    shared_direction: bool = True

    def start(self, rows, clean):
        return {}

    def query(self, rows, state):
        return Query(rows.clean, torch.zeros(len(rows), dtype=torch.bool))

    def update(self, rows, state, answer):
        return state, torch.ones(len(rows), dtype=torch.bool)


@pytest.fixture(scope="session")
def identity() -> type[Identity]:
    return Identity
