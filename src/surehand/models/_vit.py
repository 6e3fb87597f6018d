"""A small vision transformer: patches of the image, and a class token that attends to them.

Dosovitskiy et al., "An Image is Worth 16x16 Words", ICLR 2021 (arXiv:2010.11929), in the size of DeiT-Tiny (Touvron et
al., "Training data-efficient image transformers", ICML 2021, arXiv:2012.12877, table 1), without distillation.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from surehand.errors import UsageError

from ._normalise import IMAGENET_MEAN, IMAGENET_STD, Normalise

_WIDTH = 192
_DEPTH = 12
_HEADS = 3
_EPS = 1e-6
_LARGEST_PATCH = 16
_FEWEST_PATCHES = 8  # along each side


class Attention(nn.Module):
    """Multi-head self-attention: softmax(q k^T / sqrt(d / heads)) v in each head, then a linear layer over all."""

    def __init__(self) -> None:
        super().__init__()
        self.qkv = nn.Linear(_WIDTH, 3 * _WIDTH)
        self.project = nn.Linear(_WIDTH, _WIDTH)

    def forward(self, tokens: Float[Tensor, "n t d"]) -> Float[Tensor, "n t d"]:
        """Tokens to tokens."""
        heads = self.qkv(tokens).unflatten(2, (3, _HEADS, -1)).permute(2, 0, 3, 1, 4)  # (3, n, heads, t, d / heads)
        query, key, value = heads.unbind()
        found = F.scaled_dot_product_attention(query, key, value)  # (n, heads, t, d / heads)
        return self.project(found.transpose(1, 2).flatten(2))


class Block(nn.Module):
    """What attention finds is added to the tokens, then what a perceptron finds in each; both normalise first."""

    def __init__(self) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(_WIDTH, eps=_EPS)
        self.attention = Attention()
        self.norm2 = nn.LayerNorm(_WIDTH, eps=_EPS)
        self.widen = nn.Linear(_WIDTH, 4 * _WIDTH)
        self.narrow = nn.Linear(4 * _WIDTH, _WIDTH)

    def forward(self, tokens: Float[Tensor, "n t d"]) -> Float[Tensor, "n t d"]:
        """Tokens to tokens."""
        tokens = tokens + self.attention(self.norm1(tokens))
        return tokens + self.narrow(F.gelu(self.widen(self.norm2(tokens))))


class ViT(nn.Module):
    """Twelve blocks of width 192 with 3 heads: 5,717,416 parameters at 224 pixels with ImageNet's 1000 classes.

    Patches have 16 pixels a side, or fewer, so that there are at least 8 x 8 of them: 8 pixels at 64, 4 at 32. With 29
    classes and 64 pixels 5,394,077 parameters.

    Args:
        classes: number of logits, k.
        size: height and width of the images in pixels, at least 8.
    """

    def __init__(self, classes: int, size: int) -> None:
        if size < _FEWEST_PATCHES:
            raise UsageError(
                f"The vit cuts its images into {_FEWEST_PATCHES} x {_FEWEST_PATCHES} patches or more, so they need at "
                f"least {_FEWEST_PATCHES} pixels; got {size}."
            )
        super().__init__()
        self.size = size
        patch = min(_LARGEST_PATCH, size // _FEWEST_PATCHES)
        side = -(-size // patch)
        self.margin = side * patch - size
        self.normalise = Normalise(IMAGENET_MEAN, IMAGENET_STD)
        self.patches = nn.Conv2d(3, _WIDTH, kernel_size=patch, stride=patch)
        # Tables of learned vectors, used whole.
        self.class_token = nn.Embedding(1, _WIDTH)
        self.positions = nn.Embedding(1 + side**2, _WIDTH)
        self.blocks = nn.Sequential(*(Block() for _ in range(_DEPTH)))
        self.norm = nn.LayerNorm(_WIDTH, eps=_EPS)
        self.output = nn.Linear(_WIDTH, classes)

    def forward(self, images: Float[Tensor, "n 3 h w"]) -> Float[Tensor, "n k"]:
        """Images in [0, 1] to logits."""
        if images.shape[2:] != (self.size, self.size):
            height, width = images.shape[2:]
            raise UsageError(f"This vit reads images of {self.size}x{self.size} pixels; got {height}x{width}.")
        # Where patches do not divide the size, the mean colour (0 after normalisation) fills the last ones.
        pixels = F.pad(self.normalise(images), (0, self.margin, 0, self.margin))
        patches = self.patches(pixels).flatten(2).transpose(1, 2)  # (n, side^2, d)
        # shape[0] and not len: the ONNX exporter takes len for a constant.
        first = self.class_token.weight.expand(images.shape[0], 1, -1)  # (n, 1, d)
        tokens = torch.cat([first, patches], 1) + self.positions.weight
        return self.output(self.norm(self.blocks(tokens))[:, 0])
