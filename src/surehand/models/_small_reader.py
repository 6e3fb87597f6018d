"""The small reader: what a few minutes of training on a processor can teach to read letters."""

from itertools import islice, pairwise

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from ._dropout import Dropout
from ._normalise import Normalise
from ._reader import Convolution


class SmallReader(nn.Module):
    """Plain 3x3 convolutions in stages (Simonyan and Zisserman, ICLR 2015).

    The first convolution halves height and width, and so does the maximum between two stages: the maps of a 64 pixel
    image are 32, 16 and 8 wide. 380,037 parameters with 29 classes, at any image size of at least 8; 0.084 GFLOP (2 per
    multiply-add) at 64 pixels.

    Args:
        classes: number of logits, k.
        stages: output channels of each convolution, stage by stage.
    """

    def __init__(self, classes: int, stages: tuple[tuple[int, ...], ...] = ((24, 32), (64, 64), (144, 176))) -> None:
        super().__init__()
        # Mean 0.5: the zeros that pad each convolution are then mid-grey, the least surprising surrounding.
        self.normalise = Normalise(mean=(0.5, 0.5, 0.5), std=(0.25, 0.25, 0.25))
        widths = [width for stage in stages for width in stage]
        convolutions = iter([Convolution(3, widths[0], stride=2), *(Convolution(i, o) for i, o in pairwise(widths))])
        self.stages = nn.Sequential(*(nn.Sequential(*islice(convolutions, len(stage))) for stage in stages))
        self.dropout = Dropout(0.2)
        self.output = nn.Linear(stages[-1][-1], classes)

    def forward(self, images: Float[Tensor, "n 3 h w"]) -> Float[Tensor, "n k"]:
        """Images in [0, 1] to logits."""
        first, *others = self.stages
        maps = first(self.normalise(images))
        for stage in others:
            maps = stage(F.max_pool2d(maps, 2))  # at last (n, stages[-1][-1], h / 8, w / 8)
        return self.output(self.dropout(maps.mean((2, 3))))
