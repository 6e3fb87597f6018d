"""First weights from a classifier that was trained before, instead of drawn ones."""

import torch
from torch import nn

from surehand.errors import ConfigurationError
from surehand.models import load


def start_from(name: str, model: nn.Module, architecture: str, classes: tuple[str, ...]) -> None:
    """Overwrite the weights of `model` by those of a classifier; logits are matched by the names of their classes.

    Args:
        name: a classifier file, or the name of one in the package.
        model: of the same architecture, its last layer called `output`.
        architecture: its name.
        classes: of `model`, in its order.

    Raises:
        ConfigurationError: another architecture, other classes, or another image size than the weights are made for.
    """
    source = load(name)
    if source.architecture != architecture:
        raise ConfigurationError(f"{name} is a {source.architecture}; it cannot be the start of a {architecture}.")
    position = {known.casefold(): i for i, known in enumerate(source.classes)}
    if position.keys() != {wanted.casefold() for wanted in classes}:
        different = sorted(position.keys() ^ {wanted.casefold() for wanted in classes})
        raise ConfigurationError(
            f"{name} reads other classes than these images have ({', '.join(different)}); start without it."
        )
    weights = source.model.state_dict()
    order = torch.tensor([position[wanted.casefold()] for wanted in classes])
    for tensor in ("output.weight", "output.bias"):
        weights[tensor] = weights[tensor][order]
    try:
        model.load_state_dict(weights)
    except RuntimeError as error:
        raise ConfigurationError(
            f"{name} has weights for images of {source.size} pixels; train at that size."
        ) from error
