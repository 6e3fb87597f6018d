"""ConvNeXt V2 Atto: a convolutional network with the shape of a transformer's blocks.

Woo et al., "ConvNeXt V2: Co-designing and Scaling ConvNets with Masked Autoencoders", CVPR 2023 (arXiv:2301.00808),
the smallest network of its table; the blocks are those of Liu et al., "A ConvNet for the 2020s", CVPR 2022
(arXiv:2201.03545), with global response normalisation in place of layer scale.
"""

from itertools import pairwise

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from surehand.errors import UsageError

from ._normalise import IMAGENET_MEAN, IMAGENET_STD, Normalise

_WIDTHS = (40, 80, 160, 320)
_DEPTHS = (2, 2, 6, 2)
_SHRINK = 4 * 2 ** (len(_WIDTHS) - 1)
_EPS = 1e-6


class ChannelNorm(nn.LayerNorm):
    """Layer normalisation over the channels of each cell of a map, scaled and shifted."""

    def __init__(self, channels: int) -> None:
        super().__init__(channels, eps=_EPS)

    def forward(self, features: Float[Tensor, "n c h w"]) -> Float[Tensor, "n c h w"]:
        """Features to features of the same shape."""
        return super().forward(features.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class ResponseNorm(nn.Module):
    """Global response normalisation: channels that respond more than others, over the whole map, are amplified.

    x + scale * x * |x_c| / mean over c of |x_c| + shift, |x_c| the Euclidean norm of a channel over height and width
    (section 3.2, algorithm 1, of the V2 paper).
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.empty(channels))
        self.shift = nn.Parameter(torch.empty(channels))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Start as the identity, as the paper does."""
        nn.init.zeros_(self.scale)
        nn.init.zeros_(self.shift)

    def forward(self, features: Float[Tensor, "n h w c"]) -> Float[Tensor, "n h w c"]:
        """Features to features of the same shape."""
        response = torch.linalg.vector_norm(features, dim=(1, 2), keepdim=True)  # (n, 1, 1, c)
        relative = response / (response.mean(3, keepdim=True) + _EPS)
        return features + self.scale * (features * relative) + self.shift


class Block(nn.Module):
    """What a 7x7 convolution of each channel by itself and a perceptron at each cell find is added to the input."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.depthwise = nn.Conv2d(channels, channels, kernel_size=7, padding=3, groups=channels)
        self.norm = nn.LayerNorm(channels, eps=_EPS)
        self.widen = nn.Linear(channels, 4 * channels)
        self.respond = ResponseNorm(4 * channels)
        self.narrow = nn.Linear(4 * channels, channels)

    def forward(self, features: Float[Tensor, "n c h w"]) -> Float[Tensor, "n c h w"]:
        """Features to features of the same shape."""
        x = self.norm(self.depthwise(features).permute(0, 2, 3, 1))  # (n, h, w, c)
        x = self.narrow(self.respond(F.gelu(self.widen(x))))
        return features + x.permute(0, 3, 1, 2)


def _halve(inputs: int, outputs: int) -> nn.Sequential:
    """Normalise, then halve height and width: (n, i, h, w) to (n, o, h // 2, w // 2)."""
    return nn.Sequential(ChannelNorm(inputs), nn.Conv2d(inputs, outputs, kernel_size=2, stride=2))


class ConvNeXt(nn.Module):
    """ConvNeXt V2 Atto: 3,387,400 parameters, and 321 more for each class.

    3,708,400 with ImageNet's 1000 classes, 3,396,709 with 29. Stages of 2, 2, 6 and 2 blocks with 40, 80, 160 and 320
    channels, at a quarter of the images' height and width and at half of that each.

    Args:
        classes: number of logits, k.
        size: height and width of the images in pixels, at least 32.
    """

    def __init__(self, classes: int, size: int) -> None:
        if size < _SHRINK:
            raise UsageError(
                f"The convnext shrinks its images by {_SHRINK}, so they need at least {_SHRINK} pixels; got {size}."
            )
        super().__init__()
        self.normalise = Normalise(IMAGENET_MEAN, IMAGENET_STD)
        self.stem = nn.Sequential(nn.Conv2d(3, _WIDTHS[0], kernel_size=4, stride=4), ChannelNorm(_WIDTHS[0]))
        self.stages = nn.ModuleList(
            nn.Sequential(*(Block(width) for _ in range(depth))) for width, depth in zip(_WIDTHS, _DEPTHS, strict=True)
        )
        self.between = nn.ModuleList(_halve(i, o) for i, o in pairwise(_WIDTHS))
        self.norm = nn.LayerNorm(_WIDTHS[-1], eps=_EPS)
        self.output = nn.Linear(_WIDTHS[-1], classes)

    def forward(self, images: Float[Tensor, "n 3 h w"]) -> Float[Tensor, "n k"]:
        """Images in [0, 1] to logits."""
        x = self.stages[0](self.stem(self.normalise(images)))  # (n, 40, h / 4, w / 4)
        for halve, stage in zip(self.between, self.stages[1:], strict=True):
            x = stage(halve(x))
        return self.output(self.norm(x.mean((2, 3))))  # from (n, 320, h / 32, w / 32)
