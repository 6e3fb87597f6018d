"""Compiled loops over pixels; all run without the interpreter lock and touch each pixel once."""

import numba
import numpy as np
from numpy.typing import NDArray

# Contraction to fused multiply-adds is the only liberty: results differ between machines by one rounding at most.
_compiled = numba.njit(nogil=True, cache=True, fastmath={"contract"}, error_model="numpy", boundscheck=False)


@_compiled
def bytes_to_unit(pixels: NDArray[np.uint8], out: NDArray[np.float32]) -> None:
    """Write pixels / 255, rounded once; both flat and of equal length."""
    for i in range(pixels.size):
        out[i] = np.float32(pixels[i]) / np.float32(255)


@_compiled
def warp_and_colour(
    pixels: NDArray[np.uint8],
    affine: NDArray[np.float32],
    colour: NDArray[np.float32],
    hole: NDArray[np.int32],
    fill: NDArray[np.float32],
    out: NDArray[np.float32],
) -> None:
    """Bilinear warp with replicated border, colour matrix, clip to [0, 1] and hole, in one pass over the output.

    Each output row takes three short loops, for compilers turn the first and the last into vector code only if the
    gathering in between stands apart.

    Args:
        pixels: (b, h, w, 3).
        affine: (b, 2, 3), output pixel to source pixel.
        colour: (b, 3, 4), from bytes to [0, 1].
        hole: (b, 4), top, bottom, left, right.
        fill: (b, 3).
        out: (b, h, w, 3), filled.
    """
    zero, one = np.float32(0), np.float32(1)
    height, width = pixels.shape[1], pixels.shape[2]
    bottom, right = np.float32(height - 1), np.float32(width - 1)
    stride = np.int32(3 * width)
    # For one output row: where the upper left of four neighbours lies, how far right and down the others, and weights.
    start, across, down = np.empty(width, np.int32), np.empty(width, np.int32), np.empty(width, np.int32)
    u, v = np.empty(width, np.float32), np.empty(width, np.float32)
    row = np.empty((3, width), np.float32)
    for n in range(pixels.shape[0]):
        source = pixels[n].reshape(-1)
        m, t = affine[n], colour[n]
        xx, xy, x1, yx, yy, y1 = m[0, 0], m[0, 1], m[0, 2], m[1, 0], m[1, 1], m[1, 2]
        rr, rg, rb, r1 = t[0, 0], t[0, 1], t[0, 2], t[0, 3]
        gr, gg, gb, g1 = t[1, 0], t[1, 1], t[1, 2], t[1, 3]
        br, bg, bb, b1 = t[2, 0], t[2, 1], t[2, 2], t[2, 3]
        for y in range(height):
            row_x = xy * np.float32(y) + x1
            row_y = yy * np.float32(y) + y1
            for x in range(width):
                source_x = min(max(xx * np.float32(x) + row_x, zero), right)
                source_y = min(max(yx * np.float32(x) + row_y, zero), bottom)
                left, top = np.int32(source_x), np.int32(source_y)
                u[x], v[x] = source_x - np.float32(left), source_y - np.float32(top)
                start[x] = top * stride + left * np.int32(3)
                across[x] = np.int32(3) if left < width - 1 else np.int32(0)
                down[x] = stride if top < height - 1 else np.int32(0)
            for x in range(width):
                # Unsigned, or every index is first compared with zero.
                a = np.uint32(start[x])
                b = np.uint32(a + np.uint32(across[x]))
                c = np.uint32(a + np.uint32(down[x]))
                d = np.uint32(b + np.uint32(down[x]))
                for k in range(3):
                    channel = np.uint32(k)
                    upper = np.float32(source[a + channel])
                    lower = np.float32(source[c + channel])
                    upper += u[x] * (np.float32(source[b + channel]) - upper)
                    lower += u[x] * (np.float32(source[d + channel]) - lower)
                    row[k, x] = upper + v[x] * (lower - upper)
            line = out[n, y]
            for x in range(width):
                red, green, blue = row[0, x], row[1, x], row[2, x]
                line[x, 0] = min(max(rr * red + rg * green + rb * blue + r1, zero), one)
                line[x, 1] = min(max(gr * red + gg * green + gb * blue + g1, zero), one)
                line[x, 2] = min(max(br * red + bg * green + bb * blue + b1, zero), one)
        for y in range(hole[n, 0], hole[n, 1]):
            for x in range(hole[n, 2], hole[n, 3]):
                for k in range(3):
                    out[n, y, x, k] = fill[n, k]
