"""Images that grow while a network learns: what can be learned from small ones is learned in a fraction of the time.

Progressive learning: Tan and Le, "EfficientNetV2", ICML 2021, section 4, without their growing regularisation.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from surehand.errors import UsageError
from surehand.models import blank, evaluating

# Of the full sides, one after the other.
_SHARES = (5 / 8, 6 / 8, 7 / 8)


def side_at(done: float, grow: float, side: int) -> int:
    """How many pixels wide images are when a share `done` of the training is over, of which they grow for `grow`.

    >>> [side_at(done, 0.6, 64) for done in (0.0, 0.25, 0.5, 0.6, 1.0)]
    [40, 48, 56, 64, 64]
    """
    if done >= grow:
        return side
    step = int(len(_SHARES) * done / grow)
    return int(side * _SHARES[min(step, len(_SHARES) - 1)])  # a quotient just below 1 may be rounded to 1


def reduced(images: Float[Tensor, "n 3 h w"], side: int) -> Float[Tensor, "n 3 {side} {side}"]:
    """Images resized to a side of so many pixels, or as they are where that is theirs."""
    if side == images.shape[3]:
        return images
    return F.interpolate(images, (side, side), mode="bilinear", antialias=True, align_corners=False)


def check_growing(model: nn.Module, architecture: str, classes: int, side: int) -> None:
    """Raise UsageError if a network cannot read the smallest images of such a training."""
    smallest = side_at(0.0, 1.0, side)
    try:
        blank(architecture, classes, smallest)  # which knows how small its images may be
        with evaluating(model), torch.inference_mode():
            model(torch.zeros(1, 3, smallest, smallest))
    except (RuntimeError, UsageError) as error:
        raise UsageError(
            f"grow needs a network that reads images of any size; this {architecture} cannot read {smallest} pixels. "
            "Train it with grow = 0."
        ) from error
