"""The small reader: what a few minutes of training on a processor can teach to read letters."""

from collections.abc import Iterator

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from surehand.errors import UsageError

from ._normalise import around_grey
from ._trunks import PlainTrunk

# Of a smaller image nothing is left when its smallest look, 13/16 of it, has been halved three times.
_SMALLEST = 9
# Of each image in the statistics that normalise it; what that and the looks gave: docs/results.md, section 7.
_OWN_SHARE = 0.15


class SmallReader(nn.Module):
    """Six plain convolutions, which in evaluation look at every image from five distances.

    Its logits are the logarithm of the sum of the looks' probabilities, so that their softmax is the mean of these
    (Lakshminarayanan et al., NeurIPS 2017). In evaluation its normalisation adapts to each look (see `adapted`).

    The maps of a 64 pixel image are 32, 16 and 8 wide. 380,037 parameters with 29 classes, at any image size of at
    least 9; 0.37 GFLOP (2 per multiply-add) at 64 pixels.

    Args:
        classes: number of logits, k.
        size: height and width of the images in pixels, at least 9.
    """

    def __init__(self, classes: int, size: int) -> None:
        if size < _SMALLEST:
            raise UsageError(f"The small_reader needs images of at least {_SMALLEST} pixels; got {size}.")
        super().__init__()
        self.normalise = around_grey()
        self.trunk = PlainTrunk(stages=((24, 32), (64, 64), (144, 176)), own_share=_OWN_SHARE)
        self.output = nn.Linear(self.trunk.width, classes)

    def forward(self, images: Float[Tensor, "n 3 h w"]) -> Float[Tensor, "n k"]:
        """Images in [0, 1] to logits."""
        pixels = self.normalise(images)
        if self.training:
            return self.output(self.trunk(pixels))
        looks = torch.stack([self.output(self.trunk(view)) for view in _views(pixels)])
        return looks.log_softmax(2).logsumexp(0)


def _views(images: Float[Tensor, "n 3 h w"]) -> Iterator[Float[Tensor, "n 3 _ _"]]:
    """What it looks at in evaluation: images whole, then nearer without their edges, then reduced."""
    height, width = images.shape[2:]
    yield images
    for part in (12, 8):
        top, left = height // part, width // part
        middle = images[:, :, top : height - top, left : width - left]
        yield F.interpolate(middle, (height, width), mode="bilinear", align_corners=False)
    for sixteenths in (14, 13):
        size = height * sixteenths // 16, width * sixteenths // 16
        yield F.interpolate(images, size, mode="bilinear", align_corners=False)
