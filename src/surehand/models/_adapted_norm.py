"""Batch normalisation that goes along with the image that is read."""

import torch
from jaxtyping import Float
from torch import Tensor, nn


def adapted(maps: Float[Tensor, "n c h w"], norm: nn.BatchNorm2d, share: float) -> Float[Tensor, "n c h w"]:
    """In evaluation, normalise by running statistics that have moved towards those of each image by itself.

    Other cameras and rooms give other statistics than the training images did; an image tells a little about its own
    (Schneider et al., "Improving robustness against common corruptions by covariate shift adaptation", NeurIPS 2020,
    section 3). They interpolate means and variances; here both are those of a mixture of the two distributions, so
    that the variance has a term more, of how far the means are apart. What an image is read as depends on no other
    image.

    Args:
        maps: what a convolution made of each image.
        norm: whose running statistics, scale and shift are used, and which does its usual work in training.
        share: of the image in the mixture, in [0, 1]; with 0 there is no mixture.

    Returns:
        Computed in at least single precision, and rounded to that of the maps.
    """
    if norm.training or share == 0:
        normalised: Tensor = norm(maps)
        return normalised
    precise = maps.to(torch.promote_types(maps.dtype, torch.float32))
    mean, variance = (norm.get_buffer(name)[:, None, None] for name in ("running_mean", "running_var"))
    own_mean = precise.mean((2, 3), keepdim=True)
    own_variance = (precise - own_mean).square().mean((2, 3), keepdim=True)
    moved = own_mean - mean  # (n, c, 1, 1)
    variance = variance + share * (own_variance - variance) + share * (1 - share) * moved.square()
    scale = norm.weight[:, None, None] * (variance + norm.eps).rsqrt()
    shift = norm.bias[:, None, None] - (mean + share * moved) * scale
    return (precise * scale + shift).to(maps.dtype)
