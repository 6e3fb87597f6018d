"""Initial weights as a pure function of a seed."""

from math import sqrt

import torch
from torch import Tensor, nn

from surehand.randomness import generator

_TABLE_DEVIATION = 0.02


def initialise(model: nn.Module, seed: int) -> None:
    """Overwrite every parameter and buffer: weights N(0, 2 / fan-in), biases 0, the rest as its layer says.

    He et al., "Delving Deep into Rectifiers", 2015, equation 10. The slope 0.1 of Darknet's activations would change
    the deviation by half a percent. The last layer, `output`, is followed by no rectifier: N(0, 1 / fan-in). Tables of
    learned vectors (`nn.Embedding`) have no fan-in: N(0, 0.02^2), as in BERT and the vision transformers after it.

    The numbers come from numpy, whose streams are the same on every machine; torch's depend on its vector width.

    Args:
        model: of linear layers, convolutions, tables, and layers that know their own start (`reset_parameters`).
        seed: decides every weight, each layer by its name.
    """
    # Parts before wholes, so that a whole can still say how its parts start.
    for name, layer in reversed(list(model.named_modules())):
        if isinstance(layer, nn.Linear | nn.Conv2d):
            gain = 1 if name == "output" else 2
            fan_in = layer.weight[0].numel()
            _fill(layer.weight, sqrt(gain / fan_in), seed, name)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
        elif isinstance(layer, nn.Embedding):
            _fill(layer.weight, _TABLE_DEVIATION, seed, name)
        elif hasattr(layer, "reset_parameters"):
            layer.reset_parameters()


def _fill(weight: Tensor, deviation: float, seed: int, name: str) -> None:
    normal = generator(seed, "weights", name).standard_normal(tuple(weight.shape), dtype="float32")
    with torch.no_grad():
        weight.copy_(torch.from_numpy(normal).mul_(deviation))
