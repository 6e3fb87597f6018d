"""Evaluation mode for the length of a block, and where a model is."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Every layer in evaluation mode within a with-block; afterwards, also on failure, each in the mode it had."""
    modes = [(layer, layer.training) for layer in model.modules()]
    try:
        model.eval()
        yield
    finally:
        for layer, training in modes:
            layer.training = training


def device_of(model: nn.Module) -> torch.device:
    """Where the model's weights are; the CPU for a model without weights."""
    return next((tensor.device for tensor in (*model.parameters(), *model.buffers())), torch.device("cpu"))
