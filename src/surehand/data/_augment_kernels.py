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
    pixels: NDArray[np.uint8],  # (b, h, w, 3)
    affine: NDArray[np.float32],  # (b, 2, 3)
    colour: NDArray[np.float32],  # (b, 3, 4)
    hole: NDArray[np.int32],  # (b, 4)
    fill: NDArray[np.float32],  # (b, 3)
    out: NDArray[np.float32],  # (b, h, w, 3)
) -> None:
    """Bilinear warp with replicated border, colour matrix, clip to [0, 1] and hole, in one pass over the output."""
    zero, one = np.float32(0), np.float32(1)
    height, width = pixels.shape[1], pixels.shape[2]
    bottom, right = np.float32(height - 1), np.float32(width - 1)
    row = np.empty((3, width), np.float32)
    for n in range(pixels.shape[0]):
        image = pixels[n]
        a, b, c = affine[n, 0, 0], affine[n, 0, 1], affine[n, 0, 2]
        d, e, f = affine[n, 1, 0], affine[n, 1, 1], affine[n, 1, 2]
        rr, rg, rb, r1 = colour[n, 0, 0], colour[n, 0, 1], colour[n, 0, 2], colour[n, 0, 3]
        gr, gg, gb, g1 = colour[n, 1, 0], colour[n, 1, 1], colour[n, 1, 2], colour[n, 1, 3]
        br, bg, bb, b1 = colour[n, 2, 0], colour[n, 2, 1], colour[n, 2, 2], colour[n, 2, 3]
        for y in range(height):
            start_x = b * np.float32(y) + c
            start_y = e * np.float32(y) + f
            for x in range(width):
                source_x = min(max(a * np.float32(x) + start_x, zero), right)
                source_y = min(max(d * np.float32(x) + start_y, zero), bottom)
                x0 = np.int32(source_x)
                y0 = np.int32(source_y)
                x1 = min(x0 + 1, width - 1)
                y1 = min(y0 + 1, height - 1)
                u = source_x - np.float32(x0)
                v = source_y - np.float32(y0)
                w11 = u * v
                w10 = v - w11
                w01 = u - w11
                w00 = one - u - w10
                for k in range(3):
                    row[k, x] = (
                        w00 * np.float32(image[y0, x0, k])
                        + w01 * np.float32(image[y0, x1, k])
                        + w10 * np.float32(image[y1, x0, k])
                        + w11 * np.float32(image[y1, x1, k])
                    )
            line = out[n, y]
            for x in range(width):
                r, g, b_ = row[0, x], row[1, x], row[2, x]
                line[x, 0] = min(max(rr * r + rg * g + rb * b_ + r1, zero), one)
                line[x, 1] = min(max(gr * r + gg * g + gb * b_ + g1, zero), one)
                line[x, 2] = min(max(br * r + bg * g + bb * b_ + b1, zero), one)
        for y in range(hole[n, 0], hole[n, 1]):
            for x in range(hole[n, 2], hole[n, 3]):
                for k in range(3):
                    out[n, y, x, k] = fill[n, k]
