"""Evaluation mode for the length of a block."""

from collections.abc import Iterator
from contextlib import contextmanager

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
