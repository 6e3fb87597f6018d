"""The small reader: what a few minutes of training on a processor can teach to read letters."""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from surehand.errors import UsageError

from ._dropout import Dropout
from ._normalise import around_grey
from ._trunks import PlainTrunk

# What is left of the reduced view after its trunk has halved it three times.
_SMALLEST = 8


class SmallReader(nn.Module):
    """Six plain convolutions, which in evaluation look at every image three times.

    Its logits are the logarithm of the sum of the three looks' probabilities, so that their softmax is the mean of
    these (Lakshminarayanan et al., NeurIPS 2017).

    The maps of a 64 pixel image are 32, 16 and 8 wide. 380,037 parameters with 29 classes, at any image size of at
    least 8; 0.23 GFLOP (2 per multiply-add) at 64 pixels.

    Args:
        classes: number of logits, k.
        size: height and width of the images in pixels, at least 8.
    """

    def __init__(self, classes: int, size: int) -> None:
        if size < _SMALLEST:
            raise UsageError(f"The small_reader needs images of at least {_SMALLEST} pixels; got {size}.")
        super().__init__()
        self.normalise = around_grey()
        self.trunk = PlainTrunk(stages=((24, 32), (64, 64), (144, 176)))
        self.dropout = Dropout(0.2)
        self.output = nn.Linear(self.trunk.width, classes)

    def forward(self, images: Float[Tensor, "n 3 h w"]) -> Float[Tensor, "n k"]:
        """Images in [0, 1] to logits."""
        pixels = self.normalise(images)
        if self.training:
            return self.output(self.dropout(self.trunk(pixels)))
        looks = torch.stack([self.output(self.trunk(view)) for view in _views(pixels)])
        return looks.log_softmax(2).logsumexp(0)


def _views(images: Float[Tensor, "n 3 h w"]) -> tuple[Float[Tensor, "n 3 _ _"], ...]:
    """What it looks at in evaluation: images whole, nearer without a twelfth at each edge, and reduced by an eighth."""
    height, width = images.shape[2:]
    top, left = height // 12, width // 12
    middle = images[:, :, top : height - top, left : width - left]
    nearer = F.interpolate(middle, (height, width), mode="bilinear", align_corners=False)
    reduced = F.interpolate(images, (height * 7 // 8, width * 7 // 8), mode="bilinear", align_corners=False)
    return images, nearer, reduced
