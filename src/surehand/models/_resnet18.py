"""ResNet-18: 17 convolutions, most of them in residual units, and a linear classifier.

He, Zhang, Ren and Sun, "Deep Residual Learning for Image Recognition", CVPR 2016 (arXiv:1512.03385), table 1, with
projections where the shape changes (option B).
"""

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from ._conv2d import Conv2d
from ._normalise import IMAGENET_MEAN, IMAGENET_STD, Normalise


class Convolution(nn.Module):
    """Convolution, batch normalisation: (n, i, h, w) to (n, o, h / stride, w / stride)."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int = 1) -> None:
        super().__init__()
        self.convolution = Conv2d(inputs, outputs, kernel, stride)
        self.norm = nn.BatchNorm2d(outputs)

    def forward(self, features: Float[Tensor, "n i h w"]) -> Float[Tensor, "n o h2 w2"]:
        """Features to features."""
        return self.norm(self.convolution(features))


class Residual(nn.Module):
    """What two 3x3 convolutions find is added to the input; ReLU between them and after the sum.

    (n, i, h, w) to (n, o, h / stride, w / stride); where that changes the shape, a 1x1 convolution brings the input
    into it.
    """

    def __init__(self, inputs: int, outputs: int, stride: int = 1) -> None:
        super().__init__()
        self.first = Convolution(inputs, outputs, kernel=3, stride=stride)
        self.second = Convolution(outputs, outputs, kernel=3)
        same = inputs == outputs and stride == 1
        self.shortcut = nn.Identity() if same else Convolution(inputs, outputs, kernel=1, stride=stride)

    def reset_parameters(self) -> None:
        """Start as the shortcut alone (Goyal et al., "Accurate, Large Minibatch SGD", 2017, section 5.1)."""
        nn.init.zeros_(self.second.norm.weight)

    def forward(self, features: Float[Tensor, "n i h w"]) -> Float[Tensor, "n o h2 w2"]:
        """Features to features."""
        found = self.second(F.relu(self.first(features)))
        return F.relu(self.shortcut(features) + found)


def _stage(inputs: int, outputs: int, stride: int) -> nn.Sequential:
    """Two residual units, the first of which changes the shape."""
    return nn.Sequential(Residual(inputs, outputs, stride), Residual(outputs, outputs))


class ResNet18(nn.Module):
    """The smallest residual network of the paper: 11,176,512 parameters, and 513 more for each class.

    11,689,512 with ImageNet's 1000 classes, 11,191,389 with 29. The stem quarters height and width before the first
    unit, as the paper's does: 3.63 GFLOP (2 per multiply-add) at 224 pixels, 0.30 at 64. Images of any size; up to 32
    pixels the last map is a single cell.

    Args:
        classes: number of logits, k.
    """

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.normalise = Normalise(IMAGENET_MEAN, IMAGENET_STD)
        self.stem = Convolution(3, 64, kernel=7, stride=2)
        self.stage1 = _stage(64, 64, stride=1)
        self.stage2 = _stage(64, 128, stride=2)
        self.stage3 = _stage(128, 256, stride=2)
        self.stage4 = _stage(256, 512, stride=2)
        self.output = nn.Linear(512, classes)

    def forward(self, images: Float[Tensor, "n 3 h w"]) -> Float[Tensor, "n k"]:
        """Images in [0, 1] to logits."""
        x = F.relu(self.stem(self.normalise(images)))  # (n, 64, h / 2, w / 2)
        x = F.max_pool2d(x, kernel_size=3, stride=2, padding=1)
        x = self.stage4(self.stage3(self.stage2(self.stage1(x))))  # (n, 512, h / 32, w / 32)
        return self.output(x.mean((2, 3)))
