"""Value noise: smooth random fields that are pure functions of the place."""

# Types are inferred by the compiler.
# mypy: disallow-untyped-defs=False

import math

from numba import njit

_compiled = njit(cache=True, nogil=True, error_model="numpy")


@_compiled
def _hash(i, j, k):
    """A number in [0, 1) for a lattice point."""
    h = (i * 73856093) ^ (j * 19349663) ^ (k * 83492791)
    h = ((h ^ (h >> 15)) * 668265263) & 0xFFFFFFFF
    h = ((h ^ (h >> 13)) * 374761393) & 0xFFFFFFFF
    return (h ^ (h >> 16)) * 2.3283064365386963e-10


@_compiled
def noise(x, y, z):
    """Value noise in [0, 1]: smooth interpolation between lattice points."""
    fx, fy, fz = math.floor(x), math.floor(y), math.floor(z)
    i, j, k = int(fx), int(fy), int(fz)
    x, y, z = x - fx, y - fy, z - fz
    x, y, z = x * x * (3 - 2 * x), y * y * (3 - 2 * y), z * z * (3 - 2 * z)
    a = _hash(i, j, k) * (1 - x) + _hash(i + 1, j, k) * x
    b = _hash(i, j + 1, k) * (1 - x) + _hash(i + 1, j + 1, k) * x
    c = _hash(i, j, k + 1) * (1 - x) + _hash(i + 1, j, k + 1) * x
    d = _hash(i, j + 1, k + 1) * (1 - x) + _hash(i + 1, j + 1, k + 1) * x
    return (a * (1 - y) + b * y) * (1 - z) + (c * (1 - y) + d * y) * z


@_compiled
def fractal_noise(x, y, z, octaves):
    """A sum of octaves, each twice as fine and 0.55 times as strong; about [0, 1]."""
    total, weight, weights = 0.0, 1.0, 0.0
    for octave in range(octaves):
        total += weight * noise(x + 17.3 * octave, y - 9.1 * octave, z)
        weights += weight
        weight *= 0.55
        x, y = 2.0 * x, 2.0 * y
    return total / weights
