"""Running statistics of batch normalisation that belong to the weights they are used with."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

import torch
from torch import nn

from ._batches import Batch

# Enough that the statistics' own noise is far below that of a single batch.
ENOUGH_BATCHES = 16


def lagging(model: nn.Module, steps: int) -> bool:
    """Whether running averages reach back over more than a third of an epoch of so many steps.

    Darknet-53's momentum of 0.01 averages over some 100 steps: right for its 800,000, wrong for a few hundred.
    """
    return any(layer.momentum is not None and layer.momentum * steps < 3 for layer in _norms(model))


def settle(model: nn.Module, batches: Iterable[Batch], forward: Callable[[Batch], object]) -> None:
    """Replace the running statistics by plain averages over some training batches (Wu and Johnson, 2021, section 3).

    Args:
        model: whose weights stay as they are.
        batches: at most ENOUGH_BATCHES are used.
        forward: runs the model on a batch.
    """
    with _averaging(model), torch.no_grad():
        for batch, _ in zip(batches, range(ENOUGH_BATCHES), strict=False):
            forward(batch)


@contextmanager
def _averaging(model: nn.Module) -> Iterator[None]:
    """Layers in training mode that average all batches equally, from none."""
    layers = list(_norms(model))
    before = [layer.momentum for layer in layers]
    model.train()
    try:
        for layer in layers:
            layer.reset_running_stats()
            layer.momentum = None  # torch's word for a plain average
        yield
    finally:
        for layer, momentum in zip(layers, before, strict=True):
            layer.momentum = momentum


def _norms(model: nn.Module) -> Iterator[nn.BatchNorm2d]:
    return (layer for layer in model.modules() if isinstance(layer, nn.BatchNorm2d))
