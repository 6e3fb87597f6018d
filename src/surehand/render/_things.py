"""Backgrounds with depth: folds, and things of all sizes before one another, lit as solids.

A reader that had seen flat forms alone before walls took whatever else was round or warm for a part of the hand: hands
rendered before photographs of a cat, a cup or a face were read in three of five cases (docs/results.md, section 5).
"""

import numpy as np
from numpy.typing import NDArray

from . import _picture_kernels as kernels
from ._canvas import Canvas, Dice, Noise, Relief, normal_to
from ._picture_kernels import CAPSULE, ELLIPSE, RECTANGLE, RING

Forms = NDArray[np.float64]  # (n, COLUMNS)
Palette = NDArray[np.float64]  # (n, 3)
_HALVES, _CENTRE = slice(kernels.HALF_X, kernels.HALF_Y + 1), slice(kernels.X, kernels.Y + 1)
_DIRECTION = slice(kernels.COS, kernels.SIN + 1)
_FIRST, _SECOND = slice(kernels.RED, kernels.RED + 3), slice(kernels.RED2, kernels.RED2 + 3)


def folds(dice: Dice) -> Canvas:
    """Cloth, stone, fur, bark: an uneven surface of several colours, at times with things on it."""
    relief = dice.between_log(1.5, 14)
    grain = Noise(dice.between(0, 100), dice.between_log(1, 12), octaves=dice.count(1, 5), warp=dice.between(0, 4))
    heights = Noise(
        dice.between(0, 100),
        relief,
        stretch=float(np.exp(abs(dice.normal(0.5)))),
        angle=dice.angle(),
        octaves=dice.count(1, 4),
        warp=dice.between(0, 4),
    )
    crease = dice.between(0, 1) if dice.chance(0.4) else 0.0
    canvas = Canvas(
        dice.palette(),
        grain,
        contrast=2.2,
        edge=dice.between_log(1, 12),
        relief=Relief(heights, dice.between(0, 2.5) / relief, crease),
        light=dice.light(),
    )
    if dice.chance(0.5):
        _add_things(canvas, dice)
    return canvas


def things(dice: Dice) -> Canvas:
    """Solids before one another, from many small ones to a few large ones."""
    noise = Noise(dice.between(0, 100), dice.between_log(1, 20), octaves=3)
    canvas = Canvas(np.array([dice.strong_colour(), dice.strong_colour()]), noise, light=dice.light())
    _add_things(canvas, dice)
    return canvas


def _add_things(canvas: Canvas, dice: Dice) -> None:
    """Solids of all sizes, and up to six bundles of tubes somewhere among them."""
    palette = dice.palette()
    heaps = [_solids(dice, palette), *(_tubes(dice, palette) for _ in range(dice.count(0, 6)))]
    canvas.forms += [heaps[i] for i in dice.random.permutation(len(heaps))]


def _solids(dice: Dice, palette: Palette) -> Forms:
    """Boxes, balls, rings and rods; sizes as in the dead leaves model (Lee, Mumford and Huang, IJCV 2001)."""
    random, count = dice.random, int(dice.between_log(8, 250))
    forms = _shapeless(dice, palette, count)
    kinds = (RECTANGLE, ELLIPSE, RING, CAPSULE)
    forms[:, kernels.KIND] = random.choice(kinds, count, p=random.dirichlet((1.0, 1.0, 0.4, 1.0)))
    # As many as the inverse cube of their size, within limits: seen at any distance, they look alike.
    smallest, largest = dice.between_log(0.01, 0.05), dice.between(0.12, 0.5)
    squares = smallest**-2 + (largest**-2 - smallest**-2) * random.random(count)
    ratio = np.exp(0.5 * random.standard_normal(count))
    halves = squares[:, None] ** -0.5 * np.stack([ratio, 1 / ratio], 1)
    rod = forms[:, kernels.KIND] == CAPSULE
    halves[rod] = -np.sort(-halves[rod], axis=1)  # longer than thick
    forms[:, _HALVES] = halves
    forms[:, _CENTRE] = random.uniform(-0.1, 1.1, (count, 2))
    if dice.chance(0.6):
        angles = random.uniform(0, 2 * np.pi, count)
    else:  # upright or lying
        angles = 0.15 * random.standard_normal(count) + np.pi / 2 * random.integers(0, 2, count)
    forms[:, _DIRECTION] = np.stack([np.cos(angles), np.sin(angles)], 1)
    return forms


def _tubes(dice: Dice, palette: Palette) -> Forms:
    """Cables, branches, pipes, rails, limbs: up to five tubes of one colour side by side, which bend."""
    random, count = dice.random, dice.count(3, 11)
    length, radius = dice.between(0.03, 0.15), dice.between_log(0.006, 0.09)
    angles = dice.between(0, 2 * np.pi) + np.cumsum(dice.between(0.05, 0.6) * random.standard_normal(count))
    along = np.stack([np.cos(angles), np.sin(angles)], 1)
    middle = dice.place(0.1) + length * (np.cumsum(along, axis=0) - along / 2)  # each goes on where one ends
    beside = normal_to(angles[0]) * radius * dice.between(1.8, 3.0)
    forms = np.repeat(_shapeless(dice, palette, 1), count, axis=0)
    forms[:, kernels.KIND] = CAPSULE
    forms[:, _HALVES] = length / 2 + radius, radius
    forms[:, _DIRECTION] = along
    forms[:, kernels.PERIOD] = forms[:, kernels.SLOPE] = forms[:, kernels.SOFT] = 0.0
    forms[:, kernels.ROUND] = dice.between(0.5, 1.0)
    copies = []
    for number in range(1 if dice.chance(0.6) else dice.count(2, 5)):
        copy = forms.copy()
        copy[:, _CENTRE] = middle + number * beside
        copy[:, _FIRST] *= float(np.exp(dice.normal(0.05)))
        copies.append(copy)
    return np.concatenate(copies)


def _shapeless(dice: Dice, palette: Palette, count: int) -> Forms:
    """So many forms without kind and place: most of them solid, some striped, half of them rough."""
    random = dice.random
    forms = np.zeros((count, kernels.COLUMNS))
    u, normal = random.random((8, count)), random.standard_normal((3, count))
    lighter, other = np.exp(normal[:2] * [[0.25], [0.6]])[:, :, None]
    shades = palette[(len(palette) * u[7]).astype(np.intp)] * lighter
    forms[:, _FIRST] = np.minimum(np.maximum(shades, 0.01), 1.1)
    forms[:, _SECOND] = np.minimum(shades * other, 1.1)
    forms[:, kernels.SOFT] = 0.15 * u[0] * (u[0] < 0.2)
    forms[:, kernels.PERIOD] = 0.01 * 10 ** u[2] * (u[1] < 0.12)
    forms[:, kernels.OPACITY] = 1.0
    forms[:, kernels.SLOPE] = 0.2 * normal[2]
    forms[:, kernels.ROUND] = (0.4 + 0.6 * u[4]) * (u[3] < 0.75)
    forms[:, kernels.ROUGH] = u[5] * (u[5] < 0.5)
    forms[:, kernels.FINENESS] = 4.0 * 15 ** u[6]
    return forms
