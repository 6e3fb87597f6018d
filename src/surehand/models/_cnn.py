"""The small convolutional network: three blocks, dropout, two dense layers."""

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from surehand.errors import UsageError

from ._dropout import Dropout
from ._normalise import around_grey

_FILTERS = (16, 32, 64)
_HIDDEN = 128
_SHRINK = 2 ** len(_FILTERS)


class Block(nn.Module):
    """Convolution 3x3, maximum over 2x2, batch normalisation, ReLU: (n, i, h, w) to (n, o, h // 2, w // 2).

    The maximum comes before normalisation and ReLU, which then touch a quarter of the values. For ReLU that changes
    nothing; batch normalisation sees the statistics of the maxima.
    """

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        # The normalisation that follows would subtract a bias again.
        self.convolution = nn.Conv2d(inputs, outputs, kernel_size=3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(outputs)

    def forward(self, features: Float[Tensor, "n i h w"]) -> Float[Tensor, "n o h2 w2"]:
        """Features to features of half the height and width."""
        return F.relu(self.norm(F.max_pool2d(self.convolution(features), 2)))


class CNN(nn.Module):
    """Three blocks of 16, 32 and 64 filters, dropout after flattening, a dense layer of 128, a dense layer of classes.

    551,853 parameters at 64 pixels with 29 classes, 95 % of them in the first dense layer.

    Args:
        classes: number of logits, k.
        size: height and width of the images in pixels, at least 8.
    """

    def __init__(self, classes: int, size: int) -> None:
        if size < _SHRINK:
            raise UsageError(
                f"The cnn halves its images three times, so they need at least {_SHRINK} pixels; got {size}."
            )
        super().__init__()
        self.size = size
        self.normalise = around_grey()
        self.blocks = nn.Sequential(*(Block(i, o) for i, o in zip((3, *_FILTERS), _FILTERS, strict=False)))
        self.dropout = Dropout(0.5)
        self.hidden = nn.Linear(_FILTERS[-1] * (size // _SHRINK) ** 2, _HIDDEN)
        self.output = nn.Linear(_HIDDEN, classes)

    def forward(self, images: Float[Tensor, "n 3 h w"]) -> Float[Tensor, "n k"]:
        """Images in [0, 1] to logits."""
        if images.shape[2:] != (self.size, self.size):
            height, width = images.shape[2:]
            raise UsageError(f"This cnn reads images of {self.size}x{self.size} pixels; got {height}x{width}.")
        maps = self.blocks(self.normalise(images))  # (n, 64, size / 8, size / 8)
        features = self.dropout(maps.flatten(1))  # (n, 64 (size / 8)^2)
        return self.output(F.relu(self.hidden(features)))
