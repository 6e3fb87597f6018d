"""The reader: the network that reads letters right after installation, small enough for one processor core."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from surehand.errors import UsageError

from ._dropout import Dropout
from ._normalise import Normalise
from ._trunks import PlainTrunk, ResidualTrunk, views

_SHRINK = 32


class Reader(nn.Module):
    """Two networks of different build that vote, each looking at every image three times.

    The mean of their logits (Lakshminarayanan et al., NeurIPS 2017, average the probabilities) reads strangers' hands
    better than either (docs/results.md, section 5). Logits are linear in the features, so the mean is taken of these:
    over three views in evaluation, and over the two trunks. In training each image teaches one trunk, from one view.

    2,955,701 parameters with 29 classes, at any image size of at least 32; 1.4 GFLOP (2 per multiply-add) at 96 pixels.

    Args:
        classes: number of logits, k.
        size: height and width of the images in pixels.

    Raises:
        UsageError: images below 32 pixels.
    """

    def __init__(self, classes: int, size: int) -> None:
        if size < _SHRINK:
            raise UsageError(
                f"The reader shrinks its images by {_SHRINK}, so they need at least {_SHRINK} pixels; got {size}."
            )
        super().__init__()
        # Mean 0.5: the zeros that pad each convolution are then mid-grey, the least surprising surrounding.
        self.normalise = Normalise(mean=(0.5, 0.5, 0.5), std=(0.25, 0.25, 0.25))
        self.plain = PlainTrunk(stages=((32, 48), (96, 96), (160, 160), (288, 288)))
        self.residual = ResidualTrunk(stem=32, widths=(40, 72, 104, 152), units=(1, 2, 2, 1))
        self.coin = Dropout(0.5)
        self.dropout = Dropout(0.2)
        self.output = nn.Linear(self.plain.width + self.residual.width, classes)

    def forward(self, images: Float[Tensor, "n 3 h w"]) -> Float[Tensor, "n k"]:
        """Images in [0, 1] to logits."""
        pixels = self.normalise(images)
        if self.training:
            plain, residual = self.plain(pixels), self.residual(pixels)
            # Both see every image, for the statistics of whole batches; one learns from it. Tossed by the image's key:
            # the same after resuming and on any number of devices.
            drawn = self.coin(images.new_ones(len(images), 1)) > 0
            features = torch.cat((plain * drawn, residual * ~drawn), dim=1)
            return self.output(self.dropout(features))
        seen = [torch.cat((self.plain(view), self.residual(view)), dim=1) for view in views(pixels)]
        # Half of both features is the mean of both logits; the bias belongs to either.
        return self.output(torch.stack(seen).mean(0) / 2)
