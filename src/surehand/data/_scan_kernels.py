"""The compiled part of reading an image: its thumbnail and its difference hash in one pass over its pixels."""

import numpy as np
from numpy.typing import NDArray

from surehand.kernels import kernel

_compiled = kernel(boundscheck=False)


@_compiled
def box_means(square: NDArray[np.uint8], rows: int, columns: int, means: NDArray[np.float32]) -> None:
    """Mean colour of each of rows x columns boxes that tile the image.

    Box i spans [i * height // rows, (i + 1) * height // rows), at least one pixel, and so across.

    Args:
        square: uint8 (h, w, 3).
        rows, columns: how many boxes.
        means: float32 (rows, columns, 3), filled.
    """
    height, width = square.shape[0], square.shape[1]
    for i in range(rows):
        top = i * height // rows
        bottom = max((i + 1) * height // rows, top + 1)
        for j in range(columns):
            left = j * width // columns
            right = max((j + 1) * width // columns, left + 1)
            red = green = blue = 0
            for y in range(top, bottom):
                for x in range(left, right):
                    red += square[y, x, 0]
                    green += square[y, x, 1]
                    blue += square[y, x, 2]
            count = (bottom - top) * (right - left)
            means[i, j, 0] = red / count
            means[i, j, 1] = green / count
            means[i, j, 2] = blue / count


@_compiled
def summarise(square: NDArray[np.uint8], thumbnail: NDArray[np.uint8]) -> np.uint64:
    """Fill the thumbnail and return the difference hash.

    The hash has 64 bits: whether each of 8 rows of 9 box means is brighter than its left neighbour (Krawetz, "Kind of
    Like That", 2013), so alike pictures differ in few bits, whatever their size or brightness.

    Args:
        square: uint8 (h, w, 3).
        thumbnail: uint8 (t, t, 3), filled with box means.
    """
    side = thumbnail.shape[0]
    means = np.empty((side, side, 3), np.float32)
    box_means(square, side, side, means)
    for i in range(side):
        for j in range(side):
            for k in range(3):
                thumbnail[i, j, k] = np.uint8(means[i, j, k] + np.float32(0.5))
    coarse = np.empty((8, 9, 3), np.float32)
    box_means(square, 8, 9, coarse)
    bits = np.uint64(0)
    for i in range(8):
        for j in range(8):
            left = 299 * coarse[i, j, 0] + 587 * coarse[i, j, 1] + 114 * coarse[i, j, 2]
            right = 299 * coarse[i, j + 1, 0] + 587 * coarse[i, j + 1, 1] + 114 * coarse[i, j + 1, 2]
            bits = (bits << np.uint64(1)) | np.uint64(right > left)
    return bits
