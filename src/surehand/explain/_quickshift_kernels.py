"""The compiled loops of quickshift: density, parents, labels. float64 throughout, one thread, no interpreter lock.

Why float64: densities are sums of a few hundred terms near 1 and the noise that breaks ties is 1e-5 wide. In float32
one unit in the last place at 100 is already 7.6e-6, and labels change on every fourth photograph.
"""

from math import ceil, log2, sqrt
from math import e as E

import numpy as np
from numpy.polynomial import Chebyshev, Polynomial
from numpy.typing import NDArray

from surehand.kernels import kernel

# 2^t = 2^n * 2^f: n = round(t), |f| <= 1/2, and 2^f by the polynomial through it at 11 Chebyshev nodes, whose relative
# error is below 2e-15.
_INTERPOLANT = Chebyshev.interpolate(np.exp2, 10, domain=[-0.5, 0.5])
_EXP2: tuple[float, ...] = tuple(_INTERPOLANT.convert(kind=Polynomial, domain=[-1, 1]).coef.tolist())
# Adding it rounds to the nearest integer n without a branch, and leaves n in the lowest bits of the sum.
_ROUND = 6755399441055744.0
# Below this the exponent's bits would wrap; 2^-1000 adds nothing to a density, which is at least 1.
_SMALLEST = -1000.0
# So far from every colour that the kernel vanishes: padding of this colour adds nothing.
_NO_COLOUR = 1e9
# Pixels at a time: buffers of this length stay in the first-level cache.
_CHUNK = 1024


# Contraction to fused multiply-adds is allowed here, because the rounding of a density lies far below the noise.
@kernel(fastmath={"contract", "nsz"})
def add_densities(density: NDArray[np.float64], colour: NDArray[np.float64], kernel_size: float) -> None:
    """Add to every pixel exp(-D / (2 kernel_size^2)) over its window, D = squared colour distance + rows^2 + columns^2.

    D is symmetric, so each pair is computed once and added to both pixels: half the exponentials. The image is laid
    out flat, each row followed by `reach` pixels of no colour, so that a step in the window is one shift of the whole
    image; the inner loops have no branch and become vector instructions.

    Args:
        density: (h, w), added to; holds the noise on entry.
        colour: (3, h, w), already multiplied by the ratio.
        kernel_size: width of the kernel, pixels; the window reaches ceil(3 kernel_size) pixels each way.
    """
    height, width = density.shape
    reach = ceil(3 * kernel_size)
    scale = log2(E) / (2 * kernel_size * kernel_size)  # exp(-D / (2 kernel_size^2)) = 2^(-scale D)
    root = sqrt(scale)
    stride = width + reach
    # Three arrays, not one of three rows: only slices of flat arrays are known to the compiler as contiguous.
    flat0 = np.full((height + reach + 1) * stride, _NO_COLOUR)
    flat1 = np.full((height + reach + 1) * stride, _NO_COLOUR)
    flat2 = np.full((height + reach + 1) * stride, _NO_COLOUR)
    sums = np.zeros((height + reach + 1) * stride)
    for row in range(height):
        flat0[row * stride : row * stride + width] = colour[0, row] * root
        flat1[row * stride : row * stride + width] = colour[1, row] * root
        flat2[row * stride : row * stride + width] = colour[2, row] * root
        sums[row * stride : row * stride + width] = density[row] + 1.0  # 1: the pixel itself
    term = np.empty(_CHUNK)
    for start in range(0, height * stride, _CHUNK):
        size = min(_CHUNK, height * stride - start)
        here0, here1, here2 = flat0[start : start + size], flat1[start : start + size], flat2[start : start + size]
        sums_here = sums[start : start + size]
        for down in range(reach + 1):
            for right in range(-reach if down else 1, reach + 1):
                other = start + down * stride + right
                there0, there1 = flat0[other : other + size], flat1[other : other + size]
                there2 = flat2[other : other + size]
                sums_there = sums[other : other + size]
                space = scale * (down * down + right * right)
                for i in range(size):
                    d0 = here0[i] - there0[i]
                    d1 = here1[i] - there1[i]
                    d2 = here2[i] - there2[i]
                    t = -space - d0 * d0 - d1 * d1 - d2 * d2
                    # Not max(): its rule for nan keeps the loop from becoming vector instructions.
                    t = t if t > _SMALLEST else _SMALLEST  # noqa: FURB136
                    rounded = t + _ROUND
                    f = t - (rounded - _ROUND)
                    p = _EXP2[10] * f + _EXP2[9]
                    p = p * f + _EXP2[8]
                    p = p * f + _EXP2[7]
                    p = p * f + _EXP2[6]
                    p = p * f + _EXP2[5]
                    p = p * f + _EXP2[4]
                    p = p * f + _EXP2[3]
                    p = p * f + _EXP2[2]
                    p = p * f + _EXP2[1]
                    p = p * f + _EXP2[0]
                    # 2^n from its exponent's bits; the shift drops what lies above n.
                    exponent = (np.float64(rounded).view(np.int64) + 1023) << 52
                    power = np.int64(exponent).view(np.float64)
                    term[i] = p * power
                    sums_here[i] += p * power
                # A loop of its own, because both halves of `sums` may overlap.
                for i in range(size):
                    sums_there[i] += term[i]
    for row in range(height):
        density[row] = sums[row * stride : row * stride + width]


# No fused multiply-add here: the rounding of D decides between parents, and is to be the reference's.
@kernel()
def nearest_denser(
    density: NDArray[np.float64], colour: NDArray[np.float64], offsets: NDArray[np.int64], max_dist: float
) -> NDArray[np.int64]:
    """The nearest pixel of higher density in the window of each pixel, or the pixel itself where none is near enough.

    The offsets come by growing distance in the image, which is a lower bound of D, so the scan ends as soon as the
    bound exceeds the best D: about 6 neighbours a pixel instead of 625. Of equal distances the smallest index wins,
    as in a scan by rows; hence the bound must exceed the best D, not equal it.

    Args:
        density: (h, w).
        colour: (3, h, w), already multiplied by the ratio.
        offsets: (m, 2) rows and columns, sorted by rows^2 + columns^2.
        max_dist: longer links are cut.

    Returns:
        int64 (h * w), flat indices.
    """
    height, width = density.shape
    parents = np.empty(height * width, np.int64)
    for row in range(height):
        for column in range(width):
            here = row * width + column
            own = density[row, column]
            c0, c1, c2 = colour[0, row, column], colour[1, row, column], colour[2, row, column]
            best, parent = np.inf, here
            for k in range(offsets.shape[0]):
                down, right = offsets[k, 0], offsets[k, 1]
                rows2, columns2 = float(down * down), float(right * right)
                if rows2 + columns2 > best:
                    break
                r, c = row + down, column + right
                if r < 0 or r >= height or c < 0 or c >= width or density[r, c] <= own:
                    continue
                d0, d1, d2 = c0 - colour[0, r, c], c1 - colour[1, r, c], c2 - colour[2, r, c]
                distance = d0 * d0 + d1 * d1 + d2 * d2 + rows2 + columns2
                there = r * width + c
                if distance < best or (distance == best and there < parent):
                    best, parent = distance, there
            parents[here] = here if sqrt(best) > max_dist else parent
    return parents


@kernel()
def tree_labels(parents: NDArray[np.int64]) -> NDArray[np.int64]:
    """Number the trees of a forest 0, 1, ... by the index of their roots; each pixel gets the number of its tree.

    Args:
        parents: int64 (n,); a root is its own parent.

    Returns:
        int64 (n,).
    """
    n = parents.shape[0]
    labels = np.full(n, -1)
    trees = 0
    for i in range(n):
        if parents[i] == i:
            labels[i] = trees
            trees += 1
    for i in range(n):
        root = i
        while labels[root] < 0:
            root = parents[root]
        label = labels[root]
        step = i
        # The whole path gets its label, so no pixel is walked over twice.
        while labels[step] < 0:
            labels[step] = label
            step = parents[step]
    return labels
