"""Backgrounds: walls, rooms, planks, textures, clutter, outdoors, folds and things, some with a person."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from surehand.randomness import generator

from . import _picture_kernels as kernels
from ._canvas import MIDDLE, Canvas, Dice, Noise, Vector, normal_to
from ._picture_kernels import ELLIPSE, GLOW, RECTANGLE
from ._things import folds, things

# Share of the backgrounds in which things have colours that skin may have.
_LIKE_SKIN = 0.3


def background(
    kind: str, scene: int, brightness: float, blur_width: float, skin: Vector, size: int
) -> NDArray[np.float32]:
    """Paint a background.

    Args:
        kind: a key of `PAINTERS`.
        scene: which one of its kind.
        brightness: times average, in linear light.
        blur_width: standard deviation of the blur over the image width.
        skin: linear albedo (3,) of a person who may stand in the picture.
        size: pixels.

    Returns:
        Linear light, float32 (size, size, 3), about [0, 1].
    """
    dice = Dice(generator(scene, "background", kind), _LIKE_SKIN)
    canvas = PAINTERS[kind](dice)
    _add_extras(canvas, dice, skin)
    image = canvas.paint(size)
    if blur_width > 0:
        image = kernels.blur(image, blur_width * size)
    kernels.to_linear(image.ravel(), brightness)
    return image


def _shades_of(colour: Vector, darkest: float, lightest: float, noise: Noise, contrast: float = 1.5) -> Canvas:
    """One colour, lighter and darker."""
    return Canvas(np.array([colour * darkest, colour * lightest]), noise, contrast)


def _plain(dice: Dice) -> Canvas:
    """A wall: one colour, unevenly lit."""
    wall = dice.colour(low=0.2)
    return _shades_of(wall, dice.between(0.75, 1.0), dice.between(1.0, 1.2), Noise(dice.between(0, 100)))


def _room(dice: Dice) -> Canvas:
    """A wall with what meets it: ceiling, floor, corners, doors, windows, shelves."""
    wall = dice.colour(grey=0.7, low=0.35)
    canvas = _shades_of(wall, 0.87, 1.12, Noise(dice.between(0, 100)))
    tilt = dice.normal(0.12)
    for _ in range(dice.count(1, 3)):
        angle = tilt + dice.count(0, 3) * np.pi / 2 + dice.normal(0.1)
        distance = dice.between(0.05, 0.6)
        near = wall * dice.between(0.6, 1.2) if dice.chance(0.65) else dice.colour(grey=0.7)
        canvas.half_plane(angle, distance, near, slope=dice.normal(0.08))
        if dice.chance(0.4):  # a skirting board, a rail
            edge = MIDDLE + distance * normal_to(angle)
            canvas.add(RECTANGLE, edge, (3.0, dice.between(0.005, 0.03)), wall * dice.between(0.5, 1.4), angle=angle)
    for _ in range(dice.count(0, 3)):
        centre, width, height = dice.place(), dice.between(0.06, 0.35), dice.between(0.06, 0.4)
        canvas.add(RECTANGLE, centre, (width + 0.015, height + 0.015), dice.colour(grey=0.8), angle=tilt)
        if dice.chance(0.35):  # a window, at times with blinds
            light = np.array([0.93, 0.96, 1.0]) * dice.between(0.8, 1.1)
            period = dice.between(0.02, 0.07) if dice.chance(0.5) else 0.0
            dark = light * dice.between(0.5, 0.85)
            canvas.add(RECTANGLE, centre, (width, height), light, angle=tilt, period=period, second=dark)
        else:
            canvas.add(RECTANGLE, centre, (width, height), dice.colour(), angle=tilt, slope=dice.normal(0.15))
    return canvas


def _planks(dice: Dice) -> Canvas:
    """A wooden floor, tiles or a slatted wall, seen at an angle."""
    wood = dice.colour(grey=0.4, warm=0.85, low=0.2)
    angle = dice.angle()
    grain = Noise(dice.between(0, 100), dice.between(12, 40), stretch=dice.between(5, 14), angle=angle, octaves=3)
    canvas = _shades_of(wood, 0.76, 1.2, grain, dice.between(0.7, 1.6))
    along, across = np.array([np.cos(angle), np.sin(angle)]), normal_to(angle)
    step, seam_width, shift = dice.between(0.08, 0.3), dice.between(0.002, 0.009), dice.between(0, 1)
    seam = wood * (dice.between(0.4, 0.8) if dice.chance(0.8) else 1.25)
    for number in range(-int(0.75 / step), int(0.75 / step) + 1):
        lower = MIDDLE + (number + shift) * step * across
        board = lower + 0.5 * step * across
        tone, opacity = wood * dice.between(0.75, 1.2), dice.between(0.1, 0.5)
        canvas.add(RECTANGLE, board, (2.0, 0.5 * step), tone, angle=angle, opacity=opacity)
        canvas.add(RECTANGLE, lower, (2.0, seam_width), seam, angle=angle, opacity=0.8)
        end = board + dice.between(-0.6, 0.6) * along
        canvas.add(RECTANGLE, end, (seam_width, 0.5 * step), seam, angle=angle, opacity=0.8)
    return canvas


def _texture(dice: Dice) -> Canvas:
    """Foliage, carpet, gravel, cloth: noise of one scale and its finer octaves."""
    first = dice.colour(grey=0.45)
    second = first * dice.between(0.35, 0.8) if dice.chance(0.7) else dice.colour()
    stretch = 1.0 if dice.chance(0.6) else dice.between(1.5, 4)
    noise = Noise(dice.between(0, 100), dice.between_log(3, 60), stretch, dice.angle(), octaves=4)
    return Canvas(np.array([first, second]), noise, contrast=dice.between(0.8, 2.0))


def _clutter(dice: Dice) -> Canvas:
    """Flat things: many forms over a wall or a floor."""
    canvas = (_plain, _room, _planks)[dice.count(0, 2)](dice)
    for _ in range(dice.count(4, 20)):
        kind = RECTANGLE if dice.chance(0.65) else ELLIPSE
        half = dice.between_log(0.02, 0.22)
        canvas.add(
            kind,
            dice.place(0.1),
            (half, half * float(np.exp(dice.normal(0.7)))),
            dice.colour(grey=0.45),
            angle=dice.angle() if dice.chance(0.5) else dice.normal(0.1),
            soft=dice.between(0, 0.01),
            period=dice.between(0.02, 0.12) if dice.chance(0.2) else 0.0,
            second=dice.colour(),
            slope=dice.normal(0.25),
        )
    return canvas


def _outdoors(dice: Dice) -> Canvas:
    """Sky over ground with houses and trees between them, or nothing but leaves."""
    if dice.chance(0.4):
        green = dice.green()
        leaves = Noise(dice.between(0, 100), dice.between_log(5, 50), octaves=4)
        canvas = _shades_of(green, 0.5, 1.2, leaves, contrast=1.6)
        _add_leaves(canvas, dice, MIDDLE, 0.7)
        return canvas
    sky = np.array([dice.between(0.5, 1.0), dice.between(0.72, 1.0), 1.0]) * dice.between(0.75, 1.05)
    canvas = _shades_of(sky, 0.93, 1.05, Noise(dice.between(0, 100)))
    tilt, horizon = dice.normal(0.06), dice.between(-0.3, 0.4)
    for _ in range(dice.count(0, 2)):
        half = dice.between(0.08, 0.4), dice.between(0.08, 0.4)
        house = dice.colour(low=0.25)
        centre = np.array([dice.between(0, 1), 0.5 + horizon - 0.6 * half[1]])
        period = dice.between(0.05, 0.15) if dice.chance(0.5) else 0.0
        canvas.add(RECTANGLE, centre, half, house, angle=tilt, period=period, second=house * dice.between(0.6, 1.1))
    ground = dice.green() if dice.chance(0.5) else dice.colour(grey=0.7, low=0.25)
    canvas.half_plane(tilt, horizon, ground, slope=dice.normal(0.3))
    for _ in range(dice.count(0, 3)):
        foot = np.array([dice.between(0, 1), 0.5 + horizon])
        crown, reach = foot - (0.0, dice.between(0.1, 0.5)), dice.between(0.08, 0.3)
        bark = np.array([0.36, 0.29, 0.22]) * dice.between(0.4, 1.5)
        middle, half_height = (foot + crown) / 2, 0.5 * (foot[1] - crown[1])
        canvas.add(RECTANGLE, middle, (dice.between(0.01, 0.05), half_height), bark, angle=dice.normal(0.06))
        _add_leaves(canvas, dice, crown, reach)
    return canvas


def _add_leaves(canvas: Canvas, dice: Dice, centre: Vector, reach: float) -> None:
    """Leaves of one colour, lighter and darker, around a place."""
    green, size = dice.green(), dice.between_log(0.015, 0.06)
    for _ in range(dice.count(20, 90)):
        place = centre + reach * np.array([dice.normal(0.5), dice.normal(0.5)])
        half = size * dice.between(0.5, 1.5), size * dice.between(0.3, 1.0)
        canvas.add(ELLIPSE, place, half, green * dice.between(0.4, 1.5), angle=dice.angle(), slope=dice.normal(0.2))


PAINTERS: dict[str, Callable[[Dice], Canvas]] = {
    "plain": _plain,
    "room": _room,
    "planks": _planks,
    "texture": _texture,
    "clutter": _clutter,
    "outdoors": _outdoors,
    "folds": folds,
    "things": things,
}


def _add_extras(canvas: Canvas, dice: Dice, skin: Vector) -> None:
    """What may stand before any background: a person, bars or cables, a lamp's glow, shade from one side."""
    if dice.chance(0.2):
        _add_person(canvas, dice, skin)
    if dice.chance(0.18):
        colour, angle = dice.colour(), dice.angle()
        for _ in range(dice.count(1, 5)):
            half = (2.0, dice.between(0.006, 0.04))
            shade = colour * dice.between(0.6, 1.2)
            canvas.add(RECTANGLE, dice.place(), half, shade, angle=angle + dice.normal(0.2), slope=dice.normal(0.4))
    if dice.chance(0.25):
        reach = dice.between(0.15, 0.7)
        warm = np.array([1.0, dice.between(0.85, 1.0), dice.between(0.65, 1.0)])
        canvas.add(GLOW, dice.place(), (reach, reach), warm, opacity=dice.between(0.15, 0.8))
    if dice.chance(0.3):
        shade = np.array([0.02, 0.02, 0.03])
        angle, soft, opacity = 2 * dice.angle(), dice.between(0.2, 0.8), dice.between(0.1, 0.45)
        canvas.half_plane(angle, 0.0, shade, soft=soft, opacity=opacity)


def _add_person(canvas: Canvas, dice: Dice, skin: Vector) -> None:
    """Head, hair and shoulders."""
    x, y, head = dice.between(0.0, 1.0), dice.between(0.05, 0.7), dice.between(0.08, 0.24)
    shirt, hair = dice.colour(grey=0.35), np.array([0.16, 0.11, 0.08]) * dice.between(0.3, 2.5)
    face = np.clip(skin, 0.0, 1.0) ** (1 / 2.2) * dice.between(0.75, 1.05)
    stripes = dice.between(0.03, 0.1) if dice.chance(0.25) else 0.0
    soft = dice.between(0.005, 0.03)
    canvas.add(ELLIPSE, (x, y - 0.25 * head), (1.02 * head, 1.2 * head), hair, soft=soft)
    canvas.add(RECTANGLE, (x, y + 1.3 * head), (0.42 * head, 0.6 * head), face * 0.8, soft=soft)
    canvas.add(
        ELLIPSE, (x, y + 4 * head), (2.4 * head, 2.6 * head), shirt, soft=soft, period=stripes, second=shirt * 0.6
    )
    canvas.add(ELLIPSE, (x, y + 0.1 * head), (0.85 * head, 1.15 * head), face, soft=soft, slope=-0.15)
    eye, mouth = face * 0.35, face * np.array([0.85, 0.6, 0.6])
    for side in (-0.35, 0.35):
        canvas.add(ELLIPSE, (x + side * head, y), (0.13 * head, 0.08 * head), eye, soft=soft)
    canvas.add(ELLIPSE, (x, y + 0.3 * head), (0.12 * head, 0.25 * head), face * 0.88, soft=0.05 * head)
    canvas.add(ELLIPSE, (x, y + 0.68 * head), (0.3 * head, 0.08 * head), mouth, soft=soft)
