"""The reader: the network that reads letters right after installation, small enough for one processor core."""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from ._dropout import Dropout
from ._gaze import look, whole, window_of
from ._normalise import around_grey
from ._trunks import PlainTrunk, ResidualTrunk

# Pixels a side of what either network is shown, whatever the size of the images. Larger in training, where augmentation
# also zooms out: hands have about the same size in pixels.
EVALUATION_SIZE, TRAINING_SIZE = 84, 96


class Reader(nn.Module):
    """Two networks of different build that vote: one glances at the image, the other then looks closer at the hand.

    The closer look is taken twice, once in the mirror, for left hands. The mean of the logits (Lakshminarayanan et al.,
    NeurIPS 2017, average the probabilities) reads strangers' hands better than either network; the closer look helps
    with small hands (docs/results.md, section 5). Logits are linear in the features, so the mean is taken of these. In
    training each image, whole, teaches one network.

    2,955,701 parameters with 29 classes, at any image size; 0.60 GFLOP (2 per multiply-add) at 160.

    Args:
        classes: number of logits, k.
    """

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.normalise = around_grey()
        self.plain = PlainTrunk(stages=((32, 48), (96, 96), (160, 160), (288, 288)))
        self.residual = ResidualTrunk(stem=32, widths=(40, 72, 104, 152), units=(1, 2, 2, 1))
        self.coin = Dropout(0.5)
        self.dropout = Dropout(0.2)
        self.output = nn.Linear(self.plain.width + self.residual.width, classes)

    def forward(self, images: Float[Tensor, "n 3 h w"]) -> Float[Tensor, "n k"]:
        """Images in [0, 1] to logits."""
        pixels = self.normalise(images)
        if self.training:
            return self.output(self.dropout(self._taught(look(pixels, whole(pixels), TRAINING_SIZE))))
        maps = self.plain.maps(look(pixels, whole(pixels), EVALUATION_SIZE))
        hand = look(pixels, window_of(maps), EVALUATION_SIZE)
        # The letters of a left hand are the mirrored ones of a right hand.
        plain, residual = maps.mean((2, 3)), (self.residual(hand) + self.residual(hand.flip(3))) / 2
        # Half of both features is the mean of both logits; the bias belongs to either.
        return self.output(torch.cat((plain, residual), dim=1) / 2)

    def _taught(self, pixels: Float[Tensor, "n 3 h w"]) -> Float[Tensor, "n d"]:
        """Each image's features by one trunk, drawn by its key, and zeros for those of the other."""
        plain = self.coin(pixels.new_ones(len(pixels), 1))[:, 0] > 0
        if min(plain.sum(), (~plain).sum()) < 2:  # too few for the statistics of a batch: both see every image
            return torch.cat((self.plain(pixels) * plain[:, None], self.residual(pixels) * ~plain[:, None]), dim=1)
        taught = torch.cat(
            (
                F.pad(self.plain(pixels[plain]), (0, self.residual.width)),
                F.pad(self.residual(pixels[~plain]), (self.plain.width, 0)),
            )
        )
        return taught[(~plain).argsort(stable=True).argsort()]
