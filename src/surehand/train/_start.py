"""First weights from a classifier that was trained before, instead of drawn ones."""

import hashlib
import json
from typing import Any

import torch
from torch import nn

from surehand.alphabet import normalised
from surehand.data import Samples
from surehand.errors import ConfigurationError
from surehand.models import Classifier, blank, build, find_classifier, load
from surehand.render import RENDERER

from ._settings import Settings


def beyond_settings(architecture: str, classes: int, size: int, settings: Settings) -> dict[str, Any]:
    """What decides a run besides its images and settings, by content: plain values.

    Returns:
        `network`, SHA-256 of the names and shapes of its tensors, which another version may have changed; `renderer`,
        the version that renders its fresh letters, or None; `start`, SHA-256 of the classifier that its weights start
        from, or None; `start_metadata`, what that classifier tells of its own training.

    Raises:
        UsageError: a network that cannot be built so.
        ConfigurationError: `settings.start` is no classifier.
    """
    start = find_classifier(settings.start) if settings.start else None
    tensors = [[name, *tensor.shape] for name, tensor in blank(architecture, classes, size).state_dict().items()]
    return {
        "network": hashlib.sha256(json.dumps(tensors).encode()).hexdigest(),
        "renderer": RENDERER if settings.fresh else None,
        "start": hashlib.sha256(start.read_bytes()).hexdigest() if start else None,
        "start_metadata": load(start).metadata if start else None,
    }


def starting_classifier(name: str, architecture: str) -> Classifier:
    """The classifier that a model of some architecture can start from.

    Args:
        name: a classifier file, or the name of one in the package.
        architecture: of the model.

    Raises:
        ConfigurationError: no such classifier, or one of another architecture.
    """
    source = load(name)
    if source.architecture != architecture:
        raise ConfigurationError(
            f"{name} is a {source.architecture}; it cannot be the start of a {architecture}. "
            f"Give --model {source.architecture}, or another --start."
        )
    return source


def start_from(name: str, model: nn.Module, architecture: str, classes: tuple[str, ...]) -> None:
    """Overwrite the weights of `model` by those of a classifier; logits are matched by the names of their classes.

    Args:
        name: a classifier file, or the name of one in the package.
        model: of the same architecture.
        architecture: its name.
        classes: of `model`, in its order.

    Raises:
        ConfigurationError: another architecture, other classes, or another image size than the weights are made for.
    """
    source = starting_classifier(name, architecture)
    position = {normalised(known): i for i, known in enumerate(source.classes)}
    if position.keys() != {normalised(wanted) for wanted in classes}:
        different = sorted(position.keys() ^ {normalised(wanted) for wanted in classes})
        raise ConfigurationError(
            f"{name} reads other classes than these images have ({', '.join(different)}); start without it."
        )
    order = torch.tensor([position[normalised(wanted)] for wanted in classes])
    weights = source.model.state_dict()
    for tensor in list(weights)[-2:]:  # weight and bias of the last layer, whatever it is called
        assert len(weights[tensor]) == len(order), f"{tensor} has no row for each class"
        weights[tensor] = weights[tensor][order]
    try:
        model.load_state_dict(weights)
    except RuntimeError as error:
        raise ConfigurationError(
            f"{name} has weights for images of {source.size} pixels; train at that size."
        ) from error


def keep_of_start(model: nn.Module, architecture: str, images: Samples, settings: Settings) -> None:
    """Move weights from where training ended by `settings.keep` of the way to its start.

    Running statistics of batch normalisation move alike: so near to each other, they need not be measured anew.
    """
    if not settings.keep:
        return
    first = build(architecture, len(images.classes), images.pixels.shape[1])
    start_from(settings.start, first, architecture, images.classes)
    with torch.no_grad():
        others = first.state_dict()
        for name, tensor in model.state_dict().items():
            if tensor.is_floating_point():
                tensor.lerp_(others[name], settings.keep)
