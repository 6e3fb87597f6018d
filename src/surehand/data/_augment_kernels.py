"""Compiled loops over pixels; all run without the interpreter lock and touch each pixel once."""

import numpy as np
from numpy.typing import NDArray

from surehand.kernels import kernel

# Contraction to fused multiply-adds is the only liberty: results differ between machines by one rounding at most.
_compiled = kernel(fastmath={"contract"}, error_model="numpy", boundscheck=False)


@_compiled
def bytes_to_unit(pixels: NDArray[np.uint8], out: NDArray[np.float32]) -> None:
    """Write pixels / 255, rounded once; both flat and of equal length."""
    for i in range(pixels.size):
        out[i] = np.float32(pixels[i]) / np.float32(255)


# Weights of the four neighbours are integers that sum to 8192: the weighted sum of bytes stays below 2^21, so the three
# channels of a pixel fit side by side into one 64-bit word, and one multiplication serves all three.
_ONE = 8192
_LANE = np.uint64(21)
_MASK = np.uint64((1 << 21) - 1)


@_compiled
def _pack(image: NDArray[np.uint8], words: NDArray[np.uint64]) -> None:
    """Pixels as words, with the last column and the last row repeated: words is ((h + 1) * (w + 1),)."""
    height, width = image.shape[0], image.shape[1]
    line = width + 1
    for y in range(height):
        for x in range(width):
            red, green, blue = np.uint64(image[y, x, 0]), np.uint64(image[y, x, 1]), np.uint64(image[y, x, 2])
            words[np.uint32(y * line + x)] = red | (green << _LANE) | (blue << (_LANE + _LANE))
        words[y * line + width] = words[y * line + width - 1]
    for x in range(line):
        words[height * line + x] = words[(height - 1) * line + x]


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

    Weights have 13 bits, so a value may be off by 2^-12, a sixteenth of a grey level. Each output row takes four short
    loops; kept apart, all but the gathering one become vector code.

    Args:
        pixels: (b, h, w, 3).
        affine: (b, 2, 3), output pixel to source pixel.
        colour: (b, 3, 4), from bytes to [0, 1].
        hole: (b, 4), top, bottom, left, right.
        fill: (b, 3).
        out: (b, h, w, 3), filled.
    """
    zero, one, scale = np.float32(0), np.float32(1), np.float32(_ONE)
    height, width = pixels.shape[1], pixels.shape[2]
    bottom, right = np.float32(height - 1), np.float32(width - 1)
    line = np.uint32(width + 1)
    words = np.empty((height + 1) * (width + 1), np.uint64)
    start, u, v = np.empty(width, np.uint32), np.empty(width, np.uint32), np.empty(width, np.uint32)
    sums = np.empty(width, np.uint64)
    row = np.empty((3, width), np.float32)
    for n in range(pixels.shape[0]):
        _pack(pixels[n], words)
        m, t = affine[n], colour[n]
        xx, xy, x1, yx, yy, y1 = m[0, 0], m[0, 1], m[0, 2], m[1, 0], m[1, 1], m[1, 2]
        rr, rg, rb, r1 = t[0, 0] / scale, t[0, 1] / scale, t[0, 2] / scale, t[0, 3]
        gr, gg, gb, g1 = t[1, 0] / scale, t[1, 1] / scale, t[1, 2] / scale, t[1, 3]
        br, bg, bb, b1 = t[2, 0] / scale, t[2, 1] / scale, t[2, 2] / scale, t[2, 3]
        for y in range(height):
            row_x = xy * np.float32(y) + x1
            row_y = yy * np.float32(y) + y1
            for x in range(width):
                source_x = min(max(xx * np.float32(x) + row_x, zero), right)
                source_y = min(max(yx * np.float32(x) + row_y, zero), bottom)
                left, top = np.int32(source_x), np.int32(source_y)
                u[x] = np.int32((source_x - np.float32(left)) * scale + np.float32(0.5))
                v[x] = np.int32((source_y - np.float32(top)) * scale + np.float32(0.5))
                start[x] = top * np.int32(line) + left
            for x in range(width):
                # Unsigned, or every index is first compared with zero. No weight is negative: w11 <= u, v.
                a = start[x]
                c = np.uint32(a + line)
                w11 = np.uint32(u[x] * v[x]) >> np.uint32(13)
                w10 = np.uint32(v[x] - w11)
                w01 = np.uint32(u[x] - w11)
                w00 = np.uint32(np.uint32(_ONE) - u[x] - w10)
                upper = words[a] * np.uint64(w00) + words[np.uint32(a + np.uint32(1))] * np.uint64(w01)
                lower = words[c] * np.uint64(w10) + words[np.uint32(c + np.uint32(1))] * np.uint64(w11)
                sums[x] = upper + lower
            for x in range(width):
                red = np.float32(np.int32(sums[x] & _MASK))
                green = np.float32(np.int32((sums[x] >> _LANE) & _MASK))
                blue = np.float32(np.int32(sums[x] >> (_LANE + _LANE)))
                row[0, x] = min(max(rr * red + rg * green + rb * blue + r1, zero), one)
                row[1, x] = min(max(gr * red + gg * green + gb * blue + g1, zero), one)
                row[2, x] = min(max(br * red + bg * green + bb * blue + b1, zero), one)
            for x in range(width):
                out[n, y, x, 0] = row[0, x]
                out[n, y, x, 1] = row[1, x]
                out[n, y, x, 2] = row[2, x]
        for y in range(hole[n, 0], hole[n, 1]):
            for x in range(hole[n, 2], hole[n, 3]):
                for k in range(3):
                    out[n, y, x, k] = fill[n, k]
