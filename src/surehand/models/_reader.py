"""The reader: the network that reads letters right after installation, small enough for one processor core."""

from itertools import pairwise

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from ._dropout import Dropout
from ._normalise import Normalise


class Convolution(nn.Module):
    """Convolution 3x3, batch normalisation, ReLU: (n, i, h, w) to (n, o, ceil(h / stride), ceil(w / stride))."""

    def __init__(self, inputs: int, outputs: int, stride: int = 1) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(inputs, outputs, kernel_size=3, stride=stride, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(outputs)

    def forward(self, features: Float[Tensor, "n i h w"]) -> Float[Tensor, "n o h2 w2"]:
        """Features to features."""
        return F.relu(self.norm(self.convolution(features)))


class Residual(nn.Module):
    """Two convolutions 3x3 whose result is added to the input (He et al., CVPR 2016), then ReLU."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = Convolution(channels, channels)
        self.second = nn.Conv2d(channels, channels, kernel_size=3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(channels)

    def reset_parameters(self) -> None:
        """Start as the identity (Goyal et al., "Accurate, Large Minibatch SGD", 2017, section 5.1)."""
        nn.init.zeros_(self.norm.weight)

    def forward(self, features: Float[Tensor, "n c h w"]) -> Float[Tensor, "n c h w"]:
        """Features to features of the same shape."""
        return F.relu(features + self.norm(self.second(self.first(features))))


class Reader(nn.Module):
    """A residual network of plain 3x3 convolutions, which processors run several times faster than separable ones.

    The stem and every stage halve height and width, so the maps of a 96 pixel image are 24, 12, 6 and 3 wide. 2,659,341
    parameters with 29 classes, at any image size; 0.26 GFLOP (2 per multiply-add) at 96 pixels.

    Args:
        classes: number of logits, k.
        stem: channels after the first convolution.
        widths: channels of each stage.
        units: residual units of each stage.
    """

    def __init__(
        self,
        classes: int,
        stem: int = 32,
        widths: tuple[int, ...] = (48, 96, 144, 240),
        units: tuple[int, ...] = (1, 2, 2, 1),
    ) -> None:
        super().__init__()
        # Mean 0.5: the zeros that pad each convolution are then mid-grey, the least surprising surrounding.
        self.normalise = Normalise(mean=(0.5, 0.5, 0.5), std=(0.25, 0.25, 0.25))
        self.stem = Convolution(3, stem, stride=2)
        self.stages = nn.Sequential(
            *(
                nn.Sequential(Convolution(inputs, outputs, stride=2), *(Residual(outputs) for _ in range(count)))
                for (inputs, outputs), count in zip(pairwise((stem, *widths)), units, strict=True)
            )
        )
        self.dropout = Dropout(0.2)
        self.output = nn.Linear(widths[-1], classes)

    def forward(self, images: Float[Tensor, "n 3 h w"]) -> Float[Tensor, "n k"]:
        """Images in [0, 1] to logits."""
        maps = self.stages(self.stem(self.normalise(images)))  # (n, widths[-1], h / 32, w / 32)
        return self.output(self.dropout(maps.mean((2, 3))))
