"""What the readers are made of: plain 3x3 convolutions, which processors run several times faster than separable ones.

A trunk maps normalised images (n, 3, h, w) to features (n, `width`), the means of its last maps over all places.
"""

from itertools import islice, pairwise

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from ._adapted_norm import adapted
from ._conv2d import Conv2d


class PlainTrunk(nn.Module):
    """Convolutions in stages (Simonyan and Zisserman, ICLR 2015).

    The first convolution halves height and width, and so does the maximum between two stages.

    Args:
        stages: output channels of each convolution, stage by stage.
        own_share: of each image in the statistics that normalise it in evaluation (see `adapted`).
    """

    def __init__(self, stages: tuple[tuple[int, ...], ...], own_share: float = 0.0) -> None:
        super().__init__()
        widths = [width for stage in stages for width in stage]
        first = Convolution(3, widths[0], 2, own_share)
        convolutions = iter([first, *(Convolution(i, o, 1, own_share) for i, o in pairwise(widths))])
        self.stages = nn.Sequential(*(nn.Sequential(*islice(convolutions, len(stage))) for stage in stages))
        self.width = widths[-1]

    def forward(self, images: Float[Tensor, "n 3 h w"]) -> Float[Tensor, "n d"]:
        """Normalised images to features."""
        return self.maps(images).mean((2, 3))

    def maps(self, images: Float[Tensor, "n 3 h w"]) -> Float[Tensor, "n d _ _"]:
        """Normalised images to the last maps, whose means the features are."""
        first, *others = self.stages
        maps = first(images)
        for stage in others:
            maps = stage(F.max_pool2d(maps, 2))
        return maps


class ResidualTrunk(nn.Module):
    """Residual units in stages (He et al., CVPR 2016); the stem and every stage halve height and width.

    Args:
        stem: channels after the first convolution.
        widths: channels of each stage.
        units: residual units of each stage.
    """

    def __init__(self, stem: int, widths: tuple[int, ...], units: tuple[int, ...]) -> None:
        super().__init__()
        self.stem = Convolution(3, stem, stride=2)
        self.stages = nn.Sequential(
            *(
                nn.Sequential(Convolution(inputs, outputs, stride=2), *(Residual(outputs) for _ in range(count)))
                for (inputs, outputs), count in zip(pairwise((stem, *widths)), units, strict=True)
            )
        )
        self.width = widths[-1]

    def forward(self, images: Float[Tensor, "n 3 h w"]) -> Float[Tensor, "n d"]:
        """Normalised images to features."""
        return self.stages(self.stem(images)).mean((2, 3))


class Convolution(nn.Module):
    """Convolution 3x3, batch normalisation, ReLU: (n, i, h, w) to (n, o, ceil(h / stride), ceil(w / stride)).

    Args:
        inputs, outputs: channels.
        stride: from one place of the result to the next.
        own_share: of each image in the statistics that normalise it in evaluation (see `adapted`).
    """

    def __init__(self, inputs: int, outputs: int, stride: int = 1, own_share: float = 0.0) -> None:
        super().__init__()
        self.convolution = Conv2d(inputs, outputs, 3, stride)
        self.norm = nn.BatchNorm2d(outputs)
        self.own_share = own_share

    def forward(self, features: Float[Tensor, "n i h w"]) -> Float[Tensor, "n o h2 w2"]:
        """Features to features."""
        return F.relu(adapted(self.convolution(features), self.norm, self.own_share))


class Residual(nn.Module):
    """Two convolutions 3x3 whose result is added to the input, then ReLU."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = Convolution(channels, channels)
        self.second = Conv2d(channels, channels, 3)
        self.norm = nn.BatchNorm2d(channels)

    def reset_parameters(self) -> None:
        """Start as the identity (Goyal et al., "Accurate, Large Minibatch SGD", 2017, section 5.1)."""
        nn.init.zeros_(self.norm.weight)

    def forward(self, features: Float[Tensor, "n c h w"]) -> Float[Tensor, "n c h w"]:
        """Features to features of the same shape."""
        return F.relu(features + self.norm(self.second(self.first(features))))
