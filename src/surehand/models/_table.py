"""The architectures by name."""

from collections.abc import Callable
from functools import partial

import torch
from torch import nn

from surehand.errors import UsageError

from ._cnn import CNN
from ._convnext import ConvNeXt
from ._darknet53 import Darknet53
from ._initialise import initialise
from ._reader import Reader
from ._resnet18 import ResNet18
from ._small_reader import SmallReader
from ._vit import ViT
from ._zoo import ZOO, Zoo

Constructor = Callable[[int, int], nn.Module]

MODELS: dict[str, Constructor] = {
    "cnn": lambda classes, size: CNN(classes, size),
    "darknet53": lambda classes, size: Darknet53(classes),
    "resnet18": lambda classes, size: ResNet18(classes),
    "convnext": lambda classes, size: ConvNeXt(classes, size),
    "vit": lambda classes, size: ViT(classes, size),
    "reader": lambda classes, size: Reader(classes),
    "small_reader": lambda classes, size: SmallReader(classes, size),
}

# All that has a name: the networks written here, and those that the optional part transformers brings.
ARCHITECTURES: dict[str, Constructor] = MODELS | {name: partial(Zoo, name) for name in ZOO}


def build(name: str, classes: int, size: int, seed: int = 0) -> nn.Module:
    """A network with initial weights that depend on the seed alone; no global generator is read or written.

    Args:
        name: a key of MODELS or ZOO.
        classes: number of logits, k >= 2.
        size: height and width of the images in pixels.
        seed: of the initial weights.

    Returns:
        A module in training mode that maps images (n, 3, size, size) in [0, 1] to logits (n, k).

    Raises:
        UsageError: unknown name, fewer than two classes, or images too small for the network.
        MissingPartError: a network of the zoo, and transformers is not installed.
    """
    model = blank(name, classes, size).to_empty(device="cpu")
    initialise(model, seed)
    return model


def blank(name: str, classes: int, size: int) -> nn.Module:
    """A network without memory for its weights (on torch's meta device), to be filled.

    Arguments and errors are those of `build`, which it foretells in a tenth of a second.
    """
    if name not in ARCHITECTURES:
        raise UsageError(f"There is no model {name!r}; choose one of {', '.join(ARCHITECTURES)}.")
    if classes < 2:
        raise UsageError(f"A classifier needs at least two classes; got {classes}.")
    # Built with memory, torch's layers would draw throw-away weights from the global generator.
    with torch.device("meta"):
        return ARCHITECTURES[name](classes, size)
