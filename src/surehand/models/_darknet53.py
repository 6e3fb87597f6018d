"""Darknet-53: 52 convolutions in residual units, and a linear classifier.

Redmon and Farhadi, "YOLOv3: An Incremental Improvement", 2018 (arXiv:1804.02767), table 1; every detail as in the
authors' configuration `cfg/darknet53.cfg`, so that their weights compute the same function here.
"""

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from ._conv2d import Conv2d
from ._normalise import Normalise


class Convolution(nn.Module):
    """Convolution, batch normalisation, leaky ReLU of slope 0.1: (n, i, h, w) to (n, o, h / stride, w / stride)."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int = 1) -> None:
        super().__init__()
        self.convolution = Conv2d(inputs, outputs, kernel, stride)
        # Darknet keeps 0.99 of the running statistics at each step: momentum 0.01 in PyTorch's sense.
        self.norm = nn.BatchNorm2d(outputs, eps=1e-5, momentum=0.01)

    def forward(self, features: Float[Tensor, "n i h w"]) -> Float[Tensor, "n o h2 w2"]:
        """Features to features."""
        return F.leaky_relu(self.norm(self.convolution(features)), 0.1)


class Residual(nn.Module):
    """What 1x1 narrowing to half the channels and 3x3 widening find is added to the input; nothing follows the sum."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.narrow = Convolution(channels, channels // 2, kernel=1)
        self.widen = Convolution(channels // 2, channels, kernel=3)

    def reset_parameters(self) -> None:
        """Start as the identity (Goyal et al., "Accurate, Large Minibatch SGD", 2017, section 5.1).

        With neutral scales every unit adds to the trunk, and after 23 of them its values are large: training from
        scratch, the loss first rose above 30 at a learning rate at which, from the identity, it fell from the start.
        """
        nn.init.zeros_(self.widen.norm.weight)

    def forward(self, features: Float[Tensor, "n c h w"]) -> Float[Tensor, "n c h w"]:
        """Features to features of the same shape."""
        return features + self.widen(self.narrow(features))


def _stage(channels: int, units: int) -> nn.Sequential:
    """Halve height and width, double the channels, then residual units."""
    halve = Convolution(channels // 2, channels, kernel=3, stride=2)
    return nn.Sequential(halve, *(Residual(channels) for _ in range(units)))


class Darknet53(nn.Module):
    """The backbone of YOLOv3 as a classifier: 40,584,928 parameters, and 1025 more for each class.

    After the stem every 3x3 convolution of stride 1 or 2 costs the same: the channels double where the area quarters.
    18.57 GFLOP (2 per multiply-add) at 256 pixels. Images of any size; below 32 pixels the last map is a single cell.

    Args:
        classes: number of logits, k.
    """

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.normalise = Normalise(mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0))  # Darknet was trained on RGB / 255
        self.stem = Convolution(3, 32, kernel=3)
        self.stage1 = _stage(64, units=1)
        self.stage2 = _stage(128, units=2)
        self.stage3 = _stage(256, units=8)
        self.stage4 = _stage(512, units=8)
        self.stage5 = _stage(1024, units=4)
        self.output = nn.Linear(1024, classes)

    def forward(self, images: Float[Tensor, "n 3 h w"]) -> Float[Tensor, "n k"]:
        """Images in [0, 1] to logits."""
        _, _, coarsest = self.features(images)
        return self.output(coarsest.mean((2, 3)))

    def features(
        self, images: Float[Tensor, "n 3 h w"]
    ) -> tuple[Float[Tensor, "n 256 h3 w3"], Float[Tensor, "n 512 h4 w4"], Float[Tensor, "n 1024 h5 w5"]]:
        """The maps of strides 8, 16 and 32: the outputs of layers 36, 61 and 74 of the configuration."""
        x = self.stem(self.normalise(images))
        fine = self.stage3(self.stage2(self.stage1(x)))
        middle = self.stage4(fine)
        return fine, middle, self.stage5(middle)
