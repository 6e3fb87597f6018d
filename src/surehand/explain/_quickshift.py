"""Quickshift superpixels (Vedaldi and Soatto, ECCV 2008), label for label those of scikit-image, but faster."""

from math import ceil, isfinite

import numpy as np
from jaxtyping import Float, Float64, Int64, UInt8

from surehand.errors import UsageError

from ._quickshift_kernels import add_densities, nearest_denser, tree_labels

# Linear RGB to CIE XYZ, and the white of D65 seen by the 2 degree observer (IEC 61966-2-1; the digits of scikit-image).
_RGB_TO_XYZ = np.array([[0.412453, 0.357580, 0.180423], [0.212671, 0.715160, 0.072169], [0.019334, 0.119193, 0.950227]])
_WHITE = np.array([0.95047, 1.0, 1.08883])


def quickshift(
    image: UInt8[np.ndarray, "h w 3"] | Float[np.ndarray, "h w 3"],
    kernel_size: float = 4.0,
    ratio: float = 0.2,
    max_dist: float = 200.0,
    seed: int = 42,
) -> Int64[np.ndarray, "h w"]:
    """Superpixels: each pixel climbs to the nearest one of higher density in colour and place; a hill is a superpixel.

    The labels equal those of ``skimage.segmentation.quickshift`` with the same arguments (its ``rng`` is ``seed``)
    for a uint8 or float64 image. The pieces of a superpixel need not touch. With ratio 0.2 no link is longer than
    about 60, so a ``max_dist`` above that does nothing; the kernel size sets how many superpixels there are.

    Args:
        image: RGB, uint8, or float in [0, 1]. Floats down to -1 are accepted, because the original LIME system segments
            images scaled to [-1, 1].
        kernel_size: width of the density's Gaussian, pixels, at least 1; larger gives fewer superpixels.
        ratio: weight of colour against place, in [0, 1].
        max_dist: longer links are cut; smaller gives more superpixels.
        seed: of the noise, 1e-5 wide, that breaks ties of density.

    Returns:
        int64 (h, w), labels 0 to S-1, all present.

    Raises:
        UsageError: a value outside its range.

    >>> halves = np.zeros((20, 40, 3), np.uint8)
    >>> halves[:, 20:] = 255
    >>> labels = quickshift(halves, ratio=1.0)
    >>> set(labels[:, :20].ravel().tolist()) & set(labels[:, 20:].ravel().tolist())
    set()
    """
    _check(image, kernel_size, ratio, max_dist)
    colour = np.ascontiguousarray(np.moveaxis(_rgb_to_lab(image) * ratio, 2, 0))  # (3, h, w)
    density = np.random.default_rng(seed).normal(scale=1e-5, size=image.shape[:2])  # (h, w)
    add_densities(density, colour, float(kernel_size))
    parents = nearest_denser(density, colour, _offsets(ceil(3 * kernel_size)), float(max_dist))  # (h * w,)
    return tree_labels(parents).reshape(image.shape[:2])


def kernel_size_for(height: int, width: int) -> float:
    """The kernel size that divides an image as 4 pixels divide one of 200x200; at least 1.

    A thumbnail of 64x64 has 3 to 5 superpixels at kernel size 4 and about 20 at 1.28, as many as the photograph it was
    made from has at 200x200.

    >>> kernel_size_for(64, 64)
    1.28
    """
    return max(1.0, 4.0 * min(height, width) / 200)


def _check(image: np.ndarray, kernel_size: float, ratio: float, max_dist: float) -> None:
    if image.size == 0:
        raise UsageError(f"quickshift needs an image of at least one pixel; got shape {image.shape}.")
    if image.dtype != np.uint8 and not (image.min() >= -1 and image.max() <= 1):
        raise UsageError(
            "quickshift takes uint8 images, or floats in [0, 1] or [-1, 1]: other ranges give other superpixels. "
            f"Got floats in [{image.min():g}, {image.max():g}]. Divide by 255 first?"
        )
    if not (kernel_size >= 1 and isfinite(kernel_size)):
        raise UsageError(f"kernel_size must be at least 1 pixel; got {kernel_size}.")
    if not 0 <= ratio <= 1:
        raise UsageError(f"ratio must lie in [0, 1]; got {ratio}.")
    if not max_dist > 0:
        raise UsageError(f"max_dist must be above 0; got {max_dist}.")


def _rgb_to_lab(image: UInt8[np.ndarray, "h w 3"] | Float[np.ndarray, "h w 3"]) -> Float64[np.ndarray, "h w 3"]:
    """CIE L*a*b* of sRGB; values below 0 continue along the straight parts of both curves."""
    if image.dtype == np.uint8:
        # Multiplied, not divided by 255: the same rounding as scikit-image, hence the same labels.
        linear = _linear(np.arange(256) * (1 / 255))[image]
    else:
        linear = _linear(image.astype(np.float64))
    xyz = (linear @ _RGB_TO_XYZ.T) / _WHITE
    x, y, z = np.moveaxis(np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116), 2, 0)
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=2)


def _linear(srgb: Float64[np.ndarray, "..."]) -> Float64[np.ndarray, "..."]:
    """Intensity of light from sRGB values."""
    bright = srgb > 0.04045
    return np.where(bright, np.power((np.where(bright, srgb, 1) + 0.055) / 1.055, 2.4), srgb / 12.92)


def _offsets(reach: int) -> Int64[np.ndarray, "m 2"]:
    """All steps within a square window but the empty one, the shortest first."""
    side = np.arange(-reach, reach + 1)
    steps = np.stack(np.meshgrid(side, side, indexing="ij"), axis=2).reshape(-1, 2)
    length2 = (steps**2).sum(axis=1)
    return steps[np.argsort(length2, kind="stable")][1:]
