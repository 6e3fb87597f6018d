"""The two LIME recipes that exist under the one name, as tables: what they segment, hide, draw, fit and show."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float32, Int64, Shaped

from surehand.errors import UsageError
from surehand.randomness import generator

from ._superpixels import superpixel_means

# Zero where pixels are scaled to [-1, 1].
_MID_GREY = 0.5


@dataclass(frozen=True)
class Recipe:
    """How one LIME differs from another; images are float32 (h, w, 3) in [0, 1].

    Attributes:
        to_segment: image to what quickshift sees.
        hide: image and segments to the image that shows where superpixels are hidden.
        draw: seed, n and s to n masks of s superpixels.
        all_shown: whether the first mask is replaced by the one that shows everything.
        perturbations: n unless the caller says otherwise.
        penalty: of the ridge regression; 0 is weighted least squares.
        shown: superpixels shown in the end.
        positive_only: whether those must have positive coefficients.
    """

    to_segment: Callable[[Float32[np.ndarray, "h w 3"]], Shaped[np.ndarray, "h w 3"]]
    hide: Callable[[Float32[np.ndarray, "h w 3"], Int64[np.ndarray, "h w"]], Float32[np.ndarray, "h w 3"]]
    draw: Callable[[int, int, int], Bool[np.ndarray, "n s"]]
    all_shown: bool
    perturbations: int
    penalty: float
    shown: int
    positive_only: bool


def _scaled_about_grey(image: Float32[np.ndarray, "h w 3"]) -> Shaped[np.ndarray, "h w 3"]:
    return 2 * image.astype(np.float64) - 1


def _in_grey_levels(image: Float32[np.ndarray, "h w 3"]) -> Shaped[np.ndarray, "h w 3"]:
    return np.rint(image * 255).astype(np.uint8)


def _grey(image: Float32[np.ndarray, "h w 3"], segments: Int64[np.ndarray, "h w"]) -> Float32[np.ndarray, "h w 3"]:
    return np.full_like(image, _MID_GREY)


def _mean_colour(
    image: Float32[np.ndarray, "h w 3"], segments: Int64[np.ndarray, "h w"]
) -> Float32[np.ndarray, "h w 3"]:
    return superpixel_means(_in_grey_levels(image), segments).astype(np.float32) / np.float32(255)


def _binomial_masks(seed: int, n: int, s: int) -> Bool[np.ndarray, "n s"]:
    return generator(seed, "explain", "lime", "original").binomial(1, 0.5, (n, s)).astype(bool)


def _randint_masks(seed: int, n: int, s: int) -> Bool[np.ndarray, "n s"]:
    if not 0 <= seed < 2**32:
        raise UsageError(f"Recipe 'lime' draws from numpy's RandomState, whose seeds lie in [0, 2^32); got {seed}.")
    stream = np.random.RandomState(seed)  # the lime package's own stream, to be equal to it
    # The package draws a seed for the segmentation, which never reaches it but moves the stream.
    stream.randint(0, 1000)
    return stream.randint(0, 2, n * s).reshape(n, s).astype(bool)


RECIPES: dict[str, Recipe] = {
    # The system this project rebuilds: its images are scaled to [-1, 1], where hidden means zero, that is mid-grey.
    "original": Recipe(
        to_segment=_scaled_about_grey,
        hide=_grey,
        draw=_binomial_masks,
        all_shown=False,
        perturbations=150,
        penalty=0.0,
        shown=4,
        positive_only=False,
    ),
    # LimeImageExplainer of the lime package, 0.2.0.1, with its defaults, on the image in 256 grey levels a channel.
    "lime": Recipe(
        to_segment=_in_grey_levels,
        hide=_mean_colour,
        draw=_randint_masks,
        all_shown=True,
        perturbations=1000,
        penalty=1.0,
        shown=5,
        positive_only=True,
    ),
}
