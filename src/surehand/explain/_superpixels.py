"""Segments: label maps (h, w) whose labels 0 to S-1 name the superpixels of an image."""

import numpy as np
from jaxtyping import Int64, Integer, UInt8

from surehand.errors import DataError, UsageError

# Two superpixels are one number (each is the rest of the other): nothing is ranked.
FEWEST = 3


def check_segments(segments: Integer[np.ndarray, "h w"], shape: tuple[int, int]) -> Int64[np.ndarray, "h w"]:
    """The segments as int64, once they are known to fit an image and to name 0 to S-1 without a gap, S >= 3.

    Raises:
        UsageError: another shape than the image's; a label that is missing or negative.
        DataError: fewer than 3 superpixels.
    """
    if segments.shape != shape:
        raise UsageError(f"segments must have the height and width of the image, {shape}; got {segments.shape}.")
    labels = np.unique(segments)
    if labels[0] != 0 or labels[-1] != len(labels) - 1:
        raise UsageError(
            f"segments must be labelled 0 to S-1 with no label missing; got {len(labels)} labels from {labels[0]} to "
            f"{labels[-1]}. numpy.unique(segments, return_inverse=True) renumbers them."
        )
    if len(labels) < FEWEST:
        raise DataError(
            f"The image of {shape[0]}x{shape[1]} pixels has {len(labels)} superpixel(s), too few to rank: at least "
            f"{FEWEST} are needed. Use a larger image (--size), a smaller kernel_size (kernel_size_for suggests one), "
            "or segments=grid_segments(height, width, rows, columns)."
        )
    return segments.astype(np.int64)


def grid_segments(height: int, width: int, rows: int, columns: int) -> Int64[np.ndarray, "h w"]:
    """Rectangles of nearly equal size, for images in which no superpixels stand out.

    Returns:
        int64 (height, width), labels 0 to rows * columns - 1, left to right, then down.

    Raises:
        UsageError: more rows or columns than pixels, or none.

    >>> grid_segments(2, 4, rows=1, columns=2)
    array([[0, 0, 1, 1],
           [0, 0, 1, 1]])
    """
    if not (1 <= rows <= height and 1 <= columns <= width):
        raise UsageError(f"A grid on {height}x{width} pixels cannot have {rows} rows and {columns} columns.")
    return (np.arange(height) * rows // height)[:, None] * columns + np.arange(width) * columns // width


def superpixel_means(
    image: UInt8[np.ndarray, "h w 3"], segments: Int64[np.ndarray, "h w"]
) -> UInt8[np.ndarray, "h w 3"]:
    """Every superpixel in its mean colour, each channel truncated to a whole grey level, as in the lime package.

    Args:
        image: RGB.
        segments: labels 0 to S-1.
    """
    flat = segments.ravel()
    counts = np.bincount(flat)  # (s,)
    sums = np.stack([np.bincount(flat, weights=image[..., c].ravel()) for c in range(3)], axis=1)  # (s, 3), exact
    return (sums.astype(np.int64) // counts[:, None]).astype(np.uint8)[segments]
